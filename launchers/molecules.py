"""What a person is told of molecules by themselves: levels, and what it costs to part a salt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

from interlith.analysis.dissociation import BALANCES, Conformer, DissociationRecord
from interlith.analysis.levels import LevelsRecord, MoleculeLevels
from interlith.launchers.output import shown
from interlith.launchers.pictures import molecule_name, save

COMMON = ("system", "preset", "caveats", "provenance", "definition", "level")
"""Fields that a document has already."""


class Table(NamedTuple):
    """A table for people.

    Attributes
    ----------
    title
        Above it.
    columns
        Its headings.
    rows
        Its cells.
    """

    title: str
    columns: list[str]
    rows: list[list[object]]


def dissociation_subject(record: DissociationRecord) -> str:
    """Return in one line what the record is of."""
    where = f"at {molecule_name(record.part('host').facts)}" if record.host else "bare"
    return f"{record.salt}, {where}: {record.definition} at {record.level}"


def levels_subject(record: LevelsRecord) -> str:
    """Return in one line what the record is of."""
    solvent = f", gas phase and {record.solvent}" if record.solvent else ", gas phase"
    return f"levels of {', '.join(one.name for one in record.molecules)} at {record.level}{solvent}"


def dissociation_details(record: DissociationRecord) -> dict[str, Any]:
    """Return what ``--json`` says besides what all records have: each definition under its name, None if not there."""
    chosen = record.quantity("dissociation_energy")
    values = record.values_eV
    document = record.model_dump(mode="json", exclude={"schema_version", "quantities", "settings"})
    own = {name: document[name] for name in type(record).model_fields if name in document and name not in COMMON}
    return {
        "dissociation_energy_eV": chosen.value,
        "definition": record.definition,
        "level": record.level,
        "spread": chosen.spread.model_dump(exclude={"schema_version"}) if chosen.spread else None,
        **{name: values.get(name) for name in BALANCES},
        **own,
    }


def levels_details(record: LevelsRecord) -> dict[str, Any]:
    """Return what ``--json`` says besides what all records have; of a single molecule its HOMO and LUMO apart."""
    first = record.molecules[0]
    alone: dict[str, Any] = {}
    if len(record.molecules) == 1:
        levels = first.levels(solvated=first.solvated is not None)
        alone = {"homo_eV": levels.homo_eV, "lumo_eV": levels.lumo_eV}
        alone |= first.vertical.model_dump(include={"ionisation_eV", "affinity_eV"}) if first.vertical else {}
    molecules = [one.model_dump(mode="json") for one in record.molecules]
    return {**alone, "level": record.level, "solvent": record.solvent, "molecules": molecules}


def dissociation_tables(record: DissociationRecord) -> list[Table]:
    """Return the parts of a record: how many conformers, the lowest energies, and what holds the cation."""
    rows: list[list[object]] = []
    for part in record.parts:
        for k, one in enumerate(part.conformers, start=1):
            above = one.energy_eV - part.energy_eV
            rows.append([f"{part.part} ({part.facts.formula})", f"{k} of {part.n_found}", above, *_held(one)])
    columns = ["part", "conformer", "above the lowest, eV", "held by", "shortest, Å"]
    return [Table(f"Conformers computed by {record.level}; {len(record.searched)} parts searched", columns, rows)]


def levels_tables(record: LevelsRecord) -> list[Table]:
    """Return the levels, a line a molecule."""
    columns = ["molecule", "HOMO, eV", "LUMO, eV", "gap, eV", "vertical IP, eV", "vertical EA, eV"]
    tables = [Table("Gas phase", columns, [_levels_row(one, solvated=False) for one in record.molecules])]
    if record.solvent:
        wet = [_levels_row(one, solvated=True)[:4] for one in record.molecules if one.solvated]
        tables.append(Table(record.solvent, columns[:4], wet))
    return tables


def dissociation_said(record: DissociationRecord) -> list[str]:
    """Return what is said below the tables: the cheap engine's numbers, the averages, the longer chain, the search."""
    lines = [
        f"By {record.screening.method.level}: " + _listed(record.screened_eV),
        "Averaged over conformers at 298 K: " + _listed(record.boltzmann_eV),
    ]
    spread = record.screened_spread
    if spread:
        lines.append(
            f"Spread of {record.definition} by {record.screening.method.level}, {spread.n} combinations of conformers: "
            f"{spread.minimum:.2f} … {spread.maximum:.2f} eV"
        )
    if record.longer_chain:
        longer = record.longer_chain
        lines.append(
            f"With {longer.n} repeat units, by {longer.level}: {record.definition} {longer.value_eV:.2f} eV, here "
            f"{longer.value_here_eV:.2f} eV"
        )
    return [*lines, *(f"Search, {line}" for line in record.searched)]


def levels_said(record: LevelsRecord) -> list[str]:
    """Return what is said below the tables: nothing but the order that a paper claims, where both are there."""
    from interlith.analysis.levels import order

    by_name = {one.name: one for one in record.molecules}
    if not {"TFPAA-", "TFSI-"} <= set(by_name):
        return []
    lines = []
    for solvated in (False, True) if record.solvent else (False,):
        found = order(by_name["TFPAA-"].levels(solvated=solvated), by_name["TFSI-"].levels(solvated=solvated))
        where = record.solvent if solvated else "gas phase"
        holds = "holds" if found.lower_homo_and_higher_lumo else "does not hold"
        lines.append(
            f"TFPAA- against TFSI- ({where}): HOMO {found.homo_eV:+.2f} eV, LUMO {shown(found.lumo_eV)} eV: that its "
            f"HOMO is lower and its LUMO higher {holds}"
        )
    return lines


def dissociation_geometries(record: DissociationRecord) -> dict[str, str]:
    """Return every geometry, by file name."""
    return {
        f"{part.part.replace('+', '-')}-{k}.extxyz": one.xyz
        for part in record.parts
        for k, one in enumerate(part.conformers, start=1)
    }


def levels_geometries(record: LevelsRecord) -> dict[str, str]:
    """Return every geometry, by file name."""
    return {f"{k}-{_plain(one.name)}.extxyz": one.xyz for k, one in enumerate(record.molecules, start=1)}


def dissociation_drawing(record: DissociationRecord, folder: Path) -> Path:
    """Draw what dissociates, in its lowest conformer."""
    from interlith.analysis.plots import molecule_figure
    from interlith.structures.geometry import from_text

    whole = record.part("host+salt" if record.host else "salt")
    bonds = [(i, j) for i, j, _ in whole.facts.bonds]
    title = (
        f"{record.system} · {record.definition} {record.quantity('dissociation_energy').value:.2f} eV · {record.level}"
    )
    return save(molecule_figure(from_text(whole.conformers[0].xyz), bonds, title=title), folder / "salt.png")


def levels_drawing(record: LevelsRecord, folder: Path) -> Path:
    """Draw the level diagram."""
    from interlith.analysis.level_plots import level_figure

    return save(level_figure(record), folder / "levels.png")


def _held(one: Conformer) -> tuple[str, float | None]:
    held = " ".join(f"{count} {element}" for element, count in one.shell.items())
    return held or "–", one.shortest_hold_A


def _levels_row(one: MoleculeLevels, *, solvated: bool) -> list[object]:
    levels, ions = one.levels(solvated=solvated), one.vertical
    numbers = [levels.homo_eV, levels.lumo_eV, levels.gap_eV]
    return [one.name, *numbers, ions.ionisation_eV if ions else None, ions.affinity_eV if ions else None]


def _listed(values: dict[Any, float]) -> str:
    return ", ".join(f"{name} {value:.2f} eV" for name, value in values.items())


def _plain(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name)[:60]
