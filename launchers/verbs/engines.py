"""`interlith engines`: what each can do, what is missing here, and how to get it."""

from __future__ import annotations

from typing import Any

from interlith.launchers.options import Json, Name


def engines(name: Name = None, as_json: Json = False) -> None:
    """List the engines: capabilities, functional, what is missing here and how to get it; one with its known errors."""
    from interlith.launchers.output import print_json, print_table, say
    from interlith.structures.errors import unknown_name
    from interlith.workflows.engines.catalogue import describe

    rows = describe()
    known = [str(row["name"]) for row in rows]
    if name is not None and name not in known:
        raise unknown_name("engine", name, known)
    rows = [row for row in rows if name in (None, row["name"])]
    if as_json:
        print_json([row | {"surface_energies": _surface_energies(str(row["name"]))} for row in rows])
        return
    columns = ["engine", "computes", "functional", "surrogate", "+d3bj", "version here", "how to get it", "known error"]
    cells = [
        [
            row["name"],
            ", ".join(row["capabilities"]),
            row["functional"],
            row["surrogate"],
            row["dispersion"],
            row["version"],
            row["get"] or "–",
            row["known_error"],
        ]
        for row in rows
    ]
    print_table("Engines", columns, cells)
    if name is not None:
        _print_surfaces(name)
    say("Any ASE calculator works by its dotted path, e.g. --engine ase.calculators.lj.LennardJones")


def _print_surfaces(engine: str) -> None:
    """Print what was measured beside the references that the engine was made to imitate."""
    from interlith.analysis.surrogates import held_statements
    from interlith.launchers.output import print_table, say

    rows = [row for row in _surface_energies(engine) if row["functional"]]
    if not rows:
        return
    columns = ["crystal", "face", "gamma_J_m2", "converged", "reference_J_m2", "percent", "tag", "source"]
    print_table(f"Surface energies measured with {engine}", columns, [[row[key] for key in columns] for row in rows])
    for statement, holds in held_statements(engine):
        say(f"{statement.crystal}, {statement.text}: {'holds' if holds else 'does not hold with this engine'}.")
    say("Experiments and other theory beside them: --json.")


def _surface_energies(engine: str) -> list[dict[str, Any]]:
    """One row per measured face and reference value."""
    from interlith.analysis.references import face_name
    from interlith.analysis.surrogates import measured

    return [
        {
            "crystal": row.crystal,
            "face": face_name(row.miller),
            "gamma_J_m2": row.gamma_J_m2,
            "converged": row.converged,
            "reference_J_m2": one.value,
            "percent": round(one.percent),
            "functional": one.functional,
            "tag": one.tag,
            "source": one.source,
        }
        for row in measured(engine)
        for one in row.deviations
    ]
