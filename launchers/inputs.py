"""Inputs of a system for a person's own machines: its first candidate, written and not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interlith.launchers.candidates import candidates
from interlith.launchers.requested import Plan
from interlith.structures.checks import check_model
from interlith.structures.errors import RequestError
from interlith.structures.records import MoleculeModel
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.vasp_input import Relaxing
from interlith.workflows.inputs import calculations, write_calculations
from interlith.workflows.study import plan as settled

FOLDER = Path("interlith-inputs")
AS_BUILT = "as built from the crystals as read; nothing was relaxed"


def written_inputs(plan: Plan, place: Path = FOLDER) -> dict[str, Any]:
    """Write the folders of one system and say where they are.

    The geometry is the model as built, or, where the system's `calculation.screening` names an engine, the best
    registry or placement by that engine. With `calculation.max_calls = 1` each is computed as it is; else the code
    relaxes, the cell fixed, to the preset's threshold.

    Parameters
    ----------
    plan
        System, preset and engine.
    place
        Under which a folder of the system's name is made.

    Raises
    ------
    RequestError
        For a system without two sides, an engine without inputs, or a folder that is there already.
    """
    spec, method = settled(plan.spec, plan.preset)
    screening = spec.calculation.screening
    ranked = Plan(plan.spec, plan.preset, EngineChoice(name=screening)) if screening else plan
    model = candidates(ranked, screen=screening is not None)[0].model
    if isinstance(model, MoleculeModel):
        what = "inputs are written for two sides in contact"
        raise RequestError(what, plan.spec.name, "interlith build writes molecules")
    check_model(model)
    told = {**(spec.calculation.engine_options or {}), **plan.engine.options}
    engine = plan.engine.model_copy(update={"options": told})
    relaxing = Relaxing(method.fmax_eV_A, method.max_calls) if method.max_calls > 1 else None
    geometry = f"the lowest by {screening}, its sides rigid or hardly relaxed" if screening else AS_BUILT
    folder = place / f"{plan.spec.name}-{engine.name}"
    files = write_calculations(calculations(model.xyz, engine, relaxing), folder, geometry)
    return {
        "system": plan.spec.name,
        "engine": engine.model_dump(),
        "geometry": geometry,
        "folder": str(folder),
        "files": [str(file) for file in files],
    }
