"""Partition real densities, all-electron and valence, of molecules and crystals; see README.md beside this file."""

import json
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr
from pyscf import dft, gto

from interlith.analysis.charge import BaderCharges, bader_charges
from interlith.analysis.densities import Density
from interlith.workflows.engines.orbitalfields import Frame, electron_density, on_grid
from interlith.workflows.engines.volumetric import read_density

TABLE = Path(__file__).with_name("partitions.toml")
HEAD = "# Written by tests/recorded/partitions.py; charges in e, steps in Å.\n"
MOLECULES = {
    "H2": "H 0 0 0; H 0 0 0.751",
    "N2": "N 0 0 0; N 0 0 1.103",
    "H2O": "O 0 0 0.1173; H 0 0.7572 -0.4692; H 0 -0.7572 -0.4692",
    "LiF": "Li 0 0 0; F 0 0 1.564",
    "Li2CO3": "C 0 0 0; O 1.28 0.13 0; O -0.62 1.16 0; O -0.57 -1.18 0; Li 1.00 1.95 0; Li -2.25 0.1 0",
}
CRYSTALS = {
    "LiF": ("rocksalt", 4.03, "Li", "F"),
    "MgO": ("rocksalt", 4.21, "Mg", "O"),
    "NaCl": ("rocksalt", 5.64, "Na", "Cl"),
    "Li2O": ("antifluorite", 4.62, "Li", "O"),
}
VALENCE = {"Li": 3, "O": 6, "F": 7, "Na": 9, "Mg": 10, "Cl": 7}
BASIS = "def2-tzvp"
"""Uncontracted, so that it serves all electrons and pseudopotentials alike."""
CUTOFF_RY = 450


def molecule(name: str, *, valence: bool, step_A: float | np.ndarray = 0.07, margin_A: float = 3.0) -> Density:
    """Return the PBE density of a molecule in an open box; GTH pseudopotentials if only the valence is wanted."""
    elements = {atom.split()[0] for atom in MOLECULES[name].split("; ")}
    basis = {element: gto.uncontract(gto.load(BASIS, element)) for element in elements}
    mol = gto.M(atom=MOLECULES[name], basis=basis, pseudo="gth-pbe" if valence else None, verbose=0)
    solver = dft.RKS(mol, xc="pbe")
    solver.kernel()
    assert solver.converged, name
    places = mol.atom_coords() * Bohr
    steps = np.broadcast_to(step_A, 3)
    origin = places.min(axis=0) - margin_A - 0.31 * steps
    shape = np.ceil((np.ptp(places, axis=0) + 2 * margin_A) / steps - 1e-3).astype(int)
    symbols = [mol.atom_pure_symbol(k) for k in range(mol.natm)]
    atoms = Atoms(symbols, places, cell=steps * shape, pbc=False)
    grid = Density(np.zeros(shape), atoms, origin, mol.atom_charges().astype(float))
    field = electron_density(mol, solver.mo_coeff, solver.mo_occ)
    return on_grid(grid, field, Frame(np.zeros(3), np.eye(3)), mol.nao, averaged=not valence)


def crystal_input(name: str, k: int = 2) -> str:
    """Return CP2K's input for a conventional cell."""
    form, a, cation, anion = CRYSTALS[name]
    face = [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]
    shifts = [(0.5, 0.5, 0.5)] if form == "rocksalt" else [(0.25,) * 3, (0.75,) * 3]
    sites = [(anion, f) for f in face] + [(cation, tuple(np.add(f, s) % 1)) for s in shifts for f in face]
    rows = "\n".join(f"      {element} {x} {y} {z}" for element, (x, y, z) in sites)
    kinds = "\n".join(
        f"    &KIND {e}\n      BASIS_SET DZVP-MOLOPT-SR-GTH\n      POTENTIAL GTH-PBE-q{VALENCE[e]}\n    &END KIND"
        for e in (cation, anion)
    )
    return f"""&GLOBAL
  PROJECT {name}
  RUN_TYPE ENERGY
  PRINT_LEVEL LOW
&END GLOBAL
&FORCE_EVAL
  METHOD QS
  &DFT
    BASIS_SET_FILE_NAME BASIS_MOLOPT
    POTENTIAL_FILE_NAME POTENTIAL
    &MGRID
      CUTOFF {CUTOFF_RY}
      REL_CUTOFF 60
    &END MGRID
    &QS
      EPS_DEFAULT 1.0E-11
    &END QS
    &SCF
      SCF_GUESS ATOMIC
      EPS_SCF 1.0E-6
      MAX_SCF 60
    &END SCF
    &KPOINTS
      SCHEME MONKHORST-PACK {k} {k} {k}
    &END KPOINTS
    &XC
      &XC_FUNCTIONAL PBE
      &END XC_FUNCTIONAL
    &END XC
    &PRINT
      &E_DENSITY_CUBE
        STRIDE 1
      &END E_DENSITY_CUBE
    &END PRINT
  &END DFT
  &SUBSYS
    &CELL
      ABC {a} {a} {a}
    &END CELL
    &COORD
      SCALED
{rows}
    &END COORD
{kinds}
  &END SUBSYS
&END FORCE_EVAL
"""


def crystal(name: str) -> Density:
    """Return the PBE valence density of a crystal by CP2K."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "run.inp").write_text(crystal_input(name))
        done = subprocess.run(["cp2k", "-i", "run.inp"], cwd=folder, capture_output=True, text=True, check=True)
        assert "SCF run converged" in done.stdout, done.stdout[-2000:]
        (cube,) = Path(folder).glob("*DENSITY*.cube")
        density = read_density(cube, periodic=True)
    charges = np.array([VALENCE[symbol] for symbol in density.atoms.symbols], dtype=float)  # CP2K writes zeros
    return replace(density, nuclear_charges=charges)


def row(form: str, name: str, density: Density, found: BaderCharges) -> dict[str, Any]:
    """Return what is recorded of a partition."""
    return {
        "form": form,
        "system": name,
        "points": list(density.values_e_A3.shape),
        "step_A": round(density.voxel_A3 ** (1 / 3), 4),
        "basins_of": found.basins_of,
        "elements": [atom.element for atom in found.atoms],
        "charges_e": [round(float(atom.charge_e or 0.0), 4) for atom in found.atoms],
        "volumes_A3": [round(atom.volume_A3, 3) for atom in found.atoms],
        "free_e": [round(free.electrons, 4) for free in found.free_maxima],
        "vacuum_e": round(found.vacuum_e, 6),
        "grid_error_e": round(float(found.grid_error_e or 0.0), 4),
    }


def computed(form: str, name: str) -> dict[str, Any]:
    """Compute and partition one density."""
    density = crystal(name) if form == "crystal" else molecule(name, valence=form == "valence")
    return row(form, name, density, bader_charges(density))


def recorded() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the table, by form and system."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["partition"] if TABLE.exists() else []
    return {(one["form"], one["system"]): one for one in rows}


def main(wanted: list[str]) -> None:
    known = [(form, name) for form in ("all-electron", "valence") for name in MOLECULES]
    for form, name in known + [("crystal", name) for name in CRYSTALS]:
        if not wanted or f"{form}:{name}" in wanted:
            rows = recorded() | {(form, name): computed(form, name)}
            blocks = ("\n".join(f"{k} = {json.dumps(v)}" for k, v in one.items()) for _, one in sorted(rows.items()))
            TABLE.write_text(HEAD + "".join(f"\n[[partition]]\n{block}\n" for block in blocks), encoding="utf-8")
            print(form, name, rows[form, name]["charges_e"], rows[form, name]["grid_error_e"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
