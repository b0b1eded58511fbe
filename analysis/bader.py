"""Bader's partition of a density by the weight method, compiled.

Every grid point hands what it holds to its neighbours of higher reference density, in proportion to the flux
through the facet of the Voronoi cell between them; what arrives at a maximum belongs to its basin (Yu and Trinkle,
J. Chem. Phys. 134, 064111 (2011), 10.1063/1.3553716). Taken from the lowest point to the highest, this needs no
stored weights: the fractional weights of the paper and this hand-over are adjoint, and give the same integrals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from interlith.analysis.voronoi import grid_facets
from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

VACUUM_e_A3 = 1e-6
"""Reference density below which a point belongs to nobody."""


@dataclass(frozen=True)
class Basins:
    """The basins of a reference density, by its maxima.

    Attributes
    ----------
    maxima
        Grid indices of each maximum, shape (n, 3).
    integrals
        Of each field over each basin, shape (fields, n): electrons for densities in e/Å³.
    volumes_A3
        Shape (n,).
    vacuum
        Integrals of the fields over the points below the vacuum threshold, shape (fields,).
    vacuum_volume_A3
        Of those points.
    """

    maxima: Ints
    integrals: Floats
    volumes_A3: Floats
    vacuum: Floats
    vacuum_volume_A3: float


def basins(
    reference: Floats,
    cell: Floats,
    fields: tuple[Floats, ...] | None = None,
    *,
    periodic: tuple[bool, bool, bool] = (True, True, True),
    vacuum_e_A3: float = VACUUM_e_A3,
) -> Basins:
    """Integrate fields over the Bader basins of a reference density.

    Parameters
    ----------
    reference
        Density whose maxima make the basins, shape (nx, ny, nz), e/Å³: the one with its maxima at the nuclei.
    cell
        Vectors that the grid divides, rows, Å: along an axis of n points one step is a vector over n.
    fields
        What is integrated, each shaped as the reference; the reference itself if None.
    periodic
        Along which axes the grid repeats; along the others nothing leaves it.
    vacuum_e_A3
        Points of at most this reference density are vacuum.

    Returns
    -------
    basins
        Sums over basins plus vacuum are the sums over the grid, to rounding.

    Raises
    ------
    RequestError
        If shapes differ, or a density has values that are not finite.
    """
    given = (reference,) if fields is None else fields
    for field in (reference, *given):
        _check(field, reference.shape)
    facets = grid_facets(np.asarray(cell, dtype=float) / np.array(reference.shape)[:, None])
    flat = np.ascontiguousarray(reference, dtype=np.float64).ravel()
    order = ascending(flat, vacuum_e_A3)
    held = np.array([field.ravel() for field in given], dtype=np.float64)
    voxel = abs(float(np.linalg.det(cell))) / flat.size
    totals = held.sum(axis=1)
    volume = np.ones(flat.size)
    grid = np.array([reference.shape, periodic], dtype=np.int64)
    peaks = _hand_over(flat, order, held, volume, grid, facets.steps, facets.transmissions_A)
    inside = held[:, peaks] * voxel
    volumes = volume[peaks] * voxel
    maxima = np.array(np.unravel_index(peaks, reference.shape)).T
    return Basins(
        maxima=maxima,
        integrals=inside,
        volumes_A3=volumes,
        vacuum=totals * voxel - inside.sum(axis=1),
        vacuum_volume_A3=voxel * (flat.size - len(order)),
    )


def ascending(flat: Floats, threshold: float) -> NDArray[np.unsignedinteger]:
    """Return the indices of the values above a threshold, lowest value first."""
    above = np.flatnonzero(flat > threshold)
    order = above[np.argsort(flat[above], kind="stable")]
    return order.astype(np.uint32 if flat.size < 2**32 else np.uint64)


def _check(field: Floats, shape: tuple[int, ...]) -> None:
    if field.shape != shape or field.ndim != 3:
        raise RequestError(f"grids of {shape} and {field.shape} points", "densities", "give all on one grid")
    if not np.isfinite(field).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(field))[0])
        raise RequestError(f"the density is not finite at grid point {where}", "density", "compute or export it again")


@numba.njit(cache=True, nogil=True)
def _hand_over(rho, order, held, volume, grid, steps, transmissions):  # type: ignore[no-untyped-def]
    """Let every point of `order` hand its `held` and `volume` to its higher neighbours; return the maxima."""
    (nx, ny, nz), periodic = grid
    n = len(transmissions)
    reach = np.abs(steps).max()
    offsets = (steps[:, 0] * ny + steps[:, 1]) * nz + steps[:, 2]
    targets, fluxes = np.empty(n, np.int64), np.empty(n, np.float64)
    maxima = []
    for p in order:
        i, rest = divmod(np.int64(p), ny * nz)
        j, k = divmod(rest, nz)
        inner = reach <= i < nx - reach and reach <= j < ny - reach and reach <= k < nz - reach
        m, total, tied = 0, 0.0, np.int64(-1)
        for f in range(n):
            if inner:
                q = np.int64(p) + offsets[f]
            else:
                a, b, c = i + steps[f, 0], j + steps[f, 1], k + steps[f, 2]
                if (
                    (not periodic[0] and not 0 <= a < nx)
                    or (not periodic[1] and not 0 <= b < ny)
                    or (not periodic[2] and not 0 <= c < nz)
                ):
                    continue
                q = ((a % nx) * ny + b % ny) * nz + c % nz
            rise = rho[q] - rho[p]
            if rise == 0.0 and q > p:
                tied = q  # comes later in the order; a maximum between points is one maximum
            if rise > 0.0:
                targets[m], fluxes[m] = q, transmissions[f] * rise
                total += fluxes[m]
                m += 1
        if m == 0 and tied >= 0:
            targets[0], fluxes[0], total, m = tied, 1.0, 1.0, 1
        if m == 0:
            maxima.append(np.int64(p))
            continue
        for f in range(m):
            share = fluxes[f] / total
            volume[targets[f]] += share * volume[p]
            for field in range(len(held)):
                held[field, targets[f]] += share * held[field, p]
    return np.array(maxima, dtype=np.int64)
