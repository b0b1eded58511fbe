import numpy as np
import pytest
from ase.build import molecule
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from interlith.structures.clearances import courses, footprint, image_distance_A, smallest_cell
from interlith.structures.sublattices import sublattices

SURFACES = {
    "square": np.array([[3.0, 0], [0, 3.0]]),
    "hexagonal": np.array([[2.6, 0], [-1.3, 1.3 * np.sqrt(3)]]),
    "oblique": np.array([[4.1, 0], [-0.9, 5.3]]),
}
STEPS = np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4) if (i, j) != (0, 0)])


def nearest_image(places, lattice):
    """By hand: the molecule against itself moved by every vector up to three cells away."""
    moves = np.column_stack([STEPS @ lattice, np.zeros(len(STEPS))])
    return min(cdist(places, places + move).min() for move in moves)


def rod(length, angle, n=6):
    """Atoms in a row in the plane."""
    along = np.linspace(0, length, n)
    return np.column_stack([along * np.cos(angle), along * np.sin(angle), np.zeros(n)])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(SURFACES)),
    st.floats(0.5, 6),
    st.lists(st.tuples(st.floats(0, 8), st.floats(0, np.pi)), min_size=1, max_size=3),
)
def test_the_cell_keeps_every_pose_apart_and_no_smaller_one_does(name, clearance, rods):
    surface, poses = SURFACES[name], [rod(*r) for r in rods]
    rows = smallest_cell(surface, poses, clearance)
    area = round(np.linalg.det(rows))
    assert area >= 1
    assert all(nearest_image(p, rows @ surface) >= clearance - 1e-6 for p in poses)
    smaller = sublattices(surface, area - 1).rows if area > 1 else []
    assert not any(all(nearest_image(p, r @ surface) >= clearance for p in poses) for r in smaller)


def test_an_atom_gets_the_most_compact_cell():
    """Three of 3 Å squares in a row would do for 3 Å; for 6 Å four cells must be a square of two by two."""
    rows = smallest_cell(SURFACES["square"], [np.zeros((1, 3))], 6.0)
    assert sorted(np.abs(rows).ravel()) == [0, 0, 2, 2]
    assert np.linalg.det(rows) > 0


def test_a_rod_takes_its_length_and_its_width():
    rows = smallest_cell(SURFACES["square"], [rod(12, 0)], 6.0)
    assert round(np.linalg.det(rows)) == 12, "18 Å long, 6 Å wide: 108 Å²"


@pytest.mark.parametrize("name", SURFACES)
def test_the_distance_to_images_is_that_of_every_pair(name):
    lattice = 3 * SURFACES[name]
    places = np.random.default_rng(0).uniform(0, 6, (7, 3))
    assert image_distance_A(places, lattice) == pytest.approx(nearest_image(places, lattice))
    assert image_distance_A(places[:1], lattice) == pytest.approx(np.linalg.norm(lattice, axis=1).min(), rel=0.2)


def test_the_shadow_of_an_atom_is_a_disc():
    lattice, carbon = 12 * np.eye(2), np.array([6])
    share = np.pi * 1.77**2 / 144
    one = footprint(np.array([[0.0, 0, 0]]), carbon, lattice)
    assert one == pytest.approx(share, rel=0.05)
    assert footprint(np.array([[25.0, -11.0, 4]]), carbon, lattice) == pytest.approx(share, rel=0.05), "any image"
    above = np.array([[0.0, 0, 0], [0, 0, 3]])
    assert footprint(above, np.array([6, 6]), lattice) == one, "one shadow"
    apart = np.array([[0.0, 0, 0], [6, 6, 0]])
    assert footprint(apart, np.array([6, 6]), lattice) == pytest.approx(2 * share, rel=0.05)


def test_a_dense_layer_covers_everything():
    assert footprint(np.zeros((1, 3)), np.array([6]), 2.0 * np.eye(2)) == 1.0


@pytest.mark.parametrize("name", SURFACES)
def test_chains_run_along_every_direction_once_and_keep_their_distance(name):
    surface = SURFACES[name]
    found = courses(surface, 2.5, 16.0)
    steps = {c.step for c in found}
    assert not any((-i, -j) in steps for i, j in steps)
    assert len(found) == pytest.approx(np.pi * 16**2 / np.linalg.det(surface) / 2, rel=0.15)
    assert np.diff([c.length_A for c in found]).min() > -1e-6, "shortest first"
    for course in found:
        vector = np.array(course.step) @ surface
        assert course.length_A == pytest.approx(np.linalg.norm(vector))
        assert course.length_A == pytest.approx(course.periods * 2.5 * (1 + course.stretch))
        rows = course.cell(surface, 7.0)
        assert tuple(rows[0]) == course.step
        first, second = rows @ surface
        area = first[0] * second[1] - first[1] * second[0]
        rise = np.linalg.det(surface) * np.gcd(*course.step) / course.length_A
        assert 7.0 - 1e-6 <= area / course.length_A < 7.0 + rise, "the next row of the lattice beyond 7 Å"
        assert abs(first @ second) <= (first @ first) / np.gcd(*course.step) / 2 + 1e-6, "sheared least"


def test_a_chain_is_never_stretched_by_more_than_half_a_period():
    assert all(
        abs(c.stretch) * c.periods <= 0.5 + 1e-9 for c in courses(SURFACES["square"], 7.3, 40.0) if c.periods > 1
    )


@pytest.mark.parametrize(
    ("name", "lattice"),
    [
        ("C6H6", [[7.0, 0], [-2.2, 8.1]]), ("C6H6", [[4.5, 0], [1.0, 5.0]]), ("CH3CH2OCH3", [[12.0, 0], [3.0, 11.0]]),
    ],
)  # fmt: skip
def test_the_shadow_is_what_darts_find(name, lattice):
    """Darts thrown at the cell hit the discs of the van der Waals radii (10.1039/c3dt50599e) as often as it says."""
    radii = {"H": 1.20, "C": 1.77, "O": 1.50}
    flat, lattice = molecule(name), np.array(lattice)
    darts = np.random.default_rng(0).random((60_000, 2)) @ lattice
    around = np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4)]) @ lattice
    hit = np.zeros(len(darts), dtype=bool)
    low, high = darts.min(axis=0) - 2, darts.max(axis=0) + 2
    for atom in flat:
        for image in atom.position[:2] + around:
            if (image > low).all() and (image < high).all():
                hit |= ((darts - image) ** 2).sum(axis=1) < radii[atom.symbol] ** 2
    for moved in ([0.0, 0, 0], [1.23, 4.56, 7.8]):
        shadow = footprint(flat.positions + moved, flat.numbers, lattice)
        assert shadow == pytest.approx(hit.mean(), abs=0.008)  # 0.002 of it chance


def test_a_turn_of_the_whole_keeps_the_shadow():
    flat, lattice = molecule("C6H6"), np.array([[7.0, 0], [-2.2, 8.1]])
    turn = np.array([[np.cos(0.7), np.sin(0.7)], [-np.sin(0.7), np.cos(0.7)]])
    turned = flat.positions.copy()
    turned[:, :2] = turned[:, :2] @ turn
    before, after = footprint(flat.positions, flat.numbers, lattice), footprint(turned, flat.numbers, lattice @ turn)
    assert after == pytest.approx(before, abs=0.008)
