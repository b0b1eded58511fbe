"""The folder of a study: `interlith.db` (results), `state.db` (where each job stands), `runs/` (job folders)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
from jobflow import JobStore

from interlith.launchers.local.ledger import Ledger
from interlith.launchers.stores.sqlite import SQLiteStore, collections
from interlith.structures.errors import RequestError

# long enough for another command's look at the state, short enough to be told at once
LOCK_S = 1.0
OURS = ("interlith.db", "state.db", "runs", ".lock", "worker-")


class Workspace:
    """A workspace, opened; made where the folder is new or empty.

    Parameters
    ----------
    path
        The folder.
    create
        False refuses a folder that is no workspace yet.

    Raises
    ------
    RequestError
        If the folder is foreign, cannot be written to, or holds a damaged file.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self.path = Path(path).absolute()
        self._check(create)

    @property
    def results(self) -> Path:
        """The file of results, which any jobflow program reads through `SQLiteStore`."""
        return self.path / "interlith.db"

    @property
    def runs(self) -> Path:
        """The folder of job folders."""
        return self.path / "runs"

    @property
    def store(self) -> JobStore:
        """Return the results as jobflow's own store, not yet connected."""
        names = {"data", *collections(self.results)} - {"outputs"}
        return JobStore(SQLiteStore(self.results), {name: SQLiteStore(self.results, name) for name in sorted(names)})

    def ledger(self) -> Ledger:
        """Return the states of the jobs."""
        return Ledger(self.path / "state.db")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the workspace: one manager at a time."""
        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=LOCK_S)
        except filelock.Timeout as error:
            raise RequestError(
                "another interlith is running in this workspace", str(self.path), "wait for it, or use another folder"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _check(self, create: bool) -> None:
        known = (self.path / "state.db").exists()
        if not known and not create:
            raise RequestError("no workspace here", str(self.path), "run something first, or name another folder")
        try:
            names = sorted(p.name for p in self.path.iterdir()) if self.path.exists() else []
            others = [name for name in names if not name.startswith(OURS)]
            if others and not known:
                raise RequestError(
                    f"a foreign folder, not empty: it holds {others[0]}", str(self.path), "name a new or empty folder"
                )
            self.runs.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise RequestError(f"cannot write here: {error.strerror}", str(self.path), "name another folder") from error
        self.ledger().close()
        collections(self.results)
