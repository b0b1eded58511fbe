"""A molecule on a slab from the command line: water on Cu(100) with EMT, whole, in seconds."""

import json
from pathlib import Path

import pytest
from ase.io import read

from interlith.launchers.cli import invoke

SIDES = ["--a", "Cu", "--b", "O", "--miller-a", "100"]
SMALL = ["side_a.layers=3", "adlayer.candidates=4", "adlayer.conformers=1", "adlayer.clearance_A=4"]
QUICK = [*SIDES, *SMALL, "--preset", "quick", "--engine", "ase.calculators.emt.EMT"]


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("INTERLITH_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "ws"
    assert invoke(["run", *QUICK, "--workspace", str(folder), "--json"]) == 0
    return folder


def outcome(capfd, *arguments) -> tuple[int, str, str]:
    status = invoke([str(argument) for argument in arguments])
    told = capfd.readouterr()
    return status, told.out, told.err


def refusal(capfd, *arguments) -> str:
    status, out, err = outcome(capfd, *arguments)
    assert (status, out) == (2, ""), err
    (last,) = [line for line in err.splitlines() if line.startswith("error: ")]
    return last


def test_it_ends_with_tables_a_picture_and_the_next_command(workspace, capfd):
    status, out, err = outcome(capfd, "run", *QUICK, "--workspace", workspace)
    assert status == 0
    for expected in (
        "(100) below, O (H2O) above",
        "lower half of the slab held",
        "binding_energy",
        "deformation_energy_molecule",
        "Placements relaxed: 3 of 4 screened by",
        "a reaction took place",
        "Caveat: no dispersion was added",
        "surrogate",
    ):
        assert expected in out
    assert "Next: interlith " in out.splitlines()[-1]
    files = [Path(line.strip()) for line in out.splitlines() if line.startswith("  /")]
    assert {file.suffix for file in files} == {".png", ".extxyz", ".json"}
    assert all(file.stat().st_size > 1000 for file in files)
    assert "started" not in err, "nothing is computed twice"


def test_json_has_the_placements_and_results_has_the_rows(workspace, capfd):
    _, out, _ = outcome(capfd, "run", *QUICK, "--workspace", workspace, "--json")
    (answer,) = json.loads(out)
    values = {row["quantity"]: row["value"] for row in answer["results"]}
    deformations = values["deformation_energy_slab"] + values["deformation_energy_molecule"]
    assert values["binding_energy"] == pytest.approx(values["interaction_energy"] + deformations)
    assert "registries" not in answer
    assert answer["placements"][0]["binding_energy_eV"] == values["binding_energy"]
    relaxed = read(next(file for file in answer["files"] if file.endswith("relaxed.extxyz")))
    assert set(relaxed.arrays["side"]) == {0, 1} and set(relaxed.arrays["molecule"]) == {-1, 0}
    _, out, err = outcome(capfd, "results", "--workspace", workspace, "--json")
    rows = json.loads(out)
    assert err == "" and {row["quantity"]: row["value"] for row in rows} == values
    status, out, _ = outcome(capfd, "results", "show", answer["system"], "--workspace", workspace)
    assert status == 0 and "Placements relaxed" in out


def test_a_dry_run_says_the_jobs_and_the_screening_decides_the_key(capfd):
    keys = []
    for more in ([], ["calculation.screening=chgnet"], ["side_b.seed=1"]):
        status, out, err = outcome(capfd, "run", *QUICK, *more, "--dry-run", "--json")
        assert status == 0, err
        (document,) = json.loads(out)
        assert "screening 4" in [job["job"] for job in document["jobs"]]
        keys.append(document["key"])
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", *SIDES, "--miller-b", "100"], "a molecule has no face"),
        (["run", "--a", "Cu", "--b", "O"], "--miller-a not given (command line); a slab and a molecule need"),
        (["run", "--a", "Cu", "--b", "Al", "--miller-a", "100"], "--miller-b not given (command line); two crystals"),
        (["run", "--a", "Cu", "--b", "PDOLL", "--miller-a", "100"], "no crystal, no file and no molecule"),
        (["run", "--a", "Cu", "--b", "CC(=O", "--miller-a", "100"], "'CC(=O' is no crystal, no file and no molecule"),
        (["run", "--a", "DME", "--b", "O", "--miller-a", "100"], "side A is the crystal below"),
        (["scan", "--a", "Cu", "--b", "DME"], "'DME' is a molecule, a scan is of two crystals (--b)"),
        (["run", *SIDES, "--engine", "emt"], "engine 'emt' does not know"),
        (["run", *SIDES, "--engine", "ase.calculators.emt.EMT+d3bj"], "functional behind it is unknown"),
        (["run", *SIDES, "interface.max_strain=0.1"], "'interface'"),
    ],
)
def test_what_cannot_be_is_one_line(capfd, arguments, line):
    assert line in refusal(capfd, *arguments)


def test_systems_say_what_their_molecules_are(capfd):
    _, out, _ = outcome(capfd, "systems", "--json")
    kinds = {each["system"]: (each["kind"], each["side_a"], list(each["molecules"])) for each in json.loads(out)}
    assert kinds["li-pdol"] == ("adlayer", "Li(100)", ["P-DOL"])
    assert kinds["litfsi"][:2] == ("molecules", None)
    status, out, _ = outcome(capfd, "systems", "li-pdol")
    assert status == 0 and "side B, above: P-DOL" in out and "molecule P-DOL: poly(1,3-dioxolane)" in out
    status, out, _ = outcome(capfd, "systems", "litfsi")
    assert status == 0 and "side A" not in out
