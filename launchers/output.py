"""What a person reads: results on standard output, all else on standard error."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def print_json(document: object) -> None:
    """Write one JSON document; what is not a number (NaN, infinity) becomes null."""
    print(json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table; a terminal's width is kept, a file or pipe gets as wide a table as it needs."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float | None) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_escaped(shown(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def say(*lines: str) -> None:
    """Write lines to standard output, as they are."""
    print(*lines, sep="\n")


def note(line: str) -> None:
    """Write a line to standard error."""
    print(line, file=sys.stderr, flush=True)


def shown(cell: object) -> str:
    """Return a cell as a person reads it: four significant figures, yes or no, a dash for nothing.

    Examples
    --------
    >>> shown(-1.13962), shown(None), shown(True), shown(191), shown(1234.5)
    ('-1.14', '–', 'yes', '191', '1234')
    """
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:.0f}"
    return str(cell)


@contextmanager
def stray_output_to_stderr() -> Iterator[None]:
    """Send what libraries print, from Python or from C, to standard error, so that results stay alone on stdout."""
    sys.stdout.flush()
    kept = os.dup(1)
    stream, sys.stdout = sys.stdout, sys.stderr
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.close(kept)
        sys.stdout = stream


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
