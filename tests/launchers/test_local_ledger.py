"""Who may run when: the ledger alone, without processes."""

import pytest

from interlith.launchers.local.ledger import Ledger, NewJob


def new(name, *parents, index=1, forgiving=False, chain=1):
    return NewJob(name, index, name, "{}", tuple(parents), forgiving, chain)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "state.db") as ledger:
        yield ledger


def enter(ledger, *jobs):
    ledger.add_flow("f", "{}", jobs)
    ledger.settle("f")


def found(ledger):
    return {(job.uuid if job.index == 1 else f"{job.uuid}{job.index}"): job.state for job in ledger.jobs()}


def task(ledger, uuid, index=1):
    return ledger._tasks("WHERE uuid = ? AND idx = ?", uuid, index)[0]


def complete(ledger, uuid, index=1, *, stops=False):
    ledger.complete(task(ledger, uuid, index), stops=stops, stored_data=None)
    return ledger.settle("f", uuid)


def fail(ledger, uuid, index=1):
    ledger.fail(task(ledger, uuid, index), "why")
    return ledger.settle("f", uuid)


def test_a_job_waits_for_all_its_inputs(ledger):
    enter(ledger, new("a"), new("b"), new("c", "a", "b"), new("d", "elsewhere"))
    assert found(ledger) == {"a": "READY", "b": "READY", "c": "WAITING", "d": "READY"}
    complete(ledger, "a")
    assert found(ledger)["c"] == "WAITING"
    complete(ledger, "b")
    assert found(ledger)["c"] == "READY"


def test_a_failure_blocks_what_reads_it_and_nothing_else(ledger):
    enter(ledger, new("a"), new("b", "a"), new("c", "b"), new("d", "a", forgiving=True), new("e"))
    held = fail(ledger, "a")
    assert [(job.uuid, job.why) for job in held] == [("b", "a failed"), ("c", "b is blocked")]
    assert found(ledger) == {"a": "FAILED", "b": "BLOCKED", "c": "BLOCKED", "d": "READY", "e": "READY"}


def test_a_replaced_job_counts_when_its_last_index_has_ended(ledger):
    enter(ledger, new("a"), new("b", "a"))
    ledger.add_jobs("f", [new("a", "inner", index=2), new("inner")])
    ledger.put_between("a", ["a", "inner"])
    complete(ledger, "a")
    ledger.settle("f")
    assert found(ledger) == {"a": "COMPLETED", "b": "WAITING", "a2": "WAITING", "inner": "READY"}
    complete(ledger, "inner")
    assert found(ledger)["b"] == "WAITING"
    complete(ledger, "a", 2)
    assert found(ledger)["b"] == "READY"


@pytest.mark.parametrize(("end", "state"), [(complete, "READY"), (fail, "READY")])
def test_a_detour_is_only_waited_for(ledger, end, state):
    enter(ledger, new("a"), new("b", "a"))
    ledger.add_jobs("f", [new("detour")])
    ledger.put_between("a", ["detour"])
    complete(ledger, "a")
    assert found(ledger)["b"] == "WAITING"
    end(ledger, "detour")
    assert found(ledger)["b"] == state


def test_children_of_a_stopping_job_are_stopped_and_theirs(ledger):
    enter(ledger, new("a"), new("b", "a", forgiving=True), new("c", "b"), new("d"))
    held = complete(ledger, "a", stops=True)
    assert [job.uuid for job in held] == ["b", "c"]
    assert found(ledger) == {"a": "COMPLETED", "b": "STOPPED", "c": "STOPPED", "d": "READY"}


def test_stopping_the_flow_leaves_what_runs(ledger):
    enter(ledger, new("a"), new("b"), new("c", "a"))
    ledger.start(task(ledger, "a"), "1:1", "runs/a")
    ledger.stop("f")
    assert found(ledger) == {"a": "RUNNING", "b": "STOPPED", "c": "STOPPED"}


def test_revived_jobs_wait_for_their_inputs_again(ledger):
    enter(ledger, new("a"), new("b", "a"))
    fail(ledger, "a")
    assert ledger.revive() == 1
    ledger.settle("f")
    assert found(ledger) == {"a": "READY", "b": "WAITING"}
    assert ledger.revive() == 0


def test_what_can_never_run_is_blocked_at_the_end(ledger):
    enter(ledger, new("a", "b"), new("b", "a"))
    assert [job.why for job in ledger.strand("f")] == ["waits for a job that can never run"] * 2


def test_the_longest_chain_comes_first_then_the_oldest(ledger):
    enter(ledger, new("a"), new("b", chain=3), new("c"), new("d", chain=3))
    assert [t.uuid for t in ledger.ready("f", 3)] == ["b", "d", "a"]


def test_a_job_entered_twice_keeps_its_state(ledger):
    enter(ledger, new("a"))
    complete(ledger, "a")
    enter(ledger, new("a"), new("b", "a"))
    assert found(ledger) == {"a": "COMPLETED", "b": "READY"}


def test_half_a_change_is_no_change(ledger):
    enter(ledger, new("a"), new("b", "a"))
    with pytest.raises(ZeroDivisionError), ledger.writing():
        complete(ledger, "a")
        _ = 1 / 0
    assert found(ledger) == {"a": "READY", "b": "WAITING"}
