"""Answers out of the store: records, and one row per quantity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from interlith.analysis.adoption import AdoptedRecord
from interlith.analysis.dissociation import DissociationRecord
from interlith.analysis.levels import LevelsRecord
from interlith.analysis.records import AdlayerRecord, InterfaceRecord
from interlith.structures.errors import RequestError, unknown_name

Row = dict[str, Any]
Answer = InterfaceRecord | AdlayerRecord | AdoptedRecord | DissociationRecord | LevelsRecord
KINDS: tuple[type[Answer], ...] = (InterfaceRecord, AdlayerRecord, AdoptedRecord, DissociationRecord, LevelsRecord)
ANSWERS: dict[str, type[Answer]] = {kind.__name__: kind for kind in KINDS}


class StoredRecord(NamedTuple):
    """A record with the job that made it.

    Attributes
    ----------
    uuid
        Of the job whose output the record is: its name in the store.
    completed_at
        When the job ended, ISO 8601; empty where the store does not say.
    record
        The answer.
    """

    uuid: str
    completed_at: str
    record: Answer


def stored_records(folder: Path, *, uuid: str | None = None) -> list[StoredRecord]:
    """Return the records of a workspace, oldest first.

    Parameters
    ----------
    folder
        The workspace; it must exist.
    uuid
        Only the output of this job.
    """
    from interlith.launchers.local.workspace import Workspace

    wanted = {"output.@class": {"$in": list(ANSWERS)}} | ({"uuid": uuid} if uuid else {})
    store = Workspace(folder, create=False).store
    store.connect()
    try:
        documents = list(store.query(wanted, load=True))
    finally:
        store.close()
    return sorted((_stored(document) for document in documents), key=lambda stored: stored.completed_at)


def result_rows(
    stored: Iterable[StoredRecord], *, system: str | None = None, quantity: str | None = None, engine: str | None = None
) -> list[Row]:
    """Return one row per quantity, filtered by exact names; none for an engine that computed nothing here.

    Raises
    ------
    RequestError
        If a filter names a system or quantity that no stored record has.
    """
    rows = [row for each in stored for row in record_rows(each)]
    for column, wanted in {"system": system, "quantity": quantity, "engine": engine}.items():
        known = {row[column] for row in rows}
        if wanted is not None and rows and wanted not in known and column != "engine":
            raise unknown_name(column, wanted, known, f"--{column}")
        rows = [row for row in rows if wanted in (None, row[column])]
    return rows


def record_rows(stored: StoredRecord) -> list[Row]:
    """Return one row per quantity of one record."""
    record, method = stored.record, stored.record.provenance.method
    return [
        {
            "system": record.system,
            "quantity": each.quantity,
            "value": each.value,
            "unit": each.unit,
            "engine": method.engine,
            "level": method.level,
            "converged": each.converged,
            "surrogate": method.surrogate,
            "spread": each.spread.model_dump(exclude={"schema_version"}) if each.spread else None,
            "definition": each.definition,
            "caveat": each.caveat,
            "preset": record.preset,
            "record": stored.uuid,
        }
        for each in record.quantities
    ]


def find_record(stored: Sequence[StoredRecord], name: str) -> StoredRecord:
    """Return the record whose identifier begins with `name`, or the latest of the system of that name.

    Raises
    ------
    RequestError
        If there is none, or if several identifiers begin so.
    """
    of_system = [each for each in stored if each.record.system == name]
    if of_system:
        return of_system[-1]
    begin = [each for each in stored if each.uuid.startswith(name)]
    if len(begin) > 1:
        names = ", ".join(each.uuid for each in begin[:4])
        raise RequestError(f"{name!r} begins {len(begin)} records", "results show", f"write more of one: {names}")
    if not begin:
        known = [each.record.system for each in stored] + [each.uuid for each in stored]
        if not known:
            raise RequestError(f"no record {name!r}: the store is empty", "results show", "compute one: interlith run")
        raise unknown_name("record", name, known, "results show")
    return begin[0]


def spread_text(row: Row) -> str:
    """Return a row's spread in a few words, e.g. ``-0.820 … 0.310 (5 registries)``; a dash where there is none."""
    spread = row["spread"]
    return f"{spread['minimum']:.3f} … {spread['maximum']:.3f} ({spread['n']} {spread['kind']})" if spread else "–"


def _stored(document: dict[str, Any]) -> StoredRecord:
    kind = ANSWERS[document["output"]["@class"]]
    output = {key: value for key, value in document["output"].items() if not key.startswith("@")}
    return StoredRecord(document["uuid"], str(document.get("completed_at") or ""), kind.model_validate(output))
