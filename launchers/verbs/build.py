"""`interlith build`: the models of systems as files and pictures, without energies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from interlith.launchers.options import All, Engine, Json, MillerA, MillerB, Output, Preset, SideA, SideB, Systems

if TYPE_CHECKING:
    from interlith.launchers.requested import Plan


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
    """Write the models of systems: geometries and pictures, no energies; with --engine, candidates ranked by it."""
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.launchers.requested import Sides, requested_plans, run_command
    from interlith.structures.errors import RequestError
    from interlith.structures.library import system_names

    names = [*(systems or []), *(system_names() if everything else [])]
    with stray_output_to_stderr():
        sides = Sides(a, b, miller_a, miller_b)
        plans = requested_plans(names, sides, preset, engine)
        rows, refused = _built(plans, output, screen=engine is not None)
    print_json(rows) if as_json else _print(rows, run_command(names, sides, preset, engine))
    if refused:
        raise RequestError(
            f"{len(refused)} of {len(plans)} systems were not built: {', '.join(refused)}",
            "build",
            "see the lines above",
        )


def _built(plans: list[Plan], output: Path, *, screen: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """Write the models of each system; return their rows, and the systems that could not be built (noted, one line)."""
    from interlith.launchers.candidates import candidates
    from interlith.launchers.models import write_model
    from interlith.launchers.output import note
    from interlith.structures.errors import InterlithError

    rows, refused = [], []
    for plan in plans:
        try:
            rows += [write_model(each, output) for each in candidates(plan, screen=screen)]
        except InterlithError as fault:
            if len(plans) == 1:
                raise
            note(f"{plan.spec.name}: {fault}")
            refused.append(plan.spec.name)
    return rows, refused


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
