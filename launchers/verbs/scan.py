"""`interlith scan`: pairs of faces ranked by area, strain and misorientation; the terminations of one face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interlith.launchers.options import Engine, Json, MaxArea, MaxMiller, MaxStrain, MillerA, Output, SideA, SideB
from interlith.structures.errors import RequestError

SHOWN = 25
"""Rows of the printed table; ``--json`` has all."""

SCREENED = 8
"""Pairs of faces that an engine is asked about."""


def scan(
    a: SideA = None,
    b: SideB = None,
    miller_a: MillerA = None,
    max_miller: MaxMiller = 2,
    max_area: MaxArea = 200.0,
    max_strain: MaxStrain = 0.05,
    engine: Engine = None,
    output: Output = Path("interlith-scan"),
    as_json: Json = False,
) -> None:
    """Rank pairs of faces by area, strain and misorientation, or the cuts of one face; with --engine, by energy."""
    if a is not None and b is None and miller_a is not None:
        _cuts(a, miller_a, engine, as_json)
        return
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.launchers.pairs import scanned_pairs, screened
    from interlith.launchers.requested import requested_engine
    from interlith.workflows.engines.catalogue import require
    from interlith.workflows.spec import names_molecule

    if a is None or b is None:
        mend = "give --a and --b for pairs of faces, or --a and --miller-a for the terminations of one face"
        raise RequestError("a scan needs two crystals, or one and its face", "command line", mend)
    if miller_a is not None:
        raise RequestError("a scan of pairs looks for the faces itself", "--miller-a", "leave it or --b out")
    for option, side in {"--a": a, "--b": b}.items():
        if names_molecule(side):
            raise RequestError(f"{side!r} is a molecule, a scan is of two crystals", option, "use interlith run")
    choice = requested_engine(engine) if engine else None
    with stray_output_to_stderr():
        if choice:
            require(choice, "energy", "forces")
        rows = scanned_pairs(a, b, max_miller=max_miller, max_area_A2=max_area, max_strain=max_strain)
        rows = screened(rows, a, b, choice, SCREENED) if choice else rows
        picture = _picture(rows, output / f"{Path(a).stem}-{Path(b).stem}.png")
    if as_json:
        print_json([row | {"picture": str(picture)} for row in rows])
    else:
        _print(rows, a, b, picture)


def _cuts(crystal: str, face: str, engine: str | None, as_json: bool) -> None:
    """Print the terminations of one face, ranked by relaxed surface energy if an engine is named."""
    from interlith.launchers.cuts import listed_cuts, ranked_cuts
    from interlith.launchers.options import parse_face
    from interlith.launchers.output import print_json, print_table, say, stray_output_to_stderr
    from interlith.launchers.requested import requested_engine
    from interlith.structures.records import SideRecipe
    from interlith.workflows.engines.catalogue import require

    choice = requested_engine(engine) if engine else None
    with stray_output_to_stderr():
        side = SideRecipe(crystal=crystal, miller=parse_face(face, "--miller-a").miller, thickness_A=8.0)
        if choice:
            require(choice, "energy", "forces", "stress")
        rows = ranked_cuts(side, choice) if choice else listed_cuts(side)
    if as_json:
        return print_json(rows)
    shown = [key for key in (rows[0] if rows else []) if key not in ("crystal", "miller")]
    print_table(
        f"{crystal} ({face}): terminations", shown, [[_cell(row[key]) for key in shown] for row in rows[:SHOWN]]
    )
    if len(rows) > SHOWN:
        say(f"{len(rows) - SHOWN} more with --json")
    return None


def _cell(value: Any) -> Any:
    return ", ".join(f"{n} {name}" for name, n in value.items()) if isinstance(value, dict) else value


def _picture(rows: list[dict[str, Any]], path: Path) -> Path:
    from interlith.analysis.plots import scan_figure
    from interlith.launchers.pictures import save

    energies = [row["e_form_rigid_J_m2"] for row in rows] if "e_form_rigid_J_m2" in rows[0] else None
    areas, strains = [row["area_A2"] for row in rows], [row["max_strain_percent"] / 100 for row in rows]
    return save(scan_figure(areas, strains, [row["faces"] for row in rows], energies), path)


def _print(rows: list[dict[str, Any]], a: str, b: str, picture: Path) -> None:
    from interlith.launchers.output import print_table, say

    columns = {
        "rank": "by area",
        "faces": "faces A|B",
        "area_A2": "area, Å²",
        "strain_a_percent": "strain A, %",
        "strain_b_percent": "strain B, %",
        "misorientation_deg": "misorientation, °",
        "n_atoms": "atoms, about",
        "n_matches": "matches",
        "e_form_rigid_J_m2": "rigid E_form, J/m²",
        "why_not": "not built because",
    }
    present = {key: title for key, title in columns.items() if key in rows[0]}
    title = f"{a} (A) on {b} (B): {len(rows)} pairs of faces, {rows[0]['strain_rule']}"
    print_table(title, list(present.values()), [[row[key] for key in present] for row in rows[:SHOWN]])
    if len(rows) > SHOWN:
        say(f"{len(rows) - SHOWN} more with --json")
    millers = [",".join(str(index) for index in rows[0][key]) for key in ("miller_a", "miller_b")]
    say(
        f"Picture: {picture}",
        "",
        f"Next: interlith run --a {a} --b {b} --miller-a {millers[0]} --miller-b {millers[1]}",
    )
