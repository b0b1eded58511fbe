import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc100, make_supercell
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.interfaces import (
    assemble,
    build_interface,
    chosen_match,
    cut_sides,
    displaced,
    list_matches,
    side_alone,
    stack,
    turned_over,
    with_sides,
)
from interlith.structures.records import InterfaceRecipe, SideRecipe
from interlith.structures.registries import irreducible_shifts
from interlith.structures.slabs import cut_slab
from interlith.structures.strains import IN_HALVES, ON_A, ON_B, Body, choose_rule

CRYSTALS = {name: load_crystal(name) for name in ("Al", "Cu", "Li", "LiF")}
ENERGY_eV = 1e-5


def recipe(a, b, miller_a=(1, 0, 0), miller_b=(1, 0, 0), layers=3, **more):
    sides = [SideRecipe(crystal=c, miller=m, layers=layers) for c, m in ((a, miller_a), (b, miller_b))]
    return InterfaceRecipe(side_a=sides[0], side_b=sides[1], **({"max_area_A2": 60} | more))


def crystals(given):
    return *CRYSTALS[given.side_a.crystal], *CRYSTALS[given.side_b.crystal]


def build(a, b, *, shift=(0.0, 0.0), gap_A=None, **more):
    given = recipe(a, b, **more)
    return build_interface(*crystals(given), given, shift=shift, gap_A=gap_A)


def energy(atoms):
    atoms = atoms.copy()
    atoms.calc = EMT()
    return atoms.get_potential_energy()


def hands(atoms, quadruples):
    """Signed volumes spanned by four atoms: reflections change their sign."""
    first = atoms.positions[quadruples[:, 0]]
    return np.linalg.det(np.stack([atoms.positions[quadruples[:, k]] - first for k in (1, 2, 3)], axis=1))


AL_CU = cut_sides(*crystals(recipe("Al", "Cu")), recipe("Al", "Cu"))
AL_CU_MATCH = chosen_match(AL_CU, recipe("Al", "Cu"))


@pytest.fixture(scope="module")
def al_cu():
    return build("Al", "Cu")


def test_a_model_is_what_it_says(al_cu):
    atoms, cell = al_cu.atoms, al_cu.atoms.cell.array
    lower, upper = (side_alone(al_cu, side) for side in (0, 1))
    assert set(lower.symbols) == {"Al"} and set(upper.symbols) == {"Cu"}
    assert al_cu.side_a == tuple(range(len(lower)))
    assert upper.positions[:, 2].min() - lower.positions[:, 2].max() == pytest.approx(al_cu.gap_A)
    assert np.linalg.det(cell[:2, :2]) == pytest.approx(al_cu.area_A2)
    assert cell[0, 1] == 0 and cell[2, :2].tolist() == [0, 0] and np.linalg.det(cell) > 0
    assert cell[2, 2] - np.ptp(atoms.positions[:, 2]) == pytest.approx(15)
    assert (al_cu.n_interfaces, al_cu.name) == (1, "Al_fcc(100)|Cu_fcc(100)")
    assert any("strained" in step and "stiffness" in step for step in al_cu.origin.steps)


@pytest.mark.parametrize("rule", [ON_A, ON_B, IN_HALVES])
def test_heights_are_kept_and_the_other_side_is_untouched(rule):
    given = recipe("Al", "Cu", strain_on={ON_A: "a", ON_B: "b"}.get(rule, "auto"))
    sides = cut_sides(*crystals(given), given)
    atoms = assemble(sides, chosen_match(sides, given), given).atoms
    for slab, side, unstrained in ((sides.slab_a, 0, rule is ON_B), (sides.slab_b, 1, rule is ON_A)):
        alone = side_alone(atoms, side)
        heights = [np.unique(np.round(s.positions[:, 2] - s.positions[:, 2].min(), 6)) for s in (slab, alone)]
        np.testing.assert_allclose(heights[1], heights[0], atol=1e-6)
        nearest = [np.partition(s.get_all_distances(mic=True), 1)[:, 1] for s in (slab * (3, 3, 1), alone)]
        assert np.allclose(nearest[0].min(), nearest[1].min(), atol=1e-6) == unstrained


def test_the_sides_are_whole_slabs_and_their_bonds_are_those_of_the_slab():
    given = recipe("Cu", "Cu", max_strain=0.001, match=1)
    sides = cut_sides(*crystals(given), given)
    match = chosen_match(sides, given)
    model = assemble(sides, match, given)
    for slab, cells, side in ((sides.slab_a, match.cells_a, 0), (sides.slab_b, match.cells_b, 1)):
        multiple = np.eye(3, dtype=int)
        multiple[:2, :2] = cells
        expected, got = make_supercell(slab, multiple), side_alone(model, side)
        assert got.get_chemical_formula() == expected.get_chemical_formula()
        near = [np.sort(s.get_all_distances(mic=True), axis=1)[:, 1:9] for s in (expected * (2, 2, 1), got * (2, 2, 1))]
        np.testing.assert_allclose(near[1][0], near[0][0], atol=1e-6)


@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 1), (1, 1, 0)])
def test_a_crystal_on_itself_can_continue(miller):
    """At one of the irreducible shifts and the distance of planes, two slabs are one of twice the thickness."""
    given = recipe("Cu", "Cu", miller, miller, max_strain=0.001)
    crystal, facts = CRYSTALS["Cu"]
    thick = cut_slab(crystal, facts, given.side_a.model_copy(update={"layers": 6}), vacuum_A=15)[0]
    planes = np.unique(np.round(thick.positions[:, 2], 4))
    model = build_interface(crystal, facts, crystal, facts, given)
    shifts = irreducible_shifts(side_alone(model, 0), side_alone(model, 1), spacing_A=0.3)
    energies = [energy(displaced(model, tuple(s), planes[1] - planes[0]).atoms) for s in shifts]
    assert model.match.twist_deg == pytest.approx(0, abs=1e-6)
    assert min(abs(e - energy(thick)) for e in energies) < 1e-4


def test_naming_the_sides_the_other_way_round_gives_the_same_interfaces(al_cu):
    energies = []
    for model in (al_cu, build("Cu", "Al")):
        shifts = irreducible_shifts(side_alone(model, 0), side_alone(model, 1), n=5)
        energies.append(sorted(energy(displaced(model, tuple(s), 1.9).atoms) for s in shifts))
    np.testing.assert_allclose(energies[1], energies[0], atol=ENERGY_eV)


def test_a_cell_of_twice_the_area_has_twice_the_energy(al_cu):
    given = recipe("Al", "Cu")
    sides = cut_sides(*crystals(given), given)
    match = al_cu.match
    doubling = np.array([[1, 1], [-1, 1]])
    twice = match.model_copy(
        update={key: (doubling @ np.array(getattr(match, key))).tolist() for key in ("cells_a", "cells_b")}
    )
    # the shift is the same vector in the doubled cell
    halved = tuple(np.array([0.2, 0.4]) @ np.linalg.inv(doubling))
    large = stack(sides.slab_a, sides.slab_b, twice, sides.rule, shift=halved, gap_A=2.0, vacuum_A=15)
    assert energy(large) == pytest.approx(2 * energy(displaced(al_cu, (0.2, 0.4), 2.0).atoms), abs=ENERGY_eV)


@settings(max_examples=10, deadline=None)
@given(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), st.floats(1.5, 3.5), st.sampled_from([0.0, 12.0]))
def test_displacing_is_building_there(shift, gap, vacuum):
    given = recipe("Al", "Cu", vacuum_A=vacuum)
    there = assemble(AL_CU, AL_CU_MATCH, given, shift=shift, gap_A=gap)
    moved = displaced(assemble(AL_CU, AL_CU_MATCH, given), shift, gap)
    assert (moved.shift, moved.gap_A, moved.n_interfaces) == (there.shift, there.gap_A, there.n_interfaces)
    assert energy(moved.atoms) == pytest.approx(energy(there.atoms), abs=ENERGY_eV)


def test_without_vacuum_both_gaps_are_equal():
    model = build("Al", "Cu", vacuum_A=0, gap_A=2.2)
    lower, upper = (side_alone(model, side).positions[:, 2] for side in (0, 1))
    assert model.n_interfaces == 2
    assert model.atoms.cell[2, 2] + lower.min() - upper.max() == pytest.approx(2.2)
    wider = displaced(model, (0.0, 0.0), 2.7)
    lower, upper = (side_alone(wider, side).positions[:, 2] for side in (0, 1))
    assert upper.min() - lower.max() == pytest.approx(2.7)
    assert wider.atoms.cell[2, 2] + lower.min() - upper.max() == pytest.approx(2.7)


def test_no_atom_is_reflected():
    rng = np.random.default_rng(3)
    slab = Atoms("AlCuNiAuAg", rng.uniform(0, 4, (5, 3)), cell=[[4, 0, 0], [1.3, 4.1, 0], [0, 0, 12]], pbc=True)
    quadruples = np.array([[0, 1, 2, 3], [1, 2, 3, 4], [0, 2, 3, 4]])
    turned = turned_over(slab)
    np.testing.assert_allclose(hands(turned, quadruples), hands(slab, quadruples))
    np.testing.assert_allclose(turned.cell.array[1], [-1.3, 4.1, 0])
    assert np.argmax(turned.positions[:, 2]) == np.argmin(slab.positions[:, 2])
    np.testing.assert_allclose(turned_over(turned).positions, slab.positions)
    images = [np.sort(s.get_all_distances(mic=True).ravel()) for s in (slab, turned)]
    np.testing.assert_allclose(images[1], images[0])


def test_a_slab_of_two_faces_turns_the_named_one_to_the_contact():
    facts = CRYSTALS["Al"][1].model_copy(update={"name": "AlCu"})
    ordered = Structure(Lattice.cubic(2.9), ["Al", "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    given = InterfaceRecipe(
        side_a=SideRecipe(crystal="Cu", miller=(1, 0, 0), layers=2),
        side_b=SideRecipe(crystal="AlCu", miller=(1, 0, 0), layers=2, termination=0),
    )
    model = build_interface(*CRYSTALS["Cu"], ordered, facts, given)
    as_cut = cut_slab(ordered, facts, given.side_b, vacuum_A=15)[0]
    lowest = side_alone(model, 1)
    assert not model.slab_b.symmetric
    assert lowest.symbols[lowest.positions[:, 2].argmin()] == as_cut.symbols[as_cut.positions[:, 2].argmax()]
    assert any("turned over" in step for step in model.origin.steps)


def test_every_match_in_the_list_can_be_built_and_is_another_interface():
    given = recipe("Al", "Cu", layers=2, max_area_A2=45)
    sides = cut_sides(*crystals(given), given)
    matches = list_matches(sides, given)
    areas, energies = [], []
    for match in matches[:6]:
        model = assemble(sides, match, given)
        areas.append(model.area_A2)
        energies.append(energy(model.atoms) / model.area_A2)
        assert len(model.atoms) == sides.n_atoms(match)
    assert areas == sorted(areas)
    assert len({round(e, 4) for e in energies}) == len(energies)


def test_what_cannot_be_built_is_refused_in_one_line():
    with pytest.raises(RequestError, match="27 atoms, max_atoms is 20"):
        build("Al", "Cu", max_atoms=20)
    with pytest.raises(RequestError, match="no match 99"):
        build("Al", "Cu", match=99)
    with pytest.raises(RequestError, match=r"smallest strain that matches within this area is [\d.]+ %"):
        build("Al", "Cu", max_area_A2=17, max_strain=0.01)
    with pytest.raises(RequestError, match=r"overlap|Å"):
        build("Al", "Cu", gap_A=0.1)


def body(name="x", metal=False, stiffness=None, thickness=10.0):
    return Body(name, metal, stiffness, thickness)


@pytest.mark.parametrize(
    ("a", "b", "strain_on", "share", "words"),
    [
        (body(), body("Li", metal=True), "auto", 1, "the metal Li gives way"),
        (body("Li", metal=True), body(), "auto", 0, "the metal Li gives way"),
        (body(stiffness=300), body(stiffness=100), "auto", 0.75, "75% on side B"),
        (body(stiffness=100, thickness=30), body(stiffness=100), "auto", 0.75, "stiffness x thickness"),
        (body(thickness=8), body(), "auto", 0, "thinner"),
        (body(), body(), "auto", 0.5, "half"),
        (body(metal=True), body(), "shared", 0.5, "half"),
        (body(metal=True, stiffness=10), body(), "b", 1, "all on side B"),
    ],
)
def test_who_is_strained(a, b, strain_on, share, words):
    rule = choose_rule(a, b, strain_on)
    assert rule.share_b == pytest.approx(share)
    assert words in rule.words


def test_the_softer_of_two_metals_takes_most():
    aluminium, lithium = (Body.of(CRYSTALS[name][0], 10.0) for name in ("Al", "Li"))
    assert choose_rule(aluminium, lithium).share_b > 0.9
    assert choose_rule(lithium, aluminium).share_b < 0.1
    assert Body.of(CRYSTALS["LiF"][0], 10.0) == Body("LiF", False, None, 10.0)
    assert Body.of(CRYSTALS["Al"][0], 10.0, 55.0).stiffness_GPa == 55


def test_slabs_made_elsewhere_can_be_stacked():
    slab = fcc100("Al", (1, 1, 2), vacuum=3)
    other = fcc100("Cu", (1, 1, 2), a=bulk("Al", cubic=True).cell[0, 0], vacuum=3)
    match = build("Cu", "Cu", max_strain=0.001).match
    atoms = stack(slab, other, match, ON_B, gap_A=2.0, vacuum_A=10)
    assert atoms.get_chemical_formula() == "Al2Cu2"


def shaken(model, side, seed, amplitude_A=0.05):
    """One side alone, as a relaxation might return it: every atom elsewhere, the whole drifted and lifted."""
    alone, draw = side_alone(model, side), np.random.default_rng(seed)
    alone.positions += draw.uniform(-amplitude_A, amplitude_A, alone.positions.shape) + draw.uniform(-0.4, 0.4, 3)
    return alone


def vacuum_of(atoms):
    return atoms.cell[2, 2] - np.ptp(atoms.positions[:, 2])


def gap_of(atoms):
    heights = [atoms.positions[atoms.arrays["side"] == side, 2] for side in (0, 1)]
    return heights[1].min() - heights[0].max()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), vacuum=st.sampled_from([0.0, 12.0]))
def test_sides_at_rest_stand_at_the_same_registry_gap_and_vacuum(seed, vacuum):
    model = assemble(AL_CU, AL_CU_MATCH, recipe("Al", "Cu", vacuum_A=vacuum), shift=(0.2, 0.7), gap_A=2.3)
    rested = with_sides(model, *(shaken(model, side, seed + side) for side in (0, 1)))
    before, after = model.atoms, rested.atoms
    assert (rested.shift, rested.gap_A, rested.n_interfaces) == (model.shift, model.gap_A, model.n_interfaces)
    assert gap_of(after) == pytest.approx(2.3, abs=1e-6)
    assert vacuum_of(after) == pytest.approx(vacuum or 2.3, abs=1e-6)
    assert after.cell.array[:2] == pytest.approx(before.cell.array[:2])
    for side in (0, 1):
        own = before.arrays["side"] == side
        drift = (after.positions - before.positions)[own, :2].mean(axis=0)
        assert drift == pytest.approx([0, 0], abs=1e-6)


def test_each_side_at_rest_keeps_its_inner_geometry_order_and_energy(al_cu):
    relaxed = [shaken(al_cu, side, side) for side in (0, 1)]
    rested = with_sides(al_cu, *relaxed)
    assert rested.atoms.get_chemical_symbols() == al_cu.atoms.get_chemical_symbols()
    assert (rested.atoms.arrays["side"] == al_cu.atoms.arrays["side"]).all()
    for side, alone in enumerate(relaxed):
        inside = side_alone(rested, side)
        assert list(inside.symbols) == list(alone.symbols)
        moved = inside.positions - alone.positions
        assert moved == pytest.approx(np.tile(moved[0], (len(moved), 1)), abs=1e-6), "moved as one body only"
        assert energy(inside) == pytest.approx(energy(alone), abs=ENERGY_eV)
    assert any("relaxed alone" in step for step in rested.origin.steps)
    assert rested.sha256 != al_cu.sha256


def test_sides_put_back_as_they_were_give_the_same_model(al_cu):
    same = with_sides(al_cu, *(side_alone(al_cu, side) for side in (0, 1)))
    assert same.atoms.positions == pytest.approx(al_cu.atoms.positions, abs=1e-6)
    assert same.atoms.cell.array == pytest.approx(al_cu.atoms.cell.array, abs=1e-6)


def test_a_side_that_swelled_takes_the_room_from_nobody(al_cu):
    """Outer planes out by 0.3 Å on both faces of both sides: the cell grows by what the sides did."""
    swollen = []
    for side in (0, 1):
        alone = side_alone(al_cu, side)
        heights = alone.positions[:, 2]
        alone.positions[:, 2] += 0.3 * ((heights > heights.max() - 0.5).astype(float) - (heights < heights.min() + 0.5))
        swollen.append(alone)
    rested = with_sides(al_cu, *swollen)
    assert gap_of(rested.atoms) == pytest.approx(al_cu.gap_A)
    assert rested.atoms.cell[2, 2] - al_cu.atoms.cell[2, 2] == pytest.approx(4 * 0.3)
    moved = displaced(rested, (0.3, 0.1), 2.6)
    assert gap_of(moved.atoms) == pytest.approx(2.6)
    assert vacuum_of(moved.atoms) == pytest.approx(vacuum_of(al_cu.atoms))


@settings(max_examples=8, deadline=None)
@given(shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)), gap=st.floats(1.8, 3.0))
def test_relaxing_then_displacing_is_displacing_then_relaxing(shift, gap):
    model = assemble(AL_CU, AL_CU_MATCH, recipe("Al", "Cu"))
    there = displaced(model, shift, gap)
    sides = [shaken(model, side, side) for side in (0, 1)]
    carried = [s.copy() for s in sides]
    carried[1].positions += side_alone(there, 1).positions - side_alone(model, 1).positions
    one, other = displaced(with_sides(model, *sides), shift, gap), with_sides(there, *carried)
    assert one.atoms.get_all_distances(mic=True) == pytest.approx(other.atoms.get_all_distances(mic=True), abs=1e-5)


@pytest.mark.parametrize("strain_on", ["a", "b", "shared"])
def test_the_strain_on_record_is_that_of_the_atoms(strain_on):
    """Areas of the sides before and in the model: (1 + e1)(1 + e2) each, and none on the side that is spared."""
    given = recipe("Al", "Cu", strain_on=strain_on)
    sides = cut_sides(*crystals(given), given)
    match = chosen_match(sides, given)
    model = assemble(sides, match, given)
    for vectors, cells, strains in zip(
        sides.surfaces, (match.cells_a, match.cells_b), (match.strain_a, match.strain_b), strict=True
    ):
        free = abs(np.linalg.det(np.array(cells) @ vectors))
        assert model.area_A2 / free == pytest.approx((1 + strains[0]) * (1 + strains[1]), rel=1e-9)
    spared = {"a": match.strain_b, "b": match.strain_a}.get(strain_on)
    assert spared is None or spared == pytest.approx((0, 0), abs=1e-12)
    assert match.max_strain <= given.max_strain


@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 1), (2, 1, 0)])
def test_atoms_and_area_of_a_model_are_whole_multiples_of_its_slabs(miller):
    given = recipe("Cu", "Cu", miller, miller, max_strain=0.001, max_area_A2=40)
    sides = cut_sides(*crystals(given), given)
    for match in list_matches(sides, given)[:3]:
        model = assemble(sides, match, given)
        for facts, side in ((model.slab_a, 0), (model.slab_b, 1)):
            assert len(side_alone(model, side)) / facts.n_atoms == pytest.approx(model.area_A2 / facts.area_A2)
