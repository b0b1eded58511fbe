"""From what a person asked for to one flow."""

from __future__ import annotations

from jobflow import Flow
from jobflow.utils.graph import to_mermaid

from interlith.workflows.crystals import elements
from interlith.workflows.engines.catalogue import require
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.interfaces import InterfaceMaker
from interlith.workflows.presets import Preset
from interlith.workflows.spec import SystemSpec


def plan(spec: SystemSpec, preset: Preset) -> tuple[SystemSpec, Preset]:
    """Return the system under a preset, and the preset with what the system and the person changed."""
    resolved = spec.resolved(preset.name)
    return resolved, preset.adjusted(resolved.calculation)


def engine_for(spec: SystemSpec, preset: Preset) -> EngineChoice:
    """Return the engine that answers if the person names none: the system's, else the preset's."""
    return plan(spec, preset)[1].choice


def study(spec: SystemSpec, preset: Preset, engine: EngineChoice | None = None) -> Flow:
    """Return the flow that answers a system; its output is an `InterfaceRecord`.

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
    resolved, adjusted = plan(spec, preset)
    choice = engine or adjusted.choice
    maker = InterfaceMaker(preset=adjusted, engine=choice, name=f"{spec.name} ({preset.name}, {choice.name})")
    return maker.make(spec.name, resolved.recipe)


def check(spec: SystemSpec, preset: Preset, engine: EngineChoice | None = None) -> None:
    """Refuse, before anything runs, what could not be computed; parameters as for :func:`study`.

    Raises
    ------
    RequestError
        If the engine is unknown, not installed here, or lacks energy, forces, stress or an element of the
        crystals; or if a crystal cannot be read or ordered.
    """
    resolved, adjusted = plan(spec, preset)
    entry = require(engine or adjusted.choice, "energy", "forces", "stress")
    for side in (resolved.recipe.side_a, resolved.recipe.side_b):
        entry.check_elements(elements(side), side.crystal)


def drawn(flow: Flow) -> str:
    """Return the graph of a flow as Mermaid text."""
    return str(to_mermaid(flow))
