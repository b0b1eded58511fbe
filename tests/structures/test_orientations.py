import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.matching import find_matches
from interlith.structures.orientations import distinct_faces, scan_orientations
from interlith.structures.slabs import surface_vectors
from interlith.structures.strains import ON_B


def cubic(symbol, a):
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(a), [symbol], [[0, 0, 0]])


ALUMINIUM, COPPER = cubic("Al", 4.05), cubic("Cu", 3.615)


def test_faces_of_a_cube_and_how_many_there_are():
    faces = distinct_faces(COPPER, 2)
    # textbook multiplicities of the forms of m-3m
    expected = {(1, 0, 0): 6, (1, 1, 0): 12, (1, 1, 1): 8, (2, 1, 0): 24, (2, 1, 1): 24, (2, 2, 1): 24}
    assert faces == expected
    assert distinct_faces(COPPER.get_primitive_structure(), 2) == expected


def test_the_faces_of_a_form_are_all_there():
    triclinic = Structure(Lattice.from_parameters(3, 4, 5, 81, 93, 104), ["Li"], [[0, 0, 0]])
    faces = distinct_faces(triclinic, 1)
    assert set(faces.values()) == {2}
    assert len(faces) == 13  # (27 - 1) / 2: all indices but the opposite ones


def test_a_crystal_on_itself_is_unstrained_and_aligned():
    pairs = scan_orientations(COPPER, COPPER, max_miller=1, max_area_A2=10)
    same = {p.miller_a: p for p in pairs if p.miller_a == p.miller_b}
    assert list(same) == [(1, 1, 1), (1, 0, 0), (1, 1, 0)]
    for miller, pair in same.items():
        assert pair.match.max_strain == pytest.approx(0, abs=1e-9)
        assert pair.misorientation_deg == pytest.approx(0, abs=0.01)
        assert pair.match.area_A2 == pytest.approx(abs(np.linalg.det(surface_vectors(COPPER, miller))))
        assert pair.n_atoms == round(pair.match.area_A2 * 20 * 4 / 3.615**3)


def test_misorientation_of_known_pairs():
    pairs = scan_orientations(COPPER, COPPER, max_miller=1, max_area_A2=45, max_strain=0.03)
    angles = {(p.miller_a, p.miller_b): p.misorientation_deg for p in pairs}
    # (100) on (110) with a common <001> or <1-10>: half a right angle, or arccos(1/3)-like turns that contain it
    assert angles[(1, 0, 0), (1, 1, 0)] in (pytest.approx(45, abs=0.01), pytest.approx(62.7994, abs=0.01))
    assert max(angles.values()) <= 62.8  # Mackenzie: no two cubes are farther apart (10.1093/biomet/45.1-2.229)


def test_pairs_are_ranked_and_within_limits():
    pairs = scan_orientations(ALUMINIUM, COPPER, max_miller=1, max_area_A2=60, max_strain=0.03, k=2)
    areas = [p.match.area_A2 for p in pairs]
    assert areas == sorted(areas) and max(areas) <= 60
    assert all(p.match.max_strain <= 0.03 + 1e-9 for p in pairs)
    of_each = [(p.miller_a, p.miller_b) for p in pairs]
    assert max(of_each.count(pair) for pair in of_each) == 2
    first = pairs[0]
    again = find_matches(
        surface_vectors(ALUMINIUM, first.miller_a),
        surface_vectors(COPPER, first.miller_b),
        max_area_A2=60,
        max_strain=0.03,
        rule=ON_B,
    )
    assert again[0].cells_a == first.match.cells_a


def test_exchanging_the_crystals_exchanges_the_faces():
    limits = {"max_miller": 1, "max_area_A2": 40, "max_strain": 0.03}
    one_way = scan_orientations(ALUMINIUM, COPPER, **limits)
    other_way = scan_orientations(COPPER, ALUMINIUM, **limits)
    areas = [{(p.miller_a, p.miller_b): round(p.match.area_A2, 6) for p in one_way}]
    areas += [{(p.miller_b, p.miller_a): round(p.match.area_A2, 6) for p in other_way}]
    assert areas[0] == areas[1]


def test_a_disordered_crystal_is_scanned_on_its_average_lattice():
    lagp, lithium = load_crystal("LAGP")[0], load_crystal("Li")[0]
    pairs = scan_orientations(lagp, lithium, max_miller=1, max_area_A2=100)
    assert (pairs[0].miller_a, pairs[0].miller_b) == ((0, 0, 1), (1, 1, 1))
    assert np.linalg.det(pairs[0].match.cells_a) == pytest.approx(1)
    assert pairs[0].match.strain_a == pytest.approx([0, 0])  # the metal gives way


@pytest.mark.parametrize(
    ("limits", "told"), [({"max_miller": 0}, "max_miller 0"), ({"max_area_A2": 3.0}, "within 3 Å²"), ({"k": 0}, "k 0")]
)
def test_a_scan_without_result_is_an_error(limits, told):
    with pytest.raises(RequestError, match=told):
        scan_orientations(ALUMINIUM, COPPER, **({"max_miller": 1} | limits))
