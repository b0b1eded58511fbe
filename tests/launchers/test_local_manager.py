"""The launcher gives what jobflow's own manager gives, side by side, and stops only what a failure touches."""

import os
import warnings
from collections import Counter

import pytest
from jobflow import Flow, JobStore, job, run_locally
from maggma.stores import MemoryStore

from interlith.launchers.local.manager import retry, run, status, stored_flow
from interlith.launchers.local.workspace import Workspace
from interlith.launchers.stores.sqlite import SQLiteStore
from interlith.structures.errors import RequestError


def outputs(store, flow):
    return {uuid: store.get_output(uuid, load=True) for uuid in flow.job_uuids if store.query_one({"uuid": uuid})}


def locally(flow):
    store = JobStore(MemoryStore(), {"data": MemoryStore()})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Some jobs are not connected")
        warnings.filterwarnings("ignore", message="Response.stored_data")
        run_locally(flow, store=store, log=False)
    return outputs(store, flow)


def launched(flow, workspace, **kwargs):
    summary = run(flow, workspace, **{"workers": 1, **kwargs})
    with Workspace(workspace).store as store:
        return summary, outputs(store, flow)


def everything(jobs, folder):
    """One graph with all that a response can ask for."""
    made = {
        "job": jobs.replaced_by_a_job(1),
        "flow": jobs.replaced_by_a_flow(folder, 3),
        "self": jobs.replaced_by_itself(2),
        "detour": jobs.detoured(folder),
        "failing detour": jobs.failing_detour(),
        "failing replacement": jobs.replaced_by_a_failure(),
        "addition": jobs.added(folder),
        "stop": jobs.stopping_children(),
        "raise": jobs.refuse("on purpose"),
        "crash": jobs.crash(),
        "dense": jobs.dense(50),
        "maker": jobs.Adder(number=4).make(1),
        "nested": jobs.add(1),
    }
    children = {name: jobs.add(each.output, 100) for name, each in made.items() if name not in ("flow", "dense")}
    children["flow"] = jobs.total(made["flow"].output)
    children["dense"] = jobs.read_dense(made["dense"].output)
    children["attribute"] = jobs.add(made["dense"].output.mean)
    children["forgiving"] = jobs.forgiving(made["raise"].output)
    grandchildren = [jobs.add(children[name].output) for name in ("stop", "raise", "job", "self")]
    return Flow([Flow([*made.values()], name="inner"), *children.values(), *grandchildren]), made, children


def test_every_kind_of_response_ends_as_in_jobflow_s_own_manager(jobs, marks, tmp_path):
    flow, made, children = everything(jobs, marks)
    theirs = locally(Flow.from_dict(flow.as_dict()))
    summary, ours = launched(flow, tmp_path / "w", workers=2)
    assert ours == theirs
    assert ours[children["flow"].uuid] == 1 + 2 + 3
    assert ours[children["dense"].uuid] == sum(range(50))
    assert ours[children["forgiving"].uuid] == "nothing came"
    assert ours[children["failing detour"].uuid] == 105
    found = {j.uuid: j for j in status(tmp_path / "w")}
    for name in ("raise", "crash", "failing replacement"):
        assert (found[made[name].uuid].state, found[children[name].uuid].state) == ("FAILED", "BLOCKED")
    assert found[children["stop"].uuid].state == "STOPPED"
    assert summary.counts == {"COMPLETED": 33, "FAILED": 4, "BLOCKED": 4, "STOPPED": 2}
    assert not summary.ok


def test_children_wait_for_a_detour_and_not_for_an_addition(jobs, marks, tmp_path):
    first = jobs.detoured(marks)
    flow = Flow([first, child := jobs.after(marks, "child", first.output)])
    _, found = launched(flow, tmp_path / "w")
    assert found[child.uuid] == ["child", "detour", "detour.done"]


def test_a_linear_flow_keeps_its_order(jobs, marks, tmp_path):
    flow = Flow([jobs.step(marks, f"{i}") for i in range(3)] + [jobs.after(marks, "last")], order="linear")
    _, found = launched(flow, tmp_path / "w")
    assert len(found[flow.job_uuids[-1]]) == 7


def test_a_job_can_stop_the_whole_flow(jobs, tmp_path):
    stop = jobs.stopping_all()
    flow = Flow([stop, jobs.add(stop.output), jobs.add(1)])
    summary, found = launched(flow, tmp_path / "w", workers=1)
    assert found == {stop.uuid: 8}
    assert summary.counts == {"COMPLETED": 1, "STOPPED": 2}
    assert summary.ok


def test_results_are_read_by_plain_jobflow_and_data_for_the_manager_is_kept(jobs, tmp_path):
    flow = Flow([jobs.dense(40), jobs.add(3), jobs.storing()])
    launched(flow, tmp_path / "w")
    with Workspace(tmp_path / "w").ledger() as ledger:
        assert ledger._rows("SELECT stored_data FROM jobs WHERE name = 'storing'") == [('{"remark": "kept"}',)]
    path = tmp_path / "w" / "interlith.db"
    with JobStore(SQLiteStore(path), {"data": SQLiteStore(path, "data")}) as store:
        assert store.get_output(flow.jobs[1].uuid) == 4
        document = store.query_one({"uuid": flow.jobs[0].uuid})
        assert document["output"]["rho"]["store"] == "data" and document["name"] == "dense"
        assert store.get_output(flow.jobs[0].uuid, load=True)["rho"][-1] == 39.0


def test_a_failure_is_told_with_its_reason_and_folder(jobs, marks, tmp_path):
    bad, good = jobs.refuse("too cold"), jobs.step(marks, "good", seconds=0.2)
    flow = Flow([bad, jobs.add(bad.output), good, jobs.crash(), jobs.leave()])
    events = []
    summary, found = launched(flow, tmp_path / "w", on_event=events.append)
    assert found == {good.uuid: 1}
    failed, blocked, _, crashed, left = status(tmp_path / "w")
    assert failed.why == "refused: too cold (here); ask nicely"
    assert "ComputationError" in (failed.folder / "error.txt").read_text()
    assert blocked.why == "refuse failed" and blocked.folder is None
    assert crashed.why == "KeyError: 'missing\\nkey'" and left.why == "SystemExit: 3"
    assert {job.uuid for job in summary.failed} == {bad.uuid, crashed.uuid, left.uuid}
    told = Counter(event.kind for event in events)
    assert told == {"submitted": 1, "started": 4, "completed": 1, "failed": 3, "blocked": 1, "finished": 1}
    assert (events[-1].done, events[-1].total) == (5, 5)
    assert next(e.payload for e in events if e.uuid == bad.uuid and e.kind == "failed") == {"error": failed.why}


def test_failed_jobs_stay_failed_until_retried(jobs, marks, tmp_path):
    flaky = jobs.die_until(marks, "flaky", times=2)
    flow = Flow([flaky, jobs.forgiving(flaky.output), jobs.step(marks, "good")])
    launched(flow, tmp_path / "w", key="mine")
    assert len(jobs.runs(marks, "flaky")) == 2
    assert "SIGKILL" in status(tmp_path / "w")[0].why
    run(None, tmp_path / "w", key="mine")
    assert len(jobs.runs(marks, "flaky")) == 2
    assert retry(tmp_path / "w") == ["mine"]
    assert run(None, tmp_path / "w", key="mine").ok
    assert (len(jobs.runs(marks, "flaky")), len(jobs.runs(marks, "good"))) == (3, 1)
    assert retry(tmp_path / "w") == []


def test_a_killed_worker_costs_only_its_own_job_one_more_run(jobs, marks, tmp_path):
    flow = Flow([jobs.die_until(marks, "dies", times=1), *(jobs.step(marks, f"{i}", seconds=0.3) for i in range(3))])
    summary, found = launched(flow, tmp_path / "w", workers=2)
    assert summary.ok and found[flow.job_uuids[0]] == "survived"
    assert [len(jobs.runs(marks, name)) for name in ("dies", "0", "1", "2")] == [2, 1, 1, 1]
    assert [job.attempts for job in status(tmp_path / "w")] == [2, 1, 1, 1]


def test_progress_lines_are_passed_on_as_they_come(jobs, tmp_path):
    events = []
    run(jobs.telling(12), tmp_path / "w", on_event=events.append)
    lines = [event.payload for event in events if event.kind == "progress"]
    assert [line["call"] for line in lines] == list(range(12))
    assert lines[3] == {"stage": "relax", "call": 3, "energy_eV": -3.0, "fmax_eV_A": 0.25}
    folder = next(event.folder for event in events if event.kind == "progress")
    assert "said aloud" in (folder / "output.log").read_text()


def test_workers_stay_warm_and_share_the_cores(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr("interlith.launchers.local.manager.cores_here", lambda: 6)
    first = [jobs.surroundings() for _ in range(4)]
    last = jobs.surroundings()
    flow = Flow([Flow(first), last], order="linear")
    _, found = launched(flow, tmp_path / "w", workers=2)
    assert len({each["pid"] for each in found.values()}) <= 2
    assert len({each["folder"] for each in found.values()}) == 5
    assert {each["NUMBA_NUM_THREADS"] for each in found.values()} == {"3"}
    assert found[last.uuid]["OMP_NUM_THREADS"] == "6"
    assert found[first[0].uuid]["OMP_NUM_THREADS"] == "3"


def test_independent_jobs_run_side_by_side(jobs, marks, tmp_path):
    pair = [jobs.threads_seen(marks, partner=2, seconds=20) for _ in range(2)]
    _, found = launched(Flow(pair), tmp_path / "w", workers=2)
    assert len({pid for _, pid in found.values()}) == 2
    assert len(jobs.runs(marks, "threads")) == 2


def test_the_longest_chain_goes_first(jobs, marks, tmp_path):
    short = [jobs.step(marks, f"short{i}") for i in range(3)]
    chain = [jobs.step(marks, "chain0")]
    for i in (1, 2):
        chain.append(jobs.step(marks, f"chain{i}", chain[-1].output))
    flow, order = Flow([*short, *chain]), []
    run(flow, tmp_path / "w", workers=1, on_event=order.append)
    started = [event.uuid for event in order if event.kind == "started"]
    # the last link is no longer chain than a short one, and was entered after them
    assert started == [job.uuid for job in [*chain[:2], *short, chain[2]]]


def test_a_flow_is_stored_under_its_key(jobs, marks, tmp_path):
    flow = Flow([one := jobs.step(marks, "one"), jobs.add(one.output)])
    assert stored_flow(tmp_path / "w", "mine") is None
    run(flow, tmp_path / "w", key="mine")
    again = stored_flow(tmp_path / "w", "mine")
    assert again.uuid == flow.uuid and again.job_uuids == flow.job_uuids
    assert run(again, tmp_path / "w", key="mine").ok
    assert len(jobs.runs(marks, "one")) == 1
    with pytest.raises(RequestError, match="mine"):
        run(jobs.add(1), tmp_path / "w", key="mine")
    with pytest.raises(RequestError, match=r"'mein'.*did you mean mine"):
        run(None, tmp_path / "w", key="mein")


def test_flows_in_one_workspace_do_not_mix(jobs, marks, tmp_path):
    bad, good = jobs.refuse("x"), jobs.step(marks, "good")
    run(bad, tmp_path / "w", key="bad")
    assert run([good], tmp_path / "w", key="good", workers=1).counts == {"COMPLETED": 1}
    assert [job.flow for job in status(tmp_path / "w")] == ["bad", "good"]


def test_a_flow_that_workers_cannot_run_is_refused(jobs, tmp_path):
    @job
    def inner():
        return 1

    with pytest.raises(RequestError, match=r"<locals>.*put it in a module"):
        run(inner(), tmp_path / "w")
    with pytest.raises(RequestError, match="all the jobs that it needs"):
        run(Flow([jobs.add(jobs.add(1).output)]), tmp_path / "w")
    with pytest.raises(RequestError, match="0 workers"):
        run(jobs.add(1), tmp_path / "w", workers=0)
    assert status(tmp_path / "w") == []


def test_a_module_that_workers_lack_fails_the_job_in_one_line(jobs, tmp_path, monkeypatch):
    flow = Flow([jobs.add(1)])
    monkeypatch.setattr("sys.path", [p for p in os.sys.path if not p.endswith("tests/launchers")])
    summary = run(flow, tmp_path / "w")
    assert "launcher_jobs" in summary.failed[0].why and "\n" not in summary.failed[0].why
