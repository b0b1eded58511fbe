"""Whether the molecules of a model are the ones its record tells: whole, apart from others, charged right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.formula import Formula
from ase.geometry import find_mic
from numpy.typing import NDArray

from interlith.structures.bonds import NONMETALS, Bonds
from interlith.structures.findings import Finding, listed, named
from interlith.structures.layouts import REBUILD, SIDE, differences
from interlith.structures.records import MoleculeFacts
from interlith.structures.rings import speared
from interlith.structures.valences import charged_centres, molecular, total_charges, wrong_orders

MOLECULE = "molecule"


def wrong_members(atoms: Atoms, molecules: Sequence[MoleculeFacts]) -> list[Finding]:
    """Return what is wrong with the array `molecule`: not with the sides, or not with the record's molecules."""
    if MOLECULE not in atoms.arrays:
        return [Finding("molecule", "no array `molecule` tells the molecules apart", REBUILD)]
    which = atoms.arrays[MOLECULE]
    astray = np.flatnonzero((which >= 0) != (atoms.arrays[SIDE] == 1))
    if astray.size:
        told = f"atoms {named(atoms, astray)} are of a molecule but not of side B, or of side B but of no molecule"
        return [Finding("molecule", told, REBUILD, tuple(int(i) for i in astray))]
    found = []
    for k, facts in enumerate(molecules):
        own = np.flatnonzero(which == k)
        if change := _change(atoms, own, facts):
            told = f"{_name(k, facts)} has {change} against {facts.formula}"
            found.append(Finding("molecule", told, "add or remove those atoms", tuple(int(i) for i in own)))
    return found


def wrong_molecules(atoms: Atoms, molecules: Sequence[MoleculeFacts], bonds: Bonds) -> list[Finding]:
    """Return how the molecules' bonds, valences and charges differ from their facts.

    Parameters
    ----------
    atoms
        Of the model; its array `molecule` says whose each atom is. Without it, all are of the one molecule.
    molecules
        In the order of `molecule`, each with its atoms in the order of its facts.
    bonds
        Covalent, as :func:`structures.valences.covalent_bonds` finds them in the model.
    """
    which = atoms.arrays.get(MOLECULE, np.zeros(len(atoms), dtype=int))
    owned = [np.flatnonzero(which == k) for k in range(len(molecules))]
    found: list[Finding] = []
    seen: set[str] = set()
    for k, (facts, own) in enumerate(zip(molecules, owned, strict=True)):
        elements = str(atoms.symbols[own])
        key = elements + facts.model_dump_json(include={"bonds", "charge_e", "multiplicity"})
        if key not in seen:  # one report for many copies of one molecule
            seen.add(key)
            symbols = [atoms.symbols[i] for i in own]
            ionic = charged_centres(symbols, facts.bonds, facts.charge_e, facts.multiplicity - 1)
            spared = {int(own[i]) for i in ionic}
            odd = [f for f in wrong_orders(atoms, facts.bonds, own.tolist()) if not spared & set(f.atoms)]
            found += odd if len(odd) >= facts.multiplicity else []  # a radical lacks a bond for each unpaired electron
            found += _wrong_charge(symbols, _name(k, facts), facts, explained=bool(ionic))
    return found + _wrong_bonds(atoms, molecules, owned, bonds)


def speared_rings(atoms: Atoms, bonds: Bonds) -> list[Finding]:
    """Return the rings of molecules and chains that one of the covalent bonds passes through."""
    within = molecular(atoms, bonds)
    pairs = [(int(i), int(j)) for i, j in zip(bonds.i, bonds.j, strict=True) if within[i]]
    return [
        Finding(
            "ring",
            f"the bond {named(atoms, bond, 2)} passes through the ring of {named(atoms, ring, 12)}",
            "build the conformer or the packing with another seed",
            tuple(sorted({*bond, *ring})),
        )
        for ring, bond in speared(atoms, pairs)
    ]


def _wrong_bonds(
    atoms: Atoms, molecules: Sequence[MoleculeFacts], owned: Sequence[NDArray[np.int64]], bonds: Bonds
) -> list[Finding]:
    """Return the bonds of the facts that the geometry lacks, and those it has besides, between non-metals."""
    told = {
        (min(pair), max(pair)): k
        for k, (facts, own) in enumerate(zip(molecules, owned, strict=True))
        for pair in ((int(own[i]), int(own[j])) for i, j, _ in facts.bonds)
        if {atoms.symbols[pair[0]], atoms.symbols[pair[1]]} <= NONMETALS
    }
    guests = np.zeros(len(atoms), dtype=bool)
    guests[np.concatenate(list(owned))] = True
    bonds = bonds.where(guests[bonds.i] | guests[bonds.j])
    seen = {(int(i), int(j)): float(d) for i, j, d in zip(bonds.i, bonds.j, bonds.distance, strict=True)}
    broken: dict[int, list[tuple[int, int]]] = {}
    for pair, k in told.items():
        if pair not in seen:
            broken.setdefault(k, []).append(pair)
    return [
        *(_split(atoms, _name(k, molecules[k]), pairs) for k, pairs in sorted(broken.items())),
        *(_merged(atoms, pair, d, owned) for pair, d in seen.items() if pair not in told),
    ]


def _split(atoms: Atoms, name: str, pairs: list[tuple[int, int]]) -> Finding:
    """Return the finding of a molecule whose bonds are too long."""
    i, j = np.transpose(pairs)
    vectors = atoms.positions[j] - atoms.positions[i]
    lengths = find_mic(vectors, atoms.cell, atoms.pbc)[1] if atoms.pbc.any() else np.linalg.norm(vectors, axis=1)
    words = [f"{named(atoms, [a])}-{named(atoms, [b])} {d:.2f} Å" for a, b, d in zip(i, j, lengths, strict=True)]
    told = f"{name} is not whole: bonds {listed(words)} are too long"
    mend = "move whole molecules, and wrap them only by vectors of the periodic cell"
    return Finding("molecule", told, mend, tuple(sorted({int(k) for k in (*i, *j)})))


def _merged(atoms: Atoms, pair: tuple[int, int], distance: float, owned: Sequence[NDArray[np.int64]]) -> Finding:
    """Return the finding of a bond that no facts tell."""
    first, second = (next((k for k, own in enumerate(owned) if x in own), -1) for x in pair)
    homes = "of one molecule" if first == second else "of molecule and slab" if -1 in (first, second) else "of two"
    told = f"atoms {named(atoms, pair)} {homes} are {distance:.2f} Å apart: a bond that no record tells"
    return Finding("molecule", told, "move them apart", tuple(sorted(pair)))


def _wrong_charge(symbols: Sequence[str], name: str, facts: MoleculeFacts, *, explained: bool) -> list[Finding]:
    """Return a charge that the formal charges of the atoms cannot make, or a spin that the electrons cannot have."""
    found = []
    possible = total_charges(symbols, facts.bonds)
    if facts.charge_e not in possible and not explained:
        made = " or ".join(f"{c:+d}" for c in sorted(possible))
        told = f"{name} is told to have {facts.charge_e:+d} e, its atoms' formal charges sum to {made}"
        found.append(Finding("charge", told, "mend the charge or the atoms"))
    electrons = sum(atomic_numbers[s] for s in symbols) - facts.charge_e
    if (electrons + facts.multiplicity) % 2 == 0:
        told = f"{name} has {electrons} electrons, which multiplicity {facts.multiplicity} does not allow"
        found.append(Finding("charge", told, "mend the charge, the multiplicity or the atoms"))
    return found


def _change(atoms: Atoms, own: NDArray[np.int64], facts: MoleculeFacts) -> str:
    """Return in words how the atoms differ from the facts' formula."""
    wanted = Formula(facts.formula.rstrip("+-0123456789") if facts.formula[-1] in "+-" else facts.formula).count()
    return differences(wanted, Counter(atoms.symbols[i] for i in own))


def _name(k: int, facts: MoleculeFacts) -> str:
    """Return a molecule's name and index."""
    return f"molecule {k} ({facts.name})"
