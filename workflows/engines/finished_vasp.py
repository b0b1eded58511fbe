"""A finished folder of VASP, read: `vasprun.xml` says what was asked and what came out.

Energies are those that VASP extrapolates to no smearing, as its users compare them; forces are derivatives of the free
energy.
"""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

from ase import Atoms
from pymatgen.io.ase import AseAtomsAdaptor

from interlith.analysis.adoption import FinishedRun
from interlith.analysis.records import Method
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import to_text
from interlith.workflows.engines.contract import Option

FUNCTIONALS = {"PE": "PBE", "PS": "PBEsol", "RE": "revPBE", "RP": "RPBE", "91": "PW91", "CA": "LDA", "--": "PBE"}
DISPERSIONS = {0: None, 1: "D2", 10: "D2", 11: "D3", 12: "D3(BJ)", 13: "D4", 2: "TS", 20: "TS", 202: "MBD", 4: "dDsC"}


def read_vasp(folder: Path) -> FinishedRun:
    """Read the calculation of a folder.

    Raises
    ------
    RequestError
        If there is no whole `vasprun.xml`.
    ComputationError
        If electrons or ions did not converge.
    """
    file, run = open_run(folder)
    if not run.converged_electronic:
        raise ComputationError(
            f"the self-consistent field did not converge in NELM = {run.parameters.get('NELM')} steps",
            str(file),
            "compute it again",
        )
    steps = int(run.parameters.get("NSW", 0))
    relaxing = steps > 0 and int(run.parameters.get("IBRION", -1)) in (1, 2, 3)
    if relaxing and not run.converged_ionic:
        what = f"the relaxation did not reach EDIFFG in NSW = {steps} steps"
        raise ComputationError(what, str(file), "go on with it")
    if relaxing and int(run.parameters.get("ISIF", 2)) >= 3:
        raise RequestError("the cell was relaxed too (ISIF = 3)", str(file), "relax in the common cell: ISIF = 2")
    start, end = (_plain(structure) for structure in (run.initial_structure, run.final_structure))
    return FinishedRun(
        folder=str(folder),
        start_xyz=to_text(start),
        xyz=to_text(end),
        energy_eV=float(run.final_energy),
        relaxed=relaxing,
        n_geometries=max(1, len(run.ionic_steps)),
        method=_method(run),
        kinds=_kinds(run),
    )


def open_run(folder: Path) -> tuple[Path, Any]:
    """Return the file of a run and what pymatgen reads of it.

    Raises
    ------
    RequestError
        If there is none, or it is not whole.
    """
    from pymatgen.io.vasp.outputs import Vasprun

    found = [file for name in ("vasprun.xml", "vasprun.xml.gz") if (file := folder / name).is_file()]
    if not found:
        raise RequestError("no vasprun.xml", str(folder), "give the folder of a finished run")
    try:
        with warnings.catch_warnings(action="ignore"):  # pymatgen's, on runs that did not converge: told below
            run = Vasprun(found[0], parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    except (SyntaxError, KeyError, ValueError, IndexError, EOFError, gzip.BadGzipFile) as fault:
        what = f"not a whole vasprun.xml: {fault}"
        raise RequestError(what, str(found[0]), "let the run end, or copy it again") from None
    if not run.ionic_steps:
        raise RequestError("a vasprun.xml without a geometry computed", str(found[0]), "let the run end")
    return found[0], run


def _plain(structure: Any) -> Atoms:
    atoms = AseAtomsAdaptor.get_atoms(structure)
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)


def _method(run: Any) -> Method:
    given = run.parameters
    settings: dict[str, Option] = {
        "cutoff_eV": float(given["ENCUT"] if "ENCUT" in given else given["ENMAX"]),
        "kpoints": " ".join(str(n) for n in run.kpoints.kpts[0]),
        "smearing": f"ISMEAR {given.get('ISMEAR', 1)} SIGMA {given.get('SIGMA', 0.2)} eV",
        "hubbard_U": _hubbard(run),
        "dipole": bool(given.get("LDIPOL", False)),
        "precision": str(given.get("PREC", "normal")).lower(),
    }
    tag = str(run.incar.get("METAGGA", "") or "").upper()
    gga = str(given.get("GGA", "--")).strip().upper()[:2]
    functional = tag if tag not in ("", "NONE", "--") else FUNCTIONALS.get(gga, gga)
    if given.get("LHFCALC"):
        functional += f" with {given.get('AEXX', 0.25):g} exact exchange"
    return Method(
        engine="vasp",
        engine_version=str(run.vasp_version),
        model="VASP",
        weights_sha256=None,
        functional=functional,
        dispersion=DISPERSIONS.get(code := int(run.incar.get("IVDW", 0) or 0), f"IVDW {code}"),
        surrogate=False,
        settings=settings,
    )


def _hubbard(run: Any) -> str:
    if not run.incar.get("LDAU"):
        return "none"
    kinds = list(dict.fromkeys(run.atomic_symbols))
    return " ".join(f"{symbol}={u:g}" for symbol, u in zip(kinds, run.incar.get("LDAUU", []), strict=False) if u)


def _kinds(run: Any) -> dict[str, str]:
    """Return the projectors of each element, by the titles that stand in the file."""
    titles = [str(title) for title in run.potcar_symbols]
    return dict(zip(dict.fromkeys(run.atomic_symbols), titles, strict=False))
