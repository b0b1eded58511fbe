"""`interlith bader` on files that anybody may have."""

from __future__ import annotations

import json

import pytest
from ase.io.cube import write_cube
from ase.units import Bohr
from density_cases import gaussian_density, lithium_fluoride

from interlith.launchers.cli import invoke


@pytest.fixture
def cubes(tmp_path):
    """Write LiF's valence density, and the same with cores."""
    atoms = lithium_fluoride()
    valence = gaussian_density(atoms, (0.2, 7.8), (0.6, 0.45), step_A=0.15)
    cores = gaussian_density(atoms, (2.0, 2.0), (0.25, 0.25), step_A=0.15)
    files = []
    for name, values in (("valence", valence.values_e_A3), ("whole", valence.values_e_A3 + cores.values_e_A3)):
        files.append(tmp_path / f"{name}.cube")
        with files[-1].open("w") as text:
            write_cube(text, atoms, data=values * Bohr**3)
    return files


def test_charges_come_from_valence_and_reference(cubes, capfd):
    valence, whole = map(str, cubes)
    assert invoke(["bader", valence, "--reference", whole, "--valence", "Li=1,F=7", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert [set(a) >= {"index", "element", "electrons", "charge_e", "volume_A3"} for a in document["atoms"]] == [
        True
    ] * 2
    charges = [a["charge_e"] for a in document["atoms"]]
    assert charges[0] == pytest.approx(0.8, abs=0.15)
    held = sum(a["electrons"] for a in document["atoms"]) + document["vacuum_e"]
    assert held + sum(f["electrons"] for f in document["free_maxima"]) == pytest.approx(document["total_e"], abs=1e-6)


def test_the_table_has_an_atom_a_line(cubes, capfd):
    assert invoke(["bader", str(cubes[1])]) == 0
    told = capfd.readouterr().out
    assert "Li" in told
    assert "grid: 12.0" in told


def test_near_grid_stands_beside_when_asked_for(cubes, capfd):
    assert invoke(["bader", str(cubes[1]), "--cross-check", "--open", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["open_axes"] == "abc"
    assert document["near_grid"]["largest_difference_e"] < 0.2
    assert sum(document["near_grid"]["electrons"]) == pytest.approx(12.0, abs=0.05)


def test_the_table_says_that_cores_made_the_basins(cubes, capfd):
    assert invoke(["bader", str(cubes[0]), "--valence", "Li=1,F=7"]) == 0
    assert "plus spherical all-electron cores" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--valence", "Li"], "names no charges"),
        (["--valence", "Li=1"], "no charge for F"),
        (["--reference", "nowhere.cube"], "no file nowhere.cube"),
    ],
)
def test_a_wrong_request_is_one_line(cubes, capfd, arguments, told):
    assert invoke(["bader", str(cubes[1]), *arguments]) == 2
    error = capfd.readouterr().err.strip()
    assert told in error
    assert len(error.splitlines()) == 1
