"""The whole path from the command line: a real interface with a real (classical) engine, in seconds."""

import json
import os
import shutil
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from interlith.launchers.cli import invoke
from interlith.structures.errors import ComputationError
from interlith.structures.library import crystal_path
from interlith.workflows.presets import PRESETS

QUICK = ["--preset", "quick", "--engine", "emt"]
REGISTRIES = PRESETS["quick"].registries
N_JOBS = 15 + REGISTRIES


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A workspace in which al-cu has been computed."""
    folder = tmp_path_factory.mktemp("run") / "ws"
    assert invoke(["run", "al-cu", *QUICK, "--workspace", str(folder), "--json"]) == 0
    return folder


def test_al_cu_ends_with_a_table_a_picture_and_the_next_command(outcome, workspace):
    status, out, err = outcome("run", "al-cu", *QUICK, "--workspace", workspace)
    assert status == 0
    for expected in (
        "interfacial_formation_energy",
        "J/m²",
        "registries",
        "surrogate",
        "Caveat",
        f"Registries relaxed: {REGISTRIES}",
    ):
        assert expected in out
    assert "Next: interlith " in out.splitlines()[-1]
    files = [Path(line.strip()) for line in out.splitlines() if line.startswith("  /")]
    assert {file.suffix for file in files} == {".png", ".extxyz", ".json"}
    assert all(file.stat().st_size > 1000 for file in files)
    # nothing is computed twice: no job starts, no force is called
    assert "started" not in err and "force calls" not in err
    assert len(list((workspace / "runs").iterdir())) == N_JOBS


def test_json_is_one_document_and_the_same_record(outcome, workspace):
    status, out, _ = outcome("run", "al-cu", *QUICK, "--workspace", workspace, "--json")
    assert status == 0
    (answer,) = json.loads(out)
    values = {row["quantity"]: row["value"] for row in answer["results"]}
    assert -3 < values["interfacial_formation_energy"] < 0
    assert values["interfacial_formation_energy"] >= values["interfacial_formation_energy_frozen"]
    assert answer["converged"] and not answer["contact"]["reacted"]
    assert answer["published"] == []
    assert len(answer["registries"]) >= 1
    relaxed = read(next(file for file in answer["files"] if file.endswith("relaxed.extxyz")))
    assert set(relaxed.arrays["side"]) == {0, 1}

    _, out, err = outcome("results", "--workspace", workspace, "--json")
    rows = json.loads(out)
    assert {row["record"] for row in rows} == {answer["record"]} and err == ""
    assert {row["quantity"]: row["value"] for row in rows} == values
    assert all(row["surrogate"] and row["engine"] == "emt" for row in rows)


def test_results_are_filtered_and_shown(outcome, refusal, workspace):
    _, out, _ = outcome("results", "--workspace", workspace, "--quantity", "work_of_separation", "--json")
    (row,) = json.loads(out)
    assert row["value"] > 0
    status, out, _ = outcome("results", "show", "al-cu", "--workspace", workspace)
    assert status == 0 and "work_of_separation" in out
    status, out, _ = outcome("results", "show", row["record"][:8], "--workspace", workspace, "--json")
    assert status == 0 and json.loads(out)["system"] == "al-cu"
    none_here = ("results", "--workspace", workspace, "--engine", "sevennet-0")
    assert outcome(*none_here, "--json") == (0, "[]\n", "")
    assert "the engines here are emt" in outcome(*none_here)[2]
    assert "unknown quantity 'work'" in refusal("results", "--workspace", workspace, "--quantity", "work")
    assert "unknown record 'li-lif'" in refusal("results", "show", "li-lif", "--workspace", workspace)


def test_status_counts_the_jobs_and_retry_has_nothing_to_do(outcome, workspace):
    _, out, _ = outcome("status", "--workspace", workspace, "--json")
    jobs = json.loads(out)
    assert {job["state"] for job in jobs} == {"COMPLETED"} and len(jobs) == N_JOBS
    status, out, _ = outcome("status", "--workspace", workspace)
    assert status == 0 and "completed" in out
    status, out, _ = outcome("retry", "--workspace", workspace)
    assert status == 0 and "No job had failed" in out


def test_a_failed_job_is_told_in_one_line_with_its_folder(outcome, refusal, tmp_path):
    command = ["run", "al-cu", *QUICK, "interface.max_area_A2=1", "--workspace", tmp_path / "ws"]
    told = refusal(*command, status=1)
    assert "no match within 1 Å²" in told and str(tmp_path / "ws" / "runs") in told and "interlith retry" in told
    status, out, _ = outcome("status", "--workspace", tmp_path / "ws", "--json")
    states = {job["state"]: job for job in json.loads(out)}
    assert status == 0 and {"FAILED", "BLOCKED"} <= set(states)
    assert "no match" in states["FAILED"]["why"] and Path(states["FAILED"]["folder"]).is_dir()
    status, out, _ = outcome("status", "--workspace", tmp_path / "ws")
    assert status == 0 and "Next: interlith retry" in out
    assert "no match" in refusal("retry", "--workers", 1, "--workspace", tmp_path / "ws", status=1)


def test_one_system_that_fails_does_not_stop_the_others(outcome, monkeypatch):
    def computed(plan, chosen, as_json) -> dict:
        if plan.spec.name == "li-cu":
            raise ComputationError("no luck with Li", "a job")
        return {"system": plan.spec.name}

    monkeypatch.setattr("interlith.launchers.verbs.run.computed", computed)
    status, out, err = outcome("run", "li-cu", "al-cu", "--engine", "chgnet", "--json")
    assert status == 1 and json.loads(out) == [{"system": "al-cu"}]
    assert err.splitlines()[0] == "li-cu: no luck with Li (a job)"
    assert err.splitlines()[-1].startswith("error: 1 of 2 systems failed: li-cu (")


def test_dry_run_computes_nothing_and_prints_the_graph(outcome, tmp_path):
    status, out, err = outcome("run", "al-cu", *QUICK, "--dry-run", "--workspace", tmp_path / "ws")
    assert (status, err) == (0, "") and "build after bulk Al, bulk Cu" in out
    _, out, _ = outcome("run", "al-cu", *QUICK, "--dry-run", "--json")
    (document,) = json.loads(out)
    assert document["mermaid"].startswith("flowchart") and len(document["jobs"]) == N_JOBS
    assert not (tmp_path / "ws").exists() and not Path("interlith-workspace").exists()


def test_what_is_asked_decides_the_key_of_a_run(outcome):
    def key(*arguments) -> str:
        status, out, err = outcome("run", *arguments, "--dry-run", "--json")
        assert status == 0, err
        return json.loads(out)[0]["key"]

    plain = key("al-cu", *QUICK)
    assert key("al-cu", *QUICK) == plain
    others = {
        key("al-cu", *QUICK, "side_a.thickness_A=11"),
        key("al-cu", "--engine", "emt"),
        key("al-cu", "--preset", "quick"),
    }
    assert plain not in others - {key("al-cu", "--preset", "quick")} and len(others | {plain}) == 3


def test_two_files_make_a_system(outcome, tmp_path):
    for name in ("Al", "Cu"):
        shutil.copy(crystal_path(name), tmp_path / f"my-{name}.cif")
    sides = ["--a", "my-Al.cif", "--b", "my-Cu.cif", "--miller-a", "-110", "--miller-b", "1-10"]
    status, out, _ = outcome("build", *sides, "-o", "models", "--json")
    assert status == 0
    (row,) = json.loads(out)
    atoms = read(row["file"])
    assert row["n_atoms"] == len(atoms) and row["formula"] == atoms.get_chemical_formula()
    assert sorted(row["side_a"] + row["side_b"]) == list(range(len(atoms)))
    assert set(atoms[row["side_a"]].get_chemical_symbols()) == {"Al"}
    distances = atoms.get_all_distances(mic=True)
    assert row["min_distance_A"] == pytest.approx(distances[distances > 0].min(), abs=1e-3)
    assert row["area_A2"] == pytest.approx(np.linalg.norm(np.cross(*atoms.cell.array[:2])), abs=1e-3)
    assert {Path(file).suffix for file in row["files"]} == {".extxyz", ".poscar", ".cif", ".png"}
    assert [len(read(file)) for file in row["files"][1:3]] == [len(atoms)] * 2


def test_registries_are_built_and_ranked_by_an_engine(outcome):
    status, out, _ = outcome("build", "al-cu", *QUICK, "--json")
    rows = json.loads(out)
    energies = [row["energy_eV"] for row in rows]
    assert status == 0 and energies == sorted(energies)
    assert len({row["file"] for row in rows}) == len(rows)


def test_a_scan_ranks_faces_and_draws_them(outcome):
    status, out, _ = outcome("scan", "--a", "Al", "--b", "Cu", "--max-miller", 1, "--max-area", 40, "--json")
    rows = json.loads(out)
    areas = [row["area_A2"] for row in rows]
    assert status == 0 and areas == sorted(areas) and max(areas) <= 40
    assert all(abs(row["max_strain_percent"]) <= 5 for row in rows)
    assert Path(rows[0]["picture"]).stat().st_size > 1000
    arguments = ["--a", "Al", "--b", "Cu", "--max-miller", 1, "--max-area", 30, "--engine", "emt"]
    status, out, _ = outcome("scan", *arguments)
    assert status == 0 and "rigid E_form" in out and "Next: interlith run --a Al --b Cu" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["scan", "--a", "Li"], "a scan needs two crystals"),
        (["scan", "--a", "Lii", "--b", "LiF"], "unknown crystal 'Lii'"),
        (["scan", "--a", "Al", "--b", "Cu", "--max-miller", "1", "--max-strain", "1e-9"], "match within"),
        (["build", "--a", "nowhere.cif", "--b", "Cu", "--miller-a", "100", "--miller-b", "100"], "nowhere.cif"),
        (["build", "al-cu", "interface.max_area_A2=3"], "match"),
        (["build", "al-cu", "interface.max_atoms=3"], "3"),
    ],
)
def test_geometry_that_cannot_be_is_one_line(refusal, arguments, line):
    assert line in refusal(*arguments)


def test_overlapping_atoms_are_refused_by_name(refusal, tmp_path):
    (tmp_path / "POSCAR").write_text("two on one\n1.0\n4 0 0\n0 4 0\n0 0 4\nAl\n2\nDirect\n0 0 0\n0.01 0 0\n")
    sides = ["--a", "POSCAR", "--b", "Cu", "--miller-a", "100", "--miller-b", "100"]
    assert "POSCAR" in refusal("build", *sides)


def test_a_foreign_folder_is_left_alone(refusal, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("\\section{}")
    assert "chapter.tex" in refusal("run", "al-cu", *QUICK, "--workspace", "thesis")
    assert [file.name for file in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unwritable for root")
def test_an_unwritable_folder_is_refused(refusal, tmp_path):
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert "locked" in refusal("run", "al-cu", *QUICK, "--workspace", "locked")


def test_a_file_in_the_place_of_the_workspace_is_refused(refusal, tmp_path):
    (tmp_path / "ws").write_text("")
    assert str(tmp_path / "ws") in refusal("run", "al-cu", *QUICK, "--workspace", "ws")


@pytest.mark.parametrize("name", ["interlith.db", "state.db"])
def test_a_damaged_store_is_one_line(refusal, workspace, tmp_path, name):
    shutil.copytree(workspace, tmp_path / "copy")
    for extra in (tmp_path / "copy").glob(f"{name}-*"):
        extra.unlink()
    (tmp_path / "copy" / name).write_bytes(b"no database" * 1000)
    assert name in refusal("results", "--workspace", "copy")
    assert name in refusal("run", "al-cu", *QUICK, "--workspace", "copy")


def test_a_store_of_another_program_is_refused(refusal, tmp_path):
    (tmp_path / "ws").mkdir()
    with sqlite3.connect(tmp_path / "ws" / "state.db") as database:
        database.execute("CREATE TABLE diary (day TEXT)")
    database.close()
    assert "state.db" in refusal("results", "--workspace", "ws")
