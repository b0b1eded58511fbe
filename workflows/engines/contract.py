"""What every engine promises, whatever its family.

Units: eV, eV/Å, eV/Å³ (stress, ASE's sign: positive under tension). Same input, same number; the input
is not touched; an element the engine does not know is refused before anything runs.
"""

from __future__ import annotations

from typing import Literal, Protocol

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import BaseModel, ConfigDict, Field

from interlith.analysis.records import Method

Capability = Literal["energy", "forces", "stress", "density", "orbitals", "charges"]
Option = str | float | int | bool


class EngineChoice(BaseModel):
    """What a job carries: an engine by name. Frozen, small, serialisable; nothing is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="catalogue name, or dotted path of an ASE calculator class or factory")
    options: dict[str, Option] = Field(default_factory=dict, description="passed to the family's loader")
    dispersion: Literal["none", "d3bj"] = "none"


class Engine(Protocol):
    """A loaded engine. Families return one; the catalogue keeps one per choice and process (warm)."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can compute."""

    def calculator(self) -> BaseCalculator:
        """Return the ASE calculator (the same, warm object at each call)."""

    def method(self) -> Method:
        """Say how its numbers are made."""

    def check(self, atoms: Atoms) -> None:
        """Raise `RequestError` if it cannot treat these atoms, naming the elements."""
