"""One Jobflow graph per packed layer on a slab: bulk, slab, molecules, packings, references, record.

The graph is static: as many packings are made, by as many seeds, as the preset relaxes placements. Where a seed gives
no packing its jobs have nothing to do, and the record says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ase.constraints import FixAtoms
from jobflow import Flow

from interlith.analysis.evidence import Question
from interlith.analysis.packings import LayerAlone, PackedEvidence, Packing, layer_answer
from interlith.analysis.records import AdlayerRecord, Relaxation
from interlith.structures.adlayers import HELD, marked
from interlith.structures.checks import check_model
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import side_alone
from interlith.structures.molecules import conformers
from interlith.structures.packing import packed_layer
from interlith.structures.records import AdlayerModel, MoleculeModel, PackedRecipe
from interlith.workflows.adlayers import RestedSlab, parts_at_rest, pick, relax_part, rest_slab
from interlith.workflows.efforts import Effort, PresetMaker, named_job


@dataclass
class PackedMaker(PresetMaker):
    """Makes the flow of a packed layer on a slab.

    Attributes
    ----------
    preset, engine
        See :class:`PresetMaker`.
    name
        Of the flow.
    """

    name: str = "packed layer"

    def make(self, system: str, recipe: PackedRecipe) -> Flow:
        """Return the flow; its output is an `AdlayerRecord`.

        Parameters
        ----------
        system
            Name of the system, for the record.
        recipe
            The slab, the molecules, their numbers and the density.
        """
        effort, numbers = self.effort, range(self.preset.placements)
        bulk = self.bulk(recipe.side_a)
        slab = named_job(rest_slab, "slab at rest", recipe, bulk.output, effort)
        shapes = named_job(shape_all, "molecules", recipe, self.preset.conformers)
        packed = named_job(pack, "packings", recipe, slab.output, shapes.output, self.preset.placements)
        relaxed = [named_job(relax_packing, f"packing {k + 1}", packed.output, k, effort) for k in numbers]
        layers = [
            named_job(relax_layer, f"layer alone {k + 1}", packed.output, k, relaxed[k].output, effort) for k in numbers
        ]
        winner = named_job(pick, "pick", [one.output for one in relaxed])
        parts = {
            "slab_cut": named_job(relax_slab, "slab alone", packed.output, effort),
            **parts_at_rest(winner, effort, "layer"),
        }
        shared = {"bulk": bulk.output, **{name: one.output for name, one in parts.items()}}
        tried = [[one.output for one in jobs] for jobs in (relaxed, layers)]
        question = Question(**self.asked(system, recipe, "packed"))
        record = named_job(conclude, "record", question, packed.output, *tried, shared)
        jobs = [bulk, slab, shapes, packed, *relaxed, *layers, winner, *parts.values(), record]
        return Flow(jobs, output=record.output, name=self.name)


def shape_all(recipe: PackedRecipe, k: int) -> list[list[MoleculeModel]]:
    """Return up to `k` conformers of each component, from the one that a person chose on, as a force field ranks them.

    What a molecule prefers by itself says little of a dense layer: no engine ranks them.
    """
    return [
        _shapes(component.recipe.conformer, conformers(component.recipe, k=component.recipe.conformer + k))
        for component in recipe.components
    ]


def pack(recipe: PackedRecipe, slab: RestedSlab, shapes: Sequence[Sequence[MoleculeModel]], k: int) -> list[Packing]:
    """Return `k` packings by as many seeds, each of other conformers; one that a seed does not give says why.

    Raises
    ------
    RequestError
        If no seed gives one, as the first of them says.
    """
    found = [
        _packing(recipe.model_copy(update={"seed": recipe.seed + n}), slab, mixed(recipe, shapes, n)) for n in range(k)
    ]
    if not any(one.model for one in found):
        raise RequestError(found[0].refused, "packings", f"{k} seeds gave none: see the first")
    return found


def mixed(recipe: PackedRecipe, shapes: Sequence[Sequence[MoleculeModel]], n: int) -> list[tuple[MoleculeModel, int]]:
    """Return the molecules of packing `n`: the conformers of a component in turn, begun at the `n`-th."""
    counts = [
        Counter((n + one) % len(known) for one in range(component.count))
        for component, known in zip(recipe.components, shapes, strict=True)
    ]
    return [
        (known[which], count)
        for known, of_each in zip(shapes, counts, strict=True)
        for which, count in sorted(of_each.items())
    ]


def relax_packing(packings: Sequence[Packing], index: int, effort: Effort) -> Relaxation | None:
    """Check one packing and relax it; None where its seed gave none."""
    model = packings[index].model
    if model is None:
        return None
    check_model(model)
    return effort.relax(model.xyz, f"packing {index + 1} of {len(packings)}")


def relax_layer(
    packings: Sequence[Packing], index: int, relaxed: Relaxation | None, effort: Effort
) -> LayerAlone | None:
    """Relax the layer of one packing alone, as it was packed and as it is in the complex."""
    model = packings[index].model
    if model is None or relaxed is None:
        return None
    parts = [to_text(side_alone(from_text(xyz), 1)) for xyz in (model.xyz, relaxed.xyz)]
    packed, rejoined = (effort.relax(xyz, f"layer alone {index + 1} of {len(packings)}") for xyz in parts)
    return LayerAlone(packed=packed, rejoined=rejoined)


def relax_slab(packings: Sequence[Packing], effort: Effort) -> Relaxation:
    """Relax the slab alone in the cell of the packings, from the slab at rest."""
    model = next(one.model for one in packings if one.model)
    return relax_part(model.xyz, 0, effort)


def conclude(
    question: Question,
    packings: list[Packing],
    relaxed: list[Relaxation | None],
    layers: list[LayerAlone | None],
    parts: dict[str, Any],
) -> AdlayerRecord:
    """Bring everything together in the record."""
    shared = parts | {"bulk": parts["bulk"].relaxed, "recipe": question.recipe}
    return layer_answer(
        question, PackedEvidence(packings=tuple(packings), relaxed=tuple(relaxed), layers=tuple(layers), **shared)
    )


def _shapes(chosen: int, found: list[MoleculeModel]) -> list[MoleculeModel]:
    if len(found) <= chosen:
        name = found[0].name if found else "molecule"
        raise RequestError(f"conformer {chosen} of {name}: {len(found)} found", "components", "count from 0")
    return found[chosen:]


def _packing(recipe: PackedRecipe, slab: RestedSlab, mixture: list[tuple[MoleculeModel, int]]) -> Packing:
    """Return one packing on the slab at rest, or why there is none."""
    try:
        model = packed_layer(marked(from_text(slab.xyz)), slab.facts, mixture, recipe)
    except RequestError as refused:
        return Packing(seed=recipe.seed, refused=str(refused))
    return Packing(seed=recipe.seed, model=_held(model, recipe))


def _held(model: AdlayerModel, recipe: PackedRecipe) -> AdlayerModel:
    """Return a packing whose slab is held below, as the slab at rest was, where one side is open; else nothing is."""
    atoms = model.atoms
    mask = atoms.arrays.pop(HELD)
    atoms.set_constraint(FixAtoms(mask=mask) if recipe.open_side else None)
    return model.model_copy(update={"xyz": to_text(atoms), "bottom": "fixed" if recipe.open_side else "free"})
