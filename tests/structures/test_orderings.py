import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.faults import SHORTEST_IONS_A
from interlith.structures.orderings import order, ordered_crystal


@pytest.fixture(scope="module")
def lagp():
    return ordered_crystal("LAGP")


@pytest.fixture(scope="module")
def garnet():
    """LLZO with the occupancies of X-ray refinements, which no arrangement can realise."""
    return ordered_crystal("LLZO_cubic_RT")


def with_occupancies(structure, changes):
    """The same sites with other occupancies: {(symbol, refined): new}."""
    species = []
    for site in structure:
        (first, n), *rest = site.species.items()
        species.append({first: changes.get((first.symbol, round(n, 3)), n)} if not rest else site.species)
    return Structure(structure.lattice, species, structure.frac_coords)


def lithium_contacts(structure):
    lithium = [k for k, site in enumerate(structure) if site.specie.symbol == "Li"]
    return structure.distance_matrix[np.ix_(lithium, lithium)][~np.eye(len(lithium), dtype=bool)]


def test_lagp_is_exact_in_the_rhombohedral_cell(lagp):
    structure, facts, ordering = lagp
    assert ordering.formula == "Li3Al1Ge3P6O24"
    assert ordering.target_formula == facts.formula == "Li1.5Al0.5Ge1.5P3O12"
    assert ordering.deviation == {}
    assert ordering.net_charge_e == 0
    assert ordering.n_atoms == len(structure) == 37
    assert len(set(np.round(structure.lattice.angles, 4))) == 1
    assert structure.density == pytest.approx(facts.density_g_cm3, rel=1e-6)


# The exhaustive minima, in eV/atom by pymatgen's EwaldSummation, of the same coordinates with Li 6b 1/2 + 36f 1/6.
@pytest.mark.parametrize(("atoms", "lowest"), [(37, -53.340729), (111, -53.365667)])
def test_lagp_reaches_the_exhaustive_minimum(atoms, lowest):
    structure, facts = load_crystal("LAGP")
    sixths = with_occupancies(structure, {("Li", 0.65): 0.5, ("Li", 0.142): 1 / 6})
    for seed in (0, 1):
        ordered, ordering = order(sixths, facts, seed=seed, min_atoms=atoms)[0]
        assert ordering.n_atoms == atoms
        assert ordering.ewald_eV_per_atom == pytest.approx(lowest, abs=2e-6)
        assert EwaldSummation(ordered).total_energy / atoms == pytest.approx(ordering.ewald_eV_per_atom, abs=1e-6)


def test_the_hexagonal_cell_is_had_by_asking(lagp):
    structure, _, ordering = ordered_crystal("LAGP", min_atoms=100)
    crystal, _ = load_crystal("LAGP")
    assert ordering.formula == "Li9Al3Ge9P18O72"
    assert ordering.deviation == {}
    assert np.allclose(structure.lattice.matrix, crystal.lattice.matrix)
    assert structure.properties["conventional"] == np.eye(3).tolist()
    assert ordering.ewald_eV_per_atom < lagp[2].ewald_eV_per_atom


def test_the_conventional_cell_is_led_back_to(lagp):
    structure, *_ = lagp
    crystal, _ = load_crystal("LAGP")
    leads_to = np.array(structure.properties["conventional"]) @ structure.lattice.matrix
    assert np.allclose(leads_to, crystal.lattice.matrix, atol=1e-6)


def test_every_atom_stands_on_a_site_of_the_crystal(lagp):
    structure, *_ = lagp
    crystal, _ = load_crystal("LAGP")
    places = crystal.lattice.get_fractional_coords(structure.cart_coords)
    for site, place in zip(structure, places, strict=True):
        distances = crystal.lattice.get_all_distances([place], crystal.frac_coords)[0]
        nearest = int(np.argmin(distances))
        assert distances[nearest] < 1e-4
        assert site.specie in crystal[nearest].species


def test_the_seed_decides(lagp):
    again = ordered_crystal("LAGP")
    assert again[0] == lagp[0]
    assert again[2] == lagp[2]


def test_ordered_crystals_pass_through():
    structure, facts, ordering = ordered_crystal("LiF")
    assert ordering is None
    assert structure.is_ordered
    assert facts.ordered
    assert len(structure) == 8


def test_occupancies_that_cannot_be_realised_let_lithium_move(garnet):
    structure, _, ordering = garnet
    assert ordering.deviation == {}
    assert ordering.formula == "Li28La12Zr8O48"
    assert lithium_contacts(structure).min() > SHORTEST_IONS_A
    assert ordering.closest_contact_A == pytest.approx(lithium_contacts(structure).min(), abs=1e-6)
    assert any("Li moved between its sites" in step for step in ordering.origin.steps)


def test_cubic_llzo_orders_as_tetragonal_llzo_does(garnet):
    """One tetrahedron of three and every octahedron: the ground state known from experiment (I4_1/acd)."""
    _, _, ordering = garnet
    held = {step.split(":")[0]: step.split(": ")[1].split()[0] for step in ordering.origin.steps if " sites (" in step}
    assert held == {"Li on 24d": "4", "Li on 96h": "24"}


def test_a_composition_that_fits_no_small_cell_deviates_least_and_says_so():
    structure, facts = load_crystal("LLZTO")
    _, ordering = order(structure, facts, max_atoms=100)[0]
    assert ordering.formula == "Li26La12Zr6Ta2O48"
    assert ordering.net_charge_e == 0
    assert ordering.deviation == pytest.approx({"Li": 0.1, "Zr": 0.1, "Ta": -0.1}, abs=1e-6)
    assert "composition deviates by Li +0.100" in ordering.origin.steps[-1]
    assert ordering.closest_contact_A > SHORTEST_IONS_A


def test_no_neutral_cell_within_the_bounds():
    structure, facts = load_crystal("LLZTO")
    with pytest.raises(RequestError, match="no neutral ordered cell of 0 to 50 atoms"):
        order(structure, facts, max_atoms=50)


def test_a_disordered_alloy_has_no_charges_to_order_by(tmp_path):
    alloy = Structure(Lattice.cubic(3.7), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    CifWriter(alloy).write_file(tmp_path / "CuAu.cif")
    with pytest.raises(RequestError, match="no charge for Au, Cu"):
        ordered_crystal(str(tmp_path / "CuAu.cif"))


def test_sites_that_leave_no_arrangement_are_refused():
    """Every lithium of a row excludes its neighbours on both sides, and the row is full."""
    row = [[0, 0, z] for z in (0.05, 0.30, 0.55, 0.80)]
    places = [*row, [0.5, 0.5, 0.3]]
    structure = Structure(Lattice.tetragonal(5.0, 6.0), [*[{"Li+": 0.75}] * 4, {"N3-": 1}], places)
    facts = load_crystal("LAGP")[1]
    with pytest.raises(RequestError, match="exclude each other"):
        order(structure, facts, max_atoms=4)


def two_by_two(occupancy):
    """Li+ and vacancies on a simple cubic lattice in a cell of eight, with one N3- at its middle."""
    corners = [[x, y, z] for x in (0, 0.5) for y in (0, 0.5) for z in (0, 0.5)]
    return Structure(Lattice.cubic(8.0), [*[{"Li+": occupancy}] * 8, "N3-"], [*corners, [0.25, 0.25, 0.25]])


def test_results_are_ranked_distinct_and_complete():
    """Three Li on the corners of a cube around N: adjacent, bent and meta arrangements, and no fourth."""
    structure = two_by_two(3 / 8)
    facts = load_crystal("LAGP")[1]
    found = order(structure, facts, max_atoms=4, k=10)
    energies = [ordering.ewald_eV_per_atom for _, ordering in found]
    brute = set()
    corners = structure.frac_coords[:8]
    for triple in ((a, b, c) for a in range(8) for b in range(a) for c in range(b)):
        cell = Structure(structure.lattice, ["Li+"] * 3 + ["N3-"], [*corners[list(triple)], [0.25] * 3])
        brute.add(round(EwaldSummation(cell).total_energy / 4, 4))
    assert np.round(energies, 4).tolist() == sorted(brute)
    assert [ordering.rank for _, ordering in found] == list(range(len(found)))


@given(lithium=st.integers(1, 7), seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_composition_and_neutrality_hold_whatever_the_filling(lithium, seed):
    structure = two_by_two(lithium / 8).replace_species({"N3-": f"{'N' if lithium == 3 else 'P'}{lithium}-"})
    ordered, ordering = order(structure, load_crystal("LAGP")[1], seed=seed, max_atoms=9)[0]
    assert ordered.composition.element_composition["Li"] == lithium
    assert ordering.deviation == {}
    assert ordering.net_charge_e == pytest.approx(0, abs=1e-12)
