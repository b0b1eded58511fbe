"""Built molecules have the bond lengths and angles of measured ones, and the charges and spins of their graphs."""

import numpy as np
import pytest
from rdkit import Chem

from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text
from interlith.structures.graphs import FORMAL_CHARGE, cations, coordination_told, to_model, to_mol
from interlith.structures.molecules import conformers, molecule
from interlith.structures.records import MoleculeModel, MoleculeRecipe, Origin

ORIGIN = Origin(source="by hand", sha256="0" * 64)


@pytest.fixture(scope="module")
def built():
    """Return models by text, each built once."""
    known: dict[str, MoleculeModel] = {}

    def make(text) -> MoleculeModel:
        return known.setdefault(text, known.get(text) or molecule(MoleculeRecipe(molecule=text)))

    return make


def matched(model, pattern):
    """Atoms of the first match of a SMARTS."""
    found = to_mol(model).GetSubstructMatch(Chem.MolFromSmarts(pattern))
    assert found, f"{model.name} holds no {pattern}"
    return found


# Textbook lengths, Å: Allen et al., Tables of bond lengths, 10.1039/p298700000s1; tolerance of a force field.
@pytest.mark.parametrize(
    "text, pattern, length",
    [
        ("CCCC", "[CX4][CX4]", 1.53),
        ("C=CC", "C=C", 1.33),
        ("CC#C", "C#C", 1.19),
        ("c1ccccc1", "cc", 1.39),
        ("CC(=O)C", "C=O", 1.22),
        ("COC", "[CX4]O", 1.42),
        ("CC#N", "C#N", 1.14),
        ("CN", "CN", 1.47),
        ("CF", "CF", 1.38),
        ("FC(F)(F)C", "CF", 1.34),
        ("CCl", "CCl", 1.78),
        ("C[Si](C)(C)C", "[Si]C", 1.87),
        ("CS(=O)(=O)C", "S=O", 1.44),
        ("O", "O[H]", 0.97),
        ("C", "C[H]", 1.09),
        ("N", "N[H]", 1.02),
    ],
)
def test_bonds_have_their_lengths(built, text, pattern, length):
    model = built(text)
    i, j = matched(model, pattern)[:2]
    assert model.atoms.get_distance(i, j) == pytest.approx(length, abs=0.035)


@pytest.mark.parametrize(
    "text, pattern, angle, tolerance",
    [
        ("C", "[H]C[H]", 109.5, 0.5),
        ("O", "[H]O[H]", 104.5, 2),
        ("N", "[H]N[H]", 107, 2),
        ("COC", "COC", 111, 3),
        ("C=C", "[H]C[H]", 117, 3),
        ("c1ccccc1", "ccc", 120, 0.5),
        ("CC#N", "CC#N", 180, 1),
        ("O=C=O", "O=C=O", 180, 1),
        ("CCC", "CCC", 112, 2),
        ("CC(=O)C", "CC=O", 122, 2),
    ],
)
def test_angles_are_those_of_their_hybrids(built, text, pattern, angle, tolerance):
    model = built(text)
    assert model.atoms.get_angle(*matched(model, pattern)[:3]) == pytest.approx(angle, abs=tolerance)


@pytest.mark.parametrize("text", ["c1ccccc1", "C=C", "O=CO", "c1ccncc1", "[O-]C=O", "FC=CF", "C1=CSC=C1"])
def test_conjugated_molecules_are_flat(built, text):
    places = built(text).atoms.positions
    assert np.linalg.svd(places - places.mean(axis=0))[1][2] < 0.05


@pytest.mark.parametrize("text", ["C", "O", "c1ccccc1", "[NH4+]", "COC", "FC(F)(F)F"])
def test_equivalent_bonds_are_equally_long(built, text):
    model = built(text)
    mol = to_mol(model)
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    kinds: dict[frozenset[int], list[float]] = {}
    for i, j, _ in model.facts.bonds:
        kinds.setdefault(frozenset((ranks[i], ranks[j])), []).append(model.atoms.get_distance(i, j))
    assert all(np.ptp(lengths) < 0.02 for lengths in kinds.values())


@pytest.mark.parametrize(
    "text, charge, spin",
    [("[NH4+]", 1, 1), ("[O-]C=O", -1, 1), ("C[CH2]", 0, 2), ("[O-]C(=O)C(=O)[O-]", -2, 1), ("C[N+](C)(C)C[O-]", 0, 1)],
)
def test_charge_and_spin_are_those_of_the_graph(built, text, charge, spin):
    model = built(text)
    assert (model.facts.charge_e, model.facts.multiplicity) == (charge, spin)
    assert model.atoms.arrays[FORMAL_CHARGE].sum() == charge
    assert (model.atoms.info["charge"], model.atoms.info["multiplicity"]) == (charge, spin)


@pytest.mark.parametrize(
    "text", ["C[C@H](F)Cl", "C[C@@H](F)Cl", "F/C=C/F", "F/C=C\\F", "C[C@H](O)[C@@H](C)F", "C/C=C/[C@H](F)Cl"]
)
def test_written_stereo_is_that_of_the_geometry(text):
    for model in conformers(MoleculeRecipe(molecule=text), k=2):
        assert Chem.CanonSmiles(model.facts.smiles) == Chem.CanonSmiles(text)
        assert Chem.MolToSmiles(Chem.RemoveHs(to_mol(model))) == Chem.CanonSmiles(text)
        flipped = to_mol(model)
        flipped.GetConformer().SetPositions(np.ascontiguousarray(model.atoms.positions * [1, 1, -1]))
        Chem.AssignStereochemistryFrom3D(flipped)
        same = Chem.MolToSmiles(Chem.RemoveHs(flipped)) == Chem.CanonSmiles(text)
        assert same is ("@" not in text), "a mirror turns centres over and leaves double bonds"


@pytest.mark.parametrize("text", ["COCCOC", "[O-]C(=O)c1ccccc1", "[Li+].[O-]C=O", "C[N+](C)(C)C", "C[CH2]", "F/C=C/F"])
def test_a_record_is_its_graph_and_back(built, text):
    model = built(text)
    mol = to_mol(model)
    again = to_model(mol, mol.GetConformer().GetPositions(), model.name, ORIGIN)
    assert again.facts.bonds == model.facts.bonds
    assert again.facts.smiles == model.facts.smiles
    assert again.facts.formula == model.facts.formula
    assert np.allclose(again.atoms.positions, model.atoms.positions, atol=1e-6)
    assert from_text(again.xyz).get_chemical_symbols() == model.atoms.get_chemical_symbols()


def test_bonds_are_told_once_lower_atom_first(built):
    for text in ("COCCOC", "c1ccccc1", "[Li+].[O-]C=O"):
        bonds = built(text).facts.bonds
        assert all(i < j for i, j, _ in bonds)
        assert len({(i, j) for i, j, _ in bonds}) == len(bonds)
        assert list(bonds) == sorted(bonds)


def test_only_bare_metals_are_cations_and_their_shell_is_told(built):
    model = built("[Li+].[O-]C=O")
    mol = to_mol(model)
    assert [mol.GetAtomWithIdx(k).GetSymbol() for k in cations(mol)] == ["Li"]
    told = coordination_told(mol, model.atoms.positions)
    assert told.startswith("Li held by O")
    assert told.count("O") == 2
    far = model.atoms.positions.copy()
    far[cations(mol)] += 20
    assert coordination_told(mol, far) == "Li held by nothing"
    assert coordination_told(to_mol(built("COCCOC")), built("COCCOC").atoms.positions) == ""


@pytest.mark.parametrize("text", ["COCCOC", "CC(F)(F)F"])
def test_a_conformer_too_many_is_told_by_number(text):
    found = conformers(MoleculeRecipe(molecule=text), k=50)
    with pytest.raises(RequestError, match=f"{len(found)} found"):
        molecule(MoleculeRecipe(molecule=text, conformer=len(found)))
    assert molecule(MoleculeRecipe(molecule=text, conformer=len(found) - 1)) == found[-1]
