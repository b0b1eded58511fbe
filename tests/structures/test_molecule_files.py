"""A person's own molecule: what was written is what is read, and what cannot be is one line."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from scipy.spatial.transform import Rotation

from interlith.structures.errors import RequestError
from interlith.structures.graphs import to_mol
from interlith.structures.molecule_files import CATION_CHARGE, is_molecule_file, read_molecule
from interlith.structures.molecules import molecule
from interlith.structures.records import MoleculeRecipe

KNOWN = {"COCCOC": 0, "[O-]C=O": -1, "[NH4+]": 1, "CC#N": 0, "C[C@H](F)Cl": 0, "F/C=C\\F": 0, "[Li+].[O-]C=O": 0}


@pytest.fixture(scope="module")
def models():
    """Return models by SMILES."""
    return {smiles: molecule(MoleculeRecipe(molecule=smiles)) for smiles in KNOWN}


def written(model, path, places=None):
    positions = model.atoms.positions if places is None else places
    write(path, Atoms(model.atoms.numbers, positions), format="xyz")
    return str(path)


@pytest.mark.parametrize("name", ["a.xyz", "A.XYZ", "b.extxyz", "c.sdf", "d.mol", "with space.xyz", "ünï☃.xyz"])
def test_files_of_molecules_are_known_by_their_ending(name):
    assert is_molecule_file(name)


@pytest.mark.parametrize("name", ["COCCOC", "a.cif", "POSCAR", "xyz", "a.xyz.gz", "", "a.vasp", "C.C"])
def test_other_texts_are_no_files_of_molecules(name):
    assert not is_molecule_file(name)


@pytest.mark.parametrize("smiles", KNOWN)
@pytest.mark.parametrize("name", ["mine.xyz", "my molecule (2).xyz", "Zé☃.xyz"])
def test_what_was_written_is_read(models, smiles, name, tmp_path):
    model = models[smiles]
    mol, steps, text = read_molecule(written(model, tmp_path / name), KNOWN[smiles])
    assert [a.GetSymbol() for a in mol.GetAtoms()] == model.atoms.get_chemical_symbols()
    assert np.allclose(mol.GetConformer().GetPositions(), model.atoms.positions, atol=1e-6)
    assert Chem.GetFormalCharge(mol) == KNOWN[smiles]
    assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == model.facts.smiles
    assert text == (tmp_path / name).read_text()
    assert any("perceived" in step for step in steps)


@given(smiles=st.sampled_from(sorted(KNOWN)), turn=st.tuples(*[st.floats(-3, 3)] * 3), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_order_and_place_of_the_atoms_do_not_matter(models, tmp_path_factory, smiles, turn, seed):
    model = models[smiles]
    order = np.random.default_rng(seed).permutation(len(model.atoms))
    moved = np.add(Rotation.from_rotvec(turn).apply(model.atoms.positions), (3, -40, 7))
    path = tmp_path_factory.mktemp("moved") / "mine.xyz"
    write(path, Atoms(model.atoms.numbers[order], moved[order]), format="xyz")
    mol, _, _ = read_molecule(str(path), KNOWN[smiles])
    assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == model.facts.smiles


@pytest.mark.parametrize("smiles", ["COCCOC", "[NH4+]", "[O-]C=O"])
@pytest.mark.parametrize("extra", [1, -1, 4])
def test_another_charge_fits_no_bonds(models, smiles, extra, tmp_path):
    path = written(models[smiles], tmp_path / "mine.xyz")
    with pytest.raises(RequestError, match=r"mine\.xyz") as caught:
        read_molecule(path, KNOWN[smiles] + extra)
    assert "\n" not in str(caught.value)


def test_a_hydrogen_that_was_lost_is_noticed(models, tmp_path):
    atoms = models["COCCOC"].atoms
    write(tmp_path / "lost.xyz", Atoms(atoms.numbers[:-1], atoms.positions[:-1]), format="xyz")
    with pytest.raises(RequestError, match="charge 0"):
        read_molecule(str(tmp_path / "lost.xyz"), None)


def test_the_last_frame_is_taken(models, tmp_path):
    atoms = Atoms(models["COCCOC"].atoms.numbers, models["COCCOC"].atoms.positions)
    later = atoms.copy()
    later.translate([0, 0, 9.0])
    write(tmp_path / "run.xyz", [atoms, later], format="xyz")
    mol, _, _ = read_molecule(str(tmp_path / "run.xyz"), None)
    assert np.allclose(mol.GetConformer().GetPositions(), later.positions, atol=1e-6)


@pytest.mark.parametrize("smiles", ["COCCOC", "C[C@H](F)Cl", "[O-]C=O", "[NH4+]"])
@pytest.mark.parametrize("ending", ["sdf", "mol"])
def test_a_drawn_molecule_keeps_bonds_charges_stereo_and_geometry(models, smiles, ending, tmp_path):
    block = Chem.MolToMolBlock(to_mol(models[smiles]))
    path = Path(tmp_path / f"mine.{ending}")
    path.write_text(block + ("$$$$\n" + block if ending == "sdf" else ""))
    mol, steps, _ = read_molecule(str(path), None)
    assert mol.GetNumAtoms() == len(models[smiles].atoms), "the first entry alone"
    assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == models[smiles].facts.smiles
    assert steps == ["bonds, charges and geometry as in the file"]
    with pytest.raises(RequestError, match="charge_e = 5"):
        read_molecule(str(path), 5)


@pytest.mark.parametrize("symbol, charge", [("Li", 1), ("Na", 1), ("Mg", 2), ("Zn", 2), ("Al", 3)])
def test_metals_are_cations_of_their_usual_charge(symbol, charge, tmp_path):
    assert CATION_CHARGE.get(symbol, 2) == charge
    write(tmp_path / "ion.xyz", Atoms(symbol, [[0, 0, 0]]), format="xyz")
    mol, steps, _ = read_molecule(str(tmp_path / "ion.xyz"), charge)
    assert [a.GetFormalCharge() for a in mol.GetAtoms()] == [charge]
    assert any("bare cation" in step for step in steps)
    with pytest.raises(RequestError, match=r"ion\.xyz"):
        read_molecule(str(tmp_path / "ion.xyz"), charge + 1)


@pytest.mark.parametrize(
    "text", ["", "3\n\nO 0 0 0\n", "1\n\nQq 0 0 0\n", "x\n\n", "1\n\nO 0 zero 0\n", "2\n\nO 0 0 nan\nH 0 0 1\n"]
)
def test_a_broken_file_is_one_line(text, tmp_path):
    (tmp_path / "broken.xyz").write_text(text)
    with pytest.raises(RequestError, match=r"broken\.xyz") as caught:
        read_molecule(str(tmp_path / "broken.xyz"), None)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    (tmp_path / "folder.xyz").mkdir()
    with pytest.raises(RequestError, match="directory"):
        read_molecule(str(tmp_path / "folder.xyz"), None)
    with pytest.raises(RequestError, match="No such file"):
        read_molecule(str(tmp_path / "absent.sdf"), None)
