"""Contacts that are too short for their elements: bonds squeezed, or strangers inside each other.

Limits are fractions of the sum of covalent radii (10.1039/b801115j), each below the shortest bond known to us of its
class, so that real structures pass: a triple N≡N bond has 0.77, N-O of nitrosyl 0.78, LiF gas 0.85, CsF gas 0.78,
vanadyl 0.72, uranyl 0.67, bulk tungsten 0.85, alpha-uranium 0.70.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.data.vdw import vdw_radii
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray

from interlith.structures.bonds import NONMETALS
from interlith.structures.findings import Finding

Floats = NDArray[np.float64]

LONGEST, LONGEST_TO_H, LONGEST_HEAVY = 1.25, 1.3, 1.15
"""Two non-metals nearer than this times their covalent radii share a bond; the last for two of the third row or below.

S...S across the nitrogen of an imide stands at 2.60 to 2.66 Å, 1.24 to 1.27 times the radii, and is none; the longest
S-S bond, of dithionite, has 1.14."""
LONGEST_H2_A = 0.9
"""Two hydrogen atoms nearer than this are a molecule; in a CH2 group they are 1.8 Å apart, in water 1.5 Å."""
SHORTEST_BOND, SHORTEST_BOND_TO_H, SHORTEST_H2_A = 0.70, 0.78, 0.60
SHORTEST_METALS, SHORTEST_S_BLOCK, SHORTEST_TO_METAL, SHORTEST_TO_ALKALI = 0.58, 0.68, 0.65, 0.75
STRANGERS = 0.58
"""Non-metals that share no bond: this fraction of their van der Waals radii; hydrogen bonds are let be."""
_S_BLOCK = [3, 4, 11, 12, 19, 20, 37, 38, 55, 56]
_ALKALI = [3, 11, 19, 37, 55]
_HYDROGEN_BONDED = [7, 8, 9]


def longest_bonds(numbers: NDArray[np.int64]) -> Floats:
    """Return the longest covalent bond between each two elements, Å; 0 where one of them is a metal.

    Parameters
    ----------
    numbers
        Atomic numbers, shape (k,).

    Returns
    -------
    Shape (k, k).
    """
    nonmetal, hydrogen, heavy = _nonmetal(numbers), numbers == 1, numbers > 10
    both, either = np.logical_and.outer, np.logical_or.outer
    factor = np.where(either(hydrogen, hydrogen), LONGEST_TO_H, np.where(both(heavy, heavy), LONGEST_HEAVY, LONGEST))
    radii = covalent_radii[numbers]
    limit = np.where(both(nonmetal, nonmetal), factor * np.add.outer(radii, radii), 0.0)
    limit[both(hydrogen, hydrogen)] = LONGEST_H2_A
    return limit


def shortest_contacts(numbers: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return the shortest believable distances of each two elements, Å, shapes (k, k).

    Returns
    -------
    bonded, strangers
        The first for every contact; the second, for non-metals only, for those that are no bond.
    """
    radii = covalent_radii[numbers]
    nonmetal, hydrogen = _nonmetal(numbers), numbers == 1
    s_block, alkali = np.isin(numbers, _S_BLOCK), np.isin(numbers, _ALKALI)
    both, either = np.logical_and.outer, np.logical_or.outer
    fraction = np.full((len(numbers), len(numbers)), SHORTEST_TO_METAL)
    fraction[both(~nonmetal, ~nonmetal)] = SHORTEST_METALS
    fraction[both(s_block, s_block)] = SHORTEST_S_BLOCK
    fraction[both(alkali, nonmetal) | both(nonmetal, alkali)] = SHORTEST_TO_ALKALI
    fraction[both(nonmetal, nonmetal)] = SHORTEST_BOND
    fraction[both(nonmetal, nonmetal) & either(hydrogen, hydrogen)] = SHORTEST_BOND_TO_H
    bonded = fraction * np.add.outer(radii, radii)
    bonded[both(hydrogen, hydrogen)] = SHORTEST_H2_A
    bridging = np.isin(numbers, _HYDROGEN_BONDED)
    sizes = np.nan_to_num(vdw_radii[numbers])
    strangers = np.where(both(nonmetal, nonmetal), STRANGERS * np.add.outer(sizes, sizes), 0.0)
    strangers[both(hydrogen, bridging) | both(bridging, hydrogen)] = 0.0
    return bonded, strangers


def short_contacts(atoms: Atoms) -> list[Finding]:
    """Return the pairs of atoms that are too close, the worst first.

    Parameters
    ----------
    atoms
        Å; periodic directions are honoured, an atom's own images included.
    """
    numbers, kind = np.unique(atoms.numbers, return_inverse=True)
    bonded, strangers = shortest_contacts(numbers)
    reach = float(max(bonded.max(initial=0.0), strangers.max(initial=0.0)))
    if reach == 0.0:
        return []
    i, j, d = primitive_neighbor_list("ijd", atoms.pbc, atoms.cell.complete(), atoms.positions, reach)
    pair = (kind[i], kind[j])
    linked = d < longest_bonds(numbers)[pair]
    least = np.where(linked, bonded[pair], np.maximum(bonded, strangers)[pair])
    wrong = (i <= j) & (d < least)
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for k in sorted(np.flatnonzero(wrong), key=lambda k: d[k] / least[k]):
        found.setdefault((int(i[k]), int(j[k])), (float(d[k]), float(least[k])))
    return [_contact(atoms, ij, *lengths) for ij, lengths in found.items()]


def _contact(atoms: Atoms, pair: tuple[int, int], distance: float, least: float) -> Finding:
    """Return the finding of one pair."""
    i, j = pair
    other = f"{j} ({atoms.symbols[j]})" if i != j else "its own periodic image"
    told = f"atoms {i} ({atoms.symbols[i]}) and {other} are {distance:.2f} Å apart, less than {least:.2f} Å"
    return Finding("distance", told, "move them apart or remove one", tuple(sorted({i, j})))


def _nonmetal(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which elements hold covalent units together."""
    return np.isin(numbers, [atomic_numbers[s] for s in NONMETALS])
