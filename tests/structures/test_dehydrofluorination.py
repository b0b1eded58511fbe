"""HF out of molecules: mass, hydrogen and fluorine are balanced, carbons keep four bonds, the rule of order holds."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from interlith.structures.dehydrofluorination import without_hf
from interlith.structures.errors import RequestError
from interlith.structures.smiles import canonical

# SMILES, and the most HF that can leave, counted by hand: one for each two neighbouring carbons with H and F.
MOST = {
    "CC(F)F": 1,
    "CC(F)(F)CC(F)(F)C": 2,
    "CC(F)(F)CC(F)(F)CC(F)(F)C": 3,
    "FCCF": 1,
    "FC(F)(F)C": 1,
    "CF": 0,
    "COCCOC": 0,
    "FC(F)(F)C(F)(F)F": 0,
    "c1ccccc1F": 0,
    "CC(F)(F)C(F)(F)C(F)(C(F)(F)F)CC(F)F": 2,
}


def full(smiles):
    return Chem.AddHs(Chem.MolFromSmiles(smiles))


def elements(mol):
    return Counter(atom.GetSymbol() for atom in mol.GetAtoms())


@pytest.mark.parametrize("smiles", MOST)
def test_no_more_than_can_leave_leaves(smiles):
    most = MOST[smiles]
    if most:
        assert elements(without_hf(full(smiles), most)[0])["F"] == elements(full(smiles))["F"] - most
    with pytest.raises(RequestError, match=f"at most {most}"):
        without_hf(full(smiles), most + 1)


@given(smiles=st.sampled_from([s for s, most in MOST.items() if most]), seed=st.integers(0, 99), data=st.data())
@settings(max_examples=40, deadline=None)
def test_atoms_and_bonds_balance(smiles, seed, data):
    count = data.draw(st.integers(1, MOST[smiles]))
    whole = full(smiles)
    bare, _, told = without_hf(whole, count, seed=seed)
    assert elements(whole) - elements(bare) == Counter({"H": count, "F": count})
    assert whole.GetNumBonds() - bare.GetNumBonds() == 2 * count
    double = [b for b in bare.GetBonds() if b.GetBondType() == Chem.BondType.DOUBLE]
    assert len(double) == count
    assert all({b.GetBeginAtom().GetSymbol(), b.GetEndAtom().GetSymbol()} == {"C"} for b in double)
    assert len(Chem.GetMolFrags(bare)) == 1
    assert not Chem.DetectChemistryProblems(bare)
    assert sum(a.GetNumRadicalElectrons() for a in bare.GetAtoms()) == 0
    assert Chem.GetFormalCharge(bare) == Chem.GetFormalCharge(whole)
    assert told.startswith(f"{count} HF taken out")
    assert told.count("=C") - told.count("C=C:") == count
    assert canonical(without_hf(whole, count, seed=seed)[0]) == canonical(bare)


@pytest.mark.parametrize("seed", range(6))
def test_the_tertiary_fluorine_goes_before_all_others(seed):
    bare, _, told = without_hf(full("CC(F)(F)CC(F)(C(F)(F)F)CC(F)F"), 1, seed=seed)
    assert "tertiary C-F" in told
    tertiary = Chem.MolFromSmarts("[CX3](C(F)(F)F)=C")
    assert bare.HasSubstructMatch(tertiary)


@pytest.mark.parametrize("smiles", ["CC(F)F", "CC(F)(F)CC(F)(F)C"])
def test_the_given_molecule_is_left_as_it_was(smiles):
    mol = full(smiles)
    before = Chem.MolToSmiles(mol)
    without_hf(mol, 1)
    assert Chem.MolToSmiles(mol) == before


def test_nothing_taken_out_is_the_same_molecule():
    mol = full("CC(F)(F)CC(F)(F)C")
    bare, backbone, _ = without_hf(mol, 0, backbone=(0, 1, 4, 5, 8))
    assert canonical(bare) == canonical(mol)
    assert backbone == (0, 1, 4, 5, 8)


def test_the_backbone_is_followed_and_bonds_off_it_are_kept():
    mol = full("CC(F)(CC)CC(F)C")
    chain = (0, 1, 5, 6, 8)
    bare, shifted, _ = without_hf(mol, 1, backbone=chain)
    assert [bare.GetAtomWithIdx(k).GetSymbol() for k in shifted] == ["C"] * 5
    assert all(bare.GetBondBetweenAtoms(a, b) for a, b in pairwise(shifted))
    double = next(b for b in bare.GetBonds() if b.GetBondType() == Chem.BondType.DOUBLE)
    assert {double.GetBeginAtomIdx(), double.GetEndAtomIdx()} <= set(shifted)


def test_the_chain_is_trans_at_each_new_bond():
    mol = full("CC(F)(F)CC(F)(F)CC(F)(F)C")
    carbons = tuple(a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() == "C")
    bare, backbone, _ = without_hf(mol, 2, backbone=carbons)
    marked = [b for b in bare.GetBonds() if b.GetStereo() == Chem.BondStereo.STEREOTRANS]
    assert marked
    for bond in marked:
        assert set(bond.GetStereoAtoms()) <= set(backbone)


def test_rings_are_let_be():
    with pytest.raises(RequestError, match="at most 0"):
        without_hf(full("FC1CCCCC1"), 1)
