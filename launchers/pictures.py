"""From records and models to picture files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from interlith.structures.records import AdlayerModel, InterfaceModel, Miller, MoleculeFacts, MoleculeModel, SlabFacts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from interlith.analysis.records import AdlayerRecord, InterfaceRecord


def face_name(slab: SlabFacts) -> str:
    """Return a face as people write it, e.g. ``LAGP(012)``."""
    return f"{slab.crystal}{miller_name(slab.miller)}"


def miller_name(miller: Miller) -> str:
    """Return Miller indices in brackets, e.g. ``(1-10)``; commas where an index has two digits.

    Examples
    --------
    >>> miller_name((1, -1, 0)), miller_name((1, 0, 12))
    ('(1-10)', '(1,0,12)')
    """
    separator = "," if any(abs(index) > 9 for index in miller) else ""
    return f"({separator.join(str(index) for index in miller)})"


def molecule_name(facts: MoleculeFacts) -> str:
    """Return a molecule as people write it, e.g. ``P-DOL (C5H12O3, 1 unit)``."""
    units = "" if facts.n_units is None else f", {facts.n_units} unit{'s' if facts.n_units > 1 else ''}"
    return f"{facts.name} ({facts.formula}{units})"


def side_names(model: InterfaceModel | AdlayerModel) -> tuple[str, str]:
    """Return what is below and what is above, for people; molecules of a kind once, with their number."""
    if isinstance(model, InterfaceModel):
        return face_name(model.slab_a), face_name(model.slab_b)
    names = [molecule_name(facts) for facts in model.molecules]
    told = [f"{names.count(n)} {n}" if names.count(n) > 1 else n for n in dict.fromkeys(names)]
    return face_name(model.slab), " + ".join(told)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, whole or not at all, and return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(draft, format="png")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def record_picture(record: InterfaceRecord | AdlayerRecord, path: Path) -> Path:
    """Draw an interface or an adlayer before and after relaxation, in two views; return the file."""
    from interlith.analysis.plots import interface_figure
    from interlith.structures.geometry import from_text

    model = record.model
    title = f"{record.system} · {record.provenance.method.level} · {record.preset}"
    after = from_text(record.relaxed_xyz)
    return save(interface_figure(model.atoms, after, labels=side_names(model), title=title), path)


def model_picture(model: InterfaceModel | AdlayerModel | MoleculeModel, path: Path) -> Path:
    """Draw a model as built, in two views; return the file."""
    from interlith.analysis.plots import interface_figure, molecule_figure

    if isinstance(model, MoleculeModel):
        bonds = [(i, j) for i, j, _ in model.facts.bonds]
        return save(molecule_figure(model.atoms, bonds, title=molecule_name(model.facts)), path)
    title = f"{model.name} · {model.area_A2:.1f} Å²"
    if isinstance(model, InterfaceModel):
        title += f" · strain ≤ {100 * model.match.max_strain:.2g} %"
    return save(interface_figure(model.atoms, labels=side_names(model), title=title), path)
