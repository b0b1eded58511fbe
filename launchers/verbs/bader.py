"""`interlith bader`: Bader charges of anybody's density."""

from __future__ import annotations

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


def bader(
    file: File,
    reference: Reference = None,
    valence: Valence = None,
    charge: NetCharge = 0.0,
    as_json: Json = False,
) -> None:
    """Share a density out among its atoms by Bader's partition (weight method)."""
    from interlith.analysis.charge import bader_charges
    from interlith.launchers.output import print_json, stray_output_to_stderr
    from interlith.workflows.engines.volumetric import read_density

    with stray_output_to_stderr():
        density = read_density(file)
        ground = _summed([read_density(each) for each in reference or []])
        nuclei = nuclear_charges(valence, list(density.atoms.symbols)) if valence else None
        found = bader_charges(density, reference=ground, nuclear_charges=nuclei, net_charge_e=charge)
    print_json(found.model_dump(mode="json")) if as_json else _print(found, file)


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


def _print(found: BaderCharges, file: Path) -> None:
    from interlith.launchers.output import print_table, say

    rows: list[list[Any]] = [[a.index, a.element, a.electrons, a.charge_e, a.volume_A3] for a in found.atoms]
    print_table(f"Bader charges of {file}", ["atom", "element", "electrons", "charge, e", "volume, Å³"], rows)
    say(f"grid: {found.total_e:.4f} e, of which vacuum {found.vacuum_e:.4f} e in {found.vacuum_volume_A3:.1f} Å³")
    for one in found.free_maxima:
        at = ", ".join(f"{x:.3f}" for x in one.fraction)
        say(f"maximum of no atom at ({at}), nearest {one.nearest}: {one.electrons:.4f} e")
    say(*(f"  {caveat}" for caveat in found.caveats))
