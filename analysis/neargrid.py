"""Bader's partition by the near-grid method: a second way, to check the first.

Each point climbs from neighbour to neighbour along the gradient, what rounding to the grid leaves out being carried
along; all it holds belongs to the maximum where it arrives (Tang, Sanville and Henkelman, J. Phys.: Condens. Matter 21,
084204 (2009), 10.1088/0953-8984/21/8/084204). Every point climbs all the way, which leaves no surface to be refined.
"""

# What numba compiles gets its types from its arguments.
# mypy: allow-untyped-defs, allow-incomplete-defs, no-check-untyped-defs

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from interlith.analysis.bader import Basins, VACUUM_e_A3, available_threads, check_fields

Floats = NDArray[np.float64]

EMPTY = -1


def near_grid_basins(
    reference: Floats,
    cell: Floats,
    fields: tuple[Floats, ...] | None = None,
    *,
    periodic: tuple[bool, bool, bool] = (True, True, True),
    vacuum_e_A3: float = VACUUM_e_A3,
    moments: bool = False,
) -> Basins:
    """Integrate fields over Bader basins; parameters and result are those of `interlith.analysis.bader.basins`.

    Raises
    ------
    RequestError
        If shapes differ, or a density has values that are not finite.
    """
    given = (reference,) if fields is None else fields
    check_fields(reference, given)
    rho, shape = np.ascontiguousarray(reference, dtype=np.float64), np.array(reference.shape)
    steps = np.asarray(cell, dtype=float) / shape[:, None]
    inverse = np.linalg.inv(steps)
    frame = (inverse.T @ inverse, steps, np.array(periodic))
    ends, threads = np.empty(rho.shape, dtype=np.int64), available_threads()
    edges = np.linspace(0, rho.shape[0], 4 * threads + 1).astype(int).tolist()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda planes: _climb(rho, vacuum_e_A3, planes, frame, ends), pairwise(edges)))
    tops = np.unique(ends[ends != EMPTY])
    labels = np.where(ends == EMPTY, EMPTY, np.searchsorted(tops, ends))
    peaks = np.array(np.unravel_index(tops, rho.shape)).T
    n, voxel = len(peaks), abs(float(np.linalg.det(steps)))
    owner = np.where(labels == EMPTY, n, labels).ravel()
    sums = np.array([np.bincount(owner, field.ravel(), n + 1) for field in given]) * voxel
    counts: Floats = np.bincount(owner, minlength=n + 1).astype(np.float64) * voxel
    return Basins(
        maxima=peaks,
        integrals=sums[:, :n],
        volumes_A3=counts[:n],
        vacuum=sums[:, n],
        vacuum_volume_A3=float(counts[n]),
        moments_eA=_moments(given[0], labels, peaks, frame) * voxel if moments else None,
    )


@numba.njit(cache=True, nogil=True)
def _wrapped(a, n, repeats):
    """Return an index within the grid, -1 beyond the end of an open axis."""
    if 0 <= a < n:
        return a
    return a % n if repeats else -1


@numba.njit(cache=True, nogil=True)
def _moved(shape, at, step, repeats):
    """Return the point a step away; (-1, …) beyond the end of an open axis."""
    a = _wrapped(at[0] + step[0], shape[0], repeats[0])
    b = _wrapped(at[1] + step[1], shape[1], repeats[1])
    c = _wrapped(at[2] + step[2], shape[2], repeats[2])
    return (a, b, c) if min(a, b, c) >= 0 else (-1, -1, -1)


@numba.njit(cache=True, nogil=True)
def _slope(rho, at, step, repeats):
    """Return the central difference along a step; 0 at a maximum along it."""
    here = rho[at]
    down, up = _moved(rho.shape, at, (-step[0], -step[1], -step[2]), repeats), _moved(rho.shape, at, step, repeats)
    below, above = rho[down] if down[0] >= 0 else here, rho[up] if up[0] >= 0 else here
    return 0.0 if here > max(below, above) else (above - below) / 2


@numba.njit(cache=True, nogil=True)
def _next(rho, at, left, frame):
    """Return the next point of a climb, the point itself at a maximum; what rounding leaves out is kept in `left`."""
    metric, vectors, repeats = frame
    x = _slope(rho, at, (1, 0, 0), repeats)
    y = _slope(rho, at, (0, 1, 0), repeats)
    z = _slope(rho, at, (0, 0, 1), repeats)
    rise = (
        metric[0, 0] * x + metric[0, 1] * y + metric[0, 2] * z,
        metric[1, 0] * x + metric[1, 1] * y + metric[1, 2] * z,
        metric[2, 0] * x + metric[2, 1] * y + metric[2, 2] * z,
    )
    longest = max(abs(rise[0]), abs(rise[1]), abs(rise[2]))
    if longest > 0.0:
        step = (_whole(0, rise, longest, left), _whole(1, rise, longest, left), _whole(2, rise, longest, left))
        there = _moved(rho.shape, at, step, repeats)
        if there[0] >= 0 and rho[there] > rho[at]:
            return there
    left[:] = 0.0
    return _steepest(rho, at, vectors, repeats)


@numba.njit(cache=True, nogil=True)
def _whole(axis, rise, longest, left):
    """Return the whole steps along an axis, those made up for included; the rest stays in `left`."""
    step = round(rise[axis] / longest)
    left[axis] += rise[axis] / longest - step
    extra = round(left[axis])
    left[axis] -= extra
    return int(step + extra)


@numba.njit(cache=True, nogil=True)
def _steepest(rho, at, vectors, repeats):
    """Return the neighbour that rises most per distance, of the 26; the point itself where none rises."""
    best, top = 0.0, at
    for i in range(-1, 2):
        for j in range(-1, 2):
            for k in range(-1, 2):
                there = _moved(rho.shape, at, (i, j, k), repeats)
                if there[0] < 0 or not rho[there] > rho[at]:
                    continue
                length2 = 0.0
                for c in range(3):
                    length2 += (i * vectors[0, c] + j * vectors[1, c] + k * vectors[2, c]) ** 2
                slope = (rho[there] - rho[at]) / np.sqrt(length2)
                if slope > best:
                    best, top = slope, there
    return top


@numba.njit(cache=True, nogil=True)
def _climb(rho, threshold, planes, frame, ends):
    """Climb from every point of some planes to its maximum, whose place in the flattened grid goes into `ends`."""
    left = np.zeros(3)
    for i in range(planes[0], planes[1]):
        for j in range(rho.shape[1]):
            for k in range(rho.shape[2]):
                ends[i, j, k] = EMPTY
                if rho[i, j, k] <= threshold:
                    continue
                left[:] = 0.0
                at, there = (i, j, k), _next(rho, (i, j, k), left, frame)
                while there != at:
                    at, there = there, _next(rho, there, left, frame)
                ends[i, j, k] = (at[0] * rho.shape[1] + at[1]) * rho.shape[2] + at[2]


@numba.njit(cache=True, nogil=True)
def _moments(field, labels, peaks, frame):
    """Return the first moment of a field over each basin about its maximum, by nearest images."""
    _, vectors, repeats = frame
    moments = np.zeros((len(peaks), 3))
    for at in np.ndindex(field.shape):
        m = labels[at]
        if m < 0:
            continue
        for a in range(3):
            away, n = at[a] - peaks[m, a], field.shape[a]
            if repeats[a]:
                away -= n * np.rint(away / n)
            moments[m] += field[at] * away * vectors[a]
    return moments
