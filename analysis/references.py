"""Surface energies from the literature, and how far a computed one is from them; never an input of a computation."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from pydantic import Field

from interlith.analysis.records import Deviation
from interlith.structures.records import Miller, Record


class Statement(Record):
    """What is known of the low-index faces of a crystal beyond single values."""

    crystal: str
    text: str
    within_J_m2: tuple[float, float] | None = None
    spread_percent: float | None = Field(default=None, description="largest minus smallest, of the mean")
    order: tuple[str, ...] = Field(default=(), description="faces, lowest first")
    slack_J_m2: float = Field(default=0.0, description="by which the order may be missed")

    def holds(self, gammas_J_m2: Mapping[str, float]) -> bool:
        """Say whether surface energies, by face such as '110', agree.

        Raises
        ------
        KeyError
            If a face of the order is not there.
        """
        values = list(gammas_J_m2.values())
        low, high = self.within_J_m2 or (min(values), max(values))
        spread = 100 * (max(values) - min(values)) / (sum(values) / len(values))
        ordered = [gammas_J_m2[face] for face in self.order]
        return (
            low <= min(values)
            and max(values) <= high
            and (self.spread_percent is None or spread < self.spread_percent)
            and all(lower <= higher + self.slack_J_m2 for lower, higher in pairwise(ordered))
        )


def statements() -> tuple[Statement, ...]:
    """Return what is known of several faces together."""
    return tuple(Statement.model_validate(row) for row in _references()["statement"])


def deviations(crystal: str, miller: Miller, gamma_J_m2: float) -> tuple[Deviation, ...]:
    """Return the reference values of a face with the deviation of `gamma_J_m2` from each; empty if none is known.

    Parameters
    ----------
    crystal
        Library name; the crystals with references are cubic, so the order and signs of `miller` do not matter.
    miller
        The face.
    gamma_J_m2
        What was computed for it.
    """
    table = _references()
    faces = table["crystal"].get(crystal, {})
    values = {**faces.get(face_name(miller), {}), **faces.get("any", {})}
    return tuple(_deviation(table["source"][source], value, gamma_J_m2) for source, value in values.items())


def face_name(miller: Miller) -> str:
    """Return the face of a cubic crystal, equivalent ones alike: '110' for (0 -1 1)."""
    return "".join(str(abs(index)) for index in sorted(miller, key=abs, reverse=True))


def _deviation(source: dict[str, str], value: float, gamma_J_m2: float) -> Deviation:
    told = ", ".join(source[key] for key in ("text", "doi") if key in source)
    return Deviation.model_validate(
        {
            "value": value,
            "percent": 100 * (gamma_J_m2 / value - 1),
            "tag": source["tag"],
            "source": told,
            "functional": source.get("functional"),
        }
    )


@cache
def _references() -> dict[str, Any]:
    return tomllib.loads((files("interlith.analysis") / "surface_references.toml").read_text(encoding="utf-8"))
