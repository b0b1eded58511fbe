"""`interlith dissociate`: what it costs to part the ions of a salt, bare or at a host."""

from __future__ import annotations

from typing import Annotated

import typer

from interlith.launchers.options import Engine, Json, Preset, Workers, Workspace
from interlith.launchers.verbs.levels import Solvent

Salt = Annotated[str, typer.Argument(metavar="SALT", help="Library name or SMILES of one cation and one anion.")]
Host = Annotated[
    str | None,
    typer.Option("--host", metavar="MOLECULE", help="Oligomer or molecule that holds it: a name, a SMILES or a file."),
]
Units = Annotated[int | None, typer.Option("--n", min=1, help="Repeat units of the host.  [default: the system's]")]


def dissociate(
    salt: Salt,
    host: Host = None,
    n: Units = None,
    solvent: Solvent = None,
    engine: Engine = None,
    preset: Preset = "default",
    workers: Workers = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Part a salt's ions, by every definition; the same as `interlith run litfsi`, for any salt and host."""
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.launchers.requested import plan_of_molecules, stem
    from interlith.launchers.settings import settings
    from interlith.launchers.verbs.run import computed
    from interlith.structures.errors import RequestError

    if n is not None and host is None:
        raise RequestError(f"--n {n} without a host", "command line", "name the oligomer: --host P-DOL")
    chosen = settings(workspace, workers)
    with stray_output_to_stderr():
        members: list[dict[str, object]] = [{"molecule": salt, "role": "salt"}]
        members += [{"molecule": host, "role": "host", "n": n}] if host else []
        name = "-".join(stem(text) for text in (salt, host) if text)
        plan = plan_of_molecules(name, members, preset, engine, solvent=solvent)
        plan.check()
    document = computed(plan, chosen, as_json)
    if as_json:
        print_json(document)
