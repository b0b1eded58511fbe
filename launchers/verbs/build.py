"""`interlith build`: the models of systems as files and pictures, without energies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interlith.launchers.options import All, Engine, Json, MillerA, MillerB, Output, Preset, SideA, SideB, Systems


def build(
    systems: Systems = None,
    everything: All = False,
    a: SideA = None,
    b: SideB = None,
    miller_a: MillerA = None,
    miller_b: MillerB = None,
    engine: Engine = None,
    preset: Preset = "default",
    output: Output = Path("interlith-models"),
    as_json: Json = False,
) -> None:
    """Write the models of systems: geometries and pictures, no energies; with --engine, registries ranked by it."""
    from interlith.launchers.models import candidates, write_model
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.launchers.requested import Sides, requested_plans, run_command
    from interlith.structures.library import system_names

    names = [*(systems or []), *(system_names() if everything else [])]
    with stray_output_to_stderr():
        sides = Sides(a, b, miller_a, miller_b)
        plans = requested_plans(names, sides, preset, engine)
        models = [each for plan in plans for each in candidates(plan, screen=engine is not None)]
        rows = [write_model(each, output) for each in models]
    print_json(rows) if as_json else _print(rows, run_command(names, sides, preset, engine))


def _print(rows: list[dict[str, Any]], following: str) -> None:
    from interlith.launchers.output import print_table, say

    columns = ["system", "n_atoms", "area_A2", "strain_a_percent", "strain_b_percent", "min_contact_A", "energy_eV"]
    headings = ["system", "atoms", "area, Å²", "strain A, %", "strain B, %", "contact, Å", "rigid energy, eV"]
    faces = [[row["terminations"][side]["face"] for side in "ab"] for row in rows]
    cells = [[*(row[column] for column in columns), *face] for row, face in zip(rows, faces, strict=True)]
    print_table("Models", [*headings, "A, below", "B, above"], cells)
    say("Files:", *(f"  {path}" for row in rows for path in row["files"]))
    say("", f"Next: {following}")
