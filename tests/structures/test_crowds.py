"""Rigid molecules that push each other apart: gradient, images, rigidity, jams."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as ase_molecule
from ase.neighborlist import neighbor_list

from interlith.structures.crowds import Crowd, _Bodies, _Overlap, least_distances
from interlith.structures.distances import longest_bonds

CELL = np.array([[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [0.0, 0.0, 25.0]])


def a_slab() -> Atoms:
    """Six atoms on two levels, the lower one at z = 0."""
    slab = Atoms("Li3F3", cell=CELL, pbc=True)
    slab.set_scaled_positions([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0.5, 0.5, 0.1], [0.1, 0, 0.1], [0.2, 0.6, 0.1]])
    return slab


def a_crowd(molecules, *, least_A=2.0, ceiling_A=14.0) -> Crowd:
    numbers = np.concatenate([m.numbers for m in molecules])
    owner = np.repeat(np.arange(len(molecules)), [len(m) for m in molecules])
    return Crowd(a_slab(), numbers, owner, least_A, 3.5, ceiling_A)


def thrown(molecules, seed) -> np.ndarray:
    """Positions anywhere, inside and outside the cell, overlapping."""
    draw = np.random.default_rng(seed)
    return np.concatenate([m.positions + draw.uniform([-12, -12, 3], [12, 12, 13]) for m in molecules])


def closest_by_neighbour_list(crowd, places) -> float:
    """The least distance of a molecule to another, to the slab or to its own image, by ASE's list."""
    whole = Atoms(crowd.numbers, places, cell=crowd.slab.cell, pbc=True) + crowd.slab
    i, j, d, image = neighbor_list("ijdS", whole, 4.0)
    owner = np.concatenate([crowd.owner, np.full(len(crowd.slab), -1)])
    strange = (owner[i] != owner[j]) | (image.any(axis=1) & (owner[i] >= 0) & (i != j))
    return float(d[strange].min(initial=4.0))


MIXTURE = [ase_molecule(name) for name in ("CH3OCH3", "H2O", "CO2", "CH3CN")] + [Atoms("Li", [[0, 0, 0]])]


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_the_slope_of_the_overlap(seed):
    crowd = a_crowd(MIXTURE)
    draw = np.random.default_rng(seed)
    x = np.concatenate([np.zeros(15), draw.normal(0, [1e-7, 0.5, 2.0][seed], 15)])  # near and far from no turn
    overlap = _Overlap(crowd, _Bodies.of(thrown(MIXTURE, seed), crowd.owner))
    value, slope = overlap(x)
    assert value > 0.5
    steps = 1e-5 * np.eye(len(x))
    numeric = np.array([(overlap(x + h)[0] - overlap(x - h)[0]) / 2e-5 for h in steps])
    np.testing.assert_allclose(slope, numeric, atol=1e-5 * np.abs(slope).max())


@pytest.mark.parametrize("seed", range(4))
def test_molecules_are_set_apart_rigidly(seed):
    crowd, places = a_crowd(MIXTURE), thrown(MIXTURE, seed)
    assert not crowd.is_free(places)
    free = crowd.relieved(places)
    assert crowd.is_free(free)
    assert closest_by_neighbour_list(crowd, free) >= 2.0
    assert free[:, 2].min() > 3.45
    assert free[:, 2].max() < 14.05
    for k in range(len(MIXTURE)):
        own = crowd.owner == k
        before, after = (Atoms(crowd.numbers[own], p[own]) for p in (places, free))
        np.testing.assert_allclose(after.get_all_distances(), before.get_all_distances(), atol=1e-9)


def test_lattice_translations_change_nothing():
    crowd, places = a_crowd(MIXTURE), thrown(MIXTURE, 5)
    moved = places + (np.random.default_rng(1).integers(-2, 3, (5, 3)) * [1, 1, 0] @ CELL)[crowd.owner]
    origin = np.zeros(30)
    values = [_Overlap(crowd, _Bodies.of(p, crowd.owner))(origin)[0] for p in (places, moved)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_a_chain_longer_than_the_cell_turns_away_from_its_own_image():
    rod = Atoms("C8", [[1.3 * k, 0.0, 6.0] for k in range(8)])
    crowd = a_crowd([rod], ceiling_A=20.0)
    assert not crowd.is_free(rod.positions)
    tilted = crowd.relieved(rod.positions + [0, 0, 1e-3] * np.arange(8)[:, None])
    assert closest_by_neighbour_list(crowd, tilted) >= 2.0


def test_a_jam_is_told():
    crowd = a_crowd([ase_molecule("H2O")] * 60, ceiling_A=6.0)
    assert crowd.relieved(thrown([ase_molecule("H2O")] * 60, 1)) is None


@pytest.mark.parametrize("height", [8.0, 30.0])
def test_a_molecule_far_from_everything_is_brought_back_below_the_ceiling(height):
    water = ase_molecule("H2O")
    crowd = a_crowd([water], least_A=1.0)
    brought = crowd.relieved(water.positions + np.array([4.0, 4.0, height]))
    assert brought is not None and crowd.is_free(brought)


def test_elements_that_would_look_bonded_keep_farther_apart():
    numbers = np.array([1, 3, 8, 16])
    least = least_distances(numbers, 2.0)
    assert (least >= 2.0).all()
    assert (least > longest_bonds(numbers)).all()
    assert least[3, 3] > 2.5  # two sulphur atoms at 2.5 Å share a bond
    np.testing.assert_array_equal(least[1], 2.0)  # lithium may coordinate at 2 Å
    np.testing.assert_array_equal(least_distances(numbers, 3.5), 3.5)
