"""A Mongo filter as SQL over the value index: never fewer documents than the filter wants, often few more.

The index holds one row ``(field, kind, value, doc)`` for each scalar that a filter on the field could
compare with, values inside lists included. What cannot be narrowed is left to mongomock, which decides
on every candidate in any case.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from mongomock_ng.filtering import NOTHING, iter_key_candidates

# long texts are indexed by their start: still a superset, for equality and for order
LONGEST_TEXT = 200
# SQLite takes at most 32766 bound values in a statement
MOST_VALUES = 10_000
RANGES = {"$gt": ">=", "$gte": ">=", "$lt": "<=", "$lte": "<="}

Scalar = str | int | float
Row = tuple[str, Scalar]


class Clause(NamedTuple):
    """A piece of SQL on documents' ``id`` and its bound values."""

    sql: str
    values: tuple[Scalar, ...]


def index_rows(document: Mapping[str, Any], field: str) -> set[Row]:
    """Return the distinct (kind, value) rows of one document for one field.

    Kinds: ``n`` number, ``b`` boolean, ``s`` text, ``z`` null, ``o`` anything else (value left empty).
    """
    return {_row(value) for value in _compared(document, field)}


def narrow(criteria: Mapping[str, Any], fields: Collection[str], table: str) -> Clause | None:
    """Return SQL whose documents include all that match, or None where the index cannot help.

    Parameters
    ----------
    criteria
        A Mongo filter.
    fields
        The fields that are indexed.
    table
        The index table.
    """
    return _joined("AND", [_clause(key, search, fields, table) for key, search in criteria.items()])


def _compared(document: Mapping[str, Any], field: str) -> Iterator[Any]:
    for candidate in iter_key_candidates(field, document):
        if isinstance(candidate, list | tuple):
            yield from candidate
        elif candidate is not NOTHING:
            yield candidate


def _row(value: Any) -> Row:
    if value is None:
        return "z", ""
    if isinstance(value, bool):
        return "b", int(value)
    scalar = _scalar(value)
    return ("o", "") if scalar is None else ("s" if isinstance(scalar, str) else "n", scalar)


def _scalar(value: Any) -> Scalar | None:
    if isinstance(value, str):
        return str.__str__(value)[:LONGEST_TEXT]
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else _far(value)
    return None


def _far(value: int) -> float:
    # beyond SQLite's integers; beyond the floats too, an infinity keeps the order
    return float(value) if abs(value) < 10**308 else math.inf if value > 0 else -math.inf


def _clause(key: str, search: Any, fields: Collection[str], table: str) -> Clause | None:
    if key == "$and":
        return _joined("AND", [narrow(part, fields, table) for part in search])
    if key == "$or":
        return _either([narrow(part, fields, table) for part in search])
    if key not in fields:
        return None
    if not isinstance(search, Mapping):
        return _among(key, [search], table)
    if not all(name.startswith("$") for name in search):
        return None  # a whole dictionary to be equal to
    return _joined("AND", [_operator(key, name, value, table) for name, value in search.items()])


def _operator(field: str, name: str, value: Any, table: str) -> Clause | None:
    if name == "$eq":
        return _among(field, [value], table)
    if name == "$in" and isinstance(value, list | tuple):
        return _among(field, list(value), table)
    if name in RANGES and not isinstance(value, bool) and (scalar := _scalar(value)) is not None:
        kind = "s" if isinstance(scalar, str) else "n"
        return Clause(_members(table, f"kind = ? AND value {RANGES[name]} ?"), (field, kind, scalar))
    return None


def _among(field: str, values: list, table: str) -> Clause | None:
    scalars = [_scalar(value) for value in values]
    known = [s for s in scalars if s is not None]
    if len(known) < len(values) or len(known) > MOST_VALUES:
        return None
    # mongomock takes 1 and True as equal, so a number also looks among the booleans
    kinds = "('s')" if all(isinstance(s, str) for s in known) else "('n', 'b', 's')"
    marks = ", ".join("?" * len(known))
    return Clause(_members(table, f"kind IN {kinds} AND value IN ({marks})"), (field, *known))


def _members(table: str, condition: str) -> str:
    return f"id IN (SELECT doc FROM {table} WHERE field = ? AND {condition})"


def _joined(word: str, clauses: list[Clause | None]) -> Clause | None:
    known = [clause for clause in clauses if clause is not None]
    if not known:
        return None
    return Clause(f"({f' {word} '.join(c.sql for c in known)})", tuple(v for c in known for v in c.values))


def _either(clauses: list[Clause | None]) -> Clause | None:
    return None if None in clauses else _joined("OR", clauses)
