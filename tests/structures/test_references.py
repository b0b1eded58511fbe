import numpy as np
import pytest
from ase.build import bulk
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
