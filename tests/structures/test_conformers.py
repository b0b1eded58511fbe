"""Conformers: sound, distinct, ordered, the same by seed."""

import numpy as np
import pytest
from rdkit import Chem
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from interlith.structures.conformers import (
    ALIKE_A,
    FOLDED_A,
    WINDOW_eV,
    donors,
    faults,
    folded_starts,
    generate,
    ranked,
    relaxed_by_force_field,
)
from interlith.structures.errors import RequestError
from interlith.structures.likeness import Likeness
from interlith.structures.tacticity import set_open_stereo

TFSI = "[N-](S(=O)(=O)C(F)(F)F)S(=O)(=O)C(F)(F)F"


def full(smiles):
    return Chem.AddHs(Chem.MolFromSmiles(smiles))


@pytest.fixture(scope="module")
def glyme():
    mol = full("COCCOC")
    return mol, generate(mol, 0)


def test_conformers_are_ordered_distinct_and_sound(glyme):
    mol, found = glyme
    likeness = Likeness(mol)
    assert found.energies_eV[0] == 0.0
    assert list(found.energies_eV) == sorted(found.energies_eV)
    assert found.energies_eV[-1] <= WINDOW_eV
    assert len(found.positions) >= 4
    assert all(not faults(mol, p) for p in found.positions)
    assert all(likeness.rmsd(a, b) > ALIKE_A for k, a in enumerate(found.positions) for b in found.positions[k + 1 :])
    assert all(np.abs(p.mean(axis=0)).max() < 1e-9 for p in found.positions)


def test_the_same_seed_gives_the_same_conformers(glyme):
    mol, found = glyme
    again = generate(mol, 0)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(found.positions, again.positions, strict=True))


def test_the_lowest_glyme_turns_gauche_about_its_carbons_in_a_force_field(glyme):
    _, found = glyme
    # MMFF94s puts O-C-C-O at about 60 or 180 degrees; both families must be in the ensemble.
    turns = set()
    for positions in found.positions:
        a, b, c, d = positions[[1, 2, 3, 4]]
        one, two = np.cross(b - a, c - b), np.cross(c - b, d - c)
        angle = np.degrees(np.arccos(one @ two / np.linalg.norm(one) / np.linalg.norm(two)))
        turns.add(round(angle / 60))
    assert turns == {1, 3}


@pytest.mark.parametrize(
    "smiles, field", [("COC", "MMFF94s"), ("OB(O)O", "UFF"), ("F[P-](F)(F)(F)(F)F", "UFF"), ("[H][H]", "UFF")]
)
def test_the_force_field_is_named(smiles, field):
    assert generate(full(smiles)).ranked_by == field


def test_one_atom_needs_no_force_field():
    found = generate(full("[Li+]"))
    assert found.positions[0].tolist() == [[0.0, 0.0, 0.0]]


def test_conformers_of_a_sulfonylimide_keep_their_close_sulfurs():
    """S...S of 2.6 Å across N is no bond and no overlap: no conformer may be lost to it."""
    mol = full(TFSI)
    found = generate(mol)
    sulfurs = [a.GetIdx() for a in mol.GetAtoms() if a.GetSymbol() == "S"]
    assert all(2.4 < pdist(p[sulfurs])[0] < 3.0 for p in found.positions)


def test_likeness_sees_through_numbering_turning_and_mirrors():
    mol = full("FC(F)(F)CC(F)(F)F")
    positions = generate(mol).positions[0]
    likeness = Likeness(mol)
    other = Rotation.from_rotvec([0.3, 1.0, -2.0]).apply(positions) + np.array([5, -2, 1])
    swapped = other.copy()
    swapped[[0, 2, 3]] = other[[2, 3, 0]]
    assert likeness.rmsd(positions, swapped) < 1e-6
    assert likeness.rmsd(positions, -swapped) < 1e-6
    backwards = other[[6, 5, 7, 8, 4, 1, 0, 2, 3, 10, 9]]
    assert likeness.rmsd(positions, backwards) < 0.1


def test_mirror_images_of_a_chiral_molecule_differ():
    mol = full("C[C@H](F)Cl")
    positions = generate(mol).positions[0]
    assert Likeness(mol).rmsd(positions, -positions) > ALIKE_A


def test_folded_starts_bring_donors_together():
    mol = full("COCCOCCOC")
    starts = folded_starts(mol, 4, seed=1)
    assert starts
    relaxed, _, _ = relaxed_by_force_field(mol, [s for s, _ in starts], [held for _, held in starts])
    for positions, (_, held) in zip(relaxed, starts, strict=True):
        assert pdist(positions[list(held)]).max() < FOLDED_A + 0.3
        assert not faults(mol, positions)


def test_folding_a_stiff_molecule_finds_nothing():
    assert folded_starts(full("COc1ccc(OC)cc1"), 3, seed=0) == []


@pytest.mark.parametrize(
    "smiles, expected",
    [
        ("COCCOC", "OO"),
        ("CC(F)F", "FF"),
        ("CSC", "S"),
        ("CC#N", "N"),
        ("C[N+](C)(C)C", ""),
        ("CC(=O)N(C)C", "O"),
        ("c1ccncc1", "N"),
        ("c1cc[nH]c1", ""),
        (TFSI, "OOOO"),
    ],
)
def test_donors(smiles, expected):
    mol = full(smiles)
    assert "".join(sorted(mol.GetAtomWithIdx(k).GetSymbol() for k in donors(mol))) == expected


def test_each_fault_is_named():
    mol = full("C[C@H](F)Cl")
    sound = generate(mol).positions[0]
    assert faults(mol, sound) == []
    assert "stereo was not kept" in faults(mol, -sound)
    stretched = sound.copy()
    stretched[2] += 3 * (stretched[2] - stretched[1])
    assert any(fault.startswith("bond C1-F2") for fault in faults(mol, stretched))
    mol = full("CCCC")
    folded = generate(mol).positions[0]
    folded[3] = folded[0] + [0.9, 0, 0]
    assert any("C0-C3 overlap at 0.90 Å" in fault for fault in faults(mol, folded))


def test_a_trans_bond_turned_cis_is_seen():
    trans, cis = full("F/C=C/F"), full("F/C=C\\F")
    assert "stereo was not kept" in faults(trans, generate(cis).positions[0])
    assert faults(cis, generate(cis).positions[0]) == []


def test_open_stereo_is_set_verified_and_told():
    mol = full("CC(F)C(Cl)C=CC")
    told = set_open_stereo(mol, seed=3)
    assert any("by seed 3" in line for line in told)
    assert any("taken trans" in line for line in told)
    positions = generate(mol).positions[0]
    seen = Chem.Mol(mol)
    conformer = Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(positions)
    seen.AddConformer(conformer)
    Chem.AssignStereochemistryFrom3D(seen)
    assert Chem.MolToSmiles(seen) == Chem.MolToSmiles(mol)
    assert set_open_stereo(mol, seed=3) == ()


def test_no_sound_geometry_is_one_line():
    mol = full("CCCC")
    with pytest.raises(RequestError, match="no sound geometry of CCCC") as caught:
        ranked(mol, [np.zeros((14, 3))], [0.0], "nothing")
    assert "\n" not in str(caught.value)


def test_an_impossible_molecule_is_one_line():
    # A trans double bond in a ring of six, bridged: no geometry exists.
    with pytest.raises(RequestError, match="no 3D geometry found for"):
        generate(full("C1C2CC3CC1[C@@]45[C@H]6C7C2C3C4C7C56"))
