from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Species, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.disorder import (
    FRAMEWORK_WEIGHT,
    DisorderedCell,
    Orbit,
    _hermite_forms,
    atoms_in,
    choose_size,
    deviation,
    disordered_cell,
    supercell,
    whole_counts,
)
from interlith.structures.errors import RequestError

LI, ZR, TA, OXIDE = (Species(*pair) for pair in (("Li", 1), ("Zr", 4), ("Ta", 5), ("O", -2)))


@pytest.fixture(scope="module")
def lagp():
    return disordered_cell(load_crystal("LAGP")[0])


@pytest.fixture(scope="module")
def garnet():
    return disordered_cell(load_crystal("LLZTO")[0])


def test_orbits_are_the_wyckoff_positions_of_the_file(lagp, garnet):
    assert sorted(orbit.name for orbit in lagp.orbits) == ["12c", "18e", "36f", "36f", "36f", "6b"]
    assert sorted(orbit.name for orbit in garnet.orbits) == ["16a", "24c", "24d", "96h", "96h"]
    assert [lagp.formula_units, garnet.formula_units] == [2, 4]


@pytest.mark.parametrize("name", ["LAGP", "LLZTO", "LLZO_cubic_RT"])
def test_the_primitive_cell_tiles_the_files_cell(name):
    structure, _ = load_crystal(name)
    cell = disordered_cell(structure)
    n = round(abs(np.linalg.det(cell.conventional)))
    assert np.allclose(cell.conventional @ cell.primitive.lattice.matrix, structure.lattice.matrix, atol=1e-6)
    assert len(cell.primitive) * n == len(structure)
    whole = supercell(cell, n)
    assert whole.properties["conventional"] == np.eye(3).tolist()
    for site in structure[::7]:
        distances = whole.lattice.get_all_distances([site.frac_coords], whole.frac_coords)[0]
        nearest = int(np.argmin(distances))
        assert distances[nearest] < 1e-4
        assert whole[nearest].species == site.species


@given(n_cells=st.integers(1, 6))
@settings(max_examples=6, deadline=None)
def test_counts_are_neutral_and_fit_their_orbits(garnet, n_cells):
    counts = whole_counts(garnet, n_cells)
    assert sum(s.oxi_state * n for orbit in counts for s, n in orbit.items()) == 0
    for orbit, held in zip(garnet.orbits, counts, strict=True):
        assert 0 <= sum(held.values()) <= orbit.n_sites * n_cells
        assert not orbit.full or sum(held.values()) == orbit.n_sites * n_cells


@given(lithium=st.floats(0.05, 0.95), tantalum=st.floats(0.0, 0.9))
@settings(max_examples=12, deadline=None)
def test_no_neutral_count_deviates_less(lithium, tantalum):
    """Against every pair of counts: eight Li sites, four Zr/Ta sites and ten oxygens."""
    orbits = (
        Orbit("8a", 8, {LI: lithium}),
        Orbit("4b", 4, {ZR: 1 - tantalum, TA: tantalum}),
        Orbit("10c", 10, {OXIDE: 1.0}),
    )
    primitive = Structure(Lattice.cubic(9.0), ["O2-"], [[0, 0, 0]])
    found = whole_counts(DisorderedCell(primitive, orbits, np.eye(3, dtype=np.int64), 1.0), 1)

    def off(n_li, n_ta):
        return abs(n_li - 8 * lithium) + 2 * FRAMEWORK_WEIGHT * abs(n_ta - 4 * tantalum)

    neutral = [(a, b) for a, b in product(range(9), range(5)) if a + 16 + b == 20]
    # The orbits' own deviations break ties with a weight of 1e-3 each.
    assert off(found[0][LI], found[1][TA]) <= min(off(*pair) for pair in neutral) + 0.05


def test_no_whole_number_of_charges_gives_no_counts():
    orbits = (Orbit("1a", 1, {OXIDE: 1.0}), Orbit("1b", 1, {LI: 0.5}))
    primitive = Structure(Lattice.cubic(9.0), ["O2-"], [[0, 0, 0]])
    assert whole_counts(DisorderedCell(primitive, orbits, np.eye(3, dtype=np.int64), 1.0), 1) is None


def test_the_smallest_exact_cell_is_chosen(lagp):
    n_cells, counts = choose_size(lagp, 200)
    assert (n_cells, atoms_in(counts), deviation(lagp, counts, n_cells)) == (1, 37, {})
    n_cells, counts = choose_size(lagp, 200, min_atoms=40)
    assert (n_cells, atoms_in(counts)) == (2, 74)


def test_a_larger_cell_deviates_less(garnet):
    small, large = (choose_size(garnet, limit) for limit in (100, 200))
    off = [sum(map(abs, deviation(garnet, counts, n).values())) for n, counts in (small, large)]
    assert (atoms_in(small[1]), atoms_in(large[1])) == (94, 187)
    assert off == pytest.approx([0.3, 0.075], abs=1e-5)


def test_five_primitive_cells_hold_the_garnet_exactly(garnet):
    n_cells, counts = choose_size(garnet, 500)
    assert (n_cells, atoms_in(counts), deviation(garnet, counts, n_cells)) == (5, 468, {})


def test_a_species_without_charge_is_named():
    alloy = Structure(Lattice.cubic(3.7), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    with pytest.raises(RequestError, match="no charge for Au, Cu"):
        disordered_cell(alloy)


# Sublattices of index n of a three-dimensional lattice: OEIS A001001.
@pytest.mark.parametrize(("n", "count"), [(1, 1), (2, 7), (3, 13), (4, 35), (6, 91)])
def test_every_sublattice_is_listed_once(n, count):
    forms = list(_hermite_forms(n))
    assert len(forms) == count
    assert {round(np.linalg.det(form)) for form in forms} == {n}


@pytest.mark.parametrize("n_cells", [2, 3, 4, 5])
def test_supercells_are_compact_and_lead_back(lagp, n_cells):
    structure = supercell(lagp, n_cells)
    assert structure.volume == pytest.approx(n_cells * lagp.primitive.volume)
    leads_to = np.array(structure.properties["conventional"]) @ structure.lattice.matrix
    assert np.allclose(leads_to, lagp.conventional @ lagp.primitive.lattice.matrix, atol=1e-5)
    assert max(structure.lattice.abc) < 2.6 * lagp.primitive.lattice.a
