"""Published values beside computed ones: to be shown, never to be computed with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field

from interlith.analysis.records import Quantity, ResultRecord
from interlith.structures.errors import ComputationError
from interlith.structures.records import Record

STAND_INS = {"interfacial_formation_energy": "binding_energy_per_covered_area"}
"""What is set beside a published quantity that a record has not: a molecule that leaves part of its cell bare."""


class Source(Record):
    """A paper."""

    key: str
    title: str
    journal: str
    year: int | None = None
    doi: str
    authors: str | None = None


class PublishedValue(Record):
    """One number as its authors printed it."""

    system: str
    quantity: str
    value: float
    unit: str
    surface: str | None = Field(default=None, description="face that the paper names; None where it names none")
    source: Source
    tag: Literal["read", "recalled"] = Field(default="read", description="read from its source, or recalled unverified")


class Claim(Record):
    """A published statement without a number."""

    system: str
    statement: str
    note: str | None = None
    source: Source


class Comparison(Record):
    """A computed number with the published one beside it."""

    quantity: str
    published_quantity: str = Field(description="the same, or what `quantity` stands in for")
    computed: float
    published: float
    difference: float = Field(description="computed minus published")
    unit: str
    converged: bool
    surrogate: bool
    label: str = Field(description="what the two numbers are, and why they may differ")
    caveat: str | None = Field(default=None, description="of the computed number; a surrogate's known error")
    doi: str


class PresetCheck(Record):
    """How far one preset's answer was from a heavier one's, with the same engine; measured once."""

    system: str
    engine: str
    quantity: str
    unit: str
    preset: str
    value: float
    against: str
    value_against: float
    date: str
    version: str = Field(description="of interlith")

    @property
    def told(self) -> str:
        """The check in one line."""
        return (
            f"measured once, {self.date}, {self.engine}: {self.quantity} {self.value:.2f} {self.unit} with preset "
            f"{self.preset}, {self.value_against:.2f} with {self.against}"
        )


def preset_checks(record: ResultRecord) -> tuple[PresetCheck, ...]:
    """Return the measured checks of this record's preset, for its system and engine."""
    checks = (PresetCheck(**entry) for entry in _read("presets_measured.toml").get("check", []))
    asked = (record.system, record.provenance.method.engine, record.preset)
    return tuple(check for check in checks if (check.system, check.engine, check.preset) == asked)


def published_values(system: str | None = None, quantity: str | None = None) -> tuple[PublishedValue, ...]:
    """Return the published values of a system (all systems by default), in the order of the file."""
    document = _document()
    values = (_value(entry, document["source"]) for entry in document["value"])
    return tuple(v for v in values if system in (None, v.system) and quantity in (None, v.quantity))


def published_claims(system: str | None = None) -> tuple[Claim, ...]:
    """Return the published statements about a system (all systems by default)."""
    document = _document()
    claims = (Claim(**entry | {"source": _source(entry, document["source"])}) for entry in document["claim"])
    return tuple(claim for claim in claims if system in (None, claim.system))


def beside(record: ResultRecord) -> tuple[Comparison, ...]:
    """Set every quantity of a record beside the published values of its system.

    Raises
    ------
    ComputationError
        If the two are in different units.
    """
    computed = {quantity.quantity: quantity for quantity in record.quantities}
    pairs = [(v, name) for v in published_values(record.system) if (name := _nearest(v.quantity, computed))]
    return tuple(_compare(computed[name], v, record) for v, name in pairs)


def _nearest(published: str, computed: Iterable[str]) -> str | None:
    """Return the computed quantity to set beside a published one: the same, or the one that stands in for it."""
    return next((name for name in (published, STAND_INS.get(published)) if name in set(computed)), None)


def _compare(quantity: Quantity, published: PublishedValue, record: ResultRecord) -> Comparison:
    if _spelled(quantity.unit) != published.unit:
        raise ComputationError(
            f"{quantity.quantity} is in {quantity.unit!r}, the published value in {published.unit!r}", published.system
        )
    method = record.provenance.method
    return Comparison(
        quantity=quantity.quantity,
        published_quantity=published.quantity,
        computed=quantity.value,
        published=published.value,
        difference=quantity.value - published.value,
        unit=published.unit,
        converged=quantity.converged,
        surrogate=method.surrogate,
        label=_label(method.level, method.surrogate, published),
        caveat=quantity.caveat,
        doi=published.source.doi,
    )


def _label(level: str, surrogate: bool, published: PublishedValue) -> str:
    kind = "surrogate" if surrogate else "first principles"
    face = published.surface or "face not named here"
    tag = "" if published.tag == "read" else ", recalled and unverified"
    return f"{kind} ({level}) beside {published.source.key} ({face}{tag}): not the same model, not the same method"


def _value(entry: dict[str, Any], sources: dict[str, Any]) -> PublishedValue:
    changes = {"source": _source(entry, sources), "unit": _spelled(entry["unit"])}
    return PublishedValue(**entry | changes)


def _spelled(unit: str) -> str:
    return unit.replace("^2", "²")


def _source(entry: dict[str, Any], sources: dict[str, Any]) -> Source:
    return Source(key=entry["source"], **sources[entry["source"]])


def _document() -> dict[str, Any]:
    return _read("published.toml")


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("interlith.analysis").joinpath(name).read_text(encoding="utf-8"))
