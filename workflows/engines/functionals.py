"""Density functionals by name: how they are shown, and which damping parameters of dispersion are theirs.

Nothing numerical is loaded here: an engine's row in the catalogue is told its functional before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Entry, Option

SHOWN = {
    "b3lyp": "B3LYP (VWN-RPA)",
    "b3lypg": "B3LYP (VWN-RPA)",
    "b3lyp5": "B3LYP (VWN5)",
    "camb3lyp": "CAM-B3LYP",
    "m062x": "M06-2X",
    "r2scan": "r2SCAN",
    "hf": "Hartree–Fock",
    "revpbe": "revPBE",
    "pbesol": "PBEsol",
}
"""Names in print; B3LYP has two forms, and programs differ in which they mean."""
DAMPED_AS = {"b3lypg": "b3lyp", "b3lyp5": "b3lyp", "pbe1pbe": "pbe0", "pbeh": "pbe0"}
ELSEWHERE_FITTED = {"wb97x", "wb97m", "b97m"}
"""The dispersion tables' entries of these names were fitted to their -V forms without VV10, another functional."""
WITHIN = ("vv10", "wb97xv", "wb97mv", "b97mv", "lcvv10")
ADDED_BY_NAME = ("d", "d2", "d3", "d4", "3c")
"""How the part after a name's last hyphen begins where it is no part of the functional; "d" only by itself."""


def plain(name: str) -> str:
    """Return a functional's name in small letters, without hyphens and underscores."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def shown(name: str) -> str:
    """Return a functional's name as people write it."""
    return SHOWN.get(plain(name), name.upper())


def damped_as(name: str) -> str | None:
    """Return the name under which the tables of dispersion may hold a functional; None where they must not be asked."""
    key = plain(name)
    return None if key in ELSEWHERE_FITTED or describes_dispersion(name) else DAMPED_AS.get(key, key)


def describes_dispersion(name: str) -> bool:
    """Return whether a functional has a nonlocal correlation of its own."""
    return any(mark in plain(name) for mark in WITHIN)


def refuse_composite(name: str, engine: str) -> None:
    """Refuse a name that means a functional and something added to it.

    Raises
    ------
    RequestError
        Saying how to ask for the two.
    """
    stem, _, added = name.lower().rpartition("-")
    if stem and (added in ADDED_BY_NAME or added[:2] in ADDED_BY_NAME):
        cure = "it is a method with its own basis and corrections" if added == "3c" else f"write functional = {stem}"
        raise RequestError(
            f"{engine} functional {name!r} names more than a functional",
            "engine options",
            f"{cure}; dispersion (d3bj, d4) is asked for beside the engine",
        )


def told_functional(entry: Entry, options: Mapping[str, Option]) -> Entry:
    """Return an engine's row for the functional that its options name; the row itself where they name none."""
    name = options.get("functional")
    if name is None:
        return entry
    return replace(
        entry,
        functional=shown(str(name)),
        d3_parameters=damped_as(str(name)),
        includes_dispersion=describes_dispersion(str(name)),
    )
