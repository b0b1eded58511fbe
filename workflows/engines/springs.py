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

METALLIC_EV_A2, IONIC_EV_A2, COVALENT_EV_A2 = 1.0, 3.0, 30.0
"""Of a pair at the sum of its covalent radii: two metals, a metal and a nonmetal, two nonmetals.

One value for all left P–O stretches to be learned: 107 calls of CHGNet on an LAGP slab against 18 with these.
"""
NONMETALS = (1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 33, 34, 35, 36, 52, 53, 54)
DECAY = 3.0
REACH = 1.6
"""In sums of covalent radii: farther pairs have no spring."""
GROUND_EV_A2 = 0.1
"""On every coordinate: nothing is quite free."""
STEEPEST_EV_A2 = 60.0
CLOSEST = 0.6


def spring_curvature(atoms: Atoms) -> np.ndarray:
    """Return the Hessian of springs between neighbours.

    H = Σ_pairs k exp[−a (d/d₀ − 1)] n nᵀ, on each pair's difference of positions; d₀ is the sum of the covalent radii,
    n the unit vector of the pair, a = 3, and k = 1, 3 or 30 eV/Å² by the kinds of the two elements.

    Parameters
    ----------
    atoms
        The structure; its calculator is not used.

    Returns
    -------
    Array (3 n, 3 n) in eV/Å², symmetric and positive definite.
    """
    i, j, distances, vectors, sums = _pairs(atoms)
    strengths = np.minimum(_stiffness(atoms.numbers, i, j) * np.exp(-DECAY * (distances / sums - 1)), STEEPEST_EV_A2)
    units = vectors / distances[:, None]
    blocks = strengths[:, None, None] * units[:, :, None] * units[:, None, :]
    n = len(atoms)
    paired = np.zeros((n, n, 3, 3))
    np.add.at(paired, (i, i), blocks)
    np.add.at(paired, (i, j), -blocks)
    curvature = paired.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)
    return curvature + GROUND_EV_A2 * np.eye(3 * n)


def closest_contact(atoms: Atoms) -> float:
    """Return the smallest distance of two atoms over the sum of their covalent radii (infinite if none is near)."""
    _, _, distances, _, sums = _pairs(atoms)
    return float((distances / sums).min(initial=np.inf))


def _stiffness(numbers: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return the stiffness of each pair at the sum of its covalent radii, eV/Å²."""
    nonmetals = np.isin(numbers, NONMETALS).astype(int)
    return np.array([METALLIC_EV_A2, IONIC_EV_A2, COVALENT_EV_A2])[nonmetals[i] + nonmetals[j]]


def _pairs(atoms: Atoms) -> tuple[np.ndarray, ...]:
    """Return atoms i and j, distance, vector and sum of covalent radii of every pair within reach, both ways."""
    radii = covalent_radii[atoms.numbers]
    i, j, distances, vectors = neighbor_list("ijdD", atoms, REACH * radii)
    return i, j, distances, vectors, radii[i] + radii[j]
