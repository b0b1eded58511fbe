"""Whatever dies, and whenever: completed jobs never run again, the end is the same, nothing is left running."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest
from jobflow import Flow

from interlith.launchers.local.manager import run, status
from interlith.launchers.local.workspace import Workspace
from interlith.structures.errors import ComputationError, RequestError

MANAGER = """
    import os, signal, sys
    from importlib import import_module
    from interlith.launchers.local.manager import run

    workspace, moment = sys.argv[1:]
    if moment != "undisturbed":
        place, _, call = moment.partition("@")
        module, _, name = place.partition(":")
        *owners, name = name.split(".")
        owner = import_module("interlith.launchers.local." + module)
        for each in owners:
            owner = getattr(owner, each)
        real, calls = getattr(owner, name), []

        def deadly(*args, **kwargs):
            calls.append(1)
            if len(calls) == int(call):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        setattr(owner, name, deadly)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in its background
    print(run(None, workspace, key="graph", workers=2).ok)
"""
# each just before: the intent is written, the order is sent, a result is read, it is stored, its state is written,
# its children are looked at; and once in the middle of the first recovery
MOMENTS = (
    "ledger:Ledger.start@2",
    "workers:Worker.send@3",
    "manager:Manager._take_in@3",
    "manager:store_result@2",
    "ledger:Ledger.complete@3",
    "ledger:Ledger.settle@3",
    "manager:store_result@1",
)


def start_manager(workspace, moment="undisturbed", **options):
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(MANAGER), str(workspace), moment],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def enter(flow, workspace, monkeypatch):
    """Store a flow without running it."""
    with monkeypatch.context() as patch:
        patch.setattr("interlith.launchers.local.manager.Manager.run", lambda manager: None)
        run(flow, workspace, key="graph")


def processes_of(workspace):
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(workspace)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition, seconds=30.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_kill_9_of_the_manager_at_any_moment(jobs, marks, tmp_path, monkeypatch):
    workspace, width, depth = tmp_path / "w", 4, 4
    flow = jobs.fan(marks, width, depth, seconds=0.05)
    enter(flow, workspace, monkeypatch)
    names = [f"{i}-{k}" for i in range(width) for k in range(depth)]
    settled = {}
    for moment in MOMENTS:
        manager = start_manager(workspace, moment)
        assert manager.wait(60) == -signal.SIGKILL, manager.communicate()
        manager.communicate()
        wait_for(lambda: not processes_of(workspace), 10)
        for name, count in settled.items():
            assert len(jobs.runs(marks, name)) == count
        with Workspace(workspace).ledger() as ledger:
            done = ledger._rows("SELECT json_extract(job, '$.function_args[1]') FROM jobs WHERE state = 'COMPLETED'")
        settled = {name: len(jobs.runs(marks, name)) for (name,) in done if name in names}
    manager = start_manager(workspace)
    out, err = manager.communicate(timeout=60)
    assert out == "True\n", err
    assert {name: len(jobs.runs(marks, name)) for name in settled} == settled
    # two workers: a kill loses two jobs at most
    runs = [len(jobs.runs(marks, name)) for name in names]
    assert min(runs) == 1 and sum(runs) <= len(names) + 2 * len(MOMENTS)
    with Workspace(workspace).store as store:
        assert store.get_output(flow.jobs[-1].uuid) == width * depth
        assert store.count() == width * depth + 1


def test_a_result_that_was_not_yet_taken_in_is_not_computed_again(jobs, marks, tmp_path, monkeypatch):
    flow = Flow([first := jobs.replaced_by_a_flow(marks, 2), jobs.total(first.output)])
    enter(flow, tmp_path / "w", monkeypatch)
    manager = start_manager(tmp_path / "w", "manager:Manager._harvest@1")
    manager.communicate(timeout=60)
    job = status(tmp_path / "w")[0]
    assert (job.state, job.why) == ("READY", "interrupted; the same command goes on from here")
    assert (job.folder / "result.json").exists()
    assert run(None, tmp_path / "w", key="graph", workers=1).ok
    assert [job.attempts for job in status(tmp_path / "w")] == [1] * 5


def test_an_interrupt_ends_all_processes_and_the_same_call_goes_on(jobs, marks, tmp_path, monkeypatch):
    workspace = tmp_path / "w"
    flow = Flow([jobs.child_process(marks, seconds=120), jobs.step(marks, "quick")])
    enter(flow, workspace, monkeypatch)
    manager = start_manager(workspace)
    wait_for(lambda: (marks / "child").exists() and (marks / "quick.done").exists())
    wait_for(lambda: status(workspace)[1].state == "COMPLETED")
    assert status(workspace)[0].state == "RUNNING"
    with pytest.raises(RequestError, match="another interlith is running"):
        run(None, workspace, key="graph")
    child = psutil.Process(int((marks / "child").read_text()))
    manager.send_signal(signal.SIGINT)
    _, err = manager.communicate(timeout=30)
    assert err.rstrip().endswith("KeyboardInterrupt")
    wait_for(lambda: not processes_of(workspace), 10)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)
    assert [job.state for job in status(workspace)] == ["READY", "COMPLETED"]
    manager = start_manager(workspace)
    wait_for(lambda: int((marks / "child").read_text()) != child.pid)
    manager.kill()  # this time the manager has no chance to tidy up
    manager.communicate(timeout=30)
    child = psutil.Process(int((marks / "child").read_text()))
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10)
    wait_for(lambda: not processes_of(workspace), 10)
    assert len(jobs.runs(marks, "quick")) == 1


def test_a_worker_left_behind_is_ended_before_its_job_runs_again(jobs, marks, tmp_path, monkeypatch):
    flow = Flow([jobs.step(marks, "one")])
    enter(flow, tmp_path / "w", monkeypatch)
    stray = subprocess.Popen(["sleep", "300"], start_new_session=True)
    with Workspace(tmp_path / "w").ledger() as ledger:
        handle = f"{stray.pid}:{psutil.Process(stray.pid).create_time()}"
        ledger.settle("graph")
        ledger.start(ledger.ready("graph", 1)[0], handle, "runs/x")
    assert run(None, tmp_path / "w", key="graph", workers=1).ok
    assert stray.wait(10) == -signal.SIGKILL


# too little for the job's own file; enough for that and its result, too little for the store
@pytest.mark.parametrize("left", [100_000, 800_000], ids=["job", "store"])
def test_a_full_disk_stops_the_run_in_one_line_and_the_same_call_goes_on(jobs, marks, small_disk, left):
    workspace = small_disk / "w"
    filler = small_disk / "filler"
    flow = Flow([one := jobs.step(marks, "one"), jobs.fill_disk(300_000, one.output)])

    def fill(event):
        if event.kind == "completed" and event.name == "step":
            free = os.statvfs(small_disk)
            filler.write_bytes(b"x" * (free.f_bavail * free.f_bsize - left))

    with pytest.raises(ComputationError, match="disk is full") as caught:
        run(flow, workspace, key="graph", workers=1, on_event=fill)
    assert "\n" not in str(caught.value) and str(workspace) in str(caught.value)
    assert not list(workspace.glob("runs/*/*.tmp"))
    assert bool(list(workspace.glob("runs/*fill*/result.json"))) == (left > 400_000)
    filler.unlink()
    assert run(flow, workspace, key="graph", workers=1).ok
    assert len(jobs.runs(marks, "one")) == 1
