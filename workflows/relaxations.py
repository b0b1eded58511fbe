"""One structure brought to rest, or evaluated as it is: plain functions, and the same as jobs."""

from __future__ import annotations

import json
import time
from importlib.metadata import version
from pathlib import Path

from ase import Atoms
from jobflow import job

from interlith.analysis.records import Provenance, Relaxation, Static
from interlith.structures.checks import check_atoms
from interlith.structures.geometry import digest, from_text, to_text
from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import Engine, EngineChoice
from interlith.workflows.engines.optimisers import Cell, Outcome, largest_force, minimise

SOFTWARE = ("interlith", "ase", "numpy", "scipy", "jobflow")


def relax(
    xyz: str,
    engine: EngineChoice,
    *,
    fmax: float = 0.03,
    max_calls: int = 500,
    cell: Cell = "fixed",
    stage: str = "",
) -> Relaxation:
    """Bring the structure of `xyz` to a local minimum of the engine's energy.

    By trust-region BFGS; free molecules, where an engine computes them from first principles, in internal coordinates
    (geomeTRIC took a third to a half of the calls for LiTFSI and DME). Each evaluation appends one line to
    `progress.jsonl` in the current folder.

    Parameters
    ----------
    xyz
        Start, extended XYZ; a `move_mask` column holds atoms fixed, other per-atom arrays (`side`) are kept.
    engine
        What computes energies and forces.
    fmax
        Largest force on a free atom at the end, eV/Å.
    max_calls
        Geometries the engine may evaluate; an unfinished relaxation is returned, marked unconverged.
    cell
        "fixed", "full", or "c" (see :func:`interlith.workflows.engines.optimisers.minimise`).
    stage
        Name of this step in the progress lines.

    Raises
    ------
    RequestError
        If the engine or the structure cannot be used.
    """
    loaded, atoms, began = ready(xyz, engine)
    report = Progress(stage)
    if _is_molecular_dft(loaded, atoms):
        from interlith.workflows.engines.internals import minimise_internally

        outcome = minimise_internally(atoms, fmax=fmax, max_calls=max_calls, on_step=report)
    else:
        outcome = minimise(atoms, fmax=fmax, max_calls=max_calls, cell=cell, on_step=report)
    return Relaxation(
        xyz=to_text(outcome.atoms),
        energy_eV=outcome.energy_eV,
        fmax_eV_A=outcome.fmax_eV_A,
        fmax_target_eV_A=fmax,
        energies_eV=outcome.energies_eV,
        start_xyz=xyz,
        optimizer=outcome.optimizer,
        provenance=_provenance(loaded, xyz, began, outcome),
    )


def static(xyz: str, engine: EngineChoice, *, stage: str = "") -> Static:
    """Evaluate the structure of `xyz` as it is; see :func:`relax` for the parameters."""
    loaded, atoms, began = ready(xyz, engine)
    energy, force = float(atoms.get_potential_energy()), largest_force(atoms, atoms.get_forces())
    Progress(stage)(1, energy, force)
    provenance = _provenance(loaded, xyz, began, None)
    return Static(xyz=xyz, energy_eV=energy, fmax_eV_A=force, provenance=provenance)


@job
def relax_job(
    xyz: str,
    engine: EngineChoice,
    *,
    fmax: float = 0.03,
    max_calls: int = 500,
    cell: Cell = "fixed",
    stage: str = "",
) -> Relaxation:
    """Run :func:`relax` as a job."""
    return relax(xyz, engine, fmax=fmax, max_calls=max_calls, cell=cell, stage=stage)


@job
def static_job(xyz: str, engine: EngineChoice, *, stage: str = "") -> Static:
    """Run :func:`static` as a job."""
    return static(xyz, engine, stage=stage)


class Progress:
    """Lines `{"stage", "call", "energy_eV", "fmax_eV_A"}` in `progress.jsonl`, readable as they are written.

    Parameters
    ----------
    stage
        What is running, in a word or two.
    """

    def __init__(self, stage: str) -> None:
        self.stage, self.path = stage, Path("progress.jsonl").absolute()

    def __call__(self, call: int, energy_eV: float, fmax_eV_A: float) -> None:
        """Append the line of one evaluation."""
        line = {"stage": self.stage, "call": call, "energy_eV": energy_eV, "fmax_eV_A": fmax_eV_A}
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def ready(xyz: str, choice: EngineChoice) -> tuple[Engine, Atoms, float]:
    """Return the loaded engine, the atoms of `xyz` with its calculator, and when this began (`time.perf_counter`).

    Raises
    ------
    RequestError
        If the engine or the structure cannot be used; nothing has been computed.
    """
    began = time.perf_counter()
    atoms = from_text(xyz)
    check_atoms(atoms, atoms.get_chemical_formula())
    engine = catalogue.load(choice)
    engine.check(atoms)
    atoms.calc = engine.calculator()
    return engine, atoms, began


def _is_molecular_dft(engine: Engine, atoms: Atoms) -> bool:
    """Return whether each call is dear, and the energy so large that a learned engine's noise would be a part of it."""
    return not engine.method().surrogate and "stress" not in engine.capabilities and not atoms.constraints


def _provenance(engine: Engine, xyz: str, began: float, outcome: Outcome | None) -> Provenance:
    return Provenance(
        method=engine.method(),
        input_sha256=(digest(xyz),),
        software={name: version(name) for name in SOFTWARE},
        wall_s=time.perf_counter() - began,
        n_force_calls=outcome.n_calls if outcome else 1,
        converged=outcome.converged if outcome else True,
    )
