"""Models as files: what `interlith build` makes of a system."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ase import Atoms
from ase.io import write
from ase.neighborlist import neighbor_list

from interlith.analysis.coordination import closest_approach
from interlith.launchers.answers import write_whole
from interlith.launchers.pictures import face_name, model_picture
from interlith.launchers.requested import Plan
from interlith.structures.interfaces import build_interface, displaced
from interlith.structures.records import InterfaceModel, InterfaceRecipe, MatchFacts
from interlith.workflows.crystals import ordered
from interlith.workflows.study import plan as settled


class Candidate(NamedTuple):
    """A model, and what a screening says of it.

    Attributes
    ----------
    system
        Its system.
    model
        The interface.
    energy_eV
        Of the rigid sides at their best gap, by the screening engine; None without one.
    rank
        From 1, the lowest energy first.
    """

    system: str
    model: InterfaceModel
    energy_eV: float | None = None
    rank: int = 1


def candidates(plan: Plan, *, screen: bool) -> list[Candidate]:
    """Return the models of a system, from its crystals as read; with `screen`, its registries ranked by the engine."""
    from interlith.workflows.registries import rigid_search

    spec, method = settled(plan.spec, plan.preset)
    assert isinstance(spec.recipe, InterfaceRecipe)
    a, b = ordered(spec.recipe.side_a), ordered(spec.recipe.side_b)
    model = build_interface(a.structure(), a.facts, b.structure(), b.facts, spec.recipe)
    if not screen:
        return [Candidate(spec.name, model)]
    found = rigid_search(model, plan.engine, n_start=method.rigid_starts, k=method.registries)
    moved = [(displaced(model, each.shift, each.gap_A), each.energy_eV) for each in found]
    return [Candidate(spec.name, each, energy, rank) for rank, (each, energy) in enumerate(moved, start=1)]


def write_model(candidate: Candidate, folder: Path) -> dict[str, Any]:
    """Write a model as extended XYZ, POSCAR, CIF and PNG; return its row.

    Returns
    -------
    dict
        The row of ``build --json``; ``side_a`` and ``side_b`` are atom indices in ``file``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, atoms = candidate.model, candidate.model.atoms
    stem = folder / (candidate.system if candidate.energy_eV is None else f"{candidate.system}-{candidate.rank}")
    file = write_whole(stem.with_name(f"{stem.name}.extxyz"), model.xyz)
    other = [_converted(atoms, stem.with_name(f"{stem.name}.{end}"), form) for end, form in _FORMS.items()]
    picture = model_picture(model, stem.with_name(f"{stem.name}.png"))
    return {
        "system": candidate.system,
        "file": str(file),
        "files": [str(path) for path in (file, *other, picture)],
        **model_row(model),
        "energy_eV": candidate.energy_eV,
    }


def model_row(model: InterfaceModel) -> dict[str, Any]:
    """Return the facts of a model, for tables and JSON."""
    atoms = model.atoms
    return {
        "n_atoms": len(atoms),
        "formula": atoms.get_chemical_formula(),
        "area_A2": model.area_A2,
        "n_interfaces": model.n_interfaces,
        **strains(model.match),
        "side_a": list(model.side_a),
        "side_b": list(model.side_b),
        "min_distance_A": _shortest(atoms),
        "min_contact_A": closest_approach(atoms),
        "terminations": {"a": _termination(model, 0), "b": _termination(model, 1)},
        "shift": list(model.shift),
        "gap_A": model.gap_A,
        "thickness_A": [model.slab_a.thickness_A, model.slab_b.thickness_A],
        "twist_deg": model.match.twist_deg,
        "sha256": model.sha256,
    }


def strains(match: MatchFacts) -> dict[str, float]:
    """Return the largest principal strain of each side, in per cent."""
    return {"strain_a_percent": 100 * match.strain_a[0], "strain_b_percent": 100 * match.strain_b[0]}


_FORMS = {"poscar": "vasp", "cif": "cif"}


def _converted(atoms: Atoms, path: Path, form: str) -> Path:
    plain = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    draft = path.with_name(f".{path.name}")
    try:
        write(draft, plain, format=form, **({"sort": True, "direct": True} if form == "vasp" else {}))
        return draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _termination(model: InterfaceModel, side: int) -> dict[str, Any]:
    slab = (model.slab_a, model.slab_b)[side]
    return {"face": face_name(slab), "index": slab.termination, "label": slab.termination_label, "tasker": slab.tasker}


def _shortest(atoms: Atoms, cutoff_A: float = 4.0) -> float | None:
    distances: Sequence[float] = neighbor_list("d", atoms, cutoff_A)
    return float(min(distances)) if len(distances) else None
