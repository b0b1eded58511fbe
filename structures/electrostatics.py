"""Energies of periodic point charges from one matrix of pair energies: a score of orderings, no engine's energy."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# e²/(4πε₀) in eV Å (CODATA 2018).
COULOMB_eV_A = 14.399645478
# Both sums are cut where their terms fall below about 1e-13 of the first one.
_REACH = math.sqrt(-math.log(1e-13))


def pair_matrix(lattice: Floats, fractions: Floats, *, splitting: float | None = None) -> Floats:
    r"""Return the Ewald pair energies of unit charges, so that :math:`E = \tfrac{1}{2} q^T M q`.

    .. math::
        M_{ij} = k \Big[ \sum_{L}' \frac{\operatorname{erfc}(\alpha |r_{ij}+L|)}{|r_{ij}+L|}
        + \frac{4\pi}{V} \sum_{G \neq 0} \frac{e^{-G^2/4\alpha^2}}{G^2} \cos(G \cdot r_{ij})
        - \frac{\pi}{\alpha^2 V} - \frac{2\alpha}{\sqrt{\pi}} \delta_{ij} \Big]

    with a conducting surrounding (P. P. Ewald, 1921, doi:10.1002/andp.19213690304). The third term is the neutralising
    background: for charges that sum to zero the energy does not depend on α.

    Parameters
    ----------
    lattice
        Shape (3, 3), vectors in rows, Å.
    fractions
        Shape (n, 3), fractional coordinates of the sites, no two the same.
    splitting
        α in 1/Å; None balances the cost of the two sums.

    Returns
    -------
    matrix
        Shape (n, n), symmetric, eV/e².
    """
    lattice, fractions = np.asarray(lattice, dtype=float), np.asarray(fractions, dtype=float)
    volume = abs(float(np.linalg.det(lattice)))
    alpha = splitting or math.sqrt(math.pi) * (1.2 * len(fractions) / volume**2) ** (1 / 6)
    between = fractions[:, None] - fractions[None]
    shifts = _lattice_points(lattice, _REACH / alpha, margin=0.5) @ lattice
    matrix = _direct_sum((between - np.round(between)) @ lattice, shifts, alpha, _REACH / alpha)
    matrix += _reciprocal_sum(lattice, fractions, alpha, volume)
    matrix -= math.pi / (alpha**2 * volume)
    matrix[np.diag_indices_from(matrix)] -= 2 * alpha / math.sqrt(math.pi)
    return np.asarray(COULOMB_eV_A * matrix)


def point_charge_energy(matrix: Floats, charges: Floats) -> float:
    """Return the energy (eV per cell) of charges (e) with the pair energies of :func:`pair_matrix`.

    A cell with a net charge gets the energy in a uniform background that neutralises it.
    """
    return 0.5 * float(charges @ matrix @ charges)


def _lattice_points(vectors: Floats, reach: float, margin: float) -> Floats:
    """Integer multiples of `vectors` that can lie within `reach`, shape (m, 3); `margin` in units of the vectors."""
    # The planes spanned by the other two vectors are 1/|row of the inverse| apart.
    spacings = 1.0 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
    ranges = [np.arange(-n, n + 1) for n in np.ceil(reach / spacings + margin).astype(int)]
    return np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3).astype(float)


def _reciprocal_sum(lattice: Floats, fractions: Floats, alpha: float, volume: float) -> Floats:
    reciprocal = np.asarray(2 * math.pi * np.linalg.inv(lattice).T, dtype=float)
    cutoff = 2 * alpha * _REACH
    indices = _lattice_points(reciprocal, cutoff, margin=0.0)
    half = indices[len(indices) // 2 + 1 :]  # the list is symmetric about its middle, which is G = 0
    squares = ((half @ reciprocal) ** 2).sum(axis=1)
    kept = squares < cutoff**2
    half, squares = half[kept], squares[kept]
    weights = np.sqrt(2 * 4 * math.pi / volume * np.exp(-squares / (4 * alpha**2)) / squares)
    phases = 2 * math.pi * fractions @ half.T
    waves = np.concatenate((np.cos(phases) * weights, np.sin(phases) * weights), axis=1)
    return np.asarray(waves @ waves.T)


@njit(cache=True)
def _direct_sum(vectors: Floats, shifts: Floats, alpha: float, cutoff: float) -> Floats:
    # Plain loops and no linear algebra: what numba compiles fast.
    n = len(vectors)
    matrix = np.zeros((n, n))
    for i in range(n):
        for j in range(i, n):
            total = 0.0
            for s in range(len(shifts)):
                x = vectors[i, j, 0] + shifts[s, 0]
                y = vectors[i, j, 1] + shifts[s, 1]
                z = vectors[i, j, 2] + shifts[s, 2]
                square = x * x + y * y + z * z
                if 1e-12 < square < cutoff * cutoff:
                    distance = math.sqrt(square)
                    total += math.erfc(alpha * distance) / distance
            matrix[i, j] = total
            matrix[j, i] = total
    return matrix
