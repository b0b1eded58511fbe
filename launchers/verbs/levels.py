"""`interlith levels`: HOMO and LUMO of molecules and ions, vertical ionisation energy and electron affinity."""

from __future__ import annotations

from typing import Annotated

import typer

from interlith.launchers.options import Engine, Json, Preset, Workers, Workspace

Molecules = Annotated[
    list[str], typer.Argument(metavar="MOLECULE…", help="Library names, SMILES, repeat units or structure files.")
]
Solvent = Annotated[
    str | None,
    typer.Option("--solvent", metavar="NAME|ε", help="Dielectric around the molecule, e.g. dme or 7.2; else the gas."),
]
Charge = Annotated[int | None, typer.Option("--charge", help="Of a structure file; a SMILES says its own.")]


def levels(
    molecules: Molecules,
    solvent: Solvent = None,
    engine: Engine = None,
    charge: Charge = None,
    preset: Preset = "default",
    workers: Workers = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Say where the electrons of molecules lie: HOMO, LUMO, what it takes to remove or add one."""
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.launchers.requested import plan_of_molecules, stem
    from interlith.launchers.settings import settings
    from interlith.launchers.verbs.run import computed

    chosen = settings(workspace, workers)
    with stray_output_to_stderr():
        members = [{"molecule": text, "charge_e": charge} for text in molecules]
        name = "levels-" + "-".join(stem(text) for text in molecules)
        plan = plan_of_molecules(name, members, preset, engine, solvent=solvent or "none")
        plan.check()
    document = computed(plan, chosen, as_json)
    if as_json:
        print_json(document)
