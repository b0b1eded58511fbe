"""The graph and where each of its jobs stands, in `state.db`: what a restart reads.

``WAITING → READY → RUNNING → COMPLETED | FAILED``, or ``BLOCKED`` by a failure upstream, or ``STOPPED``
by a job on purpose. A job waits for its inputs; for jobs that an input's response put in between it only
waits until they have ended, however they end (as jobflow's own `run_locally` does).
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlith.launchers.local.states import JobState, State
from interlith.launchers.stores.databases import Layout, open_database, told, transaction
from interlith.structures.errors import RequestError

LEDGER = Layout(
    "state of a workspace",
    mark=0x494C544A,
    version=1,
    tables="""
CREATE TABLE IF NOT EXISTS flows (key TEXT PRIMARY KEY, flow TEXT NOT NULL, submitted REAL NOT NULL);
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY, uuid TEXT NOT NULL, idx INTEGER NOT NULL, flow TEXT NOT NULL, name TEXT NOT NULL,
    job TEXT NOT NULL, forgiving INTEGER NOT NULL, priority INTEGER NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0, stops INTEGER NOT NULL DEFAULT 0,
    handle TEXT, folder TEXT, error TEXT NOT NULL DEFAULT '', stored_data TEXT, started REAL, ended REAL,
    UNIQUE (uuid, idx));
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (flow, state, priority);
CREATE TABLE IF NOT EXISTS needs (
    uuid TEXT NOT NULL, idx INTEGER NOT NULL, parent TEXT NOT NULL, input INTEGER NOT NULL,
    PRIMARY KEY (uuid, idx, parent)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS needs_by_parent ON needs (parent)
""",
)
ENDED: tuple[State, ...] = ("COMPLETED", "FAILED", "BLOCKED", "STOPPED")


@dataclass(frozen=True)
class NewJob:
    """A job to be entered: its document and what it waits for.

    Parameters
    ----------
    uuid, index, name
        Of the job.
    job
        The job's JSON text.
    parents
        Uuids of the jobs whose outputs it reads, or that a linear flow puts before it.
    forgiving
        It runs even where an input is missing (jobflow's ``on_missing_references``).
    chain
        Number of jobs in the longest chain that starts with it: the longest goes first.
    """

    uuid: str
    index: int
    name: str
    job: str
    parents: tuple[str, ...]
    forgiving: bool
    chain: int


@dataclass(frozen=True)
class Task:
    """A job as the manager handles it: one row of the table."""

    seq: int
    uuid: str
    index: int
    flow: str
    name: str
    job: str
    priority: int
    attempts: int
    losses: int
    handle: str
    folder: str


class Ledger:
    """The tables of one workspace; the process that holds the workspace's lock writes them.

    Parameters
    ----------
    path
        Of `state.db`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # a lost last commit costs nothing here: the job's result file is found again
        self._database = open_database(path, LEDGER, synchronous="NORMAL")
        with told(path):
            damage = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            self.close()
            raise RequestError(f"damaged: {damage}", str(path), "restore it from a copy, or move the workspace away")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Everything inside is written, or nothing is."""
        with told(self.path), transaction(self._database):
            yield

    def flow(self, key: str) -> str | None:
        """Return the JSON text of a stored flow."""
        found = self._one("SELECT flow FROM flows WHERE key = ?", key)
        return None if found is None else str(found[0])

    def keys(self) -> list[str]:
        """Return the keys of the stored flows, oldest first."""
        return [key for (key,) in self._rows("SELECT key FROM flows ORDER BY submitted")]

    def add_flow(self, key: str, flow: str, jobs: Iterable[NewJob]) -> None:
        """Store a flow and enter its jobs; jobs that are known already keep their state."""
        with self.writing():
            self._rows("INSERT OR IGNORE INTO flows VALUES (?, ?, ?)", key, flow, time.time())
            self.add_jobs(key, jobs)

    def add_jobs(self, key: str, jobs: Iterable[NewJob], above: int = 0) -> None:
        """Enter jobs; their priority is their chain's length above a level."""
        for job in jobs:
            entered = self._rows(
                "INSERT OR IGNORE INTO jobs (uuid, idx, flow, name, job, forgiving, priority, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'WAITING') RETURNING seq",
                *(job.uuid, job.index, key, job.name, job.job, job.forgiving, above + job.chain),
            )
            if entered:
                self._need(job.uuid, job.index, job.parents, reads=True)

    def put_between(self, uuid: str, between: Iterable[str]) -> None:
        """Make whatever waits for a job wait for others too, until they have ended."""
        uuids = tuple(between)
        for child, index in self._rows("SELECT uuid, idx FROM needs WHERE parent = ?", uuid):
            self._need(child, index, [u for u in uuids if u != child], reads=False)

    def start(self, task: Task, handle: str, folder: str) -> None:
        """Write the intent: this job is about to run there, in that process."""
        self._rows(
            "UPDATE jobs SET state = 'RUNNING', handle = ?, folder = ?, attempts = attempts + 1, error = '',"
            " started = ?, ended = NULL WHERE seq = ?",
            *(handle, folder, time.time(), task.seq),
        )

    def complete(self, task: Task, *, stops: bool, stored_data: str | None) -> None:
        """Record a job's end; to be called inside `writing`, with the jobs that it brought."""
        self._rows(
            "UPDATE jobs SET state = 'COMPLETED', stops = ?, stored_data = ?, ended = ? WHERE seq = ?",
            *(stops, stored_data, time.time(), task.seq),
        )

    def fail(self, task: Task, error: str) -> None:
        """Record a job's failure and its reason."""
        self._end(task.seq, "FAILED", error)

    def again(self, task: Task, *, lost: bool) -> None:
        """Put a running job back; ``lost`` counts a worker that died under it."""
        self._rows("UPDATE jobs SET state = 'READY', losses = losses + ? WHERE seq = ?", lost, task.seq)

    def stop(self, key: str) -> None:
        """Stop all jobs of a flow that have not begun."""
        self._rows(
            "UPDATE jobs SET state = 'STOPPED', error = 'a job stopped the whole flow' WHERE flow = ?"
            " AND state IN ('WAITING', 'READY')",
            key,
        )

    def revive(self) -> int:
        """Make every failed or blocked job wait again; return how many failed ones there were."""
        with self.writing():
            failed = len(self._rows("SELECT 1 FROM jobs WHERE state = 'FAILED'"))
            self._rows("UPDATE jobs SET state = 'WAITING', losses = 0, error = '' WHERE state IN ('FAILED', 'BLOCKED')")
        return failed

    def settle(self, key: str, changed: str | None = None) -> list[JobState]:
        """Move waiting jobs on whose inputs have ended; return those that will not run.

        Parameters
        ----------
        key
            Of the flow.
        changed
            Uuid of the job that has ended; None looks at every waiting job.
        """
        held: list[JobState] = []
        front = [changed]
        while front:
            for seq, uuid, index, forgiving in self._waiting(key, front.pop()):
                state, why = self._verdict(uuid, index, bool(forgiving))
                if state == "READY":
                    self._rows("UPDATE jobs SET state = 'READY' WHERE seq = ?", seq)
                elif state is not None:
                    self._end(seq, state, why)
                    held += self.jobs("WHERE seq = ?", seq)
                    front.append(uuid)
        return held

    def strand(self, key: str) -> list[JobState]:
        """Block what waits for something that will never end; return it."""
        waiting = [seq for seq, *_ in self._waiting(key, None)]
        for seq in waiting:
            self._end(seq, "BLOCKED", "waits for a job that can never run")
        return [job for seq in waiting for job in self.jobs("WHERE seq = ?", seq)]

    def ready(self, key: str, most: int) -> list[Task]:
        """Return at most so many jobs that can run now: longest chain first, then oldest."""
        return self._tasks("WHERE flow = ? AND state = 'READY' ORDER BY priority DESC, seq LIMIT ?", key, most)

    def running(self) -> list[Task]:
        """Return the jobs that are said to run, in whatever flow."""
        return self._tasks("WHERE state = 'RUNNING' ORDER BY seq")

    def counts(self, key: str) -> Counter[State]:
        """Return the number of a flow's jobs in each state."""
        rows = self._rows("SELECT state, count(*) FROM jobs WHERE flow = ? GROUP BY state", key)
        return Counter(dict(rows))

    def jobs(self, where: str = "ORDER BY seq", *values: Any) -> list[JobState]:
        """Return the state of jobs, all of them unless told which."""
        columns = "folder, name, uuid, idx, flow, state, error, attempts, started, ended"
        rows = self._rows(f"SELECT {columns} FROM jobs {where}", *values)
        return [JobState(self.path.parent / folder if folder else None, *known) for folder, *known in rows]

    def _waiting(self, key: str, parent: str | None) -> Iterator[tuple[int, str, int, int]]:
        columns, of = (
            "SELECT DISTINCT j.seq, j.uuid, j.idx, j.forgiving FROM jobs j",
            "j.flow = ? AND j.state = 'WAITING'",
        )
        if parent is None:
            yield from self._rows(f"{columns} WHERE {of} ORDER BY j.seq", key)
        else:
            join = "JOIN needs n ON n.uuid = j.uuid AND n.idx = j.idx"
            yield from self._rows(f"{columns} {join} WHERE {of} AND n.parent = ? ORDER BY j.seq", key, parent)

    def _verdict(self, uuid: str, index: int, forgiving: bool) -> tuple[State | None, str]:
        parents = self._rows(
            "SELECT n.input, p.state, p.stops, p.name FROM needs n JOIN jobs p ON p.uuid = n.parent"
            " WHERE n.uuid = ? AND n.idx = ?",
            *(uuid, index),
        )
        inputs = [(state, stops, name) for reads, state, stops, name in parents if reads]
        for state, stops, name in inputs:
            if stops or state == "STOPPED":
                return "STOPPED", f"{name} stopped what depends on it"
        for state, _, name in inputs:
            if state in ("FAILED", "BLOCKED") and not forgiving:
                return "BLOCKED", f"{name} {'failed' if state == 'FAILED' else 'is blocked'}"
        return ("READY", "") if all(state in ENDED for _, state, *_ in parents) else (None, "")

    def _need(self, uuid: str, index: int, parents: Iterable[str], *, reads: bool) -> None:
        rows = [(uuid, index, parent, reads) for parent in parents]
        with told(self.path):
            self._database.executemany("INSERT OR IGNORE INTO needs VALUES (?, ?, ?, ?)", rows)

    def _end(self, seq: int, state: State, error: str) -> None:
        self._rows("UPDATE jobs SET state = ?, error = ?, ended = ? WHERE seq = ?", state, error, time.time(), seq)

    def _tasks(self, where: str, *values: Any) -> list[Task]:
        columns = (
            "seq, uuid, idx, flow, name, job, priority, attempts, losses, coalesce(handle, ''), coalesce(folder, '')"
        )
        return [Task(*row) for row in self._rows(f"SELECT {columns} FROM jobs {where}", *values)]

    def _one(self, sql: str, *values: Any) -> tuple | None:
        rows = self._rows(sql, *values)
        return rows[0] if rows else None

    def _rows(self, sql: str, *values: Any) -> list[tuple]:
        with told(self.path):
            cursor: sqlite3.Cursor = self._database.execute(sql, values)
            return cursor.fetchall()
