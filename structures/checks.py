"""What every model must pass before an engine sees it: the atoms at fault are named."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from interlith.structures.errors import RequestError

CLOSEST = 0.5
"""Two atoms nearer than this fraction of the sum of their covalent radii overlap (H2 stands at 1.2)."""
NAMED = 3
"""Overlapping pairs named in one message."""


def check_atoms(atoms: Atoms, where: str) -> None:
    """Refuse a model that no engine can compute.

    Parameters
    ----------
    atoms
        The model; Å.
    where
        The file, side or job that it came from, for the message.

    Raises
    ------
    RequestError
        No atoms; a dummy atom; a coordinate that is not a finite number; a periodic cell without volume or
        left-handed; two atoms (or an atom and its own image) closer than half the sum of their covalent radii.
    """
    if len(atoms) == 0:
        raise RequestError("the model has no atoms", where, "check the file or the cut that made it")
    dummies = np.flatnonzero(atoms.numbers == 0)
    if dummies.size:
        raise RequestError(f"atom {dummies[0]} is no element", where, "remove dummy atoms and vacancies (X)")
    _check_numbers(atoms, where)
    _check_cell(atoms, where)
    _check_overlaps(atoms, where)


def check_surface_vectors(vectors: NDArray[np.float64], where: str) -> None:
    """Refuse two in-plane vectors that span no area.

    Parameters
    ----------
    vectors
        Rows are the vectors, shape (2, 2) or (2, 3), Å.
    where
        The argument that holds them.

    Raises
    ------
    RequestError
        A vector is zero or not finite, or the two are co-linear (angle below 0.06°).
    """
    rows = np.asarray(vectors, dtype=float)
    lengths = np.linalg.norm(rows, axis=1)
    gram = rows @ rows.T
    area = np.sqrt(max(gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2, 0.0))
    if not np.isfinite(rows).all() or area <= 1e-3 * max(lengths.prod(), 1e-9):
        told = ", ".join("(" + " ".join(f"{x:g}" for x in row) + ")" for row in rows)
        raise RequestError(f"surface vectors {told} are zero or co-linear", where, "give two that span the plane")


def _check_numbers(atoms: Atoms, where: str) -> None:
    """Refuse coordinates that are not numbers, naming the first atom."""
    wrong = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if wrong.size:
        culprit = f"atom {wrong[0]} ({atoms.symbols[wrong[0]]}) is at {atoms.positions[wrong[0]]}"
        raise RequestError(f"{culprit}: not a finite position", where, "mend its coordinates")
    if not np.isfinite(atoms.cell.array).all():
        raise RequestError(f"the cell {atoms.cell.array.tolist()} is not finite", where, "mend the lattice vectors")


def _check_cell(atoms: Atoms, where: str) -> None:
    """Refuse a periodic cell that is flat or left-handed."""
    if not atoms.pbc.any():
        return
    rows = atoms.cell.array[atoms.pbc]
    lengths = np.linalg.norm(rows, axis=1)
    spanned = np.sqrt(max(np.linalg.det(rows @ rows.T), 0.0))
    if spanned <= 1e-3 * lengths.prod() or lengths.min() < 1e-3:
        told = ", ".join(f"{x:.4g}" for x in atoms.cell.cellpar())
        raise RequestError(f"the periodic cell ({told}) has no volume", where, "give independent lattice vectors")
    if atoms.pbc.all() and np.linalg.det(rows) < 0:
        volume = np.linalg.det(rows)
        raise RequestError(f"the cell is left-handed (a·b×c = {volume:.4g} Å³)", where, "swap two lattice vectors")


def _check_overlaps(atoms: Atoms, where: str) -> None:
    """Refuse atoms on top of each other, the closest pairs named first."""
    radii = CLOSEST * covalent_radii[atoms.numbers]
    first, second, distance = neighbor_list("ijd", atoms, list(radii), self_interaction=False)
    once = first <= second
    if not once.any():
        return
    order = np.argsort(distance[once], kind="stable")
    pairs = list(dict.fromkeys(zip(first[once][order], second[once][order], distance[once][order], strict=True)))
    told = ", ".join(_pair(atoms, int(i), int(j), float(d)) for i, j, d in pairs[:NAMED])
    more = f" and {len(pairs) - NAMED} more pairs" if len(pairs) > NAMED else ""
    raise RequestError(f"overlapping atoms: {told}{more}", where, "remove duplicates, or order split sites first")


def _pair(atoms: Atoms, i: int, j: int, distance: float) -> str:
    """Return two atoms and their distance, in words."""
    other = f"{j} ({atoms.symbols[j]})" if i != j else "its own periodic image"
    return f"{i} ({atoms.symbols[i]}) and {other} at {distance:.2f} Å"
