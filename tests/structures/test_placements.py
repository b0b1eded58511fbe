import time
from itertools import combinations

import numpy as np
import pytest
from adlayer_cases import ETHER, PEROXIDE, SLABS, twisted
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from scipy.spatial.transform import Rotation

from interlith.structures.placements import SAME_A, centred, contacts, lattice_vectors, placements, principal_frame
from interlith.structures.registries import plane_symmetry

GAP = 2.0


def posed(slab, guests, n=24, seed=0, gap_A=GAP):
    found = placements(slab, guests, n=n, gap_A=gap_A, seed=seed)
    return found, [p.positions(guests[p.conformer]) for p in found]


def together(slab, guest, places, cells=6):
    """The molecule on a piece of slab wide enough to be its only neighbour, and where the molecule begins."""
    wide = slab.repeat((cells, cells, 1))
    middle = np.floor(places.mean(axis=0)[:2] @ np.linalg.inv(slab.cell.array[:2, :2])) - cells // 2
    wide.positions[:, :2] += middle @ slab.cell.array[:2, :2]
    wide.pbc = False
    return wide + Atoms(guest.numbers, places), len(wide)


@pytest.mark.parametrize("name", SLABS)
def test_no_atom_is_nearer_than_its_contact_and_one_pair_touches(name):
    slab = SLABS[name]
    found, all_places = posed(slab, [ETHER, twisted(ETHER)])
    for pose, places in zip(found, all_places, strict=True):
        both, first = together(slab, ETHER, places, cells=8)
        apart = cdist(places, both.positions[:first])
        spare = apart - contacts(ETHER.numbers, both.numbers[:first], GAP)
        assert spare.min() == pytest.approx(0, abs=1e-9)
        assert pose.gap_A == pytest.approx(apart.min(), abs=1e-9)
        assert pose.gap_A >= GAP - 1e-9
        assert pose.height_A == pytest.approx(places[:, 2].min() - slab.positions[:, 2].max(), abs=1e-9)


@pytest.mark.parametrize("name", SLABS)
def test_the_way_up_is_free(name):
    """First contact on the way down: no higher place of the same pose touches the slab."""
    slab = SLABS[name]
    for places in posed(slab, [ETHER], n=6)[1]:
        for up in np.linspace(0.01, 6, 40):
            both, first = together(slab, ETHER, np.add(places, (0, 0, up)), cells=8)
            least = contacts(ETHER.numbers, both.numbers[:first], GAP)
            assert (cdist(both.positions[first:], both.positions[:first]) > least).all()


def test_the_molecule_is_rigid_and_never_mirrored():
    found, all_places = posed(SLABS["rough"], [PEROXIDE])
    for pose, places in zip(found, all_places, strict=True):
        assert pdist(places) == pytest.approx(pdist(PEROXIDE.positions), abs=1e-10)
        assert np.linalg.det(np.diff(places, axis=0)) == pytest.approx(
            np.linalg.det(np.diff(PEROXIDE.positions, axis=0))
        )
        w, x, y, z = pose.quaternion
        turned = Rotation.from_quat([x, y, z, w]).apply(PEROXIDE.positions - PEROXIDE.positions.mean(axis=0))
        assert turned + pose.centre == pytest.approx(places, abs=1e-10)


def test_the_rule_of_contact_knows_the_elements():
    z = {s: np.array([Atoms(s).numbers[0]]) for s in ("Li", "O", "H", "C", "La")}
    assert contacts(z["O"], z["Li"], 2.0) == pytest.approx(2.0)
    assert contacts(z["H"], z["H"], 1.2) == pytest.approx(0.8 * 2.4)
    assert contacts(z["O"], z["Li"], 1.2) == pytest.approx(0.66 + 1.28)
    assert contacts(z["C"], z["O"], 2.0) == pytest.approx(0.8 * (1.77 + 1.50))
    assert contacts(z["O"], z["La"], 2.2) == pytest.approx(2.07 + 0.66)
    assert contacts(z["O"], z["La"], 3.0) == 3.0


def test_a_wider_gap_lifts_every_pose():
    near, far = (posed(SLABS["square"], [ETHER], gap_A=g)[0] for g in (2.0, 3.0))
    assert all(b.height_A > a.height_A for a, b in zip(near, far, strict=True))
    assert min(p.gap_A for p in far) == pytest.approx(3.0)


@pytest.mark.parametrize(("conformers", "n"), [(1, 24), (2, 24), (3, 30)])
def test_as_many_as_asked_for_and_every_conformer_in_turn(conformers, n):
    guests = [ETHER, twisted(ETHER), twisted(twisted(ETHER))][:conformers]
    found, _ = posed(SLABS["square"], guests, n=n)
    assert len(found) == n
    used = np.bincount([p.conformer for p in found], minlength=conformers)
    assert used.max() - used.min() <= 2


def images_of(slab, places):
    """Every place that an operation of the slab gives the atoms, by hand, in fractions of the surface cell."""
    symmetry = plane_symmetry(slab)
    flat = places[:, :2] @ np.linalg.inv(slab.cell.array[:2, :2])
    return [(flat @ r + t, places[:, 2]) for r, t in zip(symmetry.rotations, symmetry.translations, strict=True)]


def test_no_two_poses_are_alike_by_symmetry():
    slab = SLABS["square"]
    _, all_places = posed(slab, [PEROXIDE])
    cell = slab.cell.array[:2, :2]
    for one, other in combinations(all_places, 2):
        for flat, heights in images_of(slab, one):
            off = flat - other[:, :2] @ np.linalg.inv(cell)
            off = (off - np.rint(off.mean(axis=0))) @ cell
            rms = np.sqrt((off**2).sum(axis=1) + (heights - other[:, 2]) ** 2)
            assert np.sqrt((rms**2).mean()) >= SAME_A - 1e-9


def test_an_atom_has_only_the_sites_of_the_irreducible_cell():
    """Al(100): a triangle of legs 1.43 Å holds some four to ten points half an ångström apart."""
    found, all_places = posed(SLABS["square"], [Atoms("Li")])
    assert 4 <= len(found) <= 10
    heights = [p[0, 2] for p in all_places]
    assert max(heights) - min(heights) > 0.5, "on top is higher than in the hollow"
    least = contacts(np.array([3]), np.array([13]), GAP).item()
    assert [p.gap_A for p in found] == pytest.approx([least] * len(found))


def test_a_wide_pore_swallows_nothing():
    slab = Atoms("Al", [[0, 0, 5]], cell=[12, 12, 20], pbc=True)
    found, _ = posed(slab, [Atoms("Li")])
    assert min(p.height_A for p in found) == pytest.approx(-3.0)
    assert min(p.gap_A for p in found) >= GAP - 1e-9


@pytest.mark.parametrize("conformers", [1, 2])
def test_poses_lie_and_stand_and_face_all_ways(conformers):
    found, _ = posed(SLABS["rough"], [ETHER, twisted(ETHER)][:conformers], n=64 * conformers)
    found = found[::conformers]
    long_axis = np.array([p.rotation @ principal_frame(ETHER)[0] for p in found])
    lying = np.abs(long_axis[:, 2]) < 1e-9
    assert lying.sum() == 48
    assert np.abs(long_axis[~lying, 2]).max() > 0.8
    sectors = np.floor(np.arctan2(long_axis[:, 1], long_axis[:, 0]) / (np.pi / 4)).astype(int)
    assert np.bincount(sectors[lying] + 4, minlength=8).min() >= 4
    up = np.array([p.rotation[2] @ principal_frame(ETHER)[2] for p in found])
    assert np.histogram(up[lying], bins=4, range=(-1, 1))[0].min() >= 8, "any roll"


def test_the_sites_fill_the_cell_evenly():
    slab = SLABS["rough"]
    found, _ = posed(slab, [ETHER], n=36)
    flat = np.array([p.centre[:2] for p in found]) @ np.linalg.inv(slab.cell.array[:2, :2]) % 1
    assert np.histogram2d(*flat.T, bins=3, range=[[0, 1], [0, 1]])[0].min() >= 2


def test_the_same_seed_gives_the_same_poses_and_another_seed_others():
    one, again, other = (np.concatenate(posed(SLABS["rough"], [ETHER], seed=s)[1]) for s in (3, 3, 4))
    assert (one == again).all()
    assert np.abs(one - other).max() > 1


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([PEROXIDE, twisted(ETHER), molecule("CH3CHO"), Atoms("OF", [[0, 0, 0], [1.4, 0, 0]])]),
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.tuples(*[st.floats(-30, 30)] * 3),
    st.randoms(use_true_random=False),
)
def test_poses_do_not_depend_on_how_the_molecule_is_given(guest, angles, shift, random):
    order = random.sample(range(len(guest)), len(guest))
    moved = guest[order]
    moved.positions = Rotation.from_rotvec(angles).apply(moved.positions) + shift
    slab = SLABS["rough"]
    (before, old), (after, new) = posed(slab, [guest], n=8), posed(slab, [moved], n=8)
    assert [p.gap_A for p in after] == pytest.approx([p.gap_A for p in before], abs=1e-6)
    for one, other in zip(old, new, strict=True):
        for element in set(guest.numbers):  # where the molecule has a mirror, its atoms may have changed names
            apart = cdist(one[guest.numbers == element], other[moved.numbers == element])
            assert apart.min(axis=1) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", ["square", "hexagonal"])
def test_a_larger_cell_of_the_same_slab_gives_the_same_poses_again(name):
    slab = SLABS[name]
    one, other = (posed(s, [PEROXIDE], n=12)[0] for s in (slab, slab.repeat((2, 2, 1))))
    assert [p.height_A for p in one] == pytest.approx([p.height_A for p in other], abs=1e-6)


def test_poses_of_twenty_atoms_on_a_hundred_are_ready_within_a_second():
    slab = bulk("NaCl", "rocksalt", a=5.6, cubic=True).repeat((2, 2, 3))
    slab.positions += np.random.default_rng(0).normal(0, 0.05, slab.positions.shape)
    slab.cell[2, 2] += 15
    guest = Atoms("C20", Rotation.random(rng=0).apply(np.arange(20)[:, None] * [1.3, 0.3, 0]))
    guest.positions[1::2] += 0.5
    start = time.process_time()
    assert len(posed(slab, [guest])[0]) == 24
    assert time.process_time() - start < 1.0


def test_the_slab_is_left_as_it_was():
    slab = SLABS["square"].copy()
    placements(slab, [ETHER], n=4, gap_A=GAP, seed=0)
    assert slab == SLABS["square"]
    assert len(neighbor_list("i", slab, 2.0)) == 0


@pytest.mark.parametrize(
    "guest", [ETHER, PEROXIDE, molecule("C6H6"), Atoms("Li")], ids=["ether", "peroxide", "benzene", "atom"]
)
def test_the_frame_of_a_molecule_is_a_rotation_with_the_long_axis_first(guest):
    axes = principal_frame(guest)
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1)
    spread = (centred(guest.positions) @ axes.T).std(axis=0)
    assert spread[0] >= spread[1] - 1e-9
    assert spread[1] >= spread[2] - 1e-9


def test_the_frame_tells_head_from_tail():
    """Two atoms have no third moment of their places, but one of their numbers."""
    along = [principal_frame(Atoms("OF", [[0, 0, 0], [s * 1.4, 0, 0]]))[0] for s in (1, -1)]
    assert along[0] == pytest.approx([1, 0, 0])
    assert along[1] == pytest.approx([-1, 0, 0])


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(sorted(SLABS)))
def test_poses_do_not_depend_on_the_order_of_the_slab(random, name):
    slab = SLABS[name]
    shuffled = slab[random.sample(range(len(slab)), len(slab))]
    one, other = (posed(s, [PEROXIDE], n=6)[0] for s in (slab, shuffled))
    assert [p.height_A for p in one] == pytest.approx([p.height_A for p in other], abs=1e-9)
    assert [p.gap_A for p in one] == pytest.approx([p.gap_A for p in other], abs=1e-9)


def test_a_pose_that_is_turned_or_moved_takes_its_atoms_along():
    pose = posed(SLABS["rough"], [PEROXIDE], n=1)[0][0]
    turn = Rotation.from_euler("z", 37, degrees=True).as_matrix()
    before = pose.positions(PEROXIDE)
    assert pose.turned(turn).positions(PEROXIDE) == pytest.approx(before @ turn.T)
    assert pose.moved(np.array([1.0, -2.0, 3.0])).positions(PEROXIDE) == pytest.approx(np.add(before, (1, -2, 3)))
    assert pose.turned(turn).gap_A == pose.gap_A


@pytest.mark.parametrize("degrees", [0, 35, 120])
def test_what_is_laid_along_a_vector_lies_along_it_both_ways_and_at_any_roll(degrees):
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    found = placements(SLABS["rough"], [PEROXIDE], n=16, gap_A=GAP, seed=0, along=along)
    axes = np.array([p.rotation[:, 0] for p in found])
    assert np.abs(axes[:, :2] @ along) == pytest.approx(1)
    assert np.sign(axes[:, :2] @ along).tolist() == [1, -1] * 8
    rolls = np.degrees([np.arctan2(p.rotation[2, 1], p.rotation[2, 2]) for p in found])
    assert np.histogram(rolls, bins=4, range=(-180, 180))[0].min() >= 2


@pytest.mark.parametrize("reach", [0.1, 2.9, 3.0, 7.7])
def test_the_vectors_of_a_lattice_are_all_within_reach(reach):
    lattice = np.array([[3.0, 0], [-1.1, 2.9]])
    every = np.array([(i, j) for i in range(-9, 10) for j in range(-9, 10)]) @ lattice
    wanted = every[np.linalg.norm(every, axis=1) <= reach + 1e-9]
    found = lattice_vectors(lattice, reach)
    assert len(found) == len(wanted)
    assert cdist(found, wanted).min(axis=1) == pytest.approx(0, abs=1e-9)
