"""Run a Jobflow graph on this machine so that a `kill -9` at any moment loses at most the jobs in flight.

One manager writes; workers compute. The order of writing makes every moment a safe one to die: the intent
(RUNNING, folder) → the job → its result file, whole or absent → the store (the same write twice is the
same) → one transaction with the new state and any new jobs. A restart reads the result files that it
finds and runs the other interrupted jobs again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
from jobflow import Flow, Job, JobStore
from monty.json import MontyDecoder

from interlith.launchers.local.exchange import new_job, sent_documents, store_result
from interlith.launchers.local.ledger import ENDED, Ledger, Task
from interlith.launchers.local.states import Event, JobState, Kind, Listener, Summary
from interlith.launchers.local.submission import submitted
from interlith.launchers.local.worker import FULL
from interlith.launchers.local.workers import Pool, Worker, cores_here, is_alive, kill_group
from interlith.launchers.local.workspace import Workspace
from interlith.launchers.stores.documents import decode, encode
from interlith.structures.errors import ComputationError, RequestError

# memory that a worker with a learned engine takes
WORKER_BYTES = 1.2e9
# how often progress is looked at while nothing else happens
TICK_S = 0.2


def run(
    flow: Flow | Job | list[Job] | None,
    workspace: str | Path,
    *,
    key: str | None = None,
    workers: int | None = None,
    on_event: Listener | None = None,
) -> Summary:
    """Run a flow, or go on with it where it stopped; failed jobs stay failed until `retry`.

    Parameters
    ----------
    flow
        Any Jobflow flow or job; None goes on with the one stored under the key.
    workspace
        The folder; made if it is new.
    key
        Name under which the flow is stored (default: its uuid).
    workers
        The most jobs side by side (default: one a core, as far as memory allows).
    on_event
        Called with each `Event`.

    Raises
    ------
    RequestError
        If the workspace cannot be used or another manager holds it, or the flow cannot be run.
    ComputationError
        If the disk is full; the same call goes on once there is space.
    """
    if workers is not None and workers < 1:
        raise RequestError(f"{workers} workers cannot run anything", "workers", "give 1 or more")
    place = Workspace(workspace)
    began = time.monotonic()
    with place.locked(), place.ledger() as ledger, place.store as store, _full_disk_told(place.path):
        known = submitted(ledger, flow, key)
        pool = Pool(place.path, workers or _default_workers(), cores_here())
        manager = Manager(place, ledger, store, known, pool, on_event or (lambda _: None))
        manager.run()
        failed = ledger.jobs("WHERE flow = ? AND state = 'FAILED' ORDER BY seq", known)
        return Summary(known, ledger.counts(known), tuple(failed), time.monotonic() - began)


def stored_flow(workspace: str | Path, key: str) -> Flow | None:
    """Return the flow stored under a key, with its uuids; None if there is none, or no workspace yet."""
    if not (Path(workspace) / "state.db").exists():
        return None
    with Workspace(workspace, create=False).ledger() as ledger:
        text = ledger.flow(key)
    return None if text is None else MontyDecoder().process_decoded(decode(text))


def status(workspace: str | Path) -> list[JobState]:
    """Return where every job of a workspace stands, in the order in which they were entered."""
    with Workspace(workspace, create=False).ledger() as ledger:
        gone = {(t.uuid, t.index) for t in ledger.running() if not is_alive(t.handle)}
        jobs = ledger.jobs()
    why = "interrupted; the same command goes on from here"
    return [dataclasses.replace(j, state="READY", why=why) if (j.uuid, j.index) in gone else j for j in jobs]


def retry(workspace: str | Path) -> list[str]:
    """Let failed and blocked jobs wait again; return the keys of the flows to be run again."""
    place = Workspace(workspace, create=False)
    with place.locked(), place.ledger() as ledger:
        keys = sorted({job.flow for job in ledger.jobs("WHERE state = 'FAILED'")}, key=ledger.keys().index)
        ledger.revive()
    return keys


class Manager:
    """The loop over one flow: give out what is ready, take in what has ended, tell what happens.

    Parameters
    ----------
    place, ledger, store
        The workspace, its states and its results, open and locked.
    key
        Of the flow.
    pool
        The workers.
    tell
        Called with each event.
    """

    def __init__(self, place: Workspace, ledger: Ledger, store: JobStore, key: str, pool: Pool, tell: Listener) -> None:
        self.place, self.ledger, self.store, self.key, self.pool = place, ledger, store, key, pool
        self._listener = tell
        self._tasks: dict[Path, Task] = {}
        self._read: dict[Path, int] = {}
        self._done = self._total = 0

    def run(self) -> None:
        """Run until nothing is left that can run."""
        ended = False
        try:
            self._recover()
            self._tell("submitted", self.key, "")
            while self._step():
                pass
            ended = True
        finally:
            self.pool.close(gently=ended)
        self._tell("finished", self.key, "")

    def _recover(self) -> None:
        for task in self.ledger.running():
            kill_group(task.handle)
            if self._result_file(task).exists():
                self._harvest(task)
            else:
                self.ledger.again(task, lost=False)
        with self.ledger.writing():
            held = self.ledger.settle(self.key)
        self._count()
        self._tell_blocked(held)

    def _step(self) -> bool:
        self._give_out()
        if not self.pool.busy:
            with self.ledger.writing():
                stranded = self.ledger.strand(self.key)
            self._tell_blocked(stranded)
            return False
        for worker, outcome in self.pool.replies(TICK_S):
            self._take_in(worker, outcome)
        for folder, task in self._tasks.items():
            self._follow(folder, task)
        return True

    def _give_out(self) -> None:
        tasks = self.ledger.ready(self.key, self.pool.free())
        if not tasks:
            return
        abreast = min(self.pool.size, len(self.pool.busy) + self.ledger.counts(self.key)["READY"])
        for task in tasks:
            self._start(task, threads=max(1, self.pool.cores // abreast))

    def _start(self, task: Task, threads: int) -> None:
        slug = re.sub(r"[^A-Za-z0-9.+_]+", "-", task.name).strip("-.")[:40]
        again = f"-try{task.attempts + 1}" if task.attempts else ""
        folder = self.place.runs / f"{task.seq:03d}-{slug}-{task.uuid[:8]}{again}"
        folder.mkdir(exist_ok=True)
        documents = encode(sent_documents(self.store, task.job))
        (folder / "payload.json").write_text(f'{{"threads": {threads}, "documents": {documents}, "job": {task.job}}}')
        worker = self.pool.take(_function(task))
        self.ledger.start(task, worker.handle, str(folder.relative_to(self.place.path)))
        worker.send(folder, _function(task))
        self._tasks[folder] = dataclasses.replace(task, folder=str(folder.relative_to(self.place.path)))
        self._tell("started", task.name, task.uuid, folder=folder)

    def _take_in(self, worker: Worker, outcome: str) -> None:
        folder, worker.folder = worker.folder, None
        died = self.pool.drop(worker) if outcome == "lost" else ""
        if folder is None:
            return
        task = self._tasks.pop(folder)
        self._follow(folder, task)
        self._read.pop(folder, None)
        if outcome == "full":
            raise _full_disk(folder)
        if self._result_file(task).exists():
            self._harvest(task)
        elif died and not task.losses:
            self.ledger.again(task, lost=True)
        else:
            self._fail(task, f"worker lost twice ({died}): out of memory?" if died else outcome)

    def _harvest(self, task: Task) -> None:
        result = decode(self._result_file(task).read_text())
        if "error" in result:
            self._fail(task, result["error"])
            return
        store_result(self.place, self.store, result)
        with self.ledger.writing():
            self._enter(task, result)
            held = self.ledger.settle(task.flow, None if any(result["jobs"].values()) else task.uuid)
        self._count()
        self._tell("completed", task.name, task.uuid, folder=self.place.path / task.folder)
        self._tell_blocked(held)

    def _enter(self, task: Task, result: dict[str, Any]) -> None:
        stored = result["stored_data"]
        self.ledger.complete(
            task, stops=result["stop_children"], stored_data=None if stored is None else encode(stored)
        )
        if result["stop_jobflow"]:
            self.ledger.stop(task.flow)
            return
        between = [new_job(found) for kind in ("replace", "detour") for found in result["jobs"][kind]]
        self.ledger.add_jobs(task.flow, between, above=max(0, task.priority - 1))
        self.ledger.put_between(task.uuid, [job.uuid for job in between])
        self.ledger.add_jobs(task.flow, [new_job(found) for found in result["jobs"]["addition"]])

    def _fail(self, task: Task, why: str) -> None:
        with self.ledger.writing():
            self.ledger.fail(task, why)
            held = self.ledger.settle(task.flow, task.uuid)
        self._count()
        self._tell("failed", task.name, task.uuid, {"error": why}, self.place.path / task.folder)
        self._tell_blocked(held)

    def _follow(self, folder: Path, task: Task) -> None:
        with contextlib.suppress(FileNotFoundError), (folder / "progress.jsonl").open("rb") as file:
            file.seek(self._read.get(folder, 0))
            whole, newline, _ = file.read().rpartition(b"\n")
            self._read[folder] = self._read.get(folder, 0) + len(whole + newline)
            for line in whole.splitlines():
                self._tell("progress", task.name, task.uuid, json.loads(line), folder)

    def _result_file(self, task: Task) -> Path:
        return self.place.path / task.folder / "result.json"

    def _count(self) -> None:
        counts = self.ledger.counts(self.key)
        self._done, self._total = sum(counts[state] for state in ENDED), counts.total()

    def _tell_blocked(self, held: Iterable[JobState]) -> None:
        self._count()
        for job in held:
            self._tell("blocked", job.name, job.uuid, {"error": job.why})

    def _tell(
        self, kind: Kind, name: str, uuid: str, payload: dict[str, Any] | None = None, folder: Path | None = None
    ) -> None:
        self._listener(Event(kind, name, uuid, payload or {}, self._done, self._total, folder))


def _default_workers() -> int:
    return max(1, min(cores_here(), int(psutil.virtual_memory().available / WORKER_BYTES)))


def _function(task: Task) -> str:
    found = re.search(r'"function": (\{[^{}]*\})', task.job)
    return found.group(1) if found else task.name


def _full_disk(path: Path) -> ComputationError:
    return ComputationError("the disk is full", str(path), "free some space and run the same command again")


@contextlib.contextmanager
def _full_disk_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ComputationError(
            "the disk is full", str(path), "free some space and run the same command again"
        ) from error
