"""From records and models to picture files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from interlith.structures.records import InterfaceModel, Miller, SlabFacts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from interlith.analysis.records import InterfaceRecord


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


def record_picture(record: InterfaceRecord, path: Path) -> Path:
    """Draw an interface before and after relaxation, in two views; return the file."""
    from interlith.analysis.plots import interface_figure
    from interlith.structures.geometry import from_text

    model = record.model
    title = f"{record.system} · {record.provenance.method.level} · {record.preset}"
    labels = (face_name(model.slab_a), face_name(model.slab_b))
    return save(interface_figure(model.atoms, from_text(record.relaxed_xyz), labels=labels, title=title), path)


def model_picture(model: InterfaceModel, path: Path) -> Path:
    """Draw an interface as built, in two views; return the file."""
    from interlith.analysis.plots import interface_figure

    title = f"{model.name} · {model.area_A2:.1f} Å² · strain ≤ {100 * model.match.max_strain:.2g} %"
    return save(
        interface_figure(model.atoms, labels=(face_name(model.slab_a), face_name(model.slab_b)), title=title), path
    )
