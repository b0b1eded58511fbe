"""Ions put together: every fragment whole, none overlapping, opposite charges in contact, the same by seed."""

from collections import Counter

import numpy as np
import pytest
from rdkit import Chem
from scipy.spatial.distance import cdist

from interlith.structures.conformers import faults
from interlith.structures.docking import WINDOW_eV, body
from interlith.structures.errors import RequestError
from interlith.structures.ions import generate_ions, placements

SALTS = (
    "[Li+].[O-]C=O",
    "[Na+].[Cl-]",
    "[Mg+2].[O-]C=O.[O-]C=O",
    "[NH4+].[O-]C=O",
    "[Li+].F[B-](F)(F)F",
    "[Li+].[OH-].O",
)


def full(smiles):
    return Chem.AddHs(Chem.MolFromSmiles(smiles))


@pytest.fixture(scope="module")
def ensembles():
    """Return molecule and ensemble by SMILES."""
    return {smiles: (full(smiles), generate_ions(full(smiles))) for smiles in SALTS}


@pytest.mark.parametrize("smiles", SALTS)
def test_each_geometry_is_sound_and_above_the_first(ensembles, smiles):
    mol, found = ensembles[smiles]
    assert found.energies_eV[0] == 0
    assert list(found.energies_eV) == sorted(found.energies_eV)
    assert found.energies_eV[-1] <= WINDOW_eV
    assert "Coulomb" in found.ranked_by
    for places in found.positions:
        assert places.shape == (mol.GetNumAtoms(), 3)
        assert not faults(mol, places)
        assert np.abs(places.mean(axis=0)).max() < 1e-9


@pytest.mark.parametrize("smiles", SALTS)
def test_every_fragment_keeps_its_bonds_and_its_distance(ensembles, smiles):
    mol, found = ensembles[smiles]
    parts = Chem.GetMolFrags(mol)
    for places in found.positions:
        for bond in mol.GetBonds():
            assert 0.9 < np.linalg.norm(places[bond.GetBeginAtomIdx()] - places[bond.GetEndAtomIdx()]) < 2.0
        for k, one in enumerate(parts):
            others = [a for m, part in enumerate(parts) if m != k for a in part]
            assert 1.5 < cdist(places[list(one)], places[others]).min() < 3.5


@pytest.mark.parametrize(
    "smiles, metal", [("[Li+].[O-]C=O", 3), ("[Mg+2].[O-]C=O.[O-]C=O", 12), ("[Li+].F[B-](F)(F)F", 3)]
)
def test_a_metal_binds_two_donors_of_each_anion_that_it_can(ensembles, smiles, metal):
    mol, found = ensembles[smiles]
    numbers = np.array([a.GetAtomicNum() for a in mol.GetAtoms()])
    centre = int(np.flatnonzero(numbers == metal)[0])
    apart = np.linalg.norm(found.positions[0] - found.positions[0][centre], axis=1)
    shell = np.flatnonzero((apart < 2.25) & np.isin(numbers, [8, 9]))
    backbone = np.isin(numbers, [5, 6])
    assert apart[backbone].min() > apart[shell].min()
    anions = [part for part in Chem.GetMolFrags(mol) if centre not in part]
    assert all(len(set(part) & set(shell.tolist())) >= 2 for part in anions)


def test_cations_and_anions_alternate():
    mol = full("[Na+].[Cl-]")
    found = generate_ions(mol)
    assert len(found.positions) == 1, "a pair of atoms has one geometry"
    assert 2.3 < np.linalg.norm(found.positions[0][0] - found.positions[0][1]) < 3.0


@pytest.mark.parametrize("smiles", ["[Li+].[O-]C=O", "[O-]C=O.[Li+]", "C(=O)[O-].[Li+]"])
def test_the_order_written_moves_nothing_but_numbers(smiles):
    mol = full(smiles)
    places = generate_ions(mol).positions[0]
    symbols = [a.GetSymbol() for a in mol.GetAtoms()]
    lithium = symbols.index("Li")
    near = sorted(np.linalg.norm(places[k] - places[lithium]) for k, s in enumerate(symbols) if s == "O")
    assert near == pytest.approx([1.94, 1.94], abs=0.02)
    assert Counter(symbols) == Counter({"Li": 1, "O": 2, "C": 1, "H": 1})


@pytest.mark.parametrize("smiles", ["[Li+].[O-]C=O", "[NH4+].[O-]C=O"])
def test_the_same_seed_gives_the_same_ions(ensembles, smiles):
    mol, found = ensembles[smiles]
    again = generate_ions(mol, 0)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(found.positions, again.positions, strict=True))


@pytest.mark.parametrize("smiles, said", [("[Li+].[Na+]", "bare cations only"), ("[Li+].C", "no free donor")])
def test_what_cannot_be_put_together_is_refused(smiles, said):
    with pytest.raises(RequestError, match=said):
        generate_ions(full(smiles))


def test_an_anion_goes_to_the_cation_and_a_neutral_one_beside():
    cation = body(full("[Li+]"), np.zeros((1, 3)))
    formate, methane = (full(s) for s in ("[O-]C=O", "C"))
    places = generate_ions(full("[Li+].[O-]C=O")).positions[0][1:]
    held = placements(cation, body(formate, places), seed=1)
    assert held
    for placed in held:
        reach = np.linalg.norm(placed.positions[list(placed.donors)], axis=1)
        assert reach.min() == pytest.approx(1.94, abs=0.02)
    tetrahedron = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.63
    (laid,) = placements(cation, body(methane, tetrahedron), seed=1)
    assert 1.9 < np.linalg.norm(laid.positions, axis=1).min() < 3.2
