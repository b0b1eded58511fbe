"""Pairs of faces as rows: what `interlith scan` says, without energies and with them."""

from __future__ import annotations

from typing import Any

from interlith.analysis.energies import interfacial_formation_energy
from interlith.launchers.models import strains
from interlith.launchers.pictures import miller_name
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.structures.interfaces import build_interface, displaced, side_alone
from interlith.structures.orientations import OrientationPair, scan_orientations
from interlith.structures.records import InterfaceModel, InterfaceRecipe
from interlith.workflows.crystals import ordered
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.registries import rigid_search
from interlith.workflows.relaxations import static
from interlith.workflows.spec import from_sides

RIGID_STARTS = 4
"""Shifts from which the rigid search of a screened pair starts."""

Row = dict[str, Any]


def scanned_pairs(a: str, b: str, *, max_miller: int, max_area_A2: float, max_strain: float) -> list[Row]:
    """Return the pairs of faces of two crystals, best first, as rows."""
    limits = {"max_miller": max_miller, "max_area_A2": max_area_A2, "max_strain": max_strain}
    pairs = scan_orientations(load_crystal(a)[0], load_crystal(b)[0], **limits)  # type: ignore[arg-type]
    return [_row(rank, pair) for rank, pair in enumerate(pairs, start=1)]


def screened(rows: list[Row], a: str, b: str, engine: EngineChoice, most: int) -> list[Row]:
    """Return the first `most` rows with the engine's energy, lowest first; a pair that cannot be built says why.

    The energy is of frozen sides at their best registry and gap: it ranks pairs of faces, it answers nothing.
    """
    rows = [row | _energy(row, a, b, engine) for row in rows[:most]]
    return sorted(rows, key=lambda row: (row["e_form_rigid_J_m2"] is None, row["e_form_rigid_J_m2"]))


def rigid_formation_energy(model: InterfaceModel, engine: EngineChoice) -> float:
    """Return E_form of frozen, unrelaxed sides at the lowest registry that a short rigid search finds, J/m²."""
    (best, *_) = rigid_search(model, engine, n_start=RIGID_STARTS, k=1)
    atoms = displaced(model, best.shift, best.gap_A).atoms
    alone_a, alone_b = (static(to_text(side_alone(atoms, side)), engine).energy_eV for side in (0, 1))
    return interfacial_formation_energy(best.energy_eV, alone_a, alone_b, model.area_A2, model.n_interfaces)


def _row(rank: int, pair: OrientationPair) -> Row:
    return {
        "rank": rank,
        "miller_a": list(pair.miller_a),
        "miller_b": list(pair.miller_b),
        "faces": f"{miller_name(pair.miller_a)}|{miller_name(pair.miller_b)}",
        "area_A2": pair.match.area_A2,
        "max_strain_percent": 100 * pair.match.max_strain,
        **strains(pair.match),
        "twist_deg": pair.match.twist_deg,
        "misorientation_deg": pair.misorientation_deg,
        "n_atoms": pair.n_atoms,
        "n_matches": pair.n_matches,
        "strain_rule": pair.match.strain_rule,
    }


def _energy(row: Row, a: str, b: str, engine: EngineChoice) -> Row:
    # Real thicknesses share the misfit a little differently from the nominal ones of the scan.
    limits = {
        "max_area_A2": 1.05 * row["area_A2"],
        "max_strain": min(1.3 * row["max_strain_percent"] / 100 + 1e-3, 0.49),
    }
    recipe = from_sides(a, b, tuple(row["miller_a"]), tuple(row["miller_b"]), settings={"interface": limits}).recipe
    assert isinstance(recipe, InterfaceRecipe), "a scan is of two crystals"
    try:
        side_a, side_b = ordered(recipe.side_a), ordered(recipe.side_b)
        model = build_interface(side_a.structure(), side_a.facts, side_b.structure(), side_b.facts, recipe)
    except RequestError as error:
        return {"e_form_rigid_J_m2": None, "why_not": str(error)}
    return {"e_form_rigid_J_m2": rigid_formation_energy(model, engine), "why_not": None}
