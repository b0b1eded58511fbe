"""A packed layer from the command line: two molecules of water per cell of Cu(100) with EMT, whole, in seconds."""

import json
from pathlib import Path

import pytest
from ase.io import read

from interlith.launchers.cli import invoke

SYSTEM = """
kind = "packed"

[side_a]
crystal = "Cu"
miller = [1, 0, 0]
layers = 2

[[components]]
molecule = "O"
count = 2

[packed]
density_g_cm3 = 0.5
min_edge_A = 5.0
vacuum_A = 6.0

[calculation]
fmax_eV_A = 0.2
"""
QUICK = ["--preset", "quick", "--engine", "ase.calculators.emt.EMT"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("layer")
    (folder / "wet-copper.toml").write_text(SYSTEM)
    return folder


@pytest.fixture(scope="module")
def answer(folder) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        assert invoke(["run", *asked(folder), "--json"]) == 0
    (path,) = (folder / "ws" / "answers").glob("*/record.json")
    return json.loads(path.read_text())


@pytest.fixture(autouse=True)
def own_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.delenv("INTERLITH_WORKSPACE", raising=False)


def asked(folder: Path) -> list[str]:
    return [str(folder / "wet-copper.toml"), *QUICK, "--workspace", str(folder / "ws")]


def test_the_same_command_computes_nothing_twice_and_tells_the_packings(answer, folder, capfd):
    assert invoke(["run", *asked(folder)]) == 0
    out, err = capfd.readouterr()
    assert "started" not in err
    for expected in (
        "(100) below, 2 O (H2O) above",
        "layer packed to 0.500 g/cm³",
        "lower half of the slab held",
        "Packings relaxed: 3 of 3 asked for",
        "the lowest total energy answers",
        "g/cm³ relaxed",
        "0.5   g/cm³",
        "E(slab+layer) − E(slab) − E(layer)",
    ):
        assert expected in out
    files = [Path(line.strip()) for line in out.splitlines() if line.startswith("  /")]
    assert {file.suffix for file in files} == {".png", ".extxyz", ".json"}
    assert all(file.stat().st_size > 500 for file in files)
    relaxed = read(next(file for file in files if file.name == "relaxed.extxyz"))
    assert set(relaxed.arrays["molecule"]) == {-1, 0, 1}


def test_results_has_the_rows_and_the_record_has_the_packings(answer, folder, capfd):
    assert invoke(["results", "--workspace", str(folder / "ws"), "--json"]) == 0
    rows = {row["quantity"]: row for row in json.loads(capfd.readouterr().out)}
    assert {name: row["value"] for name, row in rows.items()} == {
        one["quantity"]: one["value"] for one in answer["quantities"]
    }
    best = answer["placements"][0]
    assert rows["binding_energy"]["value"] == best["binding_energy_eV"]
    assert rows["binding_energy"]["spread"]["kind"] == "placements"
    assert (best["pose"], best["density_before_g_cm3"]) == (None, pytest.approx(0.5))
    assert answer["recipe"]["components"][0]["recipe"]["molecule"] == "O"
    assert invoke(["results", "show", "wet-copper", "--workspace", str(folder / "ws")]) == 0
    assert "Packings relaxed" in capfd.readouterr().out


def test_a_dry_run_says_the_jobs_and_what_was_packed_decides_the_key(folder, capfd):
    keys = []
    for more in ([], ["packed.seed=1"], ["components.1.count=3"]):
        assert invoke(["run", *asked(folder), *more, "--dry-run", "--json"]) == 0
        (document,) = json.loads(capfd.readouterr().out)
        assert {"packing 3", "layer alone 3"} <= {job["job"] for job in document["jobs"]}
        keys.append(document["key"])
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("components.1.molecule=Li+", "the layer's charge is +2 e"),
        ("packed.density_g_cm3=0", "packed.density_g_cm3"),
        ("adlayer.candidates=3", "'adlayer'"),
    ],
)
def test_what_cannot_be_is_one_line(folder, capfd, setting, line):
    assert invoke(["run", *asked(folder), setting]) == 2
    out, err = capfd.readouterr()
    (last,) = [one for one in err.splitlines() if one.startswith("error: ")]
    assert out == "" and line in last, last
