"""What a surrogate's number is worth: its measured distance from first principles, in words."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from interlith.analysis.records import Method


def caveat(method: Method) -> str:
    """Return what a person must know before believing this method's surface and interface energies.

    Empty for a first-principles method.
    """
    if not method.surrogate:
        return ""
    known = _measured().get(method.engine)
    if known is None:
        return f"surrogate {method.engine}: its error against first principles is not known here"
    low, high = known["surface_energy_percent"]
    return f"surrogate {method.engine}: its surface energies are {low:+d} to {high:+d} % from PBE"


@cache
def _measured() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("interlith.analysis") / "surrogate_errors.toml").read_text(encoding="utf-8"))
