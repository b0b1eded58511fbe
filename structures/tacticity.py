"""Handedness of stereo centres: relative along a chain, by seed elsewhere, told as R and S."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdCIPLabeler

from interlith.structures.smiles import TEMPLATE, UNIT

Tacticity = Literal["isotactic", "syndiotactic", "atactic"]
CLOCKWISE = Chem.ChiralType.CHI_TETRAHEDRAL_CW
ANTICLOCKWISE = Chem.ChiralType.CHI_TETRAHEDRAL_CCW
LABEL_EFFORT = 200_000
HANDED = (CLOCKWISE, ANTICLOCKWISE)


def set_backbone_stereo(mol: Chem.Mol, backbone: Sequence[int], tacticity: Tacticity, seed: int = 0) -> tuple[str, ...]:
    """Set the stereo centres along a chain that are still open, in place.

    Handedness is that of (previous backbone atom, next one, first substituent, second substituent), so neighbouring
    centres of equal handedness make a meso dyad, opposite ones a racemo dyad, whichever way their units are turned.
    R and S follow from it and change along a chain of one tacticity, since priorities change past its middle.

    Parameters
    ----------
    mol
        With hydrogens as atoms, each with the property ``template`` where it was written in a repeat unit.
    backbone
        Atom indices, first to last.
    tacticity
        isotactic: all equal; syndiotactic: unit by unit opposite; atactic: drawn by seed.
    seed
        Of the draw.

    Returns
    -------
    tuple of str
        What was set, in words; empty where the chain has no open centre.
    """
    place = {atom: k for k, atom in enumerate(backbone)}
    centres = sorted((atom for atom in open_centres(mol) if atom in place), key=lambda atom: place[atom])
    if not centres:
        return ()
    units = list(dict.fromkeys(mol.GetAtomWithIdx(atom).GetIntProp(UNIT) for atom in centres))
    draw = random.Random(seed)
    for atom in centres:
        turn = {
            "isotactic": 0,
            "syndiotactic": units.index(mol.GetAtomWithIdx(atom).GetIntProp(UNIT)) % 2,
            "atactic": draw.randrange(2),
        }[tacticity]
        _set_handed(mol, atom, _frame(mol, backbone, place[atom]), turn)
    by = f" by seed {seed}" if tacticity == "atactic" else ""
    return (f"{tacticity}{by}: {', '.join(labels(mol, centres))}",)


def set_open_stereo(mol: Chem.Mol, seed: int = 0) -> tuple[str, ...]:
    """Set every stereo centre and double bond that is still open, in place: centres by seed, double bonds trans.

    Parameters
    ----------
    mol
        With hydrogens as atoms.
    seed
        Of the draw.

    Returns
    -------
    tuple of str
        What was set, in words; empty where nothing was open.
    """
    draw = random.Random(seed)
    centres = open_centres(mol)
    for atom in centres:
        mol.GetAtomWithIdx(atom).SetChiralTag(draw.choice(HANDED))
    told = [f"stereo centres by seed {seed}: {', '.join(labels(mol, centres))}"] if centres else []
    bonds = [info for info in _potential(mol, Chem.StereoType.Bond_Double) if _is_open(info)]
    for info in bonds:
        ends = [atom for atom in info.controllingAtoms if atom < mol.GetNumAtoms()]
        bond = mol.GetBondWithIdx(info.centeredOn)
        begin = next(a for a in ends if mol.GetBondBetweenAtoms(a, bond.GetBeginAtomIdx()) is not None)
        end = next(a for a in ends if mol.GetBondBetweenAtoms(a, bond.GetEndAtomIdx()) is not None)
        bond.SetStereoAtoms(begin, end)
        bond.SetStereo(Chem.BondStereo.STEREOTRANS)
        told.append(f"C{bond.GetBeginAtomIdx()}=C{bond.GetEndAtomIdx()} taken trans")
    return tuple(told)


def open_centres(mol: Chem.Mol) -> list[int]:
    """Return the tetrahedral stereo centres whose handedness is not set, ascending."""
    return sorted(int(info.centeredOn) for info in _potential(mol, Chem.StereoType.Atom_Tetrahedral) if _is_open(info))


def labels(mol: Chem.Mol, centres: Sequence[int]) -> list[str]:
    """Return the centres with their Cahn-Ingold-Prelog labels, e.g. ``['C3 R', 'C5 S']``; ``-`` where it has none.

    Where the rules take too long every centre is ``unlabelled``: its handedness is set and verified all the same.
    """
    copy = Chem.Mol(mol)
    try:
        rdCIPLabeler.AssignCIPLabels(copy, maxRecursiveIterations=LABEL_EFFORT)
    except RuntimeError:
        # The rules compare whole branches: between alike rings of a long chain that takes minutes.
        return [f"{copy.GetAtomWithIdx(int(index)).GetSymbol()}{index} unlabelled" for index in centres]
    atoms = [copy.GetAtomWithIdx(int(index)) for index in centres]
    return [f"{a.GetSymbol()}{a.GetIdx()} {a.GetProp('_CIPCode') if a.HasProp('_CIPCode') else '-'}" for a in atoms]


def stereo_kept(mol: Chem.Mol, positions: NDArray[np.float64]) -> bool:
    """Return whether a geometry has the handedness and the double bonds that the molecule asks for.

    Parameters
    ----------
    mol
        With hydrogens as atoms.
    positions
        Å, shape (n, 3).
    """
    centres = [atom for atom in mol.GetAtoms() if atom.GetChiralTag() in HANDED and atom.GetDegree() == 4]
    handed = all(
        (_volume(positions, [n.GetIdx() for n in _ordered(atom)]) > 0) == (atom.GetChiralTag() == CLOCKWISE)
        for atom in centres
    )
    return handed and all(_bond_kept(bond, positions) for bond in mol.GetBonds())


def _bond_kept(bond: Chem.Bond, positions: NDArray[np.float64]) -> bool:
    """Return whether the atoms that a double bond names are on the sides that it asks for."""
    trans = {Chem.BondStereo.STEREOTRANS, Chem.BondStereo.STEREOE}
    cis = {Chem.BondStereo.STEREOCIS, Chem.BondStereo.STEREOZ}
    if bond.GetStereo() not in trans | cis:
        return True
    first, second = bond.GetStereoAtoms()
    axis = positions[bond.GetEndAtomIdx()] - positions[bond.GetBeginAtomIdx()]
    one = np.cross(axis, positions[first] - positions[bond.GetBeginAtomIdx()])
    two = np.cross(axis, positions[second] - positions[bond.GetEndAtomIdx()])
    return bool((one @ two > 0) == (bond.GetStereo() in cis))


def _potential(mol: Chem.Mol, kind: Chem.StereoType) -> list[Chem.StereoInfo]:
    return [info for info in Chem.FindPotentialStereo(mol, cleanIt=False, flagPossible=True) if info.type == kind]


def _is_open(info: Chem.StereoInfo) -> bool:
    return bool(info.specified == Chem.StereoSpecified.Unspecified)


def _ordered(atom: Chem.Atom) -> list[Chem.Atom]:
    """Return the neighbours in the order of their bonds, in which RDKit reads a chiral tag."""
    return [bond.GetOtherAtom(atom) for bond in atom.GetBonds()]


def _frame(mol: Chem.Mol, backbone: Sequence[int], k: int) -> list[int]:
    """Return (previous, next, first substituent, second substituent) of a backbone atom.

    An end of the backbone takes its cap for the atom beyond; substituents go as written, hydrogen last.
    """
    index = backbone[k]
    rest = [atom for atom in _ordered(mol.GetAtomWithIdx(index)) if atom.GetIdx() not in backbone]
    caps = [atom for atom in rest if atom.GetIntProp(UNIT) < 0]
    along = [backbone[k - 1]] if k > 0 else [caps.pop(0).GetIdx()]
    along.append(backbone[k + 1] if k + 1 < len(backbone) else caps.pop().GetIdx())
    others = [atom for atom in rest if atom.GetIdx() not in along]
    return along + [atom.GetIdx() for atom in sorted(others, key=_written)]


def _written(atom: Chem.Atom) -> tuple[int, int]:
    """Return the place of an atom in its repeat unit; hydrogens added later come last."""
    return (0, atom.GetIntProp(TEMPLATE)) if atom.HasProp(TEMPLATE) else (1, atom.GetIdx())


def _set_handed(mol: Chem.Mol, index: int, frame: list[int], turn: int) -> None:
    """Give an atom the handedness `turn` (0 or 1) of its four neighbours in the order of `frame`."""
    atom = mol.GetAtomWithIdx(index)
    order = [frame.index(neighbour.GetIdx()) for neighbour in _ordered(atom)]
    atom.SetChiralTag(HANDED[(turn + _odd(order)) % 2])


def _odd(order: Sequence[int]) -> int:
    """Return 1 for an odd permutation, 0 for an even one."""
    return sum(order[i] > order[j] for i in range(len(order)) for j in range(i + 1, len(order))) % 2


def _volume(positions: NDArray[np.float64], neighbours: Sequence[int]) -> float:
    """Return the signed volume of four neighbours: positive when the last three run clockwise, seen from the first."""
    return float(np.linalg.det(positions[list(neighbours[1:])] - positions[neighbours[0]]))
