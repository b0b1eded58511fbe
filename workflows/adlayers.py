"""One Jobflow graph per molecule on a slab: bulk, slab, conformers, placements, screening, references, record.

The graph is static, as that of an interface: the placements that are relaxed and the batches that they are screened in
are the preset's, so that the whole can be drawn, counted and resumed before anything has run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ase import Atoms
from ase.constraints import FixAtoms
from jobflow import Flow, Job

from interlith.analysis.adlayers import answer
from interlith.analysis.evidence import Dispersion, Evidence, Question
from interlith.analysis.interfaces import lowest_of
from interlith.analysis.placements import Batch, Ranking, Screened, ranked
from interlith.analysis.records import AdlayerRecord, Relaxation, Static
from interlith.structures.adlayers import adlayers, lower_half
from interlith.structures.checks import check_model
from interlith.structures.counterparts import face_exchange, is_chiral, upper_only, with_counterpart
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import side_alone
from interlith.structures.molecules import conformers
from interlith.structures.records import (
    AdlayerModel,
    AdlayerRecipe,
    MoleculeModel,
    PackedRecipe,
    Record,
    SideRecipe,
    SlabFacts,
)
from interlith.structures.slabs import cut_slab
from interlith.workflows.efforts import Bulk, Effort, PresetMaker, named_job, searched
from interlith.workflows.engines.catalogue import find
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.dispersion import dispersion_energy
from interlith.workflows.molecules import RankedConformers
from interlith.workflows.molecules import ranking as ranking_of_conformers
from interlith.workflows.poses import rigid_rest
from interlith.workflows.relaxations import static

PARTS = ("slab", "molecule")
BATCHES = 4
"""Jobs that share the screening: enough for a few workers, each of which loads its engine once."""


class RestedSlab(Record):
    """A slab in its surface cell, relaxed alone."""

    xyz: str
    facts: SlabFacts


@dataclass
class AdlayerMaker(PresetMaker):
    """Makes the flow of one molecule on a slab.

    Attributes
    ----------
    preset, engine
        See :class:`PresetMaker`.
    screening
        What ranks the placements.
    name
        Of the flow.
    """

    screening: EngineChoice
    name: str = "adlayer"

    def make(self, system: str, recipe: AdlayerRecipe) -> Flow:
        """Return the flow; its output is the `AdlayerRecord`.

        Parameters
        ----------
        system
            Name of the system, for the record.
        recipe
            The slab, the molecule and how it is put there.
        """
        bulk = self.bulk(recipe.side_a)
        slab = named_job(rest_slab, "slab at rest", recipe, bulk.output, self.effort)
        shaped = named_job(shapes, "conformers", recipe, self.effort)
        placed = named_job(place, "placements", recipe, slab.output, shaped.output.models)
        batches = [named_job(screen, f"screening {k + 1}", placed.output, k, self._screening) for k in range(BATCHES)]
        ranking = named_job(rank, "ranking", [one.output for one in batches], self._k)
        faced = [named_job(put_on_both, "both faces", ranking.output)] if recipe.bottom == "symmetric" else []
        chosen = [ranking, *faced][-1]
        relaxed = [named_job(relax_placement, f"placement {k + 1}", chosen.output, k, self.effort) for k in self._all]
        winner = named_job(pick, "pick", [one.output for one in relaxed])
        parts = self._parts(placed, winner)
        record = named_job(
            conclude,
            "record",
            self._question(system, recipe),
            chosen.output,
            [one.output for one in relaxed],
            {
                "bulk": bulk.output,
                "conformer_ranking": shaped.output.provenance,
                **{name: one.output for name, one in parts.items()},
            },
        )
        jobs = [bulk, slab, shaped, placed, *batches, ranking, *faced, *relaxed, winner, *parts.values(), record]
        return Flow(jobs, output=record.output, name=self.name)

    @property
    def _k(self) -> int:
        return self.preset.placements

    @property
    def _all(self) -> range:
        return range(self._k)

    @property
    def _screening(self) -> Effort:
        calls = self.preset.screening_calls
        return Effort(engine=self.screening, fmax_eV_A=self.preset.fmax_eV_A, max_calls=calls)

    def _parts(self, placed: Job, winner: Job) -> dict[str, Job]:
        """Return the jobs of the references, by the names that the evidence has for them."""
        at_rest, effort = winner.output.xyz, self.effort
        return {
            "slab_cut": named_job(relax_slab, "slab alone", placed.output, effort),
            "conformers": named_job(relax_conformers, "conformers alone", placed.output, effort),
            "molecule_rejoined": named_job(relax_part, "molecule alone, from the complex", at_rest, 1, effort),
            **parts_at_rest(winner, effort, "molecule"),
        }

    def _question(self, system: str, recipe: AdlayerRecipe) -> Question:
        question = Question(**self.asked(system, recipe, "adlayer"))
        screening = self.screening.name + ("+d3bj" if self.screening.dispersion == "d3bj" else "")
        return question.model_copy(update={"settings": question.settings | {"screening": screening}})


def parts_at_rest(winner: Job, effort: Effort, above: str) -> dict[str, Job]:
    """Return the jobs on the parts of the complex that answers, by the names that the evidence has for them.

    Parameters
    ----------
    winner
        Its output is the complex at rest.
    effort
        Of the slab's relaxation; its engine computes all.
    above
        What is on the slab, in words.
    """
    at_rest, engine = winner.output.xyz, effort.engine
    return {
        "slab_rejoined": named_job(relax_part, "slab alone, from the complex", at_rest, 0, effort),
        "slab_frozen": named_job(freeze_part, "slab alone, frozen", at_rest, 0, engine),
        "molecule_frozen": named_job(freeze_part, f"{above} alone, frozen", at_rest, 1, engine),
        "dispersion": named_job(disperse, "dispersion apart", at_rest, engine),
    }


def rest_slab(recipe: AdlayerRecipe | PackedRecipe, bulk: Bulk, effort: Effort) -> RestedSlab:
    """Cut the relaxed bulk and relax the slab in its surface cell, so that molecules land on a surface at rest.

    Its lower half is held where the recipe says so: by `bottom`, or by one open side of a packed layer.
    """
    slab, facts = slab_of(recipe.side_a, bulk, recipe.vacuum_A)
    if recipe.open_side if isinstance(recipe, PackedRecipe) else recipe.bottom == "fixed":
        slab.set_constraint(FixAtoms(mask=lower_half(slab)))
    return RestedSlab(xyz=effort.relax(to_text(slab), "slab at rest").xyz, facts=facts)


def slab_of(side: SideRecipe, bulk: Bulk, vacuum_A: float) -> tuple[Atoms, SlabFacts]:
    """Cut a relaxed bulk."""
    return cut_slab(bulk.structure, bulk.crystal.facts, side, vacuum_A=vacuum_A)


def shape(recipe: AdlayerRecipe, effort: Effort) -> list[MoleculeModel]:
    """Return the conformers of :func:`shapes` alone."""
    return list(shapes(recipe, effort).models)


def shapes(recipe: AdlayerRecipe, effort: Effort) -> RankedConformers:
    """Return the conformers that will be placed, as the engine ranks them; the first is the one a person chose.

    An ion by itself has no energy for an engine that knows no charges: its conformers stay as the force field has them.
    There are none of an infinite chain: it is built straight.
    """
    if recipe.chain == "periodic":
        return RankedConformers(models=())
    first = recipe.side_b.conformer
    found = RankedConformers(models=tuple(conformers(recipe.side_b, k=2 * (first + recipe.conformers))))
    if not found.models[0].facts.charge_e:
        found = ranking_of_conformers(found.models, effort.engine, fmax=effort.fmax_eV_A, max_calls=effort.max_calls)
    if len(found.models) <= first:
        raise RequestError(
            f"conformer {first} of {recipe.side_b.molecule}: {len(found.models)} found",
            "side_b.conformer",
            "count from 0",
        )
    return found.model_copy(update={"models": found.models[first : first + recipe.conformers]})


def place(recipe: AdlayerRecipe, slab: RestedSlab, molecules: Sequence[MoleculeModel]) -> list[AdlayerModel]:
    """Put every conformer on the slab in many ways; on its upper face only, which is enough to rank them."""
    found = adlayers(from_text(slab.xyz), slab.facts, molecules, recipe, seed=recipe.side_b.seed)
    return [upper_only(model) for model in found] if recipe.bottom == "symmetric" else found


def screen(models: Sequence[AdlayerModel], batch: int, effort: Effort) -> Batch:
    """Move the molecule of every fourth candidate towards rest as a rigid body, a few force calls each.

    This is the wide end of the funnel: all candidates by a cheap engine, each molecule rigid on a held slab. Only the
    few that :func:`rank` keeps are relaxed atom by atom, slab and all, by the engine that answers. The calls of both
    are in the record, those of the screening apart.
    """
    began = time.perf_counter()
    found = tuple(_screened(model, effort) for model in models[batch::BATCHES])
    calls = sum(one.n_calls for one in found)
    return Batch(screened=found, provenance=searched(effort.engine, models[0].xyz, began, calls))


def rank(batches: Sequence[Batch], k: int) -> Ranking:
    """Return the `k` best of all candidates."""
    return ranked(batches, k)


def put_on_both(ranking: Ranking) -> Ranking:
    """Put the counterpart of each chosen placement on the other face, as placed and where its screening left it."""
    first = ranking.chosen[0].model
    chiral = any(is_chiral(one.model.molecules[0]) for one in ranking.chosen)
    exchange = face_exchange(side_alone(first.atoms, 0), first.name, chiral=chiral)
    chosen = []
    for one in ranking.chosen:
        moved = with_counterpart(one.model.model_copy(update={"xyz": one.xyz}), exchange)
        model = with_counterpart(one.model, exchange)
        chosen.append(one.model_copy(update={"model": model, "xyz": moved.xyz}))
    return ranking.model_copy(update={"chosen": tuple(chosen)})


def relax_placement(ranking: Ranking, index: int, effort: Effort) -> Relaxation | None:
    """Check one placement and relax it from where its screening left it; None where fewer distinct ones were left."""
    if index >= len(ranking.chosen):
        return None
    start = ranking.chosen[index]
    check_model(start.model)
    atoms = start.model.atoms
    atoms.positions = from_text(start.xyz).positions
    return effort.relax(to_text(atoms), f"placement {index + 1} of {len(ranking.chosen)}")


def pick(relaxed: list[Relaxation | None]) -> Relaxation:
    """Return the relaxed placement of lowest energy."""
    return lowest_of(relaxed)


def relax_slab(models: Sequence[AdlayerModel], effort: Effort) -> Relaxation:
    """Relax the slab alone in the cell of the placements, from the slab at rest."""
    return relax_part(models[0].xyz, 0, effort)


def relax_conformers(models: Sequence[AdlayerModel], effort: Effort) -> list[Relaxation]:
    """Relax each conformer alone in the cell of the placements."""
    firsts = {model.molecules[0].conformer: model for model in reversed(models)}
    return [relax_part(firsts[k].xyz, 1, effort) for k in sorted(firsts)]


def relax_part(xyz: str, side: int, effort: Effort) -> Relaxation:
    """Relax the slab (0) or the molecule (1) alone in the cell of the complex."""
    return effort.relax(to_text(side_alone(from_text(xyz), side)), f"{PARTS[side]} alone")


def freeze_part(xyz: str, side: int, engine: EngineChoice) -> Static:
    """Evaluate the slab or the molecule alone as it is in the complex."""
    return static(to_text(side_alone(from_text(xyz), side)), engine, stage=f"{PARTS[side]} frozen")


def disperse(xyz: str, engine: EngineChoice) -> Dispersion | None:
    """Return the energies of the added dispersion alone; None where the method adds none."""
    if engine.dispersion == "none":
        return None
    whole = from_text(xyz)
    entry = find(engine)
    energies = [
        dispersion_energy(atoms, entry, engine.dispersion)
        for atoms in (whole, side_alone(whole, 0), side_alone(whole, 1))
    ]
    return Dispersion(complex_eV=energies[0], slab_eV=energies[1], molecule_eV=energies[2])


def conclude(
    question: Question, ranking: Ranking, relaxed: list[Relaxation | None], parts: dict[str, Any]
) -> AdlayerRecord:
    """Bring everything together in the record."""
    return answer(
        question, Evidence(ranking=ranking, relaxed=tuple(relaxed), **parts | {"bulk": parts["bulk"].relaxed})
    )


def _screened(model: AdlayerModel, effort: Effort) -> Screened:
    moved = rigid_rest(model, effort, "screening")
    return Screened(model=model, xyz=to_text(moved.atoms), energy_eV=moved.energy_eV, n_calls=moved.n_calls)
