import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlith.structures.complexes import complexes
from interlith.structures.errors import RequestError
from interlith.structures.molecules import molecule
from interlith.structures.records import MoleculeRecipe
from interlith.structures.salts import (
    anion_in,
    in_one_piece,
    in_order_of,
    ions_of,
    same_molecule,
    shell,
    shortest_hold_A,
)


def built(text, **fields):
    return molecule(MoleculeRecipe(molecule=text, **fields))


@pytest.mark.parametrize(
    ("salt", "cation", "anion"),
    [
        ("LiTFSI", "Li+", "TFSI-"),
        ("LiFSI", "Li+", "FSI-"),
        ("LiTFPAA", "Li+", "TFPAA-"),
        ("PYR14FSI", "PYR14+", "FSI-"),
        ("[Li+].[F-]", "Li+", "[F-]"),
        ("[Mg+2].[O-]C(=O)C(=O)[O-]", "[Mg+2]", "O=C([O-])C(=O)[O-]"),
    ],
)
def test_a_salt_splits_in_its_ions_named_as_the_library_names_them(salt, cation, anion):
    found = ions_of(built(salt))
    assert (found.cation.molecule, found.anion.molecule) == (cation, anion)
    charges = [built(recipe.molecule).facts.charge_e for recipe in found]
    assert charges[0] > 0 and sum(charges) == 0
    assert sum(built(recipe.molecule).facts.n_atoms for recipe in found) == built(salt).facts.n_atoms


@pytest.mark.parametrize("text", ["DME", "TFSI-", "Cu(TFPAA)2", "[Li+].COCCOC", "CO.CO"])
def test_what_is_no_pair_of_ions_is_no_salt(text):
    with pytest.raises(RequestError, match="does not split in one cation and one anion") as error:
        ions_of(built(text))
    assert built(text).name in str(error.value)


def test_the_anion_is_known_in_a_salt_and_in_a_complex_by_its_charge():
    salt = built("LiTFSI")
    anion = anion_in(salt)
    assert (salt.atoms[~anion.atoms].get_chemical_formula(), anion.charge_e) == ("Li", -1)
    whole = complexes(built("[O-][N+](=O)C"), salt, k=1)[0]  # the host's own formal charges cancel
    found = anion_in(whole)
    assert (found.charge_e, int(found.atoms.sum())) == (-1, 15)
    assert "S2" in whole.atoms[found.atoms].get_chemical_formula()
    assert not in_one_piece(salt) and in_one_piece(built("DME"))


def test_a_docked_pair_takes_the_order_of_the_salt_and_stays_where_it_is():
    salt, docked = built("LiTFSI"), complexes(built("TFSI-"), built("Li+"), k=1)[0]
    found = in_order_of(docked, salt)
    assert found.atoms.get_chemical_symbols() == salt.atoms.get_chemical_symbols()
    assert (found.facts.bonds, found.name) == (salt.facts.bonds, salt.name)
    bonds = [found.atoms.get_distance(i, j) for i, j, _ in found.facts.bonds]
    assert max(bonds) < 2.1
    assert sorted(found.atoms.get_all_distances().ravel()) == pytest.approx(
        sorted(docked.atoms.get_all_distances().ravel()), abs=1e-6
    )
    with pytest.raises(RequestError, match="is not LiTFSI"):
        in_order_of(built("LiFSI"), salt)


def test_a_molecule_is_the_same_in_any_conformer_but_not_with_another_charge():
    assert same_molecule(built("DME"), built("COCCOC", conformer=1))
    assert not same_molecule(built("FSI-"), built("TFSI-"))
    assert not same_molecule(built("Li+"), built("[Na+]"))


@given(distance=st.floats(1.5, 3.5), turn=st.floats(0, 6.28))
def test_a_donor_counts_up_to_the_end_of_the_first_shell(distance, turn):
    salt = built("[Li+].[F-]")
    along = np.array([np.cos(turn), np.sin(turn), 0.3]) / np.linalg.norm([1.0, 0.3])
    positions = np.array([[0.0, 0.0, 0.0], distance * along])
    assert shell(salt, positions) == ({"F": 1} if distance < 2.4 else {})
    assert shortest_hold_A(salt, positions) == pytest.approx(distance)


def test_the_sulfur_of_a_sulfonyl_holds_nothing_and_that_of_a_thioether_does():
    for text, expected in (("LiTFSI", {}), ("[Li+].CSCC[O-]", {"S": 1})):
        model = built(text)
        symbols = model.atoms.get_chemical_symbols()
        positions = 100.0 * np.arange(len(symbols))[:, None] * np.ones(3)
        positions[symbols.index("S")] = positions[symbols.index("Li")] + [2.2, 0, 0]
        assert shell(model, positions) == expected


def test_carbon_and_hydrogen_hold_no_cation_and_a_molecule_without_one_has_no_shell():
    salt = built("LiTFSI")
    found = shell(salt, salt.atoms.positions)
    assert set(found) <= {"O", "N", "F"} and found["O"] >= 2
    assert shell(built("DME"), built("DME").atoms.positions) == {}
    assert shortest_hold_A(built("DME"), built("DME").atoms.positions) is None
    assert shortest_hold_A(built("Li+"), np.zeros((1, 3))) is None
