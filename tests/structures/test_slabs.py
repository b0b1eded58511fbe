import numpy as np
import pytest
from ase.geometry import get_distances
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pymatgen.core import Composition, Lattice, Structure

from interlith.structures.bonds import bond_counts, bonds, coordination, covalent_units
from interlith.structures.checks import check_atoms
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.records import SideRecipe
from interlith.structures.slabs import cut_slab, oriented_bulk, surface_vectors
from interlith.structures.terminations import terminations

CRYSTALS = {name: load_crystal(name) for name in ("Li", "Cu", "LiF", "Li2O", "Al2O3", "Li2CO3", "Li3PO4_gamma", "LiOH")}
LAGP_FACES = [(0, 0, 1), (0, 1, 2), (1, 0, 0), (1, 0, 4), (1, 1, 0)]
INDICES = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)


def cut(name, miller, *, vacuum_A=15.0, **asked):
    bulk, facts = CRYSTALS[name] if isinstance(name, str) else name
    return cut_slab(bulk, facts, SideRecipe(crystal=facts.name, miller=miller, **asked), vacuum_A=vacuum_A)


def stands_on_bulk_sites(slab, bulk) -> bool:
    """Whether every atom of the slab is on a site of its element in the endless crystal, up to one translation."""
    first = slab.symbols[0]
    for origin in bulk.positions[[s == first for s in bulk.symbols]]:
        moved = slab.positions - slab.positions[0] + origin
        nearest = get_distances(moved, bulk.positions, cell=bulk.cell, pbc=True)[1]
        nearest[slab.numbers[:, None] != bulk.numbers[None, :]] = 9.0
        if nearest.min(axis=1).max() < 1e-3:
            return True
    return False


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from(sorted(CRYSTALS)), miller=INDICES, thickness=st.floats(4, 14), vacuum=st.floats(0, 30))
def test_a_slab_is_what_its_facts_say(name, miller, thickness, vacuum):
    bulk, _ = CRYSTALS[name]
    slab, told = cut(name, miller, thickness_A=thickness, vacuum_A=vacuum, reconstruct=True)
    heights = slab.positions[:, 2]
    assert told.thickness_A == pytest.approx(np.ptp(heights))
    assert told.thickness_A >= thickness - 1e-6
    assert slab.cell[2, 2] == pytest.approx(told.thickness_A + vacuum)
    assert heights.min() == pytest.approx(vacuum / 2)
    assert np.array_equal(slab.cell.array[2, :2], [0, 0])
    assert slab.cell[0, 1] == slab.cell[0, 2] == slab.cell[1, 2] == 0
    assert told.area_A2 == pytest.approx(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
    assert told.n_atoms == len(slab)
    assert Composition(told.formula).reduced_formula == bulk.composition.reduced_formula
    assert told.stoichiometric
    if told.dipole_eA is not None:
        charges = slab.arrays["oxidation"]
        assert charges.sum() == pytest.approx(0, abs=1e-6)
        assert charges @ heights == pytest.approx(told.dipole_eA, abs=1e-6)
        assert abs(told.dipole_eA) / (told.area_A2 * (told.thickness_A + 4)) < 0.02
    slab.set_cell(slab.cell.array + np.diag([0, 0, 10.0]))
    check_atoms(slab, name)


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(sorted(CRYSTALS)), miller=INDICES)
def test_a_slab_is_a_piece_of_the_oriented_bulk(name, miller):
    bulk, _ = CRYSTALS[name]
    slab, told = cut(name, miller, thickness_A=6, reconstruct=True)
    endless = oriented_bulk(bulk, miller)
    assert stands_on_bulk_sites(slab, endless)
    assert np.allclose(endless.cell.array[:2, :2], surface_vectors(bulk, miller))
    if not any("reconstructed" in step for step in told.origin.steps):
        assert np.allclose(slab.cell.array[:2], endless.cell.array[:2])
        assert told.n_layers * len(endless) % len(slab) == 0


@pytest.mark.parametrize("miller", LAGP_FACES)
def test_phosphate_slabs_break_no_phosphate_and_hold_whole_formula_units(any_lagp, miller):
    bulk, _ = any_lagp
    slab, told = cut(any_lagp, miller, thickness_A=9.0)
    assert len(slab) % len(bulk) == 0
    assert told.stoichiometric
    assert {len(u.atoms) for u in covalent_units(slab)} == {5}
    shells = coordination(slab)
    assert all(shell == {"O": 4} for s, shell in zip(slab.symbols, shells, strict=True) if s == "P")
    assert set(told.broken_bonds) <= {"Ge-O", "Al-O", "Li-O"}
    # Germanium and aluminium lose an oxygen, or oxygen a cation: every loss is counted at the end that stays.
    whole = bond_counts(oriented_bulk(bulk, miller))
    left = bond_counts(slab)
    repeats = len(slab) // len(bulk)
    assert told.broken_bonds == {p: 2 * (n * repeats - left[p]) for p, n in whole.items() if n * repeats != left[p]}
    framework = sum(told.broken_bonds.get(p, 0) for p in ("Ge-O", "Al-O"))
    # The basal face cannot do with less than its six M-O bonds per 59 Å²; no other needs more per area.
    assert 4 / 69.2 <= framework / (2 * told.area_A2) <= 6 / 59.0
    assert told.tasker in (1, 2)
    assert stands_on_bulk_sites(slab, oriented_bulk(bulk, miller))


@pytest.mark.parametrize("miller", [(0, 0, 1), (1, 1, 0), (1, 1, 1)])
def test_garnet_slabs_are_whole_repeats_whose_octahedra_are_whole(llzto, miller):
    bulk, _ = llzto
    slab, told = cut(llzto, miller, thickness_A=8.0)
    assert len(slab) % len(bulk) == 0
    assert len(slab) <= 200
    assert told.stoichiometric
    assert slab.arrays["oxidation"].sum() == pytest.approx(0, abs=1e-9)
    assert told.tasker == 2
    assert abs(told.dipole_eA) <= (0.5 + 1e-6) * sum(slab.arrays["oxidation"] == 5) / 2 * told.thickness_A
    shells = coordination(slab)
    assert all(shell == {"O": 6} for s, shell in zip(slab.symbols, shells, strict=True) if s in ("Zr", "Ta"))
    assert set(told.broken_bonds) == {"La-O", "Li-O"}
    lacking = {s: sum(n["O"] < whole for n, x in zip(shells, slab.symbols, strict=True) if x == s)
               for s, whole in (("La", 8), ("Li", 4))}  # fmt: skip
    assert told.undercoordinated == lacking
    assert any(f"under-coordinated on both faces: {lacking['La']} of" in step for step in told.origin.steps)
    assert any("mobile ions per surface cell moved to the other face" in step for step in told.origin.steps)
    assert stands_on_bulk_sites(slab, oriented_bulk(bulk, miller))
    check_atoms(slab, "LLZTO")


def test_cations_that_lost_bonds_are_counted_on_both_faces():
    """Octahedral Li and Al, one of each on either face; carbon keeps its oxygens; atoms of a metal are no cations."""
    expected = {("LiF", (1, 0, 0)): {"Li": 2}, ("Al2O3", (0, 0, 1)): {"Al": 2}, ("Cu", (1, 1, 1)): {}}
    for (name, miller), lacking in expected.items():
        assert cut(name, miller, thickness_A=9.0)[1].undercoordinated == lacking
    assert set(cut("Li2CO3", (0, 0, 1))[1].undercoordinated) == {"Li"}


def test_a_polar_plane_of_a_framework_is_mended_by_its_mobile_ions(llzto):
    bulk, _ = llzto
    polar = next(t for t in terminations(bulk, (0, 0, 1)) if t.polar and not t.rough)
    with pytest.raises(RequestError, match="is polar"):
        cut(llzto, (0, 0, 1), termination=polar.index)
    slab, told = cut(llzto, (0, 0, 1), termination=polar.index, layers=2, reconstruct=True)
    assert told.tasker == 3
    assert told.area_A2 == pytest.approx(abs(np.linalg.det(surface_vectors(bulk, (0, 0, 1)))))
    assert len(slab) == 2 * len(bulk)
    step = next(step for step in told.origin.steps if step.startswith("reconstructed: "))
    moved = int(step.split()[1])
    assert moved == round(abs(polar.surface_charge_e_A2) * told.area_A2)
    assert "mobile ions per surface cell moved to the other face" in step
    assert abs(told.dipole_eA) <= 0.5 * slab.cell[2, 2]
    assert stands_on_bulk_sites(slab, oriented_bulk(bulk, (0, 0, 1)))


def test_a_rough_slab_grows_by_whole_repeats_and_breaks_no_more_bonds(llzto):
    thin, thick = (cut(llzto, (1, 1, 0), layers=n)[1] for n in (1, 2))
    assert thick.n_atoms == 2 * thin.n_atoms
    assert thick.broken_bonds == thin.broken_bonds
    assert thick.dipole_eA == pytest.approx(2 * thin.dipole_eA, abs=1e-6)
    first = terminations(llzto[0], (1, 1, 0))[0]
    assert thin.broken_bonds == {pair: 2 * n for pair, n in first.broken_bonds.items()}


def test_hexagonal_faces_of_an_ordering_have_the_areas_of_the_hexagonal_cell(lagp):
    a, c = 8.25658, 20.6523
    areas = {miller: cut(lagp, miller, layers=1)[1].area_A2 for miller in LAGP_FACES}
    volume = a * a * c * np.sqrt(3) / 2
    hexagonal = Lattice.hexagonal(a, c)
    # Rhombohedral: (0 0 1) and (1 0 0) are named by the first plane that the centred lattice has, (0 0 3) and (3 0 0).
    steps = {(0, 0, 1): 3, (1, 0, 0): 3, (1, 1, 0): 1, (0, 1, 2): 1, (1, 0, 4): 1}
    for miller, step in steps.items():
        spacing = hexagonal.d_hkl(tuple(step * x for x in miller))
        assert areas[miller] == pytest.approx(volume / 3 / spacing, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "miller", "layers", "n_atoms", "thickness"),
    [
        ("Li", (1, 1, 0), 6, 6, 5 / np.sqrt(2)),
        ("Cu", (1, 1, 1), 4, 4, 3 / np.sqrt(3)),
        ("LiF", (1, 0, 0), 5, 10, 4 / 2),
        ("Li2O", (1, 1, 1), 3, 9, 2.5 / np.sqrt(3)),
    ],
)
def test_layers_are_lattice_planes(name, miller, layers, n_atoms, thickness):
    slab, told = cut(name, miller, layers=layers)
    assert (len(slab), told.n_layers) == (n_atoms, layers)
    assert told.thickness_A == pytest.approx(thickness * CRYSTALS[name][0].lattice.a, rel=1e-4)


def test_a_screw_axis_allows_an_odd_number_of_layers():
    magnesium = Structure.from_spacegroup(194, Lattice.hexagonal(3.2, 5.2), ["Mg"], [[1 / 3, 2 / 3, 0.25]])
    slab, told = cut((magnesium, CRYSTALS["Li"][1]), (0, 0, 1), layers=3)
    assert (len(slab), told.n_layers, told.symmetric) == (3, 3, True)
    assert told.thickness_A == pytest.approx(5.2)


@pytest.mark.parametrize("name", ["Li", "Cu", "LiF", "Li2O", "Al2O3"])
def test_slabs_of_centrosymmetric_cuts_are_symmetric(name):
    bulk, _ = CRYSTALS[name]
    for miller in ((1, 1, 0), (0, 0, 1), (1, 1, 1)):
        for t in (t for t in terminations(bulk, miller) if not t.polar):
            assert cut(name, miller, termination=t.index)[1].symmetric == t.symmetric


@pytest.mark.parametrize(("name", "miller"), [("LiF", (1, 1, 1)), ("Li2O", (1, 0, 0))])
def test_polar_cuts_are_refused(name, miller):
    with pytest.raises(RequestError, match=r"polar \(Tasker type 3, .* e/Å²\).*reconstruct = true"):
        cut(name, miller)
    with pytest.raises(RequestError, match=r"termination 1 is polar.*take another face"):
        cut(name, miller, termination=1)


def test_the_refusal_names_the_cut_that_is_not_polar():
    with pytest.raises(RequestError, match=r"termination 2 is polar.*take termination 0"):
        cut("Li2O", (1, 1, 1), termination=2)


@pytest.mark.parametrize(
    ("name", "miller", "termination", "cells", "told"),
    [
        ("LiF", (1, 1, 1), 0, 2, "moved 1 of 2 F per 2"),
        ("LiF", (1, 1, 1), 1, 2, "moved 1 of 2 Li per 2"),
        ("Li2O", (1, 0, 0), 0, 1, "moved 1 of 2 Li per 1"),
        ("Li2O", (1, 1, 1), 2, 2, "moved 1 of 2 O per 2"),
        ("LiOH", (1, 1, 0), None, 1, "moved 1 of 2 HO per 1"),
    ],
)
def test_reconstruction_moves_half_a_plane_and_leaves_no_dipole(name, miller, termination, cells, told):
    bulk, _ = CRYSTALS[name]
    slab, facts = cut(name, miller, termination=termination, reconstruct=True)
    assert facts.tasker == 3
    assert facts.dipole_eA == pytest.approx(0, abs=1e-6)
    assert facts.stoichiometric
    assert facts.area_A2 == pytest.approx(cells * abs(np.linalg.det(surface_vectors(bulk, miller))))
    assert any(told in step for step in facts.origin.steps)
    assert stands_on_bulk_sites(slab, oriented_bulk(bulk, miller))
    check_atoms(slab, name)


def test_moving_a_whole_plane_gives_the_cut_that_is_not_polar():
    moved, facts = cut("Li2O", (1, 1, 1), termination=1, reconstruct=True)
    plain, plain_facts = cut("Li2O", (1, 1, 1), termination=0)
    assert facts.broken_bonds == plain_facts.broken_bonds
    assert np.allclose(np.sort(moved.positions[:, 2]), np.sort(plain.positions[:, 2]))


def test_facets_that_the_polar_rule_spares_keep_their_small_dipole_on_record(any_lagp):
    _, told = cut(any_lagp, (0, 0, 1))
    assert told.dipole_eA != 0
    assert any("kept a dipole worth" in step and "below the polar limit" in step for step in told.origin.steps)


def test_a_phosphate_is_cut_only_when_asked(lagp):
    bulk, _ = lagp
    first = next(t.index for t in terminations(bulk, (0, 0, 1)) if t.units_cut and not t.polar)
    _, told = cut(lagp, (0, 0, 1), termination=first)
    assert told.broken_bonds["P-O"] > 0
    assert any("goes through 3 covalent units" in step for step in told.origin.steps)


def test_the_origin_tells_what_was_asked_and_done():
    _, told = cut("LiF", (2, 0, 0))
    assert told.miller == (1, 0, 0)
    assert told.origin.source == CRYSTALS["LiF"][1].origin.source
    assert told.origin.steps[-1].startswith("cut (1 0 0), reduced from (2 0 0), termination 0 of 1: F 5/6 + Li 5/6")
    assert told.broken_bonds == {"Li-F": 4}


def test_the_same_request_gives_the_same_slab(lagp):
    first, second = cut(lagp, (0, 1, 2)), cut(lagp, (0, 1, 2))
    assert first[0] == second[0]
    assert first[1] == second[1]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"miller": (1, 0, 0), "termination": 4}, r"no termination 4 .*there are 1: 0 to 0"),
        ({"miller": (1, 0, 0), "termination": -1}, "no termination -1"),
        ({"miller": (1, 0, 0), "vacuum_A": -2.0}, "vacuum of -2.0 Å"),
        ({"miller": (1, 0, 0), "vacuum_A": float("nan")}, "vacuum of nan Å"),
    ],
)
def test_requests_that_make_no_sense_are_refused(asked, told):
    with pytest.raises(RequestError, match=told):
        cut("LiF", **asked)


def test_indices_that_are_all_zero_name_no_face():
    bulk, _ = CRYSTALS["LiF"]
    with pytest.raises(RequestError, match=r"\(0 0 0\) name no plane"):
        surface_vectors(bulk, (0, 0, 0))
    with pytest.raises(ValidationError, match="name no face"):
        SideRecipe(crystal="LiF", miller=(0, 0, 0))


def test_surface_vectors_of_known_faces():
    a = CRYSTALS["Li"][0].lattice.a
    assert np.allclose(surface_vectors(CRYSTALS["Li"][0], (1, 0, 0)), a * np.eye(2))
    hexagonal = surface_vectors(CRYSTALS["Cu"][0], (1, 1, 1))
    side = CRYSTALS["Cu"][0].lattice.a / np.sqrt(2)
    assert np.allclose(hexagonal, side * np.array([[1, 0], [-0.5, np.sqrt(3) / 2]]))


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(["Li", "Cu", "LiF", "Al2O3", "Li2CO3"]), miller=INDICES, layers=st.integers(1, 4))
def test_atoms_and_thickness_grow_by_whole_layers(name, miller, layers):
    """n layers hold n times what one holds; their number per volume is the crystal's."""
    bulk, _ = CRYSTALS[name]
    first = next((t for t in terminations(bulk, miller) if not t.polar), None)
    assume(first is not None)
    cuts = [cut(name, miller, termination=first.index, layers=n)[1] for n in (layers, 2 * layers)]
    assert cuts[0].n_layers == layers
    assert cuts[1].n_atoms == 2 * cuts[0].n_atoms
    layer_A = (cuts[1].thickness_A - cuts[0].thickness_A) / layers
    assert cuts[0].n_atoms / (cuts[0].area_A2 * layer_A * layers) == pytest.approx(len(bulk) / bulk.volume, rel=1e-4)


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(["Li", "LiF", "Li2O", "Al2O3"]), miller=INDICES, vacuum=st.floats(0, 40))
def test_vacuum_moves_no_atom_within_the_slab(name, miller, vacuum):
    near, far = (cut(name, miller, vacuum_A=v, reconstruct=True, thickness_A=5) for v in (10.0, vacuum))
    inner = [s.positions - s.positions[0] for s, _ in (near, far)]
    assert inner[0] == pytest.approx(inner[1], abs=1e-9)
    assert near[1].model_copy(update={"vacuum_A": vacuum}) == far[1]


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(["Li", "Cu", "LiF", "Al2O3"]), miller=INDICES, thickness=st.floats(3, 15))
def test_no_thinner_slab_would_do(name, miller, thickness):
    bulk, _ = CRYSTALS[name]
    first = next((t for t in terminations(bulk, miller) if not t.polar), None)
    assume(first is not None)
    _, told = cut(name, miller, termination=first.index, thickness_A=thickness)
    assert told.thickness_A >= thickness - 1e-6
    if told.n_layers > 1:
        _, less = cut(name, miller, termination=first.index, layers=told.n_layers - 1)
        assert less.thickness_A < thickness


@pytest.mark.parametrize("name", ["Li", "Cu", "LiF", "Li2O", "Al2O3", "Li2CO3"])
def test_a_slab_breaks_on_two_faces_what_its_termination_breaks_on_one(name):
    for miller in ((1, 0, 0), (1, 1, 0), (1, 1, 1)):
        for t in (t for t in terminations(CRYSTALS[name][0], miller) if not t.polar):
            _, told = cut(name, miller, termination=t.index, thickness_A=9.0)
            assert told.broken_bonds == {pair: 2 * n for pair, n in t.broken_bonds.items()}
            assert told.tasker == t.tasker


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(["Li2CO3", "Li3PO4_gamma", "LiOH"]), miller=INDICES)
def test_no_covalent_unit_is_ever_cut_unasked(name, miller):
    slab, told = cut(name, miller, thickness_A=5.0, reconstruct=True)
    bulk, _ = CRYSTALS[name]
    whole = {tuple(sorted(bulk[k].specie.symbol for k in unit)) for unit in _units(bulk)}
    assert {tuple(sorted(slab.symbols[list(u.atoms)])) for u in covalent_units(slab, bonds(slab))} == whole
    assert not {"C-O", "P-O", "H-O"} & set(told.broken_bonds)


def _units(bulk) -> list[list[int]]:
    """Anions as chemistry has them: each C, P or H with the oxygens bound to it."""
    found = []
    for k, site in enumerate(bulk):
        if site.specie.symbol in ("C", "P", "H"):
            found.append([k, *(n.index for n in bulk.get_neighbors(site, 1.75) if n.specie.symbol == "O")])
    return found


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(["LiF", "Li2O", "Al2O3", "Li2CO3", "LiOH"]), miller=INDICES)
def test_equal_faces_have_no_dipole_between_them(name, miller):
    _, told = cut(name, miller, thickness_A=5.0, reconstruct=True)
    if told.symmetric:
        assert told.dipole_eA == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("miller", [(1, 1, 1), (1, 0, 0), (2, 1, 0)])
def test_equivalent_faces_of_a_cube_give_the_same_slab(miller):
    facts = [cut("LiF", tuple(m), reconstruct=True)[1] for m in ((miller), np.negative(miller), np.roll(miller, 1))]
    for other in facts[1:]:
        assert other.area_A2 == pytest.approx(facts[0].area_A2)
        assert other.thickness_A == pytest.approx(facts[0].thickness_A)
        assert (other.formula, other.broken_bonds, other.n_layers) == (
            facts[0].formula,
            facts[0].broken_bonds,
            facts[0].n_layers,
        )


@pytest.mark.parametrize(("name", "miller"), [("Cu", (1, 1, 1)), ("Al2O3", (0, 0, 1)), ("LiF", (1, 0, 0))])
def test_a_slab_without_vacuum_and_of_whole_repeats_is_the_crystal_again(name, miller):
    """Closed at the distance of planes, the slab's bonds are those of the endless crystal: none was lost."""
    bulk, _ = CRYSTALS[name]
    slab, told = cut(name, miller, layers=12, vacuum_A=0.0)
    thicker = cut(name, miller, layers=24, vacuum_A=0.0)[1].thickness_A
    closed = slab.copy()
    cell = oriented_bulk(bulk, miller).cell.array[2]
    closed.set_cell([*slab.cell.array[:2], cell * (thicker - told.thickness_A) / cell[2]])
    free = oriented_bulk(bulk, miller)
    counts = bond_counts(closed, bonds(closed)), bond_counts(free, bonds(free))
    assert counts[0] == {pair: n * len(slab) // len(free) for pair, n in counts[1].items()}
