"""Crystals as read: by library name, or from a person's own CIF, POSCAR or extended XYZ."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.io.cif import CifParser
from pymatgen.io.vasp import Poscar
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from interlith.structures import faults, library
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest
from interlith.structures.oxidation import assign_states
from interlith.structures.records import CrystalFacts, Origin

SYMMETRY_TOLERANCE_A = 0.01
COARSEST_TOLERANCE_A = 0.15
MEND_FILE = "mend the file"

# What the readers raise on files that they cannot take; a narrower list would let tracebacks through to the person.
READ_FAULTS = (ValueError, LookupError, TypeError, ArithmeticError, AssertionError, AttributeError, OSError)

# Structure, the formula in the file's header, what was done while reading.
Reading = tuple[Structure, str | None, list[str]]


def load_crystal(name_or_path: str) -> tuple[Structure, CrystalFacts]:
    """Return a crystal in the cell of its file, oxidation states on its species where they are known.

    Parameters
    ----------
    name_or_path
        A name or alias of the library, or the path of a CIF, POSCAR/CONTCAR, or XYZ file with a cell.

    Returns
    -------
    structure, facts
        ``facts.origin.steps`` tells what the reader changed, whether coordinates were symmetrised, and where the
        oxidation states come from.

    Raises
    ------
    RequestError
        When there is no such name or file, or the file cannot be read, or what it holds is no crystal: overlapping or
        missing atoms, an implausible density, a formula that is not that of its atoms, charges that cannot balance.
    """
    path, name, source = _locate(name_or_path)
    text = _text_of(path, name_or_path)
    structure, header, steps = _read(path, name_or_path)
    _refuse_foreign(structure, name_or_path)
    states, provenance = _examine(structure, header, name_or_path)
    structure, repairs = _symmetrised(structure)
    _decorate(structure, states)
    origin = Origin(source=source, sha256=digest(text), steps=(*steps, *repairs, provenance))
    return structure, describe(structure, name, states, origin)


def describe(structure: Structure, name: str, states: dict[str, float] | None, origin: Origin) -> CrystalFacts:
    """Return the facts of a crystal.

    Parameters
    ----------
    states
        Charge of each element in e, or None.
    """
    return CrystalFacts(
        name=name,
        formula=reduced_formula(structure),
        n_sites=len(structure),
        space_group=SpacegroupAnalyzer(structure, symprec=SYMMETRY_TOLERANCE_A).get_space_group_symbol(),
        density_g_cm3=float(structure.density),
        ordered=structure.is_ordered,
        oxidation_states=states,
        origin=origin,
    )


def reduced_formula(structure: Structure) -> str:
    """Return the formula of one formula unit, with fractions where the crystal is disordered.

    Examples
    --------
    >>> reduced_formula(Structure(Lattice.cubic(4), [{"Zr": 0.7, "Ta": 0.3}, "O"], [[0, 0, 0], [0, 0, 0.5]]))
    'Zr0.7Ta0.3O'
    """
    composition = structure.composition.element_composition
    if structure.is_ordered:
        return str(composition.reduced_formula)
    return _spelled(composition / formula_units(structure))


def formula_units(structure: Structure) -> int:
    """Return how many formula units the cell holds.

    In a disordered crystal the greatest common divisor of the number of fully occupied sites of each kind, a shared
    site being a kind of its own: 8 in a garnet of 24 La, 16 Zr or Ta and 96 O, whatever its Li.
    """
    composition = structure.composition.element_composition
    if structure.is_ordered:
        return round(float(composition.get_reduced_composition_and_factor()[1]))
    kinds: dict[str, int] = {}
    for site in structure:
        if site.species.num_atoms > faults.FULL:
            kind = ",".join(sorted({s.symbol for s in site.species}))
            kinds[kind] = kinds.get(kind, 0) + 1
    return reduce(math.gcd, kinds.values(), 0) or 1


def _decorate(structure: Structure, states: dict[str, float] | None) -> None:
    """Put the charges on the species; a file's own stay, since they may differ within an element."""
    if states is None:
        structure.remove_oxidation_states()
    elif any(not getattr(species, "oxi_state", None) for species in structure.composition):
        structure.add_oxidation_state_by_element(states)


def _spelled(composition: Composition) -> str:
    """Spell amounts to three decimals, most electropositive element first."""
    ordered = sorted(composition.items(), key=lambda item: item[0].X)
    return "".join(f"{element.symbol}{'' if abs(n - 1) < 5e-4 else format(round(n, 3), 'g')}" for element, n in ordered)


def _locate(name_or_path: str) -> tuple[Path, str, str]:
    """Path, name and source of what was asked for; a name of the library wins over a file of the same name."""
    path = Path(name_or_path).expanduser()
    try:
        return (
            library.crystal_path(name_or_path),
            library.canonical_name(name_or_path),
            library.canonical_name(name_or_path),
        )
    except RequestError:
        if not _looks_like_path(name_or_path, path):
            raise
    if not path.is_file():
        what = "is a folder, not a crystal's file" if path.is_dir() else "no such file"
        raise RequestError(f"{name_or_path!r}: {what}", "", "give a CIF, POSCAR or extxyz file, or a library name")
    return path, path.stem if path.suffix else path.name, path.name


def _looks_like_path(given: str, path: Path) -> bool:
    known = path.suffix.lower() in {".cif", ".mcif", ".vasp", ".poscar", ".xyz", ".extxyz", ".json"}
    return known or path.exists() or "/" in given or "\\" in given or _is_poscar(path)


def _is_poscar(path: Path) -> bool:
    return path.suffix.lower() in {".vasp", ".poscar"} or path.name.upper().startswith(("POSCAR", "CONTCAR"))


def _text_of(path: Path, given: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="strict")
    except UnicodeDecodeError as fault:
        raise RequestError(f"{given!r} is not a text file ({fault.reason})", "", MEND_FILE) from fault
    except OSError as fault:
        raise RequestError(f"cannot read {given!r}: {fault.strerror}", "", "check its permissions") from fault


def _read(path: Path, given: str) -> Reading:
    """Read with the reader of the format; its warnings become steps, but for those about the header's formula."""
    reader = _reader(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            structure, header, steps = reader(path)
        except READ_FAULTS as fault:
            reason = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
            raise RequestError(f"cannot read {given!r}: {reason}", "", MEND_FILE) from fault
    said = [" ".join(str(w.message).split()) for w in caught]
    steps += [f"reader: {message}" for message in said if "stoichiometry" not in message]
    return structure, header, steps


def _reader(path: Path) -> Callable[[Path], Reading]:
    if path.suffix.lower() in {".cif", ".mcif"}:
        return _read_cif
    if path.suffix.lower() in {".xyz", ".extxyz"}:
        return _read_xyz
    return _read_poscar if _is_poscar(path) else _read_other


def _read_cif(path: Path) -> Reading:
    # Occupancies refined or printed to three digits may add up to a little over one.
    parser = CifParser(path, occupancy_tolerance=1.005)
    structure = parser.parse_structures(primitive=False, on_error="raise")[0]
    blocks = parser.as_dict()
    block = next(b for b in blocks.values() if "_cell_length_a" in b)
    steps = [f"first of {len(blocks)} data blocks"] if len(blocks) > 1 else []
    return structure, block.get("_chemical_formula_sum", None), steps


def _read_poscar(path: Path) -> Reading:
    poscar = Poscar.from_file(path, check_for_potcar=False)
    if not poscar.true_names:
        raise ValueError("the POSCAR names no elements (write their symbols above the numbers of atoms)")
    return Structure(poscar.structure.lattice, poscar.structure.species, poscar.structure.frac_coords), None, []


def _read_xyz(path: Path) -> Reading:
    frames = read(path, index=":", format="extxyz")
    if not frames:
        raise ValueError("the file is empty")
    atoms: Atoms = frames[-1]
    if not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-3:
        raise ValueError('no cell periodic in three directions (extended XYZ: Lattice="..." in the second line)')
    steps = [f"last of {len(frames)} frames"] if len(frames) > 1 else []
    lattice = Lattice(np.array(atoms.cell))
    return Structure(lattice, atoms.get_chemical_symbols(), atoms.get_scaled_positions(wrap=False)), None, steps


def _read_other(path: Path) -> Reading:
    return Structure.from_file(path), None, []


def _refuse_foreign(structure: Structure, given: str) -> None:
    """Refuse what the further checks could not even compute with."""
    numbers = np.concatenate((structure.lattice.matrix.ravel(), structure.frac_coords.ravel()))
    if not len(structure) or not np.isfinite(numbers).all() or abs(structure.volume) < 1e-3:
        raise RequestError(f"{given!r} holds no crystal: no atoms, no volume or no numbers", "", MEND_FILE)
    if unnamed := faults.unnamed_elements(structure):
        raise RequestError(f"{given!r}: {unnamed[0]}", "", MEND_FILE)


def _examine(structure: Structure, header: str | None, given: str) -> tuple[dict[str, float] | None, str]:
    """Collect every fault before refusing; else return the oxidation states and where they come from."""
    found = [
        *faults.other_formula(structure, header),
        *faults.implausible_density(structure),
        *faults.overlaps(structure),
        *faults.bare_carbon(structure),
    ]
    mend = MEND_FILE
    try:
        result = assign_states(structure)
    except RequestError as fault:
        found.append(fault.what)
        mend = fault.mend
    if found:
        raise RequestError("; ".join(found), given, mend)
    return result


def _symmetrised(structure: Structure) -> tuple[Structure, list[str]]:
    """Undo the rounding of coordinates where that brings symmetry back; say so.

    Coordinates of two digits in a cell of 13 Å are good to 0.1 Å: what they break at 0.01 Å may hold at that tolerance.
    """
    tolerance = _rounding_A(structure)
    if tolerance <= SYMMETRY_TOLERANCE_A:
        return _right_handed(structure)
    fine, coarse = (SpacegroupAnalyzer(structure, symprec=t) for t in (SYMMETRY_TOLERANCE_A, tolerance))
    if len(coarse.get_symmetry_operations()) <= len(fine.get_symmetry_operations()):
        return _right_handed(structure)
    symbols = f"{fine.get_space_group_symbol()} to {coarse.get_space_group_symbol()}"
    step = f"coordinates rounded in the file: symmetrised from {symbols} within {tolerance:.3f} Å"
    return coarse.get_refined_structure(), [step]


def _rounding_A(structure: Structure) -> float:
    """Distance (Å) that rounding to at most three decimals can put between two atoms; 0 if all digits are there."""
    for decimals in (1, 2, 3):
        scaled = structure.frac_coords * 10**decimals
        if np.allclose(scaled, np.round(scaled), rtol=0, atol=1e-6):
            return min(10.0**-decimals * float(sum(structure.lattice.abc)), COARSEST_TOLERANCE_A)
    return 0.0


def _right_handed(structure: Structure) -> tuple[Structure, list[str]]:
    """Reverse all three axes of a left-handed cell: the same atoms in the same places."""
    if np.linalg.det(structure.lattice.matrix) > 0:
        return structure, []
    lattice = Lattice(-structure.lattice.matrix)
    return Structure(lattice, structure.species_and_occu, -structure.frac_coords), [
        "axes of a left-handed cell reversed"
    ]
