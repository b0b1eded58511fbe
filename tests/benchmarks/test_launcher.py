"""What the launcher costs beside jobflow's own manager, what an argument costs, what a second core brings.

Each figure is measured with its peer in the same run; the ratio is the result (`pytest -m benchmark -s`).
"""

import os
import sys
import time
from pathlib import Path

import pytest
from jobflow import Flow, JobStore, run_locally
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from interlith.launchers.local.manager import run
from interlith.launchers.stores.sqlite import SQLiteStore
from interlith.structures.geometry import to_text

pytestmark = [pytest.mark.benchmark, pytest.mark.filterwarnings("ignore:Some jobs are not connected")]


@pytest.fixture
def jobs(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "launchers"))
    import launcher_jobs

    return launcher_jobs


def structure_of_160_atoms():
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.03), ["Li", "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    return cell.make_supercell([5, 2, 2], in_place=False).perturb(0.05)


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def launched(flow, workspace, workers=1):
    """Seconds from the first completed job to the last, and from the call to the first started job."""
    moments = []
    began = time.perf_counter()
    assert run(flow, workspace, workers=workers, on_event=lambda e: moments.append((e.kind, time.perf_counter()))).ok
    completed = [moment for kind, moment in moments if kind == "completed"]
    return completed[-1] - completed[0], completed[0] - began


def test_overhead_per_job(jobs, tmp_path, record_property):
    n = 150

    def chain():
        made = [jobs.add(0)]
        for _ in range(n - 1):
            made.append(jobs.add(made[-1].output))
        return Flow(made)

    def peer():
        with JobStore(SQLiteStore(tmp_path / "peer.db")) as store:
            run_locally(chain(), store=store, log=False, ensure_success=True)

    theirs = seconds(peer) / n
    ours, start = launched(chain(), tmp_path / "w")
    ours /= n - 1
    report(record_property, run_locally_ms=1e3 * theirs, launcher_ms=1e3 * ours, ratio=ours / theirs, start_s=start)
    assert ours - theirs < 0.05, "issue: at most tens of milliseconds on a busy machine, 10 ms on a quiet one"


def test_a_structure_as_text_costs_little(jobs, tmp_path, record_property):
    n = 30
    structure = structure_of_160_atoms()
    assert len(structure) == 160
    text = to_text(AseAtomsAdaptor.get_atoms(structure))

    def cost(name, make):
        """Seconds a job for building the flow, entering and running it."""
        built = seconds(lambda: flows.append(Flow([jobs.passed_on(make()) for _ in range(n)])))
        peer = seconds(lambda: run_locally(flows[-1], store=JobStore(SQLiteStore(tmp_path / f"{name}.db")), log=False))
        entered = seconds(lambda: flows.append(Flow([jobs.passed_on(make()) for _ in range(n)])))
        ours, _ = launched(flows[-1], tmp_path / name)
        return (built + peer) / n, (entered + ours) / n

    flows = []
    nothing, as_text, as_structure = cost("none", lambda: 0), cost("text", lambda: text), cost("pmg", structure.copy)
    text_ms, structure_ms = (
        [1e3 * (c - z) for c, z in zip(cost_, nothing, strict=True)] for cost_ in (as_text, as_structure)
    )
    report(
        record_property,
        run_locally_text_ms=text_ms[0],
        run_locally_structure_ms=structure_ms[0],
        launcher_text_ms=text_ms[1],
        launcher_structure_ms=structure_ms[1],
    )
    assert text_ms[0] <= 10


def test_two_workers_on_two_cores(jobs, tmp_path, record_property):
    load = os.getloadavg()[0]

    def computed(workers):
        return run(Flow([jobs.burn(4.0) for _ in range(8)]), tmp_path / f"{workers}", workers=workers).wall_s

    times = {workers: computed(workers) for workers in (1, 2)}
    speed_up = times[1] / times[2]
    report(record_property, one_worker_s=times[1], two_workers_s=times[2], speed_up=speed_up, load_before=load)
    if load < 0.3:
        assert speed_up > 1.8
    else:
        print(f"the machine was busy (load {load:.1f}): no verdict", file=sys.stderr)


def report(record_property, **figures):
    for name, value in figures.items():
        record_property(name, value)
    print("\n  " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()), file=sys.stderr)
