"""Results with their definition, method and error. eV, Å, J/m², e; frozen documents."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from interlith.structures.records import InterfaceModel, Record

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
        parts += [] if self.surrogate or not self.functional else [self.functional]
        return ", ".join(parts + ([self.dispersion] if self.dispersion else []))


class Provenance(Record):
    """What was run on what, and whether it ended well."""

    method: Method
    input_sha256: tuple[str, ...]
    software: dict[str, str] = Field(description="package → version")
    wall_s: float
    n_force_calls: int
    converged: bool = Field(description="every calculation behind the result reached its threshold")


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


class InterfaceRecord(Record):
    """The answer to `interlith run` for one interface."""

    system: str
    preset: str
    model: InterfaceModel = Field(description="the registry that won, before relaxation")
    relaxed_xyz: str
    quantities: tuple[Quantity, ...]
    registries: tuple[RegistryOutcome, ...] = Field(description="lowest energy first")
    contact: Contact
    energies_eV: dict[str, float] = Field(description="every total energy behind the quantities")
    caveats: tuple[str, ...]
    provenance: Provenance

    @model_validator(mode="after")
    def _names_are_distinct(self) -> InterfaceRecord:
        names = [q.quantity for q in self.quantities]
        if len(names) != len(set(names)):
            raise ValueError(f"quantities named twice: {sorted(n for n in names if names.count(n) > 1)}")
        return self

    def quantity(self, name: str) -> Quantity:
        """Return the quantity of that name (`KeyError` if the record has none)."""
        return {q.quantity: q for q in self.quantities}[name]
