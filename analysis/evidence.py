"""Everything behind the record of molecules on a slab: what was relaxed, what each part was alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from interlith.analysis import energies
from interlith.analysis.interfaces import lowest, lowest_of
from interlith.analysis.placements import Ranking, pose_of
from interlith.analysis.records import PlacementOutcome, Provenance, Relaxation, Static
from interlith.structures.records import AdlayerModel, AdlayerRecipe, PackedRecipe, Record


class Question(Record):
    """What was asked: goes into the record unchanged."""

    system: str
    preset: str
    recipe: AdlayerRecipe | PackedRecipe
    settings: dict[str, str | float | int | bool]
    floor_A: float = Field(description="a thinner slab gets a caveat")


class Dispersion(Record):
    """Energies of the added dispersion alone, at the geometry of the complex."""

    complex_eV: float
    slab_eV: float
    molecule_eV: float

    @property
    def interaction_eV(self) -> float:
        """Its part of the interaction energy."""
        return energies.binding_energy(self.complex_eV, self.slab_eV, self.molecule_eV)


class SlabEvidence(Record, ABC):
    """What is behind every record of molecules on a slab.

    Attributes
    ----------
    above, candidates, left
        What is on the slab, its ways to be there, and how fewer of these came about than were asked for, in words.
    """

    above: ClassVar[str]
    candidates: ClassVar[str]
    left: ClassVar[str]

    relaxed: tuple[Relaxation | None, ...] = Field(description="one per candidate asked for; None where there is none")
    bulk: Relaxation
    slab_cut: Relaxation = Field(description="slab alone, from the slab at rest")
    slab_rejoined: Relaxation = Field(description="slab alone, from its geometry in the complex")
    slab_frozen: Static
    molecule_frozen: Static
    dispersion: Dispersion | None = Field(description="None where the method adds none")
    conformer_ranking: Provenance | None = Field(default=None, description="None where no engine ranked the conformers")

    @property
    @abstractmethod
    def model(self) -> AdlayerModel:
        """The candidate that answers, as placed."""

    @property
    @abstractmethod
    def alone(self) -> dict[str, Relaxation]:
        """What is on the slab, relaxed alone, by names for their energies."""

    @property
    @abstractmethod
    def own_start(self) -> Relaxation:
        """What is on the slab, alone, from where it would start without one: the lowest."""

    @property
    @abstractmethod
    def from_complex(self) -> Relaxation:
        """What is on the slab, alone, from its geometry in the complex."""

    @property
    @abstractmethod
    def outcomes(self) -> tuple[PlacementOutcome, ...]:
        """Every relaxed candidate, lowest energy first."""

    @property
    def screening(self) -> Provenance | None:
        """Of the ranking of candidates; None where there was none."""
        return None

    @property
    def settings(self) -> dict[str, str | float | int | bool]:
        """What the record says of the run beside what was asked."""
        return {}

    @property
    def complex(self) -> Relaxation:
        """The whole, at rest, in the candidate that answers."""
        return lowest_of(self.relaxed)

    @property
    def slab(self) -> Relaxation:
        """The slab alone: the lower of two."""
        return min(self.slab_cut, self.slab_rejoined, key=lambda r: r.energy_eV)

    @property
    def copies(self) -> int:
        """How many equivalent molecules the complex holds: energies are per one of them."""
        return self.model.copies

    @property
    def molecule(self) -> Relaxation:
        """What is on the slab, alone: the lower of its own start and of what the complex leaves."""
        return min(self.own_start, self.from_complex, key=self.of_one)

    def of_one(self, alone: Relaxation) -> float:
        """Return the energy of one molecule alone, eV: what the complex leaves may hold several."""
        return alone.energy_eV / (self.copies if alone is self.from_complex else 1)

    @property
    def at_rest(self) -> bool:
        """Whether everything that the binding energy rests on reached its threshold."""
        return self.complex.converged and self.slab.converged and self.molecule.converged

    @property
    def parts(self) -> Sequence[Relaxation | Static]:
        """Everything that was computed."""
        own: list[Relaxation | Static] = [one for one in self.relaxed if one is not None]
        own += [self.bulk, self.slab_cut, self.slab_rejoined, self.slab_frozen]
        return [*own, *self.alone.values(), self.molecule_frozen]

    @property
    def totals(self) -> dict[str, float]:
        """Every total energy, eV, by its name."""
        names = ("complex", "bulk", "slab_cut", "slab_rejoined", "slab_frozen", "molecule_frozen")
        found = {name: float(getattr(self, name).energy_eV) for name in names}
        found |= {name: one.energy_eV for name, one in self.alone.items()}
        dispersion = self.dispersion.model_dump(exclude={"schema_version"}) if self.dispersion else {}
        return found | {f"dispersion_{name.removesuffix('_eV')}": value for name, value in dispersion.items()}

    def binding(self, complex_eV: float) -> float:
        """Return the binding energy, of one molecule, of a complex of that energy."""
        apart = self.copies * self.of_one(self.molecule)
        return energies.binding_energy(complex_eV, self.slab.energy_eV, apart) / self.copies


class Evidence(SlabEvidence):
    """Everything behind one record of an adlayer."""

    above: ClassVar[str] = "molecule"
    candidates: ClassVar[str] = "placements"
    left: ClassVar[str] = "distinct placements were left after screening"

    ranking: Ranking
    conformers: tuple[Relaxation, ...] = Field(min_length=1, description="each conformer alone, in the same cell")
    molecule_rejoined: Relaxation = Field(description="molecule alone, from its geometry in the complex")

    @property
    def model(self) -> AdlayerModel:
        """The placement that answers, as placed."""
        return self.ranking.chosen[lowest(self.relaxed)].model

    @property
    def alone(self) -> dict[str, Relaxation]:
        """The conformers, and what the complex leaves."""
        numbered = {f"conformer_{k}": one for k, one in enumerate(self.conformers)}
        return numbered | {"molecule_rejoined": self.molecule_rejoined}

    @property
    def own_start(self) -> Relaxation:
        """The lowest conformer."""
        return min(self.conformers, key=lambda r: r.energy_eV)

    @property
    def from_complex(self) -> Relaxation:
        """The molecule as the complex leaves it, relaxed."""
        return self.molecule_rejoined

    @property
    def screening(self) -> Provenance:
        """Of the ranking of placements."""
        return self.ranking.provenance

    @property
    def settings(self) -> dict[str, str | float | int | bool]:
        """How many placements were screened."""
        return {"candidates": self.ranking.n_candidates}

    @property
    def outcomes(self) -> tuple[PlacementOutcome, ...]:
        """Every relaxed placement, lowest energy first, all against the same references."""
        pairs = [(s, r) for s, r in zip(self.ranking.chosen, self.relaxed, strict=False) if r is not None]
        return tuple(
            PlacementOutcome(
                pose=pose_of(screened.model),
                screened_energy_eV=screened.energy_eV,
                relaxed_energy_eV=relaxed.energy_eV,
                binding_energy_eV=self.binding(relaxed.energy_eV),
                converged=relaxed.converged,
                fmax_eV_A=relaxed.fmax_eV_A,
                n_force_calls=relaxed.provenance.n_force_calls,
            )
            for screened, relaxed in sorted(pairs, key=lambda pair: pair[1].energy_eV)
        )
