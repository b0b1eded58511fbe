"""SMILES and repeat units as RDKit molecules: read quietly, refused with the reason."""

from __future__ import annotations

from functools import cache

from rdkit import Chem, rdBase

from interlith.structures.errors import RequestError

# RDKit writes its complaints to stderr from C++; a person gets them in the error's one line instead.
rdBase.DisableLog("rdApp.*")
# The older perception forgets cis and trans when hydrogens are atoms.
Chem.SetUseLegacyStereoPerception(False)

# fmt: off
METALS = frozenset({
    "Li", "Na", "K", "Rb", "Cs", "Be", "Mg", "Ca", "Sr", "Ba", "Al", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni",
    "Cu", "Zn", "Ga", "Y", "Zr", "Nb", "Mo", "Ag", "Cd", "In", "Sn", "La", "Ta", "W", "Pb",
})
# fmt: on
"""Elements taken as bare cations beside the molecules that hold them."""
UNIT = "unit"
"""Atom property, and per-atom array of an oligomer: its repeat unit from 0, -1 in a cap."""
TEMPLATE = "template"
"""Atom property: index of the atom in its repeat unit as written."""


def parsed(text: str, where: str = "molecule") -> Chem.Mol:
    """Return a SMILES as a molecule, hydrogens implicit.

    Parameters
    ----------
    text
        A SMILES; ``[*]`` marks an open end.
    where
        The argument or file that holds it, for the message.

    Raises
    ------
    RequestError
        When it does not parse or breaks a valence; RDKit's reason is given.
    """
    reason = fault_of(text)
    if reason:
        raise RequestError(f"{text!r} is no SMILES: {reason}", where, "check brackets, ring digits and valences")
    return Chem.MolFromSmiles(text)


@cache
def fault_of(text: str) -> str | None:
    """Return why a text is no SMILES, in words; None where it is one.

    Examples
    --------
    >>> fault_of("COCCOC") is None
    True
    >>> fault_of("C(C)(C)(C)(C)C")
    'Explicit valence for atom # 0 C, 5, is greater than permitted'
    """
    if not text or len(text.split()) != 1 or text != text.strip():
        return "it is empty or holds spaces"
    # Without sanitising, so that a text that is written well but breaks a valence can be told apart.
    raw = Chem.MolFromSmiles(text, sanitize=False)
    if raw is None:
        return "its syntax is wrong"
    problems = Chem.DetectChemistryProblems(raw)
    if problems:
        return str(problems[0].Message())
    return None if Chem.MolFromSmiles(text) is not None else "RDKit cannot make a molecule of it"


def open_ends(mol: Chem.Mol) -> list[int]:
    """Return the indices of the ``[*]`` of a molecule, in the order in which they were written."""
    return [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() == 0]


def canonical(mol: Chem.Mol) -> str:
    """Return the canonical SMILES of a molecule, stereo and formal charges included, hydrogens implicit."""
    return str(Chem.MolToSmiles(Chem.RemoveHs(mol)))


def mirror_image(smiles: str) -> str:
    """Return the SMILES of a molecule's mirror image: every tetrahedral centre inverted.

    Examples
    --------
    >>> mirror_image("C[C@H](F)O") == canonical(parsed("C[C@@H](F)O"))
    True
    """
    mol = parsed(smiles)
    for atom in mol.GetAtoms():
        atom.InvertChirality()
    return canonical(mol)


def is_metal(atom: Chem.Atom) -> bool:
    """Return whether an atom is a metal's."""
    return atom.GetSymbol() in METALS


def multiplicity(mol: Chem.Mol) -> int:
    """Return the spin multiplicity 2S + 1 that the count of electrons asks for.

    Unpaired electrons written in the SMILES (radicals) count as parallel; an open shell of a metal counts as
    one electron or none, whichever the parity of all electrons asks for: Cu²⁺ (d⁹) makes a doublet.

    Parameters
    ----------
    mol
        With all hydrogens as atoms.
    """
    electrons = sum(atom.GetAtomicNum() for atom in mol.GetAtoms()) - Chem.GetFormalCharge(mol)
    unpaired = sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms() if not is_metal(atom))
    return int(unpaired + (unpaired + electrons) % 2 + 1)


def signed(charge: int) -> str:
    """Return a charge as people write it: ``+1``, ``-2``, ``0``."""
    return f"{charge:+d}" if charge else "0"
