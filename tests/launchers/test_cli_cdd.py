"""`interlith cdd` on files that anybody may have."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr, Hartree
from density_cases import gaussian_density

from interlith.launchers.cli import invoke
from interlith.workflows.engines.volumetric import read_density, write_cube

CELL = [[4.0, 0.0, 0.0], [1.2, 3.8, 0.0], [0.0, 0.0, 14.0]]
STEP_A = 0.25


@pytest.fixture
def contact():
    """Mg over O, 0.3 e on their way down."""
    return Atoms("OMg", [(2.0, 1.5, 5.0), (2.0, 1.5, 8.0)], cell=CELL, pbc=True)


@pytest.fixture
def cubes(contact, tmp_path):
    """Write the densities of both and of each."""
    files = []
    for name, part, electrons in (("ab", [0, 1], [6.3, 5.7]), ("a", [0], [6.0]), ("b", [1], [6.0])):
        density = gaussian_density(
            contact[part], electrons, [0.45] * len(part), step_A=STEP_A, nuclear=[6.0] * len(part)
        )
        files.append(str(write_cube(density, tmp_path / f"{name}.cube")))
    return files


@pytest.fixture
def arguments(cubes, tmp_path):
    """Name the cubes, and themselves as reference: six electrons of Mg have their maximum at the nucleus here."""
    return ["cdd", *cubes, "--reference", cubes[0], "-o", str(tmp_path / "out")]


def test_numbers_cube_and_pictures_come_out(arguments, cubes, tmp_path, capfd):
    assert invoke([*arguments, "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    transfers = {one["partition"]: one for one in told["transfers"]}
    assert {name: one["b_lost_e"] for name, one in transfers.items()} == pytest.approx(
        {"bader": 0.3, "hirshfeld": 0.3, "plane": 0.3}, rel=0.01
    )
    assert all(one["b_lost_e"] > one["noise_e"] for one in transfers.values())
    assert transfers["bader"]["per_nm2"] == pytest.approx(0.3 * 100 / (4.0 * 3.8), rel=0.01)
    assert [atom["charge_e"] for atom in told["atoms"]] == pytest.approx([-0.3, 0.3], rel=0.01)
    delta = read_density(told["files"]["difference"])
    whole, a, b = (read_density(file).values_e_A3 for file in cubes)
    assert np.allclose(delta.values_e_A3, whole - a - b, atol=1e-5)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"difference.cube", "difference.png", "profile.png"}
    assert told["vacuum"] is None


def test_a_person_reads_the_transfer_and_its_noise(arguments, capfd):
    assert invoke(arguments) == 0
    told = capfd.readouterr().out
    assert "e from B to A" in told
    assert "agree in sign" in told
    assert "difference.png" in told


def test_nothing_moved_reads_as_zero_within_noise(cubes, tmp_path, capfd):
    whole, a, b = (read_density(file) for file in cubes)
    untouched = write_cube(whole.with_values(a.values_e_A3 + b.values_e_A3), tmp_path / "untouched.cube")
    files = [str(untouched), *cubes[1:]]
    assert invoke(["cdd", *files, "--reference", files[0], "-o", str(tmp_path)]) == 0
    assert capfd.readouterr().out.count("zero within noise (±0.001 e)") == 3


def test_a_potential_gives_work_functions(arguments, contact, tmp_path, capfd):
    well = gaussian_density(contact, [-60.0, -60.0], [0.5, 0.5], step_A=STEP_A)
    in_hartree = well.with_values((well.values_e_A3 + 2.0) / (Hartree * Bohr**3))
    file = write_cube(in_hartree, tmp_path / "v.cube")
    assert invoke([*arguments, "--potential", str(file), "--fermi", "-2.5", "--json"]) == 0
    vacuum = json.loads(capfd.readouterr().out)["vacuum"]
    assert vacuum["upper"]["work_function_eV"] == pytest.approx(4.5, abs=0.01)
    assert vacuum["step_eV"] == pytest.approx(0.0, abs=0.01)
    assert (tmp_path / "out" / "potential.png").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda files, out: [files[0], files[1], files[1]], "is no atom of A|B"),
        (lambda files, out: [files[0], "nowhere.cube", files[2]], "no file nowhere.cube"),
        (lambda files, out: [*files, "--fermi", "1.0"], "a Fermi level without a potential"),
        (lambda files, out: [*files, "--valence", "O=6"], "no charge for Mg"),
        (lambda files, out: [files[0], files[1], other_grid(out)], "grids of (16, 16, 56) and (8, 8, 28) points"),
        (lambda files, out: [files[0], files[1], other_cell(out)], "cells differ by up to 0.5 Å"),
        (lambda files, out: [files[0], files[1], cut_short(files[2], out)], "values, its header says"),
        (lambda files, out: [richer(files[0], out), *files[1:]], "A|B holds 1.200 electrons more than A and B"),
        (lambda files, out: [*files, "--isovalue", "90"], None),
    ],
)
def test_a_wrong_request_is_one_line_and_leaves_nothing(cubes, tmp_path, capfd, change, told):
    out = tmp_path / "out"
    status = invoke(["cdd", *change(cubes, tmp_path), "--reference", cubes[0], "-o", str(out)])
    error = capfd.readouterr().err.strip()
    if told is None:
        assert status == 0
        return
    assert status == 2
    assert told in error
    assert len(error.splitlines()) == 1
    assert not out.exists()


def other_grid(folder):
    density = gaussian_density(Atoms("Mg", [(2.0, 1.5, 8.0)], cell=CELL, pbc=True), [6.0], [0.45], step_A=0.5)
    return str(write_cube(density, folder / "coarse.cube"))


def other_cell(folder):
    cell = [[4.0, 0.0, 0.0], [1.2, 3.8, 0.0], [0.0, 0.0, 14.5]]
    density = gaussian_density(Atoms("Mg", [(2.0, 1.5, 8.0)], cell=cell, pbc=True), [6.0], [0.45], step_A=14.5 / 56)
    return str(write_cube(density.with_values(density.values_e_A3[:16, :16, :56]), folder / "wide.cube"))


def cut_short(file, folder):
    short = folder / "short.cube"
    short.write_text("\n".join(Path(file).read_text().splitlines()[:-5]))
    return str(short)


def richer(file, folder):
    whole = read_density(file)
    return str(write_cube(whole.with_values(1.1 * whole.values_e_A3), folder / "richer.cube"))
