"""Likeness is a distance between shapes: zero for the same one, the same both ways, blind to motion and numbering."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from scipy.spatial.transform import Rotation

from interlith.structures.conformers import generate
from interlith.structures.likeness import Likeness

SMILES = ("COCCOC", "C[C@H](F)Cl", "CC(F)(F)C(F)(F)F", "[O-]C(=O)CF", "c1ccccc1C", "O", "[H][H]")


@pytest.fixture(scope="module")
def known():
    """Return molecule, lowest geometry and likeness by SMILES."""
    found = {}
    for smiles in SMILES:
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        found[smiles] = (mol, generate(mol).positions[0], Likeness(mol))
    return found


@given(
    smiles=st.sampled_from(SMILES),
    turn=st.tuples(*[st.floats(-3, 3)] * 3),
    shift=st.tuples(*[st.floats(-50, 50)] * 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_it_is_a_distance_that_sees_no_motion(known, smiles, turn, shift, seed):
    _, places, likeness = known[smiles]
    other = places + np.random.default_rng(seed).normal(scale=0.1, size=places.shape)
    moved = Rotation.from_rotvec(turn).apply(places) + shift
    assert likeness.rmsd(places, moved) < 1e-6
    assert likeness.rmsd(places, other) == pytest.approx(likeness.rmsd(moved, other), abs=1e-6)
    assert likeness.rmsd(places, other) == pytest.approx(likeness.rmsd(other, places), abs=2e-3)
    heavy = [a.GetIdx() for a in known[smiles][0].GetAtoms() if a.GetAtomicNum() > 1]
    if len(heavy) >= 3:
        plain = np.sqrt(((places - other)[heavy] ** 2).sum(axis=1).mean())
        assert likeness.rmsd(places, other) <= plain + 1e-6, "no better than the best turn and numbering"


def test_hydrogens_do_not_count(known):
    mol, places, likeness = known["COCCOC"]
    shaken = places.copy()
    hydrogens = [a.GetIdx() for a in mol.GetAtoms() if a.GetAtomicNum() == 1]
    shaken[hydrogens] += np.random.default_rng(0).normal(scale=0.4, size=(len(hydrogens), 3))
    assert likeness.rmsd(places, shaken) < 1e-6


def test_the_fluorines_of_a_group_are_exchanged(known):
    mol, places, likeness = known["CC(F)(F)C(F)(F)F"]
    carbon = next(a for a in mol.GetAtoms() if [n.GetSymbol() for n in a.GetNeighbors()].count("F") == 3)
    three = [n.GetIdx() for n in carbon.GetNeighbors() if n.GetSymbol() == "F"]
    swapped = places.copy()
    swapped[three] = places[[three[1], three[2], three[0]]]
    assert likeness.rmsd(places, swapped) < 1e-6


def test_atoms_of_different_groups_are_not_exchanged(known):
    mol, places, likeness = known["CC(F)(F)C(F)(F)F"]
    groups = [[n.GetIdx() for n in a.GetNeighbors() if n.GetSymbol() == "F"] for a in mol.GetAtoms()]
    two, three = (next(g for g in groups if len(g) == size) for size in (2, 3))
    swapped = places.copy()
    swapped[[two[0], three[0]]] = places[[three[0], two[0]]]
    assert likeness.rmsd(places, swapped) > 0.1


@pytest.mark.parametrize("smiles, chiral", [("C[C@H](F)Cl", True), ("COCCOC", False), ("CC(F)(F)C(F)(F)F", False)])
def test_only_a_chiral_molecule_tells_its_mirror_image(known, smiles, chiral):
    _, places, likeness = known[smiles]
    assert (likeness.rmsd(places, places * [1, 1, -1]) > 0.1) is chiral


def test_it_grows_with_the_turn_of_a_torsion():
    mol = Chem.AddHs(Chem.MolFromSmiles("COCCOC"))
    places, likeness = generate(mol).positions[0], Likeness(mol)
    axis = places[3] - places[2]
    axis /= np.linalg.norm(axis)
    beyond = [4, 5]
    found = []
    for angle in (0, 10, 25, 45):
        turned = places.copy()
        turned[beyond] = Rotation.from_rotvec(np.radians(angle) * axis).apply(places[beyond] - places[3]) + places[3]
        found.append(likeness.rmsd(places, turned))
    assert found[0] < 1e-6
    assert found == sorted(found)
    assert found[-1] > 0.2
