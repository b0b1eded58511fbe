"""Calculations of CP2K that tests rely on: what is computed, and how. See README.md beside this file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import read

FOLDER = Path(__file__).with_name("cp2k")
# The level of the energies of interfaces that were there before the engine (500 Ry for LiF, 400 Ry for the oligomer).
CRYSTAL = {"cutoff_Ry": 500.0, "rel_cutoff_Ry": 50.0, "eps_default": 1e-11, "eps_scf": 1e-6}
SLAB_OLIGOMER = {"kpoints": "1 1 1", "eps_scf": 3e-5, "dipole": "off"}
QUICK = {"cutoff_Ry": 120.0, "rel_cutoff_Ry": 30.0, "kpoints": "1 1 1", "dipole": "off", "eps_scf": 1e-7}
LIF_A, LIF_SLAB_A = 4.08, 4.087
VOLUMES = (-6, -3, 0, 3, 6)


@dataclass(frozen=True)
class Case:
    """Atoms, options of the engine, dispersion, and which atoms are ghosts."""

    atoms: Atoms
    options: dict
    dispersion: str = "none"
    ghosts: tuple[int, ...] = ()


def lif(a: float) -> Atoms:
    return bulk("LiF", "rocksalt", a=a, cubic=True)


def lif_tetragonal() -> Atoms:
    side = LIF_SLAB_A / np.sqrt(2)
    scaled = [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0.5], [0, 0, 0.5]]
    return Atoms("LiFLiF", scaled_positions=scaled, cell=[side, side, LIF_SLAB_A], pbc=True)


def lif_slab(layers: int, vacuum_A: float = 14.0) -> Atoms:
    """LiF(100) as cut, 2 Å above the cell's floor."""
    side, step = LIF_SLAB_A / np.sqrt(2), LIF_SLAB_A / 2
    slab = Atoms(cell=[side, side, vacuum_A + (layers - 1) * step], pbc=True)
    for layer in range(layers):
        height = 2.0 + layer * step
        places = [(0, 0, height), (side / 2, side / 2, height)]
        slab += Atoms("LiF", places if layer % 2 == 0 else places[::-1])
    return slab


def lithium_slab(layers: int, a: float, vacuum_A: float = 14.0) -> Atoms:
    """Li(100) as cut."""
    heights = np.arange(layers) * a / 2 + 2.0
    places = [(a / 2 * (k % 2), a / 2 * (k % 2), z) for k, z in enumerate(heights)]
    return Atoms(f"Li{layers}", places, cell=[a, a, vacuum_A + (layers - 1) * a / 2], pbc=True)


def lithium_hydride() -> Atoms:
    """LiH, two pairs in a small tetragonal box, off its bond length."""
    return Atoms("LiH", [[2.0, 2.0, 2.0], [2.0, 2.0, 3.5]], cell=[4.0, 4.0, 6.0], pbc=True)


def hydrogen() -> Atoms:
    """H2 stretched to 0.80 Å in a box of 4 Å."""
    return Atoms("H2", [[2.0, 2.0, 1.6], [2.0, 2.0, 2.4]], cell=[4.0, 4.0, 4.0], pbc=True)


def water() -> Atoms:
    """A molecule by itself: it does not repeat."""
    return molecule("H2O")


def oligomer(part: str) -> Case:
    """P-DOL's dimer on four layers of Li(100): the whole, or a side with the other's basis."""
    atoms = read(FOLDER / "li100_pdol.xyz")
    sides = np.array([side == "side_b" for side in atoms.arrays["side"]])
    metal = SLAB_OLIGOMER | {"empty_levels": 60}
    plain = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
    if part == "whole":
        return Case(plain, metal, "d3bj")
    ghosts = tuple(int(i) for i in np.flatnonzero(sides if part == "slab" else ~sides))
    return Case(plain, metal if part == "slab" else SLAB_OLIGOMER, "d3bj", ghosts)


def cases() -> dict[str, Case]:
    """Every calculation by name."""
    found = {
        "h2": Case(hydrogen(), QUICK),
        "lih": Case(lithium_hydride(), QUICK),
        "h2o-alone": Case(water(), {"cutoff_Ry": 300.0, "eps_scf": 1e-6}),
        "lif-bulk": Case(lif(LIF_A), CRYSTAL | {"kpoints": "3 3 3"}),
        "lif-tetragonal": Case(lif_tetragonal(), CRYSTAL | {"kpoints": "4 4 3"}),
        "lif-slab-5": Case(lif_slab(5), CRYSTAL | {"kpoints": "4 4 1"}),
    }
    for percent in VOLUMES:
        found[f"lif-volume{percent:+d}"] = Case(lif(LIF_A * (1 + percent / 100) ** (1 / 3)), {"kpoints": "3 3 3"})
    for a in (3.40, 3.47):
        found[f"li-bulk-{a:.2f}"] = Case(bulk("Li", "bcc", a=a, cubic=True), {"kpoints": "8 8 8"})
    for layers in (5, 7):
        # Little vacuum: in much of it the charge sloshes, and mixing takes twice the steps.
        found[f"li-slab-{layers}"] = Case(lithium_slab(layers, 3.44, 10.0), {"kpoints": "8 8 1", "eps_scf": 3e-5})
    for a in (4.58, 4.68):
        # The anion stands first: ASE's fluorite puts it where CaF2 has its cation.
        found[f"li2o-bulk-{a:.2f}"] = Case(bulk("OLi2", "fluorite", a=a), {"kpoints": "4 4 4"})
    for part in ("whole", "slab", "molecule"):
        found[f"li100-pdol-{part}"] = oligomer(part)
    return found
