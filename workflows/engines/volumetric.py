"""Densities from and to files: Gaussian cubes, and from VASP's CHGCAR, AECCAR and their like.

Values are read straight into arrays, after the size of the file has shown that they can be there.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from numpy.typing import NDArray
from pymatgen.io.vasp import Poscar

from interlith.analysis.densities import Density, check_density, repeats
from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]

CUBES = (".cube", ".cub")
VASP_NAMES = ("CHGCAR", "CHG", "AECCAR", "PARCHG", "ELFCAR")
POTENTIAL_NAMES = ("LOCPOT",)
LONGEST_LINE = 4096
SHORTEST_VALUE = 2
"""Bytes of a value and what parts it from the next."""
HEAVIEST = 118
SPIN_SETS = 2
"""Data sets of a collinear spin-polarised run: the sum of the spins, and their difference."""


class Fields(NamedTuple):
    """What a file holds: the density, and the spin density where there is one."""

    density: Density
    spin: Density | None


def read_density(path: str | Path, *, periodic: bool | None = None) -> Density:
    """Read an electron density; see `read_fields`."""
    return read_fields(path, periodic=periodic).density


def read_fields(path: str | Path, *, periodic: bool | None = None) -> Fields:
    """Read an electron density, and the spin density where the file has it.

    A cube's origin is honoured, its units told by the sign of its numbers of points (negative: Å), and its second
    column taken as nuclear charges unless it is all zero. A CHGCAR says nothing of nuclear charges.

    Parameters
    ----------
    path
        A cube (``.cube``, ``.cub``), or a file whose name begins as VASP's do.
    periodic
        Whether a cube repeats at its borders; if None, judged along each axis by whether its values go on smoothly
        there (`interlith.analysis.densities.repeats`). VASP's grids repeat always.

    Raises
    ------
    RequestError
        No such file, neither form, values missing or too many, or values that are no finite numbers.
    """
    fields = _fields(Path(path), VASP_NAMES, periodic)
    for field in fields:
        if field is not None:
            check_density(field, str(path))
    return fields


def read_potential(path: str | Path) -> Density:
    """Read the potential of an electron, eV: a cube in Hartree, or VASP's LOCPOT in eV; its grid repeats.

    Raises
    ------
    RequestError
        As :func:`read_density`.
    """
    field = _fields(Path(path), POTENTIAL_NAMES, True).density
    cube = Path(path).suffix.lower() in CUBES
    unit = Hartree * Bohr**3 if cube else field.atoms.get_volume()
    check_density(field, str(path))
    return field.with_values(field.values_e_A3 * unit)


def _fields(file: Path, names: tuple[str, ...], periodic: bool | None) -> Fields:
    """Read a file of either form; values as those of a density."""
    if not file.is_file():
        raise RequestError(f"no file {file}", "density", "check the path")
    cube = file.suffix.lower() in CUBES
    if not cube and not file.name.upper().startswith(names) and file.suffix.lower() != ".vasp":
        raise RequestError(
            f"{file.name} is not known as {'a density' if names is VASP_NAMES else 'a potential'}",
            str(file),
            f"name it {CUBES[0]} for a cube, or {names[0]}… for VASP's",
        )
    with file.open("rb") as raw:
        try:
            return Fields(_cube(raw, file, periodic), None) if cube else _vasp(raw, file)
        except (ValueError, IndexError, KeyError, OverflowError) as fault:
            form = "cube" if cube else f"whole {names[0]}"
            told = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
            raise RequestError(f"not a {form}: {told}", str(file), "export or copy it again") from None


def _line(raw: BinaryIO) -> str:
    """Return the next line; latin-1 reads any byte of a comment."""
    line = raw.readline(LONGEST_LINE)
    if not line:
        raise ValueError("it ends within its header")
    return line.decode("latin-1")


def _values(raw: BinaryIO, file: Path, shape: tuple[int, ...]) -> Floats:
    """Read the values of a grid, flat; not one more is asked for than the file can hold."""
    expected = int(np.prod([int(n) for n in shape], dtype=object))
    told = f"its header says {' x '.join(map(str, shape))} = {expected}"
    room = (file.stat().st_size - raw.tell() + 1) // SHORTEST_VALUE
    if min(shape) < 1 or expected > room:
        raise RequestError(f"no room for the values: {told}, the file has {room} at most", str(file), "export it again")
    with warnings.catch_warnings(action="ignore"):  # numpy's, of a value that is none: the count shows it
        values = np.fromfile(raw, dtype=np.float64, count=expected, sep=" ")
    if values.size != expected:
        raise RequestError(f"{values.size} values, {told}", str(file), "copy or export it again")
    return values


def _cube(raw: BinaryIO, file: Path, periodic: bool | None) -> Density:
    """Read a Gaussian cube: two lines of comment, the grid, the atoms, the values with z fastest."""
    _line(raw), _line(raw)
    count, origin = _count_and_vector(_line(raw))
    grid = [_count_and_vector(_line(raw)) for _ in range(3)]
    shape = tuple(abs(n) for n, _ in grid)
    unit = 1.0 if grid[0][0] < 0 else Bohr
    rows = _atoms(raw, file, abs(count))
    if count < 0 and _line(raw).split()[0] != "1":  # orbitals: a line with their number and indices
        raise RequestError("a cube of several orbitals", str(file), "export one field")
    values = _values(raw, file, shape).reshape(shape)
    if raw.read(LONGEST_LINE).strip():
        raise RequestError(f"more values than its header says, {values.size}", str(file), "export one field")
    values /= unit**3
    cell = np.array([n * step * unit for n, (_, step) in zip(shape, grid, strict=True)])
    pbc = repeats(values) if periodic is None else periodic
    atoms = Atoms(rows[:, 0].astype(int), rows[:, 2:] * unit, cell=cell, pbc=pbc)
    return Density(values, atoms, origin * unit, rows[:, 1] if rows[:, 1].any() else None)


def _atoms(raw: BinaryIO, file: Path, count: int) -> Floats:
    """Read an atom a line: element, nuclear charge, position."""
    if not 0 < count < file.stat().st_size:
        raise RequestError(f"a cube of {count} atoms", str(file), "export it with its atoms")
    rows: list[list[float]] = []
    while len(rows) < count:
        rows.append([float(x) for x in _line(raw).split()])
        if len(rows[-1]) != 5 or not rows[-1][0].is_integer() or not 0 <= rows[-1][0] <= HEAVIEST:
            raise ValueError(f"atom {len(rows)} of {count} is not element, charge, x, y, z")
    return np.array(rows)


def _count_and_vector(line: str) -> tuple[int, Floats]:
    words = line.split()
    if len(words) < 4:
        raise ValueError(f"a count and a vector expected, not {line.strip()[:60]!r}")
    return int(words[0]), np.array([float(x) for x in words[1:4]])


def _vasp(raw: BinaryIO, file: Path) -> Fields:
    """Read a file of VASP's form: a POSCAR, then sets of values (density times volume, x fastest)."""
    atoms = _poscar(raw)
    dimensions = _line(raw)
    while not dimensions.strip():
        dimensions = _line(raw)
    sets = [_vasp_values(raw, file, dimensions) / atoms.get_volume()]
    while _skip_to(raw, dimensions.split()):
        sets.append(_vasp_values(raw, file, dimensions) / atoms.get_volume())
    density = Density(sets[0], atoms, np.zeros(3))
    return Fields(density, density.with_values(sets[1]) if len(sets) == SPIN_SETS else None)


def _poscar(raw: BinaryIO) -> Atoms:
    lines: list[str] = [_line(raw)]
    while lines[-1].strip() or len(lines) == 1:
        lines.append(_line(raw))
    with warnings.catch_warnings(action="ignore"):  # pymatgen's: elements are read from the file itself
        structure = Poscar.from_str("".join(lines)).structure
    numbers = [site.specie.Z for site in structure]
    return Atoms(numbers, structure.cart_coords, cell=structure.lattice.matrix, pbc=True)


def _vasp_values(raw: BinaryIO, file: Path, dimensions: str) -> Floats:
    x, y, z = (int(n) for n in dimensions.split())
    return np.ascontiguousarray(_values(raw, file, (x, y, z)).reshape(z, y, x).T)


def _skip_to(raw: BinaryIO, words: list[str]) -> bool:
    """Read on to the line of the next set's dimensions; return whether there is one."""
    return any(line.split() == [word.encode() for word in words] for line in raw)


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


def _row(count: int, vector_A: Floats, between: str = "") -> str:
    return f"{count:5d}{between}" + "".join(f"{x:16.9f}" for x in vector_A / Bohr)
