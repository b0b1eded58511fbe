"""Salts taken apart: which ions a salt is made of, and which atoms of a complex belong to which molecule."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from interlith.structures import library
from interlith.structures.errors import RequestError
from interlith.structures.graphs import to_model, to_mol
from interlith.structures.records import MoleculeModel, MoleculeRecipe
from interlith.structures.smiles import canonical

HELD_A = {"Li": 2.4, "Na": 2.8, "K": 3.2}
"""Donors nearer than this to a cation hold it: where the first shell of Li-O and Li-F ends (1.8 to 2.1 Å, and some
more); others as sodium."""
DONORS = frozenset({"N", "O", "F", "Cl", "Br", "I"})
"""And sulfur with two neighbours at most: that of a sulfonyl holds nothing."""


class Ions(NamedTuple):
    """The two ions of a salt, as molecules of their own."""

    cation: MoleculeRecipe
    anion: MoleculeRecipe


def ions_of(salt: MoleculeModel) -> Ions:
    """Return the ions that a salt splits in, by their names in the library where they have one.

    Parameters
    ----------
    salt
        One cation and one anion.

    Raises
    ------
    RequestError
        If it is no neutral pair of one cation and one anion.
    """
    parts = sorted(_parts(salt), key=Chem.GetFormalCharge)
    charges = [Chem.GetFormalCharge(part) for part in parts]
    if len(parts) != 2 or not charges[0] < 0 < charges[1] or sum(charges) != 0:
        told = " and ".join(f"{canonical(part)} ({charge:+d})" for part, charge in zip(parts, charges, strict=True))
        raise RequestError(
            f"{salt.name} is {told}: it does not split in one cation and one anion",
            "salt",
            "name a salt such as LiTFSI, or a SMILES of two ions such as [Li+].[F-]",
        )
    anion, cation = (MoleculeRecipe(molecule=_named(canonical(part))) for part in parts)
    return Ions(cation, anion)


def same_molecule(one: MoleculeModel, other: MoleculeModel) -> bool:
    """Return whether two models are of one constitution, charges included."""
    return canonical(to_mol(one)) == canonical(to_mol(other))


def in_one_piece(model: MoleculeModel) -> bool:
    """Return whether a model is a single molecule or ion."""
    return len(_parts(model)) == 1


def in_order_of(model: MoleculeModel, like: MoleculeModel) -> MoleculeModel:
    """Return a geometry with its atoms in the order of another model of the same constitution.

    Raises
    ------
    RequestError
        If the two are not of one constitution.
    """
    if not same_molecule(model, like):
        raise RequestError(f"{model.name} ({model.facts.smiles}) is not {like.name} ({like.facts.smiles})", "molecule")
    order = list(to_mol(model).GetSubstructMatch(to_mol(like)))
    return to_model(to_mol(like), model.atoms.positions[order], like.name, model.facts.origin)


class Leaving(NamedTuple):
    """The ion that leaves a salt or a complex.

    Attributes
    ----------
    atoms
        True for its atoms, shape (atoms,).
    charge_e
        Its net charge.
    """

    atoms: NDArray[np.bool_]
    charge_e: int


def anion_in(model: MoleculeModel) -> Leaving:
    """Return the fragment of most negative charge, of several the first: what leaves when a salt dissociates.

    Parameters
    ----------
    model
        A salt, or a complex that holds one.
    """
    mol = to_mol(model)
    charges = {
        members: sum(mol.GetAtomWithIdx(k).GetFormalCharge() for k in members) for members in Chem.GetMolFrags(mol)
    }
    lowest = min(charges, key=lambda members: charges[members])
    mask = np.zeros(mol.GetNumAtoms(), dtype=bool)
    mask[list(lowest)] = True
    return Leaving(mask, charges[lowest])


def shell(model: MoleculeModel, positions: NDArray[np.float64]) -> dict[str, int]:
    """Return how many donors of each element hold the bare cations of a geometry, e.g. ``{"O": 4, "F": 1}``.

    Parameters
    ----------
    model
        Which atoms are bare cations.
    positions
        The geometry, Å, shape (atoms, 3).
    """
    symbols, donors = model.atoms.get_chemical_symbols(), _donors(model)
    counts: dict[str, int] = {}
    for centre in _bare_cations(model):
        reach = HELD_A.get(symbols[centre], HELD_A["Na"])
        distance = np.linalg.norm(positions - positions[centre], axis=1)
        for k in donors:
            if distance[k] < reach:
                counts[symbols[k]] = counts.get(symbols[k], 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def shortest_hold_A(model: MoleculeModel, positions: NDArray[np.float64]) -> float | None:
    """Return the least distance of a bare cation to a donor, Å; None where there is none of either."""
    held = _donors(model)
    distances = [np.linalg.norm(positions[held] - positions[centre], axis=1) for centre in _bare_cations(model)]
    return float(np.min(distances)) if held and distances else None


def _donors(model: MoleculeModel) -> list[int]:
    atoms = to_mol(model).GetAtoms()
    return [a.GetIdx() for a in atoms if a.GetSymbol() in DONORS or (a.GetSymbol() == "S" and a.GetDegree() <= 2)]


def _bare_cations(model: MoleculeModel) -> list[int]:
    mol = to_mol(model)
    alone = [members[0] for members in Chem.GetMolFrags(mol) if len(members) == 1]
    return [k for k in alone if mol.GetAtomWithIdx(k).GetFormalCharge() > 0]


def _parts(model: MoleculeModel) -> tuple[Chem.Mol, ...]:
    return tuple(Chem.GetMolFrags(to_mol(model), asMols=True))


def _named(smiles: str) -> str:
    """Return the library's name of a constitution; the SMILES itself where it has none."""
    return _names().get(smiles, smiles)


@cache
def _names() -> dict[str, str]:
    entries = {name: library.molecule_entry(name) for name in library.molecule_names()}
    plain = {name: entry["smiles"] for name, entry in entries.items() if "[*]" not in entry["smiles"]}
    return {canonical(Chem.AddHs(Chem.MolFromSmiles(smiles))): name for name, smiles in plain.items()}
