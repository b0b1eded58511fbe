"""The bookkeeping of a packed layer on a slab, with energies chosen so that every answer is known by hand."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.data import atomic_masses
from evidence_cases import provenance, relaxation, static

from interlith.analysis.coordination import coordination_in
from interlith.analysis.evidence import Question
from interlith.analysis.packings import (
    LAYER_DEFINITIONS,
    LayerAlone,
    PackedEvidence,
    Packing,
    layer_answer,
    layer_density_g_cm3,
)
from interlith.analysis.records import AdlayerRecord
from interlith.structures.errors import ComputationError
from interlith.structures.geometry import to_text
from interlith.structures.interfaces import side_alone
from interlith.structures.records import (
    AdlayerModel,
    Component,
    MoleculeFacts,
    MoleculeRecipe,
    Origin,
    PackedRecipe,
    SideRecipe,
    SlabFacts,
)

J_M2 = units._e * 1e20
EDGE_A, BOX_A = 6.0, 20.0
ORIGIN = Origin(source="by hand", sha256="0")
COMPLEX = (-121.0, -120.9, -120.5)
LAYERS = ((-20.0, -20.1), (-20.6, -20.5), (-19.7, -20.0))
"""Of three packings: the layer alone, as packed and from the complex."""


def recipe_of(**changes) -> PackedRecipe:
    components = [Component(recipe=MoleculeRecipe(molecule=name), count=1) for name in ("Li+", "[OH-]")]
    side = SideRecipe(crystal="Al", miller=(1, 0, 0))
    return PackedRecipe(**{"side_a": side, "components": components, "density_g_cm3": 0.3} | changes)


def ion(name: str, formula: str, charge: int) -> MoleculeFacts:
    bonds = () if formula == "Li" else ((0, 1, 1.0),)
    return MoleculeFacts(
        name=name, smiles="", formula=formula, n_atoms=len(bonds) + 1, charge_e=charge, bonds=bonds, origin=ORIGIN
    )


def model_of(**changes) -> AdlayerModel:
    """Two planes of aluminium; lithium 1.9 Å from the oxygen of a hydroxide above."""
    slab = [[x, y, z] for z in (3.0, 5.0) for x in (0.0, 3.0) for y in (0.0, 3.0)]
    atoms = Atoms("Al8", slab, cell=[EDGE_A, EDGE_A, BOX_A], pbc=True)
    atoms += Atoms("LiOH", [[1.5, 1.5, 7.5], [1.5, 3.4, 7.5], [1.5, 3.4, 8.5]])
    atoms.set_array("side", np.repeat([0, 1], [8, 3]))
    atoms.set_array("molecule", np.array([-1] * 8 + [0, 1, 1]))
    facts = SlabFacts(
        crystal="Al", miller=(1, 0, 0), termination=0, termination_label="", formula="Al2", n_atoms=2, thickness_A=9.0,
        n_layers=2, vacuum_A=15, area_A2=9, tasker=None, dipole_eA=None, symmetric=True, stoichiometric=True,
        broken_bonds={}, origin=ORIGIN,
    )  # fmt: skip
    fields = {
        "name": "Al(100)|Li+, HO-", "xyz": to_text(atoms), "slab": facts, "cells_a": ((2, 0), (0, 2)),
        "molecules": (ion("Li+", "Li", 1), ion("HO-", "HO", -1)), "area_A2": EDGE_A**2, "image_distance_A": 5.0,
        "covers": True, "density_g_cm3": 0.3, "origin": ORIGIN,
    }  # fmt: skip
    return AdlayerModel(**fields | changes)


def evidence_of(*, model=None, refused=(), ended=(True, True, True), **changes) -> PackedEvidence:
    model = model or model_of()
    slab, layer = (side_alone(model.atoms, k) for k in (0, 1))
    made = [k not in refused for k in range(3)]
    fields = {
        "recipe": recipe_of(),
        "packings": [
            Packing(seed=7 + k, **({"model": model} if ok else {"refused": "no room"})) for k, ok in enumerate(made)
        ],
        "relaxed": [
            relaxation(model.atoms, e, c) if ok else None for e, c, ok in zip(COMPLEX, ended, made, strict=True)
        ],
        "layers": [
            LayerAlone(packed=relaxation(layer, p), rejoined=relaxation(layer, r)) if ok else None
            for (p, r), ok in zip(LAYERS, made, strict=True)
        ],
        "bulk": relaxation(slab, -1.0),
        "slab_cut": relaxation(slab, -100.0),
        "slab_rejoined": relaxation(slab, -100.2),
        "slab_frozen": static(slab, -99.9),
        "molecule_frozen": static(layer, -19.7),
        "dispersion": None,
    }
    return PackedEvidence(**fields | changes)


def ask(evidence: PackedEvidence) -> AdlayerRecord:
    question = Question(
        system="al-lioh", preset="quick", recipe=evidence.recipe, settings={"placements": 3}, floor_A=8.0
    )
    return layer_answer(question, evidence)


def values(record: AdlayerRecord) -> dict[str, float]:
    return {q.quantity: q.value for q in record.quantities}


def test_every_quantity_by_hand():
    record = ask(evidence_of())
    by_hand = {
        "binding_energy": -121.0 + 100.2 + 20.1,
        "interaction_energy": -121.0 + 99.9 + 19.7,
        "deformation_energy_slab": 0.3,
        "deformation_energy_molecule": 0.4,
        "interfacial_formation_energy": -0.7 / EDGE_A**2 * J_M2,
        "interfacial_formation_energy_frozen": -1.4 / EDGE_A**2 * J_M2,
        "reference_gain_slab": 0.2,
        "reference_gain_molecule": 0.1,
        "lithium_coordination_layer": 1.0,
    }
    found = values(record)
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand)
    assert found["density_before"] == found["density_after"]
    assert "binding_energy_per_unit" not in found
    for quantity in record.quantities:
        assert quantity.definition == LAYER_DEFINITIONS.get(quantity.quantity, quantity.definition)
        assert "mol" not in quantity.definition.replace("E_def(molecule)", "")
    assert AdlayerRecord.model_validate_json(record.model_dump_json()) == record


def test_every_packing_is_held_against_its_own_layer():
    record = ask(evidence_of())
    bound = [-121.0 + 100.2 + 20.1, -120.9 + 100.2 + 20.6, -120.5 + 100.2 + 20.0]
    assert [p.binding_energy_eV for p in record.placements] == pytest.approx(bound)
    assert [(p.seed, p.pose) for p in record.placements] == [(7, None), (8, None), (9, None)]
    spread, over_area = (record.quantity(n).spread for n in ("binding_energy", "interfacial_formation_energy"))
    assert (spread.kind, spread.n, spread.minimum, spread.maximum) == ("placements", 3, min(bound), max(bound))
    assert over_area.std == pytest.approx(spread.std / EDGE_A**2 * J_M2)
    assert record.energies_eV["layer_packed_1"] == -20.6
    assert record.screening is None


def test_two_faces_share_what_is_bound():
    one, both = (values(ask(evidence_of(model=model_of(n_interfaces=n)))) for n in (1, 2))
    assert both["binding_energy"] == one["binding_energy"]
    for name in ("interfacial_formation_energy", "interfacial_formation_energy_frozen"):
        assert both[name] == pytest.approx(one[name] / 2)


def test_a_seed_without_a_packing_is_told_and_the_rest_answer():
    record = ask(evidence_of(refused=(0,)))
    assert [p.seed for p in record.placements] == [8, 9]
    assert values(record)["binding_energy"] == pytest.approx(-120.9 + 100.2 + 20.6)
    assert record.quantity("binding_energy").spread is None, "never from fewer than three"
    told = " | ".join(record.caveats)
    assert "no packing by seed 7: no room" in told
    assert "2 packings could be made, 3 asked for" in told


def test_what_is_not_at_rest_is_kept_out_of_the_spread():
    record = ask(evidence_of(ended=(True, False, True)))
    assert record.quantity("binding_energy").spread is None
    assert any("1 packings did not converge" in told for told in record.caveats)
    assert record.quantity("binding_energy").converged
    loose = relaxation(side_alone(model_of().atoms, 1), -21.0, False)
    layers = [LayerAlone(packed=loose, rejoined=loose)] * 3
    assert not any(p.converged for p in ask(evidence_of(layers=layers)).placements)


def test_ions_of_a_neutral_layer_are_told():
    told = " | ".join(ask(evidence_of()).caveats)
    assert "the layer holds ions (1 Li+, 1 HO-), neutral as a whole" in told
    assert "is an ion of charge" not in told
    neutral = tuple(one.model_copy(update={"charge_e": 0}) for one in model_of().molecules)
    assert not any("ions" in told for told in ask(evidence_of(model=model_of(molecules=neutral))).caveats)


def test_energies_of_two_methods_are_not_subtracted():
    other = evidence_of().slab_cut.model_copy(update={"provenance": provenance(engine="other")})
    with pytest.raises(ComputationError, match="2 methods"):
        ask(evidence_of(slab_cut=other))


@pytest.mark.parametrize("open_side", [True, False])
def test_density_is_mass_over_what_the_layer_fills(open_side):
    atoms, recipe = model_of().atoms, recipe_of(open_side=open_side, min_distance_A=2.5)
    grams = atomic_masses[[3, 8, 1]].sum() / units.mol
    height = 8.5 - 5.0 if open_side else BOX_A - 2.0 - 2.5
    assert layer_density_g_cm3(atoms, recipe) == pytest.approx(grams / (EDGE_A**2 * height * 1e-24))
    wide = atoms.repeat((2, 3, 1))
    wide.rotate(30, "z", rotate_cell=True)
    assert layer_density_g_cm3(wide, recipe) == pytest.approx(layer_density_g_cm3(atoms, recipe))
    higher = atoms.copy()
    higher.positions[:, 2] += 1.7
    assert layer_density_g_cm3(higher, recipe) == pytest.approx(layer_density_g_cm3(atoms, recipe))


def test_a_layer_that_swells_is_told():
    model = model_of()
    swollen = model.atoms
    swollen.positions[-1, 2] += 1.0
    record = ask(evidence_of(relaxed=[relaxation(swollen, e) for e in COMPLEX]))
    found = values(record)
    assert found["density_after"] == pytest.approx(found["density_before"] * 3.5 / 4.5)
    assert any("relaxation changed the layer's density by -22 %" in told for told in record.caveats)


def test_lithium_counts_bonds_of_both_sides_but_those_to_hydrogen():
    atoms = model_of().atoms
    assert coordination_in(atoms, "Li", side=1) == 1
    assert coordination_in(atoms, "Li", side=0) is None
    atoms += Atoms("FH", [[1.5, -0.3, 7.5], [3.1, 1.5, 7.5]])
    atoms.arrays["side"][-2:] = [0, 1]
    assert coordination_in(atoms, "Li", side=1) == 2
    atoms += Atoms("Li", [[4.5, 4.5, 12.0]])
    atoms.arrays["side"][-1] = 1
    assert coordination_in(atoms, "Li", side=1) == 1
