"""`interlith cdd`: where electrons went when two sides met, from anybody's three densities."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from interlith.launchers.options import Json, Output
from interlith.launchers.verbs.bader import NetCharge, Reference, Valence

if TYPE_CHECKING:
    from interlith.analysis.profiles import VacuumLevels
    from interlith.analysis.transfers import ChargeRecord, ThreeDensities

Whole = Annotated[Path, typer.Argument(metavar="AB", help="The density of both: a cube, or a CHGCAR.")]
SideA = Annotated[Path, typer.Argument(metavar="A", help="Of side A alone, same geometry, cell and grid.")]
SideB = Annotated[Path, typer.Argument(metavar="B", help="Of side B alone.")]
Axis = Annotated[Literal["x", "y", "z"], typer.Option("--axis", help="Along which A and B are stacked (a, b or c).")]
Isovalue = Annotated[
    float | None,
    typer.Option("--isovalue", min=0.0, help="Of the surfaces, e/Å³.  [default: encloses half of what has moved]"),
]
Potential = Annotated[
    Path | None,
    typer.Option("--potential", metavar="FILE", help="An electron's potential in AB: LOCPOT, or a cube in Hartree."),
]
Fermi = Annotated[float | None, typer.Option("--fermi", help="Fermi level on the potential's scale, eV.")]


def cdd(
    whole: Whole,
    a: SideA,
    b: SideB,
    reference: Reference = None,
    valence: Valence = None,
    axis: Axis = "z",
    charge: NetCharge = 0.0,
    isovalue: Isovalue = None,
    potential: Potential = None,
    fermi: Fermi = None,
    output: Output = Path("interlith-cdd"),
    as_json: Json = False,
) -> None:
    """Take the charge-density difference of a contact: who gave how much to whom, in numbers, cube and pictures."""
    from interlith.analysis.transfers import charge_record
    from interlith.launchers.output import print_json, stray_output_to_stderr

    with stray_output_to_stderr():
        contact = _read(whole, a, b, reference or [], valence)
        direction = "xyz".index(axis)
        record = charge_record(contact, axis=direction, net_charge_e=charge)
        levels = _vacuum(potential, fermi, direction, output)
        record = record.model_copy(update={"files": _files(contact, record, isovalue, (whole, a, b), output)})
    if as_json:
        print_json(record.model_dump(mode="json") | {"vacuum": levels.model_dump(mode="json") if levels else None})
    else:
        _print(record, levels, whole)


def _read(whole: Path, a: Path, b: Path, references: list[Path], valence: str | None) -> ThreeDensities:
    from interlith.launchers.verbs.bader import nuclear_charges
    from interlith.workflows.charge import three_densities

    charges = partial(nuclear_charges, valence) if valence else None
    return three_densities((whole, a, b), references, charges)


def _files(
    contact: ThreeDensities, record: ChargeRecord, isovalue: float | None, given: tuple[Path, ...], output: Path
) -> dict[str, str]:
    """Write the cube of the difference and the pictures; return all files by what they are."""
    from interlith.analysis.densities import density_difference, sides_of
    from interlith.analysis.density_plots import difference_figure, transfer_figure
    from interlith.analysis.profiles import cut_between
    from interlith.launchers.pictures import save
    from interlith.workflows.engines.volumetric import write_cube

    delta = density_difference(contact.whole, contact.a, contact.b)
    side, axis = sides_of(contact.whole, contact.a, contact.b), "xyz".index(record.axis)
    names = (contact.a.atoms.get_chemical_formula(), contact.b.atoms.get_chemical_formula())
    surfaces = difference_figure(
        delta,
        side,
        level=isovalue,
        axis=axis,
        start_A=cut_between(delta, side, axis).far_A,
        repeated=record.per_area,
        labels=names,
        title=f"{given[0].name}: charge-density difference",
    )
    output.mkdir(parents=True, exist_ok=True)
    made = {
        "difference": write_cube(delta, output / "difference.cube", "rho(A|B) - rho(A) - rho(B)"),
        "surfaces": save(surfaces, output / "difference.png"),
        "profile": save(transfer_figure(record.profile, labels=names, title=given[0].name), output / "profile.png"),
    }
    read = dict(zip(("A|B", "A", "B"), given, strict=True))
    return {name: str(file) for name, file in (read | made).items()}


def _vacuum(file: Path | None, fermi: float | None, axis: int, output: Path) -> VacuumLevels | None:
    """Tell the vacuum levels of a potential, and draw it."""
    from interlith.analysis.density_plots import potential_figure
    from interlith.analysis.profiles import planar, vacuum_levels
    from interlith.launchers.pictures import save
    from interlith.structures.errors import RequestError
    from interlith.workflows.engines.volumetric import read_potential

    if file is None:
        if fermi is not None:
            raise RequestError("a Fermi level without a potential", "--fermi", "name the potential with --potential")
        return None
    field = read_potential(file)
    levels = vacuum_levels(field, axis=axis, fermi_eV=fermi)
    figure = potential_figure(planar(field, axis), levels, fermi_eV=fermi, title=file.name)
    save(figure, output / "potential.png")
    return levels


def _print(record: ChargeRecord, levels: VacuumLevels | None, file: Path) -> None:
    from interlith.launchers.output import print_table, say

    columns = ["partition", "B has lost, e", "noise, e", "e/nm²", "in words"]
    rows: list[list[Any]] = [[t.partition, t.b_lost_e, t.noise_e, t.per_nm2, t.words] for t in record.transfers]
    print_table(f"Charge transfer in {file}", columns, rows)
    say(*(f"  {t.partition}: {t.definition}" for t in record.transfers))
    held = f"∫Δρ = {record.delta_total_e:+.5f} e, of which in atoms' basins {record.delta_in_basins_e:+.5f} e"
    say(f"{held}; ½∫|Δρ| = {record.moved_e:.4f} e moved within the cell")
    if record.signs_agree is not None:
        say("Bader's transfer and the gap's " + ("agree in sign" if record.signs_agree else "differ in sign"))
    atoms: list[list[Any]] = [[a.index, a.element, a.side, a.charge_e, a.gained_e] for a in record.atoms]
    print_table("Atoms", ["atom", "element", "side", "Bader charge, e", "Δρ in its basin, e"], atoms)
    if levels is not None:
        faces = (("upper", levels.upper), ("lower", levels.lower))
        told: list[list[Any]] = [[n, f.level_eV, f.ripple_eV, f.work_function_eV, f.flat] for n, f in faces]
        print_table("Vacuum", ["face", "level, eV", "varies by, eV", "work function, eV", "flat"], told)
        say(*(f"  {caveat}" for caveat in levels.caveats))
    say(*(f"  {caveat}" for caveat in record.caveats))
    say("Files:", *(f"  {path}" for path in record.files.values()))
