"""One Jobflow graph per interface: bulks, model, registries, references, record.

The graph is static: the number of registries is the preset's, so that the whole can be drawn, counted and
resumed before anything has run. Where fewer distinct registries exist, the jobs that are left over return
nothing and the record says so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobflow import Flow, Job

from interlith.analysis.interfaces import Evidence, Question, SideEvidence, Start, Starts, answer, lowest_of
from interlith.analysis.records import InterfaceRecord, Relaxation, Static
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import build_interface, displaced, side_alone, with_sides
from interlith.structures.records import InterfaceModel, InterfaceRecipe, SideRecipe
from interlith.structures.references import bulk_in_plane
from interlith.structures.slabs import oriented_bulk
from interlith.workflows.efforts import Bulk, Effort, PresetMaker, named_job, searched
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.registries import rigid_search
from interlith.workflows.relaxations import static


@dataclass
class InterfaceMaker(PresetMaker):
    """Makes the flow of one interface.

    Attributes
    ----------
    preset, engine
        See :class:`PresetMaker`.
    name
        Of the flow.
    """

    name: str = "interface"

    def make(self, system: str, recipe: InterfaceRecipe) -> Flow:
        """Return the flow; its output is the `InterfaceRecord`.

        Parameters
        ----------
        system
            Name of the system, for the record.
        recipe
            The two sides and how they meet.
        """
        bulks = [self.bulk(side) for side in (recipe.side_a, recipe.side_b)]
        model = named_job(build, "build", recipe, *(bulk.output for bulk in bulks))
        cuts = [self._cut(k, side, model) for k, side in enumerate((recipe.side_a, recipe.side_b))]
        rested = named_job(rest, "sides at rest", model.output, *(cut.output for cut in cuts))
        search = named_job(
            find_starts, "rigid registries", rested.output, self.engine, self.preset.rigid_starts, self._k
        )
        relaxed = [named_job(relax_start, f"registry {k + 1}", search.output, k, self.effort) for k in range(self._k)]
        winner = named_job(pick, "pick", [one.output for one in relaxed])
        sides = [self._side(k, recipe, bulks[k], model, winner) | {"cut": cuts[k]} for k in (0, 1)]
        record = named_job(
            conclude,
            "record",
            Question(**self.asked(system, recipe, "interface")),
            search.output,
            [one.output for one in relaxed],
            *({name: one.output for name, one in side.items()} for side in sides),
        )
        of_sides = [one for side in sides for name, one in side.items() if name not in ("bulk", "cut")]
        jobs = [*bulks, model, *cuts, rested, search, *relaxed, winner, *of_sides, record]
        return Flow(jobs, output=record.output, name=self.name)

    @property
    def _k(self) -> int:
        return self.preset.registries

    def _cut(self, k: int, side: SideRecipe, model: Job) -> Job:
        return named_job(relax_side, f"{Path(side.crystal).name} alone", model.output.xyz, k, self.effort)

    def _side(self, k: int, recipe: InterfaceRecipe, bulk: Job, model: Job, winner: Job) -> dict[str, Job]:
        crystal = Path((recipe.side_a, recipe.side_b)[k].crystal).name
        return {
            "bulk": bulk,
            "strained": named_job(relax_strained, f"strained {crystal}", bulk.output, model.output, k, self.fine),
            "rejoined": named_job(
                relax_side, f"{crystal} alone, from the interface", winner.output.xyz, k, self.effort
            ),
            "frozen": named_job(freeze_side, f"{crystal} alone, frozen", winner.output.xyz, k, self.engine),
        }


def build(recipe: InterfaceRecipe, a: Bulk, b: Bulk) -> InterfaceModel:
    """Cut both relaxed bulks, match them and stack them."""
    return build_interface(a.structure, a.crystal.facts, b.structure, b.crystal.facts, recipe)


def rest(model: InterfaceModel, cut_a: Relaxation, cut_b: Relaxation) -> InterfaceModel:
    """Put the sides, each relaxed alone, in the place of the sides as cut.

    So a registry starts from surfaces that have already rebuilt: what changes after it is due to the contact.
    """
    return with_sides(model, from_text(cut_a.xyz), from_text(cut_b.xyz))


def find_starts(model: InterfaceModel, engine: EngineChoice, n_start: int, k: int) -> Starts:
    """Find the `k` best registries of rigid sides, each at its own best gap."""
    began = time.perf_counter()
    found = rigid_search(model, engine, n_start=n_start, k=k)
    return Starts(
        starts=tuple(Start(model=displaced(model, f.shift, f.gap_A), energy_eV=f.energy_eV) for f in found),
        provenance=searched(engine, model.xyz, began, sum(f.calls for f in found)),
    )


def relax_start(found: Starts, index: int, effort: Effort) -> Relaxation | None:
    """Relax one registry; None where the search found fewer."""
    if index >= len(found.starts):
        return None
    return effort.relax(found.starts[index].model.xyz, f"registry {index + 1} of {len(found.starts)}")


def pick(relaxed: list[Relaxation | None]) -> Relaxation:
    """Return the relaxed registry of lowest energy."""
    return lowest_of(relaxed)


def relax_strained(bulk: Bulk, model: InterfaceModel, side: int, effort: Effort) -> Relaxation | None:
    """Relax the bulk of one side along the normal, at the interface's in-plane cell; None where that is not known."""
    strained = strained_bulk(bulk, model, side)
    if not strained:
        return None
    return effort.relax(strained, f"strained {bulk.crystal.facts.name}", "c")


def relax_side(xyz: str, side: int, effort: Effort) -> Relaxation:
    """Relax one side alone in the cell of the interface."""
    return effort.relax(to_text(side_alone(from_text(xyz), side)), f"side {'AB'[side]} alone")


def freeze_side(xyz: str, side: int, engine: EngineChoice) -> Static:
    """Evaluate one side alone as it is in the interface."""
    return static(to_text(side_alone(from_text(xyz), side)), engine, stage=f"side {'AB'[side]} frozen")


def conclude(
    question: Question,
    found: Starts,
    relaxed: list[Relaxation | None],
    side_a: dict[str, Any],
    side_b: dict[str, Any],
) -> InterfaceRecord:
    """Bring everything together in the record."""
    sides = [SideEvidence(**{**side, "bulk": side["bulk"].relaxed}) for side in (side_a, side_b)]
    return answer(question, Evidence(registries=found, relaxed=tuple(relaxed), side_a=sides[0], side_b=sides[1]))


def strained_bulk(bulk: Bulk, model: InterfaceModel, side: int) -> str:
    """Return the oriented bulk of one side in the in-plane cell of the interface, as text; empty if not known."""
    slab, cells = (model.slab_a, model.match.cells_a) if side == 0 else (model.slab_b, model.match.cells_b)
    common = model.atoms.cell.array[:2, :2]
    turned = side == 1 and not slab.symmetric
    strained = bulk_in_plane(oriented_bulk(bulk.structure, slab.miller), cells, common, turned=turned)
    return to_text(strained) if strained else ""
