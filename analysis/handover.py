"""The compiled part of Bader's partition: every grid point hands what it holds to its higher neighbours.

A point hands over once all its lower neighbours have handed to it, so no sorting is needed: points are taken in the
order of memory, each followed at once by those that waited for it alone, which keeps them in the processor's cache.
Several threads take a slab of the grid each; what leaves a slab is posted to the next one, until nothing is posted.
"""

# What numba compiles gets its types from its arguments.
# mypy: allow-untyped-defs, allow-incomplete-defs, no-check-untyped-defs

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VACUUM, DONE = 255, 254
"""Marks in the count of lower neighbours, which are 32 at most."""
THINNEST_SLAB = 8
"""Planes: thinner slabs would post more than they keep."""


class Grid(NamedTuple):
    """A grid and the facets of its points.

    Attributes
    ----------
    shape, periodic
        Points along each axis, and whether the grid repeats there; shape (3,) each.
    reach
        The longest step along an axis.
    steps, offsets
        Neighbours in steps along the axes, shape (n, 3), and in the flattened grid away from its borders, shape (n,).
    transmissions
        Area of the facet over the distance of the neighbour, shape (n,), Å.
    vectors
        To the neighbours, shape (n, 3), Å.
    """

    shape: Ints
    periodic: NDArray[np.bool_]
    reach: int
    steps: Ints
    offsets: Ints
    transmissions: Floats
    vectors: Floats


class Held(NamedTuple):
    """What points hold and hand over.

    Attributes
    ----------
    amounts
        Shape (points, m): anything additive; the moments are those of the first.
    moments
        First moments about the point where they are held, shape (points, 3), Å times the amount; (0, 3) for none.
        Single precision holds them to 1e-5 of a basin's.
    """

    amounts: Floats
    moments: NDArray[np.float32]


class _Flat(NamedTuple):
    """Points without a higher neighbour but with equal ones, rising, and where each hands to (-1: a maximum)."""

    points: Ints
    targets: Ints


class _Post(NamedTuple):
    """What leaves a slab, downwards and upwards: addressees, and what they get."""

    to: Ints
    amounts: Floats
    moments: Floats
    sent: Ints


def hand_over(rho: Floats, threshold: float, grid: Grid, held: Held, threads: int = 1) -> Ints:
    """Let every point above a threshold hand what it holds to its higher neighbours.

    Parameters
    ----------
    rho
        The density that says which neighbours are higher, flattened.
    threshold
        Points of at most this density keep what they hold, and get nothing.
    grid
        Of the density.
    held
        Changed in place.
    threads
        How many slabs of the grid are treated at once.

    Returns
    -------
    maxima
        The points that have no higher neighbour, rising, shape (n,). A plateau is one maximum.
    """
    thickest = max(THINNEST_SLAB, grid.reach)
    slabs = max(1, min(threads, int(grid.shape[0]) // thickest))
    edges = np.linspace(0, int(grid.shape[0]), slabs + 1).astype(np.int64)
    bounds = [(int(lo), int(hi)) for lo, hi in pairwise(edges)]
    waiting = np.empty(len(rho), dtype=np.uint8)
    with ThreadPoolExecutor(slabs) as pool:
        tops = list(pool.map(lambda b: _count_lower(rho, threshold, grid, b, waiting), bounds))
        ties = np.concatenate([tied for _, tied in tops])
        flat = _Flat(ties, _drain(rho, ties, grid))
        np.add.at(waiting, flat.targets[flat.targets >= 0], np.uint8(1))
        _sweep_slabs(pool, bounds, (rho, grid, held, waiting, flat))
    return np.sort(np.concatenate([*(top for top, _ in tops), ties[flat.targets < 0]]))


def _sweep_slabs(pool, bounds, problem) -> None:
    """Sweep all slabs at once, deliver what each has posted, and again until nothing is."""
    _, grid, held, _, _ = problem
    n = len(bounds)
    crossing = int(np.abs(grid.steps[:, 0]).sum()) // 2 if n > 1 else 0
    room = crossing * int(grid.shape[1] * grid.shape[2])
    posts = [[_empty_post(room, held) for _ in bounds] for _ in range(2)]
    first = True
    while first or any(post.sent.any() for post in posts[0]):
        arrived, leaving = posts
        tasks = [
            pool.submit(_sweep, *problem, bounds[s], (first, arrived[s - 1], arrived[(s + 1) % n], leaving[s]))
            for s in range(n)
        ]
        for task in tasks:
            task.result()
        first, posts = False, [leaving, arrived]


def _empty_post(room: int, held: Held) -> _Post:
    width, turned = held.amounts.shape[1], 3 * bool(len(held.moments))
    return _Post(
        np.empty((2, room), np.int64), np.empty((2, room, width)), np.empty((2, room, turned)), np.zeros(2, np.int64)
    )


@numba.njit(cache=True, nogil=True)
def _neighbours(p, grid, targets):
    """Fill the neighbours of a point, -1 where the grid ends."""
    nx, ny, nz = grid.shape[0], grid.shape[1], grid.shape[2]
    i = p // (ny * nz)
    rest = p - i * (ny * nz)
    j = rest // nz
    k = rest - j * nz
    r = grid.reach
    if r <= i < nx - r and r <= j < ny - r and r <= k < nz - r:
        for f in range(len(targets)):
            targets[f] = p + grid.offsets[f]
        return
    for f in range(len(targets)):
        a, b, c = i + grid.steps[f, 0], j + grid.steps[f, 1], k + grid.steps[f, 2]
        targets[f] = ((a % nx) * ny + b % ny) * nz + c % nz
        if (
            (not grid.periodic[0] and not 0 <= a < nx)
            or (not grid.periodic[1] and not 0 <= b < ny)
            or (not grid.periodic[2] and not 0 <= c < nz)
        ):
            targets[f] = -1


@numba.njit(cache=True, nogil=True)
def _count_lower(rho, threshold, grid, bounds, waiting):
    """Count the lower neighbours of each point of a slab; return the maxima, and the points that have only equals."""
    plane = grid.shape[1] * grid.shape[2]
    targets = np.empty(len(grid.offsets), np.int64)
    tops, tied = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    for p in range(bounds[0] * plane, bounds[1] * plane):
        here = rho[p]
        if here <= threshold:
            waiting[p] = VACUUM
            continue
        _neighbours(p, grid, targets)
        lower, higher, equal = 0, 0, 0
        for q in targets:
            if q >= 0:
                there = rho[q]
                lower += threshold < there < here
                higher += there > here
                equal += there == here and q != p
        waiting[p] = lower
        if higher == 0:
            (tied if equal else tops).append(p)
    return np.array(tops, dtype=np.int64), np.array(tied, dtype=np.int64)


@numba.njit(cache=True, nogil=True)
def _drain(rho, ties, grid):
    """Return where each point of `ties` hands to: towards an equal one that has a higher neighbour, or to one of them.

    Breadth first from the exits of each plateau; a plateau without an exit ends at its first point.
    """
    targets, near = np.full(len(ties), -2), np.empty(len(grid.offsets), np.int64)
    queue = [np.int64(0) for _ in range(0)]
    for n in range(len(ties)):
        _neighbours(ties[n], grid, near)
        for q in near:
            if q >= 0 and rho[q] == rho[ties[n]] and ties[min(np.searchsorted(ties, q), len(ties) - 1)] != q:
                targets[n] = q
        if targets[n] >= 0:
            queue.append(n)
    head = 0
    for start in range(-1, len(ties)):
        if start >= 0:
            if targets[start] != -2:
                continue
            targets[start] = -1
            queue.append(start)
        while head < len(queue):
            p = ties[queue[head]]
            head += 1
            _neighbours(p, grid, near)
            for q in near:
                if q >= 0 and rho[q] == rho[p]:
                    m = min(np.searchsorted(ties, q), len(ties) - 1)
                    if ties[m] == q and targets[m] == -2:
                        targets[m] = p
                        queue.append(m)
    return targets


@numba.njit(cache=True, nogil=True)
def _sweep(rho, grid, held, waiting, flat, bounds, mail):
    """Take in what has arrived and hand over all that waits for nothing more."""
    first, below, above, leaving = mail
    leaving.sent[:] = 0
    plane = grid.shape[1] * grid.shape[2]
    slab = (bounds[0] * plane, bounds[1] * plane, leaving)
    stack = np.empty(1024, np.int64)
    for post, side in ((below, 1), (above, 0)):
        for m in range(post.sent[side]):
            q = post.to[side, m]
            for a in range(held.amounts.shape[1]):
                held.amounts[q, a] += post.amounts[side, m, a]
            for a in range(post.moments.shape[2]):
                held.moments[q, a] += post.moments[side, m, a]
            waiting[q] -= 1
            if waiting[q] == 0:
                stack = _chase(q, stack, rho, grid, held, waiting, (flat, slab))
    if first:
        for p in range(slab[0], slab[1]):
            if waiting[p] == 0:
                stack = _chase(p, stack, rho, grid, held, waiting, (flat, slab))


@numba.njit(cache=True, nogil=True)
def _chase(start, stack, rho, grid, held, waiting, where):
    """Hand over what a point holds, then what the points hold that waited for it, within the slab."""
    flat, (lo, hi, leaving) = where
    n = len(grid.offsets)
    targets, shares = np.empty(n, np.int64), np.empty(n, np.float64)
    stack[0], size = start, 1
    while size:
        size -= 1
        p = stack[size]
        waiting[p] = DONE
        _neighbours(p, grid, targets)
        if not _fluxes(p, rho, grid, targets, shares):
            _only(p, flat, targets, shares)
        if size + n > len(stack):
            stack = np.concatenate((stack, np.empty_like(stack)))
        for f in range(n):
            if shares[f] == 0.0:
                continue
            q = targets[f]
            if lo <= q < hi:
                _give(p, q, shares[f], grid.vectors[f], held)
                waiting[q] -= 1
                if waiting[q] == 0:
                    stack[size] = q
                    size += 1
            else:
                _post(p, q, shares[f], grid.vectors[f], held, leaving, 1 if grid.steps[f, 0] > 0 else 0)
    return stack


@numba.njit(cache=True, nogil=True)
def _fluxes(p, rho, grid, targets, shares):
    """Fill the shares that the higher neighbours get; return whether there is one."""
    here, total = rho[p], 0.0
    for f in range(len(targets)):
        rise = rho[targets[f]] - here if targets[f] >= 0 else 0.0
        shares[f] = grid.transmissions[f] * rise if rise > 0.0 else 0.0
        total += shares[f]
    if total > 0.0:
        for f in range(len(targets)):
            shares[f] /= total
    return total > 0.0


@numba.njit(cache=True, nogil=True)
def _only(p, flat, targets, shares):
    """Give all to the equal neighbour that a flat point hands to; a maximum has none."""
    m = np.searchsorted(flat.points, p)
    if m == len(flat.points) or flat.points[m] != p or flat.targets[m] < 0:
        return
    for f in range(len(targets)):
        if targets[f] == flat.targets[m]:
            shares[f] = 1.0
            return


@numba.njit(cache=True, nogil=True)
def _give(p, q, share, vector, held):
    amounts, moments = held
    for a in range(moments.shape[1] if len(moments) else 0):
        moments[q, a] += share * (moments[p, a] - amounts[p, 0] * vector[a])
    for a in range(amounts.shape[1]):
        amounts[q, a] += share * amounts[p, a]


@numba.njit(cache=True, nogil=True)
def _post(p, q, share, vector, held, leaving, side):
    n = leaving.sent[side]
    leaving.sent[side] = n + 1
    leaving.to[side, n] = q
    for a in range(leaving.moments.shape[2]):
        leaving.moments[side, n, a] = share * (held.moments[p, a] - held.amounts[p, 0] * vector[a])
    for a in range(held.amounts.shape[1]):
        leaving.amounts[side, n, a] = share * held.amounts[p, a]
