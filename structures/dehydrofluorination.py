"""Hydrogen fluoride taken out of a chain: H and F leave neighbouring carbons, which keep a double bond."""

from __future__ import annotations

import random
from collections.abc import Sequence

from rdkit import Chem

from interlith.structures.errors import RequestError
from interlith.structures.smiles import UNIT


def without_hf(
    mol: Chem.Mol, count: int, backbone: Sequence[int] = (), seed: int = 0
) -> tuple[Chem.Mol, tuple[int, ...], str]:
    """Return a molecule with `count` HF taken out, each leaving C=C where a C-C single bond was.

    The tertiary C-F of a hexafluoropropylene unit beside a CH2 goes first, then C-F inside the chain, then its
    ends; equals are drawn by seed. No carbon takes part in two double bonds.

    Parameters
    ----------
    mol
        With hydrogens as atoms.
    count
        HF to take out.
    backbone
        Atom indices; only bonds between these are taken. Empty: every bond outside rings.
    seed
        Of the draw between equals.

    Returns
    -------
    mol, backbone, told
        The molecule, the backbone in its new indices, and which bonds were made, in words.

    Raises
    ------
    RequestError
        When fewer than `count` HF can leave; the message says how many can.
    """
    chosen = _choose(_candidates(mol, backbone), count, seed)
    if len(chosen) < count:
        raise RequestError(
            f"{count} HF cannot leave this molecule: at most {len(chosen)}", "hf_removed", "ask for no more than that"
        )
    edit = Chem.RWMol(mol)
    leaving = []
    for bare, fluorinated in chosen:
        leaving += [_neighbour(mol, bare, "H"), _neighbour(mol, fluorinated, "F")]
        edit.GetBondBetweenAtoms(bare, fluorinated).SetBondType(Chem.BondType.DOUBLE)
    told = f"{count} HF taken out, the chain trans at each C=C: " + ", ".join(_described(mol, pair) for pair in chosen)
    for index in sorted(leaving, reverse=True):
        edit.RemoveAtom(index)
    Chem.SanitizeMol(edit)
    shifted = tuple(index - sum(gone < index for gone in leaving) for index in backbone)
    return _trans(edit.GetMol(), shifted), shifted, told


def _candidates(mol: Chem.Mol, backbone: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (rank, carbon with H, carbon with F) of each single bond that HF can leave."""
    found = []
    for bond in mol.GetBonds():
        ends = (bond.GetBeginAtom(), bond.GetEndAtom())
        if bond.GetBondType() != Chem.BondType.SINGLE or bond.IsInRing():
            continue
        if any(atom.GetSymbol() != "C" or atom.GetDegree() != 4 for atom in ends):
            continue
        if backbone and not {atom.GetIdx() for atom in ends} <= set(backbone):
            continue
        for bare, fluorinated in (ends, ends[::-1]):
            if "H" in _symbols(bare) and "F" in _symbols(fluorinated):
                found.append((_rank(bare, fluorinated), bare.GetIdx(), fluorinated.GetIdx()))
    return found


def _rank(bare: Chem.Atom, fluorinated: Chem.Atom) -> int:
    """Return 0 for a tertiary C-F, 1 inside the chain, 2 at an end of it."""
    if min(_symbols(atom).count("C") for atom in (bare, fluorinated)) < 2:
        return 2
    return 0 if _symbols(fluorinated).count("C") == 3 else 1


def _choose(candidates: list[tuple[int, int, int]], count: int, seed: int) -> list[tuple[int, int]]:
    """Return bonds that share no carbon, best rank first; where that leaves too few, as many as there can be."""
    shuffled = sorted(candidates)
    random.Random(seed).shuffle(shuffled)
    greedy = _disjoint(sorted(shuffled, key=lambda c: c[0]))
    if len(greedy) >= count:
        return greedy[:count]
    # Taking the bonds of a chain from one end to the other leaves the most room: a maximum matching of a path.
    return max(greedy, _disjoint(sorted(candidates, key=lambda c: min(c[1:]))), key=len)[:count]


def _disjoint(candidates: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Return the bonds in the given order, those left out that share a carbon with one before."""
    used: set[int] = set()
    kept = []
    for _, bare, fluorinated in candidates:
        if not {bare, fluorinated} & used:
            kept.append((bare, fluorinated))
            used |= {bare, fluorinated}
    return kept


def _trans(mol: Chem.Mol, backbone: Sequence[int]) -> Chem.Mol:
    """Return the molecule with the chain trans at each double bond of the backbone that can be told cis from trans."""
    for k in range(1, len(backbone) - 2):
        bond = mol.GetBondBetweenAtoms(backbone[k], backbone[k + 1])
        if bond.GetBondType() == Chem.BondType.DOUBLE and not bond.IsInRing():
            begin, end = backbone[k - 1], backbone[k + 2]
            bond.SetStereoAtoms(*((begin, end) if bond.GetBeginAtomIdx() == backbone[k] else (end, begin)))
            bond.SetStereo(Chem.BondStereo.STEREOTRANS)
    return mol


def _symbols(atom: Chem.Atom) -> list[str]:
    """Return the elements bonded to an atom."""
    return [neighbour.GetSymbol() for neighbour in atom.GetNeighbors()]


def _neighbour(mol: Chem.Mol, index: int, symbol: str) -> int:
    """Return the first neighbour of an element."""
    return next(a.GetIdx() for a in mol.GetAtomWithIdx(index).GetNeighbors() if a.GetSymbol() == symbol)


def _described(mol: Chem.Mol, pair: tuple[int, int]) -> str:
    """Return a new double bond in words: its carbons and the units they belong to."""
    bare, fluorinated = (mol.GetAtomWithIdx(index) for index in pair)
    kind = "tertiary C-F" if _symbols(fluorinated).count("C") == 3 else "C-F"
    told = f"C{fluorinated.GetIdx()}=C{bare.GetIdx()} ({kind}"
    if bare.HasProp(UNIT):
        told += f", units {fluorinated.GetIntProp(UNIT) + 1} and {bare.GetIntProp(UNIT) + 1}"
    return told + ")"
