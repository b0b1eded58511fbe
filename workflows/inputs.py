"""Inputs for a person's own machines: one folder per calculation of a contact, and nothing is run.

The contact and its sides alone get one mesh of k-points, one smearing and one treatment of the dipole: those of the
contact, told to all three, so that their energies may be subtracted and `interlith adopt` takes them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.units import Bohr, Hartree, Rydberg

from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text
from interlith.structures.interfaces import side_alone
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.cp2k_elements import DEFAULT_BASIS, kind_of
from interlith.workflows.engines.cp2k_input import Output, Tree, input_text, render
from interlith.workflows.engines.cp2k_options import MixedBasisOptions, has_metal
from interlith.workflows.engines.cp2k_run import ladder as cp2k_ladder
from interlith.workflows.engines.goedecker import data_folder, espresso_text, read_goedecker
from interlith.workflows.engines.mixedbasis import task_of
from interlith.workflows.engines.planewave_input import FIELD_TEXT, PlaneWaveOptions
from interlith.workflows.engines.planewave_input import input_text as espresso_input
from interlith.workflows.engines.planewave_input import task_of as espresso_task
from interlith.workflows.engines.planewave_run import ladder as espresso_ladder
from interlith.workflows.engines.vasp_input import AugmentedWaveOptions, Relaxing, VaspTask, vasp_files

ADOPT = "interlith adopt AB A B"


@dataclass(frozen=True)
class Calculation:
    """One folder: what is computed there, the files, and the commands in their order."""

    name: str
    about: str
    files: Mapping[str, str]
    commands: tuple[str, ...]


def calculations(xyz: str, engine: EngineChoice, relaxing: Relaxing | None) -> list[Calculation]:
    """Return the calculations of a contact: itself and each side alone, in one cell and by one method.

    Parameters
    ----------
    xyz
        The contact, extended XYZ with the per-atom array `side`; fixed atoms stay fixed.
    engine
        "vasp", "cp2k" or "espresso", with options.
    relaxing
        How the code is to relax; None for single geometries, with densities.

    Raises
    ------
    RequestError
        If the engine is none of these, or cannot compute the atoms.
    """
    if engine.name not in WRITERS:
        what = f"no inputs can be written for engine {engine.name!r}"
        raise RequestError(what, "--inputs-only", f"name one of {', '.join(WRITERS)}")
    if engine.dispersion not in ("none", "d3bj"):
        raise RequestError(f"{engine.dispersion} is not in every code", "--inputs-only", "ask for d3bj or none")
    whole = from_text(xyz)
    parts = {"AB": whole, "A": side_alone(whole, 0), "B": side_alone(whole, 1)}
    about = {"AB": "the contact"} | {side: f"side {side} alone, in the contact's cell" for side in "AB"}
    write, how = WRITERS[engine.name], _how(relaxing)
    found = {name: write(atoms, whole, engine, relaxing) for name, atoms in parts.items()}
    return [
        Calculation(name, f"{about[name]}, {parts[name].get_chemical_formula()}, {how}", *texts)
        for name, texts in found.items()
    ]


def write_calculations(found: list[Calculation], folder: Path, geometry: str) -> list[Path]:
    """Write the folders and what they are for; all of them or none.

    Parameters
    ----------
    found
        The calculations.
    folder
        New; its parent may be new too.
    geometry
        Where the geometry is from, in words.

    Raises
    ------
    RequestError
        If the folder is there already.
    """
    if folder.exists():
        raise RequestError(f"{folder} is there already", "--inputs-only", "remove it, or name another")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for one in found:
            (draft / one.name).mkdir(parents=True)
            for name, text in one.files.items():
                (draft / one.name / name).write_text(text, encoding="utf-8")
        (draft / "README").write_text(_readme(found, geometry), encoding="utf-8")
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return [folder / "README", *(folder / one.name for one in found)]


def _readme(found: list[Calculation], geometry: str) -> str:
    lines = [f"Geometry: {geometry}", "Run each folder's commands in that folder, in their order:", ""]
    for one in found:
        lines += [f"{one.name}: {one.about}", *(f"    {command}" for command in one.commands), ""]
    lines += ["Then, in this folder:", "", f"    {ADOPT}", ""]
    if "relaxed" in found[0].about:
        lines += ["For charge transfer, compute the sides once more as they stand in the relaxed contact."]
    return "\n".join(lines).rstrip() + "\n"


def _how(relaxing: Relaxing | None) -> str:
    if relaxing is None:
        return "as it is, with its density"
    return f"relaxed to {relaxing.fmax_eV_A:g} eV/Å in at most {relaxing.steps} steps, its cell fixed"


Written = tuple[dict[str, str], tuple[str, ...]]


def _vasp(atoms: Atoms, whole: Atoms, engine: EngineChoice, relaxing: Relaxing | None) -> Written:
    asked = AugmentedWaveOptions.asked(engine.options)
    first = VaspTask(whole, asked).plan
    same = {
        "kpoints": " ".join(str(n) for n in first.kpoints),
        "dipole": "on" if first.dipole else "off",
        "metal": has_metal(whole) if asked.metal is None else asked.metal,
    }
    task = VaspTask(atoms, asked.model_copy(update=same), engine.dispersion == "d3bj", relaxing)
    files = vasp_files(task)
    kinds = ", ".join(files["POTCAR.spec"].split())
    return files, (f"# put your POTCAR here: {kinds} (PBE_54), in this order", "vasp_std > vasp.out")


def _cp2k(atoms: Atoms, whole: Atoms, engine: EngineChoice, relaxing: Relaxing | None) -> Written:
    asked = MixedBasisOptions.asked(engine.options)
    first, origin = task_of(whole, np.zeros(len(whole), bool), asked, Output())
    same = {
        "kpoints": " ".join(str(n) for n in first.plan.kpoints),
        "smearing_K": first.plan.smearing_K,
        "dipole": "on" if first.plan.dipole else "off",
    }
    output = Output() if relaxing else Output(density=True)
    task, _ = task_of(atoms, np.zeros(len(atoms), bool), asked.model_copy(update=same), output)
    # The dipole's correction raises atoms in the cell: all three by what the contact needs.
    raised = Atoms(atoms.symbols, atoms.positions - origin, cell=atoms.cell, pbc=atoms.pbc)
    task = replace(task, atoms=raised)
    steps = cp2k_ladder(task, warm=False)[0].steps
    files = {}
    for number, step in enumerate(steps, start=1):
        text = input_text(task, step, last=step is steps[-1])
        text = _with_d3(text) if engine.dispersion == "d3bj" else text
        relaxed = relaxing is not None and step is steps[-1]
        files[f"{number}-{step.name}.inp"] = _relaxed_cp2k(text, atoms, relaxing) if relaxed and relaxing else text
    return files, tuple(f"cp2k.psmp -i {name} -o {name.removesuffix('.inp')}.out" for name in files)


D3_BJ: Tree = {
    "VDW_POTENTIAL": {
        "POTENTIAL_TYPE": "PAIR_POTENTIAL",
        "PAIR_POTENTIAL": {
            "TYPE": "DFTD3(BJ)",
            "PARAMETER_FILE_NAME": "dftd3.dat",
            "REFERENCE_FUNCTIONAL": "PBE",
            "R_CUTOFF": "[angstrom] 15.0",
        },
    }
}


def _with_d3(text: str) -> str:
    """Return an input of CP2K with dispersion of its own: an engine of ours would add it from outside."""
    before, mark, after = text.partition("    &XC\n")
    assert mark, "CP2K's input has a section XC"
    return before + mark + render(D3_BJ, 3) + after


def _relaxed_cp2k(text: str, atoms: Atoms, relaxing: Relaxing) -> str:
    motion: dict[str, Any] = {
        "GEO_OPT": {
            "OPTIMIZER": "BFGS",
            "MAX_ITER": relaxing.steps,
            "MAX_FORCE": relaxing.fmax_eV_A * Bohr / Hartree,
        }
    }
    held = fixed_atoms(atoms)
    if held:
        motion["CONSTRAINT"] = {"FIXED_ATOMS": {"LIST": " ".join(str(k + 1) for k in held)}}
    kind = "RUN_TYPE ENERGY"
    assert f"  {kind}\n" in text, "the last run computes an energy"
    return text.replace(f"  {kind}\n", "  RUN_TYPE GEO_OPT\n") + render({"MOTION": motion})


def _espresso(atoms: Atoms, whole: Atoms, engine: EngineChoice, relaxing: Relaxing | None) -> Written:
    asked = PlaneWaveOptions.asked(engine.options)
    first, _ = espresso_task(whole, asked)
    same = {
        "kpoints": " ".join(str(n) for n in first.plan.kpoints),
        "smearing_K": first.plan.smearing_K,
        "dipole": "on" if first.plan.dipole else "off",
    }
    task, _ = espresso_task(atoms, asked.model_copy(update=same))
    more: dict[str, dict[str, Any]] = {"system": {}, "control": {}}
    if engine.dispersion == "d3bj":
        more["system"] |= {"vdw_corr": "dft-d3", "dftd3_version": 4, "dftd3_threebody": False}
    if relaxing:
        force = relaxing.fmax_eV_A * Bohr / Rydberg
        more["control"] |= {"calculation": "relax", "nstep": relaxing.steps, "forc_conv_thr": round(force, 8)}
    files = {"pw.in": espresso_input(task, espresso_ladder(task, warm=False)[0], more, fixed_atoms(atoms))}
    for symbol, name in task.pseudopotentials.items():
        if name.endswith(".gth"):
            files[name] = espresso_text(read_goedecker(kind_of(symbol, DEFAULT_BASIS), data_folder()))
    if relaxing:
        return files, ("pw.x -in pw.in > pw.out",)
    return files | {"pp.in": FIELD_TEXT.format(name="density", number=0)}, (
        "pw.x -in pw.in > pw.out",
        "pp.x -in pp.in > pp.log",
    )


def fixed_atoms(atoms: Atoms) -> list[int]:
    """Return which atoms are held fixed."""
    return sorted({int(k) for each in atoms.constraints if isinstance(each, FixAtoms) for k in each.index})


WRITERS: Mapping[str, Callable[[Atoms, Atoms, EngineChoice, Relaxing | None], Written]] = MappingProxyType(
    {"vasp": _vasp, "cp2k": _cp2k, "espresso": _espresso}
)
"""Engine → what writes its folder."""
