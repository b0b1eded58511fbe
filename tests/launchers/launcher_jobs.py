"""Jobs for the launcher's tests: each leaves a mark per run, so that runs can be counted."""

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from jobflow import Flow, JobConfig, Maker, OnMissing, Response, job

from interlith.structures.errors import ComputationError


def mark(folder, name):
    with (Path(folder) / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
        file.flush()
        os.fsync(file.fileno())


def runs(folder, name):
    path = Path(folder) / name
    return path.read_text().split() if path.exists() else []


@job
def step(folder, name, *inputs, seconds=0.0):
    mark(folder, name)
    time.sleep(seconds)
    mark(folder, name + ".done")
    return sum(inputs) + 1


@job
def add(a, b=1):
    return a + b


@job
def total(values):
    return sum(values)


@job
def refuse(why):
    raise ComputationError(f"refused: {why}", "here", "ask nicely")


@job
def crash():
    return {}["missing\nkey"]


@job
def leave():
    raise SystemExit(3)


@job
def die_until(folder, name, times):
    mark(folder, name)
    if len(runs(folder, name)) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@job
def replaced_by_a_job(a):
    return Response(replace=add(a, 10))


@job
def replaced_by_a_flow(folder, n):
    steps = [step(folder, f"inner{i}", i) for i in range(n)]
    return Response(replace=Flow(steps, output=[s.output for s in steps]))


@job
def replaced_by_itself(n):
    return n if n == 0 else Response(replace=replaced_by_itself(n - 1))


@job
def detoured(folder):
    return Response(output=5, detour=step(folder, "detour", seconds=0.5))


@job
def failing_detour():
    return Response(output=5, detour=refuse("detour"))


@job
def replaced_by_a_failure():
    return Response(replace=refuse("replacement"))


@job
def added(folder):
    return Response(output=6, addition=step(folder, "addition"))


@job
def stopping_children():
    return Response(output=7, stop_children=True)


@job
def stopping_all():
    return Response(output=8, stop_jobflow=True, addition=add(1))


@job
def storing():
    return Response(output=9, stored_data={"remark": "kept"})


@job(data="rho")
def dense(n):
    return {"rho": [float(i) for i in range(n)], "mean": (n - 1) / 2}


@job
def read_dense(out):
    return sum(out["rho"])


@job(config=JobConfig(on_missing_references=OnMissing.NONE))
def forgiving(value):
    return "nothing came" if value is None else value


@job
def after(folder, name, *waited):
    """Say which marks are there already."""
    mark(folder, name)
    return sorted(p.name for p in Path(folder).iterdir())


@job
def telling(n):
    with Path("progress.jsonl").open("a") as file:
        for i in range(n):
            file.write(
                json.dumps({"stage": "relax", "call": i, "energy_eV": -1.0 * i, "fmax_eV_A": 1 / (i + 1)}) + "\n"
            )
            file.flush()
            time.sleep(0.05)
    print("said aloud")


@job
def surroundings():
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {"pid": os.getpid(), "folder": str(Path.cwd()), **{name: os.environ[name] for name in names}}


@job
def threads_seen(folder, partner, seconds):
    mark(folder, "threads")
    deadline = time.monotonic() + seconds
    while len(runs(folder, "threads")) < partner and time.monotonic() < deadline:
        time.sleep(0.02)
    return int(os.environ["OMP_NUM_THREADS"]), os.getpid()


@job
def child_process(folder, seconds):
    import subprocess

    child = subprocess.Popen(["sleep", "300"])
    (Path(folder) / "child").write_text(str(child.pid))
    time.sleep(seconds)


@job
def fill_disk(n, *_):
    Path("big").write_bytes(b"x" * n)
    return "x" * n


@job
def burn(seconds):
    """Compute for so many seconds of CPU time of a fixed amount of work."""
    total = 0
    for i in range(int(seconds * 1.2e7)):
        total += i * i
    return total


@dataclass
class Adder(Maker):
    name: str = "adder"
    number: float = 2.0

    @job
    def make(self, a):
        return a + self.number


def fan(folder, width, depth, seconds=0.0):
    """A graph of `width` chains of `depth` steps, gathered by one job."""
    jobs, ends = [], []
    for i in range(width):
        last = ()
        for k in range(depth):
            jobs.append(step(folder, f"{i}-{k}", *last, seconds=seconds))
            last = (jobs[-1].output,)
        ends += last
    jobs.append(total(ends))
    return Flow(jobs, output=jobs[-1].output)


@job
def passed_on(structure):
    return structure
