"""Densities that tests share: Gaussians at atoms, whose charges are known."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from interlith.analysis.densities import Density


def gaussian_density(atoms, electrons, widths, *, step_A=0.12, origin=(0.0, 0.0, 0.0), nuclear=None):
    """Return a periodic sum of Gaussians at the atoms, one of so many electrons and such a width (Å) each."""
    cell, shape = atoms.cell.array, tuple(int(np.ceil(x / step_A)) for x in atoms.cell.lengths())
    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    values = np.zeros(shape)
    for position, charge, width in zip(atoms.positions, electrons, widths, strict=True):
        away = fractions - np.linalg.solve(cell.T, position - np.asarray(origin))
        away -= np.rint(away)
        distances2 = ((away @ cell) ** 2).sum(axis=-1)
        values += charge / (2 * np.pi * width**2) ** 1.5 * np.exp(-distances2 / (2 * width**2))
    charges = None if nuclear is None else np.array(nuclear, dtype=float)
    return Density(values, atoms, np.array(origin, dtype=float), charges)


def lithium_fluoride(separation_A=2.2):
    """Return the atoms of an LiF molecule in a box."""
    return Atoms("LiF", [(2.5, 3.0, 3.0), (2.5 + separation_A, 3.0, 3.0)], cell=[7.0, 6.0, 6.0], pbc=True)
