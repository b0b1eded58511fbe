"""`interlith build` of every kind of system: files, pictures, and rows that say what a model is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from interlith.launchers.models import EMPTY

pytestmark = pytest.mark.usefixtures("own_home")
ROW = {
    "system",
    "file",
    "files",
    "n_atoms",
    "formula",
    "min_distance_A",
    "approximated",
    "warnings",
    "energy_eV",
    *EMPTY,
}


def rows_of(outcome, *arguments):
    status, out, err = outcome("build", *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


def test_a_system_of_molecules_is_each_molecule_and_its_complexes(outcome):
    rows = rows_of(outcome, "litfsi-pdol", "-o", "models")
    by_file = {Path(row["file"]).stem.removeprefix("litfsi-pdol-"): row for row in rows}
    assert set(by_file) == {"LiTFSI", "P-DOL", "Li+", "TFSI-", "P-DOL+LiTFSI", "P-DOL+Li+"}
    for row in rows:
        assert set(row) >= ROW
        assert {row[key] for key in ("area_A2", "side_a", "side_b", "n_interfaces", "terminations")} == {None}
        atoms = read(row["file"])
        assert len(atoms) == row["n_atoms"]
        assert not atoms.pbc.any()
    assert by_file["P-DOL+Li+"]["charge_e"] == 1
    assert by_file["P-DOL+LiTFSI"]["n_atoms"] == by_file["P-DOL"]["n_atoms"] + by_file["LiTFSI"]["n_atoms"]


def test_a_molecule_of_ones_own_stands_on_a_slab(outcome):
    (row,) = rows_of(outcome, "--a", "Li", "--miller-a", "100", "--b", "COC", "--preset", "quick", "-o", "models")
    assert set(row) >= ROW
    atoms = read(row["file"])
    assert row["side_a"] + row["side_b"] == list(range(len(atoms)))
    assert set(atoms.symbols[row["side_a"]]) == {"Li"}
    assert atoms[row["side_b"]].get_chemical_formula() == row["formula_b"] == "C2H6O"
    assert row["strain_a_percent"] == 0.0
    assert row["strain_b_percent"] is None
    endings = sorted(Path(file).suffix for file in row["files"])
    assert endings == [".cif", ".extxyz", ".png", ".poscar"]
    for file in row["files"]:
        assert Path(file).stat().st_size > 0
    assert np.allclose(read(row["files"][1], format="vasp").cell.cellpar(), atoms.cell.cellpar(), atol=1e-4)


def test_a_setting_reaches_the_molecule(outcome):
    rows = [
        rows_of(outcome, "--a", "Li", "--miller-a", "100", "--b", "[*]CCO[*]", f"side_b.n={n}", "-o", f"models{n}")[0]
        for n in (1, 2)
    ]
    assert [row["formula_b"] for row in rows] == ["C2H6O", "C4H10O2"]


def test_one_system_that_cannot_be_built_stops_no_other(outcome):
    status, out, err = outcome("build", "al-cu", "li-cu", "interface.max_atoms=30", "-o", "models", "--json")
    assert status == 2
    assert [row["system"] for row in json.loads(out)] == ["li-cu"]
    assert "al-cu: " in err
    assert "1 of 2 systems were not built: al-cu" in err


def test_what_was_approximated_is_printed(outcome):
    status, out, _ = outcome(
        "build", "--a", "LiF", "--miller-a", "100", "--b", "P-DOL", "--preset", "quick", "-o", "models"
    )
    assert status == 0
    assert "approximated: side A: cut (1 0 0)" in out
    assert "P-DOL (C5H12O3, 1 unit)" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--a", "Li", "--miller-a", "100", "--b", "not a molecule"], "not a molecule"),
        (["--a", "Li", "--miller-a", "100", "--b", "COC", "--miller-b", "100"], "no face"),
        (["--a", "COC", "--miller-a", "100", "--b", "Li", "--miller-b", "100"], "side A"),
        (["li-pdol", "adlayer.max_atoms=20"], "max_atoms"),
        (["li-pdol", "side_b.n=0"], "side_b.n"),
        (["li-pdol", "side_b.conformer=50"], "conformer 50"),
        (["levels-electrolyte", "molecules.1.conformer=50"], "conformer 50"),
        (["--a", "Li", "--miller-a", "100", "--b", ""], "--b is empty"),
    ],
)
def test_what_cannot_be_built_is_one_line(refusal, arguments, told):
    assert told in refusal("build", *arguments, "-o", "models")
    assert not Path("models").exists()
