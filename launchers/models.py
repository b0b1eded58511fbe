"""Models as files and rows: what `interlith build` writes and prints of a model of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.io import write
from ase.neighborlist import neighbor_list

from interlith.analysis.coordination import closest_approach
from interlith.launchers.answers import write_whole
from interlith.launchers.candidates import Candidate, Model
from interlith.launchers.pictures import face_name, model_picture, molecule_name, side_names
from interlith.structures.checks import check_model
from interlith.structures.records import AdlayerModel, InterfaceModel, MatchFacts, MoleculeModel, SlabFacts

EMPTY: dict[str, Any] = dict.fromkeys(
    (
        *("area_A2", "n_interfaces", "strain_a_percent", "strain_b_percent", "side_a", "side_b", "formula_a"),
        *("formula_b", "min_contact_A", "terminations", "thickness_A", "charge_e", "dipole_eA", "gap_A"),
    )
)
"""What a row says of a model that has no such thing."""
_FORMS = {"poscar": "vasp", "cif": "cif"}


def write_model(candidate: Candidate, folder: Path) -> dict[str, Any]:
    """Check a model and write it as extended XYZ and PNG, a periodic one as POSCAR and CIF too; return its row.

    Returns
    -------
    dict
        The row of ``build --json``; ``side_a`` and ``side_b`` are atom indices in ``file``.

    Raises
    ------
    RequestError
        If the model does not pass the checks: nothing of it is written.
    """
    model, stem = candidate.model, folder / candidate.stem
    warnings = check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    file = write_whole(stem.with_name(f"{stem.name}.extxyz"), model.xyz)
    forms = {} if isinstance(model, MoleculeModel) else _FORMS
    other = [_converted(model.atoms, stem.with_name(f"{stem.name}.{end}"), form) for end, form in forms.items()]
    picture = model_picture(model, stem.with_name(f"{stem.name}.png"))
    return {
        "system": candidate.system,
        "file": str(file),
        "files": [str(path) for path in (file, *other, picture)],
        **model_row(model),
        "warnings": [warning.message for warning in warnings],
        "energy_eV": candidate.energy_eV,
    }


def model_row(model: Model) -> dict[str, Any]:
    """Return the facts of a model, for tables and JSON; null for what its kind has not."""
    atoms = model.atoms
    return {
        "n_atoms": len(atoms),
        "formula": atoms.get_chemical_formula(),
        "min_distance_A": _shortest(atoms),
        **EMPTY,
        **_facts(model),
        "sha256": getattr(model, "sha256", None),
    }


def strains(match: MatchFacts) -> dict[str, float]:
    """Return the largest principal strain of each side, in per cent."""
    return {"strain_a_percent": 100 * match.strain_a[0], "strain_b_percent": 100 * match.strain_b[0]}


@singledispatch
def _facts(model: Model) -> dict[str, Any]:
    raise TypeError(f"no facts of a {type(model).__name__}")


@_facts.register
def _of_interface(model: InterfaceModel) -> dict[str, Any]:
    return {
        **_of_sides(model),
        **strains(model.match),
        "terminations": {"a": _termination(model.slab_a), "b": _termination(model.slab_b)},
        "dipole_eA": _summed(model.slab_a.dipole_eA, model.slab_b.dipole_eA),
        "shift": list(model.shift),
        "gap_A": model.gap_A,
        "thickness_A": [model.slab_a.thickness_A, model.slab_b.thickness_A],
        "twist_deg": model.match.twist_deg,
        "approximated": [*model.slab_a.origin.steps, *model.slab_b.origin.steps, model.match.strain_rule],
    }


@_facts.register
def _of_adlayer(model: AdlayerModel) -> dict[str, Any]:
    charge = sum(facts.charge_e for facts in model.molecules)
    return {
        **_of_sides(model),
        "strain_a_percent": 0.0,
        "terminations": {"a": _termination(model.slab), "b": None},
        "molecules": side_names(model)[1],
        "charge_e": charge,
        "dipole_eA": model.slab.dipole_eA,
        "gap_A": None if model.pose is None else model.pose.gap_A,
        "thickness_A": [model.slab.thickness_A, None],
        "image_distance_A": model.image_distance_A,
        "covers": model.covers,
        "density_g_cm3": model.density_g_cm3,
        "approximated": list(model.origin.steps),
    }


@_facts.register
def _of_molecule(model: MoleculeModel) -> dict[str, Any]:
    facts = model.facts
    return {
        "molecules": molecule_name(facts),
        "smiles": facts.smiles,
        "charge_e": facts.charge_e,
        "multiplicity": facts.multiplicity,
        "approximated": list(facts.origin.steps),
    }


def _of_sides(model: InterfaceModel | AdlayerModel) -> dict[str, Any]:
    atoms = model.atoms
    below, above = list(model.side_a), list(model.side_b)
    return {
        "area_A2": model.area_A2,
        "n_interfaces": model.n_interfaces,
        "side_a": below,
        "side_b": above,
        "formula_a": atoms[below].get_chemical_formula(),
        "formula_b": atoms[above].get_chemical_formula(),
        "min_contact_A": closest_approach(atoms),
        "charge_e": 0,
    }


def _termination(slab: SlabFacts) -> dict[str, Any]:
    return {"face": face_name(slab), "index": slab.termination, "label": slab.termination_label, "tasker": slab.tasker}


def _summed(*parts: float | None) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _converted(atoms: Atoms, path: Path, form: str) -> Path:
    plain = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    draft = path.with_name(f".{path.name}")
    try:
        write(draft, plain, format=form, **({"sort": True, "direct": True} if form == "vasp" else {}))
        return draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _shortest(atoms: Atoms, cutoff_A: float = 4.0) -> float | None:
    distances: Sequence[float] = neighbor_list("d", atoms, cutoff_A)
    return float(min(distances)) if len(distances) else None
