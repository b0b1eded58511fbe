"""One record for a person: tables with units and caveats, the published values beside it, and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from interlith.launchers.output import print_table, say, shown
from interlith.launchers.pictures import record_picture
from interlith.launchers.results import Answer, StoredRecord, record_rows, spread_text
from interlith.launchers.views import candidates, subject


def answer(stored: StoredRecord, files: list[Path]) -> dict[str, Any]:
    """Return what ``--json`` says of one record: rows, comparison, contact, files and the whole record."""
    from interlith.analysis.compare import beside, preset_checks

    record = stored.record
    relaxed = candidates(record).name
    return {
        "system": record.system,
        "preset": record.preset,
        "record": stored.uuid,
        "converged": record.provenance.converged,
        "results": record_rows(stored),
        "published": [row.model_dump(mode="json") for row in beside(record)],
        "preset_checks": [check.model_dump(mode="json") for check in preset_checks(record)],
        relaxed: [each.model_dump(mode="json") for each in getattr(record, relaxed)],
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
    cells = [[r["quantity"], r["value"], _unit(r), spread_text(r), r["converged"], _told(r, record)] for r in rows]
    print_table("", columns, cells)
    relaxed = candidates(record)
    print_table(relaxed.title, relaxed.columns, relaxed.rows)
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


def _heading(record: Answer) -> list[str]:
    provenance = record.provenance
    kind = "a surrogate, not first principles" if provenance.method.surrogate else "first principles"
    return [
        f"{record.system}: {subject(record)}",
        f"  {provenance.method.level} ({kind}), preset {record.preset}, {provenance.n_force_calls} force calls"
        + ("" if provenance.converged else "; NOT CONVERGED: a relaxation stopped short of its threshold"),
    ]


def _unit(row: dict[str, Any]) -> str:
    return str(row["unit"]).replace("^2", "²").replace("^3", "³")


def _told(row: dict[str, Any], record: Answer) -> str:
    """Return a row's definition, with its caveat unless that is said of the whole record below."""
    reaction = f"contains a reaction: {record.contact.why}"
    caveat = (row["caveat"] or "").replace(reaction, "contains a reaction, see below")
    for said_below in record.caveats:
        caveat = caveat.replace(said_below, "")
    caveat = caveat.strip("; ")
    return f"{row['definition']} [{caveat}]" if caveat else str(row["definition"])


def _print_published(record: Answer) -> None:
    from interlith.analysis.compare import beside

    for row in beside(record):
        stands_in = "" if row.quantity == row.published_quantity else f"{row.quantity} "
        say(
            f"Published {row.published_quantity}: {row.published:g} {row.unit} (doi {row.doi}); "
            f"here {stands_in}{shown(row.computed)} {row.unit}",
            f"  {row.label}",
        )
