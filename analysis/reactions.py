"""Energies of balanced reactions: checked stoichiometry, one level of theory, and a reference value beside them. eV."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from pydantic import Field

from interlith.analysis.records import Deviation, Provenance, Quantity
from interlith.analysis.stoichiometry import CHARGE, check_balance, formula_counts
from interlith.structures.errors import RequestError
from interlith.structures.records import Record

EV_PER_KJ_MOL = 1.0 / 96.48533212
"""CODATA 2018, from F = 96485.33212 C/mol."""
METAL = "Li"

DEFINITIONS = {
    "reaction_energy": "Σ ν·E over all terms, ν > 0 for products, as written; negative: the products are lower",
    "reaction_energy_per_formula_unit": "reaction energy per formula unit of the first reactant",
    "reaction_energy_per_lithium": "reaction energy per atom of lithium metal consumed; its negative is the mean "
    "voltage against Li/Li+ in V, without entropy",
    "reaction_energy_per_atom": "reaction energy / number of atoms of all reactants",
    "volume_change": "volume of the products minus that of the reactants, lithium included, per formula unit of the "
    "first reactant",
    "volume_change_percent": "volume change / volume of the reactants",
}


class Term(Record):
    """One species of a reaction."""

    name: str
    formula: str = Field(description="of what the energy is for; an ion with its charge")
    coefficient: Fraction = Field(description="negative for a reactant")
    energy_eV: float = Field(description="of one formula")
    volume_A3: float | None = Field(default=None, description="of one formula; None for what is no solid")
    kind: str = Field(description="'solid' or 'molecule'")
    provenance: Provenance
    caveat: str | None = None

    @property
    def counts(self) -> dict[str, Fraction]:
        """Atoms of each element in the formula, and its charge."""
        return formula_counts(self.formula)


class ReactionRecord(Record):
    """A balanced reaction and its energy."""

    name: str
    equation: str
    terms: tuple[Term, ...]
    formula_unit: str = Field(description="of the first reactant, that energies are per")
    quantities: tuple[Quantity, ...]
    deviation: Deviation | None = Field(default=None, description="of the energy as written, eV, from an experiment")
    caveats: tuple[str, ...]
    provenance: Provenance

    def quantity(self, name: str) -> Quantity:
        """Return the quantity of that name (`KeyError` if the record has none)."""
        return {q.quantity: q for q in self.quantities}[name]


def reaction_record(
    name: str, terms: Sequence[Term], *, per: tuple[str, int] | None = None, caveats: Sequence[str] = ()
) -> ReactionRecord:
    """Return the record of a reaction.

    Parameters
    ----------
    name
        Of the reaction; one of the references' gets its reference value.
    terms
        All species, the first reactant first.
    per
        Element and number of its atoms in one formula unit of the first reactant, e.g. ``("O", 12)``; None: its
        formula as it stands.
    caveats
        Of the whole reaction.

    Raises
    ------
    RequestError
        If the terms do not balance, naming the element.
    ComputationError
        If they were not computed by one code at one level.
    """
    check_balance([(term.coefficient, term.counts) for term in terms], name)
    provenance = Provenance.of_species([term.provenance for term in terms])
    energy = sum(float(term.coefficient) * term.energy_eV for term in terms)
    units, formula = _units(terms[0], per)
    quantities = [
        *_energies(terms, energy, units, provenance.converged),
        *_volumes(terms, units, provenance.converged),
    ]
    return ReactionRecord(
        name=name,
        equation=written(terms),
        terms=tuple(terms),
        formula_unit=formula,
        quantities=tuple(quantities),
        deviation=_deviation(name, terms, energy),
        caveats=(*caveats, *(f"{term.name}: {term.caveat}" for term in terms if term.caveat)),
        provenance=provenance,
    )


def written(terms: Sequence[Term]) -> str:
    """Return a reaction as people write it.

    Raises
    ------
    RequestError
        If a side is empty.
    """
    sides = [[t for t in terms if (t.coefficient > 0) == after] for after in (False, True)]
    if not all(sides):
        raise RequestError("a reaction needs reactants and products", "terms")
    return " -> ".join(" + ".join(_counted(term) for term in side) for side in sides)


def _counted(term: Term) -> str:
    number = abs(term.coefficient)
    shown = f"{term.name} ({term.formula})" if term.name != term.formula else term.name
    return shown if number == 1 else f"{number} {shown}"


def _units(first: Term, per: tuple[str, int] | None) -> tuple[Fraction, str]:
    """Return how many formula units of the first reactant react, and what one is."""
    amount, counts = abs(first.coefficient), first.counts
    if per is None:
        return amount, first.formula
    element, number = per
    if not counts.get(element):
        raise RequestError(f"{first.formula} holds no {element}", first.name, "name an element of the first reactant")
    each = counts[element] / number
    shown = "".join(f"{e}{_decimal(n / each)}" for e, n in counts.items() if e != CHARGE)
    return amount * each, shown


def _decimal(number: Fraction) -> str:
    return "" if number == 1 else f"{float(number):.4g}"


def _energies(terms: Sequence[Term], energy: float, units: Fraction, converged: bool) -> list[Quantity]:
    atoms = sum(
        -term.coefficient * sum(n for e, n in term.counts.items() if e != CHARGE)
        for term in terms
        if term.coefficient < 0
    )
    lithium = sum(-term.coefficient for term in terms if term.coefficient < 0 and term.formula == METAL)
    parts: dict[str, Fraction] = {"": Fraction(1), "_per_formula_unit": units, "_per_atom": Fraction(atoms)}
    parts |= {"_per_lithium": Fraction(lithium)} if lithium else {}
    return [_quantity(f"reaction_energy{name}", energy / float(n), "eV", converged) for name, n in parts.items()]


def _volumes(terms: Sequence[Term], units: Fraction, converged: bool) -> list[Quantity]:
    """Return the change of volume where every term is a solid."""
    if any(term.volume_A3 is None for term in terms):
        return []
    change = sum(float(term.coefficient) * (term.volume_A3 or 0.0) for term in terms)
    before = sum(float(-term.coefficient) * (term.volume_A3 or 0.0) for term in terms if term.coefficient < 0)
    return [
        _quantity("volume_change", change / float(units), "Å³", converged),
        _quantity("volume_change_percent", 100 * change / before, "%", converged),
    ]


def _quantity(name: str, value: float, unit: str, converged: bool) -> Quantity:
    return Quantity(quantity=name, value=value, unit=unit, definition=DEFINITIONS[name], converged=converged)


@cache
def _references() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files(__package__) / "reaction_references.toml").read_text(encoding="utf-8"))


def _deviation(name: str, terms: Sequence[Term], energy: float) -> Deviation | None:
    """Return the energy beside standard enthalpies of formation, where all of them are known."""
    known = _references()
    if name not in known["reactions"]["compared"]:
        return None
    enthalpies = known["enthalpies_kJ_mol"]
    formed = [0.0 if len(term.counts) == 1 else float(enthalpies[term.formula]) for term in terms]
    reference = EV_PER_KJ_MOL * sum(float(t.coefficient) * h for t, h in zip(terms, formed, strict=True))
    return Deviation(
        value=reference,
        percent=100 * (energy - reference) / reference,
        tag="recalled",
        source=known["reactions"]["source"],
    )
