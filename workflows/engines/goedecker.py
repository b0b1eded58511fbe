"""GTH pseudopotentials of CP2K's data files, written as Quantum ESPRESSO reads them.

The form is analytic (Goedecker, Teter and Hutter 1996, https://doi.org/10.1103/PhysRevB.54.1703; Hartwigsen, Goedecker
and Hutter 1998, https://doi.org/10.1103/PhysRevB.58.3641), so that both codes get the same numbers: an error function
and a polynomial times a Gaussian as local part, and per angular momentum a matrix of coefficients of Gaussians.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ase.data import atomic_numbers

from interlith.structures.errors import RequestError
from interlith.workflows.engines.cp2k_elements import Kind
from interlith.workflows.engines.settings import engine_settings

DEBIAN_DATA = Path("/usr/share/cp2k")
NUMERIC_FORM, PBE = 10, 11
"""In ABINIT's numbering, which Quantum ESPRESSO shares: GTH, and the functional."""


@dataclass(frozen=True)
class Channel:
    """Projectors of one angular momentum: their radius (bohr) and the upper triangle of coefficients (Ha), by rows."""

    radius: float
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Goedecker:
    """One element's pseudopotential.

    Attributes
    ----------
    symbol, name, valence
        Element, name in the file, electrons left.
    radius, local
        Of the local part: bohr, and up to four coefficients (Ha).
    channels
        By angular momentum, s first.
    """

    symbol: str
    name: str
    valence: int
    radius: float
    local: tuple[float, ...]
    channels: tuple[Channel, ...]


def data_folder() -> Path:
    """Return the folder of CP2K's data files: the person's, the environment's, Debian's.

    Raises
    ------
    RequestError
        If there is none.
    """
    told = engine_settings().cp2k_data or os.environ.get("CP2K_DATA_DIR")
    folder = Path(told) if told else DEBIAN_DATA
    if not folder.is_dir():
        raise RequestError(
            f"no folder {folder} with GTH pseudopotentials",
            "engine settings",
            "apt-get install cp2k-data, or pseudo_dir",
        )
    return folder


def read_goedecker(kind: Kind, folder: Path) -> Goedecker:
    """Return the pseudopotential that CP2K takes for an element.

    Parameters
    ----------
    kind
        Element, file and name.
    folder
        Of CP2K's data.

    Raises
    ------
    RequestError
        If the file or the entry is not there or not whole.
    """
    file = folder / kind.potential_file
    try:
        lines = [line.split("#")[0] for line in file.read_text().splitlines()]
    except OSError as fault:
        raise RequestError(f"cannot read {file}: {fault.strerror}", "pseudopotentials", "set cp2k_data") from None
    heads = [k for k, line in enumerate(lines) if line.split()[:2] == [kind.symbol, kind.potential]]
    if not heads:
        raise RequestError(
            f"no pseudopotential {kind.symbol} {kind.potential}", str(file), "set cp2k_data or pseudo_dir"
        )
    valence = sum(int(word) for word in lines[heads[0] + 1].split())
    try:
        return _parsed(kind, valence, " ".join(lines[heads[0] + 2 : heads[0] + 40]).split())
    except (ValueError, IndexError) as fault:
        raise RequestError(f"{kind.symbol} {kind.potential} cannot be read: {fault}", str(file)) from None


def _parsed(kind: Kind, valence: int, words: list[str]) -> Goedecker:
    def take(count: int) -> tuple[float, ...]:
        taken = tuple(float(word) for word in words[:count])
        if len(taken) < count:
            raise IndexError("it ends too soon")
        del words[:count]
        return taken

    radius, terms = take(2)
    local = take(int(terms))
    channels = []
    for _ in range(int(take(1)[0])):
        reach, size = take(2)
        channels.append(Channel(reach, tuple(take(n) for n in range(int(size), 0, -1))))
    return Goedecker(kind.symbol, kind.potential, valence, radius, local, tuple(channels))


def espresso_text(potential: Goedecker) -> str:
    """Return the pseudopotential in the form that Quantum ESPRESSO reads from a file ending in ``.gth``.

    Spin–orbit coefficients, which that form has room for from p on, are zero. An element without projectors (lithium
    of three electrons) gets an empty s channel.
    """
    channels = potential.channels or (Channel(potential.radius, ()),)
    lines = [
        f"{potential.symbol} {potential.name}",
        f"{atomic_numbers[potential.symbol]} {potential.valence} 0",
        f"{NUMERIC_FORM} {PBE} {len(channels) - 1} -1 2001 0",
        " ".join([f"{potential.radius:.9f}", str(len(potential.local)), *_words(potential.local)]),
        str(len(potential.channels)),
    ]
    for momentum, channel in enumerate(channels):
        head, *rest = channel.rows or ((),)
        lines.append(" ".join([f"{channel.radius:.9f}", str(len(channel.rows)), *_words(head)]))
        lines += [" ".join(_words(row)) for row in rest]
        lines += [" ".join(_words([0.0] * len(row))) for row in channel.rows if momentum]
    return "\n".join(lines) + "\n"


def _words(values: tuple[float, ...] | list[float]) -> list[str]:
    return [f"{value:.9f}" for value in values]
