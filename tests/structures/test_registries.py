import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc100, fcc110, fcc111, make_supercell
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.errors import RequestError
from interlith.structures.registries import displacement_cell, irreducible_shifts, plane_symmetry

GAP = 1.9


def side(build, symbol, size, length):
    """A slab whose surface atoms are `length` apart, `size` cells wide, with vacuum."""
    return build(symbol, (*size, 3), a=length * np.sqrt(2), vacuum=6)


def energy(lower, upper, shift):
    """The EMT energy per cell of one side on the other, displaced."""
    both = upper.copy()
    both.positions += [*(np.array(shift) @ upper.cell.array[:2, :2]), 0]
    both.positions[:, 2] += lower.positions[:, 2].max() + GAP - both.positions[:, 2].min()
    both = lower + both
    both.pbc = (True, True, False)
    both.calc = EMT()
    return both.get_potential_energy()


PAIRS = {
    "alike": (side(fcc100, "Al", (1, 1), 2.7), side(fcc100, "Cu", (1, 1), 2.7)),
    "two on three": (side(fcc100, "Al", (2, 2), 2.7), side(fcc100, "Cu", (3, 3), 1.8)),
    "hexagonal": (side(fcc111, "Al", (1, 1), 2.7), side(fcc111, "Cu", (1, 1), 2.7)),
    "repeated": (side(fcc111, "Al", (2, 2), 2.7), side(fcc111, "Cu", (2, 2), 2.7)),
    "rectangular": (side(fcc110, "Al", (1, 1), 2.7), side(fcc110, "Cu", (1, 1), 2.7)),
}


@pytest.mark.parametrize(
    ("name", "part"), [("alike", 1), ("two on three", 36), ("hexagonal", 1), ("repeated", 4), ("rectangular", 1)]
)
def test_the_torus_is_generated_by_both_lattices(name, part):
    assert abs(np.linalg.det(displacement_cell(*PAIRS[name]))) == pytest.approx(1 / part)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["alike", "two on three", "hexagonal", "repeated"]),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.integers(-2, 2), st.integers(-2, 2)),
)
def test_a_shift_by_a_vector_of_either_side_is_the_same_interface(name, shift, multiple):
    lower, upper = PAIRS[name]
    shift = np.array(shift)
    moved = shift + np.array(multiple) @ displacement_cell(lower, upper)
    assert energy(lower, upper, moved) == pytest.approx(energy(lower, upper, shift), abs=1e-6)


@pytest.mark.parametrize(("name", "steps", "order"), [("alike", 8, 8), ("hexagonal", 9, 6), ("rectangular", 6, 4)])
def test_the_irreducible_shifts_stand_for_all_others(name, steps, order):
    """The extremes of a dense grid are among far fewer shifts, the grid's number over the order of the symmetry."""
    lower, upper = PAIRS[name]
    few = irreducible_shifts(lower, upper, spacing_A=0.4)
    grid = [(i / steps, j / steps) for i in range(steps) for j in range(steps)]
    everywhere = np.array([energy(lower, upper, s) for s in grid])
    ours = np.array([energy(lower, upper, s) for s in few])
    assert 4 <= len(few) < 2.5 * len(grid) / order
    assert ours.min() <= everywhere.min() + 0.005
    assert ours.max() >= everywhere.max() - 0.005


def test_shifts_that_symmetry_makes_alike_have_one_energy_and_are_taken_once():
    lower, upper = PAIRS["alike"]
    few = irreducible_shifts(lower, upper, n=6)
    energies = [energy(lower, upper, s) for s in few]
    assert len({round(e, 6) for e in energies}) == len(few) == 6
    for x, y in few:
        images = [(y, x), (-x, y), (1 - y, 1 - x), (x + 1, y - 2)]
        assert [energy(lower, upper, s) for s in images] == pytest.approx([energy(lower, upper, (x, y))] * 4, abs=1e-6)


def test_the_first_shifts_are_the_special_ones():
    top_bridge_hollow = irreducible_shifts(*PAIRS["alike"], n=3)
    assert top_bridge_hollow.tolist() == [[0, 0], [0.5, 0.5], [0, 0.5]]
    on_hexagonal = irreducible_shifts(*PAIRS["hexagonal"], n=3) % 1
    assert np.sort(on_hexagonal[:, 0]) == pytest.approx([0, 1 / 3, 2 / 3])


def test_a_side_that_stands_elsewhere_only_moves_the_origin():
    lower, upper = PAIRS["alike"]
    moved = upper.copy()
    moved.positions[:, :2] += [0.37, 0.81]
    one, other = (sorted(energy(lower, u, s) for s in irreducible_shifts(lower, u, n=6)) for u in (upper, moved))
    assert other == pytest.approx(one, abs=1e-5)


def test_without_symmetry_the_whole_cell_is_left():
    rng = np.random.default_rng(1)
    rattled, upper = PAIRS["alike"][0].copy(), PAIRS["alike"][1]
    rattled.positions += rng.uniform(-0.1, 0.1, (len(rattled), 3))
    assert len(plane_symmetry(rattled).rotations) == 1
    assert abs(np.linalg.det(displacement_cell(rattled, upper))) == pytest.approx(1)
    perfect = irreducible_shifts(*PAIRS["alike"], spacing_A=0.5)
    assert len(irreducible_shifts(rattled, upper, spacing_A=0.5)) > 2 * len(perfect)


def test_no_more_registries_are_given_than_differ():
    # the torus of two on three is 0.9 Å wide, its irreducible part an eighth of that
    assert len(irreducible_shifts(*PAIRS["two on three"], n=100)) < 25
    assert len(irreducible_shifts(*PAIRS["two on three"], spacing_A=0.8)) == 1


def test_operations_found_on_a_supercell_are_those_of_the_cell():
    cell = side(fcc111, "Cu", (1, 1), 2.5)
    wide = make_supercell(cell, [[2, 1, 0], [0, 3, 0], [0, 0, 1]])
    assert len(plane_symmetry(cell).lattice_points) == 1
    points = plane_symmetry(wide).lattice_points
    assert len(points) == 6
    assert (np.abs(points * 6 - np.rint(points * 6)) < 1e-12).all()
    assert len(plane_symmetry(cell).point_group) == 6


def test_atoms_on_top_of_each_other_are_refused():
    with pytest.raises(RequestError, match="Cu2"):
        plane_symmetry(Atoms("Cu2", [[0, 0, 0], [0, 0, 0]], cell=[2, 2, 2], pbc=True))
