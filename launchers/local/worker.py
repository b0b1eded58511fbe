"""The worker process: runs one job after another and stays warm between them.

Started as ``python -m interlith.launchers.local.worker``. Orders come as JSON lines on standard input; the end of
that pipe means that the manager is gone, and the worker then kills its own process group, grandchildren
included. Each job reads `payload.json` in its folder and leaves `result.json` there, written in full or not at
all; the worker never opens the store.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from interlith.launchers.stores.documents import decode, encode
from interlith.structures.errors import InterlithError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Attempt:
    """A job's code may raise anything at all: whatever it was becomes `error`, and the worker lives on."""

    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> bool:
        self.error = error
        return True


def main() -> None:
    """Take orders until there are no more."""
    orders: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    source, sink = _channels()
    threading.Thread(target=_listen, args=(source, orders), daemon=True).start()
    import jobflow  # noqa: F401  # the dear import, done before the first order comes

    while (order := orders.get()) is not None:
        outcome = perform(Path(order["folder"]))
        os.write(sink, (json.dumps({"outcome": outcome}) + "\n").encode())
    sys.stdout.flush()
    os._exit(0)  # no teardown of heavy libraries: everything of worth is on disk


def perform(folder: Path) -> str:
    """Run the job of a folder.

    Returns
    -------
    str
        ``"ended"`` when its result lies there; ``"full"`` when the disk is; otherwise why it has none.
    """
    whole, job = Attempt(), Attempt()
    with whole, _output_to(folder / "output.log"):
        os.chdir(folder)
        with job:
            payload = decode((folder / "payload.json").read_text())
            use_threads(payload["threads"])
            write_whole(folder / "result.json", encode(run_job(payload)))
        if job.error is not None and not _is_full(job.error):
            failure = {"error": _one_line(job.error), "traceback": "".join(traceback.format_exception(job.error))}
            write_whole(folder / "error.txt", failure["traceback"])
            write_whole(folder / "result.json", encode(failure))
    if _is_full(whole.error) or _is_full(job.error):
        return "full"
    return "ended" if whole.error is None else _one_line(whole.error)


def run_job(payload: dict[str, Any]) -> dict[str, Any]:
    """Run a job on the documents that it was sent; return its own documents and what it asks for."""
    from jobflow import JobStore
    from maggma.stores import MemoryStore
    from monty.json import MontyDecoder

    store = JobStore(_connected(MemoryStore()), defaultdict(lambda: _connected(MemoryStore(key="blob_uuid"))))
    if payload["documents"]:
        store.docs_store.update(payload["documents"], key=["uuid", "index"])
    job = MontyDecoder().process_decoded(payload["job"])
    given = {(doc["uuid"], doc["index"]) for doc in payload["documents"]}
    response = job.run(store=store, job_dir=Path.cwd())
    made = [doc for doc in store.docs_store.query() if (doc["uuid"], doc["index"]) not in given]
    flows = {kind: getattr(response, kind) for kind in ("replace", "detour", "addition")}
    return {
        "documents": [_without_id(doc) for doc in made],
        "blobs": {name: [_without_id(b) for b in blobs.query()] for name, blobs in store.additional_stores.items()},
        "jobs": {kind: [] if flow is None else flatten(flow) for kind, flow in flows.items()},
        "stop_children": response.stop_children,
        "stop_jobflow": response.stop_jobflow,
        "stored_data": None if response.stored_data is None else _sanitised(response.stored_data),
    }


def flatten(flow: Any) -> list[dict[str, Any]]:
    """Return the jobs of a flow in its own order, each with what the ledger keeps of it.

    Parameters
    ----------
    flow
        A `jobflow.Flow`.

    Returns
    -------
    list of dict
        ``uuid``, ``index``, ``name``, ``parents`` (uuids, those outside the flow too), ``forgiving``,
        ``chain`` (jobs in the longest chain that starts here) and ``job``, its JSON text.

    Raises
    ------
    ValueError
        If jobs wait for each other in a circle.
    """
    import networkx  # type: ignore[import-untyped]
    from jobflow import OnMissing

    graph = flow.graph
    if not networkx.is_directed_acyclic_graph(graph):
        raise ValueError(f"the jobs of {flow.name!r} wait for each other in a circle")
    chain: dict[str, int] = {}
    for uuid in reversed(list(networkx.topological_sort(graph))):
        chain[uuid] = 1 + max((chain[child] for child in graph.successors(uuid)), default=0)
    jobs = [graph.nodes[uuid]["job"] for uuid in flow.job_uuids]
    return [
        {
            "uuid": job.uuid,
            "index": job.index,
            "name": job.name,
            "parents": sorted(set(graph.predecessors(job.uuid)) - {job.uuid}),
            "forgiving": job.config.on_missing_references != OnMissing.ERROR,
            "chain": chain[job.uuid],
            "job": encode(job.as_dict()),
        }
        for job in jobs
    ]


def use_threads(threads: int) -> None:
    """Set the threads of the numerical libraries, loaded ones and those that this job will load."""
    os.environ.update(dict.fromkeys(THREADS[:3], str(threads)))
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
    if (numba := sys.modules.get("numba")) is not None:
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    # last: torch and numba load thread pools of their own when they are asked
    with contextlib.suppress(ImportError):
        import threadpoolctl

        threadpoolctl.threadpool_limits(threads)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there in full, on the disk, or not at all."""
    unfinished = path.with_name(path.name + ".tmp")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _channels() -> tuple[int, int]:
    # private copies, so that neither a job's output nor its children meet the manager's pipes
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return source, sink


def _listen(source: int, orders: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    pending = b""
    while chunk := os.read(source, 65536):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            orders.put(json.loads(line))
    os.killpg(os.getpgrp(), signal.SIGKILL)


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    kept = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)


def _is_full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in FULL


def _one_line(error: BaseException) -> str:
    if isinstance(error, InterlithError):
        return str(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _connected(store: Any) -> Any:
    store.connect()
    return store


def _without_id(doc: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in doc.items() if k != "_id"}


def _sanitised(value: Any) -> Any:
    from monty.json import jsanitize

    return jsanitize(value, strict=True, enum_values=True, allow_bson=True)


if __name__ == "__main__":
    main()
