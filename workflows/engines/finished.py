"""Finished folders of any of the periodic codes, told apart by their files; the densities that lie in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from interlith.analysis.adoption import FinishedRun
from interlith.structures.errors import RequestError
from interlith.workflows.engines.finished_cp2k import read_cp2k
from interlith.workflows.engines.finished_espresso import read_espresso
from interlith.workflows.engines.finished_vasp import read_vasp

READERS: Mapping[str, Callable[[Path], FinishedRun]] = MappingProxyType(
    {"vasp": read_vasp, "cp2k": read_cp2k, "espresso": read_espresso}
)
DENSITIES = ("CHGCAR", "density.cube", "*-ELECTRON_DENSITY-1_0.cube")
CORES = ("AECCAR0", "AECCAR2")


def read_finished(folder: str | Path) -> FinishedRun:
    """Read a finished folder of VASP, CP2K or Quantum ESPRESSO.

    Raises
    ------
    RequestError
        If it is no folder, or of none of them.
    ComputationError
        If the calculation did not converge.
    """
    place = Path(folder).absolute()
    if not place.is_dir():
        raise RequestError(f"no folder {folder}", "adopt", "check the path")
    return READERS[code_of(place)](place)


def code_of(folder: Path) -> str:
    """Return which code made a folder: "vasp", "cp2k" or "espresso".

    Raises
    ------
    RequestError
        If its files are of none.
    """
    if any((folder / name).is_file() for name in ("vasprun.xml", "vasprun.xml.gz", "OUTCAR", "INCAR")):
        return "vasp"
    for file in sorted((*folder.glob("*.out"), *folder.glob("*.pwo"))):
        text = file.read_text(errors="replace")
        for code, mark in (("cp2k", "CP2K|"), ("espresso", "Program PWSCF")):
            if mark in text:
                return code
    raise RequestError(
        "no output of VASP (vasprun.xml), CP2K or Quantum ESPRESSO (*.out)", str(folder), "give a finished run's folder"
    )


def density_in(folder: Path) -> Path | None:
    """Return the density that lies in a folder; None where there is none, or several."""
    found = [file for pattern in DENSITIES for file in folder.glob(pattern)]
    return found[0] if len(found) == 1 else None


def cores_in(folder: Path) -> list[Path]:
    """Return what VASP writes of the all-electron density: both files, or none."""
    files = [folder / name for name in CORES]
    return files if all(file.is_file() for file in files) else []
