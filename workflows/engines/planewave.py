"""Quantum ESPRESSO: density-functional theory in plane waves, the second periodic code beside CP2K.

Giannozzi et al. 2009 (https://doi.org/10.1088/0953-8984/21/39/395502). Unless a person names a folder of their own, the
pseudopotentials are CP2K's GTH ones (`goedecker`): two codes, one Hamiltonian, so that what they differ by is basis and
grid. GTH is hard: LiF's energy over volume needs 400 Ry, differences at one volume 200 Ry. Plane waves have no
superposition error, and counterpoise no meaning: ghosts are left out. Smeared calculations give free energies.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import Bohr, Rydberg
from numpy.typing import NDArray

from interlith.analysis.densities import Density, check_one_grid
from interlith.analysis.records import Method, Provenance
from interlith.structures.geometry import digest, to_text
from interlith.workflows.engines.contract import Entry, LoadedEngine, Option
from interlith.workflows.engines.cp2k_elements import valence_charges
from interlith.workflows.engines.electronic import Electronic, Wanted
from interlith.workflows.engines.planewave_input import PREFIX, PlaneWaveOptions, Task, task_of
from interlith.workflows.engines.planewave_run import Done, clean, command, converge, write_field
from interlith.workflows.engines.programs import program_version
from interlith.workflows.engines.settings import engine_settings
from interlith.workflows.engines.volumetric import read_density

NEAR_A = 1.0
"""The density of a geometry no atom of which moved farther starts the next."""


class PlaneWaveCalculator(Calculator):
    """pw.x for ASE: energy (eV), forces (eV/Å), stress (eV/Å³); one folder per geometry in the current folder.

    In a relaxation each geometry starts from the last density, if that was of the same atoms and cell, near and in the
    same folder; `restart = False` starts each from atoms, so that the same geometry gives the same number.

    Parameters
    ----------
    options
        The method.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE's)

    def __init__(self, options: PlaneWaveOptions) -> None:
        super().__init__()
        self.options = options
        self._last: tuple[Path, Atoms] | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Compute energy and forces, and the stress where it is asked for.

        Raises
        ------
        RequestError
            For what cannot be computed.
        ComputationError
            If the self-consistent field does not converge; the message names the folder.
        """
        super().calculate(atoms, properties, system_changes)
        here = self.atoms
        task, _ = task_of(here, self.options, forces=True, stress="stress" in properties)
        folder = new_folder(here.get_chemical_formula())
        warm = self._carry(here, folder)
        printed = converge(task, folder, warm=warm).printed
        clean(folder, keep_density=self.options.restart)
        self._last = (folder, here.copy())
        self.results = {"energy": printed.energy_eV, "free_energy": printed.energy_eV, "forces": printed.forces_eV_A}
        if printed.stress_eV_A3 is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(printed.stress_eV_A3)

    def _carry(self, atoms: Atoms, folder: Path) -> bool:
        """Move the last density into the folder if it is one to start from."""
        if self._last is None or not self.options.restart:
            return False
        before, last = self._last
        saved = before / f"{PREFIX}.save"
        if before.parent != folder.parent or not saved.is_dir():
            return False
        alike = len(last) == len(atoms) and (last.numbers == atoms.numbers).all() and (last.pbc == atoms.pbc).all()
        near = alike and np.allclose(last.cell, atoms.cell) and np.abs(last.positions - atoms.positions).max() < NEAR_A
        if not near or not atoms.pbc.any():  # a molecule's box moves and breathes with it
            shutil.rmtree(saved)
            return False
        shutil.move(saved, folder / saved.name)
        return True


def new_folder(name: str) -> Path:
    """Make and return a folder in the current one: `espresso-001-name`, the next number that is free."""
    taken = (int(p.name.split("-")[1]) for p in Path.cwd().glob("espresso-[0-9][0-9][0-9]-*"))
    folder = Path.cwd() / f"espresso-{1 + max(taken, default=0):03d}-{name}"
    folder.mkdir()
    return folder


@dataclass(frozen=True)
class PlaneWaveEngine(LoadedEngine):
    """Quantum ESPRESSO in memory."""

    options: PlaneWaveOptions = field(kw_only=True)

    def check(self, atoms: Atoms) -> None:
        """Refuse what cannot be computed, before anything runs.

        Raises
        ------
        RequestError
            For an element without pseudopotential, or electrons that do not go with charge and multiplicity.
        """
        super().check(atoms)
        task_of(atoms, self.options)

    def electronic(self, atoms: Atoms, wanted: Wanted) -> Electronic:
        """Compute one geometry and what is wanted of it.

        Raises
        ------
        RequestError
            For what cannot be computed, or a frame that is not the grid of this cell and cut-off.
        ComputationError
            If the self-consistent field does not converge; the message names the folder.
        """
        began = time.perf_counter()
        real = atoms if wanted.ghosts is None else atoms[~wanted.ghosts]
        task, origin = task_of(real, self.options)
        done = converge(task, new_folder(real.get_chemical_formula()))
        fields = _Fields(done, task, real, origin)
        found = Electronic(
            energy_eV=done.printed.energy_eV + self.added_energy(real),
            provenance=self._provenance(real, began),
            rung=done.rung,
            density=fields.density("density") if wanted.density else None,
            spin=fields.spin if wanted.spin else None,
            potential=fields.potential if wanted.potential else None,
        )
        clean(done.folder)
        if wanted.frame is not None and found.density is not None:
            check_one_grid({"the frame": wanted.frame, "espresso's grid": found.density})
        return found

    def _provenance(self, atoms: Atoms, began: float) -> Provenance:
        return Provenance(
            method=self.method(),
            input_sha256=(digest(to_text(atoms)),),
            software={name: version(name) for name in ("interlith", "ase", "numpy")},
            wall_s=time.perf_counter() - began,
            n_force_calls=1,
            converged=True,
        )


@dataclass(frozen=True)
class _Fields:
    """The fields of a calculation, on its grid and in the frame of the atoms as they were given."""

    done: Done
    task: Task
    atoms: Atoms
    origin: NDArray[np.float64]

    def density(self, name: str) -> Density:
        """Return a field by its name, e/Å³."""
        found = read_density(write_field(self.done.folder, name))
        atoms = Atoms(self.atoms.symbols, self.atoms.positions, cell=self.task.atoms.cell, pbc=self.task.plan.periodic)
        charges = valence_charges(atoms.symbols) if engine_settings().pseudo_dir is None else found.nuclear_charges
        return replace(found, atoms=atoms, origin_A=self.origin, nuclear_charges=charges)

    @property
    def spin(self) -> Density:
        """Density of unpaired electrons; zero everywhere where all are paired."""
        if self.task.plan.polarised:
            return self.density("spin")
        density = self.density("density")
        return density.with_values(np.zeros_like(density.values_e_A3))

    @property
    def potential(self) -> Density:
        """Potential of the cores and of the electrons' charge: potential energy of an electron, eV."""
        found = self.density("potential")
        return found.with_values(found.values_e_A3 * Bohr**3 * Rydberg)


def load_espresso(entry: Entry, options: Mapping[str, Option]) -> PlaneWaveEngine:
    """Make the engine with a person's options.

    Raises
    ------
    RequestError
        If an option is not allowed, or the program is missing.
    """
    asked = PlaneWaveOptions.asked(options)
    method = Method(
        engine=entry.name,
        engine_version=program_version(command()[-1]) or "unknown",
        model="Quantum ESPRESSO",
        weights_sha256=None,
        functional=entry.functional,
        dispersion=None,
        surrogate=False,
        settings=_settings(asked),
    )
    return PlaneWaveEngine(entry, PlaneWaveCalculator(asked), method, options=asked)


def _settings(asked: PlaneWaveOptions) -> dict[str, Option]:
    """Return what decides the numbers; what is chosen for the atoms at hand says so."""
    chosen: dict[str, Option] = {
        "multiplicity": "lowest",
        "smearing_K": "300 where there is a metal, else none",
        "dipole": "corrected along z for layers with vacuum",
        "kpoints": "spacing 0.3/Å where there is a metal, else 0.6/Å",
        "density_cutoff_Ry": 4 * asked.cutoff_Ry,
    }
    folder = engine_settings().pseudo_dir
    told = asked.model_dump(exclude={"restart"})
    made: dict[str, Option] = {"pseudopotentials": f"of {folder}" if folder else "GTH-PBE"}
    return made | {
        name: chosen[name] if name in chosen and value in (None, "auto") else value for name, value in told.items()
    }
