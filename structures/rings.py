"""Rings of molecules, and bonds that pass through one: a knot that no relaxation undoes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray

from interlith.structures.bonds import Bonds
from interlith.structures.findings import Finding, named
from interlith.structures.valences import covalent_bonds

Floats = NDArray[np.float64]
Step = tuple[int, tuple[int, int, int]]

LARGEST_RING = 8
"""A chain may thread a crown of twelve atoms; none fits through a ring of eight."""
_GRAZING = 1e-6


@dataclass(frozen=True)
class Ring:
    """A closed loop of bonds.

    Parameters
    ----------
    atoms
        Indices, in order around the ring.
    positions
        Unwrapped, shape (n, 3), Å.
    """

    atoms: tuple[int, ...]
    positions: Floats


def rings(atoms: Atoms, found: Bonds | None = None) -> list[Ring]:
    """Return the smallest ring through each bond, up to eight atoms, each once.

    Parameters
    ----------
    atoms
        Å; periodic directions are honoured. A chain that closes on its own image is no ring.
    found
        Bonds; None: those of :func:`structures.valences.covalent_bonds`.
    """
    found = covalent_bonds(atoms) if found is None else found
    core = _without_ends(found, len(atoms))
    neighbours: dict[int, list[Step]] = {}
    for i, j, offset in zip(*core.both_ways(), strict=True):
        x, y, z = offset.tolist()
        neighbours.setdefault(int(i), []).append((int(j), (x, y, z)))
    cell = atoms.cell.complete().array
    kept: dict[frozenset[int], Ring] = {}
    for i, j, offset in zip(core.i, core.j, core.offset, strict=True):
        x, y, z = offset.tolist()
        path = _way_round(neighbours, int(i), (int(j), (x, y, z)))
        if path and frozenset(k for k, _ in path) not in kept:
            places = np.array([atoms.positions[k] + np.array(shift) @ cell for k, shift in path])
            kept[frozenset(k for k, _ in path)] = Ring(tuple(k for k, _ in path), places)
    return list(kept.values())


def speared(atoms: Atoms, pairs: Iterable[tuple[int, int]] | None = None) -> list[tuple[Ring, tuple[int, int]]]:
    """Return each ring that a bond passes through, with that bond.

    Parameters
    ----------
    atoms
        Å; periodic directions are honoured.
    pairs
        Bonded atoms, where they are known (each at its nearest image); None: by distance.
    """
    found = covalent_bonds(atoms) if pairs is None else _bonds_of(atoms, pairs)
    if not len(found):
        return []
    cell = atoms.cell.complete().array
    starts = atoms.positions[found.i]
    arms = atoms.positions[found.j] + found.offset @ cell - starts
    hits = []
    for ring in rings(atoms, found):
        others = np.flatnonzero(~np.isin(found.i, ring.atoms) & ~np.isin(found.j, ring.atoms))
        centre = ring.positions.mean(axis=0)
        middles = starts[others] + arms[others] / 2 - centre
        near = find_mic(middles, atoms.cell, atoms.pbc)[0] if atoms.pbc.any() and len(others) else middles
        through = _crossed(ring.positions - centre, near - arms[others] / 2, arms[others])
        hits += [(ring, (int(found.i[k]), int(found.j[k]))) for k in others[through]]
    return hits


def speared_rings(atoms: Atoms) -> list[Finding]:
    """Return the findings of :func:`speared`, bonds by distance."""
    return [
        Finding(
            "ring",
            f"the bond {named(atoms, [i])}-{named(atoms, [j])} passes through the ring {named(atoms, ring.atoms, 8)}",
            "build the conformer or the packing with another seed",
            tuple(sorted({i, j, *ring.atoms})),
        )
        for ring, (i, j) in speared(atoms)
    ]


def _crossed(corners: Floats, starts: Floats, arms: Floats) -> NDArray[np.bool_]:
    """Return which segments cross the fan of triangles between a ring's corners and its centre at the origin."""
    crossed = np.zeros(len(starts), dtype=bool)
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        normals = np.cross(arms, second)
        size = normals @ first
        safe = np.where(np.abs(size) < _GRAZING, np.inf, size)
        u = np.einsum("ij,ij->i", starts, normals) / safe
        turned = np.cross(starts, first)
        v = np.einsum("ij,ij->i", arms, turned) / safe
        t = turned @ second / safe
        crossed |= (np.abs(size) >= _GRAZING) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t <= 1)
    return crossed


def _without_ends(found: Bonds, n: int) -> Bonds:
    """Return the bonds left when atoms of one bond are stripped again and again: a chain has none."""
    while len(found):
        degree = np.bincount(np.concatenate([found.i, found.j]), minlength=n)
        keep = (degree[found.i] > 1) & (degree[found.j] > 1)
        if keep.all():
            break
        found = found.where(keep)
    return found


def _way_round(neighbours: dict[int, list[Step]], start: int, end: Step) -> list[Step]:
    """Return the shortest way from an atom to its bonded neighbour that avoids their bond; empty if it is too long."""
    came: dict[Step, Step | None] = {(start, (0, 0, 0)): None}
    front: list[Step] = [(start, (0, 0, 0))]
    for _ in range(LARGEST_RING - 1):
        beyond: list[Step] = []
        for here in front:
            for k, (x, y, z) in neighbours[here[0]]:
                there = (k, (here[1][0] + x, here[1][1] + y, here[1][2] + z))
                if there in came or (there == end and came[here] is None):
                    continue
                came[there] = here
                if there == end:
                    return _walked(came, end)
                beyond.append(there)
        front = beyond
    return []


def _walked(came: dict[Step, Step | None], end: Step) -> list[Step]:
    """Return the steps from the start to the end."""
    path: list[Step] = []
    step: Step | None = end
    while step is not None:
        path.append(step)
        step = came[step]
    return path[::-1]


def _bonds_of(atoms: Atoms, pairs: Iterable[tuple[int, int]]) -> Bonds:
    """Return bonds between atoms at their nearest images."""
    i, j = np.array(sorted({(min(p), max(p)) for p in pairs}), dtype=int).reshape(-1, 2).T
    vectors = atoms.positions[j] - atoms.positions[i]
    if not atoms.pbc.any() or not len(i):
        return Bonds(i, j, np.linalg.norm(vectors, axis=1), np.zeros((len(i), 3), dtype=int))
    nearest, lengths = find_mic(vectors, atoms.cell, atoms.pbc)
    offset = np.round((nearest - vectors) @ np.linalg.inv(atoms.cell.complete().array)).astype(int)
    return Bonds(i, j, lengths, offset)
