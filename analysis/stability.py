"""Surface energies from slabs of several thicknesses: the bulk energy comes from the fit, not from elsewhere.

A bulk energy from another cell carries another k-mesh or strain, and its error grows with thickness; the
slope of the slabs' own energies does not (Fiorentini and Methfessel, 10.1088/0953-8984/8/36/005).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from interlith.analysis.energies import per_area
from interlith.analysis.records import SurfaceFit
from interlith.structures.errors import RequestError

GAMMA_TOLERANCE_J_M2 = 0.02


def fit_surface_energy(units: Sequence[float], energies_eV: Sequence[float], area_A2: float) -> SurfaceFit:
    """Fit ``E_slab(N) = 2·area·γ + N·e_bulk`` by least squares.

    Parameters
    ----------
    units
        Shape (n,): formula units N of each slab; at least three different ones.
    energies_eV
        Shape (n,): total energy of each slab.
    area_A2
        Area of one face, the same for every slab.

    Raises
    ------
    RequestError
        For fewer than three different thicknesses.
    """
    n_units, energies = np.asarray(units, float), np.asarray(energies_eV, float)
    if len(set(n_units)) < 3:
        raise RequestError(
            f"{len(set(n_units))} different thicknesses cannot show convergence",
            "surface energy",
            "give slabs of three or more thicknesses",
        )
    slope, intercept = np.polyfit(n_units, energies, 1)
    thicker = n_units > n_units.min()
    intercept_thicker = np.polyfit(n_units[thicker], energies[thicker], 1)[1]
    return SurfaceFit(
        gamma_J_m2=per_area(intercept, 2 * area_A2),
        bulk_eV_per_unit=slope,
        residual_eV=np.abs(energies - slope * n_units - intercept).max(),
        gamma_change_J_m2=per_area(intercept - intercept_thicker, 2 * area_A2),
        n=len(n_units),
        tolerance_J_m2=GAMMA_TOLERANCE_J_M2,
    )


def gamma_by_start(units: Sequence[float], energies_eV: Sequence[float], area_A2: float) -> tuple[float, ...]:
    """Return γ from all slabs, then without the thinnest, and so on down to three: its convergence with thickness.

    Parameters
    ----------
    units, energies_eV, area_A2
        As for :func:`fit_surface_energy`, thinnest first.
    """
    starts = range(len(units) - 2)
    return tuple(fit_surface_energy(units[n:], energies_eV[n:], area_A2).gamma_J_m2 for n in starts)
