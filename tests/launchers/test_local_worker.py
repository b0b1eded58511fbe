"""What a worker does with one job, without its process."""

import errno
import os

import pytest
from jobflow import Flow, JobStore
from maggma.stores import MemoryStore

from interlith.launchers.local.exchange import referred, sent_documents
from interlith.launchers.local.worker import flatten, run_job, use_threads, write_whole
from interlith.launchers.local.workers import is_alive, process_handle
from interlith.launchers.stores.documents import decode


def payload(job, documents=()):
    return {"job": decode(flatten(Flow([job]))[0]["job"]), "documents": list(documents), "threads": 1}


def test_a_flow_is_flattened_in_its_own_order_with_its_chains(jobs):
    last = jobs.add(1)
    middle = jobs.add(last.output)
    flow = Flow([Flow([jobs.add(middle.output, last.output)]), middle, last, jobs.add(0)])
    found = flatten(flow)
    assert [each["uuid"] for each in found] == list(flow.job_uuids)
    assert [each["chain"] for each in found] == [1, 2, 3, 1]
    assert found[0]["parents"] == sorted([middle.uuid, last.uuid])


def test_a_circle_is_refused(jobs):
    first, second = jobs.add(1), jobs.add(2)
    first.function_args, second.function_args = (second.output,), (first.output,)
    with pytest.raises(ValueError, match="circle"):
        flatten(Flow([first, second], name="round"))


def test_a_job_runs_on_the_documents_that_it_was_sent(jobs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = jobs.dense(4)
    result = run_job(payload(first))
    (document,), (blob,) = result["documents"], result["blobs"]["data"]
    assert blob["data"] == [0.0, 1.0, 2.0, 3.0] and document["output"]["rho"]["blob_uuid"] == blob["blob_uuid"]
    loaded = document | {"output": {"rho": blob["data"], "mean": 1.5}}
    second = run_job(payload(jobs.add(first.output.mean, 1), [loaded]))
    assert [doc["output"] for doc in second["documents"]] == [2.5]
    assert second["jobs"] == {"replace": [], "detour": [], "addition": []}


def test_references_are_followed_through_documents(jobs):
    store = JobStore(MemoryStore())
    store.connect()
    inner, outer, unread = jobs.add(1), jobs.add(2), jobs.add(3)
    for job, output in ((inner, 5), (outer, [inner.output]), (unread, 9)):
        store.update({"uuid": job.uuid, "index": 1, "output": output})
    text = flatten(Flow([jobs.total(outer.output), outer]))[0]["job"]
    assert referred(decode(text)) == {outer.uuid}
    assert {doc["uuid"] for doc in sent_documents(store, text)} == {outer.uuid, inner.uuid}


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_whole(path, "first")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(os, "fsync", full)
        write_whole(path, "second")
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]
    assert path.read_text() == "first"


def test_threads_reach_the_libraries_that_are_loaded(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    import numpy  # noqa: F401  # loads its BLAS

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    try:
        use_threads(1)
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info()} == {1}
    finally:
        use_threads(max(before, default=1))


def test_a_handle_names_one_process():
    mine = process_handle(os.getpid())
    assert is_alive(mine)
    assert not is_alive(f"{os.getpid()}:1.0")
    assert not is_alive("")
