"""SQLite files of ours: made with our marks, refused in one line when they are not ours or are damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from interlith.structures.errors import ComputationError, InterlithError, RequestError

BUSY_S = 30.0
REMEDY = {
    "SQLITE_NOTADB": "it is no SQLite file: move it away, or name another one",
    "SQLITE_CORRUPT": "restore it from a copy, or move it away and run again",
    "SQLITE_CANTOPEN": "name a folder that exists and is writable",
    "SQLITE_READONLY": "give yourself write permission, or name another place",
    "SQLITE_PERM": "give yourself permission, or name another place",
    "SQLITE_AUTH": "give yourself permission, or name another place",
}


@dataclass(frozen=True)
class Layout:
    """What marks a kind of file as ours.

    Parameters
    ----------
    kind
        What the file holds, in words.
    mark
        SQLite's application id.
    version
        SQLite's user version: raised whenever the tables change.
    tables
        SQL that makes the tables.
    """

    kind: str
    mark: int
    version: int
    tables: str


def open_database(path: Path | str, layout: Layout, *, synchronous: str) -> sqlite3.Connection:
    """Open a file of this layout, made if it is new or empty (WAL: one writer, many readers).

    Parameters
    ----------
    path
        The file, or ``":memory:"``.
    layout
        What the file must be.
    synchronous
        ``"FULL"``: a commit survives a power cut; ``"NORMAL"``: only the end of the process.

    Raises
    ------
    RequestError
        If the file is foreign, damaged, of another version, or cannot be opened.
    ComputationError
        If the disk is full or failing.
    """
    with told(path), ExitStack() as on_failure:
        database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        on_failure.callback(database.close)
        if _is_new(database, path, layout):
            _make(database, layout)
        database.execute(f"PRAGMA synchronous = {synchronous}")
        on_failure.pop_all()
    return database


@contextmanager
def told(path: Path | str) -> Iterator[None]:
    """Turn SQLite's errors about this file into one line of ours; programming errors stay as they are."""
    try:
        yield
    except sqlite3.Error as error:
        explained = _explained(error, path)
        if explained is None:
            raise
        raise explained from error


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is written, or nothing is."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    finally:
        if database.in_transaction:  # something failed, and SQLite has not rolled back by itself
            database.execute("ROLLBACK")


def _explained(error: sqlite3.Error, path: Path | str) -> InterlithError | None:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return ComputationError("the disk is full", str(path), "free some space and run the same command again")
    if name.startswith("SQLITE_IOERR"):
        return ComputationError(f"the disk failed: {error}", str(path), "check the disk's space and health")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ComputationError(f"another process has kept it locked for {BUSY_S:.0f} s", str(path), "run again later")
    remedy = next((text for code, text in REMEDY.items() if name.startswith(code)), None)
    return None if remedy is None else RequestError(f"cannot use this file: {error}", str(path), remedy)


def _is_new(database: sqlite3.Connection, path: Path | str, layout: Layout) -> bool:
    mark, version = _pragma(database, "application_id"), _pragma(database, "user_version")
    if mark == layout.mark:
        if version != layout.version:
            raise RequestError(
                f"{layout.kind} of version {version}, where this interlith reads version {layout.version}",
                str(path),
                "use the interlith that wrote it, or another folder",
            )
        return False
    if mark or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise RequestError(f"a foreign SQLite file, no {layout.kind}", str(path), "name another file or folder")
    return True


def _make(database: sqlite3.Connection, layout: Layout) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    with transaction(database):
        for statement in filter(str.strip, layout.tables.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {layout.mark}")
        database.execute(f"PRAGMA user_version = {layout.version}")


def _pragma(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])
