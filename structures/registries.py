"""Registries: the in-plane displacements of side B against side A that are not the same interface twice.

A displacement by a surface-lattice vector of either side, as strained in the common cell, leaves the interface as it
was. So displacements live on the torus of the plane modulo the lattice that both sides' vectors generate together, and
operations that both sides share fold this torus further.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm

import numpy as np
import spglib
from ase import Atoms

from interlith.structures.errors import RequestError
from interlith.structures.sublattices import reduced

SYMPREC_A = 0.01
GRID = 24
"""Candidates along a vector of the torus: a multiple of 12, so that points at 1/2, 1/3 and 1/4 are among them."""
SAME_A = 0.1
USUAL_SPACING_A = 0.6


@dataclass(frozen=True)
class PlaneSymmetry:
    """Operations of a slab that keep every height: x → x R + t on rows of in-plane fractions.

    Parameters
    ----------
    rotations
        Integers (k, 2, 2), reflections included.
    translations
        Fractions (k, 2).
    """

    rotations: np.ndarray
    translations: np.ndarray

    @property
    def point_group(self) -> np.ndarray:
        """The distinct rotations and reflections, (m, 2, 2)."""
        return np.unique(self.rotations, axis=0)

    @property
    def lattice_points(self) -> np.ndarray:
        """The pure translations as exact multiples of one over their number, (m, 2)."""
        pure = self.translations[(self.rotations == np.eye(2)).all(axis=(1, 2))]
        return np.round(pure * len(pure)) / len(pure)

    def one_each(self) -> dict[tuple[int, ...], np.ndarray]:
        """Return one translation for each rotation (the others differ by lattice points)."""
        return {tuple(r.ravel().tolist()): t for r, t in zip(self.rotations, self.translations, strict=True)}


def plane_symmetry(slab: Atoms, symprec_A: float = SYMPREC_A) -> PlaneSymmetry:
    """Find the operations of a slab that keep every height.

    Parameters
    ----------
    slab
        Periodic in the plane; c along +z. Vacuum is not needed.
    symprec_A
        How far atoms may be from their images, Å.

    Raises
    ------
    RequestError
        If the symmetry cannot be determined (atoms on top of each other).
    """
    padded = slab.copy()
    height = float(np.ptp(slab.positions[:, 2]))
    padded.set_cell([slab.cell[0], slab.cell[1], [0.0, 0.0, height + 10.0]])
    data = spglib.get_symmetry_dataset(
        (padded.cell.array, padded.get_scaled_positions(wrap=False), padded.numbers), symprec=symprec_A
    )
    if data is None:
        raise RequestError("no symmetry could be determined", slab.get_chemical_formula(), "look for overlapping atoms")
    upright = (data.rotations[:, 2] == [0, 0, 1]).all(1) & (data.rotations[:, :2, 2] == 0).all(1)
    lifts = data.translations[:, 2] - np.rint(data.translations[:, 2])
    kept = upright & (np.abs(lifts) * (height + 10.0) < 5 * symprec_A)
    return PlaneSymmetry(data.rotations[kept, :2, :2].transpose(0, 2, 1).astype(np.int64), data.translations[kept, :2])


def displacement_cell(side_a: Atoms, side_b: Atoms) -> np.ndarray:
    """Return the cell of displacements that are not the same by a lattice vector of either side.

    Parameters
    ----------
    side_a, side_b
        The sides in the common cell.

    Returns
    -------
    Reduced rows (2, 2) in fractions of the common cell.
    """
    return _generated(plane_symmetry(side_a), plane_symmetry(side_b), side_a.cell.array[:2, :2])


def irreducible_shifts(
    side_a: Atoms, side_b: Atoms, *, n: int | None = None, spacing_A: float | None = None
) -> np.ndarray:
    """Return displacements of B, from where it is, that are different interfaces and well spread.

    The first is a point of highest symmetry; each next one is the point farthest from all before and their images, so
    the first few already sample the whole range.

    Parameters
    ----------
    side_a, side_b
        The sides in the common cell, as they are in the interface.
    n
        At most so many; fewer where all others are within 0.1 Å of one of them or an image.
    spacing_A
        Instead: as many as needed so that no displacement is farther than this from one of them (0.6 Å if neither
        is given).

    Returns
    -------
    Fractions of the common cell, (n, 2), each from 0 to 1.
    """
    cell = side_a.cell.array[:2, :2]
    on_a, on_b = plane_symmetry(side_a), plane_symmetry(side_b)
    torus = _Torus(_generated(on_a, on_b, cell) @ cell, *_shared_operations(on_a, on_b, cell))
    nearest = spacing_A if spacing_A is not None else (SAME_A if n is not None else USUAL_SPACING_A)
    points = torus.spread(n if n is not None else GRID * GRID, nearest) @ np.linalg.inv(cell)
    return np.round(points, 10) % 1.0


def _generated(on_a: PlaneSymmetry, on_b: PlaneSymmetry, cell: np.ndarray) -> np.ndarray:
    """Return the reduced basis of the lattice that both sides' translations generate, exactly."""
    points = [on_a.lattice_points, on_b.lattice_points]
    unit = lcm(*(len(p) for p in points))
    rows = np.concatenate([unit * np.eye(2), *(unit * p for p in points)])
    basis = _integer_basis(np.rint(rows).astype(np.int64))
    return reduced(basis[None], cell)[0] / unit


def _integer_basis(rows: np.ndarray) -> np.ndarray:
    """Return a basis (2, 2) of the lattice generated by integer rows (k, 2), right-handed."""
    left = [tuple(int(x) for x in r) for r in rows]
    first = (0, 0)
    rest = 0
    for x, y in left:
        while x:  # Euclid on the first components; what remains has none
            quotient = first[0] // x
            first, (x, y) = (x, y), (first[0] - quotient * x, first[1] - quotient * y)
        rest = int(np.gcd(rest, y))
    sign = -1 if first[0] < 0 else 1
    return np.array([[sign * first[0], sign * first[1] % rest], [0, rest]])


def _shared_operations(on_a: PlaneSymmetry, on_b: PlaneSymmetry, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps of displacements s → s R + t (Cartesian, Å) that give the same interface.

    An operation x R + t_A of side A and x R + t_B of side B with the same R, done together, restore A and move
    B + s to B + (s R + t_A − t_B).
    """
    of_a, of_b = on_a.one_each(), on_b.one_each()
    shared = [r for r in of_a if r in of_b]
    inverse = np.linalg.inv(cell)
    rotations = np.array([inverse @ np.reshape(r, (2, 2)) @ cell for r in shared])
    return rotations, np.array([(of_a[r] - of_b[r]) @ cell for r in shared])


@dataclass(frozen=True)
class _Torus:
    """The plane modulo a lattice (rows in Å), with operations s → s R + t on it."""

    lattice: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray

    def images(self, point: np.ndarray) -> np.ndarray:
        """Return where the operations bring a point, shape (operations, 2), Å; not reduced to one cell."""
        return point @ self.rotations + self.translations

    def distances(self, points: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the distances (points, others) in Å on the torus."""
        apart = (points[:, None] - others[None]) @ np.linalg.inv(self.lattice)
        apart = (apart - np.rint(apart)) @ self.lattice
        around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ self.lattice
        return np.linalg.norm(apart[:, :, None] + around, axis=-1).min(-1)

    def start(self) -> np.ndarray:
        """Return the point that most operations leave where it is."""
        around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ self.lattice
        fixed = [np.zeros((1, 2))] + [
            (t + around) @ np.linalg.pinv(np.eye(2) - r)
            for r, t in zip(self.rotations, self.translations, strict=True)
            if np.abs(r - np.eye(2)).max() > 1e-6
        ]
        points = np.concatenate(fixed)
        order = [-int((self.distances(p[None], self.images(p)) < SAME_A).sum()) for p in points]
        return points[int(np.argmin(order))]

    def spread(self, most: int, nearest_A: float) -> np.ndarray:
        """Return up to `most` points, farthest first, none nearer than `nearest_A` to another or its images."""
        steps = np.arange(GRID) / GRID
        grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2) @ self.lattice + self.start()
        chosen = [grid[0]]
        nearest = np.full(len(grid), np.inf)
        while len(chosen) < most:
            nearest = np.minimum(nearest, self.distances(grid, self.images(chosen[-1])).min(1))
            far = np.round(nearest, 6)
            if far.max() < nearest_A:
                break
            chosen.append(grid[int(np.argmax(far))])
        return np.array(chosen)
