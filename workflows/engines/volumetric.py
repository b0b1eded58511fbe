"""Densities from files: Gaussian cubes, and VASP's CHGCAR, AECCAR and their like."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Bohr
from numpy.typing import NDArray
from pymatgen.io.ase import AseAtomsAdaptor
from pymatgen.io.vasp import VolumetricData

from interlith.analysis.densities import Density, check_density
from interlith.structures.errors import RequestError

CUBES = (".cube", ".cub")
VASP_NAMES = ("CHGCAR", "CHG", "AECCAR", "PARCHG", "ELFCAR")
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
    file = Path(path)
    if not file.is_file():
        raise RequestError(f"no file {file}", "density", "check the path")
    density = _cube(file) if file.suffix.lower() in CUBES else _vasp(file)
    check_density(density, str(file))
    return density


def _vasp(file: Path) -> Density:
    """Read a file of VASP's form: values are density times volume."""
    if not file.name.upper().startswith(VASP_NAMES) and file.suffix.lower() != ".vasp":
        raise RequestError(
            f"{file.name} is not known as a density", str(file), f"name it {CUBES[0]} for a cube, or CHGCAR… for VASP's"
        )
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
