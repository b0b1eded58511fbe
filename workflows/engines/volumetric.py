"""Densities from and to files: Gaussian cubes, and from VASP's CHGCAR, AECCAR and their like."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from numpy.typing import NDArray
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import VolumetricData

from interlith.analysis.densities import Density, check_density
from interlith.structures.errors import RequestError

CUBES = (".cube", ".cub")
VASP_NAMES = ("CHGCAR", "CHG", "AECCAR", "PARCHG", "ELFCAR")
POTENTIAL_NAMES = ("LOCPOT",)
HEADER_LINES = 6


def read_density(path: str | Path) -> Density:
    """Read an electron density.

    A cube's origin is honoured, its units told by the sign of its numbers of points (negative: Å), and its second
    column taken as nuclear charges unless it is all zero. A CHGCAR says nothing of nuclear charges. Of several data
    sets (spin) the first is the density.

    Parameters
    ----------
    path
        A cube (``.cube``, ``.cub``), or a file whose name begins as VASP's do.

    Raises
    ------
    RequestError
        No such file, neither form, values missing or too many, or values that are no finite numbers.
    """
    density = _field(Path(path), VASP_NAMES)
    check_density(density, str(path))
    return density


def read_potential(path: str | Path) -> Density:
    """Read the potential of an electron, eV: a cube in Hartree, or VASP's LOCPOT in eV.

    Raises
    ------
    RequestError
        As :func:`read_density`.
    """
    field = _field(Path(path), POTENTIAL_NAMES)
    cube = Path(path).suffix.lower() in CUBES
    unit = Hartree * Bohr**3 if cube else field.atoms.get_volume()
    check_density(field, str(path))
    return field.with_values(field.values_e_A3 * unit)


def _field(file: Path, names: tuple[str, ...]) -> Density:
    """Read a file of either form; values as those of a density."""
    if not file.is_file():
        raise RequestError(f"no file {file}", "density", "check the path")
    if file.suffix.lower() in CUBES:
        return _cube(file)
    if not file.name.upper().startswith(names) and file.suffix.lower() != ".vasp":
        raise RequestError(
            f"{file.name} is not known as {'a density' if names is VASP_NAMES else 'a potential'}",
            str(file),
            f"name it {CUBES[0]} for a cube, or {names[0]}… for VASP's",
        )
    return _vasp(file)


def _vasp(file: Path) -> Density:
    """Read a file of VASP's form: values are density times volume."""
    try:
        with warnings.catch_warnings(action="ignore"):  # pymatgen's: elements are read from the file itself
            poscar, data, _ = VolumetricData.parse_file(str(file))
    except (ValueError, IndexError, KeyError, UnicodeDecodeError, AttributeError) as fault:
        raise RequestError(f"not a whole CHGCAR: {fault}", str(file), "copy it again") from None
    if "total" not in data:
        raise RequestError("a CHGCAR without a density", str(file), "copy it again")
    structure = poscar.structure
    plain = AseAtomsAdaptor.get_atoms(structure)
    atoms = Atoms(plain.numbers, plain.positions, cell=plain.cell, pbc=True)
    return Density(np.ascontiguousarray(data["total"]) / structure.volume, atoms, np.zeros(3))


def _cube(file: Path) -> Density:
    """Read a Gaussian cube: two lines of comment, the grid, the atoms, the values with z fastest."""
    with file.open() as text:
        try:
            header = [text.readline() for _ in range(HEADER_LINES)]
            count, origin = _count_and_vector(header[2])
            grid = [_count_and_vector(line) for line in header[3:6]]
            atoms = np.array([[float(x) for x in text.readline().split()[:5]] for _ in range(abs(count))])
            if count < 0:  # orbitals: a line with their number and indices
                text.readline()
            values = np.array(text.read().split(), dtype=np.float64)
        except (ValueError, IndexError, UnicodeDecodeError) as fault:
            raise RequestError(f"not a cube: {fault}", str(file), "export it again") from None
    return _of_cube(file, (origin, grid), atoms.reshape(abs(count), -1), values)


def _of_cube(
    file: Path,
    frame: tuple[NDArray[np.float64], list[tuple[int, NDArray[np.float64]]]],
    rows: NDArray[np.float64],
    values: NDArray[np.float64],
) -> Density:
    origin, grid = frame
    shape = tuple(abs(n) for n, _ in grid)
    unit = 1.0 if grid[0][0] < 0 else Bohr
    if not rows.size or rows.shape[1] != 5:
        raise RequestError("a cube without atoms", str(file), "export it with its atoms")
    if values.size != np.prod(shape):
        n, m, k = shape
        expected = f"{n} x {m} x {k} = {n * m * k}"
        raise RequestError(
            f"a cube of {values.size} values, its header says {expected}", str(file), "copy or export it again"
        )
    cell = np.array([n * step * unit for n, (_, step) in zip(shape, grid, strict=True)])
    atoms = Atoms(rows[:, 0].astype(int), rows[:, 2:] * unit, cell=cell, pbc=True)
    charges = rows[:, 1] if rows[:, 1].any() else None
    return Density(values.reshape(shape) / unit**3, atoms, origin * unit, charges)


def _count_and_vector(line: str) -> tuple[int, NDArray[np.float64]]:
    words = line.split()
    return int(words[0]), np.array([float(x) for x in words[1:4]])


def write_cube(density: Density, path: str | Path, comment: str = "") -> Path:
    """Write a field as a Gaussian cube, whole or not at all, and return where.

    Parameters
    ----------
    density
        In e/Å³, written in e/bohr³; six figures of each value. Nuclear charges are the second column of the atoms, 0
        where they are not known.
    path
        Of the file.
    comment
        First line of the file.
    """
    file, values = Path(path), density.values_e_A3 * Bohr**3
    charges = np.zeros(len(density.atoms)) if density.nuclear_charges is None else density.nuclear_charges
    grid = [(len(density.atoms), density.origin_A)]
    grid += [(n, vector / n) for n, vector in zip(values.shape, density.cell_A, strict=True)]
    lines = [" ".join(comment.split()), "electrons per cubic bohr, z runs fastest"]
    lines += [_row(count, vector) for count, vector in grid]
    for number, charge, place in zip(density.atoms.numbers, charges, density.atoms.positions, strict=True):
        lines.append(_row(int(number), place, f"{charge:12.6f}"))
    per_line = [6] * (values.shape[2] // 6) + [values.shape[2] % 6] * (values.shape[2] % 6 > 0)
    column = "".join("%13.5E" * n + "\n" for n in per_line)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("w") as text:
            text.write("\n".join(lines) + "\n")
            for plane in values:
                text.write(column * len(plane) % tuple(plane.ravel().tolist()))
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return file


def _row(count: int, vector_A: NDArray[np.float64], between: str = "") -> str:
    return f"{count:5d}{between}" + "".join(f"{x:16.9f}" for x in vector_A / Bohr)
