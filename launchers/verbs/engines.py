"""`interlith engines`: what each can do, what is missing here, and how to get it."""

from __future__ import annotations

from interlith.launchers.options import Json, Name


def engines(name: Name = None, as_json: Json = False) -> None:
    """List the engines: capabilities, functional, what is missing here and how to get it."""
    from interlith.launchers.output import print_json, print_table, say
    from interlith.structures.errors import unknown_name
    from interlith.workflows.engines.catalogue import describe

    rows = describe()
    known = [str(row["name"]) for row in rows]
    if name is not None and name not in known:
        raise unknown_name("engine", name, known)
    rows = [row for row in rows if name in (None, row["name"])]
    if as_json:
        print_json(rows)
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
    say("Any ASE calculator works by its dotted path, e.g. --engine ase.calculators.lj.LennardJones")
