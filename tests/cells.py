"""Small physical fixtures, their numbers in sight. Å; conventional cells unless said otherwise."""

import numpy as np
from ase import Atoms
from ase.build import bulk, fcc111, molecule

RATTLE_A = 0.08  # far enough from rest that forces are some 0.1 to 1 eV/Å, near enough to stay physical


def rattled(atoms: Atoms, seed: int = 7, amplitude_A: float = RATTLE_A) -> Atoms:
    """Return a copy with every coordinate moved by a normal deviate."""
    moved = atoms.copy()
    moved.positions += np.random.default_rng(seed).normal(0.0, amplitude_A, moved.positions.shape)
    return moved


def sheared(atoms: Atoms) -> Atoms:
    """Return a copy with no symmetry left in its cell."""
    strain = np.array([[0.01, 0.02, -0.01], [0.0, -0.015, 0.015], [0.0, 0.0, 0.005]])
    moved = atoms.copy()
    moved.set_cell(moved.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return moved


def copper_gold() -> Atoms:
    """Four atoms of L1_0 CuAu, a = 3.87 Å: two metals that EMT knows, rattled and sheared."""
    atoms = bulk("Cu", "fcc", a=3.87, cubic=True)
    atoms.symbols[:] = ["Cu", "Cu", "Au", "Au"]
    return sheared(rattled(atoms))


def lithium_fluoride() -> Atoms:
    """Eight atoms of LiF, a = 4.03 Å, rattled and sheared."""
    return sheared(rattled(bulk("LiF", "rocksalt", a=4.03, cubic=True)))


def lithium() -> Atoms:
    """Two atoms of bcc lithium squeezed to a = 3.36 Å (at rest: 3.44 Å), rattled and sheared."""
    return sheared(rattled(bulk("Li", "bcc", a=3.36, cubic=True)))


def methanol() -> Atoms:
    """CH3OH, rattled, not periodic; its cell only says how far apart `repeat` puts copies."""
    atoms = rattled(molecule("CH3OH"))
    atoms.set_cell([200.0, 200.0, 200.0])
    return atoms


def aluminium_copper_slab() -> Atoms:
    """Two layers of Al(111) under two of Cu in one cell, 10 Å of vacuum: an interface of eight atoms."""
    slab = fcc111("Al", (1, 2, 4), a=4.0, vacuum=5.0, periodic=True)
    slab.symbols[4:] = "Cu"
    slab.set_array("side", np.repeat([0, 1], 4))
    return slab
