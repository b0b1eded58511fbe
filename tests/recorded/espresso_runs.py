"""Compute the cases of `espresso_cases.py` and write what came out; see README.md beside this file.

OMP_NUM_THREADS=1 python -W ignore tests/recorded/espresso_runs.py h2
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from ase.units import Hartree

sys.path.insert(0, str(Path(__file__).parents[1]))
from recorded.cp2k_cases import Case
from recorded.cp2k_runs import written
from recorded.espresso_cases import FOLDER, cases

from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.planewave import new_folder
from interlith.workflows.engines.planewave_input import task_of
from interlith.workflows.engines.planewave_run import clean, converge
from interlith.workflows.engines.recorded import key_of


def choice_of(case: Case) -> EngineChoice:
    return EngineChoice(name="espresso", options=case.options, dispersion=case.dispersion)


def compute(case: Case) -> dict:
    """Run one case in a folder of its own and return what is kept of it."""
    task, _ = task_of(case.atoms, load(choice_of(case)).options, forces=True, stress=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = converge(task, new_folder(case.atoms.get_chemical_formula()))
    clean(done.folder)
    printed = done.printed
    assert printed.forces_eV_A is not None and printed.stress_eV_A3 is not None
    return {
        "input_sha256": key_of(case.atoms, choice_of(case)),
        "version": printed.version,
        "energy_Ha": printed.energy_eV / Hartree,
        "rung": done.rung,
        "cpu_s": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 1),
        "forces_eV_A": np.round(printed.forces_eV_A, 7).tolist(),
        "stress_eV_A3": np.round(printed.stress_eV_A3, 7).tolist(),
    }


def main(names: list[str]) -> None:
    """Compute and write, each as soon as it is known."""
    every, home = cases(), Path.cwd()
    FOLDER.mkdir(exist_ok=True)
    for name in names or list(every):
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            found = compute(every[name])
            os.chdir(home)
        (FOLDER / f"{name}.toml").write_text(written(name, every[name], found))
        print(name, found["energy_Ha"], found["rung"], f"{found['cpu_s']} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
