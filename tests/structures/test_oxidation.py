import pytest
from pymatgen.core import Composition, Lattice, Structure

from interlith.structures.errors import RequestError
from interlith.structures.oxidation import assign_states, imbalance, net_charge


def far_apart(*elements):
    """Atoms of the elements at distances where nothing bonds."""
    places = [[k / len(elements)] * 3 for k in range(len(elements))]
    return Structure(Lattice.cubic(3.0 * len(elements)), list(elements), places)


def test_charge_is_additive_and_signed():
    states = {"Li": 1, "O": -2}
    assert net_charge(Composition("Li2O"), states) == 0
    assert net_charge(Composition("Li3O"), states) == 1
    assert net_charge(Composition("LiO"), states) == -1
    assert imbalance(Composition("Li3O"), states) == pytest.approx(1 / 3)
    assert imbalance(Composition("Li6O2"), states) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("elements", "states"),
    [
        (["Li", "H"], {"Li": 1, "H": -1}),
        (["Fe", "Fe", "O", "O", "O"], {"Fe": 3, "O": -2}),
        (["Fe", "O"], {"Fe": 2, "O": -2}),
        (["Li", "Fe", "P", "O", "O", "O", "O"], {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
        (["Li", "Co", "O", "O"], {"Li": 1, "Co": 3, "O": -2}),
        ([*["Li"] * 6, "P", *["S"] * 5, "Cl"], {"Li": 1, "P": 5, "S": -2, "Cl": -1}),
        (["Cu", "Cl"], {"Cu": 1, "Cl": -1}),
    ],
)
def test_usual_charges_balance(elements, states):
    found, said = assign_states(far_apart(*elements))
    assert found == states
    assert said == "oxidation states: table of usual charges"
    assert sum(found[e] for e in elements) == 0


def test_mixed_valence_is_guessed_and_told():
    states, said = assign_states(far_apart(*["Fe"] * 3, *["O"] * 4))
    assert said == "oxidation states: pymatgen's guess"
    assert states == pytest.approx({"Fe": 8 / 3, "O": -2})


def test_charges_of_the_file_may_differ_within_an_element():
    structure = far_apart("Fe2+", "Fe3+", "Fe3+", *["O2-"] * 4)
    states, said = assign_states(structure)
    assert said == "oxidation states: from the file"
    assert states == pytest.approx({"Fe": 8 / 3, "O": -2})


@pytest.mark.parametrize(
    ("elements", "reason"),
    [(["Li"], "an element"), (["Li", "Al"], "an alloy"), (["Mg", "Si"], "an alloy"), (["C", "F"], "covalent carbon")],
)
def test_where_point_charges_mean_nothing_there_are_none(elements, reason):
    assert assign_states(far_apart(*elements)) == (None, f"oxidation states: none ({reason})")


def test_what_cannot_balance_is_refused_with_the_charge():
    with pytest.raises(RequestError, match=r"do not balance: \+1.00 e per cell with F-1, Li\+1; are atoms missing"):
        assign_states(far_apart("Li", "Li", "F"))


def test_a_disordered_imbalance_names_the_way_out():
    structure = Structure(Lattice.cubic(4.0), [{"Li": 0.8}, "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(RequestError, match=r"disordered.*-0.20 e.*_atom_type_oxidation_number"):
        assign_states(structure)


@pytest.mark.parametrize("off", [0.001, -0.001])
def test_a_refinements_last_digit_is_tolerated(off):
    structure = Structure(Lattice.cubic(4.0), [{"Li": 0.5 + off, "Na": 0.498}, "F"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert assign_states(structure)[0] == {"Li": 1, "Na": 1, "F": -1}
