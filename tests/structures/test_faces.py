import numpy as np
import pytest
from ase.build import bulk as bulk_atoms
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from interlith.structures.bonds import bond_counts, bonds
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.faces import conventional_axes, crystal_face, laid, reduced_miller, reduced_pair
from interlith.structures.slabs import oriented_bulk, surface_vectors

INDICES = st.tuples(*[st.integers(-3, 3)] * 3).filter(any)
CRYSTALS = {name: load_crystal(name)[0] for name in ("Li", "LiF", "Al2O3", "Li2CO3", "LiNO3", "Li3PO4_gamma")}
GAAS = Structure.from_spacegroup(216, Lattice.cubic(5.65), ["Ga3+", "As3-"], [[0, 0, 0], [0.25] * 3])
SHIFTED = CRYSTALS["Al2O3"].copy().translate_sites(range(len(CRYSTALS["Al2O3"])), [0.13, 0.27, 0.09])


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(CRYSTALS)), miller=INDICES)
def test_area_times_spacing_is_the_primitive_volume_and_the_normal_is_the_reciprocal_vector(name, miller):
    bulk = CRYSTALS[name]
    face = crystal_face(bulk, miller)
    primitive = bulk.get_primitive_structure()
    assert face.area_A2 * face.spacing_A == pytest.approx(primitive.volume, rel=1e-6)
    per_given_cell = bulk.lattice.d_hkl(face.miller) / face.spacing_A  # a centred lattice has planes in between
    assert per_given_cell == pytest.approx(round(per_given_cell), abs=1e-5)
    a, b, c = face.atoms.cell.array
    assert a[1] == a[2] == b[2] == 0
    assert a[0] > 0
    assert b[1] > 0
    assert c[2] > 0
    assert np.linalg.norm(a) <= np.linalg.norm(b) + 1e-6
    assert abs(a @ b) <= 0.5 * a @ a + 1e-4


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(sorted(CRYSTALS)), miller=INDICES)
def test_turning_the_crystal_changes_no_bond(name, miller):
    straight = oriented_bulk(CRYSTALS[name], (0, 0, 1))
    turned = oriented_bulk(CRYSTALS[name], miller)
    assert bond_counts(turned) == bond_counts(straight)
    carried = crystal_face(CRYSTALS[name], miller)
    vectors = carried.atoms.positions[carried.bonds.j] + carried.bonds.offset @ carried.atoms.cell.array
    lengths = np.linalg.norm(vectors - carried.atoms.positions[carried.bonds.i], axis=1)
    assert np.allclose(lengths, carried.bonds.distance)
    assert np.allclose(np.sort(bonds(turned).distance), np.sort(bonds(straight).distance), atol=1e-6)
    assert turned.get_volume() == pytest.approx(straight.get_volume())


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.floats(-20, 20), min_size=4, max_size=4), mix=st.integers(-3, 3))
def test_reduced_vectors_do_not_depend_on_the_basis(rows, mix):
    vectors = np.array(rows).reshape(2, 2)
    assume(np.linalg.det(vectors) > 1.0)
    skewed = np.array([[1, mix], [0, 1]]) @ vectors
    lengths = [np.linalg.norm(reduced_pair(v) @ v, axis=1) for v in (vectors, skewed)]
    assert np.allclose(*lengths, atol=1e-4)
    assert np.linalg.det(reduced_pair(skewed)) == pytest.approx(1)


def test_a_common_divisor_is_dropped():
    assert reduced_miller((2, -4, 6)) == (1, -2, 3)
    assert np.allclose(surface_vectors(CRYSTALS["LiF"], (3, 3, 3)), surface_vectors(CRYSTALS["LiF"], (1, 1, 1)))


@pytest.mark.parametrize("miller", [(0, 0, 0), (1, 0), (0.5, 0, 1)])
def test_indices_that_name_no_plane_are_refused(miller):
    with pytest.raises(RequestError, match=" ".join(map(str, miller)).replace(".", r"\.")):
        crystal_face(CRYSTALS["LiF"], miller)


@pytest.mark.parametrize(("name", "miller"), [("LiF", (1, 1, 0)), ("Li", (1, 1, 1)), ("Al2O3", (0, 1, 2))])
def test_a_primitive_cell_is_indexed_in_its_conventional_cell(name, miller):
    primitive = CRYSTALS[name].get_primitive_structure()
    assert len(primitive) < len(CRYSTALS[name])
    for bulk in (primitive, CRYSTALS[name]):
        face = crystal_face(bulk, miller)
        assert face.area_A2 == pytest.approx(crystal_face(CRYSTALS[name], miller).area_A2, rel=1e-4)


def test_a_conventional_cell_is_indexed_as_given():
    for bulk in CRYSTALS.values():
        assert np.array_equal(conventional_axes(bulk), np.eye(3))


def test_hexagonal_indices_of_a_rhombohedral_ordering(lagp):
    bulk, _ = lagp
    hexagonal = conventional_axes(bulk) @ bulk.lattice.matrix
    lengths = np.linalg.norm(hexagonal, axis=1)
    assert lengths == pytest.approx([8.25658, 8.25658, 20.6523], abs=1e-4)
    face = crystal_face(bulk, (0, 0, 1))
    assert face.spacing_A == pytest.approx(20.6523 / 3, abs=1e-4)
    assert face.area_A2 == pytest.approx(8.25658**2 * np.sqrt(3) / 2, rel=1e-5)
    assert crystal_face(bulk, (0, 1, 2)).spacing_A == pytest.approx(Lattice(hexagonal).d_hkl((0, 1, 2)), rel=1e-5)
    bare = Structure(bulk.lattice, bulk.species, bulk.frac_coords)
    assert crystal_face(bare, (0, 1, 2)).area_A2 == pytest.approx(crystal_face(bulk, (0, 1, 2)).area_A2, rel=1e-5)


def test_bad_conventional_cells_and_charges_and_disorder_are_refused():
    with pytest.raises(RequestError, match="is no cell"):
        crystal_face(
            Structure(Lattice.cubic(4), ["Li"], [[0, 0, 0]], properties={"conventional": [1, 0, 0]}), (1, 0, 0)
        )
    with pytest.raises(RequestError, match=r"\+1 e per primitive cell"):
        crystal_face(Structure(Lattice.cubic(4), ["Li+"], [[0, 0, 0]]), (1, 0, 0))
    with pytest.raises(RequestError, match="disordered"):
        crystal_face(load_crystal("LAGP")[0], (1, 0, 0))


def test_screws_divide_the_repeat():
    magnesium = Structure.from_spacegroup(194, Lattice.hexagonal(3.2, 5.2), ["Mg"], [[1 / 3, 2 / 3, 0.25]])
    assert crystal_face(magnesium, (0, 0, 1)).parts == 2
    assert crystal_face(magnesium, (1, 0, 0)).parts == 1
    assert crystal_face(load_crystal("GeO2_quartz")[0], (0, 0, 1)).parts == 3


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from([*sorted(CRYSTALS), "GaAs"]), miller=INDICES)
def test_heights_are_measured_along_the_normal_that_the_indices_name(name, miller):
    """z of every atom is (h k l)·(x y z) times the distance of planes: a face is not its own opposite."""
    bulk = GAAS if name == "GaAs" else CRYSTALS[name]
    face = crystal_face(bulk, miller)
    given_A = bulk.frac_coords @ np.array(face.miller) * bulk.lattice.d_hkl(face.miller)
    elements = [site.specie.symbol for site in bulk]

    def rises(symbols, heights):
        """From each atom of the rarest element to every atom, in repeats, by element."""
        rare = min(sorted(set(symbols)), key=symbols.count)
        first = heights[[s == rare for s in symbols]]
        return {e: np.ravel((heights[[s == e for s in symbols]] - first[:, None]) / face.spacing_A) for e in symbols}

    expected, got = rises(elements, given_A), rises(list(face.atoms.symbols), face.atoms.positions[:, 2])
    for element, found in got.items():
        apart = found[:, None] - expected[element]
        apart = np.abs(apart - np.round(apart))
        assert max(apart.min(axis=0).max(), apart.min(axis=1).max()) < 1e-3


@pytest.mark.parametrize("miller", [(1, 1, 0), (2, 1, 1), (1, 1, 1), (3, 1, 0)])
def test_faces_that_the_cube_makes_equivalent_are_alike(miller):
    faces = [crystal_face(CRYSTALS["LiF"], tuple(m)) for m in (miller, np.roll(miller, 1), np.multiply(miller, -1))]
    for other in faces[1:]:
        assert other.area_A2 == pytest.approx(faces[0].area_A2)
        assert other.spacing_A == pytest.approx(faces[0].spacing_A)
        lengths = [np.linalg.norm(f.atoms.cell.array[:2], axis=1) for f in (other, faces[0])]
        assert lengths[0] == pytest.approx(lengths[1])
        assert (other.parts, len(other.inverted)) == (faces[0].parts, len(faces[0].inverted))


def test_a_face_can_be_turned_round_only_where_an_operation_does_it():
    for miller in ((1, 0, 0), (1, 1, 1), (2, 1, 0)):
        assert crystal_face(CRYSTALS["LiF"], miller).inverted, "an inversion turns every face round"
    assert not crystal_face(GAAS, (1, 1, 1)).inverted
    assert crystal_face(GAAS, (1, 1, 0)).inverted, "a mirror contains [001] and turns [1 1 0] round"


@settings(max_examples=20, deadline=None)
@given(axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1), angle=st.floats(0, 360))
def test_laying_a_cell_down_is_a_rotation(axis, angle):
    start = bulk_atoms("Mg", "hcp", a=3.2, c=5.2).repeat((2, 1, 1))
    start.rattle(0.1, seed=1)
    turned = start.copy()
    turned.rotate(angle, axis, rotate_cell=True)
    flat = laid(turned)
    assert flat.cell.array[0, 1:] == pytest.approx([0, 0], abs=1e-9)
    assert flat.cell[1, 2] == pytest.approx(0, abs=1e-9)
    assert min(flat.cell[0, 0], flat.cell[1, 1]) > 0
    assert flat.cell.array @ flat.cell.array.T == pytest.approx(start.cell.array @ start.cell.array.T, abs=1e-6)
    assert np.linalg.det(flat.cell.array) == pytest.approx(np.linalg.det(start.cell.array))
    assert flat.get_all_distances(mic=True) == pytest.approx(start.get_all_distances(mic=True), abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(length=st.floats(1, 9), ratio=st.floats(1, 3), angle=st.floats(61, 119))
def test_a_pair_already_reduced_stays_as_long_and_a_net_of_triangles_is_shown_at_120_degrees(length, ratio, angle):
    def pair(degrees, times):
        turn = np.radians(degrees)
        return length * np.array([[1, 0], [times * np.cos(turn), times * np.sin(turn)]])

    given_pair = pair(angle, ratio)
    assume(abs(ratio * np.cos(np.radians(angle))) < 0.49)
    lengths = np.sort(np.linalg.norm(reduced_pair(given_pair) @ given_pair, axis=1))
    assert lengths == pytest.approx(np.sort([length, length * ratio]))
    for degrees in (60, 120):
        a, b = reduced_pair(pair(degrees, 1)) @ pair(degrees, 1)
        assert a @ b / (a @ a) == pytest.approx(-0.5)
        assert a[0] * b[1] - a[1] * b[0] > 0


@settings(max_examples=25, deadline=None)
@given(name=st.sampled_from([*sorted(CRYSTALS), "GaAs", "shifted"]), miller=INDICES)
def test_operations_along_the_normal_map_the_heights_of_each_element_on_themselves(name, miller):
    """z → inverted − z and z → z + upright, in repeats; "shifted" has no inversion at its origin."""
    bulk = {"GaAs": GAAS, "shifted": SHIFTED}.get(name) or CRYSTALS[name]
    face = crystal_face(bulk, miller)
    heights = face.atoms.positions[:, 2] / face.spacing_A
    maps = [(1, shift) for shift in face.upright] + [(-1, shift) for shift in face.inverted]
    for sign, shift in maps:
        for number in set(face.atoms.numbers):
            own = heights[face.atoms.numbers == number]
            apart = (sign * own + shift)[:, None] - own
            assert np.abs(apart - np.round(apart)).min(axis=1).max() < 3e-3
    if name in ("Li", "LiF", "Al2O3", "shifted"):
        assert face.inverted, "a crystal with a centre turns every face round"


def test_site_potentials_belong_to_the_crystal_and_not_to_the_face():
    for name in ("LiF", "Al2O3", "Li3PO4_gamma"):
        faces = [crystal_face(CRYSTALS[name], m) for m in ((0, 0, 1), (1, 1, 2), (3, -1, 1))]
        shown = [np.sort(f.site_potentials) for f in faces]
        assert shown[1] == pytest.approx(shown[0], abs=1e-6)
        assert shown[2] == pytest.approx(shown[0], abs=1e-6)
        assert np.all(faces[0].site_potentials * faces[0].charges < 0), "cations sit where anions make it negative"
    lithium, fluoride = crystal_face(CRYSTALS["LiF"], (1, 0, 0)).site_potentials
    assert lithium == pytest.approx(-fluoride)
    assert not crystal_face(CRYSTALS["Li"], (1, 0, 0)).site_potentials.min() < 0, (
        "without charges every atom counts one"
    )
