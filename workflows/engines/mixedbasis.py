"""CP2K: density-functional theory in Gaussians and plane waves, for slabs, crystals and what adsorbs on them.

GPW (Lippert, Hutter and Parrinello 1997, https://doi.org/10.1080/002689797170220; Kühne et al. 2020,
https://doi.org/10.1063/5.0007045) with GTH pseudopotentials and MOLOPT bases: valence densities, without a core on C,
O, F. Insulators at Γ by orbital transformation, metals by smeared diagonalisation: which, is told by the atoms unless a
person says, and stands in the rung of each calculation and in its folder. Energies of smeared calculations are free
energies. The dispersion that an engine's choice asks for is the one added to every engine, not CP2K's own; the two
differ by 0.5 to 2.4 meV in binding energies of oligomers on slabs.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from ase.units import Bohr, Hartree
from numpy.typing import NDArray

from interlith.analysis.densities import Density, check_one_grid
from interlith.analysis.levels import Levels
from interlith.analysis.records import Method, Provenance
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, to_text
from interlith.workflows.engines.contract import Entry, LoadedEngine, Option
from interlith.workflows.engines.cp2k_elements import kind_of, valence_charges
from interlith.workflows.engines.cp2k_input import PROJECT, Output, Task, wavefunction
from interlith.workflows.engines.cp2k_options import MixedBasisOptions, below_vacuum, plan_for
from interlith.workflows.engines.cp2k_output import read_charges, read_levels
from interlith.workflows.engines.cp2k_run import Done, clean, command, converge, new_folder
from interlith.workflows.engines.electronic import Electronic, Wanted
from interlith.workflows.engines.programs import program_version
from interlith.workflows.engines.volumetric import read_density

Floats = NDArray[np.float64]

NEAR_A = 1.0
"""The wavefunction of a geometry no atom of which moved farther starts the next."""
BOX_MARGIN_A = 6.0
"""On each side of a molecule that does not repeat: the potential's solver wants the density gone at the walls."""
FIELD_FILES = {"density": "ELECTRON_DENSITY", "spin": "SPIN_DENSITY", "potential": "v_hartree"}


class MixedBasisCalculator(Calculator):
    """CP2K for ASE: energy (eV), forces (eV/Å), stress (eV/Å³); one folder per geometry in the current folder.

    In a relaxation each geometry starts from the last wavefunction, if that was of the same atoms, near and in the same
    folder. The same geometry then gives the same energy to the threshold of the self-consistent field, not to the last
    bit; `restart = False` gives that.

    Parameters
    ----------
    options
        The method.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE's)

    def __init__(self, options: MixedBasisOptions) -> None:
        super().__init__()
        self.options = options
        self._last: tuple[Path, Atoms] | None = None
        self._stress = False

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
        # Who asked for stress once asks again, after energy and forces.
        self._stress |= "stress" in properties
        output = Output(forces=True, stress=self._stress)
        task, _ = task_of(here, np.zeros(len(here), bool), self.options, output)
        folder = new_folder(here.get_chemical_formula())
        warm = self._carry(task, here, folder)
        done = converge(task, folder, warm=warm)
        clean(folder, keep=(wavefunction(task.plan),) if self.options.restart else ())
        self._last = (folder, here.copy())
        self.results = results_of(done, len(here))

    def _carry(self, task: Task, atoms: Atoms, folder: Path) -> bool:
        """Move the last wavefunction into the folder if it is one to start from."""
        if self._last is None or not self.options.restart:
            return False
        before, last = self._last
        file = before / wavefunction(task.plan)
        if before.parent != folder.parent or not file.is_file():
            return False
        alike = len(last) == len(atoms) and (last.numbers == atoms.numbers).all() and (last.pbc == atoms.pbc).all()
        if not alike or np.abs(last.cell.array - atoms.cell.array).max() > NEAR_A:
            return False
        shutil.move(file, folder / file.name)
        return bool(np.abs(last.positions - atoms.positions).max() < NEAR_A)


def results_of(done: Done, count: int) -> dict[str, Any]:
    """Return ASE's results of a calculation of so many atoms."""
    printed = done.printed
    results: dict[str, Any] = {"energy": printed.energy_eV, "free_energy": printed.energy_eV}
    if printed.forces_eV_A is not None:
        assert printed.forces_eV_A.shape == (count, 3), done.folder
        results["forces"] = printed.forces_eV_A
    if printed.stress_eV_A3 is not None:
        results["stress"] = full_3x3_to_voigt_6_stress(printed.stress_eV_A3)
    return results


def task_of(
    atoms: Atoms,
    ghosts: NDArray[np.bool_],
    options: MixedBasisOptions,
    output: Output,
    frame: Density | None = None,
) -> tuple[Task, Floats]:
    """Return what CP2K computes, and where its origin stands in the frame of the atoms, shape (3,).

    Atoms that do not repeat get a box around them, those that repeat in a and b alone do so along c too, and a layer
    whose dipole is corrected is raised into the cell. A frame says where the origin is to be.

    Raises
    ------
    RequestError
        For an element without basis, a cell that is none, or electrons that do not go with the options.
    """
    given = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    origin = np.zeros(3)
    if not given.pbc.any():
        low, high = given.positions.min(axis=0), given.positions.max(axis=0)
        side = float((high - low).max()) + 2 * BOX_MARGIN_A if frame is None else float(frame.cell_A[0, 0])
        origin = (low + high - side) / 2
        given.cell = np.eye(3) * side
    elif given.cell.rank < 3:
        raise RequestError("a cell of less than three axes", given.get_chemical_formula(), "give it all three")
    else:  # what a slab lacks along c is vacuum that repeats
        given.pbc = True
    plan = plan_for(given, ghosts, options)
    if plan.dipole:
        origin = np.array([0.0, 0.0, -below_vacuum(given)])
    origin = origin if frame is None else frame.origin_A
    given.positions -= origin
    return Task(given, ghosts, options, plan, output), origin


@dataclass(frozen=True)
class MixedBasisEngine(LoadedEngine):
    """CP2K in memory."""

    options: MixedBasisOptions = field(kw_only=True)

    def check(self, atoms: Atoms) -> None:
        """Refuse what cannot be computed, before anything runs.

        Raises
        ------
        RequestError
            For an element without basis or pseudopotential, or electrons that do not go with charge and multiplicity.
        """
        super().check(atoms)
        for symbol in sorted(set(atoms.symbols)):
            kind_of(symbol, self.options.basis)
        task_of(atoms, np.zeros(len(atoms), bool), self.options, Output())

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
        ghosts = np.zeros(len(atoms), bool) if wanted.ghosts is None else wanted.ghosts
        output = Output(
            density=wanted.density,
            spin=wanted.spin,
            potential=wanted.potential,
            orbitals=wanted.orbitals,
            charges=wanted.charges,
        )
        task, origin = task_of(atoms, ghosts, self.options, output, wanted.frame)
        done = converge(task, new_folder(atoms[~ghosts].get_chemical_formula()))
        fields = _Fields(done, task, atoms, origin)
        found = Electronic(
            energy_eV=done.printed.energy_eV + self.added_energy(atoms[~ghosts]),
            provenance=self._provenance(atoms, began),
            rung=done.rung,
            levels=_levels(done, task) if wanted.orbitals else None,
            density=fields.named("density") if wanted.density else None,
            spin=fields.spin if wanted.spin else None,
            potential=fields.potential if wanted.potential else None,
            homo=fields.orbital(0) if wanted.orbitals else None,
            lumo=fields.orbital(1) if wanted.orbitals else None,
            charges_e=read_charges(done.text) if wanted.charges else {},
            caveats=_caveats(task, self.options.charge),
        )
        clean(done.folder)
        if wanted.frame is not None and found.density is not None:
            check_one_grid({"the frame": wanted.frame, "cp2k's grid": found.density})
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
    """The fields that a calculation wrote, on the grid and in the frame of the atoms as they were given."""

    done: Done
    task: Task
    atoms: Atoms
    origin: Floats

    @cached_property
    def charges(self) -> Floats:
        """Electrons that each nucleus is to have: its valence; 0 for a ghost."""
        return np.where(self.task.ghosts, 0.0, valence_charges(self.atoms.symbols))

    def named(self, name: str) -> Density:
        """Return a field by its file, e/Å³."""
        return self._read(self.done.folder / f"{PROJECT}-{FIELD_FILES[name]}-1_0.cube")

    @property
    def spin(self) -> Density:
        """Density of unpaired electrons; zero everywhere where all are paired."""
        if self.task.plan.polarised:
            return self.named("spin")
        density = self.named("density")
        return density.with_values(np.zeros_like(density.values_e_A3))

    @property
    def potential(self) -> Density:
        """Hartree potential with the cores' in it: potential energy of an electron, eV."""
        field = self.named("potential")
        return field.with_values(field.values_e_A3 * Bohr**3 * Hartree)

    def orbital(self, above: int) -> Density | None:
        """Return |ψ|² of the highest occupied (0) or lowest empty (1) level of the first spin, e/Å³."""
        files = sorted(self.done.folder.glob(f"{PROJECT}-WFN_*_1-1_0.cube"))
        if above >= len(files):
            return None
        wave = self._read(files[above])
        squared = wave.values_e_A3**2
        return wave.with_values(squared / (squared.sum() * wave.voxel_A3))

    def _read(self, file: Path) -> Density:
        read = read_density(file)
        atoms = Atoms(self.atoms.symbols, self.atoms.positions, cell=self.task.atoms.cell, pbc=self.task.plan.periodic)
        return replace(read, atoms=atoms, origin_A=self.origin, nuclear_charges=self.charges)


def _caveats(task: Task, charge: int) -> tuple[str, ...]:
    notes = []
    if charge and task.plan.periodic:
        notes.append("a charge that repeats stands in a uniform background: its energy depends on the cell")
    if task.output.charges and task.ghosts.any():
        notes.append("no Hirshfeld charges beside ghosts")
    return tuple(notes)


def _levels(done: Done, task: Task) -> Levels:
    energies, occupations, fermi = read_levels(done.text)
    flat = [(e, o) for es, os in zip(energies, occupations, strict=True) for e, o in zip(es, os, strict=True)]
    half = 0.5 if task.plan.polarised else 1.0
    empty = [e for e, o in flat if o < half]
    return Levels(
        homo_eV=max(e for e, o in flat if o >= half),
        lumo_eV=min(empty) if empty else None,
        fermi_eV=fermi,
        zero="cell average" if task.plan.periodic else "vacuum",
        eigenvalues_eV=tuple(tuple(e) for e in energies),
        occupations=tuple(tuple(o) for o in occupations),
    )


def load_cp2k(entry: Entry, options: Mapping[str, Option]) -> MixedBasisEngine:
    """Make the engine with a person's options.

    Raises
    ------
    RequestError
        If an option is not allowed, or the program is missing.
    """
    asked = MixedBasisOptions.asked(options)
    program = command()
    found = next((program_version(word) for word in program if Path(word).name.startswith("cp2k")), None)
    method = Method(
        engine=entry.name,
        engine_version=found or program_version(program[-1]) or "unknown",
        model="CP2K",
        weights_sha256=None,
        functional=entry.functional,
        dispersion=None,
        surrogate=False,
        settings=_settings(asked),
    )
    return MixedBasisEngine(entry, MixedBasisCalculator(asked), method, options=asked)


def _settings(asked: MixedBasisOptions) -> dict[str, Option]:
    """Return what decides the numbers; what is chosen for the atoms at hand says so."""
    chosen = {
        "multiplicity": "lowest",
        "smearing_K": "300 where there is a metal, else none",
        "empty_levels": "half of the filled ones where smeared",
        "scf": "diagonalisation where there is a metal or k-points, else orbital transformation",
        "dipole": "corrected along z for layers with vacuum",
        "kpoints": "spacing 0.3/Å where there is a metal, else 0.6/Å",
    }
    told: dict[str, Option] = {"pseudopotentials": "GTH-PBE"}
    for name, value in asked.model_dump(exclude={"restart"}).items():
        told[name] = chosen[name] if name in chosen and value in (None, "auto") else value
    return told
