"""What a person is told of a record by its kind: what it is of, and the candidates behind it."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

from interlith.analysis.adoption import AdoptedRecord
from interlith.analysis.dissociation import DissociationRecord
from interlith.analysis.levels import LevelsRecord
from interlith.analysis.records import (
    AdlayerRecord,
    AnswerRecord,
    InterfaceRecord,
    PlacementOutcome,
    RegistryOutcome,
    ResultRecord,
)
from interlith.launchers import adopted, molecules
from interlith.launchers.molecules import Table
from interlith.launchers.output import shown
from interlith.launchers.pictures import record_picture, side_names

ENDED = ("converged", "largest force, eV/Å", "force calls")
BOUND = ("E_bind, eV", *ENDED)


class Candidates(NamedTuple):
    """A table of everything that was relaxed before one answered.

    Attributes
    ----------
    name
        Their field in the record.
    title
        Above the table.
    columns
        Its headings.
    rows
        One a candidate, lowest energy first.
    """

    name: str
    title: str
    columns: list[str]
    rows: list[list[object]]


@singledispatch
def subject(record: ResultRecord) -> str:
    """Return in one line what the record is of."""
    raise TypeError(f"no words for a {type(record).__name__}")


@singledispatch
def candidates(record: AnswerRecord) -> Candidates:
    """Return the candidates behind a record."""
    raise TypeError(f"no candidates in a {type(record).__name__}")


@singledispatch
def details(record: ResultRecord) -> dict[str, Any]:
    """Return what ``--json`` says of a record besides what all records have."""
    assert isinstance(record, AnswerRecord)
    relaxed = candidates(record).name
    document = record.model_dump(mode="json", include={relaxed, "contact", "model", "relaxed_xyz"})
    return {name: document[name] for name in (relaxed, "contact", "model", "relaxed_xyz")}


@singledispatch
def tables(record: ResultRecord) -> list[Table]:
    """Return the tables below the quantities."""
    assert isinstance(record, AnswerRecord)
    relaxed = candidates(record)
    return [Table(relaxed.title, relaxed.columns, relaxed.rows)]


@singledispatch
def said(record: ResultRecord) -> list[str]:
    """Return what is said below the tables."""
    assert isinstance(record, AnswerRecord)
    contact = record.contact
    return [
        f"Contact: {'a reaction took place' if contact.reacted else 'no reaction'}: {contact.why}.",
        f"  shortest distance across it {shown(contact.min_distance_before_A)} → "
        f"{shown(contact.min_distance_after_A)} Å; largest displacement {shown(contact.largest_displacement_A)} Å",
    ]


@singledispatch
def geometries(record: ResultRecord) -> dict[str, str]:
    """Return the geometries of a record, by file name."""
    assert isinstance(record, InterfaceRecord | AdlayerRecord)
    return {"before.extxyz": record.model.xyz, "relaxed.extxyz": record.relaxed_xyz}


@singledispatch
def drawing(record: ResultRecord, folder: Path) -> Path:
    """Draw a record into a folder and return the file."""
    assert isinstance(record, InterfaceRecord | AdlayerRecord)
    return record_picture(record, folder / "interface.png")


subject.register(AdoptedRecord, adopted.adopted_subject)
geometries.register(AdoptedRecord, adopted.adopted_geometries)
drawing.register(AdoptedRecord, adopted.adopted_drawing)
subject.register(DissociationRecord, molecules.dissociation_subject)
subject.register(LevelsRecord, molecules.levels_subject)
details.register(DissociationRecord, molecules.dissociation_details)
details.register(LevelsRecord, molecules.levels_details)
tables.register(DissociationRecord, molecules.dissociation_tables)
tables.register(LevelsRecord, molecules.levels_tables)
said.register(DissociationRecord, molecules.dissociation_said)
said.register(LevelsRecord, molecules.levels_said)
geometries.register(DissociationRecord, molecules.dissociation_geometries)
geometries.register(LevelsRecord, molecules.levels_geometries)
drawing.register(DissociationRecord, molecules.dissociation_drawing)
drawing.register(LevelsRecord, molecules.levels_drawing)


@candidates.register
def _parts(record: AdoptedRecord) -> Candidates:
    columns = ["part", "energy, eV", "geometry", "computed", "folder"]
    return Candidates("parts", "Calculations adopted, each converged", columns, adopted.adopted_rows(record))


@subject.register
def _interface(record: InterfaceRecord) -> str:
    model = record.model
    below, above = side_names(model)
    thick = f"{model.slab_a.thickness_A:.1f} and {model.slab_b.thickness_A:.1f} Å thick"
    return (
        f"{below} below, {above} above; {len(model.atoms)} atoms, {model.area_A2:.1f} Å², {thick}, "
        f"strain at most {100 * model.match.max_strain:.2g} %"
    )


@subject.register
def _adlayer(record: AdlayerRecord) -> str:
    model = record.model
    below, above = side_names(model)
    apart = "" if model.image_distance_A is None else f", images {model.image_distance_A:.1f} Å apart"
    if model.density_g_cm3 is not None:
        apart = f", layer packed to {model.density_g_cm3:.3f} g/cm³"
    apart += ", no vacuum: both faces of the slab meet it" if model.n_interfaces > model.copies else ""
    held = {"fixed": ", lower half of the slab held", "symmetric": ", one on each face"}.get(model.bottom, "")
    return (
        f"{below} below, {above} above; {len(model.atoms)} atoms, {model.area_A2:.1f} Å², "
        f"slab {model.slab.thickness_A:.1f} Å thick{apart}{held}"
    )


@candidates.register
def _registries(record: InterfaceRecord) -> Candidates:
    energies = [r.e_form_J_m2 for r in record.registries]
    return Candidates(
        "registries",
        f"Registries relaxed: {len(energies)}, from {min(energies):.3f} to {max(energies):.3f} J/m²; "
        "the lowest answers",
        ["shift", "gap, Å", "E_form, J/m²", *ENDED],
        [[f"{r.shift[0]:.3f} {r.shift[1]:.3f}", r.gap_A, r.e_form_J_m2, *_ended(r)] for r in record.registries],
    )


@candidates.register
def _placements(record: AdlayerRecord) -> Candidates:
    if record.model.pose is None:
        return _packings(record)
    screened = record.screening
    by = f" by {screened.method.level} in {screened.n_force_calls} force calls" if screened else ""
    how = f"of {record.settings.get('candidates', '?')} screened{by}"
    rows = [[p.pose.index, p.pose.conformer, p.pose.gap_A, *_bound(p)] for p in record.placements if p.pose]
    return Candidates(
        "placements", _title("Placements", record, how), ["candidate", "conformer", "gap, Å", *BOUND], rows
    )


def _packings(record: AdlayerRecord) -> Candidates:
    columns = ["seed", "g/cm³ as packed", "g/cm³ relaxed", *BOUND]
    rows = [[p.seed, p.density_before_g_cm3, p.density_after_g_cm3, *_bound(p)] for p in record.placements]
    how = f"of {record.settings.get('placements', '?')} asked for"
    return Candidates("placements", _title("Packings", record, how), columns, rows)


def _title(what: str, record: AdlayerRecord, how: str) -> str:
    energies = [p.binding_energy_eV for p in record.placements]
    return (
        f"{what} relaxed: {len(energies)} {how}, from {min(energies):.3f} to {max(energies):.3f} eV; the lowest "
        f"{'total energy ' if record.model.pose is None else ''}answers"
    )


def _bound(outcome: PlacementOutcome) -> list[object]:
    return [outcome.binding_energy_eV, *_ended(outcome)]


def _ended(outcome: RegistryOutcome | PlacementOutcome) -> list[object]:
    return [outcome.converged, outcome.fmax_eV_A, outcome.n_force_calls]
