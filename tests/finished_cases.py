"""Finished folders that tests adopt: minimal files in the forms of VASP, CP2K and Quantum ESPRESSO, made up here.

The numbers are no calculation's. VASP's are as small as its readers take them; CP2K's and Quantum ESPRESSO's inputs are
those that interlith writes, the outputs hold the lines that count.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree, Rydberg

from interlith.workflows.engines.cp2k_input import Output, Step, input_text
from interlith.workflows.engines.cp2k_options import MixedBasisOptions
from interlith.workflows.engines.mixedbasis import task_of
from interlith.workflows.engines.planewave_input import PlaneWaveOptions, Rung
from interlith.workflows.engines.planewave_input import input_text as pw_text
from interlith.workflows.engines.planewave_input import task_of as pw_task

CELL = (4.0, 4.0, 20.0)
ENERGIES = {"AB": -40.0, "A": -25.0, "B": -14.2}
TITLES = {"Li": ("PAW_PBE Li_sv 10Sep2004", 3.0), "F": ("PAW_PBE F 08Apr2002", 7.0), "H": ("PAW_PBE H 15Jun2001", 1.0)}


def contact(gap: float = 2.0) -> Atoms:
    """A layer of Li2F2 below one of H2 and F2: side A and side B."""
    low = [("Li", 0, 0, 3.0), ("F", 2, 2, 3.1), ("Li", 2, 2, 5.0), ("F", 0, 0, 5.1)]
    high = [("H", 0, 0, 5.1 + gap), ("F", 2, 2, 5.1 + gap), ("H", 2, 2, 7.1 + gap), ("F", 0, 0, 7.1 + gap)]
    rows = low + high
    atoms = Atoms([r[0] for r in rows], [r[1:] for r in rows], cell=CELL, pbc=True)
    atoms.set_array("side", np.repeat([0, 1], 4))
    return atoms


def parts(gap: float = 2.0) -> dict[str, Atoms]:
    whole = contact(gap)
    side = whole.arrays["side"]
    return {"AB": whole, "A": whole[side == 0], "B": whole[side == 1]}


def vasp_folder(
    folder: Path, atoms: Atoms, energy: float, *, end: Atoms | None = None, scsteps: int = 12, **tags
) -> Path:
    """Write a vasprun.xml; `end` makes it a relaxation of two geometries."""
    incar = {"ENCUT": 520.0, "NELM": 60, "NSW": 0 if end is None else 50, "IBRION": -1 if end is None else 2, "ISIF": 2}
    incar |= {"ISMEAR": 0, "SIGMA": 0.05, "EDIFFG": -0.02, "PREC": "accurate", "GGA": "PE"} | tags
    mesh = incar.pop("mesh", "3 3 1")
    kinds = list(dict.fromkeys(atoms.symbols))
    frames = [_grouped(frame, kinds) for frame in ([atoms] if end is None else [atoms, end])]
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n'
        '<generator><i name="program" type="string">vasp</i><i name="version" type="string">6.4.2</i></generator>\n'
        f"<incar>{_tags(incar)}</incar>\n"
        f'<kpoints><generation param="Gamma"><v type="int" name="divisions">{mesh}</v></generation>'
        '<varray name="kpointlist"><v>0 0 0</v></varray><varray name="weights"><v>1</v></varray></kpoints>\n'
        f"<parameters>{_tags(incar)}</parameters>\n{_atominfo(frames[0], kinds)}"
        f"{_structure(frames[0], 'initialpos')}{''.join(_calculation(f, energy, scsteps) for f in frames)}"
        f"{_structure(frames[-1], 'finalpos')}</modeling>\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vasprun.xml").write_text(text)
    return folder


def _grouped(atoms: Atoms, kinds: list[str]) -> Atoms:
    return atoms[[k for kind in kinds for k, symbol in enumerate(atoms.symbols) if symbol == kind]]


def _tags(values: dict) -> str:
    def one(name, value):
        if isinstance(value, list):
            return f'<v name="{name}">{" ".join(str(v) for v in value)}</v>'
        kind = {bool: ' type="logical"', int: ' type="int"', str: ' type="string"'}.get(type(value), "")
        shown = ("T" if value else "F") if isinstance(value, bool) else value
        return f'<i{kind} name="{name}">{shown}</i>'

    return "".join(one(name, value) for name, value in values.items())


def _atominfo(atoms: Atoms, kinds: list[str]) -> str:
    rows = "".join(f"<rc><c>{s}</c><c>{kinds.index(s) + 1}</c></rc>" for s in atoms.symbols)
    types = "".join(
        f"<rc><c>{list(atoms.symbols).count(s)}</c><c>{s}</c><c>1.0</c><c>{TITLES[s][1]}</c><c>{TITLES[s][0]}</c></rc>"
        for s in kinds
    )
    return (
        f'<atominfo><atoms>{len(atoms)}</atoms><types>{len(kinds)}</types><array name="atoms"><set>{rows}</set></array>'
        f'<array name="atomtypes"><set>{types}</set></array></atominfo>\n'
    )


def _rows(values: np.ndarray) -> str:
    return "".join(f"<v>{' '.join(f'{x:.10f}' for x in row)}</v>" for row in values)


def _structure(atoms: Atoms, name: str = "") -> str:
    named = f' name="{name}"' if name else ""
    return (
        f'<structure{named}><crystal><varray name="basis">{_rows(atoms.cell.array)}</varray></crystal>'
        f'<varray name="positions">{_rows(atoms.get_scaled_positions())}</varray></structure>\n'
    )


def _calculation(atoms: Atoms, energy: float, scsteps: int) -> str:
    energies = "".join(f'<i name="{n}">{energy:.8f}</i>' for n in ("e_fr_energy", "e_wo_entrp", "e_0_energy"))
    steps = f"<scstep><energy>{energies}</energy></scstep>" * scsteps
    zeros = _rows(np.zeros((len(atoms), 3)))
    return (
        f'<calculation>{steps}{_structure(atoms)}<varray name="forces">{zeros}</varray>'
        f"<energy>{energies}</energy></calculation>\n"
    )


def cp2k_folder(
    folder: Path, atoms: Atoms, energy: float, *, end: Atoms | None = None, done: bool = True, **options
) -> Path:
    """Write an input of interlith's and an output with the lines that count; `end` makes it a relaxation."""
    asked = MixedBasisOptions.asked({"kpoints": "3 3 1", "scf": "diagonalisation", "dipole": "off"} | options)
    task, _ = task_of(atoms, np.zeros(len(atoms), bool), asked, Output())
    text = input_text(task, Step("atoms"), last=True)
    lines = [" CP2K| version string:      CP2K version 2023.1", f" CP2K| Input file name        {'atoms.inp'}"]
    lines += ["  *** SCF run converged in    9 steps ***" if done else "  *** SCF run NOT converged ***"]
    lines += [f" ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:   {energy / Hartree:.15f}"]
    folder.mkdir(parents=True, exist_ok=True)
    if end is not None:
        text = text.replace("RUN_TYPE ENERGY", "RUN_TYPE GEO_OPT")
        lines.append(" ***           GEOMETRY OPTIMIZATION COMPLETED           ***")
        frames = "".join(f"{len(a)}\n i = {k}\n" + _xyz(a) for k, a in enumerate((atoms, end)))
        (folder / "job-pos-1.xyz").write_text(frames)
    (folder / "atoms.inp").write_text(text)
    (folder / "atoms.out").write_text("\n".join(lines) + "\n")
    return folder


def _xyz(atoms: Atoms) -> str:
    rows = zip(atoms.symbols, atoms.positions, strict=True)
    return "".join(f"{s} {x:.10f} {y:.10f} {z:.10f}\n" for s, (x, y, z) in rows)


def espresso_folder(folder: Path, atoms: Atoms, energy: float, *, done: bool = True, **options) -> Path:
    """Write an input of interlith's and an output with the lines that count."""
    asked = PlaneWaveOptions.asked({"kpoints": "3 3 1", "dipole": "off"} | options)
    text = pw_text(pw_task(atoms, asked)[0], Rung("", 0.3))
    alat = float(np.linalg.norm(atoms.cell.array[0]))
    axes = "".join(
        f"               a({k}) = ( " + "  ".join(f"{x / alat:.6f}" for x in row) + " )\n"
        for k, row in enumerate(atoms.cell.array, start=1)
    )
    places = "".join(
        f"  {k:6d}           {s:3s} tau({k:4d}) = ( " + "  ".join(f"{x / alat:.7f}" for x in p) + "  )\n"
        for k, (s, p) in enumerate(zip(atoms.symbols, atoms.positions, strict=True), start=1)
    )
    last = (
        "convergence has been achieved in   9 iterations" if done else "convergence NOT achieved after 100 iterations"
    )
    lines = (
        "     Program PWSCF v.6.7MaX starts on 22Nov2026 at  3:33:10\n     Reading input from pw.in\n"
        f"     lattice parameter (alat)  =  {alat / Bohr:.4f}  a.u.\n     number of atoms/cell      =  {len(atoms)}\n"
        f"     celldm(1)= {alat / Bohr:.6f}\n     crystal axes: (cart. coord. in units of alat)\n{axes}\n"
        "     site n.     atom                  positions (alat units)\n"
        f"{places}\n"
        f"!    total energy              = {energy / Rydberg:.8f} Ry\n     {last}\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pw.in").write_text(text)
    (folder / "pw.out").write_text(lines)
    return folder
