"""The best registries of rigid sides: shift and gap found together, by the engine's own forces.

Side B is one rigid body over side A, so the energy has three variables, and the sum of the engine's forces over B
is minus its gradient: each evaluation gives four numbers at the price of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from jobflow import job
from pydantic import Field

from interlith.structures.interfaces import displaced, side_alone
from interlith.structures.records import InterfaceModel, Record
from interlith.structures.registries import displacement_cell, irreducible_shifts, plane_symmetry
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.relaxations import Progress, ready

TOUCH, FLOOR = 1.0, 0.7
"""Distance of the closest pair across the contact over the sum of its covalent radii: at first, and never less."""
STIFFNESS_EV_A4 = np.array([0.02, 0.02, 0.25])
"""First guess of the curvature along x, y and the gap per area, eV/Å⁴; corrected by what is met."""
FARTHEST_A = 5.0
STEP_A = 0.5
ESCAPE_A = np.array([0.13, 0.11, 0.0])
"""Off a point of symmetry: it has no force in the plane, and may be a maximum."""
SAME_A = 0.3
TOLERANCE_EV_A2 = 2e-5
MOST_CALLS = 40


class RigidRegistry(Record):
    """One registry at its best gap, sides rigid."""

    shift: tuple[float, float] = Field(description="of B against A, fractions of the common cell, 0 to 1")
    gap_A: float
    energy_eV: float
    calls: int = Field(description="geometries evaluated for it; those of merged starts count with where they ended")
    minimum: bool = Field(description="False: a start at its own best gap, given because there are too few minima")


@dataclass
class Contact:
    """The energy of two rigid sides as a function of (x, y, gap): x, y displace B from where the model has it, Å.

    Parameters
    ----------
    model
        The interface.
    energy_and_slope
        Of a model: energy (eV) and its derivatives by x, y and gap (eV/Å).
    """

    model: InterfaceModel
    energy_and_slope: Callable[[InterfaceModel], tuple[float, np.ndarray]]
    calls: int = 0

    def __post_init__(self) -> None:
        a, b = side_alone(self.model, 0), side_alone(self.model, 1)
        self.cell = a.cell.array[:2, :2]
        self.contacts = [(a, b, 1.0)] + ([(b, a, -1.0)] if self.model.n_interfaces == 2 else [])

    def at(self, place: np.ndarray) -> Point:
        """Evaluate at (x, y, gap)."""
        self.calls += 1
        return Point(place, *self.energy_and_slope(displaced(self.model, self.shift(place), float(place[2]))))

    def shift(self, place: np.ndarray) -> tuple[float, float]:
        """Return the registry at (x, y, gap), fractions of the common cell from 0 to 1."""
        x, y = np.round(self.model.shift + place[:2] @ np.linalg.inv(self.cell), 9) % 1.0
        return float(x), float(y)

    def least_gap_A(self, place: np.ndarray, contact: float) -> float:
        """Return the gap at which the closest pair across is `contact` times the sum of its covalent radii."""
        return max(
            least_gap_A(lower, upper, sign * place[:2], contact, self.cell) for lower, upper, sign in self.contacts
        )


@dataclass(frozen=True)
class Point:
    """Energy (eV) and its slope (eV/Å) at a place (x, y, gap)."""

    place: np.ndarray
    energy: float
    slope: np.ndarray


@dataclass(frozen=True)
class Found:
    """Where a search ended, what it cost, and the curvature (eV/Å²) it learned."""

    point: Point
    curvature: np.ndarray
    calls: int
    minimum: bool


def rigid_search(model: InterfaceModel, engine: EngineChoice, *, n_start: int = 8, k: int = 5) -> list[RigidRegistry]:
    """Find the lowest registries of rigid sides, each at its own best gap.

    From each of `n_start` irreducible displacements the gap alone is found, then all three variables move downhill; a
    descent that comes near a known minimum, or an image of it by symmetry, ends there.

    Parameters
    ----------
    model
        The interface; its own shift and gap are only where displacements count from.
    engine
        What computes energies and forces (and stress, for a model without vacuum).
    n_start
        Starting displacements.
    k
        Entries wanted; where there are fewer minima, the best other starts follow, each at its own best gap, marked.

    Returns
    -------
    list of RigidRegistry
        Lowest energy first, minima before mere starts; all calls add up to what was spent.

    Raises
    ------
    RequestError
        If the engine cannot be used on these atoms.
    """
    contact, images = Contact(model, engine_slope(model, engine)), Images.of(model)
    starts = _own_gaps(contact, _starts(model, contact, n_start))
    minima: list[Found] = []
    for start in starts:
        ended = _descend(contact, start, [m.point.place for m in minima], images)
        _file(minima, ended, images)
    others = [s for s in starts if not any(images.same(s.point.place, m.point.place) for m in minima)]
    kept = sorted(minima, key=_energy)[:k] + others[: max(0, k - len(minima))]
    kept[0] = replace(kept[0], calls=contact.calls - sum(f.calls for f in kept[1:]))
    return [_entry(contact, found) for found in kept]


@job
def rigid_search_job(
    model: InterfaceModel, engine: EngineChoice, *, n_start: int = 8, k: int = 5
) -> list[RigidRegistry]:
    """Run :func:`rigid_search` as a job."""
    return rigid_search(model, engine, n_start=n_start, k=k)


def least_gap_A(lower: Atoms, upper: Atoms, aside_A: np.ndarray, contact: float, cell: np.ndarray) -> float:
    """Return the gap at which the closest pair of two rigid bodies is `contact` times the sum of its covalent radii.

    Parameters
    ----------
    lower, upper
        The bodies in one lateral cell.
    aside_A
        Displacement of `upper` in the plane, (2,).
    contact
        1 for touching.
    cell
        The lateral cell, rows (2, 2).
    """
    radii = contact * (covalent_radii[lower.numbers][:, None] + covalent_radii[upper.numbers][None])
    below = lower.positions[:, 2] - lower.positions[:, 2].max()
    above = upper.positions[:, 2] - upper.positions[:, 2].min()
    apart = (upper.positions[None, :, :2] + aside_A - lower.positions[:, None, :2]) @ np.linalg.inv(cell)
    apart -= np.rint(apart)
    around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    square = min_over_images(apart, around, cell)
    needed = np.sqrt(np.clip(radii**2 - square, 0, None)) - (above[None] - below[:, None])
    return float(needed[square < radii**2].max(initial=0.0))


def min_over_images(apart: np.ndarray, around: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the smallest squared length (Å²) of fractional vectors (..., 2) over lattice translations (m, 2)."""
    return np.min([(((apart + t) @ cell) ** 2).sum(-1) for t in around], axis=0)


@dataclass(frozen=True)
class Images:
    """Displacements that are the same interface: a lattice (rows, Å) and operations s → s R + t."""

    lattice: np.ndarray
    operations: tuple[tuple[np.ndarray, np.ndarray], ...]

    @classmethod
    def of(cls, model: InterfaceModel) -> Images:
        """Find them from the symmetry of both sides."""
        a, b = side_alone(model, 0), side_alone(model, 1)
        cell = a.cell.array[:2, :2]
        of_a, of_b = plane_symmetry(a).one_each(), plane_symmetry(b).one_each()
        shared = [(np.reshape(r, (2, 2)), of_a[r] - of_b[r]) for r in of_a if r in of_b]
        inverse = np.linalg.inv(cell)
        return cls(displacement_cell(a, b) @ cell, tuple((inverse @ r @ cell, t @ cell) for r, t in shared))

    def same(self, one: np.ndarray, other: np.ndarray) -> bool:
        """Whether two places (x, y, gap) are near one another, or an image.

        Near is 0.3 Å or, where the irreducible displacements span little more than that, a fifth of their span.
        """
        images = np.array([one[:2] @ r + t for r, t in self.operations]) - other[:2]
        apart = images @ np.linalg.inv(self.lattice)
        around = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
        nearest = min_over_images(apart - np.rint(apart), around, self.lattice)
        near = min(SAME_A, 0.2 * float(np.sqrt(abs(np.linalg.det(self.lattice)))))
        return bool(np.sqrt(nearest.min() + (one[2] - other[2]) ** 2) < near)


def engine_slope(model: InterfaceModel, choice: EngineChoice) -> Callable[[InterfaceModel], tuple[float, np.ndarray]]:
    """Return the function that gives a model's energy (eV) and its slope by x, y and gap (eV/Å); see `rigid_search`.

    The slope is −Σ F over side B; a cell without vacuum also grows with the gap. Each call writes a line of progress.
    """
    _, atoms, _ = ready(model.xyz, choice)
    calculator, report, upper = atoms.calc, Progress("registries"), np.array(model.side_b)
    calls = 0

    def energy_and_slope(moved: InterfaceModel) -> tuple[float, np.ndarray]:
        """Evaluate a model once; count and report it."""
        nonlocal calls
        calls += 1
        atoms = moved.atoms
        atoms.calc = calculator
        forces = np.asarray(atoms.get_forces(apply_constraint=False), dtype=float)
        slope = -forces[upper].sum(axis=0)
        if moved.n_interfaces == 2:
            slope[2] += 2 * slope_of_height(atoms, forces)
        energy = float(atoms.get_potential_energy())
        report(calls, energy, float(np.linalg.norm(slope)))
        return energy, slope

    return energy_and_slope


def slope_of_height(atoms: Atoms, forces: np.ndarray) -> float:
    """Return ∂E/∂c (eV/Å) of a cell with c along z, the atoms staying where they are.

    A strain of the whole along z moves atoms and cell: V σ_zz = −Σ z F_z + c ∂E/∂c.
    """
    stress = float(atoms.get_stress(apply_constraint=False)[2])
    return float((atoms.get_volume() * stress + atoms.positions[:, 2] @ forces[:, 2]) / atoms.cell[2, 2])


def _starts(model: InterfaceModel, contact: Contact, n: int) -> list[np.ndarray]:
    shifts = irreducible_shifts(side_alone(model, 0), side_alone(model, 1), n=n) @ contact.cell
    return [np.array([*s, contact.least_gap_A(s, TOUCH)]) for s in shifts]


def _own_gaps(contact: Contact, starts: list[np.ndarray]) -> list[Found]:
    """Find the best gap of each start; what the first ones teach of gap and curvature serves the next."""
    found: list[Found] = []
    curvature, further = np.diag(STIFFNESS_EV_A4) * contact.model.area_A2, 0.0
    for start in starts:
        ended = _minimise(contact, start + np.array([0, 0, further]), curvature, np.array([0, 0, 1.0]), lambda _: False)
        further = float(np.median([f.point.place[2] - s[2] for f, s in zip([*found, ended], starts, strict=False)]))
        curvature = np.diag(np.diag(ended.curvature))
        found.append(replace(ended, minimum=False))
    return sorted(found, key=_energy)


def _descend(contact: Contact, start: Found, known: list[np.ndarray], images: Images) -> Found:
    """Go down from a start in all three variables, until a minimum or near one that is known."""
    place, slope = start.point.place, start.point.slope
    stationary = _gain(start.curvature, slope) < TOLERANCE_EV_A2 * contact.model.area_A2
    aside = _minimise(
        contact,
        place + ESCAPE_A if stationary else start.point,
        start.curvature,
        np.ones(3),
        lambda point: any(images.same(point.place, one) for one in known),
    )
    lowest = min(aside.point, start.point, key=lambda point: point.energy)
    return replace(aside, point=lowest, calls=aside.calls + start.calls)


def _minimise(
    contact: Contact,
    start: np.ndarray | Point,
    curvature: np.ndarray,
    free: np.ndarray,
    near_known: Callable[[Point], bool],
) -> Found:
    """Minimise by BFGS steps of at most half an Å that never bring two atoms too close."""
    before, radius, enough = contact.calls, STEP_A, TOLERANCE_EV_A2 * contact.model.area_A2
    point = start if isinstance(start, Point) else contact.at(start)
    while contact.calls - before < MOST_CALLS and not near_known(point):
        slope = point.slope * free
        step = _safe(contact, point.place, _limited(-np.linalg.solve(curvature, slope) * free, radius))
        if -slope @ step / 2 < enough:
            break
        new = contact.at(point.place + step)
        curvature = _updated(curvature, step, (new.slope - point.slope) * free)
        radius = min(STEP_A, 2 * radius) if new.energy < point.energy else float(np.linalg.norm(step)) / 3
        point = new if new.energy < point.energy else point
    return Found(point, curvature, contact.calls - before, minimum=True)


def _gain(curvature: np.ndarray, slope: np.ndarray) -> float:
    return float(slope @ np.linalg.solve(curvature, slope)) / 2


def _limited(step: np.ndarray, radius: float) -> np.ndarray:
    return step * min(1.0, radius / max(float(np.linalg.norm(step)), 1e-12))


def _safe(contact: Contact, place: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the step with its gap kept between no overlap and no contact."""
    new = place + step
    low = contact.least_gap_A(new, FLOOR)
    new[2] = np.clip(new[2], low, low + FARTHEST_A)
    return new - place


def _updated(curvature: np.ndarray, step: np.ndarray, rise: np.ndarray) -> np.ndarray:
    """Return the BFGS update, damped (Powell 1978) so that the curvature stays positive."""
    pushed = curvature @ step
    own = float(step @ pushed)
    seen = float(step @ rise)
    if seen < 0.2 * own:
        mix = 0.8 * own / (own - seen)
        rise = mix * rise + (1 - mix) * pushed
    return curvature + np.outer(rise, rise) / (step @ rise) - np.outer(pushed, pushed) / own


def _file(minima: list[Found], ended: Found, images: Images) -> None:
    """Put an ended descent among the minima, or count its calls with the one it fell into."""
    for i, known in enumerate(minima):
        if images.same(known.point.place, ended.point.place):
            best = min(known, ended, key=_energy)
            minima[i] = replace(best, calls=known.calls + ended.calls)
            return
    minima.append(ended)


def _energy(found: Found) -> float:
    return found.point.energy


def _entry(contact: Contact, found: Found) -> RigidRegistry:
    return RigidRegistry(
        shift=contact.shift(found.point.place),
        gap_A=float(found.point.place[2]),
        energy_eV=found.point.energy,
        calls=found.calls,
        minimum=found.minimum,
    )
