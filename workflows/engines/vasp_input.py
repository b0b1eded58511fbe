"""What a person may ask of VASP, and the files that it reads: atomate2's static set with what interfaces need.

The projectors and the command are the person's: `PMG_VASP_PSP_DIR` as pymatgen knows it, the setting `vasp_command`.
Nothing of VASP is needed to write INCAR, KPOINTS and POSCAR.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Option
from interlith.workflows.engines.cp2k_options import MixedBasisOptions, Plan, has_metal, plan_for

GGA = {"PBE": None, "PBEsol": "PS"}
"""Functional → VASP's tag; the projectors are made for PBE, which needs none."""
D3_BECKE_JOHNSON = 12
METAL = {"ISMEAR": 1, "SIGMA": 0.2}
INSULATOR = {"ISMEAR": 0, "SIGMA": 0.05}
"""Methfessel and Paxton for metals; a narrow Gaussian elsewhere (tetrahedra cannot be relaxed in metals, nor stand on
few k-points)."""
FULL_POSITIONS = 16


class AugmentedWaveOptions(BaseModel):
    """Options of the engine `vasp`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    functional: Literal["PBE", "PBEsol"] = "PBE"
    cutoff_eV: float = Field(default=520.0, ge=100)
    kpoints: str = Field(default="auto", description='"auto", a mesh "4 4 1", or a largest spacing in 1/Å "0.3"')
    dipole: Literal["auto", "on", "off"] = "auto"
    smearing_eV: float | None = Field(default=None, gt=0, description="None: 0.2 where there is a metal, else 0.05")
    metal: bool | None = Field(default=None, description="how levels are filled; None: told by the atoms")
    eps_scf_eV: float = Field(default=1e-6, gt=0, le=1e-3)
    magmom: str = Field(default="", description='where spins start, such as "Fe=5 Co=3"; empty: no spin')
    hubbard_U: str = Field(default="", description='in eV, on d levels, such as "Fe=5.3 Co=3.32"')
    pseudopotentials: str = Field(default="", description='other than pymatgen\'s, such as "Li=Li Zr=Zr_sv"')

    @classmethod
    def asked(cls, options: Mapping[str, Option]) -> AugmentedWaveOptions:
        """Read an engine's options.

        Raises
        ------
        RequestError
            Naming the value that is not allowed.
        """
        try:
            read = cls.model_validate({k: str(v) if k == "kpoints" else v for k, v in options.items()})
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(str(part) for part in fault["loc"])
            raise RequestError(f"vasp {name} = {fault['input']!r}: {fault['msg']}", "engine options") from error
        read.as_mixed()
        for name in ("magmom", "hubbard_U"):
            numbers_of(getattr(read, name), name)
        return read

    def as_mixed(self) -> MixedBasisOptions:
        """Return the same wishes as CP2K's: what they mean for given atoms is decided in one place."""
        shared = self.model_dump(include={"kpoints", "dipole"})
        return MixedBasisOptions.asked(shared | {"scf": "diagonalisation"})


@dataclass(frozen=True)
class Relaxing:
    """How VASP itself is to relax: largest force (eV/Å) and steps."""

    fmax_eV_A: float
    steps: int = 200


@dataclass(frozen=True)
class VaspTask:
    """One geometry to compute, frozen unless `relaxing` says how it may move.

    Attributes
    ----------
    atoms
        With a cell; atoms that are held fixed stay so (`FixAtoms`).
    options
        The method.
    dispersion
        D3(BJ) by VASP itself.
    relaxing
        None for one geometry.
    """

    atoms: Atoms
    options: AugmentedWaveOptions
    dispersion: bool = False
    relaxing: Relaxing | None = None

    @cached_property
    def plan(self) -> Plan:
        """k-points and dipole, as for the other periodic codes."""
        refuse_no_cell(self.atoms)
        return plan_for(self.atoms, np.zeros(len(self.atoms), bool), self.options.as_mixed())

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Which atom stands where in the POSCAR: elements together, each in the order of the atoms."""
        symbols = list(self.atoms.symbols)
        first = {symbol: symbols.index(symbol) for symbol in symbols}
        return np.array(sorted(range(len(symbols)), key=lambda k: (first[symbols[k]], k)))


def refuse_no_cell(atoms: Atoms) -> None:
    """Refuse atoms without a cell of three axes.

    Raises
    ------
    RequestError
        Saying so.
    """
    if atoms.cell.rank < 3:
        raise RequestError("VASP needs a cell of three axes", atoms.get_chemical_formula(), "give the atoms a box")


def numbers_of(text: str, name: str) -> dict[str, float]:
    """Return element → number of a text such as ``Fe=5.3 Co=3.32``.

    Raises
    ------
    RequestError
        If it is of another form.
    """
    pairs = [word.partition("=") for word in text.replace(",", " ").split()]
    try:
        return {symbol: float(value) for symbol, _, value in pairs}
    except ValueError:
        raise RequestError(f"vasp {name} = {text!r}", "engine options", "write Fe=5.3 Co=3.32") from None


def vasp_files(task: VaspTask) -> dict[str, str]:
    """Return the texts of INCAR, KPOINTS, POSCAR, and POTCAR.spec with the names of the projectors, one a line.

    Raises
    ------
    RequestError
        For atoms without a cell, or an element for which pymatgen names no projectors.
    """
    from pymatgen.io.vasp import Incar

    given = _input_set(task)
    plain = {key: value for key, value in given.incar.items() if key != "MAGMOM" and not key.startswith("LDAU")}
    return {
        "INCAR": str(Incar(plain | _spin(task.options, [site.specie.symbol for site in given.structure]))),
        "KPOINTS": f"{given.kpoints}",
        "POSCAR": given.poscar.get_str(significant_figures=FULL_POSITIONS),
        "POTCAR.spec": "\n".join(given.potcar_symbols) + "\n",
    }


def potcar_text(task: VaspTask) -> str:
    """Return the projectors from the person's own files.

    Raises
    ------
    RequestError
        If pymatgen does not find them.
    """
    from pymatgen.io.vasp.inputs import PmgVaspPspDirError

    try:
        with warnings.catch_warnings(action="ignore"):  # pymatgen's, on hashes it does not know
            return str(_input_set(task).potcar)
    except (PmgVaspPspDirError, FileNotFoundError, OSError, ValueError) as fault:
        raise RequestError(
            f"no POTCAR for {task.atoms.get_chemical_formula()}: {' '.join(str(fault).split())[:200]}",
            "vasp",
            "set PMG_VASP_PSP_DIR in ~/.config/.pmgrc.yaml (pmg config -p FROM TO); VASP's licence comes with them",
        ) from None


def _input_set(task: VaspTask) -> Any:
    from atomate2.vasp.sets.core import StaticSetGenerator
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.io.vasp import Kpoints

    sorted_atoms = task.atoms[task.order]
    sorted_atoms.set_constraint(_fixed(sorted_atoms))
    structure = AseAtomsAdaptor.get_structure(sorted_atoms)
    structure.remove_spin()
    generator = StaticSetGenerator(
        structure=structure,
        user_incar_settings=_tags(task, sorted_atoms),
        user_kpoints_settings=Kpoints.gamma_automatic(task.plan.kpoints),
        user_potcar_settings=_named(task.options.pseudopotentials),
        user_potcar_functional="PBE_54",
        sort_structure=False,
        auto_ismear=False,
    )
    missing = sorted(set(sorted_atoms.symbols) - set(generator.config_dict["POTCAR"]))
    if missing:
        raise RequestError(f"no projectors known for {', '.join(missing)}", "vasp", "name them: pseudopotentials")
    return generator


def _tags(task: VaspTask, atoms: Atoms) -> dict[str, Any]:
    """Return what is set beside atomate2's static set; None takes a tag out of it."""
    options = task.options
    tags: dict[str, Any] = {
        "GGA": GGA[options.functional],
        "ENCUT": options.cutoff_eV,
        "EDIFF": options.eps_scf_eV,
        "LAECHG": True,
        "LCHARG": True,
        "LVHAR": True,
        "LVTOT": None,
        "LMIXTAU": None,
        "LELF": None,
        "LORBIT": 11,
        **_filling(task),
    }
    tags |= {"IVDW": D3_BECKE_JOHNSON} if task.dispersion else {}
    tags |= _dipole(atoms) if task.plan.dipole else {}
    if task.relaxing:
        tags |= {"NSW": task.relaxing.steps, "IBRION": 2, "ISIF": 2, "EDIFFG": -task.relaxing.fmax_eV_A}
    return tags


def _filling(task: VaspTask) -> dict[str, Any]:
    metal = has_metal(task.atoms) if task.options.metal is None else task.options.metal
    filling: dict[str, Any] = dict(METAL if metal else INSULATOR)
    return filling | ({"SIGMA": task.options.smearing_eV} if task.options.smearing_eV else {})


def _spin(options: AugmentedWaveOptions, symbols: list[str]) -> dict[str, Any]:
    """Return the tags of spin and of U, in the order of the POSCAR's atoms and elements."""
    moments, hubbard = numbers_of(options.magmom, "magmom"), numbers_of(options.hubbard_U, "hubbard_U")
    tags: dict[str, Any] = {"ISPIN": 2 if moments else 1}
    if moments:
        tags["MAGMOM"] = [moments.get(symbol, 0.0) for symbol in symbols]
    if hubbard:
        kinds = list(dict.fromkeys(symbols))
        tags |= {
            "LDAU": True,
            "LDAUTYPE": 2,
            "LDAUL": [2 if symbol in hubbard else -1 for symbol in kinds],
            "LDAUU": [hubbard.get(symbol, 0.0) for symbol in kinds],
            "LDAUJ": [0.0] * len(kinds),
            "LMAXMIX": 4,
        }
    return tags


def _dipole(atoms: Atoms) -> dict[str, Any]:
    """Correct the dipole along c about the atoms' centre of mass, as VASP's manual has it."""
    centre = atoms.cell.scaled_positions(atoms.get_center_of_mass()[None])[0]
    return {"LDIPOL": True, "IDIPOL": 3, "DIPOL": [round(float(x), 6) for x in centre]}


def _fixed(atoms: Atoms) -> list[FixAtoms]:
    """Return what of the constraints VASP can hold."""
    return [each for each in atoms.constraints if isinstance(each, FixAtoms)]


def _named(text: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", text))


def lay_vasp(task: VaspTask, folder: Path, *, licensed: bool) -> None:
    """Write the files of a task into a folder.

    Parameters
    ----------
    task
        What is computed.
    folder
        It must be there.
    licensed
        Write a POTCAR; else only its recipe, POTCAR.spec.

    Raises
    ------
    RequestError
        See :func:`vasp_files` and :func:`potcar_text`.
    """
    texts = vasp_files(task)
    if licensed:
        texts["POTCAR"] = potcar_text(task)
    for name, text in texts.items():
        (folder / name).write_text(text)
