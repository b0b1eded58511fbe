"""Oligomers: formula, valence, sequence, direction, tacticity, missing HF."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from interlith.structures.dehydrofluorination import without_hf
from interlith.structures.errors import RequestError
from interlith.structures.polymers import oligomer, sequence_of
from interlith.structures.records import MoleculeRecipe
from interlith.structures.smiles import UNIT, canonical
from interlith.structures.tacticity import labels, open_centres

VDF, HFP = "[*]CC(F)(F)[*]", "[*]C(F)(F)C(F)(C(F)(F)F)[*]"
# Written out by hand: atoms of one repeat unit, nothing at its open ends.
UNITS = {
    VDF: {"C": 2, "H": 2, "F": 2},
    HFP: {"C": 3, "F": 6},
    "[*]COCCO[*]": {"C": 3, "H": 6, "O": 2},
    "[*]CC([*])C#N": {"C": 3, "H": 3, "N": 1},
    "[*]CC([*])c1ccccc1": {"C": 8, "H": 8},
    "[*]c1ccc(O[*])cc1": {"C": 6, "H": 4, "O": 1},
    "[*]CC(C)(C(=O)OC)[*]": {"C": 5, "H": 8, "O": 2},
    "[*]O[Si](C)(C)[*]": {"C": 2, "H": 6, "O": 1, "Si": 1},
    "[*]CC([*])S(=O)(=O)[O-]": {"C": 2, "H": 3, "S": 1, "O": 3},
}
CAPS = {"H": {"H": 1}, "C": {"C": 1, "H": 3}, "[*]OC": {"O": 1, "C": 1, "H": 3}, "F": {"F": 1}, "O": {"O": 1, "H": 1}}


def chain(unit=VDF, **fields):
    return oligomer(MoleculeRecipe(molecule=unit, **fields))


def elements(mol):
    return Counter(atom.GetSymbol() for atom in mol.GetAtoms())


def handedness(built):
    """R or S of each stereo centre, in the order of the chain."""
    return [label.split()[1] for label in labels(built.mol, sorted(centres(built)))]


def centres(built):
    return [a.GetIdx() for a in built.mol.GetAtoms() if a.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED]


@given(
    unit=st.sampled_from(sorted(UNITS)),
    other=st.sampled_from([None, HFP, "[*]CC([*])C#N"]),
    n=st.integers(1, 7),
    caps=st.tuples(st.sampled_from(sorted(CAPS)), st.sampled_from(sorted(CAPS))),
    tacticity=st.sampled_from(["isotactic", "syndiotactic", "atactic"]),
    head_to_tail=st.booleans(),
    blocks=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None)
def test_formula_and_valence_hold_whatever_is_asked(unit, other, n, caps, tacticity, head_to_tail, blocks, seed):
    m = min(seed % 4, n) if other else None
    built = chain(
        unit,
        n=n,
        caps=caps,
        comonomer=other,
        comonomer_units=m,
        sequence="blocks" if blocks else "random",
        tacticity=tacticity,
        head_to_tail=head_to_tail,
        seed=seed,
    )
    expected = Counter()
    for part, count in (
        (UNITS[unit], n - (m or 0)),
        (UNITS.get(other, {}), m or 0),
        (CAPS[caps[0]], 1),
        (CAPS[caps[1]], 1),
    ):
        for _ in range(count):
            expected.update(part)
    assert elements(built.mol) == expected
    assert Counter(built.sequence) == Counter({"A": n - (m or 0), "B": m or 0}) - Counter()
    assert len(Chem.GetMolFrags(built.mol)) == 1
    assert not Chem.DetectChemistryProblems(built.mol)
    assert sum(a.GetNumRadicalElectrons() for a in built.mol.GetAtoms()) == 0
    assert Chem.GetFormalCharge(built.mol) == (-(n - (m or 0)) if "[O-]" in unit else 0)
    assert not set(open_centres(built.mol)) & set(built.backbone)
    again = chain(unit, n=n, caps=caps, comonomer=other, comonomer_units=m, sequence="blocks" if blocks else "random",
                  tacticity=tacticity, head_to_tail=head_to_tail, seed=seed)  # fmt: skip
    assert canonical(again.mol) == canonical(built.mol)


@pytest.mark.parametrize("n, smiles", [(1, "COCOCCOC"), (2, "COCOCCOCOCCOC")])
def test_p_dol_is_the_published_oligomer(n, smiles):
    built = chain("[*]COCCO[*]", n=n, caps=("[*]OC", "[*]C"))
    assert canonical(built.mol) == canonical(Chem.AddHs(Chem.MolFromSmiles(smiles)))


def test_every_atom_knows_its_unit():
    built = chain("[*]COCCO[*]", n=3, caps=("OC", "C"))
    units = Counter(atom.GetIntProp(UNIT) for atom in built.mol.GetAtoms())
    assert units == {-1: 5 + 4, 0: 11, 1: 11, 2: 11}


def test_turned_units_meet_head_to_head():
    straight, turned = (chain(VDF, n=2, head_to_tail=flag) for flag in (True, False))
    pair = Chem.MolFromSmarts("C(F)(F)C(F)(F)")
    assert not straight.mol.HasSubstructMatch(pair)
    assert turned.mol.HasSubstructMatch(pair)


@pytest.mark.parametrize("tacticity, meso", [("isotactic", True), ("syndiotactic", False)])
@pytest.mark.parametrize("head_to_tail", [True, False])
def test_dyads_are_meso_or_racemo_whichever_way_units_point(tacticity, meso, head_to_tail):
    # 2,4-dichloropentane or 2,3-dichlorobutane: the meso compound is R,S, the racemo one R,R or S,S.
    ends = ("H", "C") if head_to_tail else ("H", "H")
    built = chain("[*]CC([*])Cl", n=2, caps=ends, tacticity=tacticity, head_to_tail=head_to_tail)
    first, second = handedness(built)
    assert (first != second) is meso


@pytest.mark.parametrize("n", [4, 6])
def test_a_symmetric_isotactic_chain_is_its_own_mirror_image(n):
    # With equal ends about its centres it is meso: R and S balance.
    built = oligomer(MoleculeRecipe(molecule="[*]C([*])(C)Cl", n=n, caps=("F", "F"), tacticity="isotactic"))
    mirror = Chem.Mol(built.mol)
    for index in centres(built):
        mirror.GetAtomWithIdx(index).InvertChirality()
    assert canonical(mirror) == canonical(built.mol)
    assert Counter(handedness(built)) == {"R": n // 2, "S": n // 2}


def test_a_chain_that_is_too_alike_to_label_is_still_built():
    built = chain("[*]C1CCC(CC1)c1ccc2cc(ccc2c1)[*]", n=4)
    assert not open_centres(built.mol)
    assert any("unlabelled" in step for step in built.steps)


def test_atactic_chains_differ_by_seed_and_others_do_not():
    def drawn(tacticity):
        return {canonical(chain("[*]CC([*])C#N", n=6, tacticity=tacticity, seed=s).mol) for s in range(8)}

    assert len(drawn("atactic")) > 3
    assert len(drawn("isotactic")) == len(drawn("syndiotactic")) == 1


def test_written_stereo_wins_over_tacticity():
    built = chain("[*]C[C@H]([*])C#N", n=3, tacticity="syndiotactic")
    assert canonical(built.mol) == canonical(chain("[*]C[C@H]([*])C#N", n=3, tacticity="isotactic").mol)


def test_sequences():
    recipe = MoleculeRecipe(molecule=VDF, n=10, comonomer=HFP, comonomer_units=3)
    drawn = {sequence_of(recipe.model_copy(update={"seed": s}))[0] for s in range(10)}
    blocks = {sequence_of(recipe.model_copy(update={"seed": s, "sequence": "blocks"}))[0] for s in range(10)}
    assert len(drawn) > 5
    assert len(blocks) > 2
    assert all("BBB" in letters for letters in blocks)
    assert all(Counter(letters) == {"A": 7, "B": 3} for letters in drawn | blocks)


@given(n=st.integers(1, 8), removed=st.integers(0, 9), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_hf_leaves_double_bonds_and_nothing_else(n, removed, seed):
    whole = chain(VDF, n=n, seed=seed)
    if removed > n:
        with pytest.raises(RequestError, match=f"{removed} HF cannot leave this molecule: at most {n}"):
            chain(VDF, n=n, hf_removed=removed, seed=seed)
        return
    bare = chain(VDF, n=n, hf_removed=removed, seed=seed)
    assert elements(whole.mol) - elements(bare.mol) == Counter({"H": removed, "F": removed}) - Counter()
    double = [b for b in bare.mol.GetBonds() if b.GetBondType() == Chem.BondType.DOUBLE]
    ends = [a for bond in double for a in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())]
    assert len(double) == removed
    assert len(set(ends)) == 2 * removed, "no carbon in two double bonds"
    assert not Chem.DetectChemistryProblems(bare.mol)


def test_the_tertiary_fluorine_leaves_first():
    built = oligomer(MoleculeRecipe(molecule=VDF, n=3, comonomer=HFP, comonomer_units=1, hf_removed=1), pattern="ABA")
    plain = Chem.MolFromSmiles("CC(F)(F)C(F)(F)C(=CC(F)F)C(F)(F)F")
    assert Chem.MolToSmiles(Chem.RemoveHs(built.mol), isomericSmiles=False) == Chem.MolToSmiles(plain)
    assert any("1 HF taken out" in step and "tertiary C-F, units 2 and 3" in step for step in built.steps)


def test_hf_leaves_a_plain_molecule_too():
    mol, _, told = without_hf(Chem.AddHs(Chem.MolFromSmiles("CC(F)F")), 1)
    assert canonical(mol) == "C=CF"
    assert "C1=C0" in told


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"molecule": "[*]CC"}, "1 open ends"),
        ({"molecule": "[*]C([*])C[*]"}, "3 open ends"),
        ({"molecule": "[*][*]"}, "no chain between its ends"),
        ({"molecule": "[*]C.[*]C"}, "no chain between its ends"),
        ({"molecule": "[*]=CC[*]"}, "different bond orders"),
        ({"molecule": "[*]=CC=[*]"}, "caps end in different bond orders"),
        ({"caps": ("[*]C[*]", "H")}, "2 open ends"),
        ({"caps": ("Q", "H")}, "no SMILES"),
        ({"n": 201}, "n = 201"),
        ({"comonomer": HFP}, "without a number"),
        ({"comonomer": HFP, "comonomer_units": 9, "n": 4}, "9 comonomers in a chain of n = 4"),
        ({"comonomer_units": 2}, "of no comonomer"),
        ({"molecule": "[*]COCCO[*]", "hf_removed": 1}, "at most 0"),
    ],
)
def test_what_cannot_be_built_is_refused(fields, said):
    with pytest.raises(RequestError, match=said):
        oligomer(MoleculeRecipe(**{"molecule": VDF, **fields}))
