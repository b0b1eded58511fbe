"""A coarser copy of a density is the same density."""

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density
from scipy.signal import resample

from interlith.analysis.coarsening import coarser, fills_layer

CELL = [[5.0, 0.0, 0.0], [1.5, 4.6, 0.0], [0.0, 0.0, 14.0]]


@pytest.mark.parametrize("shape", [(20, 30, 40), (21, 30, 41), (25, 25, 25)])
def test_a_coarser_grid_holds_the_same_electrons(shape):
    atoms = Atoms("O", [(2.5, 2.0, 4.0)], cell=CELL, pbc=True)
    density = gaussian_density(atoms, [6.0], [0.8], step_A=0.2)
    values = density.values_e_A3
    for axis, n in enumerate(shape):
        values = resample(values, n, axis=axis)
    density = density.with_values(values)
    half = coarser(density)
    assert [n // 2 <= m <= (n + 1) // 2 for n, m in zip(shape, half.values_e_A3.shape, strict=True)] == [True] * 3
    assert half.total_e == pytest.approx(density.total_e, abs=1e-3)


def test_several_densities_stay_on_one_grid():
    atoms = Atoms("O", [(2.5, 2.0, 13.9)], cell=CELL, pbc=True)
    full = gaussian_density(atoms, [6.0], [0.8], step_A=14 / 35)
    assert full.values_e_A3.shape[2] % 2
    empty = full.with_values(np.zeros_like(full.values_e_A3))
    assert coarser(empty).cell_A[2, 2] < coarser(full).cell_A[2, 2]
    assert np.allclose(coarser(empty, full).cell_A, coarser(full).cell_A)
    assert np.allclose(coarser(full).atoms.positions, atoms.positions)


def test_a_molecule_in_a_box_fills_no_layer():
    wide = [[12.0, 0, 0], [0, 12.0, 0], [0, 0, 3.0]]
    atoms = Atoms("O", [(6.0, 6.0, 1.5)], cell=wide, pbc=True)
    molecule = gaussian_density(atoms, [6.0], [0.6], step_A=0.4)
    assert not fills_layer(molecule)
    assert fills_layer(molecule, axis=0)
