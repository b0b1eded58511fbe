"""Bader charges of atoms: sums, symmetry, known charges, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density, lithium_fluoride

from interlith.analysis.charge import BaderCharges, bader_charges, largest_difference_e
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
    valence = gaussian_density(atoms, (0.0, 8.0), (1.0, 0.5))
    with pytest.raises(RequestError, match=r"no maximum at atom 0 \(Li\).*cores"):
        bader_charges(valence)


def test_cores_are_added_and_told_where_nuclear_charges_say_that_they_are_missing():
    valence = gaussian_density(lithium_fluoride(), (0.3, 7.7), (0.9, 0.4), nuclear=(1, 7))
    found = bader_charges(valence)
    assert found.basins_of.endswith("cores (F 2, Li 2 e)")
    assert sum(a.electrons for a in found.atoms) + found.vacuum_e == pytest.approx(8.0, abs=1e-3)
    assert found.atoms[0].charge_e > 0.5


@pytest.mark.parametrize(("apart", "told"), [(1.3, True), (2.2, False)])
def test_short_bonds_between_cores_are_told(apart, told):
    atoms = lithium_fluoride(apart)
    atoms.symbols = "CO"
    found = bader_charges(gaussian_density(atoms, (3.0, 7.0), (0.4, 0.4), nuclear=(4, 6)))
    assert any("short bonds (C–O)" in caveat for caveat in found.caveats) is told


def test_an_unknown_core_is_refused():
    valence = gaussian_density(lithium_fluoride(), (0.3, 7.7), (0.9, 0.4), nuclear=(1, 4))
    with pytest.raises(RequestError, match=r"no core of 5 electrons for F; known are those of 2"):
        bader_charges(valence)


def test_a_ghost_owns_nothing():
    atoms = lithium_fluoride() + Atoms("O", [(1.0, 1.0, 1.0)])
    found = bader_charges(gaussian_density(atoms, (2.1, 9.9, 0.0), (0.25, 0.3, 0.3), nuclear=(3, 9, 0)))
    assert found.atoms[2].electrons == 0
    assert found.atoms[0].charge_e == pytest.approx(0.9, abs=0.02)


def test_the_spin_goes_by_the_same_basins():
    atoms = lithium_fluoride()
    density = gaussian_density(atoms, (2.1, 9.9), (0.25, 0.3), nuclear=(3, 9))
    spin = gaussian_density(atoms, (0.1, 0.9), (0.25, 0.3))
    assert [a.spin_e for a in bader_charges(density, spin=spin).atoms] == pytest.approx([0.1, 0.9], abs=0.01)


def test_charges_and_dipoles_of_atoms_make_the_dipole_of_all():
    atoms = Atoms("NaCl", [(3.0, 3.0, 3.0), (5.4, 3.1, 3.2)], cell=[8.4, 6.0, 6.0], pbc=False)
    density = gaussian_density(atoms, (10.1, 17.9), (0.5, 0.55), nuclear=(11, 17))
    found = bader_charges(density)
    charges, own = (np.array([getattr(a, name) for a in found.atoms]) for name in ("charge_e", "dipole_eA"))
    centre = np.array([11, 17]) @ atoms.positions / 28
    assert (charges @ (atoms.positions - centre) + own.sum(axis=0)) == pytest.approx(found.dipole_eA, abs=0.01)
    electrons = np.array([10.1, 17.9]) @ (atoms.positions - centre)
    assert found.dipole_eA == pytest.approx(-electrons, abs=0.01)


def test_a_density_cut_off_by_an_open_border_is_told():
    atoms = Atoms("LiF", [(0.8, 3.0, 3.0), (3.0, 3.0, 3.0)], cell=[7.0, 6.0, 6.0], pbc=(False, True, True))
    found = bader_charges(gaussian_density(atoms, (2.1, 9.9), (0.35, 0.3), nuclear=(3, 9)))
    assert found.open_axes == "a"
    assert any("ends along a" in caveat for caveat in found.caveats)


def test_an_atom_beyond_an_open_border_is_refused():
    atoms = lithium_fluoride()
    density = gaussian_density(atoms, (2.1, 9.9), (0.25, 0.3), nuclear=(3, 9))
    density.atoms.pbc = False
    density.atoms.positions[0, 0] -= 7.0
    with pytest.raises(RequestError, match=r"atom 0 \(Li\) stands outside the grid"):
        bader_charges(density)


def test_near_grid_agrees_to_the_error_of_the_grid():
    density = gaussian_density(lithium_fluoride(), (2.1, 9.9), (0.45, 0.5), nuclear=(3, 9))
    weighted, climbed = bader_charges(density), bader_charges(density, method="near-grid")
    assert largest_difference_e(weighted, climbed) < 0.02
    assert climbed.total_e == pytest.approx(sum(a.electrons for a in climbed.atoms) + climbed.vacuum_e, abs=1e-6)
    assert climbed.atoms[1].dipole_eA == pytest.approx(weighted.atoms[1].dipole_eA, abs=0.02)


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
