"""Complexes: cations at donors, salts at hosts, pairs without a cation."""

import numpy as np
import pytest
from rdkit import Chem

from interlith.structures.complexes import complexes
from interlith.structures.conformers import faults
from interlith.structures.errors import RequestError
from interlith.structures.graphs import cations, to_mol
from interlith.structures.molecules import molecule
from interlith.structures.records import MoleculeRecipe


def build(text, **fields):
    return molecule(MoleculeRecipe(molecule=text, **fields))


def shell(model, reach=2.05):
    """Heavy atoms that touch the model's lithium."""
    lithium = int(np.flatnonzero(model.atoms.numbers == 3)[0])
    distance = np.linalg.norm(model.atoms.positions - model.atoms.positions[lithium], axis=1)
    assert distance[model.atoms.numbers == 1].min() > 1.95
    return [int(k) for k in np.argsort(distance) if 0 < distance[k] < reach and model.atoms.numbers[k] > 1]


@pytest.mark.parametrize(
    "host, guest, charge, donors",
    [
        ("P-DOL", "Li+", 1, {"O"}),
        ("PVDF-HFP", "Li+", 1, {"F"}),
        ("P-DOL", "LiTFSI", 0, {"O"}),
        ("d-PVDF-HFP", "LiTFSI", 0, {"O", "F"}),
        ("DME", "LiFSI", 0, {"O"}),
    ],
)
def test_lithium_holds_the_host_and_its_own_anion(host, guest, charge, donors):
    scaffold, ion = build(host), build(guest)
    found = complexes(scaffold, ion, k=4)
    assert 1 <= len(found) <= 4
    for model in found:
        mol = to_mol(model)
        assert model.facts.charge_e == charge
        assert not faults(mol, model.atoms.positions)
        assert model.atoms.get_chemical_symbols() == [*scaffold.atoms.symbols, *ion.atoms.symbols]
        held = shell(model)
        assert {model.atoms.symbols[k] for k in held} == donors
        assert sum(k < len(scaffold.atoms) for k in held) >= (2 if model is found[0] else 1)
        assert sum(k > len(scaffold.atoms) for k in held) >= (2 if charge == 0 else 0)
    energies = [model.facts.relative_energy_eV for model in found]
    assert energies == sorted(energies)
    assert "Coulomb" in found[0].facts.ranked_by


def test_a_glyme_folds_round_lithium():
    # From elongated starts alone diglyme stays two-coordinate.
    found = complexes(build("COCCOCCOC"), build("Li+"))
    assert max(len(shell(model)) for model in found) == 3


def test_the_same_seed_gives_the_same_complexes():
    host, guest = build("P-DOL"), build("LiFSI")
    assert complexes(host, guest, k=2, seed=4) == complexes(host, guest, k=2, seed=4)


def test_stereo_of_the_host_is_kept_when_it_folds():
    host = build("PVDF-HFP", seed=1)
    for model in complexes(host, build("Li+"), k=5):
        alone = Chem.MolFromSmiles(host.facts.smiles)
        parts = {Chem.MolToSmiles(p) for p in Chem.GetMolFrags(Chem.MolFromSmiles(model.facts.smiles), asMols=True)}
        assert parts == {Chem.MolToSmiles(alone), "[Li+]"}


@pytest.mark.parametrize("host, guest", [("DME", "TFSI-"), ("c1ccccc1", "Li+"), ("DOL", "PYR14+")])
def test_what_has_no_claw_is_laid_beside(host, guest):
    first, second = build(host), build(guest)
    model = complexes(first, second, k=1)[0]
    n = len(first.atoms)
    apart = model.atoms.get_all_distances()[:n, n:]
    assert 1.8 < apart.min() < 3.3
    assert model.facts.charge_e == second.facts.charge_e


def test_the_host_must_be_one_piece():
    with pytest.raises(RequestError, match="host LiTFSI is several fragments"):
        complexes(build("LiTFSI"), build("DME"))


def test_a_record_and_its_graph_are_the_same_molecule():
    model = build("d-PVDF-HFP")
    mol = to_mol(model)
    assert cations(mol) == []
    assert Chem.MolToSmiles(Chem.RemoveHs(mol)) == model.facts.smiles
    assert np.allclose(mol.GetConformer().GetPositions(), model.atoms.positions)
