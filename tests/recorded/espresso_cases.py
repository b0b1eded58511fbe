"""Calculations of Quantum ESPRESSO that tests rely on, most of them CP2K's over again. See README.md beside."""

import sys
from pathlib import Path

from ase.build import bulk

sys.path.insert(0, str(Path(__file__).parents[1]))
from recorded.cp2k_cases import LIF_A, LIF_SLAB_A, Case, hydrogen

FOLDER = Path(__file__).with_name("espresso")
QUICK = {"cutoff_Ry": 80.0, "kpoints": "1 1 1", "dipole": "off", "eps_scf_Ry": 1e-9}
# 400 Ry moves differences over volume by 0.3 meV.
CRYSTAL = {"cutoff_Ry": 300.0, "eps_scf_Ry": 1e-9}
VOLUMES = (-6, 0, 6)


def cases() -> dict[str, Case]:
    """Every calculation by name; LiF's primitive cell has the k-points of CP2K's cubic one or more."""
    found = {
        "h2": Case(hydrogen(), QUICK),
        "lif-primitive": Case(bulk("LiF", "rocksalt", a=LIF_A), CRYSTAL | {"kpoints": "5 5 5"}),
    }
    for percent in VOLUMES:
        a = LIF_SLAB_A * (1 + percent / 100) ** (1 / 3)
        found[f"lif-volume{percent:+d}"] = Case(bulk("LiF", "rocksalt", a=a), CRYSTAL | {"kpoints": "5 5 5"})
    return found
