import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.electrostatics import COULOMB_eV_A, pair_matrix, point_charge_energy

SKEWED = np.array([[5.0, 0.0, 0.0], [1.7, 4.4, 0.0], [-0.9, 2.1, 6.3]])
PLACES = np.array([[0.0, 0.0, 0.0], [0.31, 0.52, 0.11], [0.72, 0.13, 0.64], [0.45, 0.81, 0.37]])
CHARGES = np.array([2.0, -1.0, 1.0, -2.0])


def energy(lattice, places, charges, **options):
    return point_charge_energy(pair_matrix(lattice, places, **options), np.asarray(charges, dtype=float))


# Madelung constants per formula unit, referred to the shortest distance: C. Kittel, Introduction to Solid State
# Physics, 8th ed., chapter 3, table 3 gives 1.747565 and 1.762675; zinc blende 1.6381.
@pytest.mark.parametrize(
    ("places", "distance", "madelung"),
    [
        ([[0, 0, 0], [0.5, 0.5, 0.5]], 0.5, 1.747565),
        ([[0, 0, 0], [0.25, 0.25, 0.25]], np.sqrt(3) / 4, 1.6381),
    ],
)
def test_madelung_constants_of_fcc_salts(places, distance, madelung):
    cell = 0.5 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    places = [[0, 0, 0], np.linalg.solve(cell.T, np.array(places[1]))]
    found = -energy(cell, np.array(places), [1, -1]) * distance / COULOMB_eV_A
    assert found == pytest.approx(madelung, abs=5e-5)


def test_madelung_constant_of_caesium_chloride():
    found = -energy(np.eye(3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), [1, -1]) * np.sqrt(3) / 2 / COULOMB_eV_A
    assert found == pytest.approx(1.762675, abs=1e-6)


@given(splitting=st.floats(0.15, 0.9))
@settings(max_examples=10, deadline=None)
def test_the_splitting_does_not_matter(splitting):
    assert energy(SKEWED, PLACES, CHARGES, splitting=splitting) == pytest.approx(
        energy(SKEWED, PLACES, CHARGES), abs=1e-9
    )


@given(shift=st.tuples(*[st.floats(-2, 2)] * 3))
@settings(max_examples=10, deadline=None)
def test_translations_do_not_matter(shift):
    assert np.allclose(pair_matrix(SKEWED, PLACES + np.array(shift)), pair_matrix(SKEWED, PLACES), atol=1e-9)


def test_the_matrix_is_symmetric_and_scales_with_length():
    matrix = pair_matrix(SKEWED, PLACES)
    assert np.allclose(matrix, matrix.T, atol=1e-12)
    assert np.allclose(pair_matrix(2 * SKEWED, PLACES), matrix / 2, atol=1e-10)


def test_energy_is_extensive():
    doubled = np.concatenate((PLACES, PLACES + np.array([1, 0, 0]))) / [2, 1, 1]
    twice = energy(SKEWED * np.array([[2], [1], [1]]), doubled, np.concatenate((CHARGES, CHARGES)))
    assert twice == pytest.approx(2 * energy(SKEWED, PLACES, CHARGES), abs=1e-9)


def test_another_choice_of_vectors_is_the_same_crystal():
    transform = np.array([[1, 0, 0], [1, 1, 0], [-2, 1, 1]])
    other = energy(transform @ SKEWED, PLACES @ np.linalg.inv(transform), CHARGES)
    assert other == pytest.approx(energy(SKEWED, PLACES, CHARGES), abs=1e-9)


@pytest.mark.parametrize("name", ["LiF", "Li2CO3", "LiGe2PO4_3", "Li2O"])
def test_pymatgen_finds_the_same(name):
    structure, _ = load_crystal(name)
    charges = [site.specie.oxi_state for site in structure]
    ours = energy(structure.lattice.matrix, structure.frac_coords, charges)
    assert ours / len(structure) == pytest.approx(EwaldSummation(structure).total_energy / len(structure), abs=1e-6)


def test_charged_cells_get_pymatgens_background():
    structure = Structure(Lattice(SKEWED), ["Li+"] * 4, PLACES)
    ours = energy(SKEWED, PLACES, [1, 1, 1, 1])
    assert ours == pytest.approx(EwaldSummation(structure, acc_factor=20).total_energy, abs=1e-5)
