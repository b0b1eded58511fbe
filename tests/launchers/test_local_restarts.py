"""What a later command makes of the states that an earlier one left: no processes, the ledger written by hand."""

import os

import psutil
import pytest

from interlith.launchers.local.ledger import NewJob
from interlith.launchers.local.manager import WORKER_BYTES, _default_workers, retry, status, stored_flow
from interlith.launchers.local.states import Summary
from interlith.launchers.local.workers import cores_here, process_handle
from interlith.launchers.local.workspace import Workspace


def new(name, *parents):
    return NewJob(name, 1, name, "{}", parents, False, 1)


@pytest.fixture
def place(tmp_path):
    return Workspace(tmp_path / "w")


def task(ledger, uuid):
    return next(t for t in ledger._tasks("WHERE uuid = ?", uuid))


def test_a_job_whose_process_is_gone_is_told_as_interrupted(place):
    with place.ledger() as ledger:
        ledger.add_flow("f", "{}", [new("mine"), new("gone"), new("next", "gone")])
        ledger.settle("f")
        ledger.start(task(ledger, "mine"), process_handle(os.getpid()), "runs/mine")
        ledger.start(task(ledger, "gone"), f"{os.getpid()}:1.0", "runs/gone")
    mine, gone, following = status(place.path)
    assert (mine.state, mine.why, mine.folder) == ("RUNNING", "", place.runs / "mine")
    assert (gone.state, following.state) == ("READY", "WAITING")
    assert gone.why == "interrupted; the same command goes on from here"
    with place.ledger() as ledger:
        assert [t.uuid for t in ledger.running()] == ["mine", "gone"], "looking changes nothing"


def test_a_retry_revives_what_failed_and_names_its_flows_in_order(place):
    with place.ledger() as ledger:
        for key in ("z", "good", "a"):
            ledger.add_flow(key, "{}", [new(f"{key}1"), new(f"{key}2", f"{key}1")])
            ledger.settle(key)
        for key in ("a", "z"):
            ledger.fail(task(ledger, f"{key}1"), "no luck")
            ledger.settle(key, f"{key}1")
        ledger.complete(task(ledger, "good1"), stops=False, stored_data=None)
    assert retry(place.path) == ["z", "a"]
    states = {job.uuid: (job.state, job.why) for job in status(place.path)}
    assert states["good1"] == ("COMPLETED", "")
    assert {states[name] for name in ("z1", "z2", "a1", "a2")} == {("WAITING", "")}
    assert retry(place.path) == []


def test_a_flow_that_was_never_stored_is_none(place, tmp_path):
    assert stored_flow(place.path, "f") is None
    assert stored_flow(tmp_path / "nowhere", "f") is None
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("counts", "ok"),
    [
        ({"COMPLETED": 3}, True),
        ({"COMPLETED": 1, "STOPPED": 2}, True),
        ({"COMPLETED": 3, "FAILED": 1}, False),
        ({"COMPLETED": 3, "BLOCKED": 1}, False),
        ({"COMPLETED": 3, "READY": 1}, False),
        ({}, True),
    ],
)
def test_a_run_is_well_only_if_all_that_was_to_run_has_completed(counts, ok):
    assert Summary("f", counts, (), 1.0).ok is ok


def test_workers_are_as_many_as_cores_and_memory_allow():
    most = int(psutil.virtual_memory().available / WORKER_BYTES)
    assert 1 <= _default_workers() <= cores_here()
    assert _default_workers() <= max(1, most + 1)
