"""Bringing atoms to rest, with every distinct geometry that the engine evaluates counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes
from ase.filters import FrechetCellFilter
from ase.optimize import BFGSLineSearch

Cell = Literal["fixed", "full", "c"]
OnStep = Callable[[int, float, float], None]
STRAINS: dict[Cell, tuple[int, ...]] = {"full": (1, 1, 1, 1, 1, 1), "c": (0, 0, 1, 0, 0, 0)}


@dataclass(frozen=True)
class Outcome:
    """Where a minimisation ended.

    Attributes
    ----------
    atoms
        Final geometry, constraints and arrays kept, no calculator.
    energy_eV
        Its energy.
    fmax_eV_A
        Its largest force on a free atom, eV/Å (with a free cell, the largest generalised force).
    energies_eV
        Energy of every geometry evaluated, in order.
    n_calls
        Distinct geometries evaluated.
    converged
        Whether the threshold was reached within the cap.
    optimizer
        What was run, in words.
    """

    atoms: Atoms
    energy_eV: float
    fmax_eV_A: float
    energies_eV: tuple[float, ...]
    n_calls: int
    converged: bool
    optimizer: str


class CapReachedError(Exception):
    """The engine was asked for more geometries than it may evaluate."""


class Counted(Calculator):
    """An engine's calculator that counts the geometries it is given and stops at a cap.

    Parameters
    ----------
    inner
        The engine's own calculator.
    max_calls
        Geometries it may evaluate; the next one raises :class:`CapReachedError`.
    on_step
        Called after each evaluation with its number, energy (eV) and largest force on a free atom (eV/Å).
    """

    def __init__(self, inner: BaseCalculator, max_calls: int, on_step: OnStep | None = None) -> None:
        super().__init__()
        self.inner, self.max_calls, self.on_step = inner, max_calls, on_step
        self.implemented_properties = list(inner.implemented_properties)
        self.energies: list[float] = []
        self.best: tuple[float, Atoms] | None = None

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Evaluate energy and forces (and stress, if the engine has it) of `atoms` in one call."""
        if len(self.energies) >= self.max_calls:
            raise CapReachedError
        super().calculate(atoms, properties, system_changes)
        wanted = {"energy", "forces", *properties} & {*self.implemented_properties}
        self.results = {name: self.inner.get_property(name, self.atoms) for name in wanted}
        self._record(self.results["energy"], largest_force(self.atoms, self.results["forces"]))

    def _record(self, energy: float, fmax: float) -> None:
        self.energies.append(float(energy))
        if self.best is None or energy < self.best[0]:
            self.best = (float(energy), self.atoms.copy())
        if self.on_step:
            self.on_step(len(self.energies), float(energy), fmax)


def largest_force(atoms: Atoms, forces: np.ndarray) -> float:
    """Return the largest force (eV/Å) on an atom of `atoms`, its constraints taken out of `forces`, shape (n, 3)."""
    free = np.array(forces, dtype=float)
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, free)
    return float(np.sqrt((free**2).sum(axis=1).max()))


def minimise(
    atoms: Atoms, *, fmax: float, max_calls: int = 500, cell: Cell = "fixed", on_step: OnStep | None = None
) -> Outcome:
    """Move `atoms` (with a calculator, left untouched) to a local minimum of the engine's energy.

    Parameters
    ----------
    atoms
        Start, with the engine's calculator; its constraints are obeyed.
    fmax
        Largest force on a free atom at the end, eV/Å.
    max_calls
        Distinct geometries the engine may evaluate.
    cell
        "fixed"; "full", every strain free; or "c", only the strain along z, for a bulk held at an in-plane strain.
    on_step
        Told of each evaluation: its number, energy and largest force.

    Returns
    -------
    Outcome
        Unconverged if the cap was reached first: then the geometry of lowest energy met so far.
    """
    working = atoms.copy()
    working.calc = counted = Counted(atoms.calc, max_calls, on_step)
    mobile = working if cell == "fixed" else FrechetCellFilter(working, mask=STRAINS[cell])
    optimiser = BFGSLineSearch(mobile, logfile=None)
    try:
        converged = bool(optimiser.run(fmax=fmax, steps=max_calls))
    except CapReachedError:
        converged = False
    return _outcome(working, counted, converged, "ASE BFGSLineSearch")


def _outcome(working: Atoms, counted: Counted, converged: bool, optimizer: str) -> Outcome:
    assert counted.best is not None
    final = working.copy() if converged else counted.best[1]
    counted.max_calls += 1
    final.calc = counted
    energy, force = final.get_potential_energy(), largest_force(final, final.get_forces())
    final.calc = None
    return Outcome(final, energy, force, tuple(counted.energies), len(counted.energies), converged, optimizer)
