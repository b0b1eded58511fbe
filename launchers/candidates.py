"""The models of a system, by its kind: what `interlith build` writes, ranked by an engine if one is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import chdir
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

from interlith.launchers.requested import Plan
from interlith.structures.geometry import from_text, to_text
from interlith.structures.records import (
    AdlayerModel,
    AdlayerRecipe,
    InterfaceModel,
    InterfaceRecipe,
    MoleculeModel,
    MoleculeRecipe,
    MoleculesRecipe,
    PackedRecipe,
)
from interlith.workflows.crystals import ordered
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.study import plan as settled
from interlith.workflows.study import screening_for

Model = InterfaceModel | AdlayerModel | MoleculeModel
CONFORMERS, SHOWN = 8, 3
"""Conformers that an engine relaxes, and of those how many are written."""


class Candidate(NamedTuple):
    """A model, and what a screening says of it.

    Attributes
    ----------
    system
        Its system.
    model
        What was built.
    label
        What tells it from the system's other models; empty where there is one.
    energy_eV
        By the screening engine: of rigid sides at their best gap, of a screened placement, of a conformer above the
        lowest; None without one.
    """

    system: str
    model: Model
    label: str = ""
    energy_eV: float | None = None

    @property
    def stem(self) -> str:
        """Name of its files, without an ending."""
        return "-".join(part for part in (self.system, _plain(self.label)) if part)


def candidates(plan: Plan, *, screen: bool) -> list[Candidate]:
    """Return the models of a system, from its crystals as read; with `screen`, ranked by the plan's engine.

    An interface is one model, with `screen` one for each registry that was found; an adlayer one model, the placement
    that lies lowest, with `screen` the placements of lowest energy; a packed layer one; a system of molecules each
    molecule, and the complexes of its host with its salt and cation, with `screen` the best conformers of each.
    """
    return _KINDS[plan.spec.kind](plan, screen)


def _interfaces(plan: Plan, screen: bool) -> list[Candidate]:
    from interlith.structures.interfaces import build_interface, displaced
    from interlith.workflows.registries import rigid_search

    spec, method = settled(plan.spec, plan.preset)
    assert isinstance(spec.recipe, InterfaceRecipe)
    a, b = ordered(spec.recipe.side_a), ordered(spec.recipe.side_b)
    model = build_interface(a.structure(), a.facts, b.structure(), b.facts, spec.recipe)
    if not screen:
        return [Candidate(spec.name, model)]
    found = rigid_search(model, plan.engine, n_start=method.rigid_starts, k=method.registries)
    moved = [(displaced(model, each.shift, each.gap_A), each.energy_eV) for each in found]
    return [Candidate(spec.name, each, str(rank), energy) for rank, (each, energy) in enumerate(moved, start=1)]


def _adlayers(plan: Plan, screen: bool) -> list[Candidate]:
    from interlith.structures.adlayers import adlayers
    from interlith.structures.slabs import cut_slab

    spec, method = settled(plan.spec, plan.preset)
    recipe = spec.recipe
    assert isinstance(recipe, AdlayerRecipe)
    bulk = ordered(recipe.side_a)
    slab, facts = cut_slab(bulk.structure(), bulk.facts, recipe.side_a, vacuum_A=recipe.vacuum_A)
    shapes = _shapes(recipe.side_b, recipe.conformers)
    models = adlayers(slab, facts, shapes, recipe, seed=recipe.side_b.seed)
    if not screen:
        return [Candidate(spec.name, min(models, key=_height))]
    engine = screening_for(plan.spec, plan.preset, plan.engine)
    effort = Effort(engine=engine, fmax_eV_A=method.fmax_eV_A, max_calls=method.screening_calls)
    best = _screened(models, effort, method.placements)
    return [Candidate(spec.name, model, str(rank), energy) for rank, (model, energy) in enumerate(best, start=1)]


def _screened(models: list[AdlayerModel], effort: Effort, k: int) -> list[tuple[AdlayerModel, float]]:
    """Return the `k` best placements where their screening left them, with their energies, eV."""
    from interlith.workflows.adlayers import BATCHES, rank, screen

    with TemporaryDirectory() as folder, chdir(folder):  # a relaxation writes its progress where it runs
        ranking = rank([screen(models, batch, effort) for batch in range(BATCHES)], k)
    found = []
    for one in ranking.chosen:
        atoms = one.model.atoms
        atoms.positions = from_text(one.xyz).positions
        found.append((one.model.model_copy(update={"xyz": to_text(atoms)}), one.energy_eV))
    return found


def _height(model: AdlayerModel) -> float:
    """Return how high the molecules stand on average, Å."""
    atoms = model.atoms
    return float(atoms.positions[atoms.arrays["side"] == 1, 2].mean())


def _packed(plan: Plan, _screen: bool) -> list[Candidate]:
    from interlith.structures.molecules import molecule
    from interlith.structures.packing import packed_layer
    from interlith.structures.slabs import cut_slab

    spec, _ = settled(plan.spec, plan.preset)
    recipe = spec.recipe
    assert isinstance(recipe, PackedRecipe)
    bulk = ordered(recipe.side_a)
    slab, facts = cut_slab(bulk.structure(), bulk.facts, recipe.side_a, vacuum_A=recipe.vacuum_A)
    mixture = [(molecule(component.recipe), component.count) for component in recipe.components]
    return [Candidate(spec.name, packed_layer(slab, facts, mixture, recipe))]


def _molecules(plan: Plan, screen: bool) -> list[Candidate]:
    from interlith.structures.complexes import complexes

    spec, _ = settled(plan.spec, plan.preset)
    recipe = spec.recipe
    assert isinstance(recipe, MoleculesRecipe)
    starts = CONFORMERS if screen else 1
    found = [(_shapes(member.recipe, starts), member.role) for member in recipe.molecules]
    if screen:
        found = [(_relaxed(models, plan.engine), role) for models, role in found]
    groups = [models for models, _ in found]
    for host in (models[0] for models, role in found if role == "host"):
        for guest in (models[0] for models, role in found if role in ("salt", "cation")):
            docked = complexes(host, guest, k=starts, seed=0)
            groups.append(_relaxed(docked, plan.engine) if screen else docked[:1])
    return [each for models in groups for each in _named(spec.name, models[:SHOWN])]


def _shapes(recipe: MoleculeRecipe, k: int) -> list[MoleculeModel]:
    """Return the conformer that the recipe names, and those after it.

    Raises
    ------
    RequestError
        If there are not so many.
    """
    from interlith.structures.molecules import conformers, molecule

    return conformers(recipe, k=recipe.conformer + k)[recipe.conformer :] or [molecule(recipe)]


def _relaxed(models: list[MoleculeModel], engine: EngineChoice) -> list[MoleculeModel]:
    """Return conformers at rest, lowest first by an engine; nothing is written where the command was typed."""
    from interlith.workflows.molecules import ranked

    with TemporaryDirectory() as folder, chdir(folder):
        return ranked(models, engine) if len(models[0].atoms) > 1 else models


def _named(system: str, models: list[MoleculeModel]) -> list[Candidate]:
    """Return the conformers of one molecule, numbered if there are several, with the energy above the lowest, eV."""
    if len(models) == 1:
        return [Candidate(system, models[0], models[0].name)]
    labels = [f"{model.name}-{rank}" for rank, model in enumerate(models, start=1)]
    return [
        Candidate(system, model, label, model.facts.relative_energy_eV)
        for model, label in zip(models, labels, strict=True)
    ]


def _plain(label: str) -> str:
    """Return a label that any file system takes."""
    return "".join(c if c.isalnum() or c in "+-." else "_" for c in label).strip("_")


_KINDS: Mapping[str, Callable[[Plan, bool], list[Candidate]]] = MappingProxyType(
    {"interface": _interfaces, "adlayer": _adlayers, "packed": _packed, "molecules": _molecules}
)
