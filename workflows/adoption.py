"""Calculations that a person finished elsewhere, taken in: three folders become a record like that of our own runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jobflow import Flow, Maker

from interlith.analysis.adoption import AdoptedRecord, FinishedRun, adopted, check_one_method
from interlith.analysis.transfers import ChargeRecord, charge_record
from interlith.workflows.charge import three_densities
from interlith.workflows.efforts import named_job
from interlith.workflows.engines.cp2k_elements import valence_charges
from interlith.workflows.engines.finished import cores_in, density_in, read_finished

PARTS = ("A|B", "A", "B")


@dataclass
class AdoptionMaker(Maker):
    """Makes the flow that adopts three folders: one job, which only reads.

    Attributes
    ----------
    name
        Of the system, for the record.
    """

    name: str = "adopted"

    def make(self, whole: str, a: str, b: str) -> Flow:
        """Return the flow; its output is an `AdoptedRecord`.

        Parameters
        ----------
        whole, a, b
            Folders of the contact, and of its sides alone in the same cell.
        """
        job = named_job(adopt, f"adopt {Path(whole).name}", self.name, whole, a, b)
        return Flow([job], output=job.output, name=self.name)


def adopt(name: str, whole: str, a: str, b: str) -> AdoptedRecord:
    """Read three finished folders and bring them together in the record.

    Parameters
    ----------
    name
        Of the system.
    whole, a, b
        Folders of VASP, CP2K or Quantum ESPRESSO.

    Raises
    ------
    RequestError
        If a folder cannot be read, or they do not belong together: other cells, methods or atoms.
    ComputationError
        If one did not converge.
    """
    runs = {part: read_finished(folder) for part, folder in zip(PARTS, (whole, a, b), strict=True)}
    check_one_method(runs)
    record = adopted(name, runs)
    charge = charge_of(runs) if record.frozen else None
    return record.model_copy(update={"charge": charge})


def charge_of(runs: dict[str, FinishedRun]) -> ChargeRecord | None:
    """Return what charge moved, where the densities of frozen sides lie in all folders; None where they do not.

    Raises
    ------
    RequestError
        If there are densities, and they do not belong together.
    """
    folders = [Path(runs[part].folder) for part in PARTS]
    files = [density_in(folder) for folder in folders]
    if not all(files):
        return None
    valence = None if runs["A|B"].method.engine == "vasp" else lambda symbols: list(valence_charges(symbols))
    return charge_record(three_densities([f for f in files if f], cores_in(folders[0]), valence))
