"""Molecules between RDKit, which knows their bonds, and the records that travel between jobs."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from rdkit import Chem

from interlith.structures.geometry import to_text
from interlith.structures.records import MoleculeFacts, MoleculeModel, Origin
from interlith.structures.smiles import UNIT, canonical, is_metal, multiplicity

FORMAL_CHARGE = "formal_charge"
"""Per-atom array of a molecule: formal charges, e, integers; they sum to ``MoleculeFacts.charge_e``."""
ORDERS = {
    1.0: Chem.BondType.SINGLE,
    1.5: Chem.BondType.AROMATIC,
    2.0: Chem.BondType.DOUBLE,
    3.0: Chem.BondType.TRIPLE,
}


def to_model(mol: Chem.Mol, positions: NDArray[np.float64], name: str, origin: Origin, **facts: Any) -> MoleculeModel:
    """Return a molecule as a record.

    Parameters
    ----------
    mol
        All hydrogens as atoms.
    positions
        Å, shape (n, 3).
    name, origin
        Of the molecule.
    **facts
        Further fields of ``MoleculeFacts`` (``n_units``, ``conformer``, ``relative_energy_eV``, ``ranked_by``).

    Returns
    -------
    MoleculeModel
        The atoms carry the array ``formal_charge``, an oligomer's ``unit`` too; ``info`` holds ``charge`` (e) and
        ``multiplicity``.
    """
    atoms = Atoms([atom.GetSymbol() for atom in mol.GetAtoms()], positions=positions)
    atoms.arrays[FORMAL_CHARGE] = np.array([atom.GetFormalCharge() for atom in mol.GetAtoms()], dtype=int)
    if all(atom.HasProp(UNIT) for atom in mol.GetAtoms()):
        atoms.arrays[UNIT] = np.array([atom.GetIntProp(UNIT) for atom in mol.GetAtoms()], dtype=int)
    charge, spin = int(Chem.GetFormalCharge(mol)), multiplicity(mol)
    atoms.info |= {"charge": charge, "multiplicity": spin}
    record = MoleculeFacts(
        name=name,
        smiles=canonical(mol),
        formula=atoms.get_chemical_formula(),
        n_atoms=len(atoms),
        charge_e=charge,
        multiplicity=spin,
        bonds=_bonds(mol),
        origin=_told(origin, mol, positions, spin),
        **facts,
    )
    return MoleculeModel(name=name, xyz=to_text(atoms), facts=record)


def to_mol(model: MoleculeModel) -> Chem.Mol:
    """Return the RDKit molecule of a record, stereo as in its geometry, which is its one conformer.

    Parameters
    ----------
    model
        With the array ``formal_charge``, as :func:`to_model` writes it.
    """
    atoms = model.atoms
    edit = Chem.RWMol()
    charges = atoms.arrays.get(FORMAL_CHARGE, np.zeros(len(atoms), dtype=int))
    for symbol, charge in zip(atoms.get_chemical_symbols(), charges, strict=True):
        atom = Chem.Atom(symbol)
        atom.SetFormalCharge(int(charge))
        atom.SetNoImplicit(True)
        edit.AddAtom(atom)
    for i, j, order in model.facts.bonds:
        edit.AddBond(i, j, ORDERS[order])
        if order == 1.5:
            for end in (i, j):
                edit.GetAtomWithIdx(end).SetIsAromatic(True)
    _keep_units(edit, atoms)
    edit.AddConformer(_conformer(atoms))
    Chem.SanitizeMol(edit)
    Chem.AssignStereochemistryFrom3D(edit)
    return edit.GetMol()


def cations(mol: Chem.Mol) -> list[int]:
    """Return the indices of bare metal cations."""
    return [atom.GetIdx() for atom in mol.GetAtoms() if is_metal(atom) and atom.GetDegree() == 0]


def coordination_told(mol: Chem.Mol, positions: NDArray[np.float64]) -> str:
    """Return what binds each metal cation, in words: N, O, F, S and Cl within 2.4 Å, nearest first."""
    told = []
    for index in cations(mol):
        distance = np.linalg.norm(positions - positions[index], axis=1)
        near = [int(k) for k in np.argsort(distance) if 0 < distance[k] < 2.4]
        held = [k for k in near if mol.GetAtomWithIdx(k).GetAtomicNum() in {7, 8, 9, 16, 17}]
        shell = ", ".join(f"{mol.GetAtomWithIdx(k).GetSymbol()}{k} {distance[k]:.2f}" for k in held)
        told.append(f"{mol.GetAtomWithIdx(index).GetSymbol()} held by {shell or 'nothing'}" + (" Å" if held else ""))
    return "; ".join(told)


def _told(origin: Origin, mol: Chem.Mol, positions: NDArray[np.float64], spin: int) -> Origin:
    """Return an origin that tells how cations are held, and an open shell."""
    if cations(mol):
        origin = origin.then(coordination_told(mol, positions))
    return origin.then(f"multiplicity {spin}, by the number of electrons") if spin > 1 else origin


def _bonds(mol: Chem.Mol) -> tuple[tuple[int, int, float], ...]:
    """Return the bonds, lower index first, ascending."""
    ends = [(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())), b.GetBondTypeAsDouble()) for b in mol.GetBonds()]
    return tuple(sorted((i, j, float(order)) for (i, j), order in ends))


def _keep_units(edit: Chem.RWMol, atoms: Atoms) -> None:
    """Write the repeat unit of each atom back, where the model knows it."""
    for index, unit in enumerate(atoms.arrays.get(UNIT, ())):
        edit.GetAtomWithIdx(index).SetIntProp(UNIT, int(unit))


def _conformer(atoms: Atoms) -> Chem.Conformer:
    """Return the positions as an RDKit conformer."""
    conformer = Chem.Conformer(len(atoms))
    conformer.SetPositions(np.ascontiguousarray(atoms.positions, dtype=float))
    return conformer
