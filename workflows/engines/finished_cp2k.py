"""A finished folder of CP2K, read: what was asked stands in its input, what came out in its output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read

from interlith.analysis.adoption import FinishedRun
from interlith.analysis.records import Method
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import to_text
from interlith.workflows.engines.contract import Option
from interlith.workflows.engines.cp2k_output import read_output

Section = dict[str, Any]
RELAXED = "GEOMETRY OPTIMIZATION COMPLETED"
NOT_RELAXED = "MAXIMUM NUMBER OF OPTIMIZATION STEPS REACHED"
STATICS = ("ENERGY", "ENERGY_FORCE", "WAVEFUNCTION_OPTIMIZATION", "WFN_OPT")


def read_cp2k(folder: Path) -> FinishedRun:
    """Read the last calculation of a folder: the newest output that holds an energy, and the input that it names.

    Raises
    ------
    RequestError
        If there is no such output or input, or it holds what is not understood.
    ComputationError
        If it did not converge.
    """
    output = _output(folder)
    text = output.read_text(errors="replace")
    printed = read_output(text, str(output))
    if not printed.converged:
        raise ComputationError("the self-consistent field did not converge", str(output), "compute it again")
    named = re.search(r"CP2K\| Input file name +(\S+)", text)
    source = folder / Path(named.group(1)).name if named else folder / "none"
    if not source.is_file():
        raise RequestError(f"the input of {output.name} is not there", str(folder), "keep it beside the output")
    tree = parse_input(source.read_text(errors="replace"), str(source))
    relaxing = str(_at(tree, "GLOBAL", "RUN_TYPE", default="ENERGY")).upper() not in STATICS
    if relaxing and (NOT_RELAXED in text or RELAXED not in text):
        raise ComputationError("the relaxation did not reach its threshold", str(output), "go on with it")
    start = atoms_of(tree, str(source))
    frames = _frames(folder, tree, start) if relaxing else [start]
    return FinishedRun(
        folder=str(folder),
        start_xyz=to_text(start),
        xyz=to_text(frames[-1]),
        energy_eV=printed.energy_eV,
        relaxed=relaxing,
        n_geometries=len(frames),
        method=method_of(tree, printed.version, text),
        kinds=_kinds(tree),
    )


def parse_input(text: str, where: str) -> Section:
    """Return CP2K's input as nested mappings: sections by name, keywords by name, plain lines under "".

    Names are in capitals; a repeated section becomes a list. What stands behind a section's name is its "_".

    Raises
    ------
    RequestError
        For included files and variables, which are not followed, or sections that do not close.
    """
    root: Section = {}
    stack = [root]
    for line in (raw.split("!")[0].split("#")[0].strip() for raw in text.splitlines()):
        if line.startswith("@"):
            raise RequestError(f"{line.split()[0]} is not understood", where, "give the input as CP2K expands it")
        if line.upper().startswith("&END"):
            stack.pop()
        elif line.startswith("&"):
            name, _, rest = line[1:].partition(" ")
            inner: Section = {"_": rest.strip()}
            stack[-1].setdefault(name.upper(), []).append(inner)
            stack.append(inner)
        elif line:
            name, _, rest = line.partition(" ")
            stack[-1].setdefault("", []).append(line)
            stack[-1][f"={name.upper()}"] = rest.strip()
        if not stack:
            break
    if len(stack) != 1:
        raise RequestError("sections that do not close", where, "give the whole input")
    return root


def _sub(tree: Section, *names: str) -> Section:
    """Return the first section of a path; an empty one where there is none."""
    for name in names:
        tree = tree.get(name, [{}])[0]
    return tree


def _at(tree: Section, *names: str, default: str = "") -> str:
    """Return a keyword at the end of a path of sections."""
    return str(_sub(tree, *names[:-1]).get(f"={names[-1]}", default))


def atoms_of(tree: Section, where: str) -> Atoms:
    """Return the atoms of an input, ghosts left out; those that are held fixed carry `move_mask` False.

    Raises
    ------
    RequestError
        Without cell or coordinates in it.
    """
    subsystem = _sub(tree, "FORCE_EVAL", "SUBSYS")
    cell, coordinates = _sub(subsystem, "CELL"), _sub(subsystem, "COORD")
    ghosts = {k["_"] for k in subsystem.get("KIND", []) if k.get("=GHOST", "F").upper().strip(".")[:1] == "T"}
    elements = {k["_"]: k.get("=ELEMENT") or k["_"] for k in subsystem.get("KIND", [])}
    rows = [line.split() for line in coordinates.get("", []) if len(line.split()) >= 4]
    if not rows or "SCALED" in "".join(coordinates.get("", [])).upper():
        raise RequestError("no cartesian &COORD in it", where, "write the atoms into the input")
    real = [row for row in rows if row[0] not in ghosts]
    symbols = [re.sub(r"[^A-Za-z].*", "", elements.get(row[0], row[0])).capitalize() for row in real]
    places = np.array([[float(x) for x in row[1:4]] for row in real])
    return Atoms(symbols, places, cell=_cell(cell, where), pbc=True)


def _cell(cell: Section, where: str) -> np.ndarray:
    if "=ABC" in cell:
        return np.diag([float(x) for x in _numbers(cell["=ABC"])])
    if not all(f"={axis}" in cell for axis in "ABC"):
        raise RequestError("no &CELL with A, B and C in it", where, "write the cell into the input")
    return np.array([[float(x) for x in _numbers(cell[f"={axis}"])] for axis in "ABC"])


def _numbers(text: str) -> list[str]:
    return re.sub(r"\[.*?\]", "", text).split()


def method_of(tree: Section, version: str, text: str) -> Method:
    """Return what decides the energies of an input.

    Parameters
    ----------
    tree
        The input.
    version
        CP2K's.
    text
        Its output, which says how many k-points an insulator at Γ has: none.
    """
    dft = _sub(tree, "FORCE_EVAL", "DFT")
    pair = _sub(dft, "XC", "VDW_POTENTIAL", "PAIR_POTENTIAL")
    smear = _sub(dft, "SCF", "SMEAR")
    settings: dict[str, Option] = {
        "cutoff_Ry": float(_at(dft, "MGRID", "CUTOFF", default="280") or 280),
        "rel_cutoff_Ry": float(_at(dft, "MGRID", "REL_CUTOFF", default="40") or 40),
        "kpoints": _at(dft, "KPOINTS", "SCHEME", default="Γ"),
        "smearing": _smearing(smear),
        "hubbard_U": _hubbard(tree),
        "dipole": _truth(_at(dft, "SURFACE_DIPOLE_CORRECTION", default="F")),
    }
    return Method(
        engine="cp2k",
        engine_version=version,
        model="CP2K",
        weights_sha256=None,
        functional=_functional(_sub(dft, "XC", "XC_FUNCTIONAL")),
        dispersion=_dispersion(pair.get("=TYPE", ""), text),
        surrogate=False,
        settings=settings,
    )


def _functional(section: Section) -> str:
    parts = [section["_"].upper()] if section.get("_") else []
    for name, inner in section.items():
        if isinstance(inner, list) and name:
            parts.append(inner[0].get("=PARAMETRIZATION", name).upper())
    known = {"PBE": "PBE", "PBESOL": "PBEsol"}
    joined = "+".join(dict.fromkeys(parts))
    return known.get(joined, joined or "none")


def _dispersion(kind: str, text: str) -> str | None:
    """Return the dispersion, in our words for D3(BJ); that it was added at all, the output must agree."""
    if not kind or "Dispersion energy" not in text:
        return kind or None
    return {"DFTD3(BJ)": "D3(BJ)", "DFTD3": "D3"}.get(kind.upper(), kind)


def _smearing(section: Section) -> str:
    if not section or section.get("_", "").upper() in ("OFF", "F", "FALSE"):
        return "none"
    told = {name[1:]: value for name, value in section.items() if name.startswith("=")}
    return " ".join(f"{name} {value}" for name, value in sorted(told.items())) or "on"


def _hubbard(tree: Section) -> str:
    kinds = _sub(tree, "FORCE_EVAL", "SUBSYS").get("KIND", [])
    told = {k["_"]: _at(k, "DFT_PLUS_U", "U_MINUS_J") for k in kinds if "DFT_PLUS_U" in k}
    return " ".join(f"{kind}={value}" for kind, value in sorted(told.items())) or "none"


def _truth(word: str) -> bool:
    return word.upper().strip(".")[:1] in ("T", "Y") or word.upper() == "ON"


def _kinds(tree: Section) -> dict[str, str]:
    kinds: list[Mapping[str, Any]] = _sub(tree, "FORCE_EVAL", "SUBSYS").get("KIND", [])
    return {
        str(k.get("=ELEMENT") or k["_"]): f"{k.get('=POTENTIAL', '')} {k.get('=BASIS_SET', '')}".strip()
        for k in kinds
        if not _truth(k.get("=GHOST", "F"))
    }


def _output(folder: Path) -> Path:
    """Return the newest output with an energy; that of the run which corrects the dipole comes after the others."""
    written = sorted(folder.glob("*.out"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    found = [file for file in written if "CP2K|" in (text := file.read_text(errors="replace")) and "ENERGY|" in text]
    if not found:
        raise RequestError("no output of CP2K with an energy (*.out)", str(folder), "give the folder of a finished run")
    return found[-1]


def _frames(folder: Path, tree: Section, start: Atoms) -> list[Atoms]:
    """Return the geometries of a relaxation."""
    project = _at(tree, "GLOBAL", "PROJECT", default="PROJECT") or _at(tree, "GLOBAL", "PROJECT_NAME")
    file = folder / f"{project}-pos-1.xyz"
    if not file.is_file():
        raise RequestError(f"no {file.name}", str(folder), "keep the trajectory of the relaxation")
    frames = read(file, index=":", format="xyz")
    whole = [Atoms(f.symbols[: len(start)], f.positions[: len(start)], cell=start.cell, pbc=True) for f in frames]
    if list(whole[-1].symbols) != list(start.symbols):
        raise RequestError(f"{file.name} and the input hold other atoms", str(folder), "give one run's files")
    return whole
