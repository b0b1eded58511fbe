"""What is wrong with a crystal as read: each fault in words, none where nothing is wrong."""

import numpy as np
import pytest
from ase.data import atomic_masses, atomic_numbers, covalent_radii
from ase.units import _amu
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, DummySpecies, Lattice, Structure

from interlith.structures import faults, library
from interlith.structures.crystals import load_crystal

ROCK_SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.03), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def chain_of_carbon(bond_A: float, *, hydrogen: bool) -> Structure:
    """A straight chain along z, 8 Å from the next, each carbon with two bonds of one length, and two H if asked."""
    sites = [("C", [0, 0, 0]), ("C", [0, 0, bond_A])]
    if hydrogen:
        sites += [("H", [sign * 1.09, 0, z]) for sign in (-1, 1) for z in (0, bond_A)]
    symbols, positions = zip(*sites, strict=True)
    return Structure(
        Lattice.orthorhombic(8, 8, 2 * bond_A), list(symbols), np.array(positions), coords_are_cartesian=True
    )


@given(st.sampled_from(["Li", "C", "Fe", "Os"]), st.floats(1.5, 12.0))
@settings(max_examples=60, deadline=None)
def test_a_density_is_implausible_outside_its_limits_only(symbol, edge_A):
    crystal = Structure(Lattice.cubic(edge_A), [symbol], [[0, 0, 0]])
    density = atomic_masses[atomic_numbers[symbol]] * _amu * 1e3 / (edge_A * 1e-8) ** 3
    lightest, heaviest = faults.DENSITIES_g_cm3
    sound = lightest <= density <= heaviest and edge_A**3 <= faults.LARGEST_VOLUME_PER_ATOM_A3
    found = faults.implausible_density(crystal)
    assert bool(found) != sound
    assert sound or f"{edge_A**3:.0f} Å³ per atom" in found[0]


def test_every_crystal_of_the_library_is_free_of_faults():
    for name in library.crystal_names()[::4]:
        crystal, _ = load_crystal(name)
        for check in (faults.unnamed_elements, faults.implausible_density, faults.overlaps, faults.bare_carbon):
            assert check(crystal) == [], f"{name}: {check.__name__}"


def test_what_is_no_element_is_named_once():
    crystal = Structure(
        Lattice.cubic(4), [DummySpecies("X"), DummySpecies("X"), "O"], [[0, 0, 0], [0, 0.5, 0], [0.5] * 3]
    )
    (told,) = faults.unnamed_elements(crystal)
    assert told.startswith("X") and told.endswith("is no element")
    assert faults.unnamed_elements(ROCK_SALT) == []


@given(st.sampled_from([("Fe", "O"), ("C", "C"), ("Li", "Li"), ("Na", "K"), ("U", "O")]), st.floats(0.4, 3.2))
@settings(max_examples=80, deadline=None)
def test_two_atoms_overlap_below_the_limit_of_their_kind(pair, distance_A):
    one, two = pair
    crystal = Structure(Lattice.cubic(12), [one, two], [[0, 0, 0], [0, 0, distance_A / 12]])
    share = faults.SHORTEST_LIKE if one == two else faults.SHORTEST_UNLIKE
    limit = share * sum(covalent_radii[atomic_numbers[s]] for s in pair)
    if one in ("Li", "Na"):
        limit = max(limit, faults.SHORTEST_IONS_A)
    found = faults.overlaps(crystal)
    assert bool(found) == (distance_A < limit)
    assert not found or (f"{one} 0 and {two} 1 are {distance_A:.2f} Å apart (1 such pairs)" in found[0])


def test_overlaps_are_counted_and_the_worst_is_named_however_the_crystal_is_written():
    sites = [[0, 0, 0], [0, 0, 0.1], [0.5, 0.5, 0.5], [0.5, 0.5, 0.58]]
    crystal = Structure(Lattice.cubic(10), ["Fe", "O", "Fe", "O"], sites)
    assert "Fe 2 and O 3 are 0.80 Å apart (2 such pairs)" in faults.overlaps(crystal)[0]
    backwards = Structure.from_sites(list(reversed(crystal)))
    assert "O 0 and Fe 1 are 0.80 Å apart (2 such pairs)" in faults.overlaps(backwards)[0]
    shifted = crystal.copy()
    shifted.translate_sites(range(4), [0.7, 0.6, 0.95])
    assert faults.overlaps(shifted) == faults.overlaps(crystal)
    doubled = crystal.copy()
    doubled.make_supercell([2, 1, 1])
    assert "(4 such pairs)" in faults.overlaps(doubled)[0]


def test_an_atom_may_overlap_its_own_image():
    flat = Structure(Lattice.orthorhombic(8, 8, 1.0), ["Fe"], [[0, 0, 0]])
    assert "Fe 0 and Fe 0 are 1.00 Å apart" in faults.overlaps(flat)[0]
    assert faults.exclusive_pairs(flat) == set(), "one site is no pair"


def test_sites_that_exclude_each_other_are_those_too_close_whatever_their_occupation():
    split = Structure(Lattice.cubic(9), [{"Li": 0.5}, {"Li": 0.5}, {"Li": 0.5}], [[0, 0, 0], [0, 0, 0.2], [0, 0, 0.5]])
    assert faults.exclusive_pairs(split) == {(0, 1)}
    assert faults.overlaps(split) == []
    full = Structure(split.lattice, ["Li"] * 3, split.frac_coords)
    assert faults.exclusive_pairs(full) == {(0, 1)}
    assert len(faults.overlaps(full)) == 1


@pytest.mark.parametrize(
    ("bond_A", "hydrogen", "faulty"),
    [(1.54, False, True), (1.54, True, False), (1.40, False, False), (1.30, False, False)],
)
def test_carbon_with_two_single_bonds_lacks_hydrogen(bond_A, hydrogen, faulty):
    found = faults.bare_carbon(chain_of_carbon(bond_A, hydrogen=hydrogen))
    assert found == (["2 carbon atoms with two single bonds (C 0): hydrogen is missing"] if faulty else [])


def test_carbon_in_solids_lacks_nothing():
    diamond = Structure.from_spacegroup("Fd-3m", Lattice.cubic(3.57), ["C"], [[0, 0, 0]])
    graphene = Structure(Lattice.hexagonal(2.46, 8.0), ["C", "C"], [[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]])
    half = Structure(Lattice.cubic(4), [{"C": 0.5}], [[0, 0, 0]])
    for crystal in (diamond, graphene, half, ROCK_SALT):
        assert faults.bare_carbon(crystal) == []


@pytest.mark.parametrize("header", [None, "", "?", "'.'", "no formula at all", "Li4 F4", "'Li F'", "F100 Li99.5"])
def test_a_header_that_agrees_or_says_nothing_is_no_fault(header):
    assert faults.other_formula(ROCK_SALT, header) == []


def test_a_header_of_another_composition_is_told_with_both():
    (told,) = faults.other_formula(ROCK_SALT, "Li2 O1")
    assert "the file's formula says Li2O, its atoms make LiF" in told
    assert "space group" not in told


def test_a_lost_symmetry_is_found_by_the_formula_that_it_would_give():
    """Li2O whose CIF lost its operations: one Li and one O in the cell that holds eight and four."""
    whole = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.62), ["Li", "O"], [[0.25] * 3, [0, 0, 0]])
    asymmetric = Structure(whole.lattice, ["Li", "O"], [[0.25] * 3, [0, 0, 0]])
    declared = whole.composition
    assert "Fm-3m" in faults.lost_space_groups(asymmetric, declared)
    (told,) = faults.other_formula(asymmetric, declared.formula)
    assert "Fm-3m" in told and "was the symmetry lost?" in told
    assert faults.lost_space_groups(asymmetric, Composition("Li5O4")) == []
    skewed = Structure(Lattice.from_parameters(4.6, 4.7, 4.9, 80, 95, 103), asymmetric.species, asymmetric.frac_coords)
    assert faults.lost_space_groups(skewed, declared) == [], "a metric that no cubic operation keeps"
