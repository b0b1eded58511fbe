"""What a surrogate's number is worth: its measured distance from reference surface energies, in rows and in words."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import Field

from interlith.analysis.records import Deviation, Method, SurfaceFit, SurfaceRecord
from interlith.analysis.references import Statement, deviations, face_name, statements
from interlith.analysis.stability import gamma_by_start
from interlith.analysis.units import EV_A2_IN_J_M2
from interlith.structures.records import Miller, Record

FIRST_PRINCIPLES = "PBE"
"""The references that a surrogate's error is told against: all surrogates here were trained on this functional."""


class MeasuredSurface(Record):
    """A surface energy that an engine was once made to compute by the slab flow, with its convergence."""

    engine: str
    engine_version: str
    model: str
    weights_sha256: str | None = None
    crystal: str
    miller: Miller
    termination: int
    gamma_J_m2: float = Field(description="from the fit over all slabs, relaxed")
    gamma_by_start_J_m2: tuple[float, ...] = Field(description="all slabs, without the thinnest, … down to three slabs")
    tolerance_J_m2: float = Field(description="γ counts as converged if it changes by less without the thinnest slab")
    residual_eV: float = Field(description="largest deviation of a slab from the line")
    fitted_minus_own_bulk_meV: float = Field(description="per atom: slope of the fit minus the relaxed bulk cell")
    thicknesses_A: tuple[float, ...]
    n_atoms: tuple[int, ...]
    fmax_eV_A: float
    relaxed: bool = Field(description="every slab and the bulk reached the threshold")
    n_force_calls: int
    software: dict[str, str] = Field(description="package → version")

    @property
    def converged(self) -> bool:
        """Whether all relaxations ended well, and no γ of a later start leaves the tolerance around the first."""
        first = self.gamma_by_start_J_m2[0]
        return self.relaxed and all(abs(g - first) <= self.tolerance_J_m2 for g in self.gamma_by_start_J_m2)

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """From every reference value known for the face."""
        return deviations(self.crystal, self.miller, self.gamma_J_m2)


def measured_surface(record: SurfaceRecord, *, fmax_eV_A: float) -> MeasuredSurface:
    """Return what is kept of a surface record to tell an engine's error by.

    Parameters
    ----------
    record
        With four or more slabs, so that the convergence shows.
    fmax_eV_A
        Threshold that the slabs were relaxed to.
    """
    method, fit = record.provenance.method, record.fit
    area = record.slabs[0].area_A2
    return MeasuredSurface(
        engine=method.engine,
        engine_version=method.engine_version,
        model=method.model,
        weights_sha256=method.weights_sha256,
        crystal=record.crystal,
        miller=record.miller,
        termination=record.slabs[0].termination,
        gamma_J_m2=fit.gamma_J_m2,
        gamma_by_start_J_m2=gamma_by_start(record.formula_units, record.energies_eV, area),
        tolerance_J_m2=fit.tolerance_J_m2,
        residual_eV=fit.residual_eV,
        fitted_minus_own_bulk_meV=1000 * _slope_error(record, fit, area),
        thicknesses_A=tuple(slab.thickness_A for slab in record.slabs),
        n_atoms=tuple(slab.n_atoms for slab in record.slabs),
        fmax_eV_A=fmax_eV_A,
        relaxed=record.provenance.converged,
        n_force_calls=record.provenance.n_force_calls,
        software=record.provenance.software,
    )


def measured(engine: str) -> tuple[MeasuredSurface, ...]:
    """Return the surface energies measured with an engine, without added dispersion; empty if there are none."""
    return tuple(row for row in _measured() if row.engine == engine)


def held_statements(engine: str) -> tuple[tuple[Statement, bool], ...]:
    """Return what is known of several faces together, and whether the engine's measured faces agree.

    Statements about crystals that were not measured are left out.
    """
    gammas: dict[str, dict[str, float]] = {}
    for row in measured(engine):
        gammas.setdefault(row.crystal, {})[face_name(row.miller)] = row.gamma_J_m2
    return tuple((one, one.holds(gammas[one.crystal])) for one in statements() if one.crystal in gammas)


def surface_error(engine: str) -> str:
    """Return in words how far an engine's surface energies are from PBE; empty where that is not known."""
    found = [
        (one.percent, one.tag, f"{row.crystal.split('_')[0]}({face_name(row.miller)})")
        for row in measured(engine)
        for one in row.deviations
        if one.functional == FIRST_PRINCIPLES
    ]
    if not found:
        return ""
    percents, tags = [percent for percent, _, _ in found], sorted({tag for _, tag, _ in found})
    worst = max(found, key=lambda one: abs(one[0]))[2]
    return (
        f"surface energies {min(percents):+.0f} to {max(percents):+.0f} % from {FIRST_PRINCIPLES} "
        f"(values {' and '.join(tags)}) on {len(found)} faces, worst for {worst}"
    )


def caveat(method: Method) -> str:
    """Return what a person must know before believing this method's surface and interface energies.

    Empty for a first-principles method.
    """
    if not method.surrogate:
        return ""
    known = surface_error(method.engine)
    if not known:
        return f"surrogate {method.engine}: its error against first principles is not known here"
    return f"surrogate {method.engine}: its {known}" + (f", without {method.dispersion}" if method.dispersion else "")


def _slope_error(record: SurfaceRecord, fit: SurfaceFit, area_A2: float) -> float:
    """Fitted bulk energy minus that of the relaxed bulk cell, eV per atom."""
    units, atoms = record.formula_units[-1], record.slabs[-1].n_atoms
    own = (record.energies_eV[-1] - 2 * area_A2 * record.gamma_own_bulk_J_m2[-1] / EV_A2_IN_J_M2) / units
    return (fit.bulk_eV_per_unit - own) * units / atoms


@cache
def _measured() -> tuple[MeasuredSurface, ...]:
    text = (files("interlith.analysis") / "surfaces_measured.toml").read_text(encoding="utf-8")
    return tuple(MeasuredSurface.model_validate(row) for row in tomllib.loads(text).get("surface", ()))
