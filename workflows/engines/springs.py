"""A first guess of the curvature of the energy: springs along the bonds of what is near.

A quasi-Newton method that starts from a multiple of the unit matrix spends most of its calls on learning which atoms
are bound to which. Springs say so beforehand, as model Hessians do for molecules (Lindh et al., 1995,
https://doi.org/10.1016/0009-2614(95)00646-L) and preconditioners for solids (Packwood et al., 2016,
https://doi.org/10.1063/1.4947024).
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list

STIFFNESS_EV_A2 = 1.0
"""Of a pair at the sum of its covalent radii."""
DECAY = 3.0
REACH = 1.6
"""In sums of covalent radii: farther pairs have no spring."""
GROUND = 0.05
"""Of the mean stiffness, on every coordinate: nothing is quite free."""
STEEPEST = 30.0
CLOSEST = 0.6


def spring_curvature(atoms: Atoms) -> np.ndarray:
    """Return the Hessian of springs between neighbours.

    H = Σ_pairs k exp[−a (d/d₀ − 1)] n nᵀ, on each pair's difference of positions; d₀ is the sum of the covalent radii,
    n the unit vector of the pair, k = 1 eV/Å², a = 3.

    Parameters
    ----------
    atoms
        The structure; its calculator is not used.

    Returns
    -------
    Array (3 n, 3 n) in eV/Å², symmetric and positive definite.
    """
    i, j, distances, vectors, sums = _pairs(atoms)
    strengths = np.minimum(STIFFNESS_EV_A2 * np.exp(-DECAY * (distances / sums - 1)), STEEPEST)
    units = vectors / distances[:, None]
    blocks = strengths[:, None, None] * units[:, :, None] * units[:, None, :]
    n = len(atoms)
    paired = np.zeros((n, n, 3, 3))
    np.add.at(paired, (i, i), blocks)
    np.add.at(paired, (i, j), -blocks)
    curvature = paired.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)
    ground = GROUND * float(np.trace(curvature)) / (3 * n)
    return curvature + max(ground, 0.1 * STIFFNESS_EV_A2) * np.eye(3 * n)


def closest_contact(atoms: Atoms) -> float:
    """Return the smallest distance of two atoms over the sum of their covalent radii (infinite if none is near)."""
    _, _, distances, _, sums = _pairs(atoms)
    return float((distances / sums).min(initial=np.inf))


def _pairs(atoms: Atoms) -> tuple[np.ndarray, ...]:
    """Return atoms i and j, distance, vector and sum of covalent radii of every pair within reach, both ways."""
    radii = covalent_radii[atoms.numbers]
    i, j, distances, vectors = neighbor_list("ijdD", atoms, REACH * radii)
    return i, j, distances, vectors, radii[i] + radii[j]
