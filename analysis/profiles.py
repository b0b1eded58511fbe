"""Fields along the normal: planar averages, charge that has moved, vacuum levels and work functions. Å, e, eV.

A profile has one value a layer of the grid. Layers are parallel to the two other axes of the cell, whatever their
angle; heights are along their normal, from the grid's first layer. Along that normal the cell repeats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from interlith.analysis.densities import Density, check_density
from interlith.structures.errors import RequestError
from interlith.structures.records import Record

Floats = NDArray[np.float64]

FLAT_eV = 0.010
"""A vacuum plateau that varies by less is flat."""
LEAST_VACUUM_A = 5.0
"""Between the outermost atoms; a plateau needs that much at the least."""
JUMP_eV = 0.05
"""A step between two neighbouring layers of the vacuum above this is a dipole correction's."""
JUMP_WIDTH_A = 0.7
"""What a dipole correction smears its step over, on either side."""
SAME_HEIGHT_A = 1e-3
"""Atoms nearer in height than that are not parted."""
FACING = 0.6
"""The gap under side A is the contact if it is narrower than this part of the gap over it."""


@dataclass(frozen=True)
class Profile:
    """A field, averaged over the layers of a grid.

    Attributes
    ----------
    heights_A
        Of each layer, shape (n,), evenly spaced from 0.
    means
        Average over each layer, shape (n,), the field's own unit.
    area_A2
        Of a layer.
    period_A
        Height of the cell.
    """

    heights_A: Floats
    means: Floats
    area_A2: float
    period_A: float

    @property
    def step_A(self) -> float:
        """Distance of two layers."""
        return self.period_A / len(self.heights_A)

    @property
    def integrals(self) -> Floats:
        """Integral over each layer, f(z) = ∫∫ f dx dy, shape (n,): e/Å for a density in e/Å³."""
        return self.means * self.area_A2

    def starting_at(self, height_A: float) -> Profile:
        """Return the same profile counted from the layer nearest to a height."""
        first = round(height_A / self.step_A)
        return Profile(self.heights_A, np.roll(self.means, -first), self.area_A2, self.period_A)

    def between(self, low_A: float, high_A: float) -> float:
        """Return ∫ f dx dy dz from one height up to another, past the cell's edge if `high_A` < `low_A`."""
        span = (high_A - low_A) % self.period_A
        return self._up_to(low_A % self.period_A + span) - self._up_to(low_A % self.period_A)

    def running(self) -> Floats:
        """Return the running integral at the upper edge of each layer, ∫₀^z f(z') dz', shape (n,)."""
        return np.cumsum(self.integrals) * self.step_A

    def _up_to(self, height_A: float) -> float:
        """Integral from the lower edge of the first layer; each layer's value holds for half a step to either side."""
        whole, rest = divmod(height_A / self.step_A + 0.5, len(self.means))
        edges = np.concatenate([[0.0], self.running()])
        return float(whole * edges[-1] + np.interp(rest, np.arange(len(edges)), edges))


def planar(field: Density, axis: int = 2) -> Profile:
    """Return a field averaged over the layers along one axis of its grid.

    Raises
    ------
    RequestError
        If the field is not finite or its cell flat.
    """
    check_density(field, "field")
    cell, n = field.cell_A, field.values_e_A3.shape[axis]
    across = np.cross(*(cell[k] for k in range(3) if k != axis))
    area = float(np.linalg.norm(across))
    period = abs(float(np.linalg.det(cell))) / area
    others = tuple(k for k in range(3) if k != axis)
    return Profile(np.arange(n) * period / n, field.values_e_A3.mean(axis=others), area, period)


def macroscopic(profile: Profile, widths_A: tuple[float, ...]) -> Profile:
    """Return a profile averaged over windows, one after the other.

    With one window of a layer's thickness for each side, f_macro(z) = (1/L_A L_B) ∫∫ f(z + s + t) ds dt for
    |s| ≤ L_A/2, |t| ≤ L_B/2: what repeats with the layers is gone, what changes at the contact stays (Baldereschi,
    Baroni and Resta, Phys. Rev. Lett. 61, 734 (1988), 10.1103/PhysRevLett.61.734). The windows need not be multiples
    of the grid's step.

    Parameters
    ----------
    profile
        What is averaged.
    widths_A
        Of the windows.

    Raises
    ------
    RequestError
        For a width that is not between 0 and the height of the cell.
    """
    for width in widths_A:
        if not 0 < width <= profile.period_A:
            what = f"a window of {width:g} Å in a cell {profile.period_A:.2f} Å high"
            raise RequestError(what, "macroscopic average", "take the thickness of one layer of atoms")
    waves = np.fft.rfftfreq(len(profile.means), d=profile.step_A)
    damped = np.fft.rfft(profile.means) * np.prod([np.sinc(waves * width) for width in widths_A], axis=0)
    return Profile(profile.heights_A, np.fft.irfft(damped, len(profile.means)), profile.area_A2, profile.period_A)


class Cut(NamedTuple):
    """The two planes that part side A from side B around the cell.

    Attributes
    ----------
    below_A, above_A
        Heights of the planes under and over side A; between them stands A, the rest of the period is B's.
    below_gap_A, above_gap_A
        How far apart the atoms on either side of each plane are, along the normal.
    astray
        How many atoms stand on the wrong side of them.
    """

    below_A: float
    above_A: float
    below_gap_A: float
    above_gap_A: float
    astray: int

    @property
    def contact_A(self) -> float:
        """Height of the plane in the contact: over A, where B belongs, unless the gap under A is clearly narrower."""
        return self.above_A if self.a_below else self.below_A

    @property
    def contact_gap_A(self) -> float:
        """Width of the contact's gap."""
        return self.above_gap_A if self.a_below else self.below_gap_A

    @property
    def far_A(self) -> float:
        """Height of the other plane: in the vacuum, or in the second contact of a cell without one."""
        return self.below_A if self.a_below else self.above_A

    @property
    def a_below(self) -> bool:
        """Whether A is the lower side of the contact."""
        return self.below_gap_A >= FACING * self.above_gap_A


def cut_between(field: Density, side: NDArray[np.int64], axis: int = 2) -> Cut:
    """Return the planes between side A and side B.

    Each plane lies in the middle between two atoms next to each other in height. Of all pairs of planes the one that
    leaves fewest atoms on the wrong side is taken; of those, the one with the widest gaps.

    Parameters
    ----------
    field
        For its atoms and cell.
    side
        0 for A, 1 for B, shape (atoms,).
    axis
        Of the grid, along which the sides are stacked.

    Raises
    ------
    RequestError
        If a side has no atoms, or all atoms stand at one height.
    """
    if set(side.tolist()) != {0, 1}:
        raise RequestError(f"sides {sorted(set(side.tolist()))}", "sides", "both A (0) and B (1) need atoms")
    period = planar(field, axis).period_A
    heights = field.grid_fractions[:, axis] * period
    order = np.argsort(heights, kind="stable")
    up = heights[order]
    gaps = np.diff(up, append=up[0] + period)
    planes = np.flatnonzero(gaps > SAME_HEIGHT_A)
    if len(planes) < 2:
        raise RequestError("all atoms stand at one height", "sides", f"they are not stacked along axis {'xyz'[axis]}")
    astray = _astray(side[order] == 1, planes)
    least = astray == astray.min()
    room = np.where(least, gaps[planes][:, None] + gaps[planes][None, :], -1.0)
    below, above = (int(planes[k]) for k in np.unravel_index(room.argmax(), room.shape))
    middle = (up + gaps / 2) % period
    return Cut(float(middle[below]), float(middle[above]), float(gaps[below]), float(gaps[above]), int(astray.min()))


def _astray(is_b: NDArray[np.bool_], planes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many atoms are on the wrong side if A stands from the plane of a row up to that of a column."""
    inside: list[NDArray[np.int64]] = []
    for kind in (is_b, ~is_b):
        passed = np.cumsum(kind)[planes]
        between: NDArray[np.int64] = passed[None, :] - passed[:, None]
        inside.append(np.where(planes[None, :] < planes[:, None], between + kind.sum(), between))
    wrong: NDArray[np.int64] = inside[0] + int((~is_b).sum()) - inside[1]
    np.fill_diagonal(wrong, len(is_b) + 1)
    return wrong


class VacuumLevel(Record):
    """The potential of an electron at rest outside one face."""

    level_eV: float = Field(description="mean of the plateau")
    ripple_eV: float = Field(description="largest minus smallest value of the plateau")
    work_function_eV: float | None = Field(default=None, description="level minus Fermi level; None without one")

    @property
    def flat(self) -> bool:
        """Whether the plateau varies by less than 10 meV."""
        return self.ripple_eV < FLAT_eV


class VacuumLevels(Record):
    """The potential outside both faces of a slab."""

    upper: VacuumLevel = Field(description="outside the upper face")
    lower: VacuumLevel = Field(description="outside the lower face")
    step_eV: float = Field(description="upper minus lower level: the dipole of the slab")
    vacuum_A: float = Field(description="between the outermost atoms")
    caveats: tuple[str, ...] = ()


def has_vacuum(field: Density, axis: int = 2) -> bool:
    """Return whether the atoms leave a vacuum along an axis that is wide enough for a plateau."""
    return _widest_gap(field, planar(field, axis), axis)[1] >= LEAST_VACUUM_A


def vacuum_levels(potential: Density, *, axis: int = 2, fermi_eV: float | None = None) -> VacuumLevels:
    """Return the plateaus of a potential in the vacuum, and the work function of each face.

    Φ = V_vacuum − E_F, for each face its own level. The plateaus are the parts of the vacuum's middle third below and
    above its middle, or below and above the step of a dipole correction if one is found there.

    Parameters
    ----------
    potential
        Of an electron, eV, with the slab's atoms.
    axis
        Along the slab's normal.
    fermi_eV
        On the potential's own scale.

    Raises
    ------
    RequestError
        If there is too little vacuum along the axis.
    """
    profile = planar(potential, axis)
    begin, vacuum = _widest_gap(potential, profile, axis)
    if vacuum < LEAST_VACUUM_A:
        what = f"a vacuum of {vacuum:.2f} Å along axis {'xyz'[axis]}"
        raise RequestError(what, "vacuum levels", f"there is no plateau in less than {LEAST_VACUUM_A:g} Å")
    inside = np.interp(
        begin + np.linspace(vacuum / 3, 2 * vacuum / 3, max(int(vacuum / 3 / profile.step_A), 8)),
        np.arange(2 * len(profile.means) + 1) * profile.step_A,
        np.tile(profile.means, 3)[: 2 * len(profile.means) + 1],
    )
    upper, lower = _plateaus(inside, vacuum / 3)
    faces = [_level(part, fermi_eV) for part in (upper, lower)]
    told = [
        f"the vacuum outside the {name} face is not flat: it varies by {1000 * face.ripple_eV:.0f} meV"
        for name, face in zip(("upper", "lower"), faces, strict=True)
        if not face.flat
    ]
    step = faces[0].level_eV - faces[1].level_eV
    return VacuumLevels(upper=faces[0], lower=faces[1], step_eV=step, vacuum_A=vacuum, caveats=tuple(told))


def _widest_gap(field: Density, profile: Profile, axis: int) -> tuple[float, float]:
    """Return above which height the widest gap between atoms begins, and how wide it is."""
    heights = np.sort(field.grid_fractions[:, axis] * profile.period_A)
    gaps = np.diff(heights, append=heights[0] + profile.period_A)
    return float(heights[gaps.argmax()]), float(gaps.max())


def _plateaus(inside: Floats, width_A: float) -> tuple[Floats, Floats]:
    """Part the middle third of the vacuum at the step of a dipole correction, or in its middle."""
    rises = np.abs(np.diff(inside))
    spacing = width_A / max(len(inside) - 1, 1)
    place = int(rises.argmax())
    smeared = max(round(JUMP_WIDTH_A / spacing), 1)
    around = slice(max(place - smeared, 0), place + smeared + 1)
    jump = abs(float(np.diff(inside)[around].sum()))
    slope = float(np.median(rises)) * (2 * smeared + 1)
    if jump < max(JUMP_eV, 3 * slope):
        half = len(inside) // 2
        return inside[:half], inside[half:]
    first, second = inside[: max(place - smeared, 0)], inside[place + smeared + 2 :]
    if min(len(first), len(second)) < 3:
        raise RequestError(
            f"a step of {jump:.2f} eV near the edge of the vacuum's middle third",
            "vacuum levels",
            "put the dipole correction in the middle of the vacuum",
        )
    return first, second


def _level(plateau: Floats, fermi_eV: float | None) -> VacuumLevel:
    level = float(plateau.mean())
    return VacuumLevel(
        level_eV=level,
        ripple_eV=float(np.ptp(plateau)),
        work_function_eV=None if fermi_eV is None else level - fermi_eV,
    )
