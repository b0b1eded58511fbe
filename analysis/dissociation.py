"""What it costs to part a salt's ions, bare and at a host: six definitions, none of which is *the* one. eV.

With the cation C, the anion A, the salt CA and a host P (an oligomer, a molecule), all energies total energies:

====  =====================================  ==========================================
D0    CA → C + A                             bare
D1    CA·P → C·P + A                         = D0 + B(CA·P) − B(C·P); the default at a host
D2    CA·P → C + A·P                         = D0 + B(CA·P) − B(A·P)
D3    CA·P → C + A + P                       = D0 + B(CA·P): above D0 where P binds
D4    CA + P → C·P + A                       = D0 − B(C·P)
D5    CA → C + A, each in a dielectric       about D0/ε and cavity terms
====  =====================================  ==========================================

B is a binding energy, positive where bound: B(X·P) = E(X) + E(P) − E(X·P).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Literal

import numpy as np
from ase.units import kB
from pydantic import Field

from interlith.analysis.records import Provenance, ResultRecord, Spread
from interlith.structures.records import MoleculeFacts, Record

Definition = Literal["D0", "D1", "D2", "D3", "D4", "D5"]
Part = Literal["molecule", "cation", "anion", "salt", "host", "host+cation", "host+salt", "host+anion"]
ROOM_K = 298.15

BALANCES: Mapping[Definition, Mapping[Part, int]] = MappingProxyType(
    {
        "D0": {"cation": 1, "anion": 1, "salt": -1},
        "D1": {"host+cation": 1, "anion": 1, "host+salt": -1},
        "D2": {"cation": 1, "host+anion": 1, "host+salt": -1},
        "D3": {"cation": 1, "anion": 1, "host": 1, "host+salt": -1},
        "D4": {"host+cation": 1, "anion": 1, "host": -1, "salt": -1},
        "D5": {"cation": 1, "anion": 1, "salt": -1},
    }
)
"""What is left minus what was there, by definition; D5 takes energies in the dielectric."""
REACTIONS: Mapping[Definition, str] = MappingProxyType(
    {
        "D0": "salt → cation + anion",
        "D1": "salt at host → cation at host + anion",
        "D2": "salt at host → cation + anion at host",
        "D3": "salt at host → cation + anion + host",
        "D4": "salt + host → cation at host + anion",
        "D5": "salt → cation + anion, each in a dielectric",
    }
)


class Conformer(Record):
    """One geometry of a part and its energies."""

    xyz: str = Field(description="as the answering energy was computed, extended XYZ")
    energy_eV: float
    screened_eV: float = Field(description="total energy of the engine that ranked the conformers")
    shell: dict[str, int] = Field(description="donors that hold the cation, by element; empty without a bare cation")
    shortest_hold_A: float | None = Field(description="cation to its nearest donor")


class PartOutcome(Record):
    """One of the molecules, ions and complexes that the definitions are made of."""

    part: Part
    facts: MoleculeFacts = Field(description="of the lowest conformer")
    n_started: int = Field(description="geometries that the search relaxed")
    n_found: int = Field(description="distinct conformers it left")
    conformers: tuple[Conformer, ...] = Field(min_length=1, description="those computed, lowest first")

    @property
    def energy_eV(self) -> float:
        """Of the lowest conformer."""
        return self.conformers[0].energy_eV


class LongerChain(Record):
    """The same with one repeat unit more, at the level that ranks conformers."""

    n: int
    level: str
    value_eV: float
    value_here_eV: float = Field(description="of the model that answers, at that same level")
    energies_eV: dict[Part, float]


class DissociationRecord(ResultRecord):
    """The answer to `interlith dissociate`: a salt, bare or at a host."""

    salt: str
    host: str | None
    definition: Definition = Field(description="of `dissociation_energy`")
    level: str = Field(description="functional, dispersion and basis // geometry")
    parts: tuple[PartOutcome, ...]
    counterpoise_eV: dict[Definition, float] = Field(
        description="per definition: the value corrected for superposition"
    )
    solvated_eV: dict[Part, float] = Field(description="per part: total energy in the dielectric; empty without D5")
    solvent: str | None
    boltzmann_eV: dict[Definition, float] = Field(
        description="per definition: every part averaged over its conformers, 298 K"
    )
    screened_eV: dict[Definition, float] = Field(description="per definition: by the engine that ranked the conformers")
    screened_spread: Spread | None
    longer_chain: LongerChain | None
    searched: tuple[str, ...] = Field(description="what was done to find the conformers, in words")
    screening: Provenance

    def part(self, name: Part) -> PartOutcome:
        """Return one part (`KeyError` if the record has none of that name)."""
        return {one.part: one for one in self.parts}[name]

    @property
    def values_eV(self) -> dict[Definition, float]:
        """Every definition that was computed."""
        return {name: self.quantity(name).value for name in BALANCES if name in {q.quantity for q in self.quantities}}


def default_definition(*, hosted: bool) -> Definition:
    """Return what "dissociation energy" means where nobody says: D0 of the bare salt, D1 at a host.

    D1 is what the published drops fit in size and sign (D3 cannot lower the energy, D4 lowers it by the whole binding
    energy of the cation); an inference, for the papers do not say.
    """
    return "D1" if hosted else "D0"


def dissociation_energies(energies_eV: Mapping[Part, float]) -> dict[Definition, float]:
    """Return D0 to D4 as far as the energies of their parts are there, eV.

    Parameters
    ----------
    energies_eV
        Total energy per part.
    """
    return {
        name: _balanced(energies_eV, balance)
        for name, balance in BALANCES.items()
        if name != "D5" and all(part in energies_eV for part in balance)
    }


def binding_energy(energies_eV: Mapping[Part, float], guest: Literal["cation", "anion", "salt"]) -> float:
    """Return B = E(guest) + E(host) − E(host+guest), eV, positive where bound.

    Parameters
    ----------
    energies_eV
        Total energy per part.
    guest
        "cation", "anion" or "salt".
    """
    held: Mapping[str, Part] = {"cation": "host+cation", "anion": "host+anion", "salt": "host+salt"}
    return energies_eV[guest] + energies_eV["host"] - energies_eV[held[guest]]


def identities(energies_eV: Mapping[Part, float]) -> dict[Definition, float]:
    """Return D1 to D4 by the binding energies of the table above: the other way to the same numbers, eV."""
    bare = _balanced(energies_eV, BALANCES["D0"])
    salt, cation, anion = (
        binding_energy(energies_eV, "salt"),
        binding_energy(energies_eV, "cation"),
        binding_energy(energies_eV, "anion"),
    )
    return {"D1": bare + salt - cation, "D2": bare + salt - anion, "D3": bare + salt, "D4": bare - cation}


def in_dielectric(solvated_eV: Mapping[Part, float]) -> float:
    """Return D5 from the energies of cation, anion and salt in the dielectric, eV."""
    return _balanced(solvated_eV, BALANCES["D5"])


def counterpoise_corrected(value_eV: float, fragments: Sequence[tuple[float, float]]) -> float:
    """Return a dissociation energy without the superposition of basis sets (Boys and Bernardi 1970), eV.

    D − Σ [E_f(own basis) − E_f(basis of the complex)], each fragment as it stands in the complex;
    https://doi.org/10.1080/00268977000101561. A larger basis lowers each fragment, so that the correction lowers D.

    Parameters
    ----------
    value_eV
        Uncorrected.
    fragments
        Per fragment: its energy in its own basis, and in the basis of the complex.
    """
    return value_eV - sum(own - whole for own, whole in fragments)


def spread_over_conformers(conformers: Mapping[Part, Sequence[float]], definition: Definition) -> Spread | None:
    """Return how a definition varies over every combination of conformers; None for fewer than three.

    Parameters
    ----------
    conformers
        Per part: the energies of its conformers, eV.
    definition
        D0 to D4.
    """
    balance = BALANCES[definition]
    values = [
        _balanced(dict(zip(balance, chosen, strict=True)), balance)
        for chosen in product(*(conformers[part] for part in balance))
    ]
    return Spread.over(values, "conformers")


def boltzmann_average(energies_eV: Sequence[float], temperature_K: float = ROOM_K) -> float:
    """Return Σ E exp(−E/kT) / Σ exp(−E/kT), eV: never below the lowest, and below the plain mean."""
    energies = np.asarray(energies_eV, dtype=float)
    weights = np.exp(-(energies - energies.min()) / (kB * temperature_K))
    return float(energies.min() + ((energies - energies.min()) * weights).sum() / weights.sum())


def _balanced(energies_eV: Mapping[Part, float], balance: Mapping[Part, int]) -> float:
    return sum(count * energies_eV[part] for part, count in balance.items())
