from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ordering_cases import CASES, disordered
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from interlith.structures.crystals import load_crystal
from interlith.structures.disorder import disordered_cell, whole_counts
from interlith.structures.electrostatics import pair_matrix, point_charge_energy
from interlith.structures.errors import RequestError
from interlith.structures.faults import SHORTEST_IONS_A
from interlith.structures.orderings import order, ordered_crystal

# Lattice and places are the parent's, so that nothing needs to be stretched.
SAME_CRYSTAL = StructureMatcher(ltol=0.01, stol=0.05, angle_tol=0.1, primitive_cell=False, scale=False)


@pytest.fixture(scope="module")
def lagp():
    return ordered_crystal("LAGP")


@pytest.fixture(scope="module")
def garnet():
    """LLZO with the occupancies of X-ray refinements, which no arrangement can realise."""
    return ordered_crystal("LLZO_cubic_RT")


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


@pytest.mark.parametrize("name", CASES)
def test_the_lowest_known_energy_is_reached_and_is_pymatgens(name):
    case = CASES[name]
    structure, facts = disordered(case)
    for seed in (0, 1) if case.atoms < 150 else (0,):
        ordered, ordering = order(structure, facts, seed=seed, min_atoms=case.atoms)[0]
        assert (ordering.n_atoms, ordering.formula, ordering.deviation) == (case.atoms, case.formula, {})
        assert ordering.ewald_eV_per_atom == pytest.approx(case.lowest_eV_per_atom, abs=2e-6)
        assert EwaldSummation(ordered).total_energy / case.atoms == pytest.approx(ordering.ewald_eV_per_atom, abs=1e-6)
        assert lithium_contacts(ordered).min() > SHORTEST_IONS_A


def every_ordering(structure):
    """Distinct energies of every arrangement in the primitive cell without Li-Li contacts, eV per cell, ascending."""
    cell = disordered_cell(structure)
    primitive, orbit_of = cell.primitive, np.array(cell.primitive.site_properties["orbit"])
    fixed, choices = np.zeros(len(primitive)), []
    for o, held in enumerate(whole_counts(cell, 1)):
        sites = np.flatnonzero(orbit_of == o)
        # The first species goes to any of the sites; the second, where there is one, to the others.
        (first, n), *rest = held.items()
        fixed[sites] = rest[0][0].oxi_state if rest else 0.0
        choices.append([(list(chosen), first) for chosen in combinations(sites, n)])
    matrix = pair_matrix(primitive.lattice.matrix, primitive.frac_coords)
    apart = primitive.distance_matrix + 9.0 * np.eye(len(primitive))
    energies = []
    for arrangement in product(*choices):
        charges = fixed.copy()
        for chosen, species in arrangement:
            charges[chosen] = species.oxi_state
        lithium = [k for chosen, species in arrangement if species.symbol == "Li" for k in chosen]
        if apart[np.ix_(lithium, lithium)].min(initial=9.0) > SHORTEST_IONS_A:
            energies.append(point_charge_energy(matrix, charges))
    energies = np.sort(energies)
    return energies[np.diff(energies, prepend=-np.inf) > 1e-3]


def test_the_lowest_orderings_are_those_of_an_enumeration():
    """One Li of two 6b sites, two of twelve 36f sites, one Al of four: 528 arrangements."""
    structure, facts = disordered(CASES["LAGP-37"])
    found = [ordering.ewald_eV_per_atom for _, ordering in order(structure, facts, k=5)]
    assert found == pytest.approx(every_ordering(structure)[:5] / 37, abs=1e-6)


FRACTIONS = st.floats(0.06, 0.44)


@given(
    edges=st.tuples(*[st.floats(6.0, 9.0)] * 3),
    general=st.tuples(FRACTIONS, FRACTIONS, FRACTIONS),
    mirror=st.tuples(*[st.floats(0.2, 0.3)] * 2),
    lithium=st.integers(1, 4),
    aluminium=st.integers(0, 4),
)
@settings(max_examples=15, deadline=None)
def test_small_disordered_crystals_are_ordered_exactly(edges, general, mirror, lithium, aluminium):
    """Pmmm: Li on some of eight general places, Al and Si on four of a mirror, one anion that makes it neutral."""
    mixed = {"Al3+": aluminium / 4, "Si4+": 1 - aluminium / 4} if 0 < aluminium < 4 else {"Si4+": 1}
    charge = lithium + (16 - aluminium if aluminium < 4 else 16)
    species = [{"Li+": lithium / 8}, mixed, f"P{charge}-"]
    places = [general, (0.0, *mirror), (0.0, 0.0, 0.0)]
    structure = Structure.from_spacegroup("Pmmm", Lattice.orthorhombic(*edges), species, places)
    assume(min(structure[0].distance(site) for site in structure[8:]) > 1.5)
    possible = every_ordering(structure)
    assume(len(possible))
    ordered, ordering = order(structure, load_crystal("LAGP")[1], max_atoms=9)[0]
    assert ordering.ewald_eV_per_atom * len(ordered) == pytest.approx(possible[0], abs=2e-3)
    assert EwaldSummation(ordered).total_energy / len(ordered) == pytest.approx(ordering.ewald_eV_per_atom, abs=1e-5)
    assert ordered.composition.element_composition["Al"] == aluminium % 4


@pytest.mark.parametrize(("name", "k"), [("LAGP-37", 5), ("LLZTO-94", 3)])
def test_an_ensemble_is_ranked_distinct_and_the_same_for_every_seed(name, k):
    structure, facts = disordered(CASES[name])
    ensembles = [order(structure, facts, min_atoms=CASES[name].atoms, k=k, seed=seed) for seed in (3, 4)]
    energies = [[ordering.ewald_eV_per_atom for _, ordering in ensemble] for ensemble in ensembles]
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)
    assert energies[0] == sorted(energies[0])
    assert [ordering.rank for _, ordering in ensembles[0]] == list(range(k))
    assert len({ordering.formula for _, ordering in ensembles[0]}) == 1
    assert not any(SAME_CRYSTAL.fit(a, b) for (a, _), (b, _) in combinations(ensembles[0], 2))
    assert SAME_CRYSTAL.fit(ensembles[0][0][0], ensembles[1][0][0])


def test_few_moves_give_a_usable_cell_that_more_moves_better():
    structure, facts = disordered(CASES["LLZTO-94"])
    (quick, rough), (_, fine) = (order(structure, facts, moves=moves)[0] for moves in (50_000, 2_000_000))
    assert lithium_contacts(quick).min() > SHORTEST_IONS_A
    assert fine.ewald_eV_per_atom <= rough.ewald_eV_per_atom < fine.ewald_eV_per_atom + 0.05


def test_garnet_of_two_hundred_atoms_tells_its_deviation():
    structure, facts = load_crystal("LLZTO")
    ordered, ordering = order(structure, facts, moves=500_000)[0]
    assert ordering.formula == "Li51La24Zr11Ta5O96"
    assert ordering.deviation == pytest.approx({"Li": -0.025, "Zr": -0.025, "Ta": 0.025}, abs=1e-5)
    assert "composition deviates by Li -0.025, Zr -0.025, Ta +0.025 per formula unit" in ordering.origin.steps
    assert lithium_contacts(ordered).min() == pytest.approx(ordering.closest_contact_A, abs=1e-6)


def test_published_garnet_occupancies_let_lithium_move():
    ordered, _, ordering = ordered_crystal("LLZTO_Ta0.6")
    assert lithium_contacts(ordered).min() > SHORTEST_IONS_A
    assert ordering.formula == "Li51La24Zr11Ta5O96"
    assert any("Li moved between its sites" in step for step in ordering.origin.steps)


@pytest.mark.parametrize(("x", "formula"), [(1 / 2, "Li3Ti3Al1P6O24"), (1 / 3, "Li8Ti10Al2P18O72")])
def test_a_persons_latp(tmp_path, x, formula):
    """Li(1+x)Al(x)Ti(2-x)(PO4)3 from a CIF without charges: the cell of LiTi2(PO4)3, the places of LAGP."""
    places, _ = load_crystal("LAGP")
    occupancies = {"Li+0.65": {"Li": 1 / 2}, "P5+1": {"P": 1}, "O2-1": {"O": 1}}
    occupancies |= {"Ge4+0.75 Al3+0.25": {"Ti": 1 - x / 2, "Al": x / 2}, "Li+0.1416667": {"Li": (1 / 2 + x) / 6}}
    species = [occupancies[str(site.species)] for site in places]
    latp = Structure(load_crystal("LTP")[0].lattice, species, places.frac_coords)
    CifWriter(latp, symprec=0.01).write_file(tmp_path / "LATP.cif")
    ordered, facts, ordering = ordered_crystal(str(tmp_path / "LATP.cif"))
    assert ordering.formula == formula
    assert ordering.deviation == {}
    assert ordering.oxidation_states == {"Li": 1, "Al": 3, "Ti": 4, "P": 5, "O": -2}
    assert any("oxidation states" in step for step in facts.origin.steps)
    assert lithium_contacts(ordered).min() > SHORTEST_IONS_A


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


def test_orderings_are_taken_by_rank_and_one_that_is_not_there_is_refused():
    lowest, next_lowest = (ordered_crystal("LAGP", max_atoms=40, rank=rank)[2] for rank in (0, 1))
    assert (lowest.rank, next_lowest.rank) == (0, 1)
    assert lowest.ewald_eV_per_atom < next_lowest.ewald_eV_per_atom
    with pytest.raises(RequestError, match=r"distinct orderings of .* none of rank 60"):
        ordered_crystal("LAGP", max_atoms=40, rank=60)
