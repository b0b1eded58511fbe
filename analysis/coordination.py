"""Was there a reaction? What a relaxation did to the bonds and to the sides of an interface.

A bond is judged with hysteresis, so that thermal noise raises nothing: it exists below 1.2 times the sum
of the covalent radii and is broken only beyond 1.4 times that sum; formed is the reverse. Bonds of two
metals are left out (their number has no meaning), and so are the bonds of alkali ions inside a side: the
ions move without reacting. Displacements are periodic, and each side's own rigid drift is removed: a side
that slides or settles as a body has not reacted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from ase.geometry import find_mic, get_distances
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from interlith.analysis.records import Contact
from interlith.structures.errors import RequestError
from interlith.structures.layouts import bodies

BONDED, BROKEN = 1.2, 1.4
CROSSING_A = 1.0
OWN_SHARE = 1 / 3
NONMETALS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
ALKALI = frozenset({"Li", "Na", "K", "Rb", "Cs"})

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Neighbour pairs i < j: indices, shape (n,), and vectors from i to j in Å, shape (n, 3)."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    vectors: Vectors

    @property
    def distances(self) -> Vectors:
        """Shape (n,), Å."""
        return np.asarray(np.linalg.norm(self.vectors, axis=1))

    @property
    def ends(self) -> list[tuple[int, int]]:
        """The indices, pair by pair."""
        return list(zip(self.i.tolist(), self.j.tolist(), strict=True))

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Return the chosen pairs."""
        return Pairs(self.i[chosen], self.j[chosen], self.vectors[chosen])


def neighbours(atoms: Atoms, scale: float) -> Pairs:
    """Return the pairs closer than `scale` times the sum of their covalent radii, periodic images included."""
    i, j, vectors = neighbor_list("ijD", atoms, scale * covalent_radii[atoms.numbers])
    once = (i < j) | ((i == j) & ([tuple(v) > (0, 0, 0) for v in vectors.tolist()]))
    return Pairs(i, j, vectors).where(once)


def displacements(before: Atoms, after: Atoms) -> Vectors:
    """Return how far each atom went, shape (n, 3), Å: nearest image, the drift of each side removed.

    What stands on the lower face of side A drifts by itself.

    Raises
    ------
    RequestError
        If the two are not the same atoms in the same cell.
    """
    if list(before.symbols) != list(after.symbols) or not np.allclose(before.cell, after.cell, atol=1e-4):
        raise RequestError(
            f"{before.get_chemical_formula()} and {after.get_chemical_formula()} cannot be compared",
            "coordination change",
            "give the same atoms in the same order and cell",
        )
    moves = find_mic(after.positions - before.positions, before.cell, pbc=True)[0]
    body = bodies(before)
    for one in np.unique(body):
        members = body == one
        moves[members] -= np.median(moves[members], axis=0)
    return np.asarray(moves)


def contact(before: Atoms, after: Atoms) -> Contact:
    """Compare an interface before and after relaxation and say whether a reaction took place.

    A reaction is: a bond of a non-metal to anything but an alkali ion broken, two non-metals newly bonded
    across the contact, or an atom that crossed. An atom has crossed when it moved by more than 1 Å and at
    most a third of its neighbours are of its own side, where at least half were, and these have become fewer: a
    fluorine that stays on its carbon and touches two lithium atoms has not.

    Parameters
    ----------
    before, after
        The same atoms in the same cell, with the per-atom array ``side`` (0 for A, 1 for B).
    """
    moves = displacements(before, after)
    broken, formed = _broken(before, after), _formed(before, after)
    crossed = _crossed(before, after, moves)
    reasons = _reasons(before, broken, formed, crossed)
    return Contact(
        bonds_broken=_told(before, broken, _follow(broken, before, after).distances),
        bonds_formed=_told(before, _follow(formed, after, before), formed.distances),
        crossed=tuple(_label(before, k) for k in crossed),
        coordination_before=coordination_numbers(before),
        coordination_after=coordination_numbers(after),
        min_distance_before_A=closest_approach(before),
        min_distance_after_A=closest_approach(after),
        largest_displacement_A=float(np.linalg.norm(moves, axis=1).max()),
        reacted=bool(reasons),
        why="; ".join(reasons) or "no bond of the framework broke and no atom left its side",
    )


def closest_approach(atoms: Atoms) -> float:
    """Return the smallest distance between an atom of side A and one of side B, Å, periodic."""
    sides = [atoms.positions[atoms.arrays["side"] == s] for s in (0, 1)]
    return float(get_distances(*sides, cell=atoms.cell, pbc=atoms.pbc)[1].min())


def coordination_numbers(atoms: Atoms) -> dict[str, float]:
    """Return the mean number of bonds per element; elements without a bond to a non-metal are left out."""
    pairs = neighbours(atoms, BONDED)
    pairs = pairs.where(_any_of(NONMETALS, atoms, pairs))
    counts = np.bincount(np.concatenate([pairs.i, pairs.j]), minlength=len(atoms))
    symbols = np.array(atoms.get_chemical_symbols())
    means = {str(e): float(counts[symbols == e].mean()) for e in np.unique(symbols)}
    return {element: round(mean, 3) for element, mean in means.items() if mean > 0}


def bonds_across(atoms: Atoms) -> dict[str, int]:
    """Return how many bonds there are between slab and molecule, by kind, the slab's element first: ``{"Li-O": 2}``.

    A bond is shorter than 1.2 times the sum of the covalent radii and has a non-metal at one end at least.
    """
    side, symbols = atoms.arrays["side"], atoms.get_chemical_symbols()
    ends = [(i, j) if side[i] == 0 else (j, i) for i, j in neighbours(atoms, BONDED).ends if side[i] != side[j]]
    kinds = Counter(f"{symbols[i]}-{symbols[j]}" for i, j in ends if {symbols[i], symbols[j]} & NONMETALS)
    return dict(sorted(kinds.items()))


def coordination_of_touching(atoms: Atoms, element: str) -> float:
    """Return the mean number of bonds to non-metals but hydrogen of an element's atoms that touch the other side.

    Counted are bonds of both sides, of those atoms of side A that have such a bond to side B; 0 where there is none.
    """
    side = atoms.arrays["side"]
    bonds = [(i, j) for i, j in _to_nonmetals(atoms, element) if side[i] == 0]
    touching = {i for i, j in bonds if side[j] == 1}
    return sum(i in touching for i, _ in bonds) / len(touching) if touching else 0.0


def coordination_in(atoms: Atoms, element: str, *, side: int) -> float | None:
    """Return the mean number of bonds to non-metals but hydrogen of an element's atoms of one side.

    Counted are bonds of both sides; None where that side has no such atom.
    """
    members = np.flatnonzero((atoms.arrays["side"] == side) & (atoms.symbols == element))
    bonds = [i for i, _ in _to_nonmetals(atoms, element) if i in members]
    return len(bonds) / len(members) if len(members) else None


def _to_nonmetals(atoms: Atoms, element: str) -> list[tuple[int, int]]:
    """Return the bonds of an element's atoms to non-metals but hydrogen, that element's atom first."""
    symbols, ends = np.array(atoms.get_chemical_symbols()), neighbours(atoms, BONDED).ends
    partner = np.isin(symbols, sorted(NONMETALS - {"H"}))
    return [(i, j) for i, j in ends + [(j, i) for i, j in ends] if symbols[i] == element and partner[j]]


def _broken(before: Atoms, after: Atoms) -> Pairs:
    bonds = _reported(before, neighbours(before, BONDED))
    now = _follow(bonds, before, after).distances
    return bonds.where(now > BROKEN * _radii_sum(before, bonds))


def _formed(before: Atoms, after: Atoms) -> Pairs:
    bonds = _reported(after, neighbours(after, BONDED))
    then = _follow(bonds, after, before).distances
    return bonds.where(then > BROKEN * _radii_sum(after, bonds))


def _follow(pairs: Pairs, here: Atoms, there: Atoms) -> Pairs:
    """Return the same pairs, the very same images, with their vectors in another geometry."""
    moves = find_mic(there.positions - here.positions, here.cell, pbc=True)[0]
    return Pairs(pairs.i, pairs.j, pairs.vectors + moves[pairs.j] - moves[pairs.i])


def _reported(atoms: Atoms, pairs: Pairs) -> Pairs:
    side = atoms.arrays["side"]
    mobile = _any_of(ALKALI, atoms, pairs) & (side[pairs.i] == side[pairs.j])
    return pairs.where(_any_of(NONMETALS, atoms, pairs) & ~mobile)


def _crossed(before: Atoms, after: Atoms, moves: Vectors) -> list[int]:
    (was, own_then), (now, own_now) = _own_share(before), _own_share(after)
    far = np.linalg.norm(moves, axis=1) > CROSSING_A
    return [int(k) for k in np.flatnonzero(far & (was >= 0.5) & (now <= OWN_SHARE) & (own_now < own_then))]


def _own_share(atoms: Atoms) -> tuple[Vectors, NDArray[np.int64]]:
    """Return the share of each atom's neighbours that are of its own side, 1 where it has none; and their number."""
    pairs, side = neighbours(atoms, BROKEN), atoms.arrays["side"]
    ends = np.concatenate([pairs.i, pairs.j])
    own = np.bincount(ends[np.tile(side[pairs.i] == side[pairs.j], 2)], minlength=len(atoms))
    total = np.bincount(ends, minlength=len(atoms))
    return np.where(total > 0, own / np.maximum(total, 1), 1.0), own.astype(np.int64)


def _reasons(atoms: Atoms, broken: Pairs, formed: Pairs, crossed: list[int]) -> list[str]:
    side = atoms.arrays["side"]
    framework = broken.where(~_any_of(ALKALI, atoms, broken))
    new = formed.where(_all_of(NONMETALS, atoms, formed) & (side[formed.i] != side[formed.j]))
    reasons = [f"{kind} bonds broken: {n}" for kind, n in _kinds(atoms, framework).items()]
    reasons += [f"{kind} bonds formed across the contact: {n}" for kind, n in _kinds(atoms, new).items()]
    return reasons + ([f"atoms that crossed: {', '.join(_label(atoms, k) for k in crossed)}"] if crossed else [])


def _kinds(atoms: Atoms, pairs: Pairs) -> dict[str, int]:
    """Return bond kinds with their numbers, the less electronegative (by position in the table) first."""
    names = ["-".join(sorted((atoms.symbols[i], atoms.symbols[j]), key=_order)) for i, j in pairs.ends]
    return {name: names.count(name) for name in sorted(set(names))}


def _order(symbol: str) -> tuple[bool, int]:
    return symbol in {"O", "F", "Cl", "N", "S"}, -atomic_numbers[symbol]


def _told(atoms: Atoms, pairs: Pairs, after: Vectors) -> tuple[str, ...]:
    rows = zip(pairs.ends, pairs.distances, after, strict=True)
    return tuple(f"{_label(atoms, i)}-{_label(atoms, j)} ({was:.2f} → {now:.2f} Å)" for (i, j), was, now in rows)


def _label(atoms: Atoms, index: int) -> str:
    return f"{atoms.symbols[index]}{index}"


def _radii_sum(atoms: Atoms, pairs: Pairs) -> Vectors:
    radii = covalent_radii[atoms.numbers]
    return np.asarray(radii[pairs.i] + radii[pairs.j])


def _any_of(kind: frozenset[str], atoms: Atoms, pairs: Pairs) -> NDArray[np.bool_]:
    member = np.isin(atoms.get_chemical_symbols(), sorted(kind))
    return np.asarray(member[pairs.i] | member[pairs.j])


def _all_of(kind: frozenset[str], atoms: Atoms, pairs: Pairs) -> NDArray[np.bool_]:
    member = np.isin(atoms.get_chemical_symbols(), sorted(kind))
    return np.asarray(member[pairs.i] & member[pairs.j])
