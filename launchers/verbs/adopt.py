"""`interlith adopt`: finished calculations of a person's own become a record like that of `interlith run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlith.launchers.options import Json, Workspace

if TYPE_CHECKING:
    from interlith.analysis.adoption import AdoptedRecord

Whole = Annotated[Path, typer.Argument(metavar="AB", help="Finished folder of the contact: VASP, CP2K or ESPRESSO.")]
SideA = Annotated[Path, typer.Argument(metavar="A", help="Of side A alone, same cell and method.")]
SideB = Annotated[Path, typer.Argument(metavar="B", help="Of side B alone.")]
Name = Annotated[str, typer.Option("--name", help="Of the system, for the record.  [default: AB's folder]")]


def adopt(
    whole: Whole, a: SideA, b: SideB, name: Name = "", workspace: Workspace = None, as_json: Json = False
) -> None:
    """Take finished VASP, CP2K or Quantum ESPRESSO folders of a contact and its sides as if they had been run here."""
    from interlith.analysis.adoption import AdoptedRecord
    from interlith.launchers.answers import answer, print_answer, write_files
    from interlith.launchers.execution import execute
    from interlith.launchers.local.manager import stored_flow
    from interlith.launchers.output import print_json, say, stray_output_to_stderr
    from interlith.launchers.results import stored_records
    from interlith.launchers.settings import settings
    from interlith.workflows.adoption import AdoptionMaker
    from interlith.workflows.adoption import adopt as read

    chosen, called = settings(workspace, 1), name or whole.absolute().name
    folders = [str(folder.absolute()) for folder in (whole, a, b)]
    with stray_output_to_stderr():
        read(called, *folders)  # what cannot be adopted is told before anything is written
        key = f"adopted-{called}-{_when(folders)}"
        flow = stored_flow(chosen.workspace, key) or AdoptionMaker(called).make(*folders)
        execute(flow, key, chosen)
        (stored,) = stored_records(chosen.workspace, uuid=str(flow.output.uuid))
        files = write_files(stored, chosen.workspace / "answers")
    if as_json:
        print_json(answer(stored, files))
        return
    print_answer(stored, files)
    assert isinstance(stored.record, AdoptedRecord)
    _print_charge(stored.record)
    say("", f"Next: interlith results --workspace {chosen.workspace}")


def _when(folders: list[str]) -> str:
    """Return what tells these folders, as they are now, from others: another run of them is adopted anew."""
    from interlith.structures.geometry import digest

    files = sorted(file for folder in folders for file in Path(folder).iterdir() if file.is_file())
    return digest("".join(f"{file} {file.stat().st_mtime_ns} {file.stat().st_size}" for file in files))[:16]


def _print_charge(record: AdoptedRecord) -> None:
    from interlith.launchers.output import print_table, say

    if record.charge is None:
        say("No charge transfer: that takes a density in each folder, the sides as in A|B.")
        return
    rows: list[list[Any]] = [[t.partition, t.b_lost_e, t.noise_e, t.words] for t in record.charge.transfers]
    print_table("Charge transfer", ["partition", "B has lost, e", "noise, e", "in words"], rows)
    say(*(f"  {caveat}" for caveat in record.charge.caveats))
