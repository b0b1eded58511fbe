"""From what a person asked for to one flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from jobflow import Flow
from jobflow.utils.graph import to_mermaid
from pymatgen.core import Element

from interlith.structures.errors import RequestError
from interlith.structures.records import (
    AdlayerRecipe,
    InterfaceRecipe,
    MoleculeModel,
    MoleculeRecipe,
    MoleculesRecipe,
    PackedRecipe,
)
from interlith.workflows.crystals import elements
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.catalogue import find, require
from interlith.workflows.engines.contract import METAL_SPACING_PER_A, SPACING_PER_A, Capability, EngineChoice
from interlith.workflows.forms import crystals_of, molecules_of
from interlith.workflows.interfaces import InterfaceMaker
from interlith.workflows.presets import Preset
from interlith.workflows.spec import SystemSpec


def plan(spec: SystemSpec, preset: Preset) -> tuple[SystemSpec, Preset]:
    """Return the system under a preset, and the preset with what its kind, the system and the person changed."""
    resolved = spec.resolved(preset.name)
    return resolved, preset.of_kind(spec.kind).adjusted(resolved.calculation)


def engine_for(spec: SystemSpec, preset: Preset) -> EngineChoice:
    """Return the engine that answers if the person names none: the system's, else the preset's."""
    return plan(spec, preset)[1].choice


def screening_for(spec: SystemSpec, preset: Preset, engine: EngineChoice) -> EngineChoice:
    """Return the engine that ranks placements or conformers: the system's or the person's, else a cheap one.

    The preset's cheap engine goes with the preset's own; any other engine ranks placements for itself, not conformers.
    """
    resolved, adjusted = plan(spec, preset)
    named = resolved.calculation.screening
    if spec.kind == "molecules":
        return EngineChoice(name=named or adjusted.screening or engine.name)
    if named is None and engine.name != preset.engine:
        return engine
    name = named or adjusted.screening or engine.name
    return engine if name == engine.name else EngineChoice(name=name, dispersion=engine.dispersion)


def study(spec: SystemSpec, preset: Preset, engine: EngineChoice | None = None) -> Flow:
    """Return the flow that answers a system; its output is the record of the system's kind.

    Parameters
    ----------
    spec
        The system.
    preset
        How much work goes into it.
    engine
        Instead of the system's or the preset's.

    Raises
    ------
    RequestError
        See :func:`check`.
    """
    check(spec, preset, engine)
    return _KINDS[spec.kind].flow(spec, preset, sampled(engine or engine_for(spec, preset), plan(spec, preset)[0]))


def sampled(choice: EngineChoice, resolved: SystemSpec) -> EngineChoice:
    """Return the choice with one spacing of k-points for a contact and its parts, unless a person has set them.

    An engine left to itself samples a metal more densely than an insulator: the contact of both and the insulating side
    alone would then be of two meshes, and their difference partly an error of sampling.

    Parameters
    ----------
    choice
        An engine; one without k-points stays as it is.
    resolved
        The system under its preset.
    """
    if "kpoints" not in (find(choice).options or ()) or "kpoints" in choice.options:
        return choice
    metal = any(all(Element(symbol).is_metal for symbol in elements(side)) for side in crystals_of(resolved.recipe))
    spacing = METAL_SPACING_PER_A if metal else SPACING_PER_A
    return choice.model_copy(update={"options": {**choice.options, "kpoints": str(spacing)}})


def check(spec: SystemSpec, preset: Preset, engine: EngineChoice | None = None) -> None:
    """Refuse, before anything runs, what could not be computed; parameters as for :func:`study`.

    Raises
    ------
    RequestError
        If an engine is unknown, not installed here, or lacks what the kind of system needs or an element of the system;
        or if a crystal cannot be read or ordered, a molecule not built.
    """
    resolved, choice = plan(spec, preset)[0], engine or engine_for(spec, preset)
    entries = [require(choice, *_KINDS[spec.kind].needs(resolved))]
    entries += [require(other, "energy", "forces") for other in _KINDS[spec.kind].others(spec, preset, choice)]
    found = {side.crystal: elements(side) for side in crystals_of(resolved.recipe)}
    found |= {one.molecule: frozenset(_built(one).atoms.symbols) for one in molecules_of(resolved.recipe)}
    for entry in entries:
        for where, symbols in found.items():
            entry.check_elements(symbols, where)
    if isinstance(resolved.recipe, PackedRecipe):
        _check_packed(resolved.recipe, spec.name)
    if isinstance(resolved.recipe, MoleculesRecipe):
        _check_molecules(resolved.recipe, choice, spec.name)


def drawn(flow: Flow) -> str:
    """Return the graph of a flow as Mermaid text."""
    return str(to_mermaid(flow))


def _check_packed(recipe: PackedRecipe, name: str) -> None:
    from interlith.structures.packing import check_components

    check_components([(_built(one.recipe), one.count) for one in recipe.components], recipe, name)


def _check_molecules(recipe: MoleculesRecipe, choice: EngineChoice, name: str) -> None:
    from interlith.workflows.dissociation import salt_of
    from interlith.workflows.molecules import charged

    if "stress" in require(choice).capabilities:
        raise RequestError(
            f"engine {choice.name!r} computes periodic cells, in which the energy of an ion depends on the cell",
            name,
            "take pyscf or gfn2-xtb",
        )
    for one in molecules_of(recipe):
        charged(choice, _built(one).facts)
    if _is_salt(recipe):
        salt_of(recipe)


def _is_salt(recipe: MoleculesRecipe) -> bool:
    """Return whether a system of molecules is a salt to be parted, not molecules whose levels are asked for."""
    return any(member.role != "molecule" for member in recipe.molecules)


@lru_cache(maxsize=16)
def _built(recipe: MoleculeRecipe) -> MoleculeModel:
    """Return a molecule, which takes seconds for a long chain."""
    from interlith.structures.molecules import molecule

    return molecule(recipe)


@dataclass(frozen=True)
class _Study:
    """How one kind of system is answered: its flow, the engines besides the one that answers, what that one needs."""

    flow: Callable[[SystemSpec, Preset, EngineChoice], Flow]
    others: Callable[[SystemSpec, Preset, EngineChoice], list[EngineChoice]]
    needs: Callable[[SystemSpec], tuple[Capability, ...]] = lambda _spec: ("energy", "forces", "stress")


def _interface(spec: SystemSpec, preset: Preset, engine: EngineChoice) -> Flow:
    resolved, adjusted = plan(spec, preset)
    assert isinstance(resolved.recipe, InterfaceRecipe)
    maker = InterfaceMaker(preset=adjusted, engine=engine, name=_title(spec, preset, engine))
    return maker.make(spec.name, resolved.recipe)


def _adlayer(spec: SystemSpec, preset: Preset, engine: EngineChoice) -> Flow:
    from interlith.workflows.adlayers import AdlayerMaker

    resolved, adjusted = plan(spec, preset)
    assert isinstance(resolved.recipe, AdlayerRecipe)
    screening = screening_for(spec, preset, engine)
    maker = AdlayerMaker(preset=adjusted, engine=engine, screening=screening, name=_title(spec, preset, engine))
    return maker.make(spec.name, resolved.recipe)


def _packed(spec: SystemSpec, preset: Preset, engine: EngineChoice) -> Flow:
    from interlith.workflows.packing import PackedMaker

    resolved, adjusted = plan(spec, preset)
    assert isinstance(resolved.recipe, PackedRecipe)
    maker = PackedMaker(preset=adjusted, engine=engine, name=_title(spec, preset, engine))
    return maker.make(spec.name, resolved.recipe)


def _molecules(spec: SystemSpec, preset: Preset, engine: EngineChoice) -> Flow:
    from interlith.workflows.dissociation import DissociationMaker, Methods
    from interlith.workflows.levels import LevelsMaker

    resolved, adjusted = plan(spec, preset)
    assert isinstance(resolved.recipe, MoleculesRecipe)
    rest = Effort(
        engine=EngineChoice(name=adjusted.geometry or "", options=adjusted.geometry_options),
        fmax_eV_A=adjusted.fmax_eV_A,
        max_calls=adjusted.max_calls,
    )
    methods = Methods(
        engine=engine,
        screening=screening_for(spec, preset, engine),
        geometry=rest if adjusted.geometry else None,
        solvent=None if adjusted.solvent == "none" else adjusted.solvent,
        conformers=adjusted.refined,
        starts=adjusted.starts,
    )
    maker = DissociationMaker if _is_salt(resolved.recipe) else LevelsMaker
    return maker(preset=adjusted, engine=engine, methods=methods, name=_title(spec, preset, engine)).make(
        spec.name, resolved.recipe
    )


def _needs_of_molecules(spec: SystemSpec) -> tuple[Capability, ...]:
    assert isinstance(spec.recipe, MoleculesRecipe)
    return ("energy",) if _is_salt(spec.recipe) else ("energy", "orbitals")


def _title(spec: SystemSpec, preset: Preset, engine: EngineChoice) -> str:
    return f"{spec.name} ({preset.name}, {engine.name})"


_KINDS: Mapping[str, _Study] = MappingProxyType(
    {
        "interface": _Study(_interface, lambda _spec, _preset, _engine: []),
        "adlayer": _Study(_adlayer, lambda spec, preset, engine: [screening_for(spec, preset, engine)]),
        "packed": _Study(_packed, lambda _spec, _preset, _engine: []),
        "molecules": _Study(
            _molecules, lambda spec, preset, engine: [screening_for(spec, preset, engine)], _needs_of_molecules
        ),
    }
)
