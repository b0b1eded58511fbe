"""From the energies behind a molecule on a slab to its record: binding, its parts, contacts, spread, caveats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from interlith.analysis import energies
from interlith.analysis.bindings import binding_caveat
from interlith.analysis.coordination import bonds_across, contact, coordination_of_touching
from interlith.analysis.evidence import Question, SlabEvidence
from interlith.analysis.records import (
    AdlayerRecord,
    Contact,
    PlacementOutcome,
    Provenance,
    Quantity,
    Relaxation,
    Spread,
)
from interlith.structures.clearances import COVERED, footprint
from interlith.structures.geometry import from_text
from interlith.structures.layouts import bodies

ORDER_TOLERANCE_EV = 0.01
LARGE_GAIN_EV = 0.1
DESORBED_A = 4.0

DEFINITIONS = {
    "binding_energy": "E(slab+mol) − E(slab) − E(mol) per cell, both at rest alone in the same cell: the slab the "
    "lower of the relaxations as cut and from the complex, the molecule the lowest of its conformers and from the "
    "complex",
    "binding_energy_per_unit": "binding energy / number of repeat units",
    "binding_energy_of_conformers": "mean over conformers of each one's lowest binding energy",
    "interaction_energy": "E(slab+mol) − E(slab) − E(mol), both as they are in the complex: E_bind = E_int + "
    "E_def(slab) + E_def(mol)",
    "deformation_energy_slab": "E(slab as in the complex) − E(slab at rest)",
    "deformation_energy_molecule": "E(molecule as in the complex) − E(molecule at rest)",
    "dispersion_interaction": "D3(BJ) energy of the complex − of the slab − of the molecule, same geometry: the part "
    "of the interaction energy that the added dispersion makes",
    "interaction_energy_without_dispersion": "interaction energy − its dispersion part",
    "binding_energy_per_covered_area": "binding energy / area of the molecule's shadow on the slab (van der Waals "
    "radii): what a closed layer of such molecules, each bound as this one, would have",
    "interfacial_formation_energy": "binding energy / (N·area): the layer covers the cell",
    "interfacial_formation_energy_frozen": "interaction energy / (N·area): the layer covers the cell",
    "reference_gain_slab": "E(slab relaxed as cut) − E(slab relaxed from the complex); positive: the complex shows "
    "it a lower basin",
    "reference_gain_molecule": "E(lowest conformer relaxed) − E(molecule relaxed from the complex); positive: the "
    "complex shows it a lower one",
    "lithium_contacts": "bonds between lithium of the slab and non-metals of the molecule but hydrogen, per cell",
    "lithium_coordination": "mean number of bonds to non-metals but hydrogen, of slab and molecule, of the lithium "
    "atoms of the slab that have such a bond to the molecule",
    "largest_displacement": "largest atomic displacement from the placement, periodic, drift of each side removed",
    "min_distance_before": "smallest slab-molecule distance as placed",
    "min_distance_after": "smallest slab-molecule distance after relaxation",
}
PER_MOLECULE = "; two equivalent molecules stand on the two faces: per molecule, half of the cell's (with 2 E(mol))"


def answer(question: Question, evidence: SlabEvidence) -> AdlayerRecord:
    """Return the record of molecules on a slab.

    Raises
    ------
    ComputationError
        If the energies were not computed by one method.
    """
    provenance = Provenance.merged([part.provenance for part in evidence.parts])
    after = from_text(evidence.complex.xyz)
    seen, across = contact(evidence.model.atoms, after), bonds_across(after)
    outcomes = evidence.outcomes
    return AdlayerRecord(
        system=question.system,
        preset=question.preset,
        model=evidence.model,
        relaxed_xyz=evidence.complex.xyz,
        quantities=_told_of_one(evidence, [*_energies(evidence, outcomes, seen), *_counts(evidence, seen, across)]),
        placements=outcomes,
        contact=seen,
        bonds_across=across,
        screening=evidence.screening,
        conformer_ranking=evidence.conformer_ranking,
        energies_eV=evidence.totals,
        caveats=_caveats(question, evidence, outcomes, seen),
        provenance=provenance,
        recipe=question.recipe,
        settings=question.settings | evidence.settings,
    )


def _interaction(evidence: SlabEvidence) -> float:
    frozen = evidence.slab_frozen.energy_eV, evidence.molecule_frozen.energy_eV
    return energies.binding_energy(evidence.complex.energy_eV, *frozen) / evidence.copies


def _told_of_one(evidence: SlabEvidence, found: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """Return the quantities, those of one of several equivalent molecules with a definition that says so."""
    if evidence.copies == 1:
        return tuple(found)
    return tuple(
        one.model_copy(update={"definition": one.definition + PER_MOLECULE})
        if one.unit == "eV" or one.quantity == "lithium_contacts"
        else one
        for one in found
    )


def _energies(evidence: SlabEvidence, outcomes: tuple[PlacementOutcome, ...], seen: Contact) -> list[Quantity]:
    binding, interaction = evidence.binding(evidence.complex.energy_eV), _interaction(evidence)
    n = evidence.copies
    deformed = {
        "slab": (evidence.slab_frozen.energy_eV / n, evidence.slab.energy_eV / n),
        "molecule": (evidence.molecule_frozen.energy_eV / n, evidence.of_one(evidence.molecule)),
    }
    caveat, rested = _doubt(evidence, interaction - binding, seen), evidence.at_rest
    settled = [one for one in outcomes if one.converged]
    over_placements = Spread.over([one.binding_energy_eV for one in settled], "placements")
    found = [
        _eV("binding_energy", binding, rested, caveat, over_placements),
        *_per_conformer(settled, rested, caveat),
        *_per_unit(evidence, binding, caveat),
        _eV("interaction_energy", interaction, evidence.complex.converged, caveat),
        *(
            _eV(f"deformation_energy_{name}", energies.deformation_energy(frozen, at_rest), rested)
            for name, (frozen, at_rest) in deformed.items()
        ),
        *_dispersion(evidence, interaction, caveat),
        *_per_area(evidence, binding, interaction, caveat),
    ]
    gains = {
        "slab": (evidence.slab_cut, evidence.slab_rejoined),
        "molecule": (evidence.own_start, evidence.from_complex),
    }
    return found + [
        _eV(f"reference_gain_{name}", _gain(evidence, one, other), one.converged and other.converged)
        for name, (one, other) in gains.items()
    ]


def _gain(evidence: SlabEvidence, own: Relaxation, from_complex: Relaxation) -> float:
    """Return how much lower a part alone relaxes from the complex than from its own start, per molecule."""
    if own is evidence.slab_cut:
        return (own.energy_eV - from_complex.energy_eV) / evidence.copies
    return evidence.of_one(own) - evidence.of_one(from_complex)


def _per_conformer(settled: Sequence[PlacementOutcome], rested: bool, caveat: str) -> list[Quantity]:
    lowest: dict[int, float] = {}
    for pose, energy in ((one.pose, one.binding_energy_eV) for one in settled):
        if pose is not None:
            lowest[pose.conformer] = min(energy, lowest.get(pose.conformer, np.inf))
    over = Spread.over(list(lowest.values()), "conformers")
    mean = float(np.mean(list(lowest.values()))) if over else 0.0
    return [_eV("binding_energy_of_conformers", mean, rested, caveat, over)] if over else []


def _per_unit(evidence: SlabEvidence, binding: float, caveat: str) -> list[Quantity]:
    units = [one.n_units for one in evidence.model.molecules]
    total = sum(n for n in units if n is not None)
    per_unit = binding * evidence.copies / total if total else 0.0
    return [_eV("binding_energy_per_unit", per_unit, evidence.at_rest, caveat)] if total else []


def _dispersion(evidence: SlabEvidence, interaction: float, caveat: str) -> list[Quantity]:
    if evidence.dispersion is None:
        return []
    part, rested = evidence.dispersion.interaction_eV / evidence.copies, evidence.complex.converged
    return [
        _eV("dispersion_interaction", part, rested),
        _eV("interaction_energy_without_dispersion", interaction - part, rested, caveat),
    ]


def _per_area(evidence: SlabEvidence, binding: float, interaction: float, caveat: str) -> list[Quantity]:
    model, rested, held = evidence.model, evidence.at_rest, evidence.complex.converged
    area = model.n_interfaces * model.area_A2 / evidence.copies
    if _covers(evidence):
        named = {"interfacial_formation_energy": binding, "interfacial_formation_energy_frozen": interaction}
        ends = dict(zip(named, (rested, held), strict=True))
        return [_quantity(n, energies.per_area(e, area), "J/m^2", ends[n], caveat) for n, e in named.items()]
    covered = energies.per_area(binding, covered_part(from_text(evidence.complex.xyz)) * area)
    return [_quantity("binding_energy_per_covered_area", covered, "J/m^2", rested, caveat)]


def covered_part(atoms: Atoms) -> float:
    """Return the part of the cell's area on which the molecules' shadow falls, van der Waals radii, 0 to 1.

    Where molecules stand on both faces, the shadow is that of those on the upper.
    """
    above = atoms[bodies(atoms) == 1]
    return footprint(above.positions, above.numbers, atoms.cell.array[:2, :2])


def _covers(evidence: SlabEvidence) -> bool:
    """Whether the layer covers the cell, as placed or at rest."""
    return evidence.model.covers or covered_part(from_text(evidence.complex.xyz)) >= COVERED


def _counts(evidence: SlabEvidence, seen: Contact, across: dict[str, int]) -> list[Quantity]:
    rested = evidence.complex.converged
    lithium = sum(n for kind, n in across.items() if kind.startswith("Li-") and kind != "Li-H")
    lengths = {
        "largest_displacement": seen.largest_displacement_A,
        "min_distance_before": seen.min_distance_before_A,
        "min_distance_after": seen.min_distance_after_A,
    }
    has_lithium = "Li" in set(from_text(evidence.slab.xyz).symbols)
    each = lithium / evidence.copies
    counts = [_quantity("lithium_contacts", each, "1", rested)] if has_lithium else []
    if lithium:
        around = coordination_of_touching(from_text(evidence.complex.xyz), "Li")
        counts.append(_quantity("lithium_coordination", around, "1", rested))
    return counts + [_quantity(name, value, "Å", rested) for name, value in lengths.items()]


def _eV(name: str, value: float, rested: bool, caveat: str = "", over: Spread | None = None) -> Quantity:
    return _quantity(name, value, "eV", rested, caveat, over)


def _quantity(
    name: str, value: float, unit: str, rested: bool, caveat: str = "", over: Spread | None = None
) -> Quantity:
    return Quantity(
        quantity=name,
        value=value,
        unit=unit,
        definition=DEFINITIONS[name],
        converged=rested,
        spread=over,
        caveat=caveat or None,
    )


def _doubt(evidence: SlabEvidence, above: float, seen: Contact) -> str:
    """Return the caveat of an energy; `above` is the interaction energy minus the binding energy, never positive."""
    told = [f"contains a reaction: {seen.why}"] if seen.reacted else []
    if above > ORDER_TOLERANCE_EV:
        told.append(f"{above:.3f} eV below the frozen value, which is impossible at rest")
    return "; ".join([*told, _surrogate(evidence)])


def _surrogate(evidence: SlabEvidence) -> str:
    model = evidence.model
    return binding_caveat(
        evidence.complex.provenance.method, model.slab.crystal, [one.formula for one in model.molecules]
    )


def _caveats(
    question: Question, evidence: SlabEvidence, outcomes: tuple[PlacementOutcome, ...], seen: Contact
) -> tuple[str, ...]:
    told = [_surrogate(evidence)]
    told += [f"a reaction took place: {seen.why}"] if seen.reacted else []
    if evidence.dispersion is None and evidence.complex.provenance.method.surrogate:
        told.append("no dispersion was added: much of what holds a molecule on a surface is missing")
    if evidence.binding(evidence.complex.energy_eV) > 0:
        told.append(f"the {evidence.above} is not bound: this engine puts the parts lower when they are apart")
    elif seen.min_distance_after_A > DESORBED_A:
        told.append(f"the {evidence.above} stands {seen.min_distance_after_A:.1f} Å off the slab: it left the surface")
    told += _about_candidates(question, evidence, outcomes)
    return tuple(text for text in [*told, *_about_model(question, evidence), *_about_references(evidence)] if text)


def _about_candidates(question: Question, evidence: SlabEvidence, outcomes: tuple[PlacementOutcome, ...]) -> list[str]:
    asked, failed = question.settings.get("placements"), [o for o in outcomes if not o.converged]
    told = []
    if asked != len(outcomes):
        told.append(f"{len(outcomes)} {evidence.left}, {asked} asked for")
    if failed:
        largest = max(o.fmax_eV_A for o in failed)
        told.append(
            f"{len(failed)} {evidence.candidates} did not converge (largest force {largest:.2f} eV/Å): "
            "kept out of the spread"
        )
    return told


def _about_model(question: Question, evidence: SlabEvidence) -> list[str]:
    model, told = evidence.model, []
    if model.slab.thickness_A < question.floor_A:
        told.append(
            f"the slab is {model.slab.thickness_A:.1f} Å thick, thinner than the preset's {question.floor_A:.1f} Å"
        )
    if not _covers(evidence):
        part = covered_part(from_text(evidence.complex.xyz))
        told.append(
            f"the {evidence.above} covers {100 * part:.0f} % of the cell: "
            "an energy per area is of the covered part only"
        )
    if model.chain_mismatch_percent is not None:
        how = "stretched" if model.chain_mismatch_percent > 0 else "compressed"
        told.append(f"the chain is {how} by {abs(model.chain_mismatch_percent):.1f} % to fit the slab")
    charge = sum(one.charge_e for one in model.molecules) // model.copies
    if charge:
        told.append(f"the molecule is an ion of charge {charge:+d}, of which this cell and engine know nothing")
    if model.copies > 1:
        told.append(f"{model.copies} equivalent molecules, one on each face: energies and contacts are of one")
    if not model.slab.stoichiometric:
        told.append(f"the slab {model.slab.formula} is not stoichiometric")
    return told


def _about_references(evidence: SlabEvidence) -> list[str]:
    told = []
    for name, one, other in (
        ("slab", evidence.slab_cut, evidence.slab_rejoined),
        (evidence.above, evidence.own_start, evidence.from_complex),
    ):
        if (gain := _gain(evidence, one, other)) > LARGE_GAIN_EV:
            told.append(f"the {name} alone relaxes {gain:.2f} eV lower from the complex than from its own start")
    parts = {"bulk": evidence.bulk, "slab alone": evidence.slab, f"{evidence.above} alone": evidence.molecule}
    told += [
        f"the {name} did not converge (largest force {part.fmax_eV_A:.2f} eV/Å)"
        for name, part in parts.items()
        if not part.converged
    ]
    return told
