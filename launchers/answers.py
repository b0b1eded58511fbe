"""One record for a person: tables with units and caveats, the published values beside it, and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from interlith.analysis.records import AnswerRecord
from interlith.launchers.output import print_table, say, shown
from interlith.launchers.results import Answer, StoredRecord, record_rows, spread_text
from interlith.launchers.views import details, drawing, geometries, said, subject, tables


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
        "caveats": list(record.caveats),
        "files": [str(path) for path in files],
        "provenance": record.provenance.model_dump(mode="json"),
        **details(record),
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
    for table in tables(record):
        print_table(table.title, table.columns, table.rows)
    _print_published(record)
    say(*(f"Preset {check.preset}: {check.told}" for check in preset_checks(record)))
    say(*said(record))
    say(*(f"Caveat: {caveat}" for caveat in record.caveats))
    if files:
        say("", "Files:", *(f"  {path}" for path in files))


def write_files(stored: StoredRecord, folder: Path) -> list[Path]:
    """Write picture, geometries and record of an answer, each whole or not at all; return the files."""
    record = stored.record
    folder = folder / f"{record.system}-{stored.uuid[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    texts = {**geometries(record), "record.json": record.model_dump_json(indent=2)}
    return [drawing(record, folder), *(write_whole(folder / name, text) for name, text in texts.items())]


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
    caveat = row["caveat"] or ""
    if isinstance(record, AnswerRecord):
        caveat = caveat.replace(f"contains a reaction: {record.contact.why}", "contains a reaction, see below")
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
