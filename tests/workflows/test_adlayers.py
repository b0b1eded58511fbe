"""The flow of a molecule on a slab, run whole: water on Cu(100) with EMT.

EMT's parameters for H and O are for trying things out: it takes water apart, so that the answer is a reaction.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.placements import Ranking, Screened
from interlith.analysis.records import AdlayerRecord
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import side_alone
from interlith.workflows.adlayers import BATCHES, disperse, relax_placement, shape
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import SystemSpec, from_sides, load_system
from interlith.workflows.study import check, drawn, engine_for, screening_for, study

EMT_OF_ALL = EngineChoice(name="ase.calculators.emt.EMT")
QUICK = PRESETS["quick"]


def water_on_copper(**adlayer) -> SystemSpec:
    numbers = {"candidates": 6, "conformers": 1, "clearance_A": 4.0, **adlayer}
    return from_sides("Cu", "O", "100", settings={"side_a": {"layers": 3}, "adlayer": numbers})


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[AdlayerRecord, Path]:
    folder = tmp_path_factory.mktemp("water")
    flow = study(water_on_copper(), QUICK, EMT_OF_ALL)
    outputs = run_locally(
        flow, store=JobStore(MemoryStore()), create_folders=True, root_dir=folder, ensure_success=True, log=False
    )
    return outputs[flow.output.uuid][1].output, folder


@pytest.fixture
def record(ran) -> AdlayerRecord:
    return ran[0]


def energy(atoms: Atoms) -> float:
    alone = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=EMT())
    return float(alone.get_potential_energy())


def test_everything_is_at_rest_and_bound(record):
    assert isinstance(record, AdlayerRecord)
    assert record.provenance.converged
    assert all(q.converged for q in record.quantities)
    assert record.quantity("binding_energy").value < 0
    assert len(record.placements) == QUICK.placements
    assert all(p.converged and p.fmax_eV_A <= QUICK.fmax_eV_A / 2 for p in record.placements)
    assert record.settings["fmax_eV_A"] == QUICK.fmax_eV_A / 2
    assert record.quantity("binding_energy").spread.n == QUICK.placements


def test_every_energy_kept_is_that_of_a_geometry_kept(record):
    final, kept = from_text(record.relaxed_xyz), record.energies_eV
    assert kept["complex"] == pytest.approx(energy(final), abs=1e-5)
    for k, part in enumerate(("slab", "molecule")):
        assert kept[f"{part}_frozen"] == pytest.approx(energy(side_alone(final, k)), abs=1e-5)
    assert record.placements[0].relaxed_energy_eV == kept["complex"]


def test_binding_is_interaction_and_deformation(record):
    value = {q.quantity: q.value for q in record.quantities}
    deformations = [value[f"deformation_energy_{part}"] for part in ("slab", "molecule")]
    assert value["binding_energy"] == pytest.approx(value["interaction_energy"] + sum(deformations), abs=1e-9)
    assert min(deformations) >= 0
    assert value["interaction_energy"] <= value["binding_energy"]
    best = record.placements[0].binding_energy_eV
    assert value["binding_energy"] == best == min(p.binding_energy_eV for p in record.placements)


def test_the_lower_half_of_the_slab_is_where_it_was(record):
    before, after = record.model.atoms, from_text(record.relaxed_xyz)
    moved = np.linalg.norm(after.positions - before.positions, axis=1)
    (held,) = [c.index for c in before.constraints]
    assert record.model.bottom == "fixed" and 0 < len(held) < len(record.model.side_a)
    assert moved[held].max() < 1e-6
    assert moved[list(record.model.side_b)].max() > 0.1
    assert (before.arrays["molecule"] == after.arrays["molecule"]).all()


def test_far_from_the_slab_there_is_no_interaction_and_twice_the_cell_has_it_twice(record):
    final = from_text(record.relaxed_xyz)

    def interaction(atoms: Atoms) -> float:
        return energy(atoms) - energy(side_alone(atoms, 0)) - energy(side_alone(atoms, 1))

    once = interaction(final)
    assert interaction(final.repeat((2, 1, 1))) == pytest.approx(2 * once, rel=1e-6)
    final.positions[final.arrays["side"] == 1, 2] += 7.5
    assert interaction(final) == pytest.approx(0, abs=1e-6)


def test_what_the_engine_did_to_the_molecule_is_told(record):
    assert record.contact.reacted and "H-O bonds broken: 2" in record.contact.why
    assert "Cu-O" in record.bonds_across
    told = " | ".join(record.caveats)
    for expected in ("a reaction took place", "no dispersion was added", "not known here", "% of the cell"):
        assert expected in told


def test_the_record_says_how_it_came_about(record):
    assert record.recipe.side_b.molecule == "O"
    assert record.settings["screening"] == EMT_OF_ALL.name
    assert record.settings["candidates"] == 6
    assert 6 < record.screening.n_force_calls <= 6 * QUICK.screening_calls
    assert record.provenance.n_force_calls > sum(p.n_force_calls for p in record.placements)
    assert len({p.pose.index for p in record.placements}) == len(record.placements)


def test_every_step_reports_as_it_goes(ran):
    lines = [json.loads(x) for path in ran[1].rglob("progress.jsonl") for x in path.read_text().splitlines()]
    stages = {line["stage"] for line in lines}
    assert {"bulk Cu", "slab at rest", "screening", "slab alone", "molecule frozen", "placement 1 of 3"} <= stages


def test_the_graph_can_be_drawn_before_anything_runs():
    flow = study(water_on_copper(), PRESETS["default"], EMT_OF_ALL)
    text = drawn(flow)
    for name in ("bulk Cu", "conformers", "placements", "screening 4", "ranking", "placement 6", "record"):
        assert name in text
    assert len(flow.jobs) == 4 + BATCHES + 1 + PRESETS["default"].placements + 1 + 7 + 1


def test_dispersion_belongs_to_the_method_of_an_adlayer():
    system = load_system("li-pdol")
    choice = engine_for(system, QUICK)
    assert (choice.name, choice.dispersion) == (QUICK.engine, "d3bj")
    assert engine_for(load_system("li-lif"), QUICK).dispersion == "none"
    screening = screening_for(system, QUICK, choice)
    assert (screening.name, screening.dispersion) == ("sevennet-0", "d3bj")
    assert screening_for(system, QUICK, EMT_OF_ALL) == EMT_OF_ALL, "any other engine ranks for itself"
    named = system.changed({"calculation": {"screening": "chgnet"}})
    assert screening_for(named, QUICK, choice) == EngineChoice(name="chgnet", dispersion="d3bj")
    plain = system.changed({"calculation": {"dispersion": "none"}})
    assert engine_for(plain, QUICK).dispersion == "none"


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        (EngineChoice(name="emt"), r"'emt' does not know (C, )?H, (Li, )?O"),
        (EngineChoice(name="ase.calculators.emt.EMT", dispersion="d3bj"), "functional behind it is unknown"),
        (EngineChoice(name="no-such"), "unknown engine"),
    ],
)
def test_an_engine_that_cannot_is_refused_before_anything_runs(engine, told):
    with pytest.raises(RequestError, match=told):
        study(water_on_copper(), QUICK, engine)
    screening = water_on_copper().changed({"calculation": {"screening": engine.name}})
    if engine.dispersion == "none":
        with pytest.raises(RequestError, match=told):
            check(screening, QUICK, EMT_OF_ALL)


def test_a_molecule_that_is_none_is_refused():
    with pytest.raises(RequestError, match="no-such-molecule"):
        check(water_on_copper().changed({"side_b": {"molecule": "no-such-molecule"}}), QUICK, EMT_OF_ALL)


def test_a_placement_that_is_not_whole_is_refused_before_it_is_relaxed(record):
    atoms = record.model.atoms
    atoms.positions[int(np.flatnonzero(atoms.symbols == "H")[0]), 2] += 3.0
    torn = Screened(
        model=record.model.model_copy(update={"xyz": to_text(atoms)}), xyz=to_text(atoms), energy_eV=0.0, n_calls=1
    )
    ranking = Ranking(chosen=(torn,), n_candidates=1, n_alike=0, provenance=record.screening)
    with pytest.raises(RequestError, match="H"):
        relax_placement(ranking, 0, Effort(engine=EMT_OF_ALL, fmax_eV_A=0.1, max_calls=5))


def test_ions_keep_their_order_where_an_engine_knows_no_charge():
    recipe = from_sides("Cu", "TFSI-", "100").resolved("quick").recipe
    found = shape(recipe, Effort(engine=EMT_OF_ALL, fmax_eV_A=0.1, max_calls=5))
    assert 3 <= len(found) <= recipe.conformers
    assert all(one.facts.charge_e == -1 and "EMT" not in (one.facts.ranked_by or "") for one in found)
    beyond = recipe.model_copy(update={"side_b": recipe.side_b.model_copy(update={"conformer": 90})})
    with pytest.raises(RequestError, match="conformer 90 of TFSI-"):
        shape(beyond, Effort(engine=EMT_OF_ALL, fmax_eV_A=0.1, max_calls=5))


def test_the_dispersion_apart_falls_off_with_the_sixth_power(record):
    """Two bodies far apart: the D3 part of their interaction is negative and falls as a power law, never a step."""
    atoms = from_text(record.relaxed_xyz)
    atoms.pbc = False
    engine = EngineChoice(name="sevennet-0", dispersion="d3bj")
    parts = []
    for lift in (0.0, 2.0, 4.0):
        moved = atoms.copy()
        moved.positions[moved.arrays["side"] == 1, 2] += lift
        parts.append(disperse(to_text(moved), engine).interaction_eV)
    assert parts[0] < parts[1] < parts[2] < 0
    assert disperse(record.relaxed_xyz, EMT_OF_ALL) is None
