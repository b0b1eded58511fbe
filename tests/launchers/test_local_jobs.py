"""One job in a worker, and the process around it: files, output, reasons, ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from jobflow import Flow

from interlith.launchers.local.worker import THREADS, flatten, perform
from interlith.launchers.local.workers import Pool, Worker, is_alive, kill_group, process_handle
from interlith.launchers.stores.documents import decode


@pytest.fixture
def ordered(tmp_path, monkeypatch):
    """Lay a job's folder out as the manager does; what `perform` changes of this process is put back."""
    monkeypatch.chdir(tmp_path)
    for name in THREADS:
        monkeypatch.setenv(name, os.environ.get(name, "1"))

    def lay_out(job, name="run") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        text = flatten(Flow([job]))[0]["job"]
        (folder / "payload.json").write_text(f'{{"threads": 1, "documents": [], "job": {text}}}')
        return folder

    return lay_out


def result(folder: Path) -> dict:
    return decode((folder / "result.json").read_text())


def test_a_job_leaves_its_result_and_nothing_half_written(jobs, ordered):
    folder = ordered(jobs.telling(2))
    assert perform(folder) == "ended"
    assert result(folder)["documents"][0]["uuid"] and "error" not in result(folder)
    names = {path.name for path in folder.iterdir()}
    assert names == {"payload.json", "result.json", "output.log", "progress.jsonl"}


def test_it_runs_in_its_own_folder_with_its_own_threads(jobs, ordered):
    folder = ordered(jobs.surroundings())
    assert perform(folder) == "ended"
    (document,) = result(folder)["documents"]
    assert document["output"]["folder"] == str(folder)
    assert document["output"]["OMP_NUM_THREADS"] == "1" == document["output"]["MKL_NUM_THREADS"]


@pytest.mark.parametrize(
    ("make", "told", "traced"),
    [
        (lambda jobs: jobs.refuse("too cold"), "refused: too cold (here); ask nicely", "ComputationError"),
        (lambda jobs: jobs.crash(), "KeyError: 'missing\\nkey'", 'return {}["missing'),
        (lambda jobs: jobs.leave(), "SystemExit: 3", "SystemExit"),
        (lambda jobs: jobs.add(jobs.add(1).output), "Could not resolve reference", "ValueError"),
    ],
)
def test_whatever_a_job_raises_is_a_result_with_a_reason(jobs, ordered, make, told, traced):
    folder = ordered(make(jobs))
    assert perform(folder) == "ended"
    assert told in result(folder)["error"] and "\n" not in result(folder)["error"]
    assert traced in (folder / "error.txt").read_text()


def test_the_next_job_is_not_touched_by_the_one_before(jobs, ordered):
    assert [perform(ordered(job, str(k))) for k, job in enumerate((jobs.crash(), jobs.add(1, 2)))] == ["ended"] * 2
    assert result(Path("../1").resolve())["documents"][0]["output"] == 3


def test_a_folder_that_is_gone_is_told_and_nothing_else(tmp_path):
    assert perform(tmp_path / "gone").startswith("FileNotFoundError: ")


def test_an_order_that_cannot_be_read_is_a_failed_job(jobs, ordered):
    folder = ordered(jobs.add(1))
    (folder / "payload.json").write_text('{"threads": 1, ')
    assert perform(folder) == "ended"
    assert "JSONDecodeError" in (folder / "error.txt").read_text()


def test_a_full_disk_is_told_as_that(jobs, small_disk, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = small_disk / "run"
    folder.mkdir()
    text = flatten(Flow([jobs.fill_disk(3_000_000)]))[0]["job"]
    (folder / "payload.json").write_text(f'{{"threads": 1, "documents": [], "job": {text}}}')
    assert perform(folder) == "full"
    assert not (folder / "result.json").exists()
    os.chdir(tmp_path)


def test_a_worker_stays_warm_and_dies_with_its_manager_and_all_that_it_started(jobs, ordered, tmp_path):
    folders = [ordered(jobs.surroundings(), str(k)) for k in range(2)]
    folders.append(ordered(jobs.child_process(str(tmp_path), 0), "parent"))
    worker = Worker(tmp_path / "worker.log", 1)
    try:
        for folder in folders:
            worker.send(folder, "kind")
        replies = []
        while len(replies) < len(folders):
            replies += worker.replies()
        assert {reply.outcome for reply in replies} == {"ended"}, (tmp_path / "worker.log").read_text()
        assert {result(folder)["documents"][0]["output"]["pid"] for folder in folders[:2]} == {worker.process.pid}
        child = process_handle(int((tmp_path / "child").read_text()))
        assert is_alive(child)
        worker.process.stdin.close()
        assert worker.process.wait(20) == -signal.SIGKILL
        assert gone(child)
    finally:
        worker.kill()


def gone(handle: str, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(handle) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(handle)


def test_a_killed_worker_is_lost_and_says_how(tmp_path):
    pool = Pool(tmp_path, 2, 2)
    worker = pool.take("kind")
    assert (pool.free(), pool.busy) == (2, [])
    worker.folder = tmp_path
    assert (pool.free(), pool.busy) == (1, [worker])
    os.kill(worker.process.pid, signal.SIGTERM)
    (reply,) = pool.replies(10.0)
    assert (reply.worker, reply.outcome) == (worker, "lost")
    assert pool.drop(worker) in {"killed by SIGTERM", "killed by SIGKILL"}
    assert pool.workers == [] and not is_alive(worker.handle)
    pool.close(gently=True)


def test_the_worker_that_has_done_the_like_is_preferred(tmp_path):
    pool = Pool(tmp_path, 3, 3)
    try:
        first = pool.take("relax")
        first.folder, first.seen = tmp_path, {"relax"}
        second = pool.take("relax")
        assert second is not first, "the first is busy"
        first.folder = None
        assert pool.take("relax") is first
        second.seen = {"static"}
        assert pool.take("static") is second
        assert [worker.process.pid for worker in pool.workers] == [first.process.pid, second.process.pid]
    finally:
        pool.close(gently=False)
    assert not any(psutil.pid_exists(worker.process.pid) for worker in (first, second))


def test_what_an_earlier_manager_left_behind_is_ended_by_its_handle_only():
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    handle = process_handle(sleeper.pid)
    kill_group(f"{sleeper.pid}:1.0")
    assert is_alive(handle), "another process of that number is not touched"
    kill_group(handle)
    assert sleeper.wait(10) == -signal.SIGKILL
    kill_group(handle)
    assert process_handle(sleeper.pid).endswith(":gone")
    assert not is_alive(process_handle(sleeper.pid)), "a worker that had died before it was named"


def test_a_result_survives_json(jobs, ordered):
    """What a job returns comes back as it was: numbers to the last bit, not-a-number included."""
    folder = ordered(jobs.add(0.1, 0.2))
    assert perform(folder) == "ended"
    assert result(folder)["documents"][0]["output"] == 0.1 + 0.2
    assert json.loads((folder / "result.json").read_text())["stop_children"] is False
