"""Bringing atoms to rest, with every distinct geometry that the engine evaluates counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes
from ase.constraints import FixAtoms
from ase.filters import FrechetCellFilter
from scipy.linalg import block_diag

from interlith.structures.errors import ComputationError
from interlith.workflows.engines.springs import CLOSEST, closest_contact, spring_curvature

Cell = Literal["fixed", "full", "c"]
OnStep = Callable[[int, float, float], None]
STRAINS: dict[Cell, tuple[int, ...]] = {"full": (1, 1, 1, 1, 1, 1), "c": (0, 0, 1, 0, 0, 0)}
OPTIMISER = "trust-region BFGS on springs between neighbours"
FIRST_STEP_A, LONGEST_STEP_A, LEAST_STEP_A = 0.2, 0.4, 0.001
MEMORY = 100
LEAST_CURVATURE_EV_A2 = 1e-3
NOISE_EV = 5e-6
"""Per atom, of a learned engine's energy in single precision: changes below it say nothing. A part of the total
would be no measure: all-electron totals are ten thousand times those of learned engines, and exact to nine digits."""
STRESS_PER_FORCE_A2 = 0.02
"""Stress counts as a force of its value divided by this: 0.03 eV/Å is 0.1 GPa."""
MODULUS_EV_A3 = 0.6


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
        Its largest force on a free atom, eV/Å.
    energies_eV
        At each accepted step, first to last; of an unfinished one, of every geometry evaluated.
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
    stress
        Whether each evaluation needs it.
    on_step
        Called after each evaluation with its number, energy (eV) and largest force on a free atom (eV/Å).
    """

    def __init__(
        self, inner: BaseCalculator, max_calls: int, *, stress: bool = False, on_step: OnStep | None = None
    ) -> None:
        super().__init__()
        self.inner, self.max_calls, self.on_step = inner, max_calls, on_step
        self.implemented_properties = ["energy", "forces", *(["stress"] if stress else [])]
        self.energies: list[float] = []

    @property
    def calls(self) -> int:
        """Geometries evaluated so far."""
        return len(self.energies)

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Evaluate energy, forces and (if wanted) stress of `atoms` as one call."""
        if self.calls >= self.max_calls:
            raise CapReachedError
        super().calculate(atoms, properties, system_changes)
        self.results = {name: self.inner.get_property(name, self.atoms) for name in self.implemented_properties}
        energy, fmax = float(self.results["energy"]), largest_force(self.atoms, self.results["forces"])
        if not np.isfinite([energy, fmax]).all():
            formula = self.atoms.get_chemical_formula()
            raise ComputationError(f"the engine gave energy {energy} eV, force {fmax} eV/Å", formula, "check the start")
        self.last = energy, self.atoms.copy(), fmax
        self.best = min(self.last, getattr(self, "best", self.last), key=lambda seen: seen[0])
        self.energies.append(energy)
        if self.on_step:
            self.on_step(self.calls, energy, fmax)


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

    BFGS on a Hessian of springs between neighbours, in a trust region. ASE's `BFGSLineSearch`, started from the same
    Hessian, took as many calls as without it, twice as many as this (Al|Cu of `tests/benchmarks/test_relaxation.py`).

    Parameters
    ----------
    atoms
        Start, with the engine's calculator; its constraints are obeyed.
    fmax
        Largest force on a free atom at the end, eV/Å. With a free cell also the largest stress, times 50 Å²:
        0.03 eV/Å is 0.1 GPa.
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
    working.calc = counted = Counted(atoms.calc, max_calls, stress=cell != "fixed", on_step=on_step)
    return settle(Landscape.of(working, cell), counted, fmax)


class Terrain(Protocol):
    """What a descent moves on: rows of coordinates in Å, their energy and slope, and the atoms that they place."""

    @property
    def atoms(self) -> Atoms:
        """The atoms, where they are now."""

    @property
    def place(self) -> np.ndarray:
        """Coordinates (m, 3)."""

    def go(self, place: np.ndarray) -> None:
        """Move there; nothing is evaluated."""

    def look(self) -> tuple[float, np.ndarray]:
        """Return the energy (eV) and its gradient (m, 3) here."""

    def curvature(self) -> np.ndarray:
        """Return a first guess of the Hessian (3 m, 3 m) here, eV/Å²."""


def settle(landscape: Terrain, counted: Counted, fmax: float) -> Outcome:
    """Descend until the largest slope is at most `fmax`, or the calculator of the atoms, `counted`, meets its cap."""
    try:
        accepted, converged = descend(landscape, fmax)
    except CapReachedError:
        accepted, converged = tuple(counted.energies), False
    energy, final, force = counted.last if converged else counted.best
    return Outcome(final, energy, force, accepted, counted.calls, converged, OPTIMISER)


@dataclass(frozen=True)
class Landscape:
    """The energy as a function of what may move: free atoms and, if wanted, the strains of the cell.

    Attributes
    ----------
    mobile
        The atoms, or a filter that adds three rows for the cell.
    free
        Rows of `mobile` that may move.
    """

    mobile: Atoms | FrechetCellFilter
    free: np.ndarray

    @classmethod
    def of(cls, atoms: Atoms, cell: Cell) -> Landscape:
        """Return the landscape of `atoms`, whose calculator it uses and whose positions it moves."""
        held = [c.index for c in atoms.constraints if isinstance(c, FixAtoms)]
        free = np.setdiff1d(np.arange(len(atoms)), np.concatenate([np.array([], int), *held]))
        if cell == "fixed":
            return cls(atoms, free)
        scale = STRESS_PER_FORCE_A2 * atoms.get_volume()
        mobile = FrechetCellFilter(atoms, mask=STRAINS[cell], exp_cell_factor=scale)
        return cls(mobile, np.concatenate([free, len(atoms) + np.arange(3)]))

    @property
    def atoms(self) -> Atoms:
        """The atoms themselves, where they are now."""
        return self.mobile if isinstance(self.mobile, Atoms) else self.mobile.atoms

    @property
    def place(self) -> np.ndarray:
        """Coordinates (m, 3) of what may move."""
        return np.array(self.mobile.get_positions())[self.free]

    def go(self, place: np.ndarray) -> None:
        """Move there; nothing is evaluated."""
        rows = np.array(self.mobile.get_positions())
        rows[self.free] = place
        self.mobile.set_positions(rows)

    def look(self) -> tuple[float, np.ndarray]:
        """Return the energy (eV) and its gradient (m, 3) here."""
        forces = np.asarray(self.mobile.get_forces(), dtype=float)
        return float(self.atoms.get_potential_energy()), -forces[self.free]

    def curvature(self) -> np.ndarray:
        """Return a first guess of the Hessian (3 m, 3 m), eV/Å²: springs, and a modulus for the cell."""
        springs = spring_curvature(self.atoms)
        volume = self.atoms.get_volume() if isinstance(self.mobile, FrechetCellFilter) else 1.0
        cell = MODULUS_EV_A3 / (STRESS_PER_FORCE_A2**2 * volume)
        whole = block_diag(springs, cell * np.eye(9))
        wanted = (3 * self.free[:, None] + np.arange(3)).ravel()
        return whole[np.ix_(wanted, wanted)]


def descend(landscape: Terrain, fmax: float) -> tuple[tuple[float, ...], bool]:
    """Go downhill until the largest force is at most `fmax`.

    Each step minimises the quadratic model within a radius that no atom may pass; the radius follows how well the
    model foretold the energy. A step uphill is taken back, but what it taught is kept.

    Returns
    -------
    Energies at each accepted place, and True (:class:`CapReachedError` ends what does not get there).
    """
    place, (energy, slope) = landscape.place, landscape.look()
    radius, accepted = FIRST_STEP_A, [energy]
    steps: list[np.ndarray] = []
    rises: list[np.ndarray] = []
    while longest(slope) > fmax:
        landscape.go(place)
        recent = slice(-min(MEMORY, slope.size), None)
        curvature = learned(landscape.curvature(), steps[recent], rises[recent])
        step = _apart(landscape, place, trust_step(curvature, slope, radius))
        foretold = float(np.sum(slope * step) + step.ravel() @ curvature @ step.ravel() / 2)
        new_energy, new_slope = landscape.look()
        steps.append(step.ravel())
        rises.append(damped(curvature, step.ravel(), (new_slope - slope).ravel()))
        noise = NOISE_EV * len(landscape.atoms)
        radius = _next_radius(radius, longest(step), (new_energy - energy) / foretold if foretold < -noise else 1.0)
        if new_energy <= energy + noise or longest(new_slope) < longest(slope) / 2:
            place, energy, slope = place + step, new_energy, new_slope
            accepted.append(energy)
    return tuple(accepted), True


def longest(rows: np.ndarray) -> float:
    """Return the length of the longest row of an (m, 3) array."""
    return float(np.sqrt((rows**2).sum(axis=1).max(initial=0.0)))


def trust_step(curvature: np.ndarray, slope: np.ndarray, radius: float) -> np.ndarray:
    """Return the step (m, 3) that minimises g·s + s·(H + λ)·s/2, λ ≥ 0 the least that keeps each row within `radius`.

    Parameters
    ----------
    curvature
        H, positive definite, (3 m, 3 m).
    slope
        g, (m, 3).
    radius
        Longest row allowed; met within 5 %.
    """
    values, vectors = np.linalg.eigh(curvature)
    values = np.maximum(values, LEAST_CURVATURE_EV_A2)
    along = vectors.T @ slope.ravel()

    def step(shift: float) -> np.ndarray:
        """Return the step for that λ."""
        return -(vectors @ (along / (values + shift))).reshape(-1, 3)

    if longest(step(0.0)) <= radius:
        return step(0.0)
    low, high = 0.0, float(np.linalg.norm(along)) / radius
    while not 0.95 * radius <= longest(step(high)) <= radius:
        middle = (low + high) / 2
        low, high = (middle, high) if longest(step(middle)) > radius else (low, middle)
    return step(high)


def learned(springs: np.ndarray, steps: list[np.ndarray], rises: list[np.ndarray]) -> np.ndarray:
    """Return a Hessian after BFGS updates with all steps at once.

    B − [B S, Y] [[Sᵀ B S, L], [Lᵀ, −D]]⁻¹ [B S, Y]ᵀ with L the part of Sᵀ Y below its diagonal D (Byrd, Nocedal and
    Schnabel 1994, https://doi.org/10.1007/BF01582063). So the springs B can be those of the present geometry, which
    takes a quarter fewer calls than those of the start.

    Parameters
    ----------
    springs
        B, (n, n).
    steps, rises
        Columns of S and Y: steps taken and the changes of the gradient along them, (n,) each, s·y > 0.
    """
    if not steps:
        return springs
    S, Y = np.array(steps).T, np.array(rises).T
    pushed, both = springs @ S, S.T @ Y
    below = np.tril(both, -1)
    middle = np.block([[S.T @ pushed, below], [below.T, -np.diag(np.diag(both))]])
    wide = np.hstack([pushed, Y])
    return springs - wide @ np.linalg.solve(middle, wide.T)


def damped(curvature: np.ndarray, step: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Return the change of the gradient, mixed with what the model foretold so that the update stays convex.

    y, or a mixture of y and H s with s·y = 0.2 s·H s where s·y is less (Powell 1978; procedure 18.2 of Nocedal and
    Wright, https://doi.org/10.1007/978-0-387-40065-5).

    Parameters
    ----------
    curvature
        H, (n, n).
    step, rise
        s, the step taken, and y, the change of the gradient along it; (n,).
    """
    pushed = curvature @ step
    own, seen = float(step @ pushed), float(step @ rise)
    if seen >= 0.2 * own:
        return rise
    mix = 0.8 * own / (own - seen)
    return mix * rise + (1 - mix) * pushed


def _apart(landscape: Terrain, place: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Go there, the step halved until it brings no two atoms closer than they may be (or already are); return it."""
    least = min(CLOSEST, closest_contact(landscape.atoms))
    for _ in range(5):
        landscape.go(place + step)
        if closest_contact(landscape.atoms) >= least:
            break
        step = step / 2
    return step


def _next_radius(radius: float, length: float, told: float) -> float:
    """Return the trust radius after a step of that length that gave `told` times the energy foretold."""
    if told < 0.25:
        return max(length / 2, LEAST_STEP_A)
    return min(LONGEST_STEP_A, 1.5 * radius) if told > 0.75 and length > 0.9 * radius else radius
