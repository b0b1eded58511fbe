"""Levels of electrons: Kohn–Sham eigenvalues and what is read from them. eV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from interlith.analysis.records import Provenance, ResultRecord
from interlith.structures.errors import ComputationError
from interlith.structures.records import MoleculeFacts, Record


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

    def moved(self, by_eV: float, zero: Literal["vacuum", "cell average"]) -> Levels:
        """Return the same levels on another scale: every eigenvalue raised by so much."""
        return Levels(
            homo_eV=self.homo_eV + by_eV,
            lumo_eV=None if self.lumo_eV is None else self.lumo_eV + by_eV,
            fermi_eV=None if self.fermi_eV is None else self.fermi_eV + by_eV,
            zero=zero,
            eigenvalues_eV=tuple(tuple(e + by_eV for e in spin) for spin in self.eigenvalues_eV),
            occupations=self.occupations,
        )


class Vertical(Record):
    """What it takes to remove an electron, and what is gained by adding one, the geometry kept."""

    ionisation_eV: float | None = Field(description="E(N−1) − E(N); None where the N−1 electrons were not solved")
    affinity_eV: float | None = Field(description="E(N) − E(N+1); None where the N+1 electrons were not solved")
    told: tuple[str, ...] = Field(default=(), description="why one is missing, or means little")


class MoleculeLevels(Record):
    """One molecule or ion and its levels."""

    name: str
    facts: MoleculeFacts
    xyz: str
    gas: Levels
    solvated: Levels | None = Field(default=None, description="in the record's solvent, at the geometry without")
    vertical: Vertical | None = Field(default=None, description="in the gas phase")
    caveats: tuple[str, ...] = ()

    def levels(self, *, solvated: bool) -> Levels:
        """Return the levels in one environment.

        Raises
        ------
        ComputationError
            If the solvated ones were not computed.
        """
        if solvated and self.solvated is None:
            raise ComputationError(f"levels of {self.name} in a solvent were not computed", "levels", "name a solvent")
        return self.solvated if solvated and self.solvated else self.gas


class LevelsRecord(ResultRecord):
    """The answer to `interlith levels`: Kohn–Sham levels of molecules and ions, all at one level of theory."""

    level: str = Field(description="functional, dispersion and basis // geometry")
    solvent: str | None
    molecules: tuple[MoleculeLevels, ...] = Field(min_length=1)
    screening: Provenance = Field(description="of the conformers: the geometries rest on it, no eigenvalue does")


class Order(Record):
    """Two molecules' levels beside each other, one minus the other, eV."""

    homo_eV: float
    lumo_eV: float | None = Field(description="None where a LUMO is missing")
    lumo_means_something: bool = Field(description="False where one lies above the vacuum: a state of the basis only")

    @property
    def lower_homo_and_higher_lumo(self) -> bool | None:
        """Whether the first is the harder both to oxidise and to reduce; None without both LUMOs."""
        return None if self.lumo_eV is None else self.homo_eV < 0 < self.lumo_eV


class Alignment(Record):
    """A molecule's levels against the Fermi level of a surface, eV; positive lies above it."""

    homo_eV: float
    lumo_eV: float | None


def vertical(neutral_eV: float, fewer_eV: float | None, more_eV: float | None, told: tuple[str, ...] = ()) -> Vertical:
    """Return the vertical ionisation energy and electron affinity by differences of total energies (ΔSCF).

    IP = E(N−1) − E(N), EA = E(N) − E(N+1). Kohn–Sham eigenvalues are not these: B3LYP's HOMO lies 2 to 3 eV above −IP.

    Parameters
    ----------
    neutral_eV, fewer_eV, more_eV
        Total energies of N, N−1 and N+1 electrons in one geometry; None where one was not solved.
    told
        Why.
    """
    affinity = None if more_eV is None else neutral_eV - more_eV
    unbound = (
        "an electron is not held: its affinity rests on the basis" if affinity is not None and affinity < 0 else ""
    )
    return Vertical(
        ionisation_eV=None if fewer_eV is None else fewer_eV - neutral_eV,
        affinity_eV=affinity,
        told=(*told, *([unbound] if unbound else [])),
    )


def against_vacuum(levels: Levels, vacuum_eV: float) -> Levels:
    """Return the levels of a slab against an electron at rest in its vacuum.

    Parameters
    ----------
    levels
        On the scale of the potential whose plateau is given (the code's own zero).
    vacuum_eV
        Plateau of the planar-averaged potential of an electron in the vacuum, eV; a slab with two different faces
        has two, and so two sets of levels.

    Raises
    ------
    ComputationError
        If the levels are against the vacuum already.
    """
    if levels.zero == "vacuum":
        raise ComputationError("these levels are against the vacuum already", "levels")
    return levels.moved(-vacuum_eV, "vacuum")


def work_function(levels: Levels) -> float:
    """Return what it takes to bring an electron from the Fermi level to rest in the vacuum, eV.

    Raises
    ------
    ComputationError
        If the levels have no Fermi level, or are not against the vacuum.
    """
    return -_fermi(levels)


def alignment(molecule: Levels, surface: Levels) -> Alignment:
    """Return a molecule's levels against the Fermi level of a surface it does not touch, both against the vacuum.

    Where both are of one cell (the molecule lies on the surface), the same difference holds on any one scale: take the
    eigenvalues of the states that belong to the molecule as `molecule`.

    Parameters
    ----------
    molecule
        Its HOMO and LUMO.
    surface
        Has a Fermi level.

    Raises
    ------
    ComputationError
        If the two are on different scales, or on that of a cell average of two cells, or there is no Fermi level.
    """
    fermi = _fermi(surface)
    if molecule.zero != "vacuum":
        raise ComputationError(
            f"levels against the {molecule.zero} and against the vacuum cannot be compared",
            "levels",
            "align them to the plateau of the potential first",
        )
    lumo = None if molecule.lumo_eV is None else molecule.lumo_eV - fermi
    return Alignment(homo_eV=molecule.homo_eV - fermi, lumo_eV=lumo)


def order(one: Levels, other: Levels) -> Order:
    """Return the levels of one molecule minus those of another.

    Parameters
    ----------
    one, other
        Of one functional, basis and environment.

    Raises
    ------
    ComputationError
        If they are not against the vacuum.
    """
    scales = {one.zero, other.zero}
    if scales != {"vacuum"}:
        raise ComputationError(f"levels against the {' and the '.join(sorted(scales))} cannot be compared", "levels")
    lumos = (one.lumo_eV, other.lumo_eV)
    missing = lumos[0] is None or lumos[1] is None
    return Order(
        homo_eV=one.homo_eV - other.homo_eV,
        lumo_eV=None if lumos[0] is None or lumos[1] is None else lumos[0] - lumos[1],
        lumo_means_something=not missing and all(lumo is not None and lumo < 0 for lumo in lumos),
    )


def level_caveats(levels: Mapping[str, Levels]) -> tuple[str, ...]:
    """Return what must be said of levels above the vacuum, by environment ("gas", a solvent)."""
    found = []
    for where, each in levels.items():
        if each.homo_eV > 0:
            found.append(f"{where}: the HOMO lies {each.homo_eV:.2f} eV above the vacuum: its electron is not bound")
        if each.lumo_eV is not None and each.lumo_eV > 0:
            found.append(
                f"{where}: the LUMO lies {each.lumo_eV:.2f} eV above the vacuum: unbound, a state of the basis; do not "
                "rank it"
            )
    return tuple(found)


def _fermi(levels: Levels) -> float:
    if levels.fermi_eV is None or levels.zero != "vacuum":
        raise ComputationError(
            f"levels against the {levels.zero}, Fermi level {levels.fermi_eV}",
            "levels",
            "a metal's, against the vacuum",
        )
    return levels.fermi_eV
