"""Infinite chains and oligomers of growing length: what must not change with n, side, seed or stretch."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import Descriptors

from interlith.structures.chains import straight_chain
from interlith.structures.errors import RequestError
from interlith.structures.polymers import oligomer, sequence_of
from interlith.structures.records import MoleculeRecipe
from interlith.structures.smiles import UNIT, canonical

# Formula of one unit and its mass, g/mol, by hand from the standard atomic weights.
MASSES = {
    "[*]CCO[*]": 44.053,
    "[*]CC(F)(F)[*]": 64.034,
    "[*]CC([*])C#N": 53.064,
    "[*]CC[*]": 28.054,
    "[*]OCOCC[*]": 74.079,
    "[*]O[Si](C)(C)[*]": 74.155,
}
HYDROGEN = 2 * 1.008


@pytest.fixture(scope="module")
def ethylene():
    return straight_chain(MoleculeRecipe(molecule="[*]CC[*]"))


def grown(unit, n, **fields):
    return oligomer(MoleculeRecipe(molecule=unit, n=n, **fields))


@given(unit=st.sampled_from(sorted(MASSES)), n=st.integers(1, 25), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_mass_grows_by_one_unit_each(unit, n, seed):
    found = Descriptors.MolWt(grown(unit, n, seed=seed).mol)
    assert found == pytest.approx(n * MASSES[unit] + HYDROGEN, rel=1e-4)


@given(unit=st.sampled_from(sorted(MASSES)), n=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_the_backbone_is_one_way_through_every_unit(unit, n):
    built = grown(unit, n)
    atoms = [built.mol.GetAtomWithIdx(k) for k in built.backbone]
    assert len(set(built.backbone)) == len(built.backbone)
    for one, two in pairwise(built.backbone):
        assert built.mol.GetBondBetweenAtoms(one, two) is not None
    units = [atom.GetIntProp(UNIT) for atom in atoms]
    assert units == sorted(units)
    assert set(units) == set(range(n))
    assert len(set(Counter(units).values())) == 1, "as many backbone atoms in each unit"


@given(unit=st.sampled_from(sorted(MASSES)), n=st.integers(2, 8))
@settings(max_examples=15, deadline=None)
def test_reversed_caps_of_a_symmetric_unit_are_one_molecule(unit, n):
    ends = ("C", "F")
    one, two = (canonical(grown(unit, n, caps=c, tacticity="isotactic").mol) for c in (ends, ends[::-1]))
    assert (one == two) is (unit == "[*]CC[*]")


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_ethylene_is_the_alkane(n):
    assert canonical(grown("[*]CC[*]", n).mol) == "C" * (2 * n)
    assert canonical(grown("[*]C[*]", n).mol) == "C" * n


@pytest.mark.parametrize(
    "unit, other", [("[*]CCO[*]", "*CCO*"), ("[*]CC([*])Cl", "*CC(*)Cl"), ("[*]CCO[*]", "[1*]CCO[2*]")]
)
def test_open_ends_may_be_written_in_several_ways(unit, other):
    assert canonical(grown(unit, 3, tacticity="isotactic").mol) == canonical(grown(other, 3, tacticity="isotactic").mol)


@given(n=st.integers(1, 30), others=st.integers(0, 30), seed=st.integers(0, 999), blocks=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_sequence_has_the_composition_asked_for_or_is_refused(n, others, seed, blocks):
    recipe = MoleculeRecipe(
        molecule="[*]CC[*]", n=n, comonomer="[*]CO[*]", comonomer_units=others, seed=seed,
        sequence="blocks" if blocks else "random",
    )  # fmt: skip
    if others > n:
        with pytest.raises(RequestError, match=f"{others} comonomers"):
            sequence_of(recipe)
        return
    letters, _ = sequence_of(recipe)
    assert (letters.count("A"), letters.count("B")) == (n - others, others)
    assert sequence_of(recipe)[0] == letters
    assert not blocks or "B" * others in letters


@given(periods=st.integers(1, 5), stretch=st.floats(0.9, 1.1))
@settings(max_examples=20, deadline=None)
def test_a_laid_chain_is_a_ring_of_bonds_of_the_length_asked_for(ethylene, periods, stretch):
    length = periods * ethylene.period_A * stretch
    model = ethylene.laid("PE", periods, length)
    atoms = model.atoms
    assert model.facts.formula == atoms.get_chemical_formula()
    assert Counter(atoms.symbols) == Counter({"C": 2 * periods, "H": 4 * periods})
    degrees = Counter(k for bond in model.facts.bonds for k in bond[:2])
    if periods > 1:
        assert all(degrees[k] == (4 if s == "C" else 1) for k, s in enumerate(atoms.symbols))
    assert atoms.positions.mean(axis=0) == pytest.approx(0, abs=1e-6)
    carbons = np.sort(atoms.positions[atoms.numbers == 6, 0])
    assert carbons[-1] - carbons[0] < length
    assert np.diff(carbons) == pytest.approx(length / (2 * periods), abs=0.02), "a carbon each half a period"


def test_a_chain_of_carbons_is_that_of_polyethylene(ethylene):
    """C-C 1.53 Å at 112 to 113 degrees give a period of 2.55 Å: geometry alone."""
    carbons = ethylene.atoms.positions[ethylene.atoms.numbers == 6]
    beyond = carbons[0] + [ethylene.period_A, 0, 0]
    one, two = carbons[0] - carbons[1], beyond - carbons[1]
    lengths = np.linalg.norm([one, two], axis=1)
    assert lengths == pytest.approx([1.53, 1.53], abs=0.02)
    angle = np.degrees(np.arccos(one @ two / lengths.prod()))
    assert angle == pytest.approx(112.5, abs=2)
    assert ethylene.period_A == pytest.approx(2 * lengths.mean() * np.sin(np.radians(angle) / 2), abs=1e-3)


def test_every_hydrogen_of_the_chain_is_bonded_to_one_carbon(ethylene):
    hydrogens = np.flatnonzero(ethylene.atoms.numbers == 1)
    lengths = [
        np.linalg.norm(ethylene.atoms.positions[j] - ethylene.atoms.positions[i])
        for i, j, _, wraps in ethylene.bonds
        if not wraps and {i, j} & set(hydrogens.tolist())
    ]
    assert len(lengths) == len(hydrogens) == 4
    assert lengths == pytest.approx([1.095] * 4, abs=0.02)


def test_no_atom_is_a_radical_or_charged_in_a_neutral_oligomer():
    for unit in MASSES:
        mol = grown(unit, 4).mol
        assert Chem.GetFormalCharge(mol) == 0
        assert not any(a.GetNumRadicalElectrons() or a.GetFormalCharge() for a in mol.GetAtoms())
