"""One record for a person: tables with units and caveats, the published values beside it, and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlith.launchers.output import print_table, say, shown
from interlith.launchers.pictures import face_name, record_picture
from interlith.launchers.results import StoredRecord, record_rows, spread_text

if TYPE_CHECKING:
    from interlith.analysis.records import InterfaceRecord


def answer(stored: StoredRecord, files: list[Path]) -> dict[str, Any]:
    """Return what ``--json`` says of one record: rows, comparison, contact, files and the whole record."""
    from interlith.analysis.compare import beside, preset_checks

    record = stored.record
    return {
        "system": record.system,
        "preset": record.preset,
        "record": stored.uuid,
        "converged": record.provenance.converged,
        "results": record_rows(stored),
        "published": [row.model_dump(mode="json") for row in beside(record)],
        "preset_checks": [check.model_dump(mode="json") for check in preset_checks(record)],
        "registries": [registry.model_dump(mode="json") for registry in record.registries],
        "contact": record.contact.model_dump(mode="json"),
        "caveats": list(record.caveats),
        "files": [str(path) for path in files],
        "provenance": record.provenance.model_dump(mode="json"),
        "model": record.model.model_dump(mode="json"),
        "relaxed_xyz": record.relaxed_xyz,
    }


def print_answer(stored: StoredRecord, files: list[Path]) -> None:
    """Print one record: what was computed, how far to trust it, what was published, which files hold it."""
    from interlith.analysis.compare import preset_checks

    record = stored.record
    say("", *_heading(record))
    rows = record_rows(stored)
    columns = ["quantity", "value", "unit", "spread", "converged", "definition"]
    cells = [
        [r["quantity"], r["value"], r["unit"].replace("^2", "²"), spread_text(r), r["converged"], _told(r, record)]
        for r in rows
    ]
    print_table("", columns, cells)
    _print_registries(record)
    _print_published(record)
    say(*(f"Preset {check.preset}: {check.told}" for check in preset_checks(record)))
    contact = record.contact
    say(f"Contact: {'a reaction took place' if contact.reacted else 'no reaction'}: {contact.why}.")
    say(
        f"  shortest distance across it {shown(contact.min_distance_before_A)} → "
        f"{shown(contact.min_distance_after_A)} Å; largest displacement {shown(contact.largest_displacement_A)} Å"
    )
    say(*(f"Caveat: {caveat}" for caveat in record.caveats))
    if files:
        say("", "Files:", *(f"  {path}" for path in files))


def write_files(stored: StoredRecord, folder: Path) -> list[Path]:
    """Write picture, geometries and record of an answer, each whole or not at all; return the files."""
    record = stored.record
    folder = folder / f"{record.system}-{stored.uuid[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "before.extxyz": record.model.xyz,
        "relaxed.extxyz": record.relaxed_xyz,
        "record.json": record.model_dump_json(indent=2),
    }
    picture = record_picture(record, folder / "interface.png")
    return [picture, *(write_whole(folder / name, text) for name, text in texts.items())]


def write_whole(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all, and return where."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def _heading(record: InterfaceRecord) -> list[str]:
    model, provenance = record.model, record.provenance
    kind = "a surrogate, not first principles" if provenance.method.surrogate else "first principles"
    sides = f"{face_name(model.slab_a)} below, {face_name(model.slab_b)} above"
    thick = f"{model.slab_a.thickness_A:.1f} and {model.slab_b.thickness_A:.1f} Å thick"
    return [
        f"{record.system}: {sides}; {len(model.atoms)} atoms, {model.area_A2:.1f} Å², {thick}, "
        f"strain at most {100 * model.match.max_strain:.2g} %",
        f"  {provenance.method.level} ({kind}), preset {record.preset}, {provenance.n_force_calls} force calls"
        + ("" if provenance.converged else "; NOT CONVERGED: a relaxation stopped short of its threshold"),
    ]


def _told(row: dict[str, Any], record: InterfaceRecord) -> str:
    """Return a row's definition, with its caveat unless that is said of the whole record below."""
    reaction = f"contains a reaction: {record.contact.why}"
    caveat = (row["caveat"] or "").replace(reaction, "contains a reaction, see below")
    for said_below in record.caveats:
        caveat = caveat.replace(said_below, "")
    caveat = caveat.strip("; ")
    return f"{row['definition']} [{caveat}]" if caveat else str(row["definition"])


def _print_registries(record: InterfaceRecord) -> None:
    columns = ["shift", "gap, Å", "E_form, J/m²", "converged", "largest force, eV/Å", "force calls"]
    rows = [
        [f"{r.shift[0]:.3f} {r.shift[1]:.3f}", r.gap_A, r.e_form_J_m2, r.converged, r.fmax_eV_A, r.n_force_calls]
        for r in record.registries
    ]
    energies = [r.e_form_J_m2 for r in record.registries]
    title = f"Registries relaxed: {len(rows)}, from {min(energies):.3f} to {max(energies):.3f} J/m²; the lowest answers"
    print_table(title, columns, rows)


def _print_published(record: InterfaceRecord) -> None:
    from interlith.analysis.compare import beside

    for row in beside(record):
        say(
            f"Published {row.quantity}: {row.published:g} {row.unit} (doi {row.doi}); "
            f"here {shown(row.computed)} {row.unit}",
            f"  {row.label}",
        )
