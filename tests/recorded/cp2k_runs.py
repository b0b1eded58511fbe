"""Compute the cases of `cp2k_cases.py` and write what came out; see README.md beside this file.

OMP_NUM_THREADS=1 python -W ignore tests/recorded/cp2k_runs.py h2 lih
"""

import hashlib
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Hartree

sys.path.insert(0, str(Path(__file__).parents[1]))
from recorded.cp2k_cases import FOLDER, Case, cases

from interlith.structures.geometry import to_text
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.cp2k_input import Output
from interlith.workflows.engines.cp2k_output import read_charges
from interlith.workflows.engines.cp2k_run import clean, converge, new_folder
from interlith.workflows.engines.mixedbasis import task_of


def choice_of(case: Case) -> EngineChoice:
    return EngineChoice(name="cp2k", options=case.options, dispersion=case.dispersion)


def key_of(case: Case) -> str:
    """Identity of a calculation: geometry, choice and ghosts."""
    what = {"xyz": to_text(case.atoms), "choice": choice_of(case).model_dump(), "ghosts": list(case.ghosts)}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def compute(case: Case) -> dict:
    """Run one case in a folder of its own and return what is kept of it."""
    ghosts = np.isin(np.arange(len(case.atoms)), case.ghosts)
    engine = load(choice_of(case))
    stress = bool(case.atoms.pbc.all()) and not ghosts.any()
    task, _ = task_of(case.atoms, ghosts, engine.options, Output(forces=not ghosts.any(), stress=stress, charges=True))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = converge(task, new_folder(case.atoms.get_chemical_formula()))
    clean(done.folder)
    printed = done.printed
    return {
        "input_sha256": key_of(case),
        "version": printed.version,
        "energy_Ha": printed.energy_eV / Hartree,
        "dispersion_Ha": engine.added_energy(case.atoms[~ghosts]) / Hartree,
        "rung": done.rung,
        "cpu_s": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 1),
        "forces_eV_A": _listed(printed.forces_eV_A),
        "stress_eV_A3": _listed(printed.stress_eV_A3),
        **{f"{name}_e": list(charges) for name, charges in read_charges(done.text).items()},
    }


def _listed(values: np.ndarray | None) -> list | None:
    return None if values is None else np.round(values, 7).tolist()


def written(name: str, case: Case, found: dict) -> str:
    """TOML of a case and what came out."""
    given = {"name": name, "dispersion": case.dispersion, "ghosts": list(case.ghosts), **found}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in given.items() if value is not None]
    options = [f"{key} = {json.dumps(value)}" for key, value in case.options.items()]
    plain = Atoms(case.atoms.symbols, case.atoms.positions, cell=case.atoms.cell, pbc=case.atoms.pbc)
    return "\n".join([*lines, f'xyz = """\n{to_text(plain)}"""', "", "[options]", *options, ""])


def main(names: list[str]) -> None:
    """Compute and write, each as soon as it is known."""
    every, home = cases(), Path.cwd()
    for name in names or list(every):
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            found = compute(every[name])
            os.chdir(home)
        (FOLDER / f"{name}.toml").write_text(written(name, every[name], found))
        print(name, found["energy_Ha"], found["rung"], f"{found['cpu_s']} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
