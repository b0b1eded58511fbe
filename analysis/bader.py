"""Bader's partition of a density by the weight method.

Every grid point hands what it holds to its neighbours of higher reference density, in proportion to the flux
through the facet of the Voronoi cell between them; what arrives at a maximum belongs to its basin (Yu and Trinkle,
J. Chem. Phys. 134, 064111 (2011), 10.1063/1.3553716). From the lowest points to the highest this needs no
stored weights: the fractional weights of the paper and this hand-over are adjoint, and give the same integrals.
First moments are handed over about the place where they are held, so they know nothing of periodic images.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlith.analysis.handover import Grid, Held, hand_over
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
    moments_eA
        First moments of the first field about each maximum, shape (n, 3); None unless asked for.
    """

    maxima: Ints
    integrals: Floats
    volumes_A3: Floats
    vacuum: Floats
    vacuum_volume_A3: float
    moments_eA: Floats | None = None


def basins(
    reference: Floats,
    cell: Floats,
    fields: tuple[Floats, ...] | None = None,
    *,
    periodic: tuple[bool, bool, bool] = (True, True, True),
    vacuum_e_A3: float = VACUUM_e_A3,
    moments: bool = False,
    threads: int | None = None,
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
    moments
        Whether the first moments are wanted too.
    threads
        How many to use; `available_threads` if None.

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
    check_fields(reference, given)
    grid = _grid(reference.shape, np.asarray(cell, dtype=float), periodic)
    flat = np.ascontiguousarray(reference, dtype=np.float64).ravel()
    amounts = np.empty((flat.size, len(given) + 1))
    for n, field in enumerate(given):
        amounts[:, n] = field.ravel()
    amounts[:, -1] = 1.0
    totals = amounts.sum(axis=0)
    held = Held(amounts, np.zeros((flat.size if moments else 0, 3), dtype=np.float32))
    peaks = hand_over(flat, vacuum_e_A3, grid, held, threads or available_threads())
    voxel = abs(float(np.linalg.det(cell))) / flat.size
    inside = amounts[peaks].T * voxel
    outside = totals * voxel - inside.sum(axis=1)
    return Basins(
        maxima=np.array(np.unravel_index(peaks, reference.shape)).T,
        integrals=inside[:-1],
        volumes_A3=inside[-1],
        vacuum=outside[:-1],
        vacuum_volume_A3=float(outside[-1]),
        moments_eA=held.moments[peaks].astype(np.float64) * voxel if moments else None,
    )


def available_threads() -> int:
    """Return how many threads a partition uses: OMP_NUM_THREADS where it is set, else the cores of this process."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _grid(shape: tuple[int, ...], cell: Floats, periodic: tuple[bool, bool, bool]) -> Grid:
    facets = grid_facets(cell / np.array(shape)[:, None])
    return Grid(
        shape=np.array(shape, dtype=np.int64),
        periodic=np.array(periodic, dtype=np.bool_),
        reach=int(np.abs(facets.steps).max()),
        steps=facets.steps,
        offsets=(facets.steps[:, 0] * shape[1] + facets.steps[:, 1]) * shape[2] + facets.steps[:, 2],
        transmissions=facets.transmissions_A,
        vectors=facets.vectors_A,
    )


def check_fields(reference: Floats, fields: tuple[Floats, ...]) -> None:
    """Refuse fields that cannot be integrated over the basins of a reference.

    Raises
    ------
    RequestError
        If shapes differ, or a value is not finite.
    """
    for field in (reference, *fields):
        if field.shape != reference.shape or field.ndim != 3:
            shapes = f"{reference.shape} and {field.shape}"
            raise RequestError(f"grids of {shapes} points", "densities", "give all on one grid")
        if not np.isfinite(field).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(field))[0])
            raise RequestError(f"the density is not finite at grid point {where}", "density", "compute it again")
