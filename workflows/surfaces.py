"""Surface energies: one face over thickness, or many faces of one crystal ranked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobflow import Flow, Maker
from pydantic import Field

from interlith.analysis.records import SurfaceRecord
from interlith.analysis.surfaces import Candidate, RelaxedSlab, candidate, surface_record
from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.structures.records import Miller, Record, SideRecipe
from interlith.structures.slabs import cut_slab
from interlith.structures.terminations import terminations
from interlith.workflows.efforts import Bulk, Effort, named_job, relax_bulk
from interlith.workflows.engines.catalogue import require
from interlith.workflows.engines.contract import EngineChoice

VACUUM_A = 15.0


@dataclass
class SurfaceMaker(Maker):
    """Makes the flow of one surface energy.

    Attributes
    ----------
    engine
        What computes all energies.
    fmax_eV_A
        Threshold of the slabs; the bulk, whose error grows with thickness, is taken to a fifth of it.
    max_calls
        Force calls that each relaxation may take.
    thicknesses_A
        Three or more; each slab is at least that thick.
    name
        Of the flow.
    """

    engine: EngineChoice
    fmax_eV_A: float = 0.02
    max_calls: int = 500
    thicknesses_A: Sequence[float] = (8.0, 12.0, 16.0)
    name: str = "surface"

    def make(self, side: SideRecipe) -> Flow:
        """Return the flow; its output is a `SurfaceRecord`.

        Parameters
        ----------
        side
            Crystal, face and termination; its thickness is not used.

        Raises
        ------
        RequestError
            For an engine that lacks energy, forces or stress.
        """
        require(self.engine, "energy", "forces", "stress")
        effort = Effort(engine=self.engine, fmax_eV_A=self.fmax_eV_A, max_calls=self.max_calls)
        bulk = named_job(relax_bulk, f"bulk {Path(side.crystal).name}", side, effort.finer(5))
        recipes = [side.model_copy(update={"thickness_A": t, "layers": None}) for t in self.thicknesses_A]
        slabs = [named_job(relax_slab, f"slab {r.thickness_A:g} Å", bulk.output, r, effort) for r in recipes]
        record = named_job(conclude, "record", bulk.output, [slab.output for slab in slabs])
        return Flow([bulk, *slabs, record], output=record.output, name=self.name)


class Ranking(Record):
    """Faces of one crystal by surface energy, and what was left out."""

    crystal: str
    candidates: tuple[Candidate, ...] = Field(description="lowest surface energy first")
    refused: tuple[str, ...] = Field(description="cuts that were not computed, and why")


def relax_slab(bulk: Bulk, side: SideRecipe, effort: Effort) -> RelaxedSlab:
    """Cut a slab from a relaxed bulk and relax it at the bulk's lattice."""
    atoms, facts = cut_slab(bulk.structure, bulk.crystal.facts, side, vacuum_A=VACUUM_A)
    return RelaxedSlab(facts=facts, relaxed=effort.relax(to_text(atoms), f"slab {facts.thickness_A:.1f} Å"))


def conclude(bulk: Bulk, slabs: list[RelaxedSlab]) -> SurfaceRecord:
    """Fit the surface energy."""
    return surface_record(bulk.relaxed, slabs)


def rank_surfaces(
    side: SideRecipe, millers: Iterable[Miller], effort: Effort, *, terminations_per_face: int = 1
) -> Ranking:
    """Rank the non-polar cuts of several faces that break no covalent unit, by relaxed surface energy.

    Parameters
    ----------
    side
        Crystal, ordering and thickness; its face and termination are not used.
    millers
        Faces to compare.
    effort
        Engine, threshold and cap of every relaxation.
    terminations_per_face
        How many terminations of each face are computed, fewest broken bonds first.
    """
    bulk = relax_bulk(side, effort.finer(5))
    found: list[Candidate] = []
    refused: dict[str, list[int]] = {}
    for recipe, index, why in _cuts(bulk, side, millers, terminations_per_face):
        try:
            found += [candidate(relax_slab(bulk, recipe, effort), bulk.relaxed)] if not why else []
        except RequestError as fault:
            why = str(fault)
        if why:
            refused.setdefault(f"({' '.join(map(str, recipe.miller))}): {why}", []).append(index)
    return Ranking(
        crystal=bulk.crystal.facts.name,
        candidates=tuple(sorted(found, key=lambda one: one.gamma_J_m2)),
        refused=tuple(f"{told}: terminations {', '.join(map(str, which))}" for told, which in refused.items()),
    )


def _cuts(
    bulk: Bulk, side: SideRecipe, millers: Iterable[Miller], per_face: int
) -> Iterator[tuple[SideRecipe, int, str]]:
    """Every termination of every face, its index, and the reason to leave it out (empty for those to compute)."""
    for miller in millers:
        taken = 0
        for cut in terminations(bulk.structure, miller):
            why = "polar" if cut.polar else "cuts covalent units" if cut.units_cut else ""
            why = why or (f"beyond the best {per_face}" if taken >= per_face else "")
            taken += not why
            yield side.model_copy(update={"miller": miller, "termination": cut.index}), cut.index, why
