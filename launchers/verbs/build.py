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
    from interlith.launchers.candidates import candidates
    from interlith.launchers.models import write_model
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.launchers.requested import Sides, requested_plans, run_command
    from interlith.structures.library import system_names

    names = [*(systems or []), *(system_names() if everything else [])]
    with stray_output_to_stderr():
        sides = Sides(a, b, miller_a, miller_b)
        plans = requested_plans(names, sides, preset, engine)
        rows = [write_model(each, output) for plan in plans for each in candidates(plan, screen=engine is not None)]
    print_json(rows) if as_json else _print(rows, run_command(names, sides, preset, engine))


def _print(rows: list[dict[str, Any]], following: str) -> None:
    from interlith.launchers.output import print_table, say

    columns = ["system", "n_atoms", "area_A2", "strain_a_percent", "strain_b_percent", "min_contact_A"]
    headings = ["system", "atoms", "area, Å²", "strain A, %", "strain B, %", "contact, Å"]
    columns += ["charge_e", "dipole_eA", "energy_eV"]
    headings += ["charge, e", "dipole, e Å", "energy, eV"]
    cells = [[*(row[column] for column in columns), *_sides(row)] for row in rows]
    print_table("Models", [*headings, "A, below", "B, above"], cells)
    for row in rows:
        say(f"{Path(row['file']).stem}: {row['formula']}")
        say(*(f"  approximated: {step}" for step in row["approximated"]))
        say(*(f"  warning: {warning}" for warning in row["warnings"]))
    say("Files:", *(f"  {path}" for row in rows for path in row["files"]))
    say("", f"Next: {following}")


def _sides(row: dict[str, Any]) -> list[str]:
    """Return what is below and what is above, with formulas; a molecule alone stands in the second column."""
    cuts = row["terminations"] or {"a": None, "b": None}
    below = f"{cuts['a']['face']} {row['formula_a']}" if cuts["a"] else ""
    above = f"{cuts['b']['face']} {row['formula_b']}" if cuts["b"] else row["molecules"]
    return [below, above]
