"""The manager's side of its worker processes: started when first needed, kept warm, killed as groups."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import psutil

from interlith.launchers.local.worker import THREADS

FAREWELL_S = 5.0


class Reply(NamedTuple):
    """A worker's word: it "ended" the job of a folder, was "lost", or met a "full" disk; else why not."""

    worker: Worker
    outcome: str


class Worker:
    """One worker process.

    Parameters
    ----------
    log
        File for what the process says outside of jobs.
    threads
        Threads of the numerical libraries, until a job says otherwise.
    """

    def __init__(self, log: Path, threads: int) -> None:
        self.folder: Path | None = None
        self.seen: set[str] = set()
        self._pending = b""
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "interlith.launchers.local.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(threads),
                cwd=log.parent,
                start_new_session=True,
                bufsize=0,
            )

    @property
    def handle(self) -> str:
        """Name the process so that a later manager can tell it from another with the same number."""
        return process_handle(self.process.pid)

    def send(self, folder: Path, kind: str) -> None:
        """Order it to run the job of a folder; ``kind`` is remembered as what it is warm for."""
        self.folder = folder
        self.seen.add(kind)
        self._say({"folder": str(folder)})

    def replies(self) -> list[Reply]:
        """Return what it has said; to be called when its pipe is readable."""
        assert self.process.stdout is not None
        chunk = os.read(self.process.stdout.fileno(), 65536)
        if not chunk:
            return [Reply(self, "lost")]
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        return [Reply(self, json.loads(line)["outcome"]) for line in lines]

    def dismiss(self) -> None:
        """Tell it that there are no more orders."""
        self._say(None)

    def kill(self) -> str:
        """End the process and all that it started; return how it died, in words."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def _say(self, order: dict[str, str] | None) -> None:
        assert self.process.stdin is not None
        # a dead worker is noticed where its replies are read
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write((json.dumps(order) + "\n").encode())


class Pool:
    """At most so many workers, started lazily; the one that has done the like before is preferred.

    Parameters
    ----------
    folder
        Where the workers' own logs go.
    size
        The most workers.
    cores
        Cores that they share.
    """

    def __init__(self, folder: Path, size: int, cores: int) -> None:
        self.folder, self.size, self.cores = folder, size, cores
        self.workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()

    @property
    def busy(self) -> list[Worker]:
        """The workers that run a job."""
        return [worker for worker in self.workers if worker.folder is not None]

    def free(self) -> int:
        """Return how many more jobs can run now."""
        return self.size - len(self.busy)

    def take(self, kind: str) -> Worker:
        """Return an idle worker, a warm one for this kind of job if there is one."""
        idle = [worker for worker in self.workers if worker.folder is None]
        if idle:
            return max(idle, key=lambda worker: (kind in worker.seen, len(worker.seen)))
        worker = Worker(self.folder / f"worker-{len(self.workers)}.log", max(1, self.cores // self.size))
        self.workers.append(worker)
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        return worker

    def replies(self, timeout_s: float) -> list[Reply]:
        """Wait for workers to say something, and return it."""
        ready = self._selector.select(timeout_s)
        return [reply for key, _ in ready for reply in key.data.replies()]

    def drop(self, worker: Worker) -> str:
        """Forget a worker that is lost; return how it died."""
        self._selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self.workers.remove(worker)
        return worker.kill()

    def close(self, *, gently: bool) -> None:
        """End all workers: idle ones may finish by themselves."""
        if gently:
            for worker in self.workers:
                worker.dismiss()
            for worker in self.workers:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(FAREWELL_S)
        for worker in list(self.workers):
            self.drop(worker)
        self._selector.close()


def cores_here() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_handle(pid: int) -> str:
    """Return a name for a process that no later process shares: its number and its start, or its number alone."""
    try:
        return f"{pid}:{psutil.Process(pid).create_time()}"
    except psutil.NoSuchProcess:
        return f"{pid}:gone"


def is_alive(handle: str) -> bool:
    """Whether the process that a handle names still runs."""
    pid = handle.partition(":")[0]
    if not pid.isdigit() or process_handle(int(pid)) != handle:
        return False
    try:
        return psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # a handle of a process that was gone when it was named, or has just gone
        return False


def kill_group(handle: str) -> None:
    """End a worker that an earlier manager left behind, with all that it started."""
    if is_alive(handle):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(int(handle.partition(":")[0]), signal.SIGKILL)


def _environment(threads: int) -> dict[str, str]:
    # the manager's own import path, so that a worker finds the modules that define the jobs
    path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100  # an empty entry is the current folder
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    # threads that wait without spinning: on a busy machine spinning ones cost five times the wall time
    return environment | {"OMP_WAIT_POLICY": "passive", "PYTHONPATH": os.pathsep.join(path)}
