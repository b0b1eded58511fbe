"""A molecule on both faces of a slab: the operation is one of the slab, and the two halves are images of each other."""

import numpy as np
import pytest
from adlayer_cases import ETHER, PEROXIDE, SLABS, model_of, recipe_of
from ase import Atoms
from ase.build import fcc111
from conftest import slab_facts
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from interlith.structures.adlayers import adlayers, molecule_alone, slab_alone
from interlith.structures.checks import findings
from interlith.structures.counterparts import face_exchange, symmetrised, upper_only, with_counterpart
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.structures.layouts import bodies
from interlith.structures.molecules import conformers
from interlith.structures.records import MoleculeRecipe, SideRecipe
from interlith.structures.slabs import cut_slab

TEXT_A = 1e-6
"""Positions are written to 1e-8 Å."""


def built(name="square", guest=ETHER, **more):
    facts = slab_facts("Al", (1, 0, 0)).model_copy(update={"formula": SLABS[name].get_chemical_formula()})
    return adlayers(SLABS[name], facts, [model_of(guest)], recipe_of(bottom="symmetric", **more), seed=0)


def farthest(atoms, landed) -> float:
    """The farthest of positions from the nearest atom, images in the plane and along z included."""
    around = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ atoms.cell.array
    images = (atoms.positions + around[:, None]).reshape(-1, 3)
    return float(cdist(landed, images).min(axis=1).max())


@pytest.fixture(scope="module", params=["square", "hexagonal"])
def models(request):
    return built(request.param, candidates=6)


def test_each_face_has_its_molecule_and_nothing_is_held(models):
    assert len(models) == 6
    for model in models:
        atoms = model.atoms
        assert (model.bottom, model.n_interfaces, model.copies) == ("symmetric", 2, 2)
        assert not atoms.constraints
        z, body = atoms.positions[:, 2], bodies(atoms)
        assert [(body == k).sum() for k in (1, 2)] == [len(ETHER)] * 2
        assert z[body == 2].max() < z[body == 0].max()
        assert z[body == 1].min() > z[body == 0].min()
        assert (atoms.arrays["molecule"][body == 2] == 1).all()
        gaps = [cdist(atoms.positions[body == k], atoms.positions[body == 0]).min() for k in (1, 2)]
        assert min(gaps) >= 2.2 - 0.06 - TEXT_A, "the slab was made symmetric, by less than 0.05 Å"


def test_the_operation_takes_the_whole_model_to_itself_and_back(models):
    for model in models:
        atoms, slab = model.atoms, slab_alone(model)
        operation = face_exchange(slab, "test")
        assert operation.off_A < TEXT_A, "the slab was made to have it exactly"
        landed = operation.of(atoms.positions)
        assert farthest(atoms, landed) < TEXT_A
        again = operation.of(landed) - atoms.positions
        assert np.abs(again - np.rint(again @ np.linalg.inv(atoms.cell.array)) @ atoms.cell.array).max() < TEXT_A


def test_no_charges_make_a_dipole_along_the_normal(models):
    """Whatever charge each atom of the molecule has, its image has too: all moments along z cancel."""
    model = models[0]
    atoms = model.atoms
    charges = np.zeros(len(atoms))
    of_one = np.random.default_rng(0).normal(size=len(ETHER))
    for k in (0, 1):
        charges[atoms.arrays["molecule"] == k] = of_one
    middle = slab_alone(model).positions[:, 2].mean()
    assert charges @ (atoms.positions[:, 2] - middle) == pytest.approx(0, abs=1e-5)
    assert abs(of_one @ (molecule_alone(model).positions[: len(ETHER), 2] - middle)) > 0.1


def test_molecules_stay_rigid_apart_and_share_a_cell_that_grew(models):
    alone = built("square", candidates=6)[0].atoms
    assert len({tuple(m.atoms.cell.array.ravel()) for m in models}) == 1
    for model in models:
        above, below = (molecule_alone(model)[k * len(ETHER) : (k + 1) * len(ETHER)] for k in (0, 1))
        assert pdist(below.positions) == pytest.approx(pdist(above.positions), abs=TEXT_A)
        through = below.positions + model.atoms.cell.array[2]
        assert cdist(above.positions, through).min() >= 15.0 - TEXT_A, "through the vacuum"
        assert np.ptp(model.atoms.positions[:, 2]) <= model.atoms.cell[2, 2] - 15.0 + TEXT_A
    assert alone.cell[2, 2] > 15.0 + np.ptp(alone.positions[:, 2]) - TEXT_A


def test_one_sided_and_symmetric_models_are_one_above():
    symmetric = built(candidates=4)
    facts = slab_facts("Al", (1, 0, 0))
    free = adlayers(SLABS["square"], facts, [model_of(ETHER)], recipe_of(bottom="free", candidates=4), seed=0)
    for both, one in zip(symmetric, free, strict=True):
        upper = upper_only(both)
        assert (upper.bottom, upper.n_interfaces, upper.molecules) == ("free", 1, one.molecules)
        lift = upper.atoms.positions[0, 2] - one.atoms.positions[0, 2]
        assert upper.atoms.positions - np.array([0, 0, lift]) == pytest.approx(one.atoms.positions, abs=TEXT_A)
        again = with_counterpart(upper)
        assert again.atoms.positions == pytest.approx(both.atoms.positions, abs=TEXT_A)
        assert again.origin == both.origin, "the step is told once"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.04))
def test_a_slab_that_is_nearly_symmetric_is_made_so(seed, noise):
    slab = SLABS["hexagonal"].repeat((2, 2, 1))
    moved = slab.copy()
    shake = np.random.default_rng(seed).normal(size=slab.positions.shape)
    moved.positions += noise * shake / np.linalg.norm(shake, axis=1).max()
    found = face_exchange(moved, "test")
    assert found.off_A <= 2 * noise + 1e-9
    whole = symmetrised(moved, found)
    assert np.linalg.norm(whole.positions - moved.positions, axis=1).max() <= found.off_A / 2 + 1e-9
    assert face_exchange(whole, "test").off_A < 1e-6
    assert sorted(found.partner) == list(range(len(slab)))
    assert (found.partner[found.partner] == np.arange(len(slab))).all()


def test_kinds_are_told_apart():
    """An odd stack of fcc(111) has an inversion; a honeycomb bilayer AA a mirror only, its stagger an axis only."""
    slab = fcc111("Cu", (1, 1, 3), vacuum=7.5, periodic=True)
    assert face_exchange(slab, "fcc").kind == "inversion"
    lattice = [[3.0, 0, 0], [0.4, 4.0, 0], [0, 0, 20]]
    mirror = Atoms("LiFLiF", [[0, 0, 9], [1.1, 0.7, 8], [0, 0, 11], [1.1, 0.7, 12]], cell=lattice, pbc=True)
    found = face_exchange(mirror, "mirror")
    assert (found.kind, found.mirrors) == ("a mirror plane", True)
    glide = mirror.copy()
    glide.positions[2:, 0] += 1.5
    assert face_exchange(glide, "glide").kind == "a glide plane"
    upright = [[3.0, 0, 0], [0, 4.0, 0], [0, 0, 20]]
    axis = Atoms("LiFLiF", [[0, 0.3, 9], [1.1, 0.7, 8], [0, -0.3, 11], [1.1, -0.7, 12]], cell=upright, pbc=True)
    axis.positions[1, 0] = axis.positions[3, 0] = 0.8
    found = face_exchange(axis, "axis")
    assert (found.kind, found.mirrors) == ("a two-fold axis", False)
    screw = axis.copy()
    screw.positions[2:, 0] += 1.5
    assert face_exchange(screw, "screw").kind == "a two-fold screw"


def test_a_slab_without_such_an_operation_is_refused_in_one_line():
    with pytest.raises(RequestError, match="no operation of this slab exchanges its two faces") as caught:
        built("rough")
    told = str(caught.value)
    assert "'fixed' or 'free'" in told and "\n" not in told
    polar = SLABS["square"].copy()
    polar.numbers[0] = 3
    with pytest.raises(RequestError, match="exchanges"):
        face_exchange(polar, "polar")


def test_a_chiral_molecule_stays_itself_where_an_axis_allows_it_else_its_image_is_told():
    chiral = model_of(PEROXIDE)
    chiral = chiral.model_copy(update={"facts": chiral.facts.model_copy(update={"smiles": "C[C@H](F)O"})})
    facts = slab_facts("Al", (1, 0, 0))
    model = adlayers(SLABS["square"], facts, [chiral], recipe_of(bottom="symmetric", candidates=1), seed=0)[0]
    assert model.molecules[0] == model.molecules[1]
    assert "axis" in model.origin.steps[-1] or "screw" in model.origin.steps[-1]
    slab = Atoms("LiFLiF", [[0, 0, 9], [1.1, 0.7, 8], [0, 0, 11], [1.1, 0.7, 12]], pbc=True)
    slab.set_cell([[3.0, 0, 0], [0.4, 4.0, 0], [0, 0, 20]])
    model = adlayers(slab, facts, [chiral], recipe_of(bottom="symmetric", candidates=1), seed=0)[0]
    assert [one.smiles for one in model.molecules] == ["C[C@H](F)O", "C[C@H](O)F"]
    assert "its mirror image" in model.origin.steps[-1]


@pytest.fixture(scope="module")
def dme():
    return conformers(MoleculeRecipe(molecule="DME"), k=1)


@pytest.mark.parametrize(("crystal", "miller"), [("Li", (1, 1, 0)), ("LiF", (1, 0, 0)), ("Li2O", (1, 1, 1))])
def test_models_of_library_crystals_pass_every_check(dme, crystal, miller):
    side = SideRecipe(crystal=crystal, miller=miller, thickness_A=7.0)
    slab, facts = cut_slab(*load_crystal(crystal), side, vacuum_A=15.0)
    model = adlayers(slab, facts, dme, recipe_of(bottom="symmetric", candidates=2), seed=0)[1]
    assert not [f.message for f in findings(model) if f.fault]
    swapped = model.atoms
    own = swapped.arrays["molecule"]
    swapped.positions[own == 0] += [0, 0, -2 * np.ptp(swapped.positions[:, 2])]
    wrong = model.model_copy(update={"xyz": to_text(swapped)})
    assert any(f.kind in ("sides", "distance", "vacuum") for f in findings(wrong) if f.fault)


def test_an_infinite_chain_lies_on_both_faces():
    recipe = recipe_of(bottom="symmetric", chain="periodic", candidates=2)
    recipe = recipe.model_copy(update={"side_b": MoleculeRecipe(molecule="PEO")})
    facts = slab_facts("Al", (1, 0, 0)).model_copy(update={"formula": SLABS["square"].get_chemical_formula()})
    for model in adlayers(SLABS["square"], facts, [], recipe, seed=0):
        assert not [f.message for f in findings(model) if f.fault]
        assert len(model.molecules) == 2
        landed = face_exchange(slab_alone(model), "chain").of(model.atoms.positions)
        assert farthest(model.atoms, landed) < TEXT_A
