"""Who is bonded to whom: scaled covalent radii, periodic, aware of cations and anions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray
from pymatgen.core import Element

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SCALE = 1.25
"""Bonded when closer than this times the sum of covalent radii (10.1039/b801115j): P-O < 2.16 Å, Li-O < 2.43 Å."""
OXIDATION = "oxidation"
"""Per-atom array with formal charges (e); atoms of a metal hold 0. Absent where nothing is known."""
NONMETALS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "As", "Se", "Br", "Te", "I"})
"""Elements that hold covalent units together; germanium counts as a framework cation."""


@dataclass(frozen=True)
class Bonds:
    """Bonds of a periodic model, each once.

    Parameters
    ----------
    i, j
        Atom indices, shape (n,), ``i <= j``.
    distance
        Length, Å, shape (n,).
    offset
        Integers, shape (n, 3): atom `j` stands at ``position[j] + offset @ cell``.
    """

    i: Ints
    j: Ints
    distance: Floats
    offset: Ints

    def __len__(self) -> int:
        return len(self.i)

    def both_ways(self) -> tuple[Ints, Ints, Ints]:
        """Return (i, j, offset) with every bond listed from both its ends, shapes (2n,), (2n,), (2n, 3)."""
        stacked = np.concatenate
        return (
            stacked([self.i, self.j]),
            stacked([self.j, self.i]),
            stacked([self.offset, -self.offset]),
        )

    def where(self, keep: NDArray[np.bool_]) -> Bonds:
        """Return the bonds that a mask of shape (n,) keeps."""
        return Bonds(self.i[keep], self.j[keep], self.distance[keep], self.offset[keep])


@dataclass(frozen=True)
class Unit:
    """A covalent unit (PO4, CO3, OH, a molecule, a chain), unwrapped.

    Parameters
    ----------
    atoms
        Atom indices, ascending.
    offset
        Integers, shape (n, 3): ``position[atoms] + offset @ cell`` puts the unit together.
    loops
        Integers, shape (k, 3): cell vectors along which the unit repeats without end; k = 0 for a finite one.
    """

    atoms: tuple[int, ...]
    offset: Ints
    loops: Ints


def bonds(atoms: Atoms, *, scale: float = SCALE) -> Bonds:
    """Find the bonds of a model.

    Two atoms are bonded when their distance is below ``scale * (r_i + r_j)`` with covalent radii r. Where the
    array ``oxidation`` is there, two cations are never bonded (Li-Ge in an oxide), unless both are non-metals (C-C).

    Parameters
    ----------
    atoms
        Å; periodic directions are honoured.
    scale
        Factor on the sum of covalent radii.
    """
    allowed = _longest(atoms, scale)
    reach = float(allowed.max(initial=0.0))
    if reach == 0.0:
        none = np.zeros(0, dtype=int)
        return Bonds(none, none, np.zeros(0), np.zeros((0, 3), dtype=int))
    i, j, distance, offset = primitive_neighbor_list(
        "ijdS", atoms.pbc, atoms.cell.complete(), atoms.positions, reach, numbers=atoms.numbers
    )
    kinds = _kinds(atoms)[1]
    once = (i < j) | ((i == j) & _positive(offset))
    keep = once & (distance < allowed[kinds[i], kinds[j]])
    return Bonds(i[keep], j[keep], distance[keep], offset[keep].astype(int))


def coordination_numbers(atoms: Atoms, found: Bonds | None = None) -> Ints:
    """Return the number of bonds of each atom, shape (n,)."""
    found = bonds(atoms) if found is None else found
    return np.bincount(np.concatenate([found.i, found.j]), minlength=len(atoms)).astype(int)


def coordination(atoms: Atoms, found: Bonds | None = None) -> list[Counter[str]]:
    """Return, for each atom, how many bonded neighbours it has of each element."""
    found = bonds(atoms) if found is None else found
    shells: list[Counter[str]] = [Counter() for _ in range(len(atoms))]
    symbols = atoms.get_chemical_symbols()
    for i, j in zip(found.i, found.j, strict=True):
        shells[i][symbols[j]] += 1
        shells[j][symbols[i]] += 1
    return shells


def pair_name(first: str, second: str) -> str:
    """Return the name of a bond, the less electronegative element (Pauling) first.

    Examples
    --------
    >>> pair_name("O", "Ge"), pair_name("F", "Li"), pair_name("Si", "Si")
    ('Ge-O', 'Li-F', 'Si-Si')
    """
    return "-".join(sorted((first, second), key=lambda s: (_electronegativity(s), s)))


def unit_name(symbols: list[str]) -> str:
    """Return the formula of a covalent unit, the less electronegative element first.

    Examples
    --------
    >>> unit_name(["O", "P", "O", "O", "O"])
    'PO4'
    """
    counts = Counter(symbols)
    ordered = sorted(counts, key=lambda s: (_electronegativity(s), s))
    return "".join(s if counts[s] == 1 else f"{s}{counts[s]}" for s in ordered)


def bond_counts(atoms: Atoms, found: Bonds | None = None) -> dict[str, int]:
    """Return how many bonds there are of each pair of elements, e.g. ``{'P-O': 24}``."""
    found = bonds(atoms) if found is None else found
    symbols = atoms.get_chemical_symbols()
    counts = Counter(pair_name(symbols[i], symbols[j]) for i, j in zip(found.i, found.j, strict=True))
    return dict(sorted(counts.items()))


def covalent_units(atoms: Atoms, found: Bonds | None = None) -> list[Unit]:
    """Find the groups of non-metal atoms that bonds hold together, in the order of their first atoms.

    Elemental frameworks (silicon) come out as one unit with three independent loops; a caller that asks for what a
    cut can keep whole looks at `loops`.
    """
    found = bonds(atoms) if found is None else found
    covalent = np.array([s in NONMETALS for s in atoms.get_chemical_symbols()])
    i, j, offset = found.where(covalent[found.i] & covalent[found.j]).both_ways()
    neighbours: list[list[tuple[int, Ints]]] = [[] for _ in range(len(atoms))]
    for a, b, s in zip(i.tolist(), j.tolist(), offset, strict=True):
        neighbours[a].append((b, s))
    seen: set[int] = set()
    units = []
    for start in range(len(atoms)):
        if start not in seen and neighbours[start]:
            units.append(_unit(start, neighbours))
            seen.update(units[-1].atoms)
    return units


@cache
def _electronegativity(symbol: str) -> float:
    """Return Pauling's electronegativity; noble gases, which have none, come last."""
    known = Element(symbol).data.get("X")
    return float(known) if isinstance(known, int | float) else 9.0


def _unit(start: int, neighbours: list[list[tuple[int, Ints]]]) -> Unit:
    """Walk the bonds from one atom; a bond that returns to a known atom in another cell is a loop."""
    place = {start: np.zeros(3, dtype=int)}
    loops: set[tuple[int, ...]] = set()
    queue = [start]
    for here in queue:
        for there, step in neighbours[here]:
            image = place[here] + step
            if there not in place:
                place[there] = image
                queue.append(there)
            elif (image != place[there]).any():
                loops.add(tuple((image - place[there]).tolist()))
    members = tuple(sorted(place))
    return Unit(members, np.array([place[k] for k in members]), np.array(sorted(loops), dtype=int).reshape(-1, 3))


def _kinds(atoms: Atoms) -> tuple[NDArray[np.float64], Ints]:
    """Return the distinct (atomic number, sign of the charge) and the kind of each atom."""
    signs = np.sign(atoms.arrays.get(OXIDATION, np.zeros(len(atoms))))
    kinds, index = np.unique(np.column_stack([atoms.numbers, signs]), axis=0, return_inverse=True)
    return kinds, np.asarray(index).reshape(-1)


def _longest(atoms: Atoms, scale: float) -> Floats:
    """Return the longest bond between each two kinds of atoms, Å; 0 where they never bond."""
    kinds = _kinds(atoms)[0]
    numbers, cation = kinds[:, 0].astype(int), kinds[:, 1] > 0
    radii = covalent_radii[numbers]
    nonmetal = np.isin(numbers, [atomic_numbers[s] for s in NONMETALS])
    repelled = np.logical_and.outer(cation, cation) & ~np.logical_and.outer(nonmetal, nonmetal)
    return np.where(repelled, 0.0, scale * np.add.outer(radii, radii))


def _positive(offset: Ints) -> NDArray[np.bool_]:
    """Return whether the first component of each integer vector that is not zero is positive."""
    x, y, z = offset.T
    return np.asarray((x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0)))))
