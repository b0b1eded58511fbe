"""Running Quantum ESPRESSO: folders of calculations, the processes, the ladder of convergence, what was printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.engines.planewave_input import (
    FIELD_TEXT,
    PREFIX,
    Rung,
    Task,
    input_text,
    lay_pseudopotentials,
    vacuum_along_c,
)
from interlith.workflows.engines.programs import find_program
from interlith.workflows.engines.settings import engine_settings

Floats = NDArray[np.float64]

HOW_TO_GET = "apt-get install quantum-espresso"
CONVERGED, UNCONVERGED = "convergence has been achieved", "convergence NOT achieved"
LONG_VACUUM_A = 6.0
FIELDS = {"density": 0, "spin": 6, "potential": 11}
"""What pp.x calls them; 11 is the potential of the cores and of the electrons' charge."""


@dataclass(frozen=True)
class Printed:
    """One run's output.

    Attributes
    ----------
    energy_eV
        Total energy; with smeared occupations the free energy, of which forces and stress are derivatives.
    converged
        Whether the self-consistent field reached its threshold.
    steps
        Self-consistent steps.
    version
        The program's.
    atoms
        As the output has them.
    forces_eV_A
        Shape (atoms, 3); None where not printed.
    stress_eV_A3
        Shape (3, 3), positive under tension; None where not printed.
    """

    energy_eV: float
    converged: bool
    steps: int
    version: str
    atoms: Atoms
    forces_eV_A: Floats | None
    stress_eV_A3: Floats | None


@dataclass(frozen=True)
class Done:
    """A converged calculation: where, what it printed, and which rung succeeded."""

    folder: Path
    printed: Printed
    rung: str


def command(program: str = "pw.x") -> list[str]:
    """Return the command line that starts a program of the suite here, MPI included.

    Raises
    ------
    RequestError
        If it is missing.
    """
    settings = engine_settings()
    words = shlex.split(settings.espresso_command) if settings.espresso_command else ["pw.x"]
    own = [re.sub(r"pw\.x$", program, word) for word in words]
    if find_program(own[0]) is None:
        raise RequestError(f"engine 'espresso' needs the program {own[0]}, not installed here", "engine", HOW_TO_GET)
    ranks = settings.espresso_ranks
    return (["mpirun", "-np", str(ranks)] if ranks > 1 else []) + own


def ladder(task: Task, *, warm: bool) -> tuple[Rung, ...]:
    """Return the ways to convergence, tried in order; all lead to one solution of one method.

    Parameters
    ----------
    task
        What is computed.
    warm
        Whether the folder holds the density of a geometry nearby.
    """
    # Charge sloshes along a slab: screening that follows the density may hold it back, and plain mixing diverge.
    screened = Rung("mixing 0.3, local screening", 0.3, "local-TF", steps=60)
    plain = Rung("mixing 0.3", 0.3) if task.plan.smearing_K else Rung("mixing 0.7", 0.7)
    vacuum = vacuum_along_c(task.atoms).width_A > LONG_VACUUM_A
    rungs = (screened, replace(plain, words="mixing 0.3", mixing=0.3)) if vacuum else (plain, screened)
    first = (replace(rungs[0], words="the density of the geometry before", warm=True),) if warm else ()
    slow = Rung("mixing 0.1, conjugate gradients", 0.1, "local-TF", "cg", steps=250)
    return (*first, *rungs, slow)


def converge(task: Task, folder: Path, *, warm: bool = False) -> Done:
    """Run pw.x until a rung of the ladder converges.

    Parameters
    ----------
    task
        What is computed.
    folder
        Where; its files are kept.
    warm
        Whether it holds a density to start from.

    Raises
    ------
    RequestError
        If the program or a pseudopotential is missing.
    ComputationError
        If no rung converges, or the program fails; the message names the folder.
    """
    lay_pseudopotentials(task, folder)
    tried = []
    for number, rung in enumerate(ladder(task, warm=warm), start=1):
        text = run("pw.x", input_text(task, rung), folder, f"pw-{number}")
        if CONVERGED in text:
            printed = read_output(folder / f"pw-{number}.out")
            return Done(folder, printed, f"{task.plan.words}; {rung.words}, {printed.steps} steps")
        if UNCONVERGED not in text:
            raise ComputationError(f"pw.x ended without an energy: {last_words(text)}", str(folder), "see its output")
        tried.append(rung.words)
    raise ComputationError(
        f"espresso: the self-consistent field did not converge by {'; '.join(tried)} ({task.plan.words})",
        str(folder),
        "see its outputs; check geometry, charge and spin, or set smearing_K, eps_scf_Ry",
    )


def run(program: str, text: str, folder: Path, name: str) -> str:
    """Run one input in a folder and return what was printed; the files are `name`.in and `name`.out.

    Raises
    ------
    RequestError
        If the program is missing.
    """
    (folder / f"{name}.in").write_text(text)
    printed = folder / f"{name}.out"
    threads = str(engine_settings().threads or os.environ.get("OMP_NUM_THREADS", "1"))
    with printed.open("w") as out:
        # In the process group of the job, with which it is killed.
        process = subprocess.Popen(
            [*command(program), "-in", f"{name}.in"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": threads},
        )
        try:
            process.wait()
        finally:
            if process.poll() is None:
                process.kill()
    return printed.read_text(errors="replace")


def read_output(file: Path) -> Printed:
    """Read what pw.x printed; of several geometries the last.

    Raises
    ------
    ComputationError
        If the run ended before it had an energy; the program's own words are in the message.
    """
    text = file.read_text(errors="replace")
    if not re.search(r"^!\s+total energy", text, re.MULTILINE):
        raise ComputationError(f"pw.x ended without an energy: {last_words(text)}", str(file), "see its output")
    with warnings.catch_warnings(action="ignore"):  # ASE's, on bands that were not printed
        found = read(file, format="espresso-out", index=-1)
    assert isinstance(found, Atoms)
    given = found.calc.results
    stress = given.get("stress")
    version = re.search(r"Program PWSCF v\.(\S+)", text)
    return Printed(
        energy_eV=float(given["energy"]),
        converged=CONVERGED in text and text.rfind(CONVERGED) > text.rfind(UNCONVERGED),
        steps=len(re.findall(r"^\s+iteration #", text, re.MULTILINE)),
        version=version.group(1) if version else "unknown",
        atoms=Atoms(found.symbols, found.positions, cell=found.cell, pbc=True),
        forces_eV_A=np.array(given["forces"]) if "forces" in given else None,
        stress_eV_A3=voigt_6_to_full_3x3_stress(stress) if stress is not None else None,
    )


def last_words(text: str) -> str:
    """Return the message between the program's rows of %, or its last line."""
    boxes = re.findall(r"%{20,}\s*\n(.*?)\n\s*%{20,}", text, re.DOTALL)
    if boxes:
        return " ".join(boxes[0].split())[:300]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def write_field(folder: Path, name: str) -> Path:
    """Write a field of a converged calculation as a cube, and return the file.

    Parameters
    ----------
    folder
        Where pw.x ran.
    name
        "density", "spin" or "potential".

    Raises
    ------
    ComputationError
        If pp.x does not write it.
    """
    file = folder / f"{name}.cube"
    text = FIELD_TEXT.format(name=name, number=FIELDS[name])
    printed = run("pp.x", text, folder, f"pp-{name}")
    if not file.is_file():
        raise ComputationError(f"pp.x wrote no {name}: {last_words(printed)}", str(folder), "see its output")
    return file


def clean(folder: Path, *, keep_density: bool = False) -> None:
    """Remove what is large: fields and wavefunctions, and the density too unless it is to start from."""
    for pattern in ("*.cube", "*.pp", f"{PREFIX}.wfc*", f"{PREFIX}.mix*", f"{PREFIX}.xml", f"{PREFIX}.save/wfc*"):
        for file in folder.glob(pattern):
            file.unlink()
    if not keep_density:
        shutil.rmtree(folder / f"{PREFIX}.save", ignore_errors=True)
