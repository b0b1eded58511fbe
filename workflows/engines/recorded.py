"""Calculations that were kept, played again: an engine that computes nothing.

A record is a TOML file with what was asked (geometry, choice of engine, ghosts) and what came out; its key is the hash
of the former. The engine looks in one folder and its subfolders, and answers to the last digit that was kept. What it
does not know it refuses, naming the hash, so that nothing is ever invented.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import Hartree
from numpy.typing import NDArray

from interlith.analysis.records import Method
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, to_text
from interlith.workflows.engines.contract import EngineChoice, Entry, LoadedEngine, Option


def key_of(atoms: Atoms, choice: EngineChoice, ghosts: Sequence[int] = ()) -> str:
    """Return the identity of a calculation: geometry (1e-8 Å), engine with options and dispersion, ghosts.

    Parameters
    ----------
    atoms
        Only symbols, positions, cell and periodicity count.
    choice
        The engine that computes.
    ghosts
        Atoms that lend their basis alone.
    """
    plain = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    asked = {"xyz": to_text(plain), "choice": choice.model_dump(), "ghosts": list(ghosts)}
    return digest(json.dumps(asked, sort_keys=True))


@dataclass(frozen=True)
class Kept:
    """What a record holds of one calculation.

    Attributes
    ----------
    file
        Where it stands.
    energy_eV
        Total energy, dispersion included.
    forces_eV_A, stress_eV_A3
        None where not kept; shapes (atoms, 3) and (3, 3).
    version, rung
        Of the code that computed, and how it converged.
    charges_e
        Per partition.
    """

    file: Path
    energy_eV: float
    forces_eV_A: NDArray[np.float64] | None
    stress_eV_A3: NDArray[np.float64] | None
    version: str
    rung: str
    charges_e: dict[str, tuple[float, ...]]


@cache
def records_in(folder: Path) -> Mapping[str, Kept]:
    """Return the records of a folder and its subfolders by their key.

    Raises
    ------
    RequestError
        If there is no such folder, or a file is no record.
    """
    if not folder.is_dir():
        raise RequestError(f"no folder {folder} with recorded calculations", "engine options", "set folder")
    found = {}
    for file in sorted(folder.rglob("*.toml")):
        try:
            data = tomllib.loads(file.read_text())
            found[str(data["input_sha256"])] = _kept(file, data)
        except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError) as fault:
            raise RequestError(
                f"no record of a calculation: {fault!r}", str(file), "remove it, or record it again"
            ) from None
    return MappingProxyType(found)


def _kept(file: Path, data: Mapping[str, Any]) -> Kept:
    def array(name: str) -> NDArray[np.float64] | None:
        return np.array(data[name], dtype=float) if name in data else None

    return Kept(
        file=file,
        energy_eV=(float(data["energy_Ha"]) + float(data.get("dispersion_Ha", 0.0))) * Hartree,
        forces_eV_A=array("forces_eV_A"),
        stress_eV_A3=array("stress_eV_A3"),
        version=str(data["version"]),
        rung=str(data.get("rung", "")),
        charges_e={name: tuple(data[f"{name}_e"]) for name in ("mulliken", "hirshfeld") if f"{name}_e" in data},
    )


class RecordedCalculator(Calculator):
    """Recorded calculations for ASE: energy (eV), forces (eV/Å), stress (eV/Å³).

    Parameters
    ----------
    choice
        The engine that computed.
    folder
        Where its records are.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE's)

    def __init__(self, choice: EngineChoice, folder: Path) -> None:
        super().__init__()
        self.choice, self.folder = choice, folder

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Look the atoms up.

        Raises
        ------
        RequestError
            If they were never computed so, naming their hash.
        """
        super().calculate(atoms, properties, system_changes)
        kept = self.kept(self.atoms)
        self.results: dict[str, Any] = {"energy": kept.energy_eV, "free_energy": kept.energy_eV}
        if kept.forces_eV_A is not None:
            self.results["forces"] = kept.forces_eV_A.copy()
        if kept.stress_eV_A3 is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(kept.stress_eV_A3)

    def kept(self, atoms: Atoms, ghosts: Sequence[int] = ()) -> Kept:
        """Return the record of some atoms; see :meth:`calculate`."""
        key, records = key_of(atoms, self.choice, ghosts), records_in(self.folder)
        if key not in records:
            raise RequestError(
                f"no recorded calculation {key} ({atoms.get_chemical_formula()} by {self.choice.name}) among "
                f"{len(records)}",
                str(self.folder),
                "compute it with that engine and keep it",
            )
        return records[key]


def load_recorded(entry: Entry, options: Mapping[str, Option]) -> LoadedEngine:
    """Make the engine that plays back.

    Options: `folder`; `engine`, whose name stands in the records; `dispersion`; every other option is that engine's.

    Raises
    ------
    RequestError
        If `folder` or `engine` is missing, or there are no records there.
    """
    missing = [name for name in ("folder", "engine") if name not in options]
    if missing:
        raise RequestError(f"engine 'recorded' needs {' and '.join(missing)}", "engine options", "name them")
    told = dict(options)
    folder, name = Path(str(told.pop("folder"))), str(told.pop("engine"))
    choice = EngineChoice.model_validate({"name": name, "dispersion": told.pop("dispersion", "none"), "options": told})
    versions = sorted({kept.version for kept in records_in(folder).values()})
    return LoadedEngine(entry, RecordedCalculator(choice, folder), method_of(choice, entry, versions))


def method_of(choice: EngineChoice, entry: Entry, versions: Sequence[str]) -> Method:
    """Return how the recorded numbers were made: as the engine that made them says, and that they were played back."""
    return Method(
        engine=entry.name,
        engine_version=", ".join(versions) or "none",
        model=f"{choice.name}, played back",
        weights_sha256=None,
        functional=str(choice.options.get("functional", "PBE")),
        dispersion=None if choice.dispersion == "none" else choice.dispersion,
        surrogate=False,
        settings={"recorded_engine": choice.name, **choice.options},
    )
