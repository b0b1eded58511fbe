import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.errors import RequestError
from interlith.structures.matching import find_interfaces, find_matches, no_match, smallest_strain
from interlith.structures.strains import IN_HALVES, ON_A, ON_B, StrainRule, common_cell
from interlith.structures.sublattices import holohedry, sublattices

SQUARE = np.eye(2) * 3.0
HEXAGONAL = np.array([[1.0, 0.0], [-0.5, np.sqrt(3) / 2]])
OBLIQUE = np.array([[3.0, 0.0], [0.8, 4.1]])
UNIT = np.eye(2, dtype=int)[None]


def lattice(a, ratio, angle):
    return np.array([[a, 0.0], [a * ratio * np.cos(np.radians(angle)), a * ratio * np.sin(np.radians(angle))]])


def rotation(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s], [-s, c]])


LATTICES = st.builds(lattice, st.floats(2.5, 4.0), st.floats(1.0, 1.8), st.floats(55, 125))
REINDEXINGS = st.sampled_from(
    [np.array(m) for m in ([[1, 1], [0, 1]], [[0, 1], [-1, 0]], [[1, 0], [-2, 1]], [[2, 1], [1, 1]], [[0, 1], [1, 0]])]
)


def numbers(matches):
    return np.array([[m.area_A2, *np.abs(m.strain_a), *np.abs(m.strain_b)] for m in matches]).reshape(-1, 5)


def as_sets(rows):
    rounded = np.round(rows, 6)
    return rounded[np.lexsort(rounded.T)]


def rational_map(match):
    (a, b), (c, d) = match.cells_a
    det = a * d - b * c
    numerator = np.array([[d, -b], [-c, a]]) @ np.array(match.cells_b)
    return tuple(Fraction(int(x), det) for x in numerator.ravel())


def brute_force_maps(surface_a, surface_b, max_area, max_strain, reach):
    """Every map of a cell of A (Hermite normal form) onto integer combinations of B up to `reach`."""
    maps = set()
    entries = np.array(list(product(range(-reach, reach + 1), repeat=4))).reshape(-1, 2, 2)
    entries = entries[np.rint(np.linalg.det(entries)) > 0]
    largest = int(max_area / np.linalg.det(surface_a))
    for p, q in product(range(1, largest + 1), repeat=2):
        for r in range(q if p * q <= largest else 0):
            cell = np.array([[p, r], [0, q]])
            stretch = np.linalg.svd(np.linalg.solve((cell @ surface_a)[None], entries @ surface_b), compute_uv=False)
            for rows in entries[(np.abs(1 / stretch - 1) <= max_strain).all(1)]:
                det, numerator = p * q, np.array([[q, -r], [0, p]]) @ rows
                maps.add(tuple(Fraction(int(x), det) for x in numerator.ravel()))
    return maps


@pytest.mark.parametrize(
    ("surface_a", "surface_b", "strain"),
    [
        (OBLIQUE, lattice(2.9, 1.2, 71), 0.12),
        (SQUARE, lattice(3.1, 1.1, 80), 0.1),
        (HEXAGONAL * 3.3, SQUARE, 0.15),
        (lattice(2.6, 1.7, 64), OBLIQUE, 0.3),
    ],
)
def test_without_symmetry_every_map_of_a_brute_force_search_is_found_once(surface_a, surface_b, strain):
    area = 3.2 * np.linalg.det(surface_a)
    found = find_interfaces(surface_a, surface_b, max_area_A2=area, max_strain=strain, symmetry_a=UNIT, symmetry_b=UNIT)
    maps = [rational_map(m) for m in found]
    assert len(maps) == len(set(maps))
    assert set(maps) == brute_force_maps(surface_a, surface_b, area, strain, reach=6)


@settings(max_examples=30, deadline=None)
@given(LATTICES, LATTICES, REINDEXINGS, REINDEXINGS, st.floats(0, 360))
def test_the_choice_of_vectors_and_of_axes_changes_nothing(surface_a, surface_b, on_a, on_b, angle):
    limits = {"max_area_A2": 60, "max_strain": 0.0617}
    turned = on_b @ surface_b @ rotation(angle)
    for find in (find_matches, find_interfaces):
        before, after = find(surface_a, surface_b, **limits), find(on_a @ surface_a, turned, **limits)
        np.testing.assert_allclose(numbers(after), numbers(before), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(LATTICES, LATTICES, st.floats(0, 1))
def test_naming_the_sides_the_other_way_round_exchanges_them(surface_a, surface_b, share):
    limits = {"max_area_A2": 60, "max_strain": 0.0617}
    one_way = find_interfaces(surface_a, surface_b, **limits, rule=StrainRule(share, "a share"))
    other_way = find_interfaces(surface_b, surface_a, **limits, rule=StrainRule(1 - share, "a share"))
    np.testing.assert_allclose(
        as_sets(numbers(other_way)[:, [0, 3, 4, 1, 2]]), as_sets(numbers(one_way)), rtol=0, atol=2e-6
    )


@settings(max_examples=30, deadline=None)
@given(LATTICES, LATTICES, st.floats(0, 1))
def test_a_match_is_what_it_says(surface_a, surface_b, share):
    rule = StrainRule(share, "a share")
    matches = find_matches(surface_a, surface_b, max_area_A2=70, max_strain=0.05, rule=rule)
    assert (np.diff([m.area_A2 for m in matches]) > -1e-6).all()
    for m in matches:
        super_a, super_b = np.array(m.cells_a) @ surface_a, np.array(m.cells_b) @ surface_b
        cell = common_cell(super_a, super_b, rule)
        assert np.linalg.det(cell) == pytest.approx(m.area_A2)
        assert m.area_A2 <= 70 * (1 + 1e-8) and m.max_strain <= 0.05 + 1e-8
        for rows, strain in ((super_a, m.strain_a), (super_b, m.strain_b)):
            stretches = np.linalg.svd(np.linalg.solve(rows, cell), compute_uv=False)
            np.testing.assert_allclose(np.sort(stretches - 1), np.sort(strain), atol=1e-9)


def test_the_sides_meet_at_the_same_cell_for_every_share():
    super_a, super_b = OBLIQUE, OBLIQUE @ np.diag([1.04, 0.97]) @ rotation(33)
    np.testing.assert_allclose(common_cell(super_a, super_b, ON_B), OBLIQUE, atol=1e-9)
    on_a = common_cell(super_a, super_b, ON_A)
    np.testing.assert_allclose(on_a @ on_a.T, super_b @ super_b.T)
    halves = common_cell(super_a, super_b, IN_HALVES)
    backwards = common_cell(super_b, super_a, IN_HALVES)
    np.testing.assert_allclose(halves, backwards, atol=1e-9)


@pytest.mark.parametrize(
    ("surface", "order"),
    [(SQUARE, 8), (HEXAGONAL, 12), (lattice(3, 1.3, 90), 4), (lattice(3, 1, 75), 4), (OBLIQUE, 2)],
)
def test_the_symmetry_of_a_lattice_and_of_the_same_lattice_in_other_vectors(surface, order):
    assert len(holohedry(surface)) == len(holohedry(np.array([[2, 1], [1, 1]]) @ surface)) == order


def test_the_number_of_sublattices_is_the_sum_of_divisors():
    counts = np.bincount(sublattices(OBLIQUE, 12).index)
    assert counts.tolist() == [0] + [sum(d for d in range(1, n + 1) if n % d == 0) for n in range(1, 13)]


def test_the_hands_of_an_oblique_lattice_are_kept_apart():
    mirrored = OBLIQUE * [-1, 1]
    limits = {"max_area_A2": 1.5 * np.linalg.det(OBLIQUE), "max_strain": 0.01}
    assert len(find_interfaces(OBLIQUE, OBLIQUE, **limits)) == 1
    assert find_interfaces(OBLIQUE, mirrored, **limits) == []
    assert find_matches(OBLIQUE, mirrored, **limits) == []


def test_the_atoms_decide_which_orientations_are_the_same():
    sixfold = holohedry(HEXAGONAL)
    rotations = sixfold[np.rint(np.linalg.det(sixfold)) > 0]
    threefold = np.array([r for r in rotations if np.allclose(np.linalg.matrix_power(r, 3), np.eye(2))])
    limits = {"max_area_A2": 1.0, "max_strain": 0.01}
    by_group = {
        len(group): find_interfaces(HEXAGONAL, HEXAGONAL, **limits, symmetry_a=group, symmetry_b=group)
        for group in (UNIT, threefold, rotations)
    }
    assert {order: len(found) for order, found in by_group.items()} == {1: 6, 3: 2, 6: 1}
    assert [abs(m.twist_deg) for m in by_group[3]] == pytest.approx([0, 60])


def test_mirror_images_are_one_interface_only_if_both_sides_have_the_mirror():
    full, limits = holohedry(SQUARE), {"max_area_A2": 46.0, "max_strain": 0.001}
    apart = find_interfaces(SQUARE, SQUARE, **limits)
    assert sorted(round(m.twist_deg, 1) for m in apart if m.area_A2 > 40) in ([-36.9, 36.9], [-53.1, 53.1])
    one_sided = find_interfaces(SQUARE, SQUARE, **limits, symmetry_a=full)
    together = find_interfaces(SQUARE, SQUARE, **limits, symmetry_a=full, symmetry_b=full)
    assert (len(apart), len(one_sided), len(together)) == (3, 3, 2)


def test_one_cell_of_lagp_carries_lithium_111():
    lagp, lithium = HEXAGONAL * 8.29, HEXAGONAL * 3.436 * np.sqrt(2)
    first = find_matches(lagp, lithium, max_area_A2=200, max_strain=0.05)[0]
    assert abs(np.linalg.det(first.cells_a)) == pytest.approx(1)
    assert abs(np.linalg.det(first.cells_b)) == pytest.approx(3)
    assert first.strain_b == pytest.approx([8.29 / (3.436 * np.sqrt(6)) - 1] * 2)


def test_no_match_says_the_smallest_strain_that_would_do():
    surface_b, limits = SQUARE * 1.2, {"max_area_A2": 10.0}
    least = smallest_strain(SQUARE, surface_b, **limits)
    assert least == pytest.approx(1 - 1 / 1.2)
    assert find_matches(SQUARE, surface_b, **limits, max_strain=least - 1e-6) == []
    assert len(find_matches(SQUARE, surface_b, **limits, max_strain=least + 1e-6)) == 1
    error = no_match(SQUARE, surface_b, **limits, max_strain=0.05)
    assert "16.67 %" in str(error) and "10 Å²" in str(error) and error.exit_status == 2
    assert "9.0 Å²" in str(no_match(SQUARE, SQUARE, max_area_A2=5.0, max_strain=0.05))


@pytest.mark.parametrize(
    ("surface", "limits", "told"),
    [
        ([[1.0, 0.0], [2.0, 0.0]], {"max_area_A2": 10, "max_strain": 0.1}, "[[1.0, 0.0], [2.0, 0.0]]"),
        (SQUARE, {"max_area_A2": -3, "max_strain": 0.1}, "-3 Å²"),
        (SQUARE, {"max_area_A2": 10, "max_strain": 5}, "strain 5 "),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(surface, limits, told):
    with pytest.raises(RequestError, match=re.escape(told)):
        find_matches(surface, SQUARE, **limits)


def test_an_operation_of_another_lattice_is_refused():
    with pytest.raises(RequestError, match="symmetry_b"):
        find_interfaces(SQUARE, OBLIQUE, max_area_A2=20, max_strain=0.1, symmetry_b=holohedry(SQUARE))
