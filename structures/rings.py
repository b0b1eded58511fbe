"""Rings of a model, and bonds that run through them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LARGEST = 12
"""Rings of more atoms are wide enough for a chain to pass."""


def rings(n_atoms: int, bonds: Sequence[Sequence[float]], largest: int = LARGEST) -> list[tuple[int, ...]]:
    """Return the shortest ring through each bond, each ring once, its atoms in order.

    Parameters
    ----------
    n_atoms
        Number of atoms.
    bonds
        Each starts with the indices of its two atoms; what follows (an order) is not read.
    largest
        Rings of more atoms are left out.
    """
    neighbours: list[set[int]] = [set() for _ in range(n_atoms)]
    pairs = [(int(bond[0]), int(bond[1])) for bond in bonds]
    for i, j in pairs:
        neighbours[i].add(j)
        neighbours[j].add(i)
    found: dict[frozenset[int], tuple[int, ...]] = {}
    for i, j in pairs:
        ring = _way_round(neighbours, i, j, largest)
        if ring:
            found.setdefault(frozenset(ring), ring)
    return list(found.values())


def speared(atoms: Atoms, bonds: Sequence[Sequence[float]]) -> list[tuple[tuple[int, ...], tuple[int, int]]]:
    """Return every ring of at most twelve atoms that a bond runs through, with that bond.

    The ring is filled by triangles from its centre to its edges; a bond that shares no atom with it spears it
    when its line meets one of them (Möller and Trumbore, 10.1080/10867651.1997.10487468). Periodic directions are
    honoured; the cell must be wider than the ring.

    Parameters
    ----------
    atoms
        The model; Å.
    bonds
        Each starts with the indices of its two atoms: ``MoleculeFacts.bonds``, or pairs.

    Returns
    -------
    list of (ring, bond)
        Atom indices; empty for a sound model.
    """
    pairs = np.array([(int(bond[0]), int(bond[1])) for bond in bonds], dtype=int).reshape(-1, 2)
    faults = []
    for ring in rings(len(atoms), bonds):
        outside = pairs[~np.isin(pairs, ring).any(axis=1)]
        if len(outside):
            hit = _through(atoms, ring, outside)
            faults += [(ring, (int(i), int(j))) for i, j in outside[hit]]
    return faults


def _way_round(neighbours: list[set[int]], start: int, end: int, largest: int) -> tuple[int, ...]:
    """Return the shortest way from `start` to `end` that avoids their own bond; empty if there is none short enough."""
    ways: dict[int, tuple[int, ...]] = {start: (start,)}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if len(ways[here]) >= largest:
            return ()
        for there in sorted(neighbours[here]):
            if there in ways or (here == start and there == end):
                continue
            ways[there] = (*ways[here], there)
            if there == end:
                return ways[there]
            queue.append(there)
    return ()


def _through(atoms: Atoms, ring: tuple[int, ...], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which bonds cross the surface of a ring, shape (n,)."""
    corners = _unwrapped(atoms, ring)
    centre = corners.mean(axis=0)
    starts = centre + _nearest(atoms, atoms.positions[pairs[:, 0]] - centre)
    directions = _nearest(atoms, atoms.positions[pairs[:, 1]] - atoms.positions[pairs[:, 0]])
    hit = np.zeros(len(pairs), dtype=bool)
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        hit |= _crosses(starts, directions, centre, first - centre, second - centre)
    return hit


def _crosses(starts: Floats, directions: Floats, corner: Floats, edge: Floats, other: Floats) -> NDArray[np.bool_]:
    """Return which segments meet a triangle given by a corner and its two edges, shape (n,)."""
    normal = np.cross(directions, other)
    volume = normal @ edge
    parallel = np.abs(volume) < 1e-12
    inverse = 1.0 / np.where(parallel, 1.0, volume)
    reach = starts - corner
    u = (normal * reach).sum(axis=1) * inverse
    turned = np.cross(reach, edge)
    v = (directions * turned).sum(axis=1) * inverse
    along = turned @ other * inverse
    inside = (u >= 0) & (v >= 0) & (u + v <= 1) & (along >= 0) & (along <= 1)
    return np.asarray(inside & ~parallel)


def _unwrapped(atoms: Atoms, ring: tuple[int, ...]) -> Floats:
    """Return the corners of a ring, put together across periodic boundaries, Å."""
    corners = [atoms.positions[ring[0]]]
    for here, there in pairwise(ring):
        corners.append(corners[-1] + _nearest(atoms, atoms.positions[[there]] - atoms.positions[here])[0])
    return np.array(corners)


def _nearest(atoms: Atoms, vectors: Floats) -> Floats:
    """Return vectors at their nearest periodic image."""
    return np.asarray(find_mic(vectors, atoms.cell, atoms.pbc)[0]) if atoms.pbc.any() else vectors
