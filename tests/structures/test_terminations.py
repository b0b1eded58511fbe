from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.faces import crystal_face
from interlith.structures.terminations import PLANE_A, POLAR_E_A2, terminations

SILICON = Structure.from_spacegroup(227, Lattice.cubic(5.431), ["Si"], [[0, 0, 0]])
ZINCBLENDE = Structure.from_spacegroup(216, Lattice.cubic(5.65), ["Ga3+", "As3-"], [[0, 0, 0], [0.25] * 3])
CRYSTALS = {name: load_crystal(name)[0] for name in ("LiF", "Li2O", "Al2O3", "Li", "Cu", "Al", "Li2CO3", "LiOH")}
CRYSTALS |= {"Si": SILICON, "GaAs": ZINCBLENDE, "LLZO": load_crystal("LLZO_tetragonal_awaka")[0]}


def faces_of(name, miller) -> list[tuple]:
    """What each cut shows: (label, Tasker type, bonds broken, two equal faces)."""
    return [(t.label, t.tasker, t.broken_bonds, t.symmetric) for t in terminations(CRYSTALS[name], miller)]


KNOWN = {
    # Three-coordinated (one bond per cell broken) and one-coordinated (three): pymatgen's #4572 keeps the second only.
    ("Si", (1, 1, 1)): [
        ("Si 3/4 on top, Si 3/4 below", None, {"Si-Si": 1}, True),
        ("Si 1/4 on top, Si 1/4 below", None, {"Si-Si": 3}, True),
    ],
    ("Si", (1, 0, 0)): [("Si 2/4 on top, Si 2/4 below", None, {"Si-Si": 2}, True)],
    ("Si", (1, 1, 0)): [("2 Si 3/4 on top, 2 Si 3/4 below", None, {"Si-Si": 2}, True)],
    ("LiF", (1, 0, 0)): [("F 5/6 + Li 5/6 on top, F 5/6 + Li 5/6 below", 1, {"Li-F": 2}, True)],
    ("LiF", (1, 1, 0)): [("F 4/6 + Li 4/6 on top, F 4/6 + Li 4/6 below", 1, {"Li-F": 4}, True)],
    ("LiF", (1, 1, 1)): [
        ("F 3/6 on top, Li 3/6 below", 3, {"Li-F": 3}, False),
        ("Li 3/6 on top, F 3/6 below", 3, {"Li-F": 3}, False),
    ],
    ("Li2O", (1, 1, 1)): [
        ("Li 3/4 on top, Li 3/4 below", 2, {"Li-O": 2}, True),
        ("Li 1/4 on top, O 4/8 below", 3, {"Li-O": 4}, False),
        ("O 4/8 on top, Li 1/4 below", 3, {"Li-O": 4}, False),
    ],
    ("Li2O", (1, 0, 0)): [
        ("2 Li 2/4 on top, O 4/8 below", 3, {"Li-O": 4}, False),
        ("O 4/8 on top, 2 Li 2/4 below", 3, {"Li-O": 4}, False),
    ],
    ("Li2O", (1, 1, 0)): [("2 Li 3/4 + O 6/8 on top, 2 Li 3/4 + O 6/8 below", 1, {"Li-O": 4}, True)],
    # Planes Al-O3-Al: three faces of which two end in Al; pymatgen's #3854 merges what shares a label.
    ("Al2O3", (0, 0, 1)): [
        ("Al 3/6 on top, Al 3/6 below", 2, {"Al-O": 6}, True),
        ("3 O 2/4 on top, Al 3/6 below", 3, {"Al-O": 6}, False),
        ("Al 3/6 on top, 3 O 2/4 below", 3, {"Al-O": 6}, False),
    ],
    # No operation turns zinc blende's [111] round: each face of each cut is of its own kind.
    ("GaAs", (1, 1, 1)): [
        ("Ga 3/4 on top, As 3/4 below", 3, {"Ga-As": 1}, False),
        ("As 1/4 on top, Ga 1/4 below", 3, {"Ga-As": 3}, False),
    ],
}


@pytest.mark.parametrize(("name", "miller"), KNOWN, ids=str)
def test_known_answers(name, miller):
    assert faces_of(name, miller) == KNOWN[name, miller]


@pytest.mark.parametrize("name", ["Li", "Cu", "Al"])
@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 1), (3, 1, 0)])
def test_a_cubic_metal_has_one_termination_of_each_face(name, miller):
    (only,) = terminations(CRYSTALS[name], miller)
    assert only.symmetric
    assert only.tasker is None
    assert only.flipped == 0


def test_bonds_cut_per_area_of_metals_follow_the_textbook():
    broken = {
        ("Cu", (1, 1, 1)): 3, ("Cu", (1, 0, 0)): 4, ("Cu", (1, 1, 0)): 6,
        ("Li", (1, 1, 0)): 2, ("Li", (1, 0, 0)): 4, ("Li", (1, 1, 1)): 6,
    }  # fmt: skip
    assert {key: sum(terminations(CRYSTALS[key[0]], key[1])[0].broken_bonds.values()) for key in broken} == broken


def test_coordination_of_the_top_face_adds_up_to_the_bonds_cut():
    for name in CRYSTALS:
        for t in terminations(CRYSTALS[name], (1, 1, 1)):
            assert sum(whole - kept for _, kept, whole in t.coordination) == sum(t.broken_bonds.values())


def test_a_slab_and_the_same_upside_down_have_opposite_dipoles_and_break_the_same_bonds():
    pairs = 0
    for name in ("LiF", "Li2O", "Al2O3", "Li2CO3", "LiOH", "LLZO"):
        for miller in ((0, 0, 1), (1, 0, 0), (1, 1, 1)):
            listed = terminations(CRYSTALS[name], miller)
            for t in (t for t in listed if t.flipped is not None):
                other = listed[t.flipped]
                pairs += other is not t
                assert other.flipped == t.index
                assert other.dipole_eA == pytest.approx(-t.dipole_eA, abs=1e-3)
                assert other.broken_bonds == t.broken_bonds
                assert t.symmetric == (other is t)
    assert pairs > 4


def test_dipole_of_a_rock_salt_octopole_face():
    top_f = terminations(CRYSTALS["LiF"], (1, 1, 1))[0]
    spacing = CRYSTALS["LiF"].lattice.a / np.sqrt(3)
    assert top_f.dipole_eA == pytest.approx(-spacing / 2, rel=1e-6)
    area = CRYSTALS["LiF"].lattice.a ** 2 * np.sqrt(3) / 4
    assert top_f.surface_charge_e_A2 == pytest.approx(-0.5 / area, rel=1e-6)


def test_zinc_blende_turned_round_shows_the_other_elements():
    upwards, downwards = (faces_of("GaAs", m) for m in ((1, 1, 1), (-1, -1, -1)))
    assert [label.split(" on top, ")[0] for label, *_ in upwards] == ["Ga 3/4", "As 1/4"]
    assert [label.split(" on top, ")[0] for label, *_ in downwards] == ["As 3/4", "Ga 1/4"]


@pytest.mark.parametrize("miller", [(0, 0, 1), (0, 1, 2), (1, 0, 0), (1, 0, 4), (1, 1, 0)])
def test_phosphate_faces_have_cuts_that_keep_every_phosphate(any_lagp, miller):
    listed = terminations(any_lagp[0], miller)
    whole = [t for t in listed if not t.units_cut]
    assert whole
    assert listed[: len(whole)] == whole
    assert not listed[0].polar
    assert all(("P-O" in t.broken_bonds) == (t.units_cut > 0) for t in listed)
    assert {t.index for t in listed} == set(range(len(listed)))
    assert len({t.rises for t in listed}) == len(listed)


def test_a_planar_cut_between_units_is_listed_once():
    listed = terminations(CRYSTALS["Li2CO3"], (0, 0, 1))
    layers = [np.floor(t.rises).astype(int) for t in listed]
    separated = {tuple((x - x[0]).tolist()) for x in layers}
    assert len(separated) == len(listed)


LLZTO_FACES = [(0, 0, 1), (1, 1, 0), (1, 1, 1)]


@pytest.mark.parametrize("miller", LLZTO_FACES)
def test_garnet_faces_have_several_cuts_without_dipole_that_keep_every_octahedron(llzto, miller):
    """ZrO6 and TaO6 share no oxygen: such a cut breaks La-O and Li-O alone, as no plane without dipole does."""
    face = crystal_face(llzto[0], miller)
    listed = terminations(llzto[0], miller)
    good = [t for t in listed if not (t.polar or t.shells_cut)]
    assert len(good) >= 3
    assert listed[: len(good)] == good
    for t in good:
        assert t.rough
        assert set(t.broken_bonds) == {"La-O", "Li-O"}
        assert not {"Zr", "Ta"} & {element for element, *_ in t.coordination}
        assert abs(t.surface_charge_e_A2) <= 0.5 / face.area_A2 + 1e-6, "one more ion moved would not make it less"
        spread = (t.charge_before_e_A2 - t.surface_charge_e_A2) * face.area_A2
        assert abs(spread) == pytest.approx(t.spread, abs=1e-6)
    planes = [t for t in listed if not t.rough]
    assert all(t.polar or t.shells_cut for t in planes)
    assert all(bool({"Zr-O", "Ta-O"} & set(t.broken_bonds)) == (t.shells_cut > 0) for t in listed)
    spoiling = [t.broken_valence_A2 for t in listed if t.rough and t.shells_cut]
    assert min(spoiling, default=0.0) < good[0].broken_valence_A2, "a shell is given up to break less elsewhere"


def test_planes_that_spoil_no_shell_come_before_rough_cuts(any_lagp):
    """LAGP: GeO6 shares each oxygen with PO4, so that no shell can stay whole and a plane will do."""
    for miller in ((0, 0, 1), (0, 1, 2), (1, 0, 0)):
        listed = terminations(any_lagp[0], miller)
        assert not listed[0].rough
        assert not listed[0].polar
        sound = [t.rough for t in listed if not (t.polar or t.units_cut)]
        assert sound == sorted(sound)
        assert all(t.shells_cut == 0 for t in listed)


def test_a_rough_cut_is_listed_once_and_is_no_plane(llzto):
    for miller in LLZTO_FACES:
        layers = [np.floor(t.rises).astype(int) for t in terminations(llzto[0], miller)]
        assert len({tuple((x - x[0]).tolist()) for x in layers}) == len(layers)


def shown(bulk, miller) -> list[tuple]:
    """All of a list that does not depend on the frame."""
    return [
        (t.label, t.broken_bonds, t.coordination, t.tasker, round(abs(t.surface_charge_e_A2), 4), t.symmetric,
         t.flipped, t.units_cut, t.shells_cut, t.rough, round(t.broken_valence_A2, 4))
        for t in terminations(bulk, miller)
    ]  # fmt: skip


CELLS = st.lists(st.integers(-1, 1), min_size=9, max_size=9).map(lambda x: np.array(x).reshape(3, 3))
CASES = [("Si", (1, 1, 1)), ("LiF", (1, 1, 1)), ("Li2O", (1, 1, 1)), ("Al2O3", (0, 0, 1)), ("LAGP", (0, 1, 2))]
CASES += [("LLZTO", (0, 0, 1)), ("LLZO", (1, 0, 1))]
REFERENCE: dict[tuple, list[tuple]] = {}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    case=st.sampled_from(CASES),
    cell=CELLS.filter(lambda m: 1 <= abs(round(np.linalg.det(m))) <= 2),
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1),
    angle=st.floats(0, 360),
    shift=st.tuples(*[st.floats(0, 1)] * 3),
    seed=st.integers(0, 99),
)
def test_frame_origin_cell_and_order_of_the_input_change_nothing(lagp, llzto, case, cell, axis, angle, shift, seed):
    name, miller = case
    bulk = {"LAGP": lagp[0], "LLZTO": llzto[0], **CRYSTALS}[name]
    if case not in REFERENCE:
        REFERENCE[case] = shown(bulk, miller)
    other = bulk.copy()
    conventional = np.array(bulk.properties.get("conventional", np.eye(3)))
    other.make_supercell(cell)
    other.translate_sites(range(len(other)), shift)
    order = np.random.default_rng(seed).permutation(len(other))
    other = Structure.from_sites([other[k] for k in order])
    turned = Lattice(other.lattice.matrix @ rotation(axis, angle).T)
    properties = {"conventional": (conventional @ np.linalg.inv(cell)).tolist()}
    other = Structure(turned, other.species, other.frac_coords, properties=properties)
    assert shown(other, miller) == REFERENCE[case]


def rotation(axis, degrees) -> np.ndarray:
    """Rodrigues' formula."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(np.radians(degrees)) * cross + (1 - np.cos(np.radians(degrees))) * cross @ cross


@pytest.mark.parametrize("name", ["LiF", "Li2O", "Al2O3", "Li2CO3", "GaAs", "Si", "LiOH"])
@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 0), (1, 1, 1), (0, 1, 2)])
def test_a_cut_runs_between_planes_and_shows_the_one_below_it(name, miller):
    face = crystal_face(CRYSTALS[name], miller)
    for t in terminations(CRYSTALS[name], miller):
        rises = np.array(t.rises)
        assert (np.abs(rises - np.round(rises)) * face.spacing_A).min() > 0.5 * PLANE_A * 0.99
        below = (rises % 1.0) * face.spacing_A
        top = below > below.max() - 1e-3
        shown = Counter(s for s, highest in zip(face.atoms.symbols, top, strict=True) if highest)
        assert all(t.top_plane[symbol] >= n for symbol, n in shown.items())
        assert 0 <= t.height < 1


@pytest.mark.parametrize("name", ["LiF", "Li2O", "Al2O3", "Li2CO3", "GaAs"])
def test_the_surface_charge_is_the_dipole_of_the_atoms_as_cut(name):
    """Each atom put where the cut counts it; the dipole is the mean over one repeat, whatever the origin."""
    for miller in ((1, 0, 0), (1, 1, 1), (0, 0, 1)):
        face = crystal_face(CRYSTALS[name], miller)
        for t in (t for t in terminations(CRYSTALS[name], miller) if not t.units_cut):
            repeats = np.floor(t.rises)
            heights = face.atoms.positions[:, 2] - repeats * face.spacing_A
            assert t.dipole_eA == pytest.approx(face.charges @ heights, abs=1e-6)
            assert t.surface_charge_e_A2 == pytest.approx(t.dipole_eA / face.area_A2 / face.spacing_A, abs=1e-9)
            assert t.polar == (abs(t.surface_charge_e_A2) > POLAR_E_A2)


def test_the_dipole_of_a_cut_is_what_each_further_repeat_adds_to_a_slab():
    """Al2O3 (0 0 1) ended by oxygen, stacked by hand: the dipole grows by that of one repeat each time."""
    bulk, t = CRYSTALS["Al2O3"], next(t for t in terminations(CRYSTALS["Al2O3"], (0, 0, 1)) if t.polar)
    face = crystal_face(bulk, (0, 0, 1))
    lowest = face.atoms.positions[:, 2] - np.floor(t.rises) * face.spacing_A
    dipoles = [sum(face.charges @ (lowest + n * face.spacing_A) for n in range(count)) for count in (1, 2, 3)]
    assert np.diff(dipoles) == pytest.approx([t.dipole_eA] * 2, abs=1e-6)
    assert abs(t.dipole_eA) > 1


@pytest.mark.parametrize("name", ["LiF", "Li2O", "Al2O3"])
@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 1), (0, 0, 1)])
def test_charges_decide_polarity_and_not_where_the_cuts_are(name, miller):
    """Bonds of metal and non-metal stay too (without charges, those of two metals come to them)."""
    bare = CRYSTALS[name].copy()
    bare.remove_oxidation_states()
    charged, plain = terminations(CRYSTALS[name], miller), terminations(bare, miller)
    assert all(t.tasker is None and t.dipole_eA is None and not t.polar for t in plain)
    area = crystal_face(bare, miller).area_A2
    for t in plain:
        assert t.broken_valence_A2 * area == pytest.approx(sum(t.broken_bonds.values()))
    pair = next(iter(charged[0].broken_bonds))
    shown = [
        sorted((round(t.height, 4), t.broken_bonds[pair], t.symmetric) for t in found) for found in (charged, plain)
    ]
    assert shown[0] == shown[1]


@pytest.mark.parametrize("name", ["LiF", "Li2O", "Al2O3"])
def test_a_crystal_two_percent_larger_has_the_same_cuts_with_smaller_charges(name):
    larger = CRYSTALS[name].copy()
    larger.scale_lattice(1.02**3 * larger.volume)
    for one, other in zip(terminations(CRYSTALS[name], (1, 1, 1)), terminations(larger, (1, 1, 1)), strict=True):
        assert (one.label, one.broken_bonds, one.tasker) == (other.label, other.broken_bonds, other.tasker)
        assert other.dipole_eA == pytest.approx(1.02 * one.dipole_eA, abs=1e-6)
        assert other.surface_charge_e_A2 == pytest.approx(one.surface_charge_e_A2 / 1.02**2, abs=1e-6)
        assert other.broken_valence_A2 == pytest.approx(one.broken_valence_A2 / 1.02**2)


def test_pauling_strengths_weigh_what_a_cut_breaks():
    """LiF: six bonds of 1/6 each on Li; Li2O: four of 1/4; Al2O3: six of 1/2."""
    for name, strength in (("LiF", 1 / 6), ("Li2O", 1 / 4), ("Al2O3", 1 / 2)):
        for miller in ((1, 0, 0), (1, 1, 1), (0, 0, 1)):
            area = crystal_face(CRYSTALS[name], miller).area_A2
            for t in terminations(CRYSTALS[name], miller):
                assert t.broken_valence_A2 * area == pytest.approx(strength * sum(t.broken_bonds.values()))


def test_the_best_cut_comes_first():
    for name in CRYSTALS:
        for miller in ((1, 0, 0), (1, 1, 1)):
            listed = terminations(CRYSTALS[name], miller)
            assert [t.index for t in listed] == list(range(len(listed)))
            ranks = [(t.units_cut > 0, t.polar, t.shells_cut > 0, t.rough) for t in listed]
            assert ranks == sorted(ranks)
            for group in set(ranks):
                within = [t for t, rank in zip(listed, ranks, strict=True) if rank == group]
                costs = [t.broken_valence_A2 + abs(t.surface_charge_e_A2) for t in within]
                assert costs == pytest.approx(sorted(costs), abs=1e-4)
