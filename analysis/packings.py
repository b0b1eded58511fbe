"""From the energies behind a packed layer on a slab to its record: what several packings say of one contact.

Packings differ by some eV in how well their molecules lie among each other, far more than in how they hold the slab.
Each is therefore held against its own layer alone; the one of lowest total energy answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.units import mol
from pydantic import Field

from interlith.analysis import energies
from interlith.analysis.adlayers import DEFINITIONS, answer
from interlith.analysis.coordination import coordination_in
from interlith.analysis.evidence import Question, SlabEvidence
from interlith.analysis.interfaces import lowest
from interlith.analysis.records import AdlayerRecord, PlacementOutcome, Quantity, Relaxation, Spread
from interlith.structures.geometry import from_text
from interlith.structures.packing import A3_PER_CM3
from interlith.structures.records import AdlayerModel, PackedRecipe, Record

LARGE_DRIFT = 0.05
"""A density that relaxation changed by more than this part gets a caveat."""

LAYER_DEFINITIONS = {
    "binding_energy": "E(slab+layer) − E(slab) − E(layer) per cell, both at rest alone in the same cell: the slab the "
    "lower of the relaxations as cut and from the complex, the layer, of the same packing, the lower of those as "
    "packed and from the complex",
    "interaction_energy": "E(slab+layer) − E(slab) − E(layer), both as they are in the complex: E_bind = E_int + "
    "E_def(slab) + E_def(molecule)",
    "deformation_energy_molecule": "E(layer as in the complex) − E(layer at rest)",
    "dispersion_interaction": DEFINITIONS["dispersion_interaction"].replace("molecule", "layer"),
    "binding_energy_per_covered_area": "binding energy / area of the layer's shadow on the slab (van der Waals radii)",
    "reference_gain_molecule": "E(layer relaxed as packed) − E(layer relaxed from the complex); positive: the complex "
    "shows it a lower basin",
    "lithium_contacts": "bonds between lithium of the slab and non-metals of the layer but hydrogen, per cell",
    "lithium_coordination": DEFINITIONS["lithium_coordination"].replace("molecule", "layer"),
    "lithium_coordination_layer": "mean number of bonds to non-metals but hydrogen, of slab and layer, of the layer's "
    "lithium",
    "largest_displacement": "largest atomic displacement from the packing, periodic, drift of each side removed",
    "min_distance_before": "smallest slab-layer distance as packed",
    "min_distance_after": "smallest slab-layer distance after relaxation",
    "density_before": "mass of the layer / (area · height) as packed; the height is from the slab's highest atom to "
    "the layer's, or, without an open side, between the slab's faces less the least distance asked for",
    "density_after": "the same after relaxation",
}
NOT_OF_LAYERS = ("binding_energy_per_unit",)
"""Of one molecule; several kinds have no common unit."""


class Packing(Record):
    """One packing of a layer, or why there is none."""

    seed: int
    model: AdlayerModel | None = None
    refused: str = Field(default="", description="why this seed gave none")


class LayerAlone(Record):
    """The layer of one packing without the slab, relaxed in the same cell."""

    packed: Relaxation = Field(description="from where it was packed")
    rejoined: Relaxation = Field(description="from its geometry in the complex")

    @property
    def lower(self) -> Relaxation:
        """The lower of the two."""
        return min(self.packed, self.rejoined, key=lambda r: r.energy_eV)

    @property
    def converged(self) -> bool:
        """Whether both came to rest."""
        return self.packed.converged and self.rejoined.converged


class PackedEvidence(SlabEvidence):
    """Everything behind one record of a packed layer."""

    above: ClassVar[str] = "layer"
    candidates: ClassVar[str] = "packings"
    left: ClassVar[str] = "packings could be made"

    recipe: PackedRecipe
    packings: tuple[Packing, ...]
    layers: tuple[LayerAlone | None, ...] = Field(description="one per packing; None where there is none")

    @property
    def model(self) -> AdlayerModel:
        """The packing that answers, as packed."""
        model = self.packings[lowest(self.relaxed)].model
        assert model is not None, "what was relaxed was packed"
        return model

    @property
    def layer(self) -> LayerAlone:
        """The layer of the packing that answers, alone."""
        layer = self.layers[lowest(self.relaxed)]
        assert layer is not None, "the layer of what was relaxed was relaxed"
        return layer

    @property
    def own_start(self) -> Relaxation:
        """The layer that answers, relaxed as packed."""
        return self.layer.packed

    @property
    def from_complex(self) -> Relaxation:
        """The layer that answers, as the complex leaves it, relaxed."""
        return self.layer.rejoined

    @property
    def alone(self) -> dict[str, Relaxation]:
        """Both relaxations of the layer of every packing."""
        known = [(k, layer) for k, layer in enumerate(self.layers) if layer is not None]
        return {f"layer_packed_{k}": one.packed for k, one in known} | {
            f"layer_rejoined_{k}": one.rejoined for k, one in known
        }

    @property
    def outcomes(self) -> tuple[PlacementOutcome, ...]:
        """Every relaxed packing, lowest total energy first, each against its own layer."""
        found = [
            self._outcome(packing, packing.model, relaxed, layer)
            for packing, relaxed, layer in zip(self.packings, self.relaxed, self.layers, strict=True)
            if packing.model is not None and relaxed is not None and layer is not None
        ]
        return tuple(sorted(found, key=lambda one: one.relaxed_energy_eV))

    def _outcome(
        self, packing: Packing, model: AdlayerModel, relaxed: Relaxation, layer: LayerAlone
    ) -> PlacementOutcome:
        apart = self.slab.energy_eV, layer.lower.energy_eV
        return PlacementOutcome(
            seed=packing.seed,
            relaxed_energy_eV=relaxed.energy_eV,
            binding_energy_eV=energies.binding_energy(relaxed.energy_eV, *apart),
            converged=relaxed.converged and layer.lower.converged,
            fmax_eV_A=max(relaxed.fmax_eV_A, layer.lower.fmax_eV_A),
            n_force_calls=relaxed.provenance.n_force_calls,
            density_before_g_cm3=layer_density_g_cm3(model.atoms, self.recipe),
            density_after_g_cm3=layer_density_g_cm3(from_text(relaxed.xyz), self.recipe),
        )


def layer_answer(question: Question, evidence: PackedEvidence) -> AdlayerRecord:
    """Return the record of a packed layer on a slab.

    Raises
    ------
    ComputationError
        If the energies were not computed by one method.
    """
    record = answer(question, evidence)
    over_area = _over_area(evidence)
    quantities = [_of_layer(one, over_area) for one in record.quantities if one.quantity not in NOT_OF_LAYERS]
    changes = {
        "quantities": (*quantities, *_own_quantities(evidence)),
        "caveats": (*record.caveats, *_caveats(evidence)),
    }
    return AdlayerRecord(**dict(record) | changes)


def layer_density_g_cm3(atoms: Atoms, recipe: PackedRecipe) -> float:
    """Return the density of a layer as :func:`structures.packing.packed_layer` counts it, g/cm³.

    Parameters
    ----------
    atoms
        The slab (array `side` 0) and the layer (1); nothing is wrapped along z.
    recipe
        Whether one side is open; without, the least distance.
    """
    side, up = atoms.arrays["side"], atoms.positions[:, 2]
    slab, cell = up[side == 0], atoms.cell.array
    area = float(np.linalg.norm(np.cross(cell[0], cell[1])))
    free = float(cell[2, 2] - np.ptp(slab)) - recipe.min_distance_A
    height = float(up[side == 1].max() - slab.max()) if recipe.open_side else free
    grams = float(atoms.get_masses()[side == 1].sum()) / mol
    return grams * A3_PER_CM3 / (area * height)


def _over_area(evidence: PackedEvidence) -> Spread | None:
    """Return the spread over packings of what each layer binds, J/m²."""
    area = evidence.model.n_interfaces * evidence.model.area_A2
    settled = [energies.per_area(one.binding_energy_eV, area) for one in evidence.outcomes if one.converged]
    return Spread.over(settled, "placements")


def _of_layer(one: Quantity, over_area: Spread | None) -> Quantity:
    """Return a quantity with the definition that it has for a layer."""
    spread = over_area if one.quantity == "interfacial_formation_energy" else one.spread
    definition = LAYER_DEFINITIONS.get(one.quantity, one.definition)
    return one.model_copy(update={"definition": definition, "spread": spread})


def _own_quantities(evidence: PackedEvidence) -> list[Quantity]:
    after, best = from_text(evidence.complex.xyz), evidence.outcomes[0]
    values = {
        "density_before": (best.density_before_g_cm3, "g/cm^3"),
        "density_after": (best.density_after_g_cm3, "g/cm^3"),
        "lithium_coordination_layer": (coordination_in(after, "Li", side=1), "1"),
    }
    return [
        Quantity(
            quantity=name,
            value=value,
            unit=unit,
            definition=LAYER_DEFINITIONS[name],
            converged=evidence.complex.converged,
        )
        for name, (value, unit) in values.items()
        if value is not None
    ]


def _caveats(evidence: PackedEvidence) -> list[str]:
    told = [f"no packing by seed {one.seed}: {one.refused}" for one in evidence.packings if one.refused]
    ions = ions_of(evidence.model)
    if ions:
        listed = ", ".join(f"{n} {name}" for name, n in ions.items())
        told.append(f"the layer holds ions ({listed}), neutral as a whole: the engine was told no charges")
    best = evidence.outcomes[0]
    if best.density_before_g_cm3 and best.density_after_g_cm3:
        drift = best.density_after_g_cm3 / best.density_before_g_cm3 - 1
        if abs(drift) > LARGE_DRIFT:
            told.append(f"relaxation changed the layer's density by {100 * drift:+.0f} %")
    return told


def ions_of(model: AdlayerModel) -> Mapping[str, int]:
    """Return how many of each ion there are in a layer."""
    named = [one.name for one in model.molecules if one.charge_e]
    return {name: named.count(name) for name in dict.fromkeys(named)}
