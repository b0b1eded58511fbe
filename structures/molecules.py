"""Molecules, ions, salts and oligomers: from a library name, a SMILES, a repeat unit or a person's own file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rdkit import Chem

from interlith.structures import library
from interlith.structures.conformers import Ensemble, generate, ranked
from interlith.structures.dehydrofluorination import without_hf
from interlith.structures.errors import RequestError, unknown_name
from interlith.structures.geometry import digest
from interlith.structures.graphs import cations, to_model
from interlith.structures.ions import generate_ions
from interlith.structures.molecule_files import is_molecule_file, read_molecule
from interlith.structures.polymers import oligomer
from interlith.structures.records import MoleculeModel, MoleculeRecipe, Origin
from interlith.structures.smiles import fault_of, open_ends, parsed, signed
from interlith.structures.tacticity import set_open_stereo

OF_CHAINS = ("n", "caps", "comonomer", "comonomer_units")
"""Fields of a recipe that only a repeat unit can obey."""


LARGEST = 500
"""Atoms of a molecule that is embedded here: distance geometry of 900 takes minutes and fails."""


@dataclass(frozen=True)
class _Draft:
    """A molecule decided but not yet embedded (unless `mol` has a conformer: a person's own geometry)."""

    mol: Chem.Mol
    name: str
    origin: Origin
    n_units: int | None = None


def is_molecule(text: str) -> bool:
    """Return whether a text names a molecule: a library name, a SMILES or a repeat unit.

    Files are not looked for, nor crystals: a name of both kinds (PVDF) is decided elsewhere.

    Examples
    --------
    >>> is_molecule("DME"), is_molecule("COCCOC"), is_molecule("[*]CC([*])C#N"), is_molecule("LiF")
    (True, True, True, False)
    """
    return library.canonical_molecule(text) is not None or fault_of(text) is None


def molecule(recipe: MoleculeRecipe) -> MoleculeModel:
    """Return the conformer of a molecule that a recipe asks for.

    Parameters
    ----------
    recipe
        ``conformer`` counts from 0, the lowest.

    Raises
    ------
    RequestError
        As :func:`conformers`; or there are not that many conformers.
    """
    found = conformers(recipe, k=recipe.conformer + 1)
    if len(found) <= recipe.conformer:
        raise RequestError(
            f"conformer {recipe.conformer} of {recipe.molecule}: {len(found)} found", "conformer", "count from 0"
        )
    return found[recipe.conformer]


def conformers(recipe: MoleculeRecipe, *, k: int = 8) -> list[MoleculeModel]:
    """Return the distinct low conformers of a molecule, lowest first.

    Each is verified: valences, stereo, no overlap, no ring speared. The force field behind the order is named in
    ``facts.ranked_by``; a person's own geometry is kept as the one conformer.

    Parameters
    ----------
    recipe
        ``conformer`` is not read.
    k
        Most that are returned; how many are looked for does not depend on it.

    Raises
    ------
    RequestError
        A text that names no molecule; fields that cannot be obeyed; a charge that does not fit; no geometry.
    """
    plain = recipe.model_copy(update={"conformer": 0})
    build = _built.__wrapped__ if is_molecule_file(recipe.molecule) else _built
    draft, ensemble = build(plain)
    return [_model(draft, ensemble, rank) for rank in range(min(k, len(ensemble.positions)))]


@lru_cache(maxsize=128)
def _built(recipe: MoleculeRecipe) -> tuple[_Draft, Ensemble]:
    """Return the molecule of a recipe and its conformers."""
    draft = _draft(recipe)
    if draft.mol.GetNumConformers():
        return draft, ranked(draft.mol, [draft.mol.GetConformer().GetPositions()], [0.0], "the file's own geometry")
    if draft.mol.GetNumAtoms() > LARGEST:
        raise RequestError(
            f"{draft.name[:60]} has {draft.mol.GetNumAtoms()} atoms", "molecule", f"take at most {LARGEST}, or an XYZ"
        )
    several = len(Chem.GetMolFrags(draft.mol)) > 1
    return draft, (generate_ions if several else generate)(draft.mol, recipe.seed)


def _model(draft: _Draft, ensemble: Ensemble, rank: int) -> MoleculeModel:
    return to_model(
        draft.mol,
        ensemble.positions[rank],
        draft.name,
        draft.origin,
        n_units=draft.n_units,
        conformer=rank,
        relative_energy_eV=ensemble.energies_eV[rank],
        ranked_by=ensemble.ranked_by,
    )


def _draft(recipe: MoleculeRecipe) -> _Draft:
    """Decide which molecule a recipe means: a name of the library wins over a file, a file over a SMILES."""
    known = library.canonical_molecule(recipe.molecule)
    if known is not None:
        entry = library.molecule_entry(known)
        told = f"library molecule {known}: {entry['notes']}"
        return _from_text(_completed(recipe, entry), known, told, _pattern(recipe, entry))
    if is_molecule_file(recipe.molecule):
        return _from_file(recipe)
    reason = fault_of(recipe.molecule)
    if reason:
        mend = unknown_name("molecule", recipe.molecule, library.molecule_names()).mend
        raise RequestError(
            f"{recipe.molecule!r} is no library molecule, no .xyz, .sdf or .mol file and no SMILES: {reason}",
            "molecule",
            mend,
        )
    return _from_text(recipe, recipe.molecule, "SMILES as given", None)


def completed(recipe: MoleculeRecipe) -> MoleculeRecipe:
    """Return the recipe with a library molecule's SMILES, and its values where none are given; others as they are."""
    known = library.canonical_molecule(recipe.molecule)
    return recipe if known is None else _completed(recipe, library.molecule_entry(known))


def _completed(recipe: MoleculeRecipe, entry: dict[str, Any]) -> MoleculeRecipe:
    """Return the recipe with the library's SMILES, and its values wherever the person gave none."""
    values: dict[str, Any] = {"molecule": entry["smiles"]}
    for key in ("n", "caps", "comonomer", "hf_removed"):
        if getattr(recipe, key) is None and key in entry:
            values[key] = tuple(entry[key]) if key == "caps" else entry[key]
    if recipe.comonomer_units is None and recipe.comonomer is None and "comonomer_units" in entry:
        ratio = entry["comonomer_units"] / entry["n"]
        values["comonomer_units"] = max(1, round(ratio * (recipe.n or entry["n"])))
    return recipe.model_copy(update=values)


def _pattern(recipe: MoleculeRecipe, entry: dict[str, Any]) -> str | None:
    """Return the library's own sequence where the recipe leaves composition and order to it."""
    same = all(getattr(recipe, key) in (None, entry.get(key)) for key in ("n", "comonomer", "comonomer_units"))
    return entry.get("pattern") if same and recipe.sequence == "random" else None


def _from_text(recipe: MoleculeRecipe, name: str, told: str, pattern: str | None) -> _Draft:
    """Return the molecule of a SMILES or the chain of a repeat unit."""
    text = recipe.molecule
    mol = parsed(text)
    n_units: int | None
    if open_ends(mol):
        chain = oligomer(recipe, pattern)
        full, steps, n_units = chain.mol, chain.steps, len(chain.sequence)
    else:
        _refuse_chain_fields(recipe, name)
        full, steps = _small(mol, recipe)
        n_units = None
    _refuse_neutral_metals(full, text)
    stereo = set_open_stereo(full, recipe.seed)
    charge = Chem.GetFormalCharge(full)
    if recipe.charge_e is not None and recipe.charge_e != charge:
        raise RequestError(
            f"charge_e = {recipe.charge_e}, but {text} carries {signed(charge)}",
            "charge_e",
            "write charges in the SMILES",
        )
    origin = Origin(
        source=f"{name}: {text}" if name != text else text, sha256=digest(text), steps=(told, *steps, *stereo)
    )
    return _Draft(full, name, origin, n_units)


def _small(mol: Chem.Mol, recipe: MoleculeRecipe) -> tuple[Chem.Mol, tuple[str, ...]]:
    """Return a molecule with its hydrogens, HF taken out if asked."""
    full = Chem.AddHs(mol)
    if not recipe.hf_removed:
        return full, ()
    bare, _, told = without_hf(full, recipe.hf_removed, seed=recipe.seed)
    return bare, (told,)


def _refuse_chain_fields(recipe: MoleculeRecipe, name: str) -> None:
    """Refuse what only a repeat unit can obey."""
    for key in OF_CHAINS:
        value = getattr(recipe, key)
        if value is not None:
            raise RequestError(f"{key} = {value} of {name}, which is no repeat unit", key, "leave it out, or mark [*]")


def _refuse_neutral_metals(mol: Chem.Mol, text: str) -> None:
    """Refuse a bare metal atom without a charge: beside molecules metals are cations."""
    for index in cations(mol):
        atom = mol.GetAtomWithIdx(index)
        if not atom.GetFormalCharge():
            what = f"{atom.GetSymbol()}{index} of {text} is a metal without a charge"
            raise RequestError(what, "molecule", "write its charge in the brackets, as in [Cu+2]")


def _from_file(recipe: MoleculeRecipe) -> _Draft:
    """Return a person's own molecule."""
    _refuse_chain_fields(recipe, recipe.molecule)
    if recipe.hf_removed:
        raise RequestError(f"hf_removed = {recipe.hf_removed} of a file", "hf_removed", "take HF out of a SMILES")
    mol, steps, text = read_molecule(recipe.molecule, recipe.charge_e)
    name = Path(recipe.molecule).stem
    origin = Origin(source=Path(recipe.molecule).name, sha256=digest(text), steps=tuple(steps))
    return _Draft(mol, name, origin)
