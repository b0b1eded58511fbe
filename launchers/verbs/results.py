"""`interlith results`: what the store holds, as rows; one record in full."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from interlith.launchers.options import FilterEngine, FilterQuantity, FilterSystem, Json, Workspace

app = typer.Typer(help="Rows of the store, filtered; `show` one record in full.", invoke_without_command=True)

Record = Annotated[
    str, typer.Argument(metavar="NAME", help="System (its latest record), or the start of a record's id.")
]


@app.callback()
def results(
    context: typer.Context,
    system: FilterSystem = None,
    quantity: FilterQuantity = None,
    engine: FilterEngine = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """List stored results, one row per quantity; `results show NAME` gives one record in full."""
    from interlith.launchers.output import note, print_json, print_table
    from interlith.launchers.results import result_rows, spread_text, stored_records
    from interlith.launchers.settings import settings

    if context.invoked_subcommand is not None:
        context.obj = {"workspace": workspace, "as_json": as_json}
        return
    folder = settings(workspace).workspace
    stored = stored_records(folder)
    rows = result_rows(stored, system=system, quantity=quantity, engine=engine)
    if as_json:
        print_json(rows)
        return
    columns = ["system", "quantity", "value", "unit", "level", "converged", "surrogate"]
    cells = [[*(row[column] for column in columns), spread_text(row), row["record"][:8]] for row in rows]
    print_table(f"Results in {folder}", [*columns, "spread", "record"], cells)
    here = f"--workspace {shlex.quote(str(folder))}"
    if rows:
        note(f"Next: interlith results show {rows[0]['record'][:8]} {here}")
    elif stored:
        engines = sorted({each.record.provenance.method.engine for each in stored})
        note(f"Nothing with these filters; the engines here are {', '.join(engines)}")
    else:
        note(f"Nothing yet: interlith run SYSTEM {here}")


@app.command("show")
def show(context: typer.Context, name: Record, workspace: Workspace = None, as_json: Json = False) -> None:
    """Show one record in full: results, registries, published values, contact, caveats."""
    from interlith.launchers.answers import answer, print_answer
    from interlith.launchers.output import print_json
    from interlith.launchers.results import find_record, stored_records
    from interlith.launchers.settings import settings

    before = context.obj or {}
    folder = settings(workspace or before.get("workspace")).workspace
    stored = find_record(stored_records(folder), name)
    if as_json or before.get("as_json"):
        print_json(answer(stored, []))
    else:
        print_answer(stored, [])
