"""Who may run when: the ledger alone, without processes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.launchers.local.ledger import ENDED, Ledger, NewJob
from interlith.structures.errors import RequestError


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


@st.composite
def graphs(draw):
    """A graph of up to nine jobs, how each will end and whether it forgives, and an order."""
    n = draw(st.integers(1, 9))
    parents = [draw(st.sets(st.sampled_from(range(k)), max_size=3)) if k else set() for k in range(n)]
    ends = draw(st.lists(st.sampled_from(["completed", "completed", "failed", "stops"]), min_size=n, max_size=n))
    forgiving = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return parents, ends, forgiving, draw(st.randoms(use_true_random=False))


def run_through(ledger, parents, ends, forgiving, order):
    """Let every job that may run end as it is told to, in some order; return the ledger's states."""
    names = [str(k) for k in range(len(parents))]
    enter(ledger, *(new(names[k], *(names[p] for p in parents[k]), forgiving=forgiving[k]) for k in range(len(names))))
    while tasks := ledger.ready("f", 99):
        one = order.choice(tasks)
        seen = found(ledger)
        assert all(seen[str(p)] in ENDED for p in parents[int(one.uuid)]), "it began before an input had ended"
        ledger.start(one, "1:1", f"runs/{one.uuid}")
        if ends[int(one.uuid)] == "failed":
            fail(ledger, one.uuid)
        else:
            complete(ledger, one.uuid, stops=ends[int(one.uuid)] == "stops")
    return found(ledger)


@given(graphs())
@settings(max_examples=40, deadline=None)
def test_every_graph_ends_and_each_job_for_a_reason(graph):
    parents, ends, forgiving, order = graph
    with Ledger(Path(":memory:")) as ledger:
        states = run_through(ledger, parents, ends, forgiving, order)
        assert ledger.strand("f") == []
        assert ledger.counts("f").total() == len(parents)
    for k, state in states.items():
        inputs = parents[int(k)]
        stopped = any(
            states[str(p)] == "STOPPED" or (ends[p] == "stops" and states[str(p)] == "COMPLETED") for p in inputs
        )
        missing = any(states[str(p)] in ("FAILED", "BLOCKED") for p in inputs) and not forgiving[int(k)]
        if not stopped and not missing:
            assert state == ("FAILED" if ends[int(k)] == "failed" else "COMPLETED")
        else:
            assert state in ["STOPPED"] * stopped + ["BLOCKED"] * missing


@given(graphs())
@settings(max_examples=20, deadline=None)
def test_a_graph_without_failures_completes_in_any_order(graph):
    parents, _, forgiving, order = graph
    with Ledger(Path(":memory:")) as ledger:
        states = run_through(ledger, parents, ["completed"] * len(parents), forgiving, order)
    assert set(states.values()) == {"COMPLETED"}


def test_what_was_written_is_there_when_the_file_is_opened_again(tmp_path):
    path = tmp_path / "state.db"
    with Ledger(path) as ledger:
        enter(ledger, new("a"), new("b", "a"))
        ledger.start(task(ledger, "a"), "12:3.5", "runs/a")
        before = ledger.jobs()
    with Ledger(path) as ledger:
        assert ledger.jobs() == before
        assert [(t.uuid, t.handle, t.folder) for t in ledger.running()] == [("a", "12:3.5", "runs/a")]
        assert ledger.jobs()[0].folder == tmp_path / "runs" / "a"
        fail(ledger, "a")
    with Ledger(path) as ledger:
        assert [(job.state, job.why) for job in ledger.jobs()] == [("FAILED", "why"), ("BLOCKED", "a failed")]


def test_a_lost_worker_is_counted_and_an_interruption_is_not(ledger):
    enter(ledger, new("a"))
    for lost, losses in ((True, 1), (False, 1), (True, 2)):
        ledger.start(task(ledger, "a"), "1:1", "runs/a")
        ledger.again(task(ledger, "a"), lost=lost)
        assert (task(ledger, "a").losses, found(ledger)) == (losses, {"a": "READY"})
    assert task(ledger, "a").attempts == 3
    fail(ledger, "a")
    ledger.revive()
    assert task(ledger, "a").losses == 0, "a retry begins afresh"


def test_flows_are_kept_apart_in_order_of_their_entry(ledger):
    for key in ("second-name", "a-name"):
        ledger.add_flow(key, f'{{"of": "{key}"}}', [new(f"{key}-job"), new(f"{key}-child", f"{key}-job")])
        ledger.settle(key)
    assert ledger.keys() == ["second-name", "a-name"]
    assert (ledger.flow("a-name"), ledger.flow("none")) == ('{"of": "a-name"}', None)
    ledger.stop("a-name")
    assert dict(ledger.counts("second-name")) == {"READY": 1, "WAITING": 1}
    assert dict(ledger.counts("a-name")) == {"STOPPED": 2}
    assert [t.uuid for t in ledger.ready("second-name", 5)] == ["second-name-job"]
    assert ledger.ready("a-name", 5) == []


def test_jobs_put_in_later_can_go_before_what_waits_already(ledger):
    enter(ledger, new("old", chain=2))
    ledger.add_jobs("f", [new("urgent")], above=5)
    ledger.settle("f")
    assert [t.uuid for t in ledger.ready("f", 5)] == ["urgent", "old"]


@pytest.mark.parametrize(
    "spoil", [lambda data: b"\0" * len(data), lambda data: data[:100] + b"\xff" * (len(data) - 100)]
)
def test_a_spoilt_file_is_refused_in_one_line(tmp_path, spoil):
    path = tmp_path / "state.db"
    Ledger(path).close()
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(RequestError, match=r"state\.db") as caught:
        Ledger(path)
    assert "\n" not in str(caught.value)
