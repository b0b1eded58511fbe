"""What a person may ask of Quantum ESPRESSO, and the files that it reads."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io.espresso import write_espresso_in
from ase.units import Rydberg, kB
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Option
from interlith.workflows.engines.cp2k_elements import DEFAULT_BASIS, kind_of, valence_charges
from interlith.workflows.engines.cp2k_options import MixedBasisOptions, Plan, plan_for
from interlith.workflows.engines.goedecker import data_folder, espresso_text, read_goedecker
from interlith.workflows.engines.settings import engine_settings

PREFIX = "job"
SAW_WIDTH = 0.05
"""Of the cell: where the potential of the dipole correction falls back, in the middle of the vacuum."""
MOLECULE_MARGIN_A = 4.0
"""Around a molecule by itself: half a box must hold its density (Martyna and Tuckerman 1999)."""
ENDINGS = (".upf", ".gth")
FIELD_TEXT = f"""&inputpp
  prefix = '{PREFIX}'
  outdir = './'
  filplot = '{{name}}.pp'
  plot_num = {{number}}
/
&plot
  nfile = 1
  filepp(1) = '{{name}}.pp'
  weight(1) = 1.0
  iflag = 3
  output_format = 6
  fileout = '{{name}}.cube'
/
"""
"""Input of pp.x for one field, by its name and number."""


class PlaneWaveOptions(BaseModel):
    """Options of the engine `espresso`; the default cut-off is for GTH pseudopotentials, which are hard."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    functional: Literal["PBE", "PBEsol"] = "PBE"
    cutoff_Ry: float = Field(default=200.0, ge=10, description="of the wavefunctions; the density's is four times it")
    density_cutoff_Ry: float | None = Field(default=None, ge=40, description="None: 4 × cutoff_Ry")
    kpoints: str = Field(default="auto", description='"auto", a mesh "4 4 1", or a largest spacing in 1/Å "0.3"')
    charge: int = 0
    multiplicity: int | None = Field(default=None, ge=1, description="None: as low as the count of electrons allows")
    smearing_K: float | None = Field(default=None, ge=0, description="None: 300 K where there is a metal, else 0")
    dipole: Literal["auto", "on", "off"] = "auto"
    eps_scf_Ry: float = Field(default=1e-8, gt=0, le=1e-4, description="estimated error of the energy")
    restart: bool = Field(default=True, description="a relaxation's next geometry starts from the last density")

    @classmethod
    def asked(cls, options: Mapping[str, Option]) -> PlaneWaveOptions:
        """Read an engine's options.

        Raises
        ------
        RequestError
            Naming the value that is not allowed.
        """
        try:
            read = cls.model_validate({k: str(v) if k == "kpoints" else v for k, v in options.items()})
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(str(part) for part in fault["loc"])
            raise RequestError(f"espresso {name} = {fault['input']!r}: {fault['msg']}", "engine options") from error
        read.as_mixed()
        return read

    def as_mixed(self) -> MixedBasisOptions:
        """Return the same wishes as CP2K's: what they mean for given atoms is decided in one place."""
        shared = self.model_dump(include={"kpoints", "charge", "multiplicity", "smearing_K", "dipole"})
        return MixedBasisOptions.asked(shared | {"scf": "diagonalisation"})


@dataclass(frozen=True)
class Rung:
    """One way to convergence."""

    words: str
    mixing: float
    mode: Literal["plain", "local-TF"] = "plain"
    diagonalisation: Literal["david", "cg"] = "david"
    steps: int = 100
    warm: bool = False


@dataclass(frozen=True)
class Task:
    """One geometry to compute.

    Attributes
    ----------
    atoms
        In the cell that the program is given.
    options, plan
        The method, and what it means for these atoms.
    pseudopotentials
        Element → file.
    forces, stress
        Whether they are wanted.
    """

    atoms: Atoms
    options: PlaneWaveOptions
    plan: Plan
    pseudopotentials: Mapping[str, str] = field(default_factory=dict)
    forces: bool = False
    stress: bool = False


def task_of(atoms: Atoms, options: PlaneWaveOptions, **wanted: bool) -> tuple[Task, NDArray[np.float64]]:
    """Return what is computed, and where its origin stands in the frame of the atoms, shape (3,).

    Atoms that do not repeat get a box around them, twice as wide as they are.

    Parameters
    ----------
    atoms
        As given.
    options
        The method.
    **wanted
        `forces`, `stress`.

    Raises
    ------
    RequestError
        For a cell that is none, or electrons that do not go with the options.
    """
    given, origin = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc), np.zeros(3)
    if not given.pbc.any():
        low, high = given.positions.min(axis=0), given.positions.max(axis=0)
        side = 2 * (float((high - low).max()) + 2 * MOLECULE_MARGIN_A)
        origin = (low + high - side) / 2
        given = Atoms(given.symbols, given.positions - origin, cell=np.eye(3) * side)
    elif given.cell.rank < 3:
        raise RequestError("a cell of less than three axes", given.get_chemical_formula(), "give it all three")
    plan = plan_for(given, np.zeros(len(given), bool), options.as_mixed())
    return Task(given, options, plan, pseudopotentials_of(sorted(set(given.symbols))), **wanted), origin


def pseudopotentials_of(symbols: list[str]) -> dict[str, str]:
    """Return the file of each element: from the person's folder if there is one, else GTH.

    Raises
    ------
    RequestError
        If an element has none, or several.
    """
    told = engine_settings().pseudo_dir
    if told is None:
        return {symbol: f"{symbol}.gth" for symbol in symbols if kind_of(symbol, DEFAULT_BASIS)}
    return {symbol: _own(symbol, Path(told)).name for symbol in symbols}


def _own(symbol: str, folder: Path) -> Path:
    """Return the one file of an element in a person's folder: `Li.upf`, `Li_ONCV.upf`, `li.pbe.UPF`."""
    if not folder.is_dir():
        raise RequestError(f"pseudo_dir: no folder {folder}", "engine settings", "correct it, or leave it out for GTH")
    stems = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in ENDINGS]
    found = [f for f in stems if f.name.lower().startswith(tuple(f"{symbol.lower()}{mark}" for mark in "._-"))]
    if len(found) != 1:
        what = f"{len(found)} pseudopotentials for {symbol}" if found else f"no pseudopotential for {symbol}"
        raise RequestError(what, str(folder), f"keep one file such as {symbol}.upf there")
    return found[0]


def lay_pseudopotentials(task: Task, folder: Path) -> None:
    """Put the pseudopotentials of a task into the folder where it runs.

    Raises
    ------
    RequestError
        If one cannot be read.
    """
    told = engine_settings().pseudo_dir
    for symbol, name in task.pseudopotentials.items():
        if told is not None:
            shutil.copy(Path(told) / name, folder / name)
        else:
            (folder / name).write_text(espresso_text(read_goedecker(kind_of(symbol, DEFAULT_BASIS), data_folder())))


def input_text(
    task: Task, rung: Rung, more: Mapping[str, Mapping[str, Any]] | None = None, fixed: Sequence[int] = ()
) -> str:
    """Return the input of pw.x for one rung of the ladder.

    Parameters
    ----------
    task, rung
        What is computed, and how it converges.
    more
        Section → tags set over these.
    fixed
        Atoms that pw.x, where it relaxes, holds.
    """
    atoms, text = task.atoms.copy(), StringIO()
    if task.plan.polarised:
        atoms.set_initial_magnetic_moments([_polarisation(task)] * len(atoms))
    if len(fixed):
        atoms.set_constraint(FixAtoms(list(fixed)))
    atoms.wrap()
    mesh = None if task.plan.gamma_only else task.plan.kpoints
    # Monkhorst and Pack's mesh, as CP2K's: of an even number, none at Γ.
    offset = tuple(int(n % 2 == 0) for n in task.plan.kpoints)
    data = {"control": _control(task), "system": _system(task), "electrons": _electrons(task, rung)}
    data = {name: {**data.get(name, {}), **(more or {}).get(name, {})} for name in {**data, **(more or {})}}
    files = dict(task.pseudopotentials)
    write_espresso_in(text, atoms, input_data=data, pseudopotentials=files, kpts=mesh, koffset=offset)
    return text.getvalue()


def _polarisation(task: Task) -> float:
    """Return where every atom's magnetisation starts: the fraction of unpaired electrons."""
    return (task.plan.multiplicity - 1) / float(valence_charges(task.atoms.symbols).sum())


def _control(task: Task) -> dict[str, Any]:
    return {
        "calculation": "scf",
        "prefix": PREFIX,
        "outdir": "./",
        "pseudo_dir": "./",
        "tprnfor": task.forces,
        "tstress": task.stress,
        "disk_io": "low",
        **({"tefield": True, "dipfield": True} if task.plan.dipole else {}),
    }


def _system(task: Task) -> dict[str, Any]:
    options, plan = task.options, task.plan
    system: dict[str, Any] = {
        "ecutwfc": options.cutoff_Ry,
        "ecutrho": options.density_cutoff_Ry or 4 * options.cutoff_Ry,
        "tot_charge": options.charge,
        "input_dft": options.functional.upper(),
        "occupations": "fixed",
    }
    if plan.smearing_K:
        width = plan.smearing_K * kB / Rydberg
        system |= {"occupations": "smearing", "smearing": "fermi-dirac", "degauss": round(width, 10)}
    if plan.polarised:
        system |= {"nspin": 2, "tot_magnetization": plan.multiplicity - 1}
    if not plan.periodic:
        system["assume_isolated"] = "mt"
    if plan.dipole:
        middle = vacuum_along_c(task.atoms).middle
        system |= {"edir": 3, "eamp": 0.0, "eopreg": SAW_WIDTH, "emaxpos": round((middle - SAW_WIDTH / 2) % 1.0, 6)}
    return system


def _electrons(task: Task, rung: Rung) -> dict[str, Any]:
    return {
        "conv_thr": task.options.eps_scf_Ry,
        "mixing_beta": rung.mixing,
        "mixing_mode": rung.mode,
        "diagonalization": rung.diagonalisation,
        "electron_maxstep": rung.steps,
        "startingpot": "file" if rung.warm else "atomic",
        "startingwfc": "random",
        # GTH brings no atomic wavefunctions: a density of random ones, hardly improved, throws the field far off.
        "diago_thr_init": 1e-5,
    }


class Vacuum(NamedTuple):
    """The widest gap between atoms along c: its middle as a fraction, its width in Å."""

    middle: float
    width_A: float


def vacuum_along_c(atoms: Atoms) -> Vacuum:
    """Return the widest gap between the atoms' planes across c."""
    places = np.sort(atoms.get_scaled_positions()[:, 2])
    gaps = np.diff(places, append=places[0] + 1.0)
    height = atoms.cell.volume / np.linalg.norm(np.cross(*atoms.cell.array[:2]))
    return Vacuum(float((places + gaps / 2)[gaps.argmax()] % 1.0), float(gaps.max() * height))
