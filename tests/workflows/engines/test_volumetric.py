"""Densities from files: what a file says comes out, and a spoilt file is refused in one line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from ase.io.cube import write_cube
from ase.units import Bohr
from density_cases import gaussian_density, lithium_fluoride
from pymatgen.core import Structure
from pymatgen.io.vasp import Chgcar, Poscar

from interlith.structures.errors import RequestError
from interlith.workflows.engines.volumetric import read_density

ORIGIN = (-1.5, 0.25, 3.0)


@pytest.fixture
def density():
    moved = lithium_fluoride()
    moved.translate(ORIGIN)
    return gaussian_density(moved, (2.1, 9.9), (0.4, 0.4), step_A=0.3, origin=ORIGIN)


@pytest.fixture
def cube(density, tmp_path):
    file = tmp_path / "rho.cube"
    with file.open("w") as text:
        write_cube(text, density.atoms, data=density.values_e_A3 * Bohr**3, origin=density.origin_A)
    return file


def test_a_cube_comes_out_as_it_went_in(density, cube):
    read = read_density(cube)
    assert read.total_e == pytest.approx(12.0, abs=1e-3)
    assert np.allclose(read.values_e_A3, density.values_e_A3, atol=1e-5)
    assert np.allclose(read.origin_A, ORIGIN, atol=1e-5)
    assert np.allclose(read.atoms.positions, density.atoms.positions, atol=1e-5)
    assert np.allclose(read.cell_A, density.cell_A, atol=1e-4)


def test_the_second_column_is_the_nuclear_charge_unless_it_is_zero(cube):
    assert read_density(cube).nuclear_charges is None
    lines = cube.read_text().splitlines()
    for k, charge in ((6, 3.0), (7, 9.0)):
        words = lines[k].split()
        lines[k] = " ".join([words[0], str(charge), *words[2:]])
    cube.write_text("\n".join(lines) + "\n")
    assert read_density(cube).nuclear_charges.tolist() == [3.0, 9.0]


def test_negative_counts_mean_angstrom(density, cube):
    lines = cube.read_text().splitlines()
    for k in (3, 4, 5):
        words = lines[k].split()
        lines[k] = " ".join([f"-{words[0]}", *words[1:]])
    cube.write_text("\n".join(lines) + "\n")
    read = read_density(cube)
    assert np.allclose(read.cell_A * Bohr, density.cell_A, atol=1e-4)
    assert read.total_e == pytest.approx(12.0, abs=1e-3)


def test_a_chgcar_is_divided_by_its_volume(tmp_path):
    density = gaussian_density(lithium_fluoride(), (2.1, 9.9), (0.4, 0.4), step_A=0.3)
    atoms = density.atoms
    structure = Structure(atoms.cell.array, list(atoms.symbols), atoms.positions, coords_are_cartesian=True)
    file = tmp_path / "CHGCAR"
    with warnings.catch_warnings(action="ignore"):
        Chgcar(Poscar(structure), {"total": density.values_e_A3 * structure.volume}).write_file(str(file))
    read = read_density(file)
    assert np.allclose(read.values_e_A3, density.values_e_A3, atol=1e-6)
    assert read.total_e == pytest.approx(12.0, abs=1e-6)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text[: len(text) // 2], "its header says"),
        (lambda text: text + " 0.1", "its header says"),
        (lambda text: text.replace("0.0", "nan", 40), "not a finite number|not a cube"),
        (lambda text: "\n".join(text.splitlines()[:4]), "not a cube"),
        (lambda _: "two words\n", "not a cube"),
        (lambda _: "", "not a cube"),
    ],
)
def test_a_spoilt_cube_is_refused_in_one_line(cube, spoil, told):
    cube.write_text(spoil(cube.read_text()))
    with pytest.raises(RequestError, match=told) as refusal:
        read_density(cube)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["CHGCAR", "notes.txt", "missing.cube"])
def test_what_is_no_density_is_refused(tmp_path, name):
    if name != "missing.cube":
        (tmp_path / name).write_text("nothing\nhere\n")
    with pytest.raises(RequestError):
        read_density(tmp_path / name)
