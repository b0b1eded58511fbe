"""CP2K's input as nested mappings, and as text.

A mapping is a section; what stands behind a section's name ("SMEAR ON") follows it in the file. A sequence is a keyword
repeated. The key "" holds plain lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from interlith.workflows.engines.cp2k_elements import Kind, kind_of
from interlith.workflows.engines.cp2k_options import MixedBasisOptions, Plan

Value = str | float | int | bool | Sequence[str] | Mapping[str, "Value"]
Tree = Mapping[str, Value]

PROJECT = "job"
COARSE_CUTOFF_RY, COARSE_REL_CUTOFF_RY, COARSE_EPS_DEFAULT, COARSE_EPS_SCF = 200.0, 25.0, 1e-8, 3e-4
INNER_STEPS = 9
"""Of orbital transformation before the preconditioner is made anew: with more, large oxides crawl."""
OUTER_LOOPS = 20
EMPTY_LEVELS = 4
"""Beside the filled ones, where levels are wanted and none is smeared."""


@dataclass(frozen=True)
class Step:
    """One run of CP2K on the way to a converged wavefunction.

    Attributes
    ----------
    name
        Of its files.
    minimiser
        Of orbital transformation.
    mixing
        Fraction of the new density in Broyden's mixing.
    max_steps
        Self-consistent steps of a diagonalisation.
    coarse
        On a coarse grid to a loose threshold, to start from.
    restart
        Begins from the wavefunction in the folder, not from atoms.
    dipole
        With the correction of the surface dipole.
    """

    name: str
    minimiser: Literal["DIIS", "CG"] = "DIIS"
    mixing: float = 0.2
    max_steps: int = 60
    coarse: bool = False
    restart: bool = False
    dipole: bool = False


@dataclass(frozen=True)
class Output:
    """What the last run of a calculation is to write."""

    forces: bool = False
    stress: bool = False
    density: bool = False
    spin: bool = False
    potential: bool = False
    orbitals: bool = False
    charges: bool = False


@dataclass(frozen=True)
class Task:
    """One geometry to compute.

    Attributes
    ----------
    atoms
        In the cell that CP2K is given.
    ghosts
        True for atoms that lend their basis alone, shape (atoms,).
    options, plan
        The method, and what it means for these atoms.
    output
        Of the last run.
    """

    atoms: Atoms
    ghosts: NDArray[np.bool_]
    options: MixedBasisOptions
    plan: Plan
    output: Output = field(default_factory=Output)


def render(tree: Tree, indent: int = 0) -> str:
    """Return nested sections as CP2K's text.

    Examples
    --------
    >>> print(render({"SMEAR ON": {"METHOD": "FERMI_DIRAC"}}), end="")
    &SMEAR ON
      METHOD FERMI_DIRAC
    &END SMEAR
    """
    return "".join(f"{'  ' * depth}{line}\n" for depth, line in _lines(tree, indent))


def _lines(tree: Tree, depth: int) -> Iterator[tuple[int, str]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield depth, f"&{key}"
            yield from _lines(value, depth + 1)
            yield depth, f"&END {key.split()[0]}"
        elif isinstance(value, str | bool | int | float):
            yield depth, f"{key} {_word(value)}"
        else:
            yield from ((depth, f"{key} {line}".strip()) for line in value)


def _word(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def input_text(task: Task, step: Step, *, last: bool) -> str:
    """Return CP2K's input for one run.

    Parameters
    ----------
    task, step
        What is computed, and how this run comes nearer.
    last
        Whether this run writes what is wanted; others give a wavefunction only.
    """
    output = task.output if last else Output()
    kinds = _kinds(task)
    return render(
        {
            "GLOBAL": {
                "PROJECT": PROJECT,
                "RUN_TYPE": "ENERGY_FORCE" if output.forces or output.stress else "ENERGY",
                "PRINT_LEVEL": "LOW",
            },
            "FORCE_EVAL": {
                "METHOD": "QS",
                **({"STRESS_TENSOR": "ANALYTICAL"} if output.stress else {}),
                "DFT": _dft(task, step, output, kinds),
                "SUBSYS": _subsystem(task, kinds),
                "PRINT": _mechanics(output),
            },
        }
    )


def _mechanics(output: Output) -> Tree:
    wanted: dict[str, Value] = {"FORCES ON": {"NDIGITS": 12}} if output.forces else {}
    return wanted | ({"STRESS_TENSOR ON": {}} if output.stress else {})


def _kinds(task: Task) -> dict[str, Kind]:
    """Return label → kind; a ghost's label ends on its own word."""
    return {label: kind_of(symbol, task.options.basis) for label, symbol, _ in _labels(task)}


def _labels(task: Task) -> list[tuple[str, str, bool]]:
    return [
        (f"{symbol}_ghost" if ghost else symbol, symbol, bool(ghost))
        for symbol, ghost in zip(task.atoms.symbols, task.ghosts, strict=True)
    ]


def _subsystem(task: Task, kinds: Mapping[str, Kind]) -> Tree:
    ghosts = {label for label, _, ghost in _labels(task) if ghost}
    cell = {name: " ".join(f"{x:.10f}" for x in row) for name, row in zip("ABC", task.atoms.cell.array, strict=True)}
    places = [
        f"{label} " + " ".join(f"{x:.10f}" for x in position)
        for (label, _, _), position in zip(_labels(task), task.atoms.positions, strict=True)
    ]
    sections: dict[str, Value] = {
        "CELL": {**cell, "PERIODIC": "XYZ" if task.plan.periodic else "NONE"},
        "COORD": {"": places},
        # Neither the molecules in the box nor their bonds matter here.
        "TOPOLOGY": {"CONNECTIVITY": "OFF"},
    }
    for label, kind in kinds.items():
        real = {"POTENTIAL_FILE_NAME": kind.potential_file, "POTENTIAL": kind.potential}
        sections[f"KIND {label}"] = {
            "ELEMENT": kind.symbol,
            "BASIS_SET": kind.basis,
            **({"GHOST": True} if label in ghosts else real),
        }
    return sections


def _dft(task: Task, step: Step, output: Output, kinds: Mapping[str, Kind]) -> Tree:
    options, plan = task.options, task.plan
    sections: dict[str, Value] = {
        "BASIS_SET_FILE_NAME": sorted({kind.basis_file for kind in kinds.values()}),
        "POTENTIAL_FILE_NAME": "GTH_POTENTIALS",
        "CHARGE": options.charge,
        "MULTIPLICITY": plan.multiplicity,
        "UKS": plan.polarised,
        "MGRID": {
            "CUTOFF": COARSE_CUTOFF_RY if step.coarse else options.cutoff_Ry,
            "REL_CUTOFF": COARSE_REL_CUTOFF_RY if step.coarse else options.rel_cutoff_Ry,
            # Many coarse grids for the diffuse functions: half the time at 1e-6 Ha an atom.
            "NGRIDS": 8,
            "PROGRESSION_FACTOR": 2.0,
        },
        "QS": {"EPS_DEFAULT": COARSE_EPS_DEFAULT if step.coarse else options.eps_default},
        "SCF": _scf(task, step),
        "XC": {"XC_FUNCTIONAL": FUNCTIONALS[options.functional]},
        "POISSON": {"PERIODIC": "XYZ"} if plan.periodic else {"PERIODIC": "NONE", "POISSON_SOLVER": "WAVELET"},
    }
    if step.restart:
        sections["WFN_RESTART_FILE_NAME"] = wavefunction(plan)
    if step.dipole:
        sections |= {"SURFACE_DIPOLE_CORRECTION": True, "SURF_DIP_DIR": "Z"}
    if not plan.gamma_only:
        mesh = " ".join(str(n) for n in plan.kpoints)
        sections["KPOINTS"] = {"SCHEME": f"MONKHORST-PACK {mesh}", "SYMMETRY": False, "FULL_GRID": False}
    return sections | {"PRINT": _prints(output, plan, bool(task.ghosts.any()))}


FUNCTIONALS: Mapping[str, Tree] = {"pbe": {"PBE": {}}, "pbesol": {"PBE": {"PARAMETRIZATION": "PBESOL"}}}
"""Functional → CP2K's section."""


def wavefunction(plan: Plan) -> str:
    """Return the name of the file that a run leaves for the next to begin from."""
    return f"{PROJECT}-RESTART.{'wfn' if plan.gamma_only else 'kp'}"


def _scf(task: Task, step: Step) -> Tree:
    eps = max(COARSE_EPS_SCF, task.options.eps_scf) if step.coarse else task.options.eps_scf
    sections: dict[str, Value] = {
        "SCF_GUESS": "RESTART" if step.restart else "ATOMIC",
        "EPS_SCF": eps,
        "PRINT": {"RESTART": {"BACKUP_COPIES": 0, "EACH": {"QS_SCF": 20}}},
    }
    if task.plan.scheme == "ot":
        descent = {"LINESEARCH": "2PNT"} if step.minimiser == "CG" else {}
        return sections | {
            "MAX_SCF": INNER_STEPS,
            "OT": {"MINIMIZER": step.minimiser, **descent, "PRECONDITIONER": "FULL_ALL", "ENERGY_GAP": 0.05},
            "OUTER_SCF": {"EPS_SCF": eps, "MAX_SCF": OUTER_LOOPS},
        }
    sections |= {
        "MAX_SCF": step.max_steps,
        "DIAGONALIZATION": {"ALGORITHM": "STANDARD"},
        "MIXING": {"METHOD": "BROYDEN_MIXING", "ALPHA": step.mixing, "BETA": 1.5, "NBROYDEN": 8},
    }
    if task.plan.empty_levels or task.output.orbitals:
        sections["ADDED_MOS"] = task.plan.empty_levels or EMPTY_LEVELS
    if task.plan.smearing_K:
        temperature = f"[K] {task.plan.smearing_K:g}"
        sections["SMEAR ON"] = {"METHOD": "FERMI_DIRAC", "ELECTRONIC_TEMPERATURE": temperature}
    return sections


def _prints(output: Output, plan: Plan, ghosts: bool) -> Tree:
    fine: dict[str, Value] = {"STRIDE": "1 1 1"}
    sections: dict[str, Value] = {}
    if output.density or output.spin:  # CP2K writes the spin density along with the other
        sections["E_DENSITY_CUBE"] = fine
    if output.potential:
        sections["V_HARTREE_CUBE"] = fine
    if output.charges:
        sections |= {"MULLIKEN ON": {}}
        if not ghosts:  # CP2K stops at an atom without electrons
            sections |= {"HIRSHFELD ON": {"SHAPE_FUNCTION": "DENSITY"}}
    if output.orbitals:
        once: Tree = {"QS_SCF": 0}
        sections["MO ON"] = {"EIGENVALUES": True, "OCCUPATION_NUMBERS": True, "NDIGITS": 10, "EACH": once}
        if plan.gamma_only:
            sections["MO_CUBES"] = {"NHOMO": 1, "NLUMO": 1, "WRITE_CUBE": True, **fine}
    return sections
