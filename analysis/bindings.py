"""What a surrogate's binding energy is worth: its measured distance from first principles, by kind of contact."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from interlith.analysis.records import Method
from interlith.structures.records import Record

Family = Literal["ether", "fluoropolymer"]

WORDS: dict[Family, str] = {"ether": "an ether", "fluoropolymer": "a fluoropolymer"}


class BindingError(Record):
    """How far an engine is from first principles in one frozen interaction energy."""

    slab: str = Field(description="crystal, as its file's name begins")
    family: Family
    engine: str
    reference_eV: float
    counterpoise: bool = Field(description="whether the reference is corrected for its basis")
    error_eV: float = Field(description="engine minus reference; negative: it binds too strongly")
    level: str
    source: str

    @property
    def told(self) -> str:
        """The error in a few words."""
        corrected = "" if self.counterpoise else ", no counterpoise"
        return (
            f"{self.error_eV:+.2f} eV from {self.level} for {WORDS[self.family]} on {self.slab} "
            f"({self.reference_eV:.2f} eV{corrected})"
        )


def family_of(formulas: Iterable[str]) -> Family | None:
    """Return the kind of molecule that a formula is of, as far as errors are known; None for any other.

    Examples
    --------
    >>> family_of(["C4H10O2"]), family_of(["C4H6F4"]), family_of(["C2F6LiNO4S2"])
    ('ether', 'fluoropolymer', None)
    """
    elements = {element for formula in formulas for element in re.findall(r"[A-Z][a-z]?", formula)}
    if elements == {"C", "H", "O"}:
        return "ether"
    return "fluoropolymer" if elements == {"C", "H", "F"} else None


def binding_errors(engine: str) -> tuple[BindingError, ...]:
    """Return the measured errors of an engine, in the order of the file; empty if there are none."""
    return tuple(one for one in _errors() if one.engine == engine)


def binding_caveat(method: Method, crystal: str, formulas: Iterable[str]) -> str:
    """Return what a person must know before believing this method's energy of a molecule on a slab.

    Empty for a first-principles method.

    Parameters
    ----------
    method
        How the energy was computed.
    crystal
        Of the slab.
    formulas
        Of the molecules.
    """
    if not method.surrogate:
        return ""
    family, known = family_of(formulas), binding_errors(method.engine)
    same = [one for one in known if one.family == family and one.slab == re.split(r"[_ (]", crystal)[0]]
    head = f"surrogate {method.engine}: its frozen interaction energy"
    if same:
        text = f"{head} is off by {same[0].told}, both with D3(BJ), measured on one geometry"
    elif known:
        text = f"{head} was not measured on such a contact; {', '.join(one.told for one in known)}"
    else:
        text = f"surrogate {method.engine}: its error on molecules on surfaces is not known here"
    ranks = "; do not rank fluoropolymers against ethers with it" if known and family == "fluoropolymer" else ""
    return text + ranks


@cache
def _errors() -> tuple[BindingError, ...]:
    document = tomllib.loads((files("interlith.analysis") / "binding_errors.toml").read_text(encoding="utf-8"))
    return tuple(BindingError.model_validate(row | document["reference"]) for row in document["error"])
