"""The crystals, molecules, systems and reactions that ship with interlith."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from interlith.structures.errors import unknown_name

_HERE = Path(__file__).parent
_CRYSTALS = _HERE / "crystals"
_SYSTEMS = _HERE / "systems"

# What people type → the file that it most often means.
ALIASES = {
    "Al": "Al_fcc",
    "Au": "Au_fcc",
    "Cu": "Cu_fcc",
    "Ge": "Ge_diamond",
    "Li": "Li_bcc",
    "S8": "S8_alpha",
    "Ta": "Ta_bcc",
    "Zr": "Zr_hcp",
    "Al2O3": "Al2O3_corundum",
    "AlPO4": "AlPO4_berlinite",
    "CuO": "CuO_tenorite",
    "La2O3": "La2O3_A",
    "La2Zr2O7": "La2Zr2O7_pyrochlore",
    "Li3PO4": "Li3PO4_gamma",
    "LiAl": "LiAl_B32",
    "LiAlO2": "LiAlO2_gamma",
    "LAGP": "LAGP_x0.5_nominal",
    "LGP": "LiGe2PO4_3",
    "LTP": "LiTi2PO4_3",
    "LLZO": "LLZO_tetragonal_awaka",
    "LLZTO": "LLZTO_Ta0.6_orderable",
    "PVDF": "PVDF_beta",
}


@cache
def _sources() -> dict[str, dict[str, Any]]:
    return tomllib.loads((_CRYSTALS / "sources.toml").read_text(encoding="utf-8"))


def crystal_names() -> list[str]:
    """Return the name of every crystal of the library, sorted.

    Examples
    --------
    >>> "LiF" in crystal_names()
    True
    """
    return sorted(_sources())


def is_crystal_name(name: str) -> bool:
    """Return whether the library has a crystal of this name or alias, upper and lower case taken as one."""
    return name.lower() in {known.lower() for known in (*crystal_names(), *ALIASES)}


def canonical_name(name: str) -> str:
    """Return the library's own name for a name or alias, upper and lower case taken as one.

    Raises
    ------
    RequestError
        When the library has no such crystal; the nearest names are suggested.

    Examples
    --------
    >>> canonical_name("lagp")
    'LAGP_x0.5_nominal'
    """
    folded = {n.lower(): n for n in crystal_names()} | {a.lower(): n for a, n in ALIASES.items()}
    if name.lower() not in folded:
        raise unknown_name("crystal", name, {*crystal_names(), *ALIASES})
    return folded[name.lower()]


def crystal_path(name: str) -> Path:
    """Return the CIF of a crystal, by name or alias.

    Raises
    ------
    RequestError
        When the library has no such crystal.
    """
    return _CRYSTALS / str(crystal_source(name)["file"])


def crystal_source(name: str) -> dict[str, Any]:
    """Return where a crystal's cell and coordinates come from: its table of ``sources.toml``.

    Raises
    ------
    RequestError
        When the library has no such crystal.
    """
    return _sources()[canonical_name(name)]


@cache
def _molecules() -> dict[str, dict[str, Any]]:
    return tomllib.loads((_HERE / "molecules.toml").read_text(encoding="utf-8"))


def molecule_names() -> list[str]:
    """Return the name of every molecule, ion, salt and oligomer of the library, sorted.

    Examples
    --------
    >>> "P-DOL" in molecule_names()
    True
    """
    return sorted(_molecules())


def canonical_molecule(name: str) -> str | None:
    """Return the library's own name for a molecule's name or alias, case taken as one; None where it has none.

    Examples
    --------
    >>> canonical_molecule("pdol")
    'P-DOL'
    """
    folded = {name.lower(): name for name in _molecules()}
    folded |= {alias.lower(): name for name, entry in _molecules().items() for alias in entry.get("aliases", ())}
    return folded.get(name.lower())


def molecule_entry(name: str) -> dict[str, Any]:
    """Return a molecule's table of ``molecules.toml``, by name or alias.

    Raises
    ------
    RequestError
        When the library has no such molecule; the nearest names are suggested.
    """
    known = canonical_molecule(name)
    if known is None:
        raise unknown_name("molecule", name, molecule_names())
    return _molecules()[known]


@cache
def reactions() -> dict[str, dict[str, Any]]:
    """Return the named reactions: per name an ``equation``, a ``title`` and, for some, ``per``.

    Examples
    --------
    >>> reactions()["cuf2-li"]["equation"]
    'CuF2 + 2 Li -> 2 LiF + Cu'
    """
    return tomllib.loads((_HERE / "reactions.toml").read_text(encoding="utf-8"))


def system_names() -> list[str]:
    """Return the name of every built-in system, sorted."""
    return sorted(path.stem for path in _SYSTEMS.glob("*.toml"))


def system_path(name: str) -> Path:
    """Return the TOML file of a built-in system, upper and lower case taken as one.

    Raises
    ------
    RequestError
        When there is no such system; the nearest names are suggested.
    """
    folded = {n.lower(): n for n in system_names()}
    if name.lower() not in folded:
        raise unknown_name("system", name, system_names())
    return _SYSTEMS / f"{folded[name.lower()]}.toml"
