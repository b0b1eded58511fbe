"""Densities from files: what a file says comes out, and a spoilt file is refused in one line."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from ase.io.cube import read_cube_data
from ase.io.cube import write_cube as write_with_ase
from ase.units import Bohr, Hartree
from density_cases import gaussian_density, lithium_fluoride
from pymatgen.core import Structure
from pymatgen.io.vasp import Chgcar, Locpot, Poscar

from interlith.structures.errors import RequestError
from interlith.workflows.engines.volumetric import read_density, read_fields, read_potential, write_cube

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
        write_with_ase(text, density.atoms, data=density.values_e_A3 * Bohr**3, origin=density.origin_A)
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


def _with_word(text, line, word, new):
    lines = text.splitlines()
    words = lines[line].split()
    lines[line] = " ".join([*words[:word], new, *words[word + 1 :]])
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text[: len(text) // 2], "its header says"),
        (lambda text: text + " 0.1", "more values than its header says"),
        (lambda text: text.replace("0.0", "nan", 40), "not a finite number|not a cube"),
        (lambda text: "\n".join(text.splitlines()[:4]), "not a cube"),
        (lambda text: _with_word(text, 3, 0, "999999999999"), "its header says"),
        (lambda text: _with_word(text, 2, 0, "999999999999"), "a cube of 999999999999 atoms"),
        (lambda text: _with_word(text, 2, 0, "3"), "not a cube: atom 3 of 3"),
        (lambda text: _with_word(text, 6, 0, "300"), "not a cube: atom 1 of 2"),
        (lambda text: _with_word(text, 6, 0, "3.5"), "not a cube: atom 1 of 2"),
        (lambda text: _with_word(text, 8, 1, "*****"), "1 values, its header says|not a cube"),
        (lambda text: "\n".join([*text.splitlines()[2:8], *text.splitlines()[:2]]), "not a cube"),
        (lambda _: "two words\n", "not a cube"),
        (lambda _: "", "not a cube"),
    ],
)
def test_a_spoilt_cube_is_refused_in_one_line(cube, spoil, told):
    cube.write_text(spoil(cube.read_text()))
    with pytest.raises(RequestError, match=told) as refusal:
        read_density(cube)
    assert "\n" not in str(refusal.value)


def chgcar(folder, density, **more):
    atoms = density.atoms
    structure = Structure(atoms.cell.array, list(atoms.symbols), atoms.positions, coords_are_cartesian=True)
    with warnings.catch_warnings(action="ignore"):
        sets = {"total": density.values_e_A3} | more
        volumetric = Chgcar(Poscar(structure), {name: values * structure.volume for name, values in sets.items()})
        volumetric.write_file(str(folder / "CHGCAR"))
    return folder / "CHGCAR"


def test_the_second_set_of_a_chgcar_is_the_spin(density, tmp_path):
    file = chgcar(tmp_path, density, diff=density.values_e_A3 / 5)
    lines = file.read_text().splitlines()
    second = [k for k, line in enumerate(lines) if line.split() == lines[11].split()][1]
    lines[second:second] = ["augmentation occupancies   1  4", " 0.1 0.2 0.3 0.4", " 0.1 0.2"]
    file.write_text("\n".join(lines))
    read, spin = read_fields(file)
    assert read.total_e == pytest.approx(12.0, abs=1e-6)
    assert spin.total_e == pytest.approx(2.4, abs=1e-6)
    assert read_fields(chgcar(tmp_path, density)).spin is None


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text[: len(text) // 2], "values, its header says"),
        (lambda text: "\n".join(text.splitlines()[:9]), "not a whole CHGCAR"),
        (lambda text: _with_word(text, 11, 1, "99999999999"), "no room for the values"),
        (lambda text: _with_word(text, 11, 1, "-4"), "no room for the values"),
        (lambda text: _with_word(text, 2, 0, "a"), "not a whole CHGCAR"),
        (lambda text: _with_word(text, 6, 0, "7"), "not a whole CHGCAR"),
    ],
)
def test_a_spoilt_chgcar_is_refused_in_one_line(density, tmp_path, spoil, told):
    file = chgcar(tmp_path, density)
    file.write_text(spoil(file.read_text()))
    with pytest.raises(RequestError, match=told) as refusal:
        read_fields(file)
    assert "\n" not in str(refusal.value)


def test_open_and_periodic_cubes_are_told_apart_or_as_said(tmp_path):
    cut = lithium_fluoride()
    cut.set_cell([4.6, 6.0, 6.0])  # the walls cut off Li and F alike
    cut.positions[:, 0] -= 1.4
    whole = gaussian_density(cut, (2.1, 9.9), (0.6, 0.6), step_A=0.1)
    half = whole.values_e_A3.shape[0] // 2
    for values, expected in (
        (whole.values_e_A3, (True, True, True)),
        (np.roll(whole.values_e_A3, half, axis=0), (True, True, True)),
        (np.roll(whole.values_e_A3, half, axis=0)[: 2 * half - 5], (False, True, True)),
    ):
        atoms = cut.copy()
        atoms.cell[0, 0] = 0.1 * len(values)
        file = write_cube(replace(whole, atoms=atoms, values_e_A3=values), tmp_path / "ends.cube")
        assert read_density(file).periodic == expected
        assert read_density(file, periodic=False).periodic == (False, False, False)
        assert read_density(file, periodic=True).periodic == (True, True, True)


@pytest.mark.parametrize("name", ["CHGCAR", "notes.txt", "missing.cube"])
def test_what_is_no_density_is_refused(tmp_path, name):
    if name != "missing.cube":
        (tmp_path / name).write_text("nothing\nhere\n")
    with pytest.raises(RequestError):
        read_density(tmp_path / name)


@pytest.mark.parametrize("nuclear", [None, (1.0, 7.0)])
def test_a_written_cube_comes_back(density, tmp_path, nuclear):
    density = replace(density, nuclear_charges=None if nuclear is None else np.array(nuclear))
    file = write_cube(density, tmp_path / "written.cube", "LiF\nat a distance")
    read = read_density(file)
    assert file.read_text().splitlines()[0] == "LiF at a distance"
    assert np.allclose(read.values_e_A3, density.values_e_A3, rtol=1e-5, atol=1e-12)
    assert np.allclose(read.origin_A, density.origin_A, atol=1e-7)
    assert np.allclose(read.cell_A, density.cell_A, atol=1e-7)
    assert np.allclose(read.atoms.positions, density.atoms.positions, atol=1e-7)
    assert read.atoms.numbers.tolist() == density.atoms.numbers.tolist()
    assert (read.nuclear_charges is None) if nuclear is None else (read.nuclear_charges.tolist() == list(nuclear))


def test_ase_reads_a_written_cube(density, tmp_path):
    values, atoms = read_cube_data(write_cube(density, tmp_path / "written.cube"))
    assert np.allclose(values / Bohr**3, density.values_e_A3, rtol=1e-5, atol=1e-9)
    assert np.allclose(atoms.cell.array, density.cell_A, atol=1e-6)


def test_a_cube_that_cannot_be_written_leaves_nothing(density, tmp_path):
    broken = replace(density, nuclear_charges=np.array([1.0]))
    with pytest.raises(ValueError, match="zip"):
        write_cube(broken, tmp_path / "written.cube")
    assert not list(tmp_path.iterdir())


def test_a_potential_is_in_ev_from_either_file(density, tmp_path):
    potential = density.with_values(density.values_e_A3 - 5.0)
    cube = write_cube(potential.with_values(potential.values_e_A3 / Hartree / Bohr**3), tmp_path / "v.cube")
    assert np.allclose(read_potential(cube).values_e_A3, potential.values_e_A3, atol=1e-4)
    structure = Structure(
        density.cell_A, list(density.atoms.symbols), density.atoms.positions, coords_are_cartesian=True
    )
    Locpot(Poscar(structure), {"total": potential.values_e_A3}).write_file(tmp_path / "LOCPOT")
    assert np.allclose(read_potential(tmp_path / "LOCPOT").values_e_A3, potential.values_e_A3, atol=1e-4)


def test_a_locpot_is_no_density(tmp_path):
    (tmp_path / "LOCPOT").write_text("nothing")
    with pytest.raises(RequestError, match="LOCPOT is not known as a density"):
        read_density(tmp_path / "LOCPOT")
