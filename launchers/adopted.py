"""What a person is told of a record that was adopted from finished folders."""

from __future__ import annotations

from pathlib import Path

from interlith.analysis.adoption import AdoptedRecord
from interlith.launchers.pictures import save


def adopted_subject(record: AdoptedRecord) -> str:
    """Return in one line what the record is of."""
    model = record.model
    a, b = model.formulas
    vacuum = "beside a vacuum" if model.n_interfaces == 1 else "two interfaces in the cell"
    return f"{a} and {b} as adopted; {len(model.atoms)} atoms, {model.area_A2:.1f} Å², {vacuum}"


def adopted_rows(record: AdoptedRecord) -> list[list[object]]:
    """Return one row per folder: part, energy, how its geometry came about, how many were computed, where."""
    return [
        [part, run.energy_eV, "relaxed" if run.relaxed else "as given", run.n_geometries, run.folder]
        for part, run in zip(("A|B", "A", "B"), record.parts, strict=True)
    ]


def adopted_geometries(record: AdoptedRecord) -> dict[str, str]:
    """Return the contact's first and last geometry, by file name."""
    return {"before.extxyz": record.model.xyz, "relaxed.extxyz": record.relaxed_xyz}


def adopted_drawing(record: AdoptedRecord, folder: Path) -> Path:
    """Draw the contact's first and last geometry into a folder and return the file."""
    from interlith.analysis.plots import interface_figure
    from interlith.structures.geometry import from_text

    title = f"{record.system} · {record.provenance.method.level} · adopted"
    after = from_text(record.relaxed_xyz)
    figure = interface_figure(record.model.atoms, after, labels=record.model.formulas, title=title)
    return save(figure, folder / "interface.png")
