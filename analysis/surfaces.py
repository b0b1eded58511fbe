"""Surface energies as records: the fit over thickness, and how far it is from reference values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from interlith.analysis import surrogates
from interlith.analysis.energies import formula_units, surface_energy
from interlith.analysis.records import Provenance, Relaxation, SurfaceRecord
from interlith.analysis.references import deviations
from interlith.analysis.stability import fit_surface_energy
from interlith.structures.geometry import from_text
from interlith.structures.records import Record, SlabFacts


class RelaxedSlab(Record):
    """A slab of one thickness at rest."""

    facts: SlabFacts
    relaxed: Relaxation


class Candidate(Record):
    """One face and termination of a crystal in a ranking by surface energy."""

    facts: SlabFacts
    gamma_unrelaxed_J_m2: float
    gamma_J_m2: float = Field(description="relaxed; the mean of both faces where they differ")
    converged: bool
    n_force_calls: int
    relaxed_xyz: str


def surface_record(bulk: Relaxation, slabs: Sequence[RelaxedSlab]) -> SurfaceRecord:
    """Return the record of a face from slabs of three or more thicknesses.

    Parameters
    ----------
    bulk
        The crystal, atoms and cell relaxed.
    slabs
        The same cut at different thicknesses, in one surface cell.

    Raises
    ------
    RequestError
        For fewer than three thicknesses, or a slab that is not whole formula units of the bulk.
    ComputationError
        If bulk and slabs were not computed by one method.
    """
    ordered = sorted(slabs, key=lambda slab: slab.facts.n_atoms)
    units = [units_of(slab, bulk) for slab in ordered]
    totals = [slab.relaxed.energy_eV for slab in ordered]
    facts = ordered[0].facts
    fit = fit_surface_energy(units, totals, facts.area_A2)
    provenance = Provenance.merged([bulk.provenance, *(slab.relaxed.provenance for slab in ordered)])
    return SurfaceRecord(
        crystal=facts.crystal,
        miller=facts.miller,
        slabs=tuple(slab.facts for slab in ordered),
        formula_units=tuple(units),
        energies_eV=tuple(totals),
        fit=fit,
        gamma_own_bulk_J_m2=tuple(own_gamma(slab, bulk) for slab in ordered),
        deviations=deviations(facts.crystal, facts.miller, fit.gamma_J_m2),
        caveats=_caveats(ordered, provenance),
        provenance=provenance,
    )


def units_of(slab: RelaxedSlab, bulk: Relaxation) -> float:
    """Return how many bulk cells the slab holds (see `energies.formula_units`)."""
    atoms, reference = from_text(slab.relaxed.xyz), from_text(bulk.xyz)
    return formula_units(Counter(atoms.symbols), Counter(reference.symbols), slab.facts.crystal)


def own_gamma(slab: RelaxedSlab, bulk: Relaxation, *, start: bool = False) -> float:
    """Return γ of one slab against the relaxed bulk, J/m².

    Parameters
    ----------
    slab, bulk
        A slab and its crystal, both at the crystal's own lattice.
    start
        Of the slab as it was cut, before relaxation.
    """
    energy = slab.relaxed.energies_eV[0] if start else slab.relaxed.energy_eV
    return surface_energy(energy, units_of(slab, bulk) * bulk.energy_eV, slab.facts.area_A2)


def candidate(slab: RelaxedSlab, bulk: Relaxation) -> Candidate:
    """Return one row of a ranking of faces."""
    return Candidate(
        facts=slab.facts,
        gamma_unrelaxed_J_m2=own_gamma(slab, bulk, start=True),
        gamma_J_m2=own_gamma(slab, bulk),
        converged=slab.relaxed.converged,
        n_force_calls=slab.relaxed.provenance.n_force_calls,
        relaxed_xyz=slab.relaxed.xyz,
    )


def _caveats(slabs: Sequence[RelaxedSlab], provenance: Provenance) -> tuple[str, ...]:
    told = [surrogates.caveat(provenance.method)]
    if not all(slab.facts.symmetric for slab in slabs):
        told.append("mean over two faces that differ")
    told += [
        f"slab of {slab.facts.thickness_A:.1f} Å did not converge (largest force {slab.relaxed.fmax_eV_A:.2f} eV/Å)"
        for slab in slabs
        if not slab.relaxed.converged
    ]
    return tuple(text for text in told if text)
