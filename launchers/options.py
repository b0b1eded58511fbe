"""Every option of the command line, declared once: it means the same in each verb that takes it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, NamedTuple

import typer

from interlith.structures.errors import RequestError

Systems = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SYSTEM… [TABLE.KEY=VALUE…]",
        help="Built-in names or TOML files of the same form; settings as in such a file, e.g. side_a.thickness_A=12.",
    ),
]
Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them, in full.")]
SideA = Annotated[str | None, typer.Option("--a", metavar="CRYSTAL", help="Side A, below: a file or a library name.")]
SideB = Annotated[
    str | None,
    typer.Option(
        "--b",
        metavar="CRYSTAL|MOLECULE",
        help="Side B, above: a file, a library name, a SMILES or a repeat unit such as '[*]OCOCC[*]'.",
    ),
]
MillerA = Annotated[str | None, typer.Option("--miller-a", metavar="HKL", help="Face of A: 110, 1-10, 1,-1,0 or 0001.")]
MillerB = Annotated[str | None, typer.Option("--miller-b", metavar="HKL", help="Face of B; none for a molecule.")]
Engine = Annotated[
    str | None, typer.Option("--engine", help="Name from `interlith engines`, or a dotted path; +d3bj adds dispersion.")
]
Preset = Annotated[str, typer.Option("--preset", help="quick, default or paper: how thorough, and with which engine.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be computed; compute nothing.")]
InputsOnly = Annotated[
    bool, typer.Option("--inputs-only", help="Write folders for VASP, CP2K or Quantum ESPRESSO; compute nothing.")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Jobs side by side.  [default: by cores]")]
Workspace = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="Store, states and run folders.  [default: ./interlith-workspace]"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else.")]
All = Annotated[bool, typer.Option("--all", help="Every built-in system.")]
Output = Annotated[
    Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the files.", callback=lambda p: writable(p))
]
MaxMiller = Annotated[int, typer.Option("--max-miller", min=1, max=4, help="Largest index of a face.")]
MaxArea = Annotated[float, typer.Option("--max-area", min=1.0, help="Largest common cell, Å².")]
MaxStrain = Annotated[float, typer.Option("--max-strain", min=0.0, max=0.5, help="Largest strain, a fraction.")]
FilterSystem = Annotated[str | None, typer.Option("--system", help="Only this system.")]
FilterQuantity = Annotated[str | None, typer.Option("--quantity", help="Only this quantity.")]
FilterEngine = Annotated[str | None, typer.Option("--engine", help="Only this engine.")]


def writable(folder: Path) -> Path:
    """Return a folder after making sure that files can be put there; it is not left behind.

    Raises
    ------
    RequestError
        If it is a file, or it cannot be made or written to.
    """
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = f"cannot write into {str(folder)!r}: {error.strerror}"
        raise RequestError(why, "--output", "name a folder that can be made and written to") from error
    finally:
        for each in new:
            with suppress(OSError):
                each.rmdir()
    return folder


class Face(NamedTuple):
    """A face as a person wrote it.

    Attributes
    ----------
    miller
        Three indices (h, k, l).
    hexagonal
        Whether it was written with four, which has a meaning for hexagonal cells only.
    """

    miller: tuple[int, int, int]
    hexagonal: bool


def parse_face(text: str, where: str) -> Face:
    """Read Miller indices: ``110``, ``1-10``, ``1,-1,0``, or four for a hexagonal cell (``0001``, ``11-20``).

    Parameters
    ----------
    text
        As it was typed.
    where
        The option it was given to.

    Raises
    ------
    RequestError
        If it is no face: not three or four integers, all zero, or a third of four that is not −(h + k).

    Examples
    --------
    >>> parse_face("1-10", "--miller-a").miller
    (1, -1, 0)
    >>> parse_face("11-20", "--miller-a").miller
    (1, 1, 0)
    """
    from interlith.workflows.spec import miller_from

    plain = text.strip().strip("()[]").replace("−", "-")
    four = re.fullmatch(r"([+-]?\d+)[\s,]+" * 3 + r"([+-]?\d+)", plain) or re.fullmatch(r"(-?\d)" * 4, plain)
    if not four:
        return Face(miller_from(plain, where), hexagonal=False)
    h, k, third, last = (int(index) for index in four.groups())
    if third != -(h + k):
        raise RequestError(f"{text!r}: the third of four indices must be {-(h + k)}, minus the first two", where)
    return Face(miller_from((h, k, last), where), hexagonal=True)
