"""What every engine promises, whatever its family.

Units: eV, eV/Å, eV/Å³ (stress, ASE's sign: positive under tension). Same input, same number; the input
is not touched; an element the engine does not know is refused before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import BaseModel, ConfigDict, Field

from interlith.analysis.records import Method
from interlith.structures.errors import RequestError

Capability = Literal["energy", "forces", "stress", "density", "orbitals", "charges"]
Option = str | float | int | bool
SPACING_PER_A, METAL_SPACING_PER_A = 0.6, 0.3
"""Of k-points, 2π included, where nobody says: 3 × 3 × 3 for LiF's cubic cell, Γ for 13 Å; 7 × 7 × 7 for lithium's."""


class EngineChoice(BaseModel):
    """What a job carries: an engine by name. Frozen, small, serialisable; nothing is loaded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="catalogue name, or dotted path of an ASE calculator class or factory")
    options: dict[str, Option] = Field(default_factory=dict, description="passed to the family's loader")
    dispersion: Literal["none", "d3bj", "d4"] = "none"


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


@dataclass(frozen=True)
class Entry:
    """One row of the catalogue: what is known of an engine before anything is loaded.

    Parameters
    ----------
    name
        What a person types.
    loader
        Dotted path of the family's function ``(entry, options) -> Engine``.
    family
        The kind of engine, in a word or two.
    model
        Name of the weights or parameters.
    capabilities
        What it can compute.
    elements
        Chemical symbols it knows; None where only the calculator itself can tell.
    functional
        Functional computed, or that a surrogate was trained on; None where there is none or nobody said.
    surrogate
        False for first-principles codes only.
    packages
        Distributions it needs; the first one's version is the engine's.
    extra
        Extra of interlith that installs them; None where interlith itself does.
    options
        Names a person may set; None where the calculator decides.
    d3_parameters
        Functional whose damping parameters of D3 and D4 fit; None where unknown.
    includes_dispersion
        Whether the engine already describes dispersion.
    ships_weights
        Whether the packages bring the weights, so that it works offline.
    description
        One line.
    known_error
        How far it was found from its reference, in words.
    programs
        Programs beside Python, any one of which it needs.
    debian
        Debian packages that hold them.
    way_to_get
        How to get the programs where no package holds them.
    """

    name: str
    loader: str
    family: str
    model: str
    capabilities: frozenset[Capability]
    elements: frozenset[str] | None
    functional: str | None
    surrogate: bool
    packages: tuple[str, ...]
    extra: str | None
    options: frozenset[str] | None
    d3_parameters: str | None
    includes_dispersion: bool
    ships_weights: bool
    description: str
    known_error: str
    programs: tuple[str, ...] = ()
    debian: str = ""
    way_to_get: str = ""

    def check_elements(self, symbols: Iterable[str], where: str) -> None:
        """Refuse elements that the engine does not know, as far as its row tells.

        Parameters
        ----------
        symbols
            Chemical symbols.
        where
            What holds them.

        Raises
        ------
        RequestError
            Naming every such element.
        """
        known = self.elements
        unknown = sorted(set(symbols) - known) if known is not None else []
        if unknown:
            few = f"it knows {', '.join(sorted(known))}" if known and len(known) <= 12 else "see `interlith engines`"
            raise RequestError(
                f"engine {self.name!r} does not know {', '.join(unknown)}", where, f"choose an engine that does ({few})"
            )


class Loader(Protocol):
    """A family's function that makes an engine of an entry."""

    def __call__(self, entry: Entry, options: Mapping[str, Option]) -> LoadedEngine:
        """Return the loaded engine."""


@dataclass(frozen=True)
class LoadedEngine:
    """An engine in memory: the entry it came from, its calculator, how its numbers are made, and what was added to it.

    An engine that computes more than its calculator does (`electronic`) adds `added_energy` to its own energies.
    """

    entry: Entry
    ase_calculator: BaseCalculator
    made_by: Method
    added: BaseCalculator | None = field(default=None, kw_only=True)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can compute."""
        return self.entry.capabilities

    def calculator(self) -> BaseCalculator:
        """Return the ASE calculator (the same, warm object at each call)."""
        return self.ase_calculator

    def method(self) -> Method:
        """Say how its numbers are made."""
        return self.made_by

    def added_energy(self, atoms: Atoms) -> float:
        """Return the energy of the dispersion that was added to this engine, eV; 0 for none."""
        if self.added is None:
            return 0.0
        return float(
            self.added.get_property("energy", Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc))
        )

    def check(self, atoms: Atoms) -> None:
        """Refuse atoms of elements that the engine does not know.

        Raises
        ------
        RequestError
            Naming every such element.
        """
        self.entry.check_elements(atoms.get_chemical_symbols(), atoms.get_chemical_formula())
