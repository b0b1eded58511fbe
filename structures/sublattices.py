"""Sublattices of a lattice of the plane: enumerated, reduced, told apart by shape, and based on other vectors.

Lattices are (2, 2) arrays of rows in Å; a sublattice is given by integer rows in multiples of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, gcd

import numpy as np

ROUNDING = 1e-9
# equal shapes: surface vectors are often given to six decimals, and long cells multiply the last one
SHAPE_TOLERANCE = 1e-4


def determinants(rows: np.ndarray) -> np.ndarray:
    """Return the determinants of integer (k, 2, 2) rows, exactly."""
    return rows[:, 0, 0] * rows[:, 1, 1] - rows[:, 0, 1] * rows[:, 1, 0]


@dataclass(frozen=True)
class Cells:
    """Supercells of one lattice: integer rows (k, 2, 2), index, and the triangular form x, y, height in Å."""

    rows: np.ndarray
    index: np.ndarray
    x: np.ndarray
    y: np.ndarray
    height: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, surface: np.ndarray) -> Cells:
        """Return the cells of these rows on a lattice."""
        first, second = rows[:, 0] @ surface, rows[:, 1] @ surface
        x = np.hypot(first[:, 0], first[:, 1])
        index = np.abs(determinants(rows))
        return cls(rows, index, x, (first * second).sum(1) / x, index * abs(np.linalg.det(surface)) / x)

    def take(self, chosen: np.ndarray) -> Cells:
        """Return the cells at these places."""
        return Cells(self.rows[chosen], self.index[chosen], self.x[chosen], self.y[chosen], self.height[chosen])

    @property
    def dot(self) -> np.ndarray:
        """The products a₁·a₂ in Å²."""
        return self.x * self.y


def sublattices(surface: np.ndarray, largest: int) -> Cells:
    """Return every sublattice up to an index, Gauss-reduced and right-handed, in order of index."""
    heights, widths = np.meshgrid(np.arange(1, largest + 1), np.arange(1, largest + 1))
    kept = heights * widths <= largest
    q, p = heights[kept], widths[kept]
    offsets = np.arange(q.sum()) - np.repeat(np.cumsum(q) - q, q)
    rows = np.zeros((len(offsets), 2, 2), dtype=np.int64)
    rows[:, 0, 0], rows[:, 0, 1], rows[:, 1, 1] = np.repeat(p, q), offsets, np.repeat(q, q)
    if np.linalg.det(surface) < 0:
        rows = rows[:, ::-1].copy()
    order = np.argsort(np.abs(determinants(rows)), kind="stable")
    return Cells.of(reduced(rows[order], surface), surface)


def reduced(rows: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """Return Gauss-reduced rows: |a₁| ≤ |a₂| and 2|a₁·a₂| ≤ |a₁|²."""
    metric = surface @ surface.T
    rows, active = rows.copy(), np.arange(len(rows))
    while len(active):
        first, second = rows[active, 0], rows[active, 1]
        image = first @ metric
        first2 = (image * first).sum(1)
        second = second - np.rint((image * second).sum(1) / first2).astype(np.int64)[:, None] * first
        swap = ((second @ metric) * second).sum(1) < first2 * (1 - ROUNDING)
        rows[active, 1] = second
        active = active[swap]
        rows[active, 0], rows[active, 1] = second[swap], -first[swap]
    return rows


def _steps(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Return integers that are equal where sorted values follow each other within the tolerance."""
    order = np.argsort(values)
    labels = np.empty(len(values), dtype=np.int64)
    labels[order] = np.concatenate(([0], np.cumsum(np.diff(values[order]) > tolerance)))[: len(values)]
    return labels


def shapes(cells: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Return one cell of each shape and hand, and for these a label of the shape alone.

    A shape is index, |a₁|, |a₂| and a₁·a₂; cells that differ by the sign of the last are of two hands unless
    the cell is rectangular or rhombic.
    """
    if not len(cells.index):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    unit = cells.x[0] * cells.height[0] / cells.index[0]
    length, area = SHAPE_TOLERANCE * np.sqrt(unit), SHAPE_TOLERANCE * unit
    second = np.hypot(cells.y, cells.height)
    upright = np.abs(cells.dot) < area
    rhombic = (np.abs(cells.x - second) < length) | (np.abs(np.abs(cells.y) - cells.x / 2) < length)
    hand = np.where(upright | rhombic, 1, np.sign(cells.dot)).astype(np.int64)
    label = cells.index
    for part in (_steps(cells.x, length), _steps(np.abs(cells.dot), area)):
        label = label * (part.max() + 1) + part
    first = np.unique(2 * label + (hand > 0), return_index=True)[1]
    return first, np.unique(label[first], return_inverse=True)[1]


def first_vectors(cells: Cells, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows on every basis whose first vector is up to `ratio` times the shortest, and of which cell."""
    reach = ceil(2 / np.sqrt(3) * ratio)
    second = np.hypot(cells.y, cells.height)
    rows, owner = [], []
    for p, q, u, v in _primitive_vectors(reach):
        length2 = (p * cells.x) ** 2 + 2 * p * q * cells.dot + (q * second) ** 2
        short = np.flatnonzero(length2 <= (ratio * cells.x) ** 2 * (1 + ROUNDING))
        rows.append(np.array([[p, q], [u, v]]) @ cells.rows[short])
        owner.append(short)
    return np.concatenate(rows), np.concatenate(owner)


def _primitive_vectors(reach: int) -> list[tuple[int, int, int, int]]:
    """Return (p, q, u, v) with p v − q u = 1 for every primitive (p, q) up to its sign."""
    found = []
    for q in range(reach + 1):
        for p in range(-reach, reach + 1):
            if gcd(p, q) == 1 and (q > 0 or p == 1):
                v = next(v for v in range(max(q, 1)) if (p * v - 1) % q == 0) if q else 1
                found.append((p, q, (p * v - 1) // q if q else 0, v))
    return found


def ranges(first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every integer from first to last of each row, and the row it is of."""
    counts = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(counts)), counts)
    return np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts) + first[owner], owner


def holohedry(surface: np.ndarray, tolerance: float = 1e-3) -> np.ndarray:
    """Return the point operations of a lattice of the plane, reflections included.

    Parameters
    ----------
    surface
        Rows of the lattice, (2, 2), in Å.
    tolerance
        Relative error allowed in edges and angle.

    Returns
    -------
    Integer matrices (k, 2, 2) that act on rows of coordinates from the right.
    """
    basis = reduced(np.eye(2, dtype=np.int64)[None], surface)[0]
    vectors = basis @ surface
    metric, scale = vectors @ vectors.T, np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
    small = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 4), axis=-1).reshape(-1, 2, 2)
    small = small[np.abs(determinants(small)) == 1]
    error = np.abs(small @ metric @ small.transpose(0, 2, 1) - metric) / scale
    kept = small[error.max(axis=(1, 2)) < tolerance]
    back = np.rint(np.linalg.inv(basis)).astype(np.int64)
    return back @ kept @ basis
