"""Tacticity and stereo: RDKit's own reading of the graph and of the geometry is the judge."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from interlith.structures.polymers import oligomer
from interlith.structures.records import MoleculeRecipe
from interlith.structures.smiles import canonical
from interlith.structures.tacticity import HANDED, labels, open_centres, set_open_stereo, stereo_kept

UNITS = ("[*]CC([*])C", "[*]CC([*])Cl", "[*]CC([*])C#N", "[*]CC([*])F", "[*]CC([*])c1ccccc1")


def chain(unit, n, tacticity, seed=0, **fields):
    return oligomer(MoleculeRecipe(molecule=unit, n=n, tacticity=tacticity, seed=seed, **fields))


def centres(mol):
    return [a.GetIdx() for a in mol.GetAtoms() if a.GetChiralTag() in HANDED]


def embedded(mol, seed=7):
    copy = Chem.Mol(mol)
    settings = rdDistGeom.ETKDGv3()
    settings.randomSeed = seed
    assert rdDistGeom.EmbedMolecule(copy, settings) == 0
    return copy, copy.GetConformer().GetPositions()


def side_of(places, backbone, k, substituent):
    """On which side of the backbone's local plane a substituent stands, walked first to last."""
    before, here, after = (places[backbone[m]] for m in (k - 1, k, k + 1))
    return np.sign(np.linalg.det([before - here, after - here, places[substituent] - here]))


@given(unit=st.sampled_from(UNITS[:4]), n=st.integers(2, 3), seed=st.integers(0, 9))
@settings(max_examples=5, deadline=None, phases=[Phase.generate])
def test_side_groups_of_a_geometry_are_on_the_sides_asked_for(unit, n, seed):
    for tacticity in ("isotactic", "syndiotactic"):
        built = chain(unit, n, tacticity, seed, caps=("C", "C"))
        _, places = embedded(built.mol)
        place = {atom: k for k, atom in enumerate(built.backbone)}
        held = sorted((c for c in centres(built.mol) if c in place), key=place.get)
        sides = []
        for centre in held:
            groups = [x.GetIdx() for x in built.mol.GetAtomWithIdx(centre).GetNeighbors()]
            group = next(g for g in groups if g not in place and built.mol.GetAtomWithIdx(g).GetAtomicNum() > 1)
            if 0 < place[centre] < len(place) - 1:
                sides.append(side_of(places, built.backbone, place[centre], group))
        assert all(bool(a == b) is (tacticity == "isotactic") for a, b in pairwise(sides))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("tacticity", ["isotactic", "syndiotactic", "atactic"])
def test_no_centre_of_the_chain_is_left_open_and_the_geometry_keeps_all(unit, tacticity):
    built = chain(unit, 3, tacticity, seed=4)
    assert not set(open_centres(built.mol)) & set(built.backbone)
    copy, places = embedded(built.mol)
    assert stereo_kept(built.mol, places)
    Chem.AssignStereochemistryFrom3D(copy)
    assert Chem.MolToSmiles(Chem.RemoveHs(copy)) == canonical(built.mol)


@pytest.mark.parametrize("unit", UNITS)
def test_a_mirror_image_turns_every_centre_over(unit):
    built = chain(unit, 3, "isotactic", caps=("F", "C"))
    _, places = embedded(built.mol)
    assert not stereo_kept(built.mol, -places)
    inverted = Chem.Mol(built.mol)
    for centre in centres(built.mol):
        inverted.GetAtomWithIdx(centre).InvertChirality()
    assert stereo_kept(inverted, -places)
    swapped = str.maketrans("RS", "SR")
    there = [label.split()[1] for label in labels(inverted, centres(built.mol))]
    assert there == [label.split()[1].translate(swapped) for label in labels(built.mol, centres(built.mol))]


def test_one_centre_turned_over_is_seen():
    built = chain("[*]CC([*])Cl", 4, "isotactic", caps=("C", "C"))
    _, places = embedded(built.mol)
    for centre in centres(built.mol):
        wrong = Chem.Mol(built.mol)
        wrong.GetAtomWithIdx(centre).InvertChirality()
        assert not stereo_kept(wrong, places)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_open_stereo_is_set_once_and_the_same_by_seed(seed):
    def opened():
        mol = Chem.AddHs(Chem.MolFromSmiles("CC(F)C(Cl)C=CC(Br)C"))
        return mol, set_open_stereo(mol, seed)

    (one, told), (two, same) = opened(), opened()
    assert Chem.MolToSmiles(one) == Chem.MolToSmiles(two)
    assert told == same
    assert open_centres(one) == []
    assert set_open_stereo(one, seed + 1) == ()
    assert sum(bond.GetStereo() == Chem.BondStereo.STEREOTRANS for bond in one.GetBonds()) == 1


def test_seeds_draw_both_hands():
    def drawn(seed):
        mol = Chem.AddHs(Chem.MolFromSmiles("CC(F)Cl"))
        set_open_stereo(mol, seed)
        return labels(mol, [1])[0]

    assert {drawn(seed) for seed in range(12)} == {"C1 R", "C1 S"}


@pytest.mark.parametrize(
    "smiles, label", [("C[C@H](F)Cl", "C1 R"), ("C[C@@H](F)Cl", "C1 S"), ("N[C@@H](C)C(=O)O", "C1 S")]
)
def test_labels_are_those_of_the_rules(smiles, label):
    # The last is L-alanine, which is S.
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    centre = centres(mol)
    found = labels(mol, centre)
    known = dict(Chem.FindMolChiralCenters(mol, useLegacyImplementation=False))
    assert found == [f"C{centre[0]} {known[centre[0]]}"]
    assert found == [label] or smiles.startswith("C[C@")


def test_what_has_no_stereo_is_let_be():
    for smiles in ("COCCOC", "c1ccccc1", "C=C", "CC(F)(F)C"):
        mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
        assert set_open_stereo(mol, 3) == ()
        _, places = embedded(mol)
        assert stereo_kept(mol, places)
        assert stereo_kept(mol, -places)
