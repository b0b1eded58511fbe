"""SMILES: read, refused with the reason, and told back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from interlith.structures.errors import RequestError
from interlith.structures.smiles import METALS, canonical, fault_of, is_metal, multiplicity, open_ends, parsed, signed


@pytest.mark.parametrize("text", ["", " ", "C C", " CO", "CO ", "C\n", "C\tC"])
def test_spaces_are_no_smiles(text):
    assert fault_of(text) == "it is empty or holds spaces"


@pytest.mark.parametrize("text", ["C1CC", "C(", "C)", "[C", "xyz", "C%%1", "-1", "((()))", "[Q]", "C==C"])
def test_broken_syntax_is_told(text):
    assert fault_of(text) == "its syntax is wrong"
    with pytest.raises(RequestError, match="its syntax is wrong") as caught:
        parsed(text, "side_b")
    assert "side_b" in str(caught.value)


@pytest.mark.parametrize("text", ["C(C)(C)(C)(C)C", "O(C)(C)C", "F(C)C", "c1cccc1", "N(C)(C)(C)C"])
def test_a_broken_valence_is_told_in_one_line(text):
    reason = fault_of(text)
    assert reason not in (None, "its syntax is wrong")
    assert "\n" not in reason


@given(st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read_or_refused(text):
    reason = fault_of(text)
    if reason is None:
        assert parsed(text).GetNumAtoms() >= 0
    else:
        with pytest.raises(RequestError):
            parsed(text)


@pytest.mark.parametrize("text, ends", [("[*]CCO[*]", 2), ("*CC*", 2), ("CCO", 0), ("[1*]CC", 1), ("[*]C([*])[*]", 3)])
def test_open_ends_are_counted_in_the_order_written(text, ends):
    mol = parsed(text)
    found = open_ends(mol)
    assert len(found) == ends
    assert found == sorted(found)
    assert all(mol.GetAtomWithIdx(k).GetSymbol() == "*" for k in found)


@pytest.mark.parametrize("one, other", [("OCC", "CCO"), ("C1=CC=CC=C1", "c1ccccc1"), ("F/C=C/F", "F\\C=C\\F")])
def test_one_molecule_has_one_canonical_text(one, other):
    assert canonical(parsed(one)) == canonical(Chem.AddHs(parsed(other)))


@pytest.mark.parametrize("one, other", [("F/C=C/F", "F/C=C\\F"), ("C[C@H](F)Cl", "C[C@@H](F)Cl"), ("CO", "C[O-]")])
def test_different_molecules_have_different_texts(one, other):
    assert canonical(parsed(one)) != canonical(parsed(other))


@given(electrons=st.integers(0, 3), carbons=st.integers(1, 4))
def test_each_unpaired_electron_adds_one_to_the_multiplicity(electrons, carbons):
    # one radical centre on each of the first carbons, CH2 or CH
    chain = ["[CH2]" if k in (0, max(electrons, carbons) - 1) else "[CH]" for k in range(electrons)]
    chain += ["C"] * (max(electrons, carbons) - len(chain))
    mol = Chem.AddHs(parsed("".join(chain)))
    radicals = sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms())
    assert multiplicity(mol) == radicals + 1
    count = sum(a.GetAtomicNum() for a in mol.GetAtoms())
    assert (count + multiplicity(mol)) % 2 == 1


@pytest.mark.parametrize("text, spin", [("[Cu+2].[Cl-].[Cl-]", 2), ("[Li+]", 1), ("[Zn+2]", 1), ("[Al+3]", 1)])
def test_a_metal_is_as_open_as_parity_asks(text, spin):
    assert multiplicity(parsed(text)) == spin


def test_metals_are_known_by_symbol():
    assert all(is_metal(Chem.Atom(symbol)) for symbol in METALS)
    assert not any(is_metal(Chem.Atom(symbol)) for symbol in ("H", "C", "N", "O", "F", "Si", "P", "S", "Cl"))


@given(st.integers(-9, 9))
def test_charges_are_signed_and_read_back(charge):
    assert int(signed(charge)) == charge
    assert signed(charge)[0] in "+-0"
