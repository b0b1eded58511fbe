"""The whole path: a system, one flow, jobflow's own runner, one record."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bcc100, fcc100
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.energies import dupre_work
from interlith.analysis.records import InterfaceRecord
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.cp2k_options import MixedBasisOptions, plan_for
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import from_sides, load_system
from interlith.workflows.study import drawn, engine_for, plan, sampled, study


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[InterfaceRecord, Path]:
    folder = tmp_path_factory.mktemp("al-cu")
    flow = study(load_system("al-cu"), PRESETS["quick"])
    outputs = run_locally(
        flow, store=JobStore(MemoryStore()), create_folders=True, root_dir=folder, ensure_success=True, log=False
    )
    return outputs[flow.output.uuid][1].output, folder


@pytest.fixture
def record(ran) -> InterfaceRecord:
    return ran[0]


def test_everything_converged(record):
    assert isinstance(record, InterfaceRecord)
    assert record.provenance.converged
    assert all(q.converged for q in record.quantities)
    assert all(o.converged and o.fmax_eV_A <= PRESETS["quick"].fmax_eV_A for o in record.registries)


def test_relaxed_is_not_below_frozen_and_the_works_follow(record):
    relaxed, frozen = (record.quantity(f"interfacial_formation_energy{end}").value for end in ("", "_frozen"))
    assert frozen <= relaxed < 0
    assert record.quantity("work_of_adhesion").value == -relaxed
    assert record.quantity("work_of_separation").value == -frozen


def test_dupre_closes_and_strain_costs(record):
    gammas = [record.quantity(f"surface_energy_{side}").value for side in "ab"]
    sigma = record.quantity("interface_energy_bulk_referenced").value
    assert dupre_work(*gammas, sigma) == pytest.approx(record.quantity("work_of_adhesion").value, abs=1e-9)
    assert all(gamma > 0 for gamma in gammas)
    # A bulk at its own lattice is a minimum, up to the threshold of the cell relaxation.
    assert all(record.quantity(f"strain_energy_{side}").value > -1e-3 for side in "ab")


def test_registries_are_ordered_and_the_first_answers(record):
    energies = [o.relaxed_energy_eV for o in record.registries]
    assert energies == sorted(energies)
    assert record.registries[0].e_form_J_m2 == pytest.approx(record.quantity("interfacial_formation_energy").value)
    assert record.energies_eV["interface"] == energies[0]


def test_the_record_keeps_before_after_and_how(record):
    before, after = record.model.atoms, from_text(record.relaxed_xyz)
    assert (before.arrays["side"] == after.arrays["side"]).all()
    assert before.cell.array == pytest.approx(after.cell.array)
    assert record.quantity("largest_displacement").value > 0
    assert record.provenance.method.engine == "emt"
    assert record.provenance.method.surrogate
    assert record.settings["fmax_eV_A"] == PRESETS["quick"].fmax_eV_A
    assert record.recipe.side_a.crystal == "Al"
    assert record.provenance.n_force_calls > sum(o.n_force_calls for o in record.registries)
    for side in (record.model.slab_a, record.model.slab_b):
        assert side.thickness_A >= 8


def test_every_relaxation_reports_as_it_goes(ran):
    lines = [json.loads(x) for path in ran[1].rglob("progress.jsonl") for x in path.read_text().splitlines()]
    stages = {line["stage"] for line in lines}
    assert {"bulk Al", "bulk Cu", "side A alone", "side B frozen"} <= stages
    assert any(stage.startswith("registry 1") for stage in stages)


def test_the_graph_can_be_drawn_before_anything_runs():
    flow = study(load_system("al-cu"), PRESETS["default"])
    text = drawn(flow)
    for name in ("bulk Al", "bulk Cu", "build", "registry 6", "record"):
        assert name in text
    assert len(flow.jobs) == 2 + 1 + 1 + 1 + 6 + 1 + 2 * 4 + 1


def test_flow_survives_its_own_json():
    from jobflow import Flow
    from monty.json import MontyDecoder, MontyEncoder

    flow = study(load_system("al-cu"), PRESETS["quick"])
    back = MontyDecoder().decode(json.dumps(flow, cls=MontyEncoder))
    assert isinstance(back, Flow)
    assert [j.uuid for j in back.jobs] == [j.uuid for j in flow.jobs]


def test_the_engine_is_the_persons_then_the_systems_then_the_presets():
    system = load_system("al-cu")
    assert engine_for(system, PRESETS["quick"]).name == "emt"
    assert engine_for(from_sides("Al", "Cu", "111", "111"), PRESETS["quick"]).name == PRESETS["quick"].engine
    assert engine_for(system.changed({"calculation": {"engine": "chgnet"}}), PRESETS["quick"]).name == "chgnet"
    with pytest.raises(RequestError, match="no-such-engine"):
        study(system, PRESETS["quick"], EngineChoice(name="no-such-engine"))


def test_what_a_person_sets_reaches_the_flow():
    system = load_system("al-cu").changed({"calculation": {"fmax_eV_A": 0.02, "registries": 3}})
    resolved, preset = plan(system, PRESETS["quick"])
    assert (preset.fmax_eV_A, preset.registries) == (0.02, 3)
    assert resolved.recipe.side_a.thickness_A == PRESETS["quick"].thickness_A
    assert len(study(system, PRESETS["quick"]).jobs) == 2 + 1 + 1 + 1 + 3 + 1 + 2 * 4 + 1


@pytest.mark.parametrize(("b", "face", "spacing"), [("Li", "100", "0.3"), ("Li2O", "111", "0.6")])
def test_a_contact_and_its_parts_are_sampled_alike(b, face, spacing):
    asked = EngineChoice(name="cp2k")
    resolved = plan(from_sides("LiF", b, "100", face), PRESETS["quick"])[0]
    assert sampled(asked, resolved).options == {"kpoints": spacing}
    own = asked.model_copy(update={"options": {"kpoints": "2 2 1"}})
    assert sampled(own, resolved) == own
    assert sampled(EngineChoice(name="emt"), resolved) == EngineChoice(name="emt")


def test_one_spacing_is_one_mesh_where_each_part_for_itself_is_not():
    """Lithium on an insulator: left to itself, the insulator alone would have another mesh than the contact."""
    metal = bcc100("Li", (2, 2, 3), a=3.44, vacuum=8)
    salt = fcc100("Ar", (2, 2, 2), a=3.44 * 2**0.5, vacuum=8)
    salt.set_cell(metal.cell)
    salt.positions[:, 2] += np.ptp(metal.positions[:, 2]) + 3
    both = metal + salt
    both.cell[2, 2] = 30.0
    parts = [both, both[: len(metal)], both[len(metal) :]]
    for part in parts:
        part.pbc = True
    choice = sampled(EngineChoice(name="cp2k"), plan(from_sides("Li", "LiF", "100", "100"), PRESETS["quick"])[0])
    for options, alike in (({}, False), (choice.options, True)):
        read = MixedBasisOptions.asked(options)
        meshes = {plan_for(part, np.zeros(len(part), bool), read).kpoints for part in parts}
        assert (len(meshes) == 1) == alike
