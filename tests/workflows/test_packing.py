"""The flow of a packed layer on a slab, run whole: two molecules of water per cell of Cu(100) with EMT.

EMT's parameters for H and O are for trying things out: it takes water apart, so that the answer is a reaction.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from hypothesis import given, settings
from hypothesis import strategies as st
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.packings import Packing, layer_density_g_cm3
from interlith.analysis.records import AdlayerRecord
from interlith.structures.checks import findings
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import side_alone
from interlith.structures.molecules import molecule
from interlith.structures.records import Component, MoleculeRecipe, PackedRecipe, SideRecipe
from interlith.workflows.adlayers import RestedSlab, rest_slab
from interlith.workflows.efforts import Effort, relax_bulk
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.packing import mixed, pack, relax_layer, relax_packing, shape_all
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import SystemSpec, load_system
from interlith.workflows.study import check, drawn, engine_for, study

EMT_OF_ALL = EngineChoice(name="ase.calculators.emt.EMT")
EFFORT = Effort(engine=EMT_OF_ALL, fmax_eV_A=0.2, max_calls=200)
QUICK = PRESETS["quick"]
DENSITY = 0.5


def wet_copper(**changes) -> SystemSpec:
    packed = {"density_g_cm3": DENSITY, "min_edge_A": 5.0, "vacuum_A": 6.0}
    recipe = PackedRecipe(
        side_a=SideRecipe(crystal="Cu", miller=(1, 0, 0), layers=2),
        components=[Component(recipe=MoleculeRecipe(molecule="O"), count=2)],
        **packed | changes,
    )
    system = SystemSpec(name="wet-copper", kind="packed", recipe=recipe)
    return system.changed({"calculation": {"fmax_eV_A": EFFORT.fmax_eV_A}})


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[AdlayerRecord, Path]:
    folder = tmp_path_factory.mktemp("layer")
    flow = study(wet_copper(), QUICK, EMT_OF_ALL)
    outputs = run_locally(
        flow, store=JobStore(MemoryStore()), create_folders=True, root_dir=folder, ensure_success=True, log=False
    )
    return outputs[flow.output.uuid][1].output, folder


@pytest.fixture
def record(ran) -> AdlayerRecord:
    return ran[0]


@pytest.fixture(scope="module")
def rested(tmp_path_factory) -> RestedSlab:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("slab"))
        recipe = wet_copper().recipe
        return rest_slab(recipe, relax_bulk(recipe.side_a, EFFORT), EFFORT)


def energy(atoms: Atoms) -> float:
    alone = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=EMT())
    return float(alone.get_potential_energy())


def held(atoms: Atoms) -> set[int]:
    return {int(k) for constraint in atoms.constraints for k in constraint.index}


def test_every_packing_is_at_rest_and_answers_for_itself(record):
    assert isinstance(record, AdlayerRecord)
    assert record.provenance.converged
    assert {p.seed for p in record.placements} == set(range(QUICK.placements))
    assert all(p.converged and p.fmax_eV_A <= EFFORT.fmax_eV_A for p in record.placements)
    assert all(p.density_before_g_cm3 == pytest.approx(DENSITY) for p in record.placements)
    bound = [p.binding_energy_eV for p in record.placements]
    assert len(set(bound)) == len(bound)
    spread = record.quantity("binding_energy").spread
    assert (spread.kind, spread.n, spread.minimum) == ("placements", QUICK.placements, min(bound))
    relaxed = [p.relaxed_energy_eV for p in record.placements]
    assert relaxed == sorted(relaxed)
    assert record.quantity("binding_energy").value == bound[0]


def test_every_energy_kept_is_that_of_a_geometry_kept(record):
    final, kept = from_text(record.relaxed_xyz), record.energies_eV
    assert kept["complex"] == pytest.approx(energy(final), abs=1e-5)
    for k, part in enumerate(("slab", "molecule")):
        assert kept[f"{part}_frozen"] == pytest.approx(energy(side_alone(final, k)), abs=1e-5)
    best = record.placements[0]
    layer = min(kept[f"layer_packed_{best.seed}"], kept[f"layer_rejoined_{best.seed}"])
    slab = min(kept["slab_cut"], kept["slab_rejoined"])
    assert best.binding_energy_eV == pytest.approx(kept["complex"] - slab - layer, abs=1e-9)


def test_binding_is_interaction_and_deformation(record):
    value = {q.quantity: q.value for q in record.quantities}
    deformations = [value[f"deformation_energy_{part}"] for part in ("slab", "molecule")]
    assert value["binding_energy"] == pytest.approx(value["interaction_energy"] + sum(deformations), abs=1e-9)
    assert min(deformations) >= 0


def test_the_density_is_that_of_the_geometry_kept(record):
    recipe, value = record.recipe, {q.quantity: q.value for q in record.quantities}
    assert isinstance(recipe, PackedRecipe) and record.model.density_g_cm3 == pytest.approx(DENSITY)
    assert value["density_before"] == pytest.approx(record.model.density_g_cm3, rel=1e-6)
    assert value["density_after"] == pytest.approx(layer_density_g_cm3(from_text(record.relaxed_xyz), recipe))


def test_the_lower_half_of_the_slab_is_where_it_was(record):
    before, after = record.model.atoms, from_text(record.relaxed_xyz)
    moved = np.linalg.norm(after.positions - before.positions, axis=1)
    assert record.model.bottom == "fixed" and len(held(before)) == len(record.model.side_a) / 2
    assert held(before) == held(after) == set(np.flatnonzero(moved < 1e-6).tolist())
    assert before.positions[sorted(held(before)), 2].max() < before.positions[list(record.model.side_a), 2].mean()
    assert "held" not in before.arrays


def test_what_was_done_is_told(record, ran):
    told = " | ".join(record.caveats)
    for expected in ("no dispersion was added", "not known here", "thinner than the preset's"):
        assert expected in told
    assert record.screening is None
    assert record.settings["placements"] == QUICK.placements
    lines = [json.loads(x) for path in ran[1].rglob("progress.jsonl") for x in path.read_text().splitlines()]
    stages = {line["stage"] for line in lines}
    assert {"slab at rest", "packing 1 of 3", "layer alone 3 of 3", "slab alone", "molecule frozen"} <= stages


def test_without_an_open_side_nothing_is_held_and_both_faces_meet_the_layer(rested):
    recipe = wet_copper(open_side=False).recipe
    (packing,) = pack(recipe, rested, shape_all(recipe, 2), 1)
    assert (packing.model.n_interfaces, packing.model.bottom) == (2, "free")
    assert not held(packing.model.atoms) and not findings(packing.model)
    assert layer_density_g_cm3(packing.model.atoms, recipe) == pytest.approx(DENSITY)


def test_a_density_that_no_seed_reaches_is_refused_as_the_first_says(rested):
    recipe = wet_copper(density_g_cm3=9.0).recipe
    with pytest.raises(RequestError, match=r"9 g/cm³.*see the first"):
        pack(recipe, rested, shape_all(recipe, 1), 2)


def test_where_there_is_no_packing_there_is_nothing_to_relax():
    none = [Packing(seed=0, refused="no room")]
    assert relax_packing(none, 0, EFFORT) is None
    assert relax_layer(none, 0, None, EFFORT) is None


def test_a_packing_that_is_not_whole_is_refused_before_it_is_relaxed(record):
    atoms = record.model.atoms
    hydrogen = int(np.flatnonzero(atoms.symbols == "H")[0])
    atoms.positions[hydrogen, 2] += 3.0
    torn = record.model.model_copy(update={"xyz": to_text(atoms)})
    with pytest.raises(RequestError, match="H"):
        relax_packing([Packing(seed=0, model=torn)], 0, EFFORT)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 7), st.integers(1, 4)), min_size=1, max_size=4), st.integers(0, 5))
def test_a_mixture_has_the_numbers_asked_for_and_every_conformer_its_share(kinds, n):
    """However many conformers there are, no two of a component differ by more than one in number."""
    water = molecule(MoleculeRecipe(molecule="O"))
    named = [
        [water.model_copy(update={"name": f"{k}.{c}"}) for c in range(known)] for k, (_, known) in enumerate(kinds)
    ]
    components = [Component(recipe=MoleculeRecipe(molecule="O"), count=count) for count, _ in kinds]
    recipe = wet_copper().recipe.model_copy(update={"components": tuple(components)})
    mixture = mixed(recipe, named, n)
    for k, (count, known) in enumerate(kinds):
        of_kind = Counter({m.name: c for m, c in mixture if m.name.startswith(f"{k}.")})
        assert of_kind.total() == count and len(of_kind) == min(count, known)
        assert max(of_kind.values()) - min(of_kind.values()) <= 1
        assert f"{k}.{n % known}" in of_kind, "each packing begins with another"


def test_conformers_are_counted_from_the_one_chosen():
    recipe = wet_copper().recipe

    def chosen(conformer: int) -> PackedRecipe:
        one = MoleculeRecipe(molecule="DME", conformer=conformer)
        return recipe.model_copy(update={"components": (Component(recipe=one, count=1),)})

    (lowest,), (second,) = (shape_all(chosen(k), 1) for k in (0, 1))
    assert (lowest[0].facts.conformer, second[0].facts.conformer) == (0, 1)
    with pytest.raises(RequestError, match="conformer 99 of DME"):
        shape_all(chosen(99), 1)


def test_the_graph_of_a_bilayer_can_be_drawn_before_anything_runs():
    system = load_system("lagp-peo-il")
    choice = engine_for(system, QUICK)
    assert (choice.name, choice.dispersion) == (QUICK.engine, "d3bj")
    flow = study(system, PRESETS["default"])
    text = drawn(flow)
    for name in ("bulk LAGP", "molecules", "packings", "packing 6", "layer alone 6", "dispersion apart", "record"):
        assert name in text
    assert len(flow.jobs) == 4 + 2 * PRESETS["default"].placements + 1 + 5 + 1


def test_a_layer_that_is_charged_is_refused_before_anything_runs():
    system = load_system("lagp-peo-il").changed({"components": {"2": {"count": 2}}})
    with pytest.raises(RequestError, match=r"charge is \+1 e"):
        check(system, QUICK)


def test_no_packmol_is_told_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match="packmol"):
        check(wet_copper(), QUICK, EMT_OF_ALL)
