"""Placements: poses of a rigid molecule over a slab that are valid, well spread and not the same twice.

A pose is a rotation, a site and a height. Rotations and sites come from low-discrepancy sequences, so that the first
few already sample the whole range and more refine it: three of four poses lie (the long axis in the plane, any roll,
any azimuth), one of four is any rotation. The site of the molecule's centre is one of the registries of a single atom
on the slab: points of the irreducible part of the surface cell, farthest first. The height is that of first contact
when the molecule comes down as a rigid body, in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.data.vdw_alvarez import vdw_radii
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation
from scipy.stats import qmc

from interlith.structures.bonds import NONMETALS
from interlith.structures.registries import irreducible_shifts, plane_symmetry

Floats = NDArray[np.float64]

SOFT = 0.8
"""Two non-metals come no nearer than this fraction of the sum of their van der Waals radii (10.1039/c3dt50599e)."""
DEEPEST_A = 3.0
"""A molecule that meets nothing on its way down (an atom over a wide pore) stops so far below the highest atom."""
SAME_A = 0.5
"""Poses are alike when a symmetry of the slab brings the atoms of one this near to those of the other, RMS."""
DRAWS = 4
"""Poses drawn for each one asked for, at most: symmetry leaves an atom few sites that differ."""


@dataclass(frozen=True)
class Pose:
    """One placement of a rigid molecule, in the frame of the slab.

    Parameters
    ----------
    conformer
        Index in the list of molecules that were placed.
    rotation
        Matrix (3, 3): ``x @ rotation.T`` turns coordinates taken from the molecule's centre.
    centre
        Where the mean of the molecule's atoms comes to stand, (3,) Å.
    height_A
        Lowest atom of the molecule above the highest of the slab.
    gap_A
        Least distance of an atom of the molecule to one of the slab.
    """

    conformer: int
    rotation: Floats
    centre: Floats
    height_A: float = np.nan
    gap_A: float = np.nan

    def positions(self, molecule: Atoms) -> Floats:
        """Return the atoms of the molecule in this pose, (n, 3) Å, never wrapped."""
        return np.asarray(centred(molecule.positions) @ self.rotation.T + self.centre)

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """The rotation, scalar first and not negative."""
        x, y, z, w = (float(v) for v in Rotation.from_matrix(self.rotation).as_quat(canonical=True))
        return w, x, y, z

    def turned(self, about_z: Floats) -> Pose:
        """Return the pose after the whole model is turned by a matrix (3, 3)."""
        return replace(self, rotation=about_z @ self.rotation, centre=about_z @ self.centre)

    def moved(self, by: Floats) -> Pose:
        """Return the pose after the whole model is moved by a vector, (3,) Å."""
        return replace(self, centre=self.centre + by)


def placements(
    slab: Atoms, molecules: Sequence[Atoms], *, n: int, gap_A: float, seed: int, along: Floats | None = None
) -> list[Pose]:
    """Return poses of molecules on the top face of a slab.

    Parameters
    ----------
    slab
        In its surface cell: a and b in the xy-plane, c along +z; the smaller the cell the faster.
    molecules
        Conformers, placed in turn. The poses do not depend on how they are turned, moved or indexed.
    n
        Poses that are asked for; fewer come back where symmetry leaves fewer (an atom on a small cell).
    gap_A
        No atom comes nearer to the slab; pairs that need more room have it (see :func:`contacts`).
    seed
        Of the sequence of rotations.
    along
        Vector in the plane, (2,), that infinite chains given along x are laid along: in either direction, at any roll.
    """
    surface = _Surface.of(slab, n)
    frames = [principal_frame(m) if along is None else np.eye(3) for m in molecules]
    found = _Distinct(surface, molecules)
    # a sequence for each conformer: every second member of one sequence would face only half of all ways
    each = -(-DRAWS * n // len(molecules))
    seeds = [(seed, which) for which in range(len(molecules))]
    turns = [_turns(each, s) if along is None else _rolls(each, s, along) for s in seeds]
    for k in range(DRAWS * n):
        which = k % len(molecules)
        site = surface.sites[k % len(surface.sites)]
        pose = Pose(which, turns[which][k // len(molecules)] @ frames[which], np.array([*site, 0.0]))
        found.add(surface.lowered(pose, molecules[which], gap_A))
        if len(found.poses) == n:
            break
    return found.poses


def contacts(of: NDArray[np.int64], to: NDArray[np.int64], gap_A: float) -> Floats:
    r"""Return how near atoms of a molecule may come to atoms of a slab at the start, (n, m) Å.

    .. math:: d_{ij} = \max(g, 0.8 (v_i + v_j)) \text{ for two non-metals, else } \max(g, r_i + r_j)

    with van der Waals radii v (10.1039/c3dt50599e) and covalent radii r (10.1039/b801115j): at a gap g of 2.0 Å,
    Li-O is allowed at 2.0, H-H at 2.0, C-O at 2.6; at 1.2 Å they are 1.9, 1.9 and 2.6.

    Parameters
    ----------
    of, to
        Atomic numbers, (n,) and (m,).
    gap_A
        The gap g.
    """
    soft = [np.isin(z, [atomic_numbers[s] for s in NONMETALS]) for z in (of, to)]
    both = np.logical_and.outer(*soft)
    apart = SOFT * np.add.outer(vdw_radii[of], vdw_radii[to])
    bonded = np.add.outer(covalent_radii[of], covalent_radii[to])
    return np.asarray(np.maximum(gap_A, np.where(both, apart, bonded)))


def centred(positions: Floats) -> Floats:
    """Return positions taken from their mean."""
    return np.asarray(positions - positions.mean(axis=0))


def principal_frame(molecule: Atoms) -> Floats:
    """Return the long, the middle and the short axis of a molecule, rows (3, 3), right-handed.

    Each axis points where the atomic numbers weigh more (third moment), so that a molecule turned or re-indexed has
    the same frame; where a symmetry of the molecule leaves an axis open, either choice gives the same poses.
    """
    places = centred(molecule.positions)
    axes = np.linalg.eigh(places.T @ places)[1].T[::-1]
    lean = molecule.numbers @ (places @ axes.T) ** 3
    axes = axes * np.where(lean < 0, -1.0, 1.0)[:, None]
    if np.linalg.det(axes) < 0:
        axes[int(np.argmin(np.abs(lean)))] *= -1.0
    return np.asarray(axes)


def _turns(n: int, seed: tuple[int, ...]) -> Floats:
    """Return rotations of a molecule given in its principal frame, (n, 3, 3): three that lie, one of any kind."""
    rng = np.random.default_rng(seed)
    roll, azimuth = 2 * np.pi * qmc.Halton(2, rng=rng).random(n).T
    lying = Rotation.from_euler("xz", np.column_stack([roll, azimuth])).as_matrix()
    free = _uniform(qmc.Halton(3, rng=rng).random(n))
    return np.array([free[k // 4] if k % 4 == 3 else lying[k - k // 4] for k in range(n)])


def _rolls(n: int, seed: tuple[int, ...], along: Floats) -> Floats:
    """Return rotations that lay x along a vector of the plane, one way and the other in turn, (n, 3, 3)."""
    roll = 2 * np.pi * qmc.Halton(1, rng=np.random.default_rng(seed)).random(-(-n // 2))[:, 0]
    azimuth = np.arctan2(along[1], along[0]) + np.pi * (np.arange(n) % 2)
    return np.asarray(Rotation.from_euler("xz", np.column_stack([roll[np.arange(n) // 2], azimuth])).as_matrix())


def _uniform(cube: Floats) -> Floats:
    """Map points of the unit cube, (n, 3), evenly on all rotations (10.1016/B978-0-08-050755-2.50036-1)."""
    first, second = 2 * np.pi * cube[:, :2].T
    outer, inner = np.sqrt(1 - cube[:, 2]), np.sqrt(cube[:, 2])
    parts = [outer * np.sin(first), outer * np.cos(first), inner * np.sin(second), inner * np.cos(second)]
    return np.asarray(Rotation.from_quat(np.column_stack(parts)).as_matrix())


@dataclass(frozen=True)
class _Surface:
    """A slab for molecules to come down on.

    Parameters
    ----------
    slab
        In its surface cell.
    sites
        In-plane places for a molecule's centre, (k, 2) Å.
    rotations, translations
        Operations x → x R + t of the slab, (g, 2, 2) and (g, 2) Å.
    """

    slab: Atoms
    sites: Floats
    rotations: Floats
    translations: Floats

    @classmethod
    def of(cls, slab: Atoms, n: int) -> _Surface:
        """Return the surface of a slab with up to n sites."""
        cell = slab.cell.array[:2, :2]
        one = Atoms("H", cell=slab.cell, pbc=True)
        sites = irreducible_shifts(slab, one, n=n) @ cell
        symmetry = plane_symmetry(slab)
        rotations = np.linalg.inv(cell) @ symmetry.rotations @ cell
        return cls(slab, sites, rotations, symmetry.translations @ cell)

    @property
    def lattice(self) -> Floats:
        """Surface vectors, rows (2, 2) in Å."""
        return np.asarray(self.slab.cell.array[:2, :2])

    def nearest(self, apart: Floats) -> Floats:
        """Return in-plane differences (..., 2) less the lattice vector that shortens their fractions."""
        return apart - np.rint(apart @ np.linalg.inv(self.lattice)) @ self.lattice

    def lowered(self, pose: Pose, molecule: Atoms, gap_A: float) -> Pose:
        """Return the pose at the height of first contact on its way down.

        Atom i meets atom j, ρ aside, when ``z_i = z_j + sqrt(d_ij² − ρ²)``.
        """
        places = pose.positions(molecule)
        limits = contacts(molecule.numbers, self.slab.numbers, gap_A)
        room = limits**2 - self._aside2(places, float(limits.max()))
        rise = self.slab.positions[:, 2] - places[:, None, 2] + np.sqrt(np.maximum(room, 0.0))
        top, foot = float(self.slab.positions[:, 2].max()), float(places[:, 2].min())
        lift = max(float(rise[room > 0].max(initial=-np.inf)), top - foot - DEEPEST_A)
        raised = replace(pose, centre=pose.centre + np.array([0.0, 0.0, lift]), height_A=foot + lift - top)
        return replace(raised, gap_A=self.gap_A(raised.positions(molecule)))

    def gap_A(self, places: Floats) -> float:
        """Return the least distance of any atom at `places` to the slab, images included, Å."""
        up = places[:, None, 2] - self.slab.positions[None, :, 2]
        reach = float(np.sqrt((self.nearest(self._apart(places)) ** 2).sum(-1) + up**2).min())
        return float(np.sqrt((self._aside2(places, reach) + up**2).min()))

    def _apart(self, places: Floats) -> Floats:
        return np.asarray(places[:, None, :2] - self.slab.positions[None, :, :2])

    def _aside2(self, places: Floats, reach: float) -> Floats:
        """Return squared in-plane distances to every image that may be within `reach`, (images, n, m)."""
        corner = np.abs(np.array([[1, 1], [1, -1]]) @ self.lattice / 2)
        images = lattice_vectors(self.lattice, reach + float(np.linalg.norm(corner, axis=1).max()))
        return np.asarray(((self.nearest(self._apart(places)) + images[:, None, None]) ** 2).sum(-1))


def lattice_vectors(lattice: Floats, reach_A: float) -> Floats:
    """Return every vector of a lattice (rows (2, 2), Å) no longer than `reach_A`, zero included, (k, 2)."""
    steps = lattice_steps(lattice, reach_A)
    return np.asarray(steps @ lattice)


def lattice_steps(lattice: Floats, reach_A: float) -> NDArray[np.int64]:
    """Return the integers (k, 2) of :func:`lattice_vectors`."""
    most = np.floor(reach_A * np.linalg.norm(np.linalg.inv(lattice), axis=0) + 1e-9).astype(int)
    steps = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(steps[np.linalg.norm(steps @ lattice, axis=1) <= reach_A + 1e-9])


class _Distinct:
    """Poses of which no two are alike under the operations of the slab.

    The molecule's images are left out of the comparison: they are kept apart, so their arrangement hardly matters.
    """

    def __init__(self, surface: _Surface, molecules: Sequence[Atoms]) -> None:
        self.surface, self.molecules = surface, molecules
        self.poses: list[Pose] = []
        self._seen: list[tuple[NDArray[np.int64], Floats, Floats]] = []

    def add(self, pose: Pose) -> None:
        """Keep a pose unless one like it is kept already."""
        molecule = self.molecules[pose.conformer]
        images = self._images(pose.positions(molecule))
        means = images.mean(axis=1)
        for numbers, places, mean in self._seen:
            off = mean - means
            off[:, :2] = self.surface.nearest(off[:, :2])
            for k in np.flatnonzero(np.linalg.norm(off, axis=1) < SAME_A):
                shifted = images[k] - means[k] + mean - off[k]
                if _rms(numbers, places, molecule.numbers, shifted) < SAME_A:
                    return
        self.poses.append(pose)
        self._seen.append((molecule.numbers, images[0], means[0]))

    def _images(self, places: Floats) -> Floats:
        """Return the atoms under every operation, (g, n, 3), the identity first."""
        turned = places[None, :, :2] @ self.surface.rotations + self.surface.translations[:, None]
        heights = np.broadcast_to(places[None, :, 2:], (*turned.shape[:2], 1))
        images = np.concatenate([turned, heights], axis=-1)
        return np.concatenate([places[None], images])


def _rms(numbers: NDArray[np.int64], places: Floats, others: NDArray[np.int64], shifted: Floats) -> float:
    """Return the least root-mean-square distance over all pairings of atoms of the same elements, Å."""
    if sorted(numbers) != sorted(others):
        return np.inf
    squares = np.where(np.equal.outer(numbers, others), cdist(places, shifted, "sqeuclidean"), 1e6)
    rows, columns = linear_sum_assignment(squares)
    return float(np.sqrt(squares[rows, columns].mean()))
