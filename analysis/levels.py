"""Levels of electrons: Kohn–Sham eigenvalues and what is read from them. eV."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from interlith.structures.records import Record


class Levels(Record):
    """Kohn–Sham eigenvalues of one calculation around its gap."""

    homo_eV: float = Field(description="highest occupied, of either spin; the Fermi level's lower neighbour in a metal")
    lumo_eV: float | None = Field(description="lowest empty; None where no empty level was computed")
    fermi_eV: float | None = Field(default=None, description="None where levels are not smeared")
    zero: Literal["vacuum", "cell average"] = Field(
        description="vacuum: an electron at rest far away; cell average: of the potential, comparable with nothing else"
    )
    eigenvalues_eV: tuple[tuple[float, ...], ...] = Field(description="per spin, ascending")
    occupations: tuple[tuple[float, ...], ...] = Field(description="per spin, electrons of each level")

    @property
    def gap_eV(self) -> float | None:
        """LUMO minus HOMO."""
        return None if self.lumo_eV is None else self.lumo_eV - self.homo_eV
