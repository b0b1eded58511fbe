"""`interlith bader`: Bader charges of anybody's density."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from interlith.launchers.options import Json

if TYPE_CHECKING:
    from interlith.analysis.charge import BaderCharges
    from interlith.analysis.densities import Density

File = Annotated[Path, typer.Argument(metavar="FILE", help="The density: a cube, or a CHGCAR.")]
Reference = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference", metavar="FILE", help="What makes the basins; several are summed, e.g. AECCAR0 and AECCAR2."
    ),
]
Valence = Annotated[
    str | None,
    typer.Option("--valence", metavar="Li=3,O=6", help="Charges of the nuclei that go with these electrons."),
]
NetCharge = Annotated[float, typer.Option("--charge", help="Of the whole system, e.")]
Periodic = Annotated[
    bool | None,
    typer.Option("--periodic/--open", help="Whether the grid of a cube repeats; judged from its values if not said."),
]
CrossCheck = Annotated[
    bool, typer.Option("--cross-check", help="Partition by the near-grid method too, and tell the largest difference.")
]


def bader(
    file: File,
    reference: Reference = None,
    valence: Valence = None,
    charge: NetCharge = 0.0,
    periodic: Periodic = None,
    cross_check: CrossCheck = False,
    as_json: Json = False,
) -> None:
    """Share a density out among its atoms by Bader's partition (weight method).

    A valence density gets spherical all-electron cores to find the basins, unless a reference is given.
    """
    from interlith.analysis.charge import bader_charges, largest_difference_e
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.workflows.engines.volumetric import read_density, read_fields

    with stray_output_to_stderr():
        density, spin = read_fields(file, periodic=periodic)
        given: dict[str, Any] = {
            "reference": _summed([read_density(each, periodic=periodic) for each in reference or []]),
            "spin": spin,
            "nuclear_charges": nuclear_charges(valence, list(density.atoms.symbols)) if valence else None,
            "net_charge_e": charge,
        }
        found = bader_charges(density, **given)
        other = bader_charges(density, method="near-grid", **given) if cross_check else None
    document = found.model_dump(mode="json")
    if other:
        document["near_grid"] = {
            "electrons": [atom.electrons for atom in other.atoms],
            "largest_difference_e": largest_difference_e(found, other),
        }
    print_json(document) if as_json else _print(found, other, file)


def _summed(parts: list[Density]) -> Density | None:
    import numpy as np

    from interlith.analysis.densities import check_one_grid

    if not parts:
        return None
    check_one_grid({f"reference {k}": part for k, part in enumerate(parts, start=1)})
    return parts[0].with_values(np.sum([part.values_e_A3 for part in parts], axis=0))


def nuclear_charges(text: str, symbols: list[str]) -> list[float]:
    """Return the charge of each atom from a text such as ``Li=3,O=6``."""
    from interlith.structures.errors import RequestError

    try:
        given = {name.strip(): float(value) for name, _, value in (part.partition("=") for part in text.split(","))}
    except ValueError:
        raise RequestError(f"{text!r} names no charges", "--valence", "write Li=3,O=6") from None
    missing = sorted({symbol for symbol in symbols if symbol not in given})
    if missing:
        raise RequestError(f"no charge for {', '.join(missing)}", "--valence", "name every element of the file")
    return [given[symbol] for symbol in symbols]


def _print(found: BaderCharges, other: BaderCharges | None, file: Path) -> None:
    from interlith.analysis.charge import largest_difference_e
    from interlith.launchers.output import print_table, say

    heads = ["atom", "element", "electrons", "charge, e", "volume, Å³", "dipole, e Å"]
    rows: list[list[Any]] = [
        [a.index, a.element, a.electrons, a.charge_e, a.volume_A3, math.hypot(*a.dipole_eA)] for a in found.atoms
    ]
    if any(a.spin_e is not None for a in found.atoms):
        heads, rows = [*heads, "spin, e"], [[*row, a.spin_e] for row, a in zip(rows, found.atoms, strict=True)]
    if other:
        heads = [*heads, "near-grid, electrons"]
        rows = [[*row, a.electrons] for row, a in zip(rows, other.atoms, strict=True)]
    print_table(f"Bader charges of {file}", heads, rows)
    ends = f"open along {', '.join(found.open_axes)}" if found.open_axes else "periodic"
    say(f"basins: {found.basins_of}; grid: {ends}")
    say(f"grid: {found.total_e:.4f} e, of which vacuum {found.vacuum_e:.4f} e in {found.vacuum_volume_A3:.1f} Å³")
    if other:
        say(f"largest difference from near-grid: {largest_difference_e(found, other):.4f} e")
    for one in found.free_maxima:
        at = ", ".join(f"{x:.3f}" for x in one.fraction)
        say(f"maximum of no atom at ({at}), nearest {one.nearest}: {one.electrons:.4f} e")
    say(*(f"  {caveat}" for caveat in found.caveats))
