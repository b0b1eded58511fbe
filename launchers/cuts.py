"""The terminations of one face as rows: what `interlith scan` says of one crystal, without energies and with them."""

from __future__ import annotations

from contextlib import chdir
from tempfile import TemporaryDirectory
from typing import Any

from interlith.structures.records import SideRecipe
from interlith.structures.terminations import Termination, terminations
from interlith.workflows.crystals import ordered
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import preset

RANKED = 4
"""Terminations whose slabs an engine relaxes, the geometrically best first."""

Row = dict[str, Any]


def listed_cuts(side: SideRecipe) -> list[Row]:
    """Return every distinct termination of a side's face, best first by geometry, as rows."""
    crystal = ordered(side)
    return [_row(side, cut) for cut in terminations(crystal.structure(), side.miller)]


def ranked_cuts(side: SideRecipe, engine: EngineChoice) -> list[Row]:
    """Return the best terminations with their relaxed surface energy, lowest first; thresholds of preset quick."""
    from interlith.workflows.surfaces import rank_surfaces

    quick = preset("quick")
    effort = Effort(engine=engine, fmax_eV_A=quick.fmax_eV_A, max_calls=quick.max_calls)
    with TemporaryDirectory() as folder, chdir(folder):  # a relaxation writes its progress where it runs
        found = rank_surfaces(side, [side.miller], effort, terminations_per_face=RANKED).candidates
    return [
        {
            "termination": one.facts.termination,
            "label": one.facts.termination_label,
            "gamma_J_m2": one.gamma_J_m2,
            "gamma_unrelaxed_J_m2": one.gamma_unrelaxed_J_m2,
            "converged": one.converged,
            "dipole_eA": one.facts.dipole_eA,
            "broken_bonds": one.facts.broken_bonds,
            "undercoordinated": one.facts.undercoordinated,
            "n_atoms": one.facts.n_atoms,
            "thickness_A": one.facts.thickness_A,
        }
        for one in found
    ]


def _row(side: SideRecipe, cut: Termination) -> Row:
    why_not = "cuts covalent units" if cut.units_cut else "polar" if cut.polar else None
    return {
        "crystal": side.crystal,
        "miller": list(side.miller),
        "termination": cut.index,
        "label": cut.label,
        "tasker": cut.tasker,
        "surface_charge_e_A2": cut.surface_charge_e_A2,
        "broken_bonds": dict(cut.broken_bonds),
        "shells_cut": cut.shells_cut,
        "rough": cut.rough,
        "ions_moved": cut.spread,
        "symmetric": cut.symmetric,
        "why_not": why_not,
    }
