"""What springs must obey whatever their stiffness: no force on a rigid motion, no dependence on frame or order."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.workflows.engines.springs import (
    COVALENT_EV_A2,
    GROUND_EV_A2,
    IONIC_EV_A2,
    METALLIC_EV_A2,
    REACH,
    STEEPEST_EV_A2,
    closest_contact,
    spring_curvature,
)


def pair(a: str, b: str, reduced: float) -> Atoms:
    """Two atoms along z, their distance in sums of their covalent radii."""
    atoms = Atoms([a, b], np.zeros((2, 3)))
    atoms.positions[1, 2] = reduced * covalent_radii[atoms.numbers].sum()
    return atoms


def stretch(a: str, b: str, reduced=1.0) -> float:
    """Stiffness of a pair's bond, the ground taken out, eV/Å²."""
    return float(spring_curvature(pair(a, b, reduced))[2, 2] - GROUND_EV_A2)


def salt(seed: int) -> Atoms:
    """A rattled cell of rock salt with a phosphorus in it: every kind of pair."""
    atoms = bulk("LiF", "rocksalt", a=4.03, cubic=True)
    atoms.symbols[[0, 3]] = ["P", "Li"]
    atoms.rattle(0.1, seed=seed)
    return atoms


@given(seed=st.integers(0, 9999))
@settings(max_examples=15, deadline=None)
def test_moving_everything_together_costs_the_ground_alone(seed):
    curvature = spring_curvature(salt(seed))
    blocks = curvature.reshape(8, 3, 8, 3).sum(axis=2)
    np.testing.assert_allclose(blocks, np.tile(GROUND_EV_A2 * np.eye(3), (8, 1, 1)).reshape(8, 3, 3), atol=1e-9)
    np.testing.assert_allclose(curvature, curvature.T, atol=1e-12)
    assert np.linalg.eigvalsh(curvature)[0] >= GROUND_EV_A2 - 1e-9


def test_springs_turn_with_the_crystal_and_follow_the_order_of_its_atoms():
    atoms, turned = salt(1), salt(1)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned.set_cell(atoms.cell.array @ axes.T, scale_atoms=True)
    wide = np.kron(np.eye(len(atoms)), axes)
    np.testing.assert_allclose(spring_curvature(turned), wide @ spring_curvature(atoms) @ wide.T, atol=1e-9)
    order = np.random.default_rng(1).permutation(len(atoms))
    rows = (3 * order[:, None] + np.arange(3)).ravel()
    np.testing.assert_allclose(spring_curvature(atoms[order]), spring_curvature(atoms)[np.ix_(rows, rows)], atol=1e-9)


def test_a_doubled_cell_moved_alike_in_both_halves_costs_twice():
    atoms = salt(2)
    step = np.random.default_rng(2).normal(size=24)
    once, both = step @ spring_curvature(atoms) @ step, np.tile(step, 2)
    assert both @ spring_curvature(atoms.repeat((2, 1, 1))) @ both == pytest.approx(2 * once)


def test_an_atom_bound_to_its_own_images_only_has_the_ground():
    np.testing.assert_allclose(spring_curvature(bulk("Cu")), GROUND_EV_A2 * np.eye(3), atol=1e-9)


def test_only_the_bond_itself_is_stiff():
    curvature = spring_curvature(pair("P", "O", 1.0))
    sideways = [0, 1, 3, 4]
    np.testing.assert_allclose(curvature[np.ix_(sideways, sideways)], GROUND_EV_A2 * np.eye(4), atol=1e-12)
    assert curvature[2, 5] == pytest.approx(-COVALENT_EV_A2)


def test_covalent_pairs_are_stiffer_than_ionic_ones_and_these_than_metals():
    assert stretch("P", "O") == pytest.approx(COVALENT_EV_A2) == stretch("O", "P")
    assert stretch("Li", "O") == pytest.approx(IONIC_EV_A2) == stretch("Ge", "F")
    assert stretch("Li", "Li") == pytest.approx(METALLIC_EV_A2) == stretch("Al", "Cu")
    for reduced in (0.8, 1.0, 1.3):
        assert stretch("P", "O", reduced) > stretch("Li", "O", reduced) > stretch("Li", "Li", reduced)


def test_a_spring_weakens_with_length_within_its_bounds():
    lengths = np.linspace(0.3, REACH - 1e-3, 12)
    for a, b in (("P", "O"), ("Li", "F"), ("Al", "Cu")):
        stiff = [stretch(a, b, x) for x in lengths]
        assert stiff == sorted(stiff, reverse=True)
        assert max(stiff) <= STEEPEST_EV_A2 + 1e-9
        assert stretch(a, b, REACH + 1e-3) == pytest.approx(0, abs=1e-12)
    assert stretch("P", "O", 0.3) == pytest.approx(STEEPEST_EV_A2)


def test_the_closest_contact_is_in_sums_of_radii_and_sees_images():
    assert closest_contact(pair("Cu", "O", 0.9)) == pytest.approx(0.9)
    assert closest_contact(pair("Cu", "Cu", REACH + 0.1)) == np.inf
    cell = Atoms("Cu", cell=[2.0, 9, 9], pbc=True)
    assert closest_contact(cell) == pytest.approx(2.0 / (2 * covalent_radii[29]))
    slab = fcc111("Al", (1, 1, 3), vacuum=6)
    assert closest_contact(slab.repeat((2, 2, 1))) == pytest.approx(closest_contact(slab))
