"""Cores: they hold their electrons wherever the grid stands, and give valence densities the basins of all electrons."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers
from hypothesis import given, settings
from hypothesis import strategies as st

import interlith.analysis.cores
from interlith.analysis.charge import bader_charges
from interlith.analysis.cores import atomic_core, core_electrons, with_cores
from interlith.analysis.densities import Density
from interlith.structures.errors import RequestError

TABLE = tomllib.loads(Path(interlith.analysis.cores.__file__).with_name("cores.toml").read_text())
LARGEST_MISFIT = 0.04
"""Shells show in a heavy core; Gaussians of one sign smooth them. It happens far inside the basins."""
OBLIQUE = np.array([[4.0, 0.0, 0.0], [-1.5, 4.2, 0.0], [0.7, 1.0, 4.4]])


def empty(symbols, positions, charges, *, cell=OBLIQUE, n=50, pbc=True):
    """Return no electrons around atoms."""
    atoms = Atoms(symbols, positions, cell=cell, pbc=pbc)
    return Density(np.zeros((n, n, n)), atoms, np.zeros(3), np.array(charges, dtype=float))


@pytest.mark.parametrize("element", TABLE)
def test_every_core_holds_its_electrons_and_falls_from_the_nucleus(element):
    radii = np.concatenate([[0.0], np.geomspace(1e-4, 12.0, 4000)])
    for electrons in TABLE[element]:
        core = atomic_core(element, int(electrons))
        density = core.density_e_A3(radii)
        assert np.trapezoid(4 * np.pi * radii**2 * density, radii) == pytest.approx(int(electrons), rel=1e-3)
        assert (np.diff(density) <= 0).all()
        assert int(electrons) < atomic_numbers[element]
        assert TABLE[element][electrons]["fit"] < LARGEST_MISFIT


def test_the_cusp_of_a_core_is_that_of_its_nucleus():
    # Kato: the density falls by 2Z per bohr at the nucleus; Gaussians follow it from a hundredth of an Å on.
    r = np.array([0.02, 0.04])
    fall = -np.diff(np.log(atomic_core("O", 2).density_e_A3(r)))[0] / 0.02 * 0.529177
    assert fall == pytest.approx(2 * 8, rel=0.06)


@settings(max_examples=10, deadline=None)
@given(place=st.tuples(*[st.floats(-2, 2)] * 3))
def test_the_grid_holds_the_electrons_wherever_the_atom_stands(place):
    whole = with_cores(empty("O", [np.array(place) @ OBLIQUE], [6]))
    assert whole.total_e == pytest.approx(2.0, abs=2e-3)


def test_widening_keeps_the_electrons_and_lowers_the_cusp():
    core, radii = atomic_core("F", 2), np.linspace(0, 6, 20_000)
    widened = core.density_e_A3(radii, widened_A=0.1)
    assert np.trapezoid(4 * np.pi * radii**2 * widened, radii) == pytest.approx(2.0, rel=1e-3)
    assert widened[0] < 0.1 * core.density_e_A3(radii)[0]


def test_the_highest_point_is_the_nearest_to_the_nucleus():
    density = empty("Ge", [(1.03, 2.21, 3.17)], [4])
    top = np.unravel_index(with_cores(density).values_e_A3.argmax(), density.values_e_A3.shape)
    away = np.array(top) / 50 - density.grid_fractions[0]
    assert np.linalg.norm((away - np.rint(away)) @ OBLIQUE) < 0.1


def test_an_open_border_cuts_a_core():
    walled = with_cores(empty("O", [(0.0, 2.0, 2.0)], [6], cell=np.eye(3) * 4, pbc=False))
    assert 0.9 < walled.total_e < 1.5
    assert walled.values_e_A3[-1].max() == 0


def test_only_what_is_left_out_is_added():
    density = empty(["Li", "O", "H"], np.eye(3), [3, 6, 1])
    assert core_electrons(density).tolist() == [0, 2, 0]
    assert core_electrons(empty(["O", "O"], np.eye(3)[:2], [0, 8])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("element", "charge", "told"),
    [
        ("O", 6.5, "nuclear charge of 6.5 for O"),
        ("O", 9, "nuclear charge of 9 for O"),
        ("O", 5, "no core of 3 electrons for O; known are those of 2"),
        ("U", 14, "no core of 78 electrons for U; none is known"),
    ],
)
def test_what_no_core_fits_is_refused(element, charge, told):
    with pytest.raises(RequestError, match=told):
        with_cores(empty(element, [(1, 1, 1)], [charge]))


def test_without_nuclear_charges_nothing_is_guessed():
    density = empty("O", [(1, 1, 1)], [6])
    with pytest.raises(RequestError, match="no nuclear charges"):
        with_cores(Density(density.values_e_A3, density.atoms, density.origin_A))


@pytest.fixture(scope="module")
def water():
    """Compute water twice, all its electrons and the valence of GTH pseudopotentials, as recorded."""
    partitions = pytest.importorskip("recorded.partitions")
    return [partitions.molecule("H2O", valence=valence) for valence in (False, True)]


def test_water_s_valence_has_the_charges_of_all_its_electrons(water):
    whole, valence = (np.array([a.charge_e for a in bader_charges(density).atoms]) for density in water)
    assert valence == pytest.approx(whole, abs=0.02)
    assert whole[1:] == pytest.approx([whole[1]] * 2, abs=0.01)
    assert -1.25 < valence[0] < -1.05


@pytest.mark.live
def test_near_grid_sides_with_the_weights_to_the_grid_s_error(water):
    weighted, climbed = (bader_charges(water[1], method=method) for method in ("weight", "near-grid"))
    for a, b in zip(weighted.atoms, climbed.atoms, strict=True):
        assert a.electrons == pytest.approx(b.electrons, abs=0.1)
