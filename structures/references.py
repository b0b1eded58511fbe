"""Bulks brought to the in-plane cell of an interface: what a strained slab is compared with."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from interlith.structures.records import Integers2x2

AREA_TOLERANCE = 0.5


def bulk_in_plane(
    oriented: Atoms, cells: Integers2x2, common: NDArray[np.float64], *, turned: bool = False
) -> Atoms | None:
    """Return an oriented bulk strained in the plane to an interface's common cell; heights unchanged.

    Parameters
    ----------
    oriented
        Bulk cell whose a and b lie in the xy-plane and span the face's primitive cell
        (see `structures.slabs.oriented_bulk`).
    cells
        Rows: the common vectors in multiples of that a and b, or of a and -b for a side that was turned over.
    common
        Shape (2, 2): the interface's in-plane vectors, rows, Å.
    turned
        The side was turned over about its a (see `structures.interfaces.turned_over`).

    Returns
    -------
    None where the cells count another surface cell (that of a reconstruction): its strain is not known here.
    """
    bulk = _half_turn(oriented) if turned else oriented.copy()
    flat = bulk.cell.array[:2, :2]
    strained = np.linalg.solve(np.array(cells, float), np.asarray(common, float))
    if abs(np.linalg.det(strained) / np.linalg.det(flat) - 1) > AREA_TOLERANCE:
        return None
    deformation = np.eye(3)
    deformation[:2, :2] = np.linalg.solve(flat, strained)
    bulk.set_cell(bulk.cell.array @ deformation, scale_atoms=True)
    return bulk


def _half_turn(oriented: Atoms) -> Atoms:
    """Return the bulk after half a turn about its a, with b and c reversed to keep them up."""
    turned = oriented.copy()
    turned.positions = oriented.positions * [1, -1, -1]
    turned.set_cell(oriented.cell.array * [1, -1, -1] * [[1], [-1], [-1]])
    return turned
