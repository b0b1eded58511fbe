import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.interfaces import build_interface
from interlith.structures.records import InterfaceRecipe, SideRecipe
from interlith.structures.references import bulk_in_plane
from interlith.structures.slabs import oriented_bulk, surface_vectors


@pytest.fixture(scope="module", params=[("Li", (1, 1, 0), "LiF", (1, 0, 0)), ("Al", (1, 1, 1), "Al2O3", (0, 0, 1))])
def built(request):
    a, miller_a, b, miller_b = request.param
    crystals = [load_crystal(name) for name in (a, b)]
    sides = {"side_a": SideRecipe(crystal=a, miller=miller_a), "side_b": SideRecipe(crystal=b, miller=miller_b)}
    recipe = InterfaceRecipe(**sides, strain_on="shared", max_area_A2=150, max_strain=0.08)
    return build_interface(*crystals[0], *crystals[1], recipe), [structure for structure, _ in crystals]


@pytest.mark.parametrize("side", [0, 1])
def test_the_strained_bulk_fits_the_interface_and_has_the_strain_of_the_match(built, side):
    model, bulks = built
    slab, cells, strains = [
        (model.slab_a, model.match.cells_a, model.match.strain_a),
        (model.slab_b, model.match.cells_b, model.match.strain_b),
    ][side]
    common = model.atoms.cell.array[:2, :2]
    free = oriented_bulk(bulks[side], slab.miller)
    strained = bulk_in_plane(free, cells, common, turned=side == 1 and not slab.symmetric)
    assert np.array(cells) @ strained.cell.array[:2, :2] == pytest.approx(common, abs=1e-6)
    in_metric = np.sort(np.sqrt(np.linalg.eigvals(_metric_ratio(free, strained)).real)) - 1
    assert in_metric == pytest.approx(np.sort(strains), abs=1e-6)
    assert strained.cell[2, 2] == pytest.approx(free.cell[2, 2])
    assert np.linalg.det(strained.cell) > 0


def _metric_ratio(free, strained):
    before, after = (atoms.cell.array[:2, :2] for atoms in (free, strained))
    return np.linalg.solve(before @ before.T, after @ after.T)


def test_no_strain_changes_nothing():
    copper = Structure(Lattice.cubic(3.6), ["Cu"] * 4, [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    free = oriented_bulk(copper, (1, 1, 1))
    same = bulk_in_plane(free, ((2, 0), (0, 1)), np.diag([2, 1]) @ surface_vectors(copper, (1, 1, 1)))
    assert same.cell.array == pytest.approx(free.cell.array)
    assert same.positions == pytest.approx(free.positions)


def test_a_turned_side_is_the_same_crystal_seen_from_below():
    quartz_like = bulk("ZnS", "wurtzite", a=3.8, c=6.2)
    common = np.array([[1, 0], [0, 1]]) @ (quartz_like.cell.array * [1, -1, -1] * [[1], [-1], [-1]])[:2, :2]
    turned = bulk_in_plane(quartz_like, ((1, 0), (0, 1)), common, turned=True)
    assert turned.get_volume() == pytest.approx(quartz_like.get_volume())
    assert np.sort(turned.get_all_distances(mic=True), axis=None) == pytest.approx(
        np.sort(quartz_like.get_all_distances(mic=True), axis=None)
    )
    assert turned.cell[2, 2] > 0


def test_another_surface_cell_has_no_known_strain():
    free = oriented_bulk(load_crystal("Cu")[0], (1, 0, 0))
    doubled = 2 * free.cell.array[:2, :2]
    assert bulk_in_plane(free, ((1, 0), (0, 1)), doubled) is None


def emt_per_atom(atoms) -> float:
    atoms = atoms.copy()
    atoms.calc = EMT()
    return float(atoms.get_potential_energy()) / len(atoms)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("miller", "axes"), [((1, 0, 0), (1, 1, 0)), ((1, 1, 1), None)])
@pytest.mark.parametrize("strain", [-0.03, 0.02])
def test_a_strained_bulk_has_the_energy_of_the_crystal_strained_by_hand(turned, miller, axes, strain):
    """(100): the cube with two axes stretched; (111): the cube stretched everywhere but along its diagonal."""
    free = oriented_bulk(load_crystal("Cu")[0], miller)
    common = (1 + strain) * np.array([[2, 1], [0, 1]]) @ _seen(free, turned)
    strained = bulk_in_plane(free, ((2, 1), (0, 1)), common, turned=turned)
    along = np.diag(axes) if axes else np.eye(3) - np.ones((3, 3)) / 3
    by_hand = bulk("Cu", a=load_crystal("Cu")[0].lattice.a, cubic=True)
    by_hand.set_cell(by_hand.cell.array @ (np.eye(3) + strain * along), scale_atoms=True)
    assert emt_per_atom(strained) == pytest.approx(emt_per_atom(by_hand), abs=1e-6)
    assert abs(emt_per_atom(strained) - emt_per_atom(free)) > 1e-3
    assert strained.get_volume() / free.get_volume() == pytest.approx((1 + strain) ** 2)


def _seen(oriented, turned) -> np.ndarray:
    """Surface vectors as the side shows them: a and -b after half a turn about a."""
    return oriented.cell.array[:2, :2] * ([[1, -1], [-1, 1]] if turned else 1)


@pytest.mark.parametrize("turned", [False, True])
def test_strain_can_be_taken_back(turned):
    free = oriented_bulk(load_crystal("Al2O3")[0], (0, 1, 2))
    own, one = _seen(free, turned), ((1, 0), (0, 1))
    strained = bulk_in_plane(free, one, own @ np.array([[1.02, 0.0], [0.03, 0.97]]), turned=turned)
    back = bulk_in_plane(strained, one, own)
    assert list(back.symbols) == list(free.symbols)
    assert abs(strained.get_volume() - free.get_volume()) > 1e-3
    distances = [np.sort(a.repeat(2).get_all_distances(mic=True)[0]) for a in (back, free)]
    assert distances[0] == pytest.approx(distances[1], abs=1e-6)
    fractions = free.get_scaled_positions(wrap=False) * ([1, -1, -1] if turned else 1)
    assert strained.get_scaled_positions(wrap=False) == pytest.approx(fractions)
    heights = [np.sort((a.positions - a.positions[0])[:, 2]) for a in (strained, back)]
    assert heights[0] == pytest.approx(heights[1], abs=1e-9)


@pytest.mark.parametrize("factor", [0.4, 1.6])
def test_an_area_far_from_its_own_is_another_cell_and_a_few_percent_are_strain(factor):
    free = oriented_bulk(load_crystal("Li")[0], (1, 1, 0))
    stretch = np.diag([factor, 1.0])
    assert bulk_in_plane(free, ((1, 0), (0, 1)), free.cell.array[:2, :2] @ stretch) is None
    assert bulk_in_plane(free, ((1, 0), (0, 1)), free.cell.array[:2, :2] * 1.05) is not None
