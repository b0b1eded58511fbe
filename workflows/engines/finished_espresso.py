"""A finished folder of Quantum ESPRESSO, read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.io import read
from ase.io.espresso import get_atomic_species, read_fortran_namelist

from interlith.analysis.adoption import FinishedRun
from interlith.analysis.records import Method
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import to_text
from interlith.workflows.engines.contract import Option
from interlith.workflows.engines.planewave_run import Printed, read_output

RELAXED = "bfgs converged in"
INPUTS = ("*.in", "*.pwi", "*.inp")
VDW_AS_WE_SAY = {"dft-d3": "D3", "grimme-d3": "D3"}


def read_espresso(folder: Path) -> FinishedRun:
    """Read the last calculation of a folder: the newest output of pw.x that holds an energy, and its input.

    Raises
    ------
    RequestError
        If there is no such output or input.
    ComputationError
        If it did not converge.
    """
    output = _output(folder)
    text = output.read_text(errors="replace")
    printed = read_output(output)
    if not printed.converged:
        raise ComputationError("the self-consistent field did not converge", str(output), "compute it again")
    source = _input(folder, text)
    with source.open() as file:
        data, cards = read_fortran_namelist(file)
    relaxing = data["control"].get("calculation", "scf") == "relax"
    if relaxing and RELAXED not in text:
        raise ComputationError("the relaxation did not reach its threshold", str(output), "go on with it")
    given = read(source, format="espresso-in")
    start = Atoms(given.symbols, given.positions, cell=given.cell, pbc=True)
    return FinishedRun(
        folder=str(folder),
        start_xyz=to_text(start),
        xyz=to_text(_last(output, printed) if relaxing else start),
        energy_eV=printed.energy_eV,
        relaxed=relaxing,
        n_geometries=max(1, text.count("!    total energy")),
        method=_method(data, cards, printed),
        kinds=_kinds(data, cards),
    )


def _last(output: Path, printed: Printed) -> Atoms:
    """Return the geometry of the last energy, in the cell as it was given."""
    final = read(output, format="espresso-out", index=-1)
    return Atoms(final.symbols, final.positions, cell=printed.atoms.cell, pbc=True)


def _method(data: dict[str, Any], cards: list[str], printed: Printed) -> Method:
    system = data["system"]
    settings: dict[str, Option] = {
        "cutoff_Ry": float(system["ecutwfc"]),
        "density_cutoff_Ry": float(system.get("ecutrho", 4 * system["ecutwfc"])),
        "kpoints": _mesh(cards),
        "smearing": _smearing(system),
        "hubbard_U": " ".join(f"{k}={v}" for k, v in sorted(system.items()) if k.startswith("hubbard_u")) or "none",
        "dipole": bool(data["control"].get("dipfield", False)),
    }
    kind = str(system.get("vdw_corr", "none")).lower()
    dispersion = None if kind == "none" else VDW_AS_WE_SAY.get(kind, kind)
    if dispersion == "D3":
        dispersion = {4: "D3(BJ)", 3: "D3"}.get(int(system.get("dftd3_version", 3)), "D3")
    return Method(
        engine="espresso",
        engine_version=printed.version,
        model="Quantum ESPRESSO",
        weights_sha256=None,
        functional=str(system.get("input_dft", "of the pseudopotentials")).upper(),
        dispersion=dispersion,
        surrogate=False,
        settings=settings,
    )


def _smearing(system: dict[str, Any]) -> str:
    if system.get("occupations") != "smearing":
        return str(system.get("occupations", "fixed"))
    return f"{system.get('smearing', 'gaussian')} {float(system.get('degauss', 0.0)):g} Ry"


def _mesh(cards: list[str]) -> str:
    for k, line in enumerate(cards):
        if line.upper().startswith("K_POINTS"):
            return "Γ" if "gamma" in line.lower() else " ".join(cards[k + 1].split())
    return "Γ"


def _kinds(data: dict[str, Any], cards: list[str]) -> dict[str, str]:
    species = get_atomic_species(cards, n_species=int(data["system"]["ntyp"])) or []
    return {re.sub(r"[^A-Za-z].*", "", label): str(file) for label, _, file in species}


def _output(folder: Path) -> Path:
    written = sorted(
        (file for pattern in ("*.out", "*.pwo") for file in folder.glob(pattern)),
        key=lambda file: (file.stat().st_mtime_ns, file.name),
    )
    found = [file for file in written if "Program PWSCF" in file.read_text(errors="replace")]
    if not found:
        raise RequestError("no output of pw.x (*.out, *.pwo)", str(folder), "give the folder of a finished run")
    return found[-1]


def _input(folder: Path, text: str) -> Path:
    named = re.search(r"Reading input from (\S+)", text)
    files = [folder / Path(named.group(1)).name] if named else []
    files += sorted(file for pattern in INPUTS for file in folder.glob(pattern))
    found = [file for file in files if file.is_file() and re.search(r"&system", file.read_text(), re.IGNORECASE)]
    if not found:
        raise RequestError("the input of pw.x is not there", str(folder), "keep it beside the output")
    return found[0]
