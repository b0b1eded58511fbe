"""Density-functional theory of molecules and ions with PySCF.

Gaussian functions, no periodicity; energies, forces, densities, levels and charges
(Sun et al. 2020, https://doi.org/10.1063/5.0006074). Each geometry starts from atomic densities and stands along its
own principal axes while it is computed: what was computed before and how the molecule is turned leave no trace.
Forces hold the grid's own response, so that they are the slope of the energy on that grid.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.units import Bohr, Debye, Hartree
from numpy.typing import NDArray
from pyscf import lib

from interlith.analysis.densities import Density
from interlith.analysis.levels import Levels
from interlith.analysis.records import Method
from interlith.workflows.engines.contract import Entry, LoadedEngine, Option
from interlith.workflows.engines.electronic import Electronic, Wanted, provenance_of
from interlith.workflows.engines.electrons import refuse_periodic
from interlith.workflows.engines.ladder import climb
from interlith.workflows.engines.orbitalfields import (
    Frame,
    electron_density,
    electron_potential,
    empty_grid,
    on_grid,
)
from interlith.workflows.engines.settings import engine_settings
from interlith.workflows.engines.treatment import AUXILIARY, Treatment, check_elements

LEVELS_BELOW, LEVELS_ABOVE = 24, 12
"""Eigenvalues reported on either side of the gap."""
PER_SPIN = {0: 2.0, 1: 1.0}


@dataclass(frozen=True)
class Solution:
    """A molecule solved: PySCF's converged mean field in the frame it was computed in.

    Attributes
    ----------
    field
        PySCF's mean field.
    rung
        Of the convergence ladder.
    frame
        How the molecule stood.
    """

    field: Any
    rung: str
    frame: Frame

    @property
    def energy_eV(self) -> float:
        """Total energy."""
        return float(self.field.e_tot) * Hartree

    @property
    def spins(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
        """Eigenvalues (Ha), orbitals and occupations, one of each per spin; one for restricted orbitals."""
        parts = (self.field.mo_energy, self.field.mo_coeff, self.field.mo_occ)
        return [parts] if np.ndim(self.field.mo_occ) == 1 else list(zip(*parts, strict=True))

    @property
    def density_matrix(self) -> NDArray[np.float64]:
        """Of both spins together."""
        matrix = np.asarray(self.field.make_rdm1())
        return matrix if matrix.ndim == 2 else matrix.sum(axis=0)

    def forces(self) -> NDArray[np.float64]:
        """Return the forces, eV/Å, (atoms, 3)."""
        gradients = self.field.nuc_grad_method()
        gradients.grid_response = True
        return self.frame.outside(-gradients.kernel() * Hartree / Bohr)

    def dipole(self) -> NDArray[np.float64]:
        """Return the dipole about the molecule's centre of nuclear charge, e Å, (3,)."""
        return self.frame.outside(self.field.dip_moment(unit="Debye", verbose=0)[None] * Debye)[0]

    def mulliken(self) -> NDArray[np.float64]:
        """Return Mulliken's charges, e, (atoms,)."""
        return np.asarray(self.field.mulliken_pop(verbose=0)[1])


@contextmanager
def confined(threads: int | None) -> Iterator[None]:
    """Run PySCF on so many threads (None: as it finds them), its temporary files in the current folder."""
    before = lib.param.TMPDIR
    lib.param.TMPDIR = str(Path.cwd())
    try:
        with lib.with_omp_threads(threads):
            yield
    finally:
        lib.param.TMPDIR = before


def solve(treatment: Treatment, atoms: Atoms, ghosts: NDArray[np.bool_] | None = None) -> Solution:
    """Solve a molecule by the first rung of the ladder that converges.

    Parameters
    ----------
    treatment
        How.
    atoms
        Not periodic.
    ghosts
        True for atoms that lend their functions only.

    Raises
    ------
    RequestError
        For what cannot be treated.
    ComputationError
        If nothing converges.
    """
    refuse_periodic("pyscf", atoms)
    frame = Frame.of(atoms)
    turned = Atoms(atoms.symbols, frame.inside(atoms.positions))
    problem = treatment.mean_field(treatment.molecule(turned, ghosts))
    found = climb(problem, atoms.get_chemical_formula(), stability=treatment.stability)
    return Solution(found.field, found.rung, frame)


class MolecularCalculator(Calculator):
    """PySCF for ASE: energy (eV), forces (eV/Å), Mulliken charges (e), dipole (e Å).

    Parameters
    ----------
    treatment
        Functional, basis and the rest; initial charges and magnetic moments of the atoms are not looked at.
    threads
        Threads of OpenMP; None for what the environment says.
    """

    implemented_properties = ("energy", "forces", "charges", "dipole")

    def __init__(self, treatment: Treatment, threads: int | None) -> None:
        super().__init__()
        self.treatment, self.threads = treatment, threads
        self._solution: Solution | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Solve a new geometry; add forces to it when they are asked for.

        Raises
        ------
        RequestError
            For periodic atoms, elements without basis, or electrons that cannot be.
        ComputationError
            If no self-consistent field is found.
        """
        super().calculate(atoms, properties, system_changes)
        with confined(self.threads):
            if system_changes or self._solution is None:
                self._solution = None  # not both in memory
                self._solution = solve(self.treatment, self.atoms)
                self.results = {
                    "energy": self._solution.energy_eV,
                    "charges": self._solution.mulliken(),
                    "dipole": self._solution.dipole(),
                }
            if "forces" in properties:
                self.results["forces"] = self._solution.forces()


@dataclass(frozen=True)
class MolecularEngine(LoadedEngine):
    """PySCF in memory."""

    treatment: Treatment
    threads: int | None

    def check(self, atoms: Atoms) -> None:
        """Refuse what the engine cannot treat.

        Raises
        ------
        RequestError
            For periodic atoms, elements that the basis does not hold, or a charge or multiplicity that cannot be.
        """
        super().check(atoms)
        refuse_periodic(self.entry.name, atoms)
        check_elements(atoms, self.treatment.basis)
        self.treatment.molecule(atoms)

    def electronic(self, atoms: Atoms, wanted: Wanted) -> Electronic:
        """Compute one geometry.

        Raises
        ------
        RequestError
            For what cannot be treated.
        ComputationError
            If no rung of the ladder converges.
        """
        began = time.perf_counter()
        ghosts = np.zeros(len(atoms), bool) if wanted.ghosts is None else np.asarray(wanted.ghosts, bool)
        with confined(self.threads):
            solution = solve(self.treatment, atoms, ghosts)
            fields = _fields(solution, atoms, wanted)
            levels = _levels(solution)
            charges = {"mulliken": tuple(float(q) for q in solution.mulliken())} if wanted.charges else {}
        return Electronic(
            energy_eV=solution.energy_eV + self.added_energy(atoms[~ghosts]),
            provenance=provenance_of(self.method(), atoms, began),
            rung=solution.rung,
            levels=levels if wanted.orbitals else None,
            charges_e=charges,
            caveats=_caveats(levels, self.treatment, wanted),
            **fields,
        )


def load_pyscf(entry: Entry, options: Mapping[str, Option]) -> MolecularEngine:
    """Make the engine for the functional, basis, charge and the rest that the options name.

    Raises
    ------
    RequestError
        See :meth:`interlith.workflows.engines.treatment.Treatment.asked`.
    """
    treatment, threads = Treatment.asked(entry.name, options), engine_settings().threads
    method = Method(
        engine=entry.name,
        engine_version=version(entry.packages[0]),
        model=entry.model,
        weights_sha256=None,
        functional=entry.functional,
        dispersion=None,
        surrogate=entry.surrogate,
        settings=treatment.settings,
    )
    return MolecularEngine(entry, MolecularCalculator(treatment, threads), method, treatment, threads)


def _fields(solution: Solution, atoms: Atoms, wanted: Wanted) -> dict[str, Density]:
    """Return the fields that are wanted, by their names in `Electronic`."""
    molecule, frame = solution.field.mol, solution.frame
    grid = empty_grid(atoms, wanted.spacing_A, wanted.frame, molecule.atom_charges().astype(float))
    found: dict[str, Density] = {}
    if wanted.density or wanted.spin:
        spins = [
            on_grid(grid, electron_density(molecule, orbitals, occupations), frame, molecule.nao)
            for _, orbitals, occupations in solution.spins
        ]
        total = np.sum([spin.values_e_A3 for spin in spins], axis=0)
        found |= {"density": grid.with_values(total)} if wanted.density else {}
        unpaired = spins[0].values_e_A3 - spins[1].values_e_A3 if len(spins) == 2 else np.zeros_like(total)
        found |= {"spin": grid.with_values(unpaired)} if wanted.spin else {}
    if wanted.potential:
        nearest = grid.voxel_A3 ** (1 / 3) / 2
        values = electron_potential(molecule, solution.density_matrix, AUXILIARY, nearest)
        found["potential"] = on_grid(grid, values, frame, 4 * molecule.nao, averaged=False)
    if wanted.orbitals and (wanted.density or wanted.frame is not None):
        found |= _frontier(solution, grid)
    return found


def _frontier(solution: Solution, grid: Density) -> dict[str, Density]:
    """Return the densities of HOMO and LUMO, one electron each."""
    molecule, found = solution.field.mol, {}
    levels = [
        (float(energy), spin, k)
        for spin, (energies, _, _) in enumerate(solution.spins)
        for k, energy in enumerate(energies)
    ]
    filled = [level for level in levels if solution.spins[level[1]][2][level[2]] > 0]
    empty = [level for level in levels if solution.spins[level[1]][2][level[2]] == 0]
    for name, level in (("homo", max(filled, default=None)), ("lumo", min(empty, default=None))):
        if level is not None:
            orbital = solution.spins[level[1]][1][:, level[2] : level[2] + 1]
            values = electron_density(molecule, orbital, np.ones(1))
            found[name] = on_grid(grid, values, solution.frame, molecule.nao, averaged=False)
    return found


def _levels(solution: Solution) -> Levels | None:
    """Return the eigenvalues around the gap; None where there are no electrons (H+)."""
    spins = [(energies * Hartree, occupations) for energies, _, occupations in solution.spins]
    filled = [float(e[n > 0].max()) for e, n in spins if (n > 0).any()]
    if not filled:
        return None
    empty = [float(e[n == 0].min()) for e, n in spins if (n == 0).any()]
    windows = []
    for _, occupations in spins:
        count = int((occupations > 0).sum())
        windows.append(slice(max(0, count - LEVELS_BELOW), count + LEVELS_ABOVE))
    return Levels(
        homo_eV=max(filled),
        lumo_eV=min(empty, default=None),
        zero="vacuum",
        eigenvalues_eV=tuple(tuple(e[w].tolist()) for (e, _), w in zip(spins, windows, strict=True)),
        occupations=tuple(tuple(n[w].tolist()) for (_, n), w in zip(spins, windows, strict=True)),
    )


def _caveats(levels: Levels | None, treatment: Treatment, wanted: Wanted) -> tuple[str, ...]:
    found = []
    if levels and levels.homo_eV > 0:
        found.append(f"the HOMO lies {levels.homo_eV:.2f} eV above the vacuum: its electron is not bound at this level")
    if levels and wanted.orbitals and levels.lumo_eV is not None and levels.lumo_eV > 0:
        lumo = f"the LUMO lies {levels.lumo_eV:.2f} eV above the vacuum"
        found.append(f"{lumo}: a state of the basis, not of the molecule")
    if treatment.solvent and (wanted.orbitals or wanted.potential):
        found.append(f"levels and potential hold the reaction field of {treatment.solvent.label}")
    return tuple(found)
