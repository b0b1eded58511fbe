"""From the energies behind one interface to its record: every quantity, its definition, spread and caveats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from interlith.analysis import energies, surrogates
from interlith.analysis.coordination import contact
from interlith.analysis.records import (
    Contact,
    InterfaceRecord,
    Provenance,
    Quantity,
    RegistryOutcome,
    Relaxation,
    Spread,
    Static,
)
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import from_text
from interlith.structures.records import InterfaceModel, InterfaceRecipe, Record, SlabFacts

AREAL = "J/m^2"
ORDER_TOLERANCE_J_M2 = 1e-3
LARGE_GAIN_J_M2 = 0.05

DEFINITIONS = {
    "interfacial_formation_energy": "[E(A|B) − E(A) − E(B)] / (N·area), sides relaxed alone in the common lateral "
    "cell, each the lower of the relaxations from its cut and from its geometry in the interface",
    "interfacial_formation_energy_frozen": "[E(A|B) − E(A) − E(B)] / (N·area), sides as they are in the interface",
    "work_of_separation": "−E_form(frozen)",
    "work_of_adhesion": "−E_form(relaxed)",
    "interface_energy_bulk_referenced": "[E(A|B) − Σ n·μ] / (N·area) − γ_A − γ_B (no γ without vacuum), "
    "μ of each bulk at the interface's in-plane strain, γ of the relaxed sides",
    "strain_energy": "[E_bulk(at the interface's in-plane cell, normal relaxed) − E_bulk(free)] / area, "
    "for as much bulk as the side holds",
    "surface_energy": "[E(side alone) − n·μ] / (2·area), μ of the bulk at the interface's in-plane strain: "
    "mean over the two faces",
    "reference_gain": "[E(relaxed from the cut) − E(relaxed from the interface)] / (N·area); "
    "positive: the interface shows this side a lower basin",
    "largest_displacement": "largest atomic displacement during relaxation, periodic, drift of each side removed",
    "min_distance_before": "smallest A–B distance at the best rigid gap",
    "min_distance_after": "smallest A–B distance after relaxation",
}


class Question(Record):
    """What was asked: goes into the record unchanged."""

    system: str
    preset: str
    recipe: InterfaceRecipe
    settings: dict[str, str | float | int | bool]
    floor_A: float = Field(description="a thinner side gets a caveat")


class Start(Record):
    """A registry at its best rigid position."""

    model: InterfaceModel
    energy_eV: float


class Starts(Record):
    """Where the relaxations begin: minima of the rigid search, then mere starts, each lowest energy first."""

    starts: tuple[Start, ...] = Field(min_length=1)
    provenance: Provenance


class SideEvidence(Record):
    """What was computed of one side."""

    bulk: Relaxation = Field(description="free, full cell")
    strained: Relaxation | None = Field(
        description="bulk at the interface's in-plane cell, normal relaxed; None for the cell of a reconstruction"
    )
    cut: Relaxation = Field(description="side alone, from the cut slab")
    rejoined: Relaxation = Field(description="side alone, from its geometry in the relaxed interface")
    frozen: Static = Field(description="side alone, as it is in the relaxed interface")

    @property
    def reference(self) -> Relaxation:
        """The lower of the two relaxations."""
        return min(self.cut, self.rejoined, key=lambda r: r.energy_eV)


class Evidence(Record):
    """Everything behind one interface record."""

    registries: Starts
    relaxed: tuple[Relaxation | None, ...] = Field(description="one per start asked for; None beyond the last found")
    side_a: SideEvidence
    side_b: SideEvidence

    @property
    def winner(self) -> int:
        """Index of the registry that answers."""
        return lowest(self.relaxed)

    @property
    def interface(self) -> Relaxation:
        """The relaxed interface of the registry that answers."""
        return lowest_of(self.relaxed)

    @property
    def model(self) -> InterfaceModel:
        """The interface of the registry that answers, before relaxation."""
        return self.registries.starts[self.winner].model


def lowest(relaxed: Sequence[Relaxation | None]) -> int:
    """Return the index of the lowest converged relaxation; of the lowest of all where none converged.

    Raises
    ------
    ComputationError
        If there is no relaxation at all.
    """
    ranked = sorted((not r.converged, r.energy_eV, k) for k, r in enumerate(relaxed) if r is not None)
    if not ranked:
        raise ComputationError("no candidate was relaxed", "relaxations", "run the search for candidates again")
    return ranked[0][2]


def lowest_of(relaxed: Sequence[Relaxation | None]) -> Relaxation:
    """Return the relaxation that :func:`lowest` chooses."""
    chosen = relaxed[lowest(relaxed)]
    assert chosen is not None
    return chosen


def answer(question: Question, evidence: Evidence) -> InterfaceRecord:
    """Return the record of an interface.

    Raises
    ------
    ComputationError
        If the energies were not computed by one method.
    """
    parts = _all_parts(evidence)
    provenance = Provenance.merged([part.provenance for part in parts])
    seen = contact(evidence.model.atoms, from_text(evidence.interface.xyz))
    outcomes = registry_outcomes(evidence)
    quantities = _quantities(evidence, outcomes, seen)
    return InterfaceRecord(
        system=question.system,
        preset=question.preset,
        model=evidence.model,
        relaxed_xyz=evidence.interface.xyz,
        quantities=tuple(quantities),
        registries=outcomes,
        contact=seen,
        energies_eV=_energies(evidence),
        caveats=_caveats(question, evidence, outcomes, seen),
        provenance=provenance,
        recipe=question.recipe,
        settings=question.settings,
    )


def registry_outcomes(evidence: Evidence) -> tuple[RegistryOutcome, ...]:
    """Return every relaxed registry, lowest energy first, all against the same references."""
    pairs = [(s, r) for s, r in zip(evidence.registries.starts, evidence.relaxed, strict=False) if r is not None]
    return tuple(
        RegistryOutcome(
            shift=start.model.shift,
            gap_A=start.model.gap_A,
            rigid_energy_eV=start.energy_eV,
            relaxed_energy_eV=relaxed.energy_eV,
            e_form_J_m2=_formation(evidence, relaxed.energy_eV),
            converged=relaxed.converged,
            fmax_eV_A=relaxed.fmax_eV_A,
            n_force_calls=relaxed.provenance.n_force_calls,
        )
        for start, relaxed in sorted(pairs, key=lambda pair: pair[1].energy_eV)
    )


def registry_spread(outcomes: Sequence[RegistryOutcome], sign: int = 1) -> Spread | None:
    """Return the spread of the formation energy over the converged registries; None for fewer than three.

    Parameters
    ----------
    outcomes
        The relaxed registries.
    sign
        −1 for the spread of the work of adhesion.
    """
    return Spread.over([sign * o.e_form_J_m2 for o in outcomes if o.converged], "registries")


def bulk_energy(side_xyz: str, bulk: Relaxation | None, name: str) -> float:
    """Return the energy of as many bulk formula units as the side holds, eV.

    Raises
    ------
    RequestError
        If the side is not made of whole formula units of its bulk, or its strained bulk is not known.
    """
    if bulk is None:
        raise RequestError(f"{name} is reconstructed in a larger cell: its strained bulk is not known", name)
    atoms, reference = from_text(side_xyz), from_text(bulk.xyz)
    return energies.formula_units(Counter(atoms.symbols), Counter(reference.symbols), name) * bulk.energy_eV


def _all_parts(evidence: Evidence) -> list[Relaxation | Static | Starts]:
    sides = (evidence.side_a, evidence.side_b)
    of_sides = [part for s in sides for part in (s.bulk, s.strained, s.cut, s.rejoined, s.frozen)]
    return [evidence.registries, *(part for part in (*evidence.relaxed, *of_sides) if part is not None)]


def _at_rest(part: Relaxation | None) -> bool:
    return part is not None and part.converged


def _formation(evidence: Evidence, interface_eV: float, *, frozen: bool = False) -> float:
    sides = (evidence.side_a, evidence.side_b)
    a, b = (s.frozen.energy_eV if frozen else s.reference.energy_eV for s in sides)
    model = evidence.model
    return energies.interfacial_formation_energy(interface_eV, a, b, model.area_A2, model.n_interfaces)


def _quantities(evidence: Evidence, outcomes: tuple[RegistryOutcome, ...], seen: Contact) -> list[Quantity]:
    sides = _sides(evidence)
    of_sides = [q for letter, side, slab in sides for q in _of_side(evidence, letter, side, slab)]
    return [*_of_contact(evidence, outcomes, seen), *of_sides, *_bulk_referenced(evidence), *_lengths(evidence, seen)]


def _sides(evidence: Evidence) -> list[tuple[str, SideEvidence, SlabFacts]]:
    return [("a", evidence.side_a, evidence.model.slab_a), ("b", evidence.side_b, evidence.model.slab_b)]


def _of_contact(evidence: Evidence, outcomes: tuple[RegistryOutcome, ...], seen: Contact) -> list[Quantity]:
    interface = evidence.interface
    relaxed = _formation(evidence, interface.energy_eV)
    frozen = _formation(evidence, interface.energy_eV, frozen=True)
    ordered = relaxed >= frozen - ORDER_TOLERANCE_J_M2
    at_rest = interface.converged and ordered and all(s.reference.converged for _, s, _ in _sides(evidence))
    caveat = "; ".join(
        ([f"contains a reaction: {seen.why}"] if seen.reacted else [])
        + ([] if ordered else [f"{frozen - relaxed:.3f} J/m² below the frozen value, which is impossible at rest"])
        + [surrogates.caveat(interface.provenance.method)]
    )
    spread, mirrored = registry_spread(outcomes), registry_spread(outcomes, -1)
    return [
        _areal("interfacial_formation_energy", relaxed, at_rest, caveat, spread),
        _areal("interfacial_formation_energy_frozen", frozen, interface.converged, caveat),
        _areal("work_of_separation", energies.work_of_separation(frozen), interface.converged, caveat),
        _areal("work_of_adhesion", energies.work_of_adhesion(relaxed), at_rest, caveat, mirrored),
    ]


def _of_side(evidence: Evidence, letter: str, side: SideEvidence, slab: SlabFacts) -> list[Quantity]:
    area, n_interfaces = evidence.model.area_A2, evidence.model.n_interfaces
    gain = energies.per_area(side.cut.energy_eV - side.rejoined.energy_eV, n_interfaces * area)
    both = side.cut.converged and side.rejoined.converged
    found = [_areal(f"reference_gain_{letter}", gain, both, None)]
    try:
        strained, free = (bulk_energy(side.cut.xyz, b, f"side {letter.upper()}") for b in (side.strained, side.bulk))
    except RequestError:
        return found
    strain = energies.strain_energy(strained, free, area)
    gamma = energies.surface_energy(side.reference.energy_eV, strained, area)
    mean = None if slab.symmetric else "mean over two faces that differ"
    bulks = side.bulk.converged and _at_rest(side.strained)
    resting = side.reference.converged and _at_rest(side.strained)
    found.append(_areal(f"strain_energy_{letter}", strain, bulks, None))
    return [*found, _areal(f"surface_energy_{letter}", gamma, resting, mean)]


def _bulk_referenced(evidence: Evidence) -> list[Quantity]:
    sides, model = _sides(evidence), evidence.model
    try:
        bulks = [bulk_energy(s.cut.xyz, s.strained, f"side {letter.upper()}") for letter, s, _ in sides]
    except RequestError:
        return []
    gammas = [
        energies.surface_energy(s.reference.energy_eV, bulk, model.area_A2)
        for (_, s, _), bulk in zip(sides, bulks, strict=True)
    ]
    free = sum(gammas) if model.n_interfaces == 1 else 0.0
    interface = evidence.interface
    sigma = energies.interface_energy(interface.energy_eV, sum(bulks), model.area_A2, model.n_interfaces, free)
    resting = interface.converged and all(s.reference.converged and _at_rest(s.strained) for _, s, _ in sides)
    differing = [letter.upper() for letter, _, slab in sides if not slab.symmetric]
    caveat = f"rests on the mean γ of side {' and '.join(differing)}, whose faces differ" if differing else None
    return [_areal("interface_energy_bulk_referenced", sigma, resting, caveat)]


def _lengths(evidence: Evidence, seen: Contact) -> list[Quantity]:
    values = {
        "largest_displacement": seen.largest_displacement_A,
        "min_distance_before": seen.min_distance_before_A,
        "min_distance_after": seen.min_distance_after_A,
    }
    resting = evidence.interface.converged
    return [
        Quantity(quantity=name, value=value, unit="Å", definition=DEFINITIONS[name], converged=resting)
        for name, value in values.items()
    ]


def _areal(name: str, value: float, converged: bool, caveat: str | None, spread: Spread | None = None) -> Quantity:
    definition = DEFINITIONS[name if name in DEFINITIONS else name[:-2]]
    return Quantity(
        quantity=name,
        value=value,
        unit=AREAL,
        definition=definition,
        converged=converged,
        spread=spread,
        caveat=caveat or None,
    )


def _energies(evidence: Evidence) -> dict[str, float]:
    totals = {"interface": evidence.interface.energy_eV}
    for letter, side, _ in _sides(evidence):
        for name in ("bulk", "strained", "cut", "rejoined", "frozen"):
            part = getattr(side, name)
            totals |= {f"side_{letter}_{name}": part.energy_eV} if part is not None else {}
    return totals


def _caveats(
    question: Question, evidence: Evidence, outcomes: tuple[RegistryOutcome, ...], seen: Contact
) -> tuple[str, ...]:
    told = [surrogates.caveat(evidence.interface.provenance.method)]
    told += [f"a reaction took place: {seen.why}"] if seen.reacted else []
    if _formation(evidence, evidence.interface.energy_eV) > 0:
        told.append("the contact is not bound: this engine puts the separated sides lower, so a wider gap is favoured")
    told += _about_registries(question, outcomes)
    for letter, side, slab in _sides(evidence):
        told += _about_side(f"side {letter.upper()}", side, slab, question.floor_A)
        gain = energies.per_area(side.cut.energy_eV - side.rejoined.energy_eV, evidence.model.area_A2)
        if gain > LARGE_GAIN_J_M2:
            told.append(
                f"side {letter.upper()} alone relaxes {gain:.2f} J/m² lower from the interface than from its cut"
            )
    return tuple(text for text in told if text)


def _about_registries(question: Question, outcomes: tuple[RegistryOutcome, ...]) -> list[str]:
    asked, failed = question.settings.get("registries"), [o for o in outcomes if not o.converged]
    told = [f"{len(outcomes)} distinct registries were found, {asked} asked for"] if asked != len(outcomes) else []
    if failed:
        largest = max(o.fmax_eV_A for o in failed)
        told.append(
            f"{len(failed)} registries did not converge (largest force {largest:.2f} eV/Å): kept out of the spread"
        )
    return told


def _about_side(name: str, side: SideEvidence, slab: SlabFacts, floor_A: float) -> list[str]:
    told = []
    if slab.thickness_A < floor_A:
        told.append(f"{name} is {slab.thickness_A:.1f} Å thick, thinner than the preset's {floor_A:.1f} Å")
    try:
        bulk_energy(side.cut.xyz, side.strained, name)
    except RequestError as fault:
        told.append(f"{fault.what}: no strain, surface or bulk-referenced energy")
    for part, words in ((side.bulk, "bulk"), (side.strained, "strained bulk"), (side.reference, "reference")):
        if part is not None and not part.converged:
            told.append(f"{name}: the {words} did not converge (largest force {part.fmax_eV_A:.2f} eV/Å)")
    return told
