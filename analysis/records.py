"""Results with their definition, method and error. eV, Å, J/m², e; frozen documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from interlith.structures.errors import ComputationError
from interlith.structures.records import (
    AdlayerModel,
    AdlayerRecipe,
    InterfaceModel,
    InterfaceRecipe,
    Miller,
    PackedRecipe,
    PoseFacts,
    Record,
    SlabFacts,
)

SpreadKind = Literal["registries", "terminations", "orderings", "placements", "conformers"]


class Method(Record):
    """How a number was computed: enough to compute it again."""

    engine: str
    engine_version: str
    model: str = Field(description="name of the weights or parameters; for DFT the code's name")
    weights_sha256: str | None = Field(description="of the weights file; None where there is none")
    functional: str | None = Field(description="functional computed, or that a surrogate was trained on")
    dispersion: str | None = Field(description="added by us, e.g. 'D3(BJ)'; None if none was added")
    surrogate: bool = Field(description="True for every engine that is not a first-principles code")
    settings: dict[str, str | float | int | bool] = Field(
        default_factory=dict, description="basis, cut-off, k-points, device…"
    )

    @property
    def level(self) -> str:
        """Level of theory in a few words, for tables."""
        parts = [self.model] + ([f"trained on {self.functional}"] if self.surrogate and self.functional else [])
        basis = f"/{self.settings['basis']}" if "basis" in self.settings else ""
        parts += [] if self.surrogate or not self.functional else [self.functional + basis]
        return ", ".join(parts + ([self.dispersion] if self.dispersion else []))


class Provenance(Record):
    """What was run on what, and whether it ended well."""

    method: Method
    input_sha256: tuple[str, ...]
    software: dict[str, str] = Field(description="package → version")
    wall_s: float
    n_force_calls: int
    converged: bool = Field(description="every calculation behind the result reached its threshold")

    @classmethod
    def merged(cls, parts: Sequence[Provenance]) -> Provenance:
        """Return the provenance of a result that rests on all `parts`: calls and times summed.

        Raises
        ------
        ComputationError
            If the parts were not computed by one method: their energies cannot be subtracted.
        """
        methods = {part.method.model_dump_json(): part.method for part in parts}
        if len(methods) != 1:
            names = ", ".join(sorted(f"{m.engine} ({m.level})" for m in methods.values()))
            raise ComputationError(f"energies of {len(methods)} methods cannot be combined: {names}", "provenance")
        return cls(
            method=parts[0].method,
            input_sha256=tuple(dict.fromkeys(sha for part in parts for sha in part.input_sha256)),
            software=parts[0].software,
            wall_s=sum(part.wall_s for part in parts),
            n_force_calls=sum(part.n_force_calls for part in parts),
            converged=all(part.converged for part in parts),
        )

    @classmethod
    def of_species(cls, parts: Sequence[Provenance]) -> Provenance:
        """Return :meth:`merged` of calculations whose engine was told each species' own charge and multiplicity."""
        told = {"charge", "multiplicity"}
        settings = [{k: v for k, v in part.method.settings.items() if k not in told} for part in parts]
        methods = [part.method.model_copy(update={"settings": s}) for part, s in zip(parts, settings, strict=True)]
        return cls.merged([p.model_copy(update={"method": m}) for p, m in zip(parts, methods, strict=True)])


class Relaxation(Record):
    """One structure brought to rest, or the honest report that it was not."""

    xyz: str = Field(description="final geometry, extended XYZ")
    energy_eV: float
    fmax_eV_A: float = Field(description="largest force on a free atom at the end, eV/Å")
    fmax_target_eV_A: float
    energies_eV: tuple[float, ...] = Field(description="at each accepted step, first to last")
    start_xyz: str
    optimizer: str
    provenance: Provenance

    @property
    def converged(self) -> bool:
        """Whether the threshold was reached."""
        return self.provenance.converged


class Static(Record):
    """The energy of one geometry as it is."""

    xyz: str
    energy_eV: float
    fmax_eV_A: float
    provenance: Provenance


class Spread(Record):
    """How much an answer varies over a stated choice; never from fewer than three."""

    kind: SpreadKind
    n: int = Field(ge=3)
    minimum: float
    maximum: float
    std: float

    @classmethod
    def over(cls, values: Sequence[float], kind: SpreadKind) -> Spread | None:
        """Return the spread of some values; None for fewer than three."""
        if len(values) < 3:
            return None
        std = float(np.std(values, ddof=1))
        return cls(kind=kind, n=len(values), minimum=min(values), maximum=max(values), std=std)


class Quantity(Record):
    """One number with its unit, definition and error."""

    quantity: str = Field(description="e.g. 'interfacial_formation_energy'")
    value: float
    unit: str
    definition: str
    converged: bool
    spread: Spread | None = None
    caveat: str | None = None


class Contact(Record):
    """What happened at the contact during relaxation (see analysis/coordination.py)."""

    bonds_broken: tuple[str, ...] = Field(description="e.g. 'P3-O17 (1.53 → 2.61 Å)'")
    bonds_formed: tuple[str, ...]
    crossed: tuple[str, ...] = Field(description="atoms that left their side for the other, e.g. 'Li12'")
    coordination_before: dict[str, float] = Field(description="mean number of bonds per element")
    coordination_after: dict[str, float]
    min_distance_before_A: float
    min_distance_after_A: float
    largest_displacement_A: float
    reacted: bool
    why: str


class ResultRecord(Record):
    """What every answer holds, whatever was asked."""

    system: str
    preset: str
    quantities: tuple[Quantity, ...]
    energies_eV: dict[str, float] = Field(description="every total energy behind the quantities")
    caveats: tuple[str, ...]
    provenance: Provenance
    settings: dict[str, str | float | int | bool] = Field(
        default_factory=dict, description="of the run: thresholds, caps, how many candidates…"
    )

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names = [q.quantity for q in self.quantities]
        if len(names) != len(set(names)):
            raise ValueError(f"quantities named twice: {sorted(n for n in names if names.count(n) > 1)}")
        return self

    def quantity(self, name: str) -> Quantity:
        """Return the quantity of that name (`KeyError` if the record has none)."""
        return {q.quantity: q for q in self.quantities}[name]


class AnswerRecord(ResultRecord):
    """What every answer of two sides in contact holds."""

    relaxed_xyz: str
    contact: Contact


class RegistryOutcome(Record):
    """One registry, relaxed."""

    shift: tuple[float, float]
    gap_A: float
    rigid_energy_eV: float
    relaxed_energy_eV: float
    e_form_J_m2: float
    converged: bool
    fmax_eV_A: float
    n_force_calls: int


class InterfaceRecord(AnswerRecord):
    """The answer to `interlith run` for one interface."""

    model: InterfaceModel = Field(description="the registry that won, before relaxation")
    registries: tuple[RegistryOutcome, ...] = Field(description="lowest energy first")
    recipe: InterfaceRecipe | None = Field(default=None, description="what was asked for, before anything was built")


class PlacementOutcome(Record):
    """One placement of a molecule, screened and relaxed; or one packing of a layer, relaxed."""

    pose: PoseFacts | None = Field(default=None, description="None for a packing")
    seed: int | None = Field(default=None, description="of a packing")
    screened_energy_eV: float | None = Field(
        default=None, description="of the screening engine, the slab held; None for a packing"
    )
    relaxed_energy_eV: float
    binding_energy_eV: float
    converged: bool
    fmax_eV_A: float
    n_force_calls: int
    density_before_g_cm3: float | None = Field(default=None, description="of a packing, as packed")
    density_after_g_cm3: float | None = Field(default=None, description="of a packing, relaxed")


class AdlayerRecord(AnswerRecord):
    """The answer to `interlith run` for a molecule, an oligomer or a packed layer on a slab."""

    model: AdlayerModel = Field(description="the placement or packing that won, as placed")
    placements: tuple[PlacementOutcome, ...] = Field(description="lowest energy first")
    bonds_across: dict[str, int] = Field(
        default_factory=dict, description="slab-molecule bonds after relaxation by kind, the slab's element first"
    )
    screening: Provenance | None = Field(
        default=None, description="of the ranking of candidates: it decides what is relaxed, no energy rests on it"
    )
    conformer_ranking: Provenance | None = Field(
        default=None, description="of the relaxations that chose which conformers are placed; no energy rests on them"
    )
    recipe: AdlayerRecipe | PackedRecipe | None = Field(
        default=None, description="what was asked for, before anything was built"
    )


class SurfaceFit(Record):
    """A straight line through slab energies over thickness (see analysis/stability.py)."""

    gamma_J_m2: float
    bulk_eV_per_unit: float = Field(description="slope: energy of one formula unit in the bulk")
    residual_eV: float = Field(description="largest deviation of a slab from the line")
    gamma_change_J_m2: float = Field(description="γ minus γ without the thinnest slab")
    n: int = Field(ge=3, description="number of slabs")
    tolerance_J_m2: float = Field(description="γ counts as converged if it changes by less")

    @property
    def converged(self) -> bool:
        """Whether γ stays the same when the thinnest slab is left out."""
        return abs(self.gamma_change_J_m2) <= self.tolerance_J_m2


class Deviation(Record):
    """A result beside a reference value, with what that value is worth."""

    value: float = Field(description="of the reference, in the unit of the result")
    percent: float = Field(description="result minus reference, in percent of the reference")
    tag: Literal["read", "recalled", "derived"]
    source: str
    functional: str | None = Field(default=None, description="of the reference; None for an experiment or if not known")


class SurfaceRecord(Record):
    """The surface energy of one face by slabs of several thicknesses."""

    crystal: str
    miller: Miller
    slabs: tuple[SlabFacts, ...] = Field(description="thinnest first")
    formula_units: tuple[float, ...]
    energies_eV: tuple[float, ...] = Field(description="of the relaxed slabs")
    fit: SurfaceFit
    gamma_own_bulk_J_m2: tuple[float, ...] = Field(description="per slab, against the relaxed bulk cell")
    deviations: tuple[Deviation, ...]
    caveats: tuple[str, ...]
    provenance: Provenance
