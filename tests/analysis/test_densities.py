"""Densities on one grid and the difference of three: sums, zeros, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density, lithium_fluoride

from interlith.analysis.densities import Density, check_density, check_one_grid, density_difference, sides_of
from interlith.structures.errors import RequestError


def parts(whole_electrons=(2.0, 10.0)):
    """Return LiF and its atoms alone, on one grid; the atoms alone hold 3 and 9 electrons."""
    atoms = lithium_fluoride()
    whole = gaussian_density(atoms, whole_electrons, (0.3, 0.4))
    return whole, *(gaussian_density(atoms[[k]], (n,), (w,)) for k, n, w in ((0, 3.0, 0.3), (1, 9.0, 0.4)))


def test_the_total_is_the_electrons():
    whole, *_ = parts()
    assert whole.total_e == pytest.approx(12.0, abs=1e-6)


def test_a_difference_integrates_to_zero_and_shows_who_gained():
    delta = density_difference(*parts())
    assert delta.total_e == pytest.approx(0.0, abs=1e-6)
    near_lithium = delta.values_e_A3[: delta.values_e_A3.shape[0] // 2]
    assert near_lithium.sum() < 0


def test_fragments_that_do_not_touch_make_no_difference():
    delta = density_difference(*parts((3.0, 9.0)))
    assert np.abs(delta.values_e_A3).max() < 1e-12


def test_every_atom_has_its_side():
    assert sides_of(*parts()).tolist() == [0, 1]


def test_a_moved_side_is_refused():
    whole, lithium, fluorine = parts()
    moved = lithium.atoms.copy()
    moved.positions[0, 2] += 0.05
    with pytest.raises(RequestError, match="is no atom of"):
        density_difference(whole, gaussian_density(moved, (3.0,), (0.3,)), fluorine)


def test_a_missing_atom_is_refused():
    lithium = parts()[1]
    extra = lithium_fluoride() + Atoms("H", [(1.0, 1.0, 1.0)])
    larger = gaussian_density(extra, (2.0, 10.0, 1.0), (0.3, 0.4, 0.4))
    with pytest.raises(RequestError, match=r"atom 2 \(H\) of A\|B stands in neither side"):
        density_difference(larger, lithium, parts()[2])


def test_other_grids_cells_and_origins_are_refused():
    whole, lithium, fluorine = parts()
    coarse = gaussian_density(lithium.atoms, (3.0,), (0.3,), step_A=0.2)
    with pytest.raises(RequestError, match=r"grids of .* points \[A\|B, A\]|grids of"):
        density_difference(whole, coarse, fluorine)
    shifted = Density(lithium.values_e_A3, lithium.atoms, np.array([0.0, 0.0, 0.1]))
    with pytest.raises(RequestError, match=r"origins differ by up to 0\.1"):
        check_one_grid({"A|B": whole, "A": shifted})
    stretched = lithium.atoms.copy()
    stretched.set_cell(stretched.cell * 1.01)
    with pytest.raises(RequestError, match="cells differ"):
        check_one_grid({"A|B": whole, "A": Density(lithium.values_e_A3, stretched, lithium.origin_A)})


@pytest.mark.parametrize(("spoil", "told"), [(np.nan, "is not a finite number"), (np.inf, "is not a finite number")])
def test_what_is_no_number_is_refused_at_its_point(spoil, told):
    whole, *_ = parts()
    whole.values_e_A3[3, 4, 5] = spoil
    with pytest.raises(RequestError, match=rf"\(3, 4, 5\) {told}"):
        check_density(whole, "here")


def test_a_flat_grid_or_cell_is_refused():
    with pytest.raises(RequestError, match="grid of shape"):
        check_density(Density(np.zeros((3, 3)), lithium_fluoride(), np.zeros(3)), "here")
    flat = Atoms("H", cell=np.zeros((3, 3)))
    with pytest.raises(RequestError, match="no volume"):
        check_density(Density(np.zeros((3, 3, 3)), flat, np.zeros(3)), "here")
