"""A person's own molecule: XYZ with bonds perceived, or MOL/SDF as drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from ase.io.formats import UnknownFileTypeError
from rdkit import Chem
from rdkit.Chem import rdDetermineBonds

from interlith.structures.bonds import bonds
from interlith.structures.checks import check_atoms
from interlith.structures.crystals import READ_FAULTS
from interlith.structures.errors import RequestError
from interlith.structures.smiles import METALS, signed

SUFFIXES = frozenset({".xyz", ".extxyz", ".sdf", ".mol"})
BOND_SCALE = 1.2
"""Of the sum of covalent radii: 1.25 makes a bond of the S...S (2.62 Å) of a sulfonylimide."""
CATION_CHARGE = {"Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Ag": 1, "Al": 3, "Sc": 3, "Y": 3, "La": 3}
MOST_ITERATIONS = 200_000


def is_molecule_file(text: str) -> bool:
    """Return whether a text names a file of a kind that holds a molecule."""
    return Path(text).suffix.lower() in SUFFIXES


def read_molecule(path: str, charge_e: int | None) -> tuple[Chem.Mol, list[str], str]:
    """Return the molecule of a file in the geometry of the file, all hydrogens as atoms.

    Parameters
    ----------
    path
        XYZ (the last frame), MOL or SDF (the first entry).
    charge_e
        Net charge; None: as an SDF says, or ``charge=`` in an XYZ file's comment, or 0 where valences allow it.

    Returns
    -------
    mol, steps, text
        The molecule has one conformer unless its SDF is flat; what was perceived, in words; the file's text.

    Raises
    ------
    RequestError
        When there is no such file, or it cannot be read, is periodic, overlaps, or no bonds fit the charge.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not text"
        raise RequestError(f"cannot read {path}: {reason}", "molecule", "check the path") from fault
    if Path(path).suffix.lower() in {".sdf", ".mol"}:
        mol, steps = _drawn(text, path, charge_e)
    else:
        mol, steps = _perceived(_atoms(path), path, charge_e)
    return mol, steps, text


def _atoms(path: str) -> Atoms:
    """Return the last frame of an XYZ file, or refuse."""
    try:
        atoms = read(path, index=-1)
    except (*READ_FAULTS, UnknownFileTypeError) as fault:
        raise RequestError(f"{path} cannot be read as XYZ: {fault}", path, "mend the file") from fault
    assert isinstance(atoms, Atoms)
    if atoms.pbc.any():
        raise RequestError(f"{path} has a periodic cell", path, "a molecule has none: remove it, or name a crystal")
    check_atoms(atoms, path)
    return atoms


def _drawn(text: str, path: str, charge_e: int | None) -> tuple[Chem.Mol, list[str]]:
    """Return the molecule that a MOL block draws; a flat or hydrogen-less one is left without a geometry."""
    mol = Chem.MolFromMolBlock(text.split("$$$$")[0], removeHs=False)
    if mol is None or mol.GetNumAtoms() == 0:
        raise RequestError(f"{path} holds no sound MOL block", path, "mend its bonds and charges")
    charge = Chem.GetFormalCharge(mol)
    if charge_e is not None and charge_e != charge:
        raise RequestError(f"charge_e = {charge_e}, but {path} draws {signed(charge)}", "charge_e", "leave it out")
    full = Chem.AddHs(mol)
    solid = full.GetNumAtoms() == mol.GetNumAtoms() and mol.GetConformer().Is3D()
    if solid:
        Chem.AssignStereochemistryFrom3D(full)
        return full, ["bonds, charges and geometry as in the file"]
    full.RemoveAllConformers()
    return full, ["bonds and charges as in the file; its geometry is flat or lacks hydrogens and was built anew"]


def _perceived(atoms: Atoms, path: str, charge_e: int | None) -> tuple[Chem.Mol, list[str]]:
    """Return a molecule with the bonds that distances and the charge ask for; metals are bare cations."""
    charge, source = _charge_of(atoms, charge_e)
    told = f"charge {signed(charge)} {source}"
    symbols = atoms.get_chemical_symbols()
    metals = [k for k, symbol in enumerate(symbols) if symbol in METALS]
    ions = {k: CATION_CHARGE.get(symbols[k], 2) for k in metals}
    edit = _bonded(atoms, set(metals))
    # Bond orders are perceived without the cations: they take no part in covalent valences.
    organic = Chem.RWMol(edit)
    for k in reversed(metals):
        organic.RemoveAtom(k)
    if organic.GetNumAtoms():
        _order(organic, charge - sum(ions.values()), path, told)
    places = [k for k in range(len(atoms)) if k not in ions]
    whole = _restored(organic, atoms, places, ions)
    if Chem.GetFormalCharge(whole) != charge:
        raise RequestError(f"no bonds of {path} fit {told}", "charge_e", "give the right charge")
    steps = [f"bonds perceived from distances at {told}"]
    return whole, steps + [f"{symbols[k]}{k} taken as a bare cation {q:+d}" for k, q in ions.items()]


def _charge_of(atoms: Atoms, charge_e: int | None) -> tuple[int, str]:
    """Return the net charge and where it comes from."""
    written = atoms.info.get("charge")
    if charge_e is not None:
        return charge_e, "(as asked)"
    if isinstance(written, int | np.integer):
        return int(written), "(the file's comment)"
    return 0, "(none given; taken as neutral)"


def _bonded(atoms: Atoms, metals: set[int]) -> Chem.RWMol:
    """Return the atoms with a single bond wherever two of them are near, metals left alone."""
    edit = Chem.RWMol()
    for symbol in atoms.get_chemical_symbols():
        atom = Chem.Atom(symbol)
        atom.SetNoImplicit(True)
        edit.AddAtom(atom)
    found = bonds(atoms, scale=BOND_SCALE)
    for i, j in zip(found.i.tolist(), found.j.tolist(), strict=True):
        if not {i, j} & metals:
            edit.AddBond(i, j, Chem.BondType.SINGLE)
    conformer = Chem.Conformer(len(atoms))
    conformer.SetPositions(np.ascontiguousarray(atoms.positions, dtype=float))
    edit.AddConformer(conformer)
    return edit


def _order(organic: Chem.RWMol, charge: int, path: str, told: str) -> None:
    """Set bond orders and formal charges in place, or refuse."""
    try:
        rdDetermineBonds.DetermineBondOrders(organic, charge=charge, embedChiral=False, maxIterations=MOST_ITERATIONS)
        Chem.SanitizeMol(organic)
    except (ValueError, RuntimeError) as fault:
        raise RequestError(
            f"no bonds of {path} fit {told}", "charge_e", "give the right charge, or an SDF with bonds"
        ) from fault
    _charges_on_nitrogen(organic)
    if any(atom.GetNumRadicalElectrons() for atom in organic.GetAtoms()):
        raise RequestError(f"bonds of {path} at {told} leave a radical", "charge_e", "give the right charge or an SDF")


def _charges_on_nitrogen(organic: Chem.RWMol) -> None:
    """Write sulfonylimides as people do, in place: the charge on N and four S=O, not N=S-O with the charge on O."""
    for nitrogen, sulfur, oxygen in organic.GetSubstructMatches(Chem.MolFromSmarts("[N;D2;+0]=[S]-[O-]")):
        organic.GetBondBetweenAtoms(nitrogen, sulfur).SetBondType(Chem.BondType.SINGLE)
        organic.GetBondBetweenAtoms(sulfur, oxygen).SetBondType(Chem.BondType.DOUBLE)
        organic.GetAtomWithIdx(nitrogen).SetFormalCharge(-1)
        organic.GetAtomWithIdx(oxygen).SetFormalCharge(0)
    Chem.SanitizeMol(organic)


def _restored(organic: Chem.RWMol, atoms: Atoms, places: list[int], ions: dict[int, int]) -> Chem.Mol:
    """Return the molecule with its cations back, atoms in the order of the file, stereo as in its geometry."""
    for k, charge in ions.items():
        cation = Chem.Atom(int(atoms.numbers[k]))
        cation.SetFormalCharge(charge)
        cation.SetNoImplicit(True)
        new = organic.AddAtom(cation)
        organic.GetConformer().SetAtomPosition(new, atoms.positions[k])
    order = [int(k) for k in np.argsort([*places, *ions])]
    whole = Chem.RenumberAtoms(organic.GetMol(), order)
    Chem.SanitizeMol(whole)
    Chem.AssignStereochemistryFrom3D(whole)
    for atom in whole.GetAtoms():
        # One resonance form of a sulfonyl or phosphoryl anion looks like a stereo centre; it is none.
        if atom.GetSymbol() in {"S", "P"}:
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    return whole
