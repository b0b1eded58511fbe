"""Bader charges of atoms: sums, symmetry, known charges, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density, lithium_fluoride

from interlith.analysis.charge import BaderCharges, bader_charges
from interlith.structures.errors import RequestError


@pytest.fixture(scope="module")
def charges() -> BaderCharges:
    return bader_charges(gaussian_density(lithium_fluoride(), (2.1, 9.9), (0.25, 0.3), nuclear=(3, 9)))


def test_ions_get_their_charges(charges):
    assert [a.element for a in charges.atoms] == ["Li", "F"]
    assert [a.charge_e for a in charges.atoms] == pytest.approx([0.9, -0.9], abs=0.02)


def test_atoms_free_maxima_and_vacuum_are_the_grid(charges):
    held = charges.electrons([0, 1]) + sum(f.electrons for f in charges.free_maxima) + charges.vacuum_e
    assert held == pytest.approx(charges.total_e, abs=1e-6)
    volume = sum(a.volume_A3 for a in charges.atoms) + charges.vacuum_volume_A3
    assert volume == pytest.approx(7.0 * 6.0 * 6.0)


def test_the_grid_error_is_total_minus_expected(charges):
    assert charges.expected_e == 12
    assert charges.grid_error_e == pytest.approx(charges.total_e - 12, abs=1e-12)
    assert abs(charges.grid_error_e) < 1e-3


def test_an_origin_away_from_zero_changes_nothing(charges):
    moved = lithium_fluoride()
    moved.translate((-5.1, 3.3, 11.7))
    density = gaussian_density(moved, (2.1, 9.9), (0.25, 0.3), origin=(-5.1, 3.3, 11.7), nuclear=(3, 9))
    again = bader_charges(density)
    assert [a.charge_e for a in again.atoms] == pytest.approx([a.charge_e for a in charges.atoms], abs=1e-6)


def test_atoms_outside_the_cell_are_their_images():
    outside = lithium_fluoride()
    outside.positions[0] += (7.0, -6.0, 0.0)
    found = bader_charges(gaussian_density(outside, (2.1, 9.9), (0.25, 0.3), nuclear=(3, 9)))
    assert [a.charge_e for a in found.atoms] == pytest.approx([0.9, -0.9], abs=0.02)


def test_two_equal_atoms_are_neutral():
    atoms = Atoms("N2", [(2.0, 3.0, 3.0), (3.1, 3.0, 3.0)], cell=[5.1, 6.0, 6.0], pbc=True)
    found = bader_charges(gaussian_density(atoms, (7, 7), (0.35, 0.35), step_A=0.1, nuclear=(7, 7)))
    assert [a.charge_e for a in found.atoms] == pytest.approx([0.0, 0.0], abs=0.01)


def test_a_hollow_core_is_refused_and_named():
    atoms = lithium_fluoride()
    valence = gaussian_density(atoms, (0.0, 8.0), (1.0, 0.5), nuclear=(1, 7))
    with pytest.raises(RequestError, match=r"no maximum at atom 0 \(Li\).*cores"):
        bader_charges(valence)


def test_cores_in_the_reference_separate_what_the_valence_does_not():
    atoms = lithium_fluoride()
    valence = gaussian_density(atoms, (0.3, 7.7), (0.9, 0.4), nuclear=(1, 7))
    cores = gaussian_density(atoms, (2.0, 2.0), (0.25, 0.2))
    found = bader_charges(valence, reference=valence.with_values(valence.values_e_A3 + cores.values_e_A3))
    assert sum(a.electrons for a in found.atoms) + found.vacuum_e == pytest.approx(8.0, abs=1e-3)
    assert found.atoms[0].charge_e > 0.5


def test_a_maximum_away_from_all_atoms_is_reported_and_no_atom_gets_it():
    atoms = lithium_fluoride()
    with_ghost = atoms + Atoms("X", [(3.5, 5.5, 5.5)])
    density = gaussian_density(with_ghost, (2.1, 9.9, 0.5), (0.25, 0.3, 0.4))
    found = bader_charges(type(density)(density.values_e_A3, atoms, density.origin_A, np.array([3.0, 9.0])))
    (free,) = found.free_maxima
    assert free.electrons == pytest.approx(0.5, abs=0.02)
    assert any("no atom" in caveat for caveat in found.caveats)


def test_without_nuclear_charges_there_are_electrons_but_no_charges():
    found = bader_charges(gaussian_density(lithium_fluoride(), (2.1, 9.9), (0.25, 0.3)))
    assert found.expected_e is None
    assert {a.charge_e for a in found.atoms} == {None}


def test_the_net_charge_counts():
    density = gaussian_density(lithium_fluoride(), (2.0, 9.0), (0.25, 0.3), nuclear=(3, 9))
    assert abs(bader_charges(density, net_charge_e=1.0).grid_error_e) < 1e-3
