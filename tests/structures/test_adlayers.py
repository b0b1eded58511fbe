import time

import numpy as np
import pytest
from adlayer_cases import ETHER, SLABS, model_of, recipe_of, twisted
from ase import Atoms
from ase.constraints import FixAtoms
from ase.geometry import find_mic
from conftest import slab_facts
from scipy.spatial.distance import cdist, pdist

from interlith.structures.adlayers import adlayers, lower_half, molecule_alone, slab_alone
from interlith.structures.chains import straight_chain
from interlith.structures.checks import findings
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.molecules import completed, conformers
from interlith.structures.records import AdlayerModel, MoleculeRecipe, SideRecipe
from interlith.structures.slabs import cut_slab

FACTS = slab_facts("Al", (1, 0, 0))
TEXT_A = 1e-7
"""Positions are written to 1e-8 Å."""


def built(name="square", guests=(ETHER,), seed=0, **more):
    models = [model_of(g, conformer=k) for k, g in enumerate(guests)]
    return adlayers(SLABS[name], FACTS, models, recipe_of(**more), seed=seed)


@pytest.fixture(scope="module", params=sorted(SLABS))
def models(request):
    return built(request.param, guests=(ETHER, twisted(ETHER))), SLABS[request.param]


def test_there_are_as_many_as_asked_for_in_one_cell(models):
    found, _ = models
    assert len(found) == 24
    assert [m.pose.index for m in found] == list(range(24))
    assert {m.pose.conformer for m in found} == {0, 1}
    assert np.ptp([m.atoms.cell.array for m in found], axis=0).max() == 0
    assert len({m.sha256 for m in found}) == 24
    assert len({(len(m.atoms), m.cells_a, m.area_A2, m.name) for m in found}) == 1


def test_the_cell_has_the_frame_of_an_interface(models):
    found, slab = models
    atoms = found[0].atoms
    a, b, c = atoms.cell.array
    assert a[1:] == pytest.approx(0)
    assert b[2] == pytest.approx(0)
    assert c[:2] == pytest.approx(0)
    assert atoms.cell.volume > 0
    assert np.linalg.det(atoms.cell.array) > 0
    assert atoms.pbc.all()
    assert found[0].area_A2 == pytest.approx(np.linalg.det(atoms.cell.array[:2, :2]))
    assert found[0].area_A2 == pytest.approx(
        abs(np.linalg.det(found[0].cells_a)) * np.linalg.det(slab.cell.array[:2, :2])
    )


def test_the_slab_is_the_slab(models):
    """Every atom of the model's slab is one of the cut slab's, moved by a lattice vector and the common turn."""
    found, slab = models
    wide = np.array(found[0].cells_a) @ slab.cell.array[:2, :2]
    turn = np.linalg.solve(wide, found[0].atoms.cell.array[:2, :2])
    turned = slab.copy()
    turned.positions[:, :2] = slab.positions[:, :2] @ turn
    turned.cell[:2, :2] = slab.cell.array[:2, :2] @ turn
    for model in found[::6]:
        alone = slab_alone(model)
        rise = alone.positions[:, 2].min() - slab.positions[:, 2].min()
        apart = alone.positions[:, None] - turned.positions - [0, 0, rise]
        near = find_mic(apart.reshape(-1, 3), turned.cell, pbc=[True, True, False])[1].reshape(apart.shape[:2])
        which = near.argmin(axis=1)
        assert near.min(axis=1) == pytest.approx(0, abs=1e-6)
        assert (alone.numbers == slab.numbers[which]).all()
        assert (np.bincount(which) == len(alone) // len(slab)).all()


def test_the_molecule_is_whole_rigid_and_apart_from_its_images(models):
    found, _ = models
    for model in found:
        alone = molecule_alone(model)
        wanted = [ETHER, twisted(ETHER)][model.pose.conformer]
        assert pdist(alone.positions) == pytest.approx(pdist(wanted.positions), abs=TEXT_A)
        assert model.image_distance_A >= 6.0 - 1e-6
        centre = alone.positions.mean(axis=0)
        assert centre[:2] == pytest.approx(model.pose.site_A, abs=TEXT_A)
        inside = centre[:2] @ np.linalg.inv(alone.cell.array[:2, :2])
        assert (inside > -1e-6).all()
        assert (inside < 1).all()


def test_the_facts_of_a_pose_are_those_of_the_model(models):
    found, _ = models
    for model in found:
        slab, guest = slab_alone(model), molecule_alone(model)
        gaps = model.atoms.get_all_distances(mic=True)[np.ix_(model.side_a, model.side_b)]
        assert model.pose.gap_A == pytest.approx(gaps.min(), abs=1e-6)
        assert model.pose.gap_A >= 2.2 - 1e-6
        height = guest.positions[:, 2].min() - slab.positions[:, 2].max()
        assert model.pose.height_A == pytest.approx(height, abs=1e-6)
        conformer = [ETHER, twisted(ETHER)][model.pose.conformer]
        turned = _rotation(model.pose.quaternion) @ (conformer.positions - conformer.positions.mean(axis=0)).T
        assert turned.T + guest.positions.mean(axis=0) == pytest.approx(guest.positions, abs=1e-6)


def _rotation(quaternion):
    w, *v = quaternion
    x, y, z = v
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def test_vacuum_is_left_above_the_highest_pose_only_and_nothing_leaves_the_cell():
    found = built(vacuum_A=12.0)
    heights = np.array([m.atoms.positions[:, 2] for m in found])
    height = found[0].atoms.cell[2, 2]
    assert heights.min() == pytest.approx(6.0, abs=TEXT_A)
    assert height - np.ptp(heights) == pytest.approx(12.0, abs=1e-6)
    assert (np.ptp(heights, axis=1) < np.ptp(heights) - 0.5).any(), "poses that lie have more"


def test_sides_keep_their_arrays_and_make_up_the_model():
    model = built()[3]
    slab, guest = slab_alone(model), molecule_alone(model)
    assert slab + guest == model.atoms
    assert set(slab.arrays["side"]) == {0}
    assert set(slab.arrays["molecule"]) == {-1}
    assert set(guest.arrays["side"]) == {1}
    assert set(guest.arrays["molecule"]) == {0}
    assert (slab.cell == guest.cell).all()


def test_formal_charges_of_the_slab_are_kept():
    slab = SLABS["square"].copy()
    slab.set_array("oxidation", np.array([1.0, -2.0, 1.0]))
    model = adlayers(slab, FACTS, [model_of(ETHER)], recipe_of(candidates=1), seed=0)[0]
    charges = model.atoms.arrays["oxidation"]
    assert set(charges[list(model.side_a)]) == {1.0, -2.0}
    assert charges[list(model.side_b)] == pytest.approx(0)


def test_the_lower_half_is_held_if_asked_for():
    fixed, free = (built(bottom=b, candidates=1)[0] for b in ("fixed", "free"))
    (held,) = fixed.atoms.constraints
    assert isinstance(held, FixAtoms)
    z = fixed.atoms.positions[:, 2]
    slab = fixed.atoms.arrays["side"] == 0
    middle = (z[slab].min() + z[slab].max()) / 2
    assert sorted(held.index) == np.flatnonzero(slab & (z < middle - 0.1)).tolist()
    assert len(held.index) == slab.sum() / 3, "one layer of three: the middle one is free"
    assert fixed.bottom == "fixed"
    assert "held" in fixed.origin.steps[0]
    assert not molecule_alone(fixed).constraints
    assert len(slab_alone(fixed).constraints[0].index) == len(held.index)
    assert not free.atoms.constraints
    assert free.bottom == "free"


def test_what_a_slab_holds_already_stays_held_and_nothing_else():
    slab = SLABS["square"].copy()
    slab.set_constraint(FixAtoms([0, 1]))
    held, free = (
        adlayers(slab, FACTS, [model_of(ETHER)], recipe_of(candidates=1, bottom=b), seed=0)[0].atoms
        for b in ("fixed", "free")
    )
    z = held.positions[:, 2]
    top = z[held.arrays["side"] == 0].max()
    assert sorted(held.constraints[0].index) == np.flatnonzero(z < top - 0.1).tolist()
    assert not free.constraints


def test_a_plane_in_the_middle_belongs_to_no_half():
    slab = SLABS["square"].copy()
    for off in (-0.2, 0.0, 0.2):
        slab.positions[1, 2] = slab.positions[[0, 2], 2].mean() + off
        assert lower_half(slab).tolist() == [True, False, False]


def test_the_same_seed_gives_the_same_models_and_another_seed_others():
    one, again, other = ([m.xyz for m in built(seed=s, candidates=4)] for s in (1, 1, 2))
    assert one == again
    assert one != other


def test_only_the_lowest_conformers_are_placed():
    three = (ETHER, twisted(ETHER), twisted(twisted(ETHER)))
    assert {m.pose.conformer for m in built(guests=three, conformers=2, candidates=6)} == {0, 1}


def test_more_clearance_takes_a_wider_cell():
    areas = [built(candidates=4, clearance_A=c)[0].area_A2 for c in (4.0, 6.0, 9.0)]
    assert areas[0] < areas[1] < areas[2]


def test_a_lone_molecule_covers_little_and_a_crowded_one_everything():
    assert not built(candidates=1)[0].covers
    flat = Atoms("C", [[0, 0, 0]])
    assert built(guests=(flat,), candidates=1, clearance_A=2.8)[0].covers


def test_too_many_atoms_are_refused_with_the_number_that_would_do():
    with pytest.raises(RequestError, match=r"needs \d+ atoms, max_atoms is 50") as caught:
        built(max_atoms=50)
    needed = int(str(caught.value).split("set adlayer.max_atoms=")[1].split(",")[0])
    assert "\n" not in str(caught.value)
    assert len(built(max_atoms=needed)[0].atoms) == needed
    with pytest.raises(RequestError, match=str(needed)):
        built(max_atoms=needed - 1)


def test_no_molecule_is_refused():
    with pytest.raises(RequestError, match="COCC"):
        built(guests=())


def test_a_model_goes_through_its_text():
    model = built(candidates=1)[0]
    assert AdlayerModel.model_validate_json(model.model_dump_json()) == model
    assert "first contact" in " ".join(model.origin.steps)


def chained(molecule="PEO", name="square", **more):
    recipe = recipe_of(chain="periodic", **more).model_copy(update={"side_b": MoleculeRecipe(molecule=molecule)})
    facts = FACTS.model_copy(update={"formula": SLABS[name].get_chemical_formula()})
    return adlayers(SLABS[name], facts, [], recipe, seed=0)


@pytest.mark.parametrize("name", ["square", "hexagonal"])
def test_an_infinite_chain_goes_on_over_the_boundary(name):
    for model in chained(name=name, candidates=8):
        guest = molecule_alone(model)
        bonds = [(i, j) for i, j, _ in model.molecules[0].bonds]
        lengths = np.array([guest.get_distance(i, j, mic=True) for i, j in bonds])
        assert lengths.max() < 1.6
        assert lengths.min() > 0.95
        direct = np.array([guest.get_distance(i, j) for i, j in bonds])
        assert (direct > lengths + 1).sum() == 1, "one bond closes the period"
        assert not [f for f in findings(model) if f.fault]


def test_an_infinite_chain_tells_its_mismatch_and_no_distance_to_images():
    model = chained(candidates=4)[0]
    assert 0 < abs(model.chain_mismatch_percent) <= 3
    assert model.image_distance_A is None
    assert f"{model.chain_mismatch_percent:+.2f} %" in " ".join(model.origin.steps)
    a = model.atoms.cell.lengths()[0]
    free = straight_chain(completed(MoleculeRecipe(molecule="PEO")))
    periods = model.molecules[0].n_units // free.n_units
    assert a == pytest.approx(periods * free.period_A * (1 + model.chain_mismatch_percent / 100), abs=1e-6)


def test_neighbouring_chains_keep_their_distance():
    for model in chained(candidates=8, clearance_A=7.0):
        guest = molecule_alone(model)
        a, b = guest.cell.array[:2]
        moved = [guest.positions + k * a + m * b for k in (-1, 0, 1) for m in (-1, 1)]
        assert min(cdist(guest.positions, other).min() for other in moved) >= 7.0 - 1e-6


def test_infinite_chains_lie_at_many_rolls_and_both_ways():
    models = chained(candidates=12, name="rough")
    x = [molecule_alone(m).positions for m in models]
    assert len(x) == 12
    first = molecule_alone(models[0]).symbols.search("H")[0]
    assert len({round(float(p[first, 2] - p[:, 2].mean()), 2) for p in x}) >= 6
    forward = [p[first, 0] < p[:, 0].mean() for p in x]
    assert 0 < sum(forward) < 12


def test_a_chain_that_needs_too_many_atoms_is_refused_with_the_number():
    with pytest.raises(RequestError, match="max_atoms is 5") as caught:
        chained(max_atoms=5)
    needed = int(str(caught.value).split("set adlayer.max_atoms=")[1].split(",")[0])
    assert len(chained(max_atoms=needed, candidates=1)[0].atoms) == needed


@pytest.fixture(scope="module")
def molecules():
    """Conformers of what the library knows, by name."""
    return {name: conformers(MoleculeRecipe(molecule=name), k=2) for name in ("DME", "TFSI-", "P-DOL")}


def on_crystal(crystal, miller, found, **more):
    side = SideRecipe(crystal=crystal, miller=miller, thickness_A=5.0)
    slab, facts = cut_slab(*load_crystal(crystal), side, vacuum_A=15.0)
    recipe = recipe_of(**more).model_copy(update={"side_a": side})
    return adlayers(slab, facts, found, recipe, seed=0)


@pytest.mark.parametrize(("crystal", "miller"), [("Li", (1, 0, 0)), ("Li", (1, 1, 0)), ("LiF", (1, 0, 0))])
@pytest.mark.parametrize("name", ["DME", "TFSI-", "P-DOL"])
def test_library_molecules_on_library_crystals_pass_every_check(molecules, crystal, miller, name):
    models = on_crystal(crystal, miller, molecules[name], candidates=6)
    assert len(models) == 6
    for model in models:
        assert not [f.message for f in findings(model) if f.fault]
        assert model.name == f"{model.slab.crystal}({''.join(map(str, miller))})|{name}"
        assert model.molecules == (molecules[name][model.pose.conformer].facts,)


def test_both_sides_of_the_story_are_told(molecules):
    model = on_crystal("LiF", (1, 0, 0), molecules["P-DOL"], candidates=1)[0]
    steps = model.origin.steps
    assert any(s.startswith("side A: cut (1 0 0)") for s in steps)
    assert any(s.startswith("side B: ") and "repeat units" in s for s in steps)
    assert str(model.cells_a) in " ".join(steps)
    assert model.slab.area_A2 * abs(np.linalg.det(model.cells_a)) == pytest.approx(model.area_A2)


def test_an_oligomer_is_placed_in_a_second(molecules):
    start = time.process_time()
    models = on_crystal("LiF", (1, 0, 0), molecules["P-DOL"])
    assert len(models) == 24
    assert time.process_time() - start < 2.0, "cutting the slab included; 0.8 s for the poses"


def test_ordered_ceramics_hold_their_charges_under_a_molecule(lagp, molecules):
    side = SideRecipe(crystal="LAGP", miller=(0, 1, 2), thickness_A=5.0)
    slab, facts = cut_slab(*lagp, side, vacuum_A=15.0)
    models = adlayers(slab, facts, molecules["DME"], recipe_of(candidates=4), seed=0)
    for model in models:
        alone = slab_alone(model)
        assert alone.arrays["oxidation"].sum() == pytest.approx(0, abs=1e-6)
        assert len(alone) % len(slab) == 0
        assert not [f.message for f in findings(model) if f.kind != "contact" and f.fault]
