"""Coarser copies of densities, which tell what the fineness of a grid is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.signal import resample

from interlith.analysis.densities import Density

NEGLIGIBLE_e_A3 = 1e-3
"""A layer at the cell's edge with no more than this holds nothing that counts."""


def fills_layer(density: Density, axis: int = 2) -> bool:
    """Return whether a density reaches the cell's edges beside an axis: whether it is part of a larger layer."""
    edges = (np.take(density.values_e_A3, 0, axis=k) for k in range(3) if k != axis)
    return bool(max(np.abs(edge).max() for edge in edges) > NEGLIGIBLE_e_A3)


def coarser(density: Density, like: Density | None = None) -> Density:
    """Return a density on about half as many points along each axis.

    Every second point is taken; where their number is odd, the last layer is left out if it is all but empty (an open
    grid), else the shortest waves are (a periodic one).

    Parameters
    ----------
    density
        What is thinned.
    like
        Whose last layers decide, so that several densities stay on one grid; its own by default.
    """
    values, cell = density.values_e_A3, density.cell_A
    edges = (like or density).values_e_A3
    for axis, n in enumerate(values.shape):
        ahead = np.moveaxis(values, axis, 0)
        if n % 2 and np.abs(np.take(edges, -1, axis=axis)).max() > NEGLIGIBLE_e_A3:
            ahead = resample(ahead, (n + 1) // 2, axis=0)
        else:
            cell[axis] *= (n - n % 2) / n
            ahead = ahead[: n - n % 2 : 2]
        values = np.moveaxis(ahead, 0, axis)
    atoms = density.atoms.copy()
    atoms.set_cell(cell)
    return replace(density, values_e_A3=np.ascontiguousarray(values), atoms=atoms)
