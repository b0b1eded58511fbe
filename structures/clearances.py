"""Lateral cells that keep a molecule apart from its own periodic images, and how much of a cell it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, gcd

import numpy as np
from ase.data.vdw_alvarez import vdw_radii
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from interlith.structures.placements import lattice_steps, lattice_vectors
from interlith.structures.sublattices import Cells, sublattices

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COVERED = 0.7
"""A layer covers its cell when the molecules' shadows take at least this part of it."""
RASTER_A = 0.15


def smallest_cell(surface: Floats, poses: Sequence[Floats], clearance_A: float) -> Ints:
    """Return the smallest lateral cell in which no pose comes nearer to its own images than a clearance.

    Every sublattice is tried in order of its area, so none smaller exists; of several of one area the one whose
    shortest vector is longest is taken, then whose longest is shortest.

    Parameters
    ----------
    surface
        Vectors of the surface, rows (2, 2) in Å.
    poses
        Positions of the molecule in each pose, (n, 3) Å each.
    clearance_A
        Least distance of an atom to any atom of an image, Å.

    Returns
    -------
    Rows (2, 2) in multiples of the surface vectors, reduced and right-handed.
    """
    widest = max(float(np.linalg.norm(np.ptp(p[:, :2], axis=0))) for p in poses)
    steps = lattice_steps(surface, widest + clearance_A)
    steps = steps[(steps[:, 0] > 0) | ((steps[:, 0] == 0) & (steps[:, 1] > 0))]  # a vector and its negative are one
    least = np.min([_distances(p, steps @ surface, clearance_A) for p in poses], axis=0)
    forbidden = steps[least < clearance_A - 1e-9]
    largest = 8
    while True:
        cells = sublattices(surface, largest)
        kept = cells.take(_free_of(cells, forbidden))
        if len(kept.index):
            return _most_compact(kept)
        largest *= 2


def wide_cell(surface: Floats, edge_A: float) -> Cells:
    """Return the smallest sublattice both of whose heights are at least an edge: one cell, reduced, right-handed.

    Parameters
    ----------
    surface
        Vectors of the plane, rows (2, 2), Å.
    edge_A
        The least height of the cell over either vector, Å; the area is at least the square of this.
    """
    area = abs(np.linalg.det(surface))
    largest = 4
    while True:
        cells = sublattices(surface, largest)
        lowest = cells.index * area / np.hypot(cells.y, cells.height)
        wide = np.flatnonzero(lowest >= edge_A - 1e-9)
        if wide.size:
            least = wide[cells.index[wide] == cells.index[wide].min()]
            best = least[np.lexsort((*cells.rows[least].reshape(-1, 4).T, -np.round(lowest[least], 6)))[0]]
            return cells.take(np.array([best]))
        largest *= 2


@dataclass(frozen=True)
class Course:
    """A vector of the surface that some periods of an infinite chain run along.

    Parameters
    ----------
    step
        In multiples of the surface vectors.
    length_A
        Of the vector.
    periods
        Of the chain.
    stretch
        Of the chain, a fraction: what makes its periods as long as the vector.
    """

    step: tuple[int, int]
    length_A: float
    periods: int
    stretch: float

    def cell(self, surface: Floats, apart_A: float) -> Ints:
        """Return the smallest cell along this vector in which neighbouring chains run `apart_A` from axis to axis.

        Parameters
        ----------
        surface
            Vectors of the surface, rows (2, 2) in Å, right-handed.
        apart_A
            Distance of the axes of a chain and its image, Å.

        Returns
        -------
        Rows (2, 2) in multiples of the surface vectors, this course first; right-handed.
        """
        common = gcd(*self.step)
        i, j = self.step[0] // common, self.step[1] // common
        v = pow(i, -1, abs(j)) if abs(j) > 1 else (i if j == 0 else 1)
        beside = np.array([(i * v - 1) // j, v]) if j else np.array([0, v])
        rise = abs(float(np.linalg.det(surface))) * common / self.length_A
        rows = np.array([self.step, ceil(apart_A / rise - 1e-9) * beside])
        along, across = rows @ surface
        rows[1] -= round(float(across @ along / (along @ along)) * common) * np.array([i, j])
        return rows


def courses(surface: Floats, period_A: float, longest_A: float) -> list[Course]:
    """Return every vector of a surface (one of each opposite two) that a chain may run along, shortest first.

    Parameters
    ----------
    surface
        Vectors of the surface, rows (2, 2) in Å.
    period_A
        Of the chain.
    longest_A
        Longest vector.
    """
    found = []
    for i, j in lattice_steps(surface, longest_A).tolist():
        if i > 0 or (i == 0 and j > 0):
            length = float(np.linalg.norm(np.array([i, j]) @ surface))
            periods = max(1, round(length / period_A))
            found.append(Course((i, j), length, periods, length / (periods * period_A) - 1))
    return sorted(found, key=lambda c: (round(c.length_A, 6), c.step))


def image_distance_A(places: Floats, lattice: Floats) -> float:
    """Return the least distance of a molecule to its images in a reduced lateral cell (rows (2, 2)), Å."""
    reach = float(np.linalg.norm(lattice, axis=1).max() + np.linalg.norm(np.ptp(places[:, :2], axis=0)))
    vectors = lattice_vectors(lattice, reach)
    return float(_distances(places, vectors[np.abs(vectors).max(axis=1) > 1e-9], np.inf).min())


def footprint(places: Floats, numbers: Ints, lattice: Floats) -> float:
    """Return the part of a lateral cell in the shadow of atoms with their van der Waals radii, images included.

    Parameters
    ----------
    places, numbers
        Positions (n, 3) in Å and atomic numbers (n,) of all molecules.
    lattice
        The lateral cell, rows (2, 2) in Å; sampled every 0.15 Å: right to 1 %.
    """
    radii = vdw_radii[numbers]
    counts = np.ceil(np.linalg.norm(lattice, axis=1) / RASTER_A).astype(int)
    fractions = np.stack(np.meshgrid(*(np.arange(c) / c for c in counts), indexing="ij"), axis=-1).reshape(-1, 2)
    inside = places[:, :2] @ np.linalg.inv(lattice)
    images = lattice_vectors(lattice, float(np.linalg.norm(lattice, axis=1).sum() + radii.max()))
    around = ((inside - np.floor(inside)) @ lattice)[:, None] + images
    covered = np.zeros(len(fractions), dtype=bool)
    for radius in np.unique(radii):
        near = cKDTree(around[radii == radius].reshape(-1, 2)).query(fractions @ lattice, distance_upper_bound=radius)
        covered |= np.isfinite(near[0])
    return float(covered.mean())


def _distances(places: Floats, vectors: Floats, reach_A: float) -> Floats:
    """Return the least distance of a molecule to its image by each in-plane vector, (k,) Å; inf beyond `reach_A`."""
    moved = np.broadcast_to(places, (len(vectors), *places.shape)).copy()
    moved[:, :, :2] += vectors[:, None]
    return np.asarray(cKDTree(places).query(moved, distance_upper_bound=reach_A)[0].min(axis=1))


def _free_of(cells: Cells, forbidden: Ints) -> Ints:
    """Return the places of the cells of which no vector is one of the forbidden."""
    left = np.arange(len(cells.index))
    for step in forbidden:
        rows, index = cells.rows[left], cells.index[left]
        # fractions of the step in the cell, times the index
        first = step[0] * rows[:, 1, 1] - step[1] * rows[:, 1, 0]
        second = step[1] * rows[:, 0, 0] - step[0] * rows[:, 0, 1]
        left = left[(first % index != 0) | (second % index != 0)]
    return left


def _most_compact(cells: Cells) -> Ints:
    """Return the rows of the smallest cell of the best shape."""
    least = cells.take(np.flatnonzero(cells.index == cells.index.min()))
    second = np.hypot(least.y, least.height)
    order = np.lexsort((*least.rows.reshape(-1, 4).T, np.round(second, 6), -np.round(least.x, 6)))
    return np.asarray(least.rows[order[0]])
