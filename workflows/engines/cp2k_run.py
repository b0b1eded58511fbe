"""Running CP2K: folders of calculations, the process, the ladder of convergence."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.engines.cp2k_input import Step, Task, input_text
from interlith.workflows.engines.cp2k_output import Printed, read_output
from interlith.workflows.engines.programs import find_program
from interlith.workflows.engines.settings import EngineSettings, engine_settings

PROGRAMS = ("cp2k.psmp", "cp2k")
HOW_TO_GET = "apt-get install cp2k cp2k-data"
MANY_ATOMS = 40
"""From so many on, orbital transformation starts on a coarse grid: from atoms it diverges for a while in oxides."""


@dataclass(frozen=True)
class Rung:
    """One way to convergence, in words and as runs one after another."""

    words: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Done:
    """A converged calculation: where, what it printed, and which rung succeeded."""

    folder: Path
    printed: Printed
    text: str
    rung: str


def command(settings: EngineSettings | None = None) -> list[str]:
    """Return the command line that starts CP2K here, MPI included.

    Raises
    ------
    RequestError
        If the program is missing.
    """
    told = settings or engine_settings()
    if told.cp2k_command:
        words = shlex.split(told.cp2k_command)
        if find_program(words[0]) is None:
            raise RequestError(
                f"cp2k_command: no program {words[0]!r}", "engine settings", f"correct it, or {HOW_TO_GET}"
            )
    else:
        program = find_program(*PROGRAMS)
        if program is None:
            raise RequestError("engine 'cp2k' needs the program cp2k, not installed here", "engine", HOW_TO_GET)
        words = [program]
    return (["mpirun", "-np", str(told.cp2k_ranks)] if told.cp2k_ranks > 1 else []) + words


def new_folder(name: str) -> Path:
    """Make and return a folder in the current one: `cp2k-0001-name`, the next number that is free."""
    numbers = (path.name.split("-")[1] for path in Path.cwd().glob("cp2k-*-*"))
    folder = Path.cwd() / f"cp2k-{1 + max((int(n) for n in numbers if n.isdigit()), default=0):04d}-{name}"
    folder.mkdir()
    return folder


def ladder(task: Task, *, warm: bool) -> tuple[Rung, ...]:
    """Return the ways to convergence, tried in order; all lead to one solution of one method.

    Parameters
    ----------
    task
        What is computed.
    warm
        Whether the folder holds the wavefunction of a geometry nearby.
    """
    dipole = task.plan.dipole
    rungs = _ot_rungs(len(task.atoms)) if task.plan.scheme == "ot" else _mixing_rungs(task.plan.smearing_K > 0)
    before = Rung("the wavefunction of the geometry before", (Step("warm", restart=True, dipole=dipole),))
    return (before,) * warm + (tuple(_with_dipole(rung) for rung in rungs) if dipole else rungs)


def _ot_rungs(atoms: int) -> tuple[Rung, ...]:
    cold = Rung("DIIS from atoms", (Step("atoms"),))
    return (cold,) * (atoms <= MANY_ATOMS) + (
        Rung("DIIS after a coarse grid", (Step("coarse", coarse=True), Step("fine", restart=True))),
        Rung(
            "conjugate gradients after a coarse grid",
            (Step("coarse-cg", "CG", coarse=True), Step("fine-cg", "CG", restart=True)),
        ),
    )


def _mixing_rungs(smeared: bool) -> tuple[Rung, ...]:
    mixed = ((0.2, 60), (0.1, 120), (0.04, 200)) if smeared else ((0.4, 60), (0.2, 120), (0.05, 200))
    return tuple(
        Rung(f"Broyden mixing {part:g}", (Step(f"broyden-{part:g}", mixing=part, max_steps=most),))
        for part, most in mixed
    )


def _with_dipole(rung: Rung) -> Rung:
    """Return the rung with a last run that corrects the dipole: from scratch it may not converge."""
    last = replace(rung.steps[-1], name="dipole", restart=True, coarse=False, dipole=True)
    return Rung(rung.words, (*rung.steps, last))


def converge(task: Task, folder: Path, *, warm: bool = False) -> Done:
    """Run CP2K until a rung of the ladder converges.

    Parameters
    ----------
    task
        What is computed.
    folder
        Where; its files are kept.
    warm
        Whether it holds a wavefunction to start from.

    Raises
    ------
    ComputationError
        If no rung converges, or the program fails; the message names the folder.
    """
    tried = []
    for rung in ladder(task, warm=warm):
        done = _climb(task, rung, folder)
        if done is not None:
            facts = {"energy_eV": done.printed.energy_eV, "rung": done.rung, "converged": True}
            (folder / "result.json").write_text(json.dumps(facts, ensure_ascii=False))
            return done
        tried.append(rung.words)
    raise ComputationError(
        f"cp2k: the self-consistent field did not converge by {'; '.join(tried)} ({task.plan.words})",
        str(folder),
        "see its outputs; check geometry, charge and spin, or set scf, smearing_K, eps_scf",
    )


def _climb(task: Task, rung: Rung, folder: Path) -> Done | None:
    for step in rung.steps:
        last = step is rung.steps[-1]
        text = run(input_text(task, step, last=last), folder, step.name)
        printed = read_output(text, str(folder / f"{step.name}.out"))
        if not printed.converged and not step.coarse:
            return None
    words = f"{task.plan.words}; {rung.words}, {printed.steps} steps"
    return Done(folder, printed, text, words)


def run(text: str, folder: Path, name: str) -> str:
    """Run one input in a folder and return what was printed; the files are `name`.inp and `name`.out.

    Raises
    ------
    RequestError
        If the program is missing.
    ComputationError
        If it leaves no output.
    """
    settings = engine_settings()
    threads = str(settings.threads or os.environ.get("OMP_NUM_THREADS", "1"))
    place = {"CP2K_DATA_DIR": settings.cp2k_data} if settings.cp2k_data else {}
    (folder / f"{name}.inp").write_text(text)
    printed = folder / f"{name}.out"
    with printed.open("w") as out:
        # In the process group of the job, with which it is killed.
        process = subprocess.Popen(
            [*command(settings), "-i", f"{name}.inp"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": threads} | place,
        )
        try:
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
    return printed.read_text(errors="replace")


def clean(folder: Path, keep: tuple[str, ...] = ()) -> None:
    """Remove what is large: fields and wavefunctions, but those named."""
    for pattern in ("*.cube", "*.wfn*", "*.kp*"):
        for file in folder.glob(pattern):
            if file.name not in keep:
                file.unlink()
