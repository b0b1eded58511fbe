"""Coordination shells of an oriented crystal: how strong each bond is, and which shells a cut can keep whole.

Cations of charge 3 and more that are metals (Al, Ge, Zr, Ta, La; phosphorus belongs to a covalent unit) make up the
framework; alkali ions move between them. The shell of a framework cation can be kept whole by a stoichiometric cut
where it shares no anion with a cation of equal or higher charge: ZrO6 and TaO6 of a garnet, not LaO8, which shares its
oxygen with them, and not GeO6, which shares it with PO4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from interlith.structures.bonds import NONMETALS
from interlith.structures.faces import Face

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

FRAMEWORK_E = 3.0
"""Least charge of a framework cation, e."""
MOBILE = frozenset({"Li", "Na", "K"})
"""Ions that leave their sites before any bond of the framework breaks."""
SOFTNESS_A = 0.37
"""Å by which a bond grows while its valence falls by 1/e (10.1107/S0108768190011041)."""


def framework(face: Face) -> Mask:
    """Return which atoms are cations of the framework, shape (n,)."""
    metal = np.array([s not in NONMETALS for s in face.atoms.symbols])
    return metal & (_charges(face) >= FRAMEWORK_E)


def mobile(face: Face) -> Mask:
    """Return which atoms are mobile ions, shape (n,)."""
    alkali = np.array([s in MOBILE for s in face.atoms.symbols])
    return alkali & (_charges(face) > 0)


def bond_strengths(face: Face) -> Floats:
    """Return the valence of each bond, e, shape (number of bonds,).

    The charge of its cation, shared among the cation's bonds in proportion to exp(-r / 0.37 Å): the distance law of
    bond valences (10.1107/S0108768190011041), scaled so that each cation's valences add up to its charge.
    """
    charges, found = _charges(face), face.bonds
    cation = _cations(face)
    share = np.exp(-found.distance / SOFTNESS_A)
    total = np.bincount(cation, weights=share, minlength=len(charges))
    return np.maximum(charges, 0.0)[cation] * share / total[cation]


def shell_centres(face: Face) -> tuple[int, ...]:
    """Return the framework cations whose shells a stoichiometric cut can keep whole."""
    charges = _charges(face)
    cation, anion = _cations(face), _anions(face)
    held_by: list[list[int]] = [[] for _ in charges]
    for c, a in zip(cation.tolist(), anion.tolist(), strict=True):
        held_by[a].append(c)
    shells: dict[int, list[int]] = {}
    for c, a in zip(cation.tolist(), anion.tolist(), strict=True):
        shells.setdefault(c, []).append(a)
    return tuple(
        c
        for c in np.flatnonzero(framework(face)).tolist()
        if all(sum(charges[k] >= charges[c] for k in held_by[a]) == 1 for a in shells.get(c, [])) and c in shells
    )


def held_bonds(face: Face, *, shells: bool = True) -> Mask:
    """Return which bonds no cut should break: those within covalent units and, asked for, shells that can be whole."""
    unit_of = np.full(len(face.atoms), -1)
    for n, unit in enumerate(face.units):
        unit_of[list(unit.atoms)] = n
    i, j = face.bonds.i, face.bonds.j
    covalent = (unit_of[i] >= 0) & (unit_of[i] == unit_of[j])
    return np.asarray(covalent | np.isin(_cations(face), shell_centres(face))) if shells else covalent


def undercoordinated(symbols: Sequence[str], charges: Floats, kept: Ints, whole: Ints) -> dict[str, int]:
    """Count the cations that have fewer bonds than in the bulk.

    Parameters
    ----------
    symbols, charges
        Of each atom.
    kept, whole
        Its number of bonds in the model and in the bulk.

    Examples
    --------
    >>> undercoordinated(["La", "La", "O"], np.array([3, 3, -2]), np.array([7, 8, 3]), np.array([8, 8, 5]))
    {'La': 1}
    """
    lacking = (kept < whole) & (charges > 0)
    return dict(sorted(Counter(np.array(symbols)[lacking].tolist()).items()))


def _charges(face: Face) -> Floats:
    """Return formal charges; zeros where unknown."""
    return np.zeros(len(face.atoms)) if face.charges is None else face.charges


def _cations(face: Face) -> Ints:
    """Return the more positive end of each bond."""
    charges, found = _charges(face), face.bonds
    return np.where(charges[found.i] >= charges[found.j], found.i, found.j)


def _anions(face: Face) -> Ints:
    """Return the other end of each bond."""
    charges, found = _charges(face), face.bonds
    return np.where(charges[found.i] >= charges[found.j], found.j, found.i)
