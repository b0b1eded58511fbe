"""A molecule on both faces of a slab, run whole with EMT, and held against the molecule on one face."""

import numpy as np
import pytest
from adlayer_cases import model_of, recipe_of, slab_of
from ase import Atoms
from ase.build import fcc100
from conftest import slab_facts
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.records import AdlayerRecord
from interlith.structures.adlayers import adlayers
from interlith.structures.checks import check_model
from interlith.structures.counterparts import upper_only
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import side_alone
from interlith.workflows.adlayers import place, relax_part, rest_slab
from interlith.workflows.efforts import Effort, relax_bulk
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import from_sides
from interlith.workflows.study import study

EMT_OF_ALL = EngineChoice(name="ase.calculators.emt.EMT")
QUICK = PRESETS["quick"]


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> AdlayerRecord:
    numbers = {"candidates": 4, "conformers": 1, "clearance_A": 4.0, "bottom": "symmetric"}
    spec = from_sides("Cu", "O", "100", settings={"side_a": {"layers": 3}, "adlayer": numbers})
    flow = study(spec, QUICK, EMT_OF_ALL)
    folder = tmp_path_factory.mktemp("both")
    outputs = run_locally(
        flow, store=JobStore(MemoryStore()), create_folders=True, root_dir=folder, ensure_success=True, log=False
    )
    return outputs[flow.output.uuid][1].output


def test_two_molecules_are_relaxed_and_one_is_told(record):
    assert (record.model.bottom, record.model.n_interfaces, len(record.model.molecules)) == ("symmetric", 2, 2)
    kept, value = record.energies_eV, {q.quantity: q.value for q in record.quantities}
    slab = min(kept["slab_cut"], kept["slab_rejoined"])
    one = min(kept["conformer_0"], kept["molecule_rejoined"] / 2)
    assert value["binding_energy"] == pytest.approx((kept["complex"] - slab - 2 * one) / 2)
    frozen = kept["slab_frozen"] + kept["molecule_frozen"]
    assert value["interaction_energy"] == pytest.approx((kept["complex"] - frozen) / 2)
    deformed = value["deformation_energy_slab"] + value["deformation_energy_molecule"]
    assert value["binding_energy"] == pytest.approx(value["interaction_energy"] + deformed)
    assert abs(kept["molecule_rejoined"] / 2 - kept["conformer_0"]) < 0.05, "two molecules alone are two molecules"


def test_the_slab_is_free_and_what_was_relaxed_passed_the_checks(record):
    assert not record.model.atoms.constraints
    assert check_model(record.model) is not None
    moved = np.linalg.norm(from_text(record.relaxed_xyz).positions - record.model.atoms.positions, axis=1)
    assert moved.min() > 0, "no atom is held"


def test_the_record_tells_it(record):
    assert record.recipe.bottom == "symmetric"
    assert any("one on each face" in caveat for caveat in record.caveats)
    assert any("put on the other face by inversion" in step for step in record.model.origin.steps)
    assert record.conformer_ranking.n_force_calls > 0
    assert record.conformer_ranking.method.engine == EMT_OF_ALL.name


@pytest.fixture(scope="module")
def oxygen():
    """An oxygen atom on five layers of Al(100), on both faces and on one."""
    slab = slab_of(fcc100, "Al", (1, 1, 5))
    facts = slab_facts("Al", (1, 0, 0)).model_copy(update={"formula": "Al5"})
    recipe = recipe_of(bottom="symmetric", candidates=1, clearance_A=5.5, conformers=1)
    both = adlayers(slab, facts, [model_of(Atoms("O"))], recipe, seed=0)[0]
    return both, upper_only(both)


def test_far_faces_do_not_feel_each_other(oxygen):
    """The energy of binding on both faces of a thick slab is that on one face of it, nothing held."""
    effort = Effort(engine=EMT_OF_ALL, fmax_eV_A=0.005, max_calls=400)
    bare = relax_part(oxygen[0].xyz, 0, effort)
    atom = effort.relax(to_text(side_alone(oxygen[1].atoms, 1)), "atom").energy_eV
    both, one = (effort.relax(model.xyz, "whole") for model in oxygen)
    assert both.converged and one.converged and bare.converged
    twice = both.energy_eV - bare.energy_eV - 2 * atom
    once = one.energy_eV - bare.energy_eV - atom
    assert once < -1.0
    assert twice / 2 == pytest.approx(once, abs=0.01)
    after, middle = from_text(both.xyz), from_text(bare.xyz).positions[:, 2].mean()
    heights = after.positions[after.arrays["side"] == 1, 2] - middle
    assert heights.sum() == pytest.approx(0, abs=0.01), "the halves stay images of each other"


def test_a_relaxed_slab_without_the_symmetry_is_refused_in_one_line():
    numbers = {"bottom": "symmetric", "candidates": 1, "clearance_A": 4.0}
    spec = from_sides("Al", "O", "100", settings={"side_a": {"layers": 3}, "adlayer": numbers})
    recipe, effort = spec.resolved("quick").recipe, Effort(engine=EMT_OF_ALL, fmax_eV_A=0.05, max_calls=50)
    slab = rest_slab(recipe, relax_bulk(recipe.side_a, effort), effort)
    assert not from_text(slab.xyz).constraints
    atoms = from_text(slab.xyz)
    atoms.positions[int(atoms.positions[:, 2].argmax()), 2] += 0.4
    broken = slab.model_copy(update={"xyz": to_text(atoms)})
    water = [model_of(Atoms("OHH", [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]]))]
    with pytest.raises(RequestError, match=r"no operation of this slab exchanges its two faces to within 0\.1 Å"):
        place(recipe, broken, water)
