"""Atoms and charge are counted exactly; coefficients are found when there is one way, and refused otherwise."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from interlith.analysis.stoichiometry import CHARGE, balanced, check_balance, formula_counts, imbalance, parse_equation
from interlith.structures.errors import RequestError


def solved(text, **formulas):
    equation = parse_equation(text)
    counts = {name: formula_counts(formulas.get(name, name)) for name in equation.names}
    return {name: str(c) for name, c in balanced(equation, counts).items()}


@pytest.mark.parametrize(
    ("formula", "counts"),
    [
        ("LiF", {"Li": 1, "F": 1}),
        ("Li6.4La3Zr1.4Ta0.6O12", {"Li": "32/5", "La": 3, "Zr": "7/5", "Ta": "3/5", "O": 12}),
        ("Cu(C8H4F3O2)2", {"Cu": 1, "C": 16, "H": 8, "F": 6, "O": 4}),
        ("[Al2(SO4)3]2", {"Al": 4, "S": 6, "O": 24}),
        ("C2F6NO4S2-", {"C": 2, "F": 6, "N": 1, "O": 4, "S": 2, CHARGE: -1}),
        ("Cu^2+", {"Cu": 1, CHARGE: 2}),
        ("Li+", {"Li": 1, CHARGE: 1}),
        ("SO4--", {"S": 1, "O": 4, CHARGE: -2}),
    ],
)
def test_a_formula_is_counted_exactly(formula, counts):
    assert formula_counts(formula) == {element: Fraction(n) for element, n in counts.items()}


@given(st.dictionaries(st.sampled_from(["Li", "O", "Zr", "C", "Co"]), st.integers(1, 40), min_size=1))
def test_a_formula_counts_as_pymatgen_does(counts):
    formula = "".join(f"{element}{n}" for element, n in counts.items())
    assert {e: int(n) for e, n in formula_counts(formula).items()} == Composition(formula).as_dict()


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("", "no element"),
        ("Xy2", "no element 'Xy'"),
        ("Li(O", "a bracket is open"),
        ("LiO)2", "closed"),
        ("2Li", "a number"),
        ("Li_2", "at '_2'"),
        ("()", "no element"),
    ],
)
def test_what_is_no_formula_is_refused(formula, told):
    with pytest.raises(RequestError, match=told):
        formula_counts(formula)


def test_coefficients_may_be_written_or_not():
    equation = parse_equation("2 Li + Cu(TFPAA)2 -> Cu + 3/2 LiTFPAA")
    assert equation.names == ("Li", "Cu(TFPAA)2", "Cu", "LiTFPAA")
    assert [one.coefficient for one in equation.reactants] == [2, None]
    assert equation.products[1].coefficient == Fraction(3, 2)
    assert parse_equation("C2F6NO4S2- + Li+ → LiC2F6NO4S2").names[0] == "C2F6NO4S2-"


@pytest.mark.parametrize(
    "text", ["Li", "Li ->", "-> Li", "Li -> LiF -> F", "Li + -> LiF", "0 Li -> Li", "Li + Li -> Li2", "Li F -> LiF", ""]
)
def test_what_is_no_equation_is_refused(text):
    with pytest.raises(RequestError):
        parse_equation(text)


@pytest.mark.parametrize(
    ("text", "coefficients"),
    [
        ("CuF2 + Li -> LiF + Cu", ["-1", "-2", "2", "1"]),
        ("CuF2 + 4 Li -> LiF + Cu", ["-2", "-4", "4", "2"]),
        ("Li3AlGe3(PO4)6 + Li -> Li15Ge4 + LiAl + Li3P + Li2O", ["-4", "-301", "3", "4", "24", "96"]),
        ("Li13La6Zr3TaO24 + Li -> Zr + Ta + La2O3 + Li2O", ["-1", "-17", "3", "1", "3", "15"]),
        ("C8H4F3O2- + Li+ -> LiC8H4F3O2", ["-1", "-1", "1"]),
        ("Cu(C8H4F3O2)2 + Li -> Cu + LiC8H4F3O2", ["-1", "-2", "1", "2"]),
        ("2 H2 + O2 -> 2 H2O", ["-2", "-1", "2"]),
    ],
)
def test_the_coefficients_are_the_smallest_or_as_written(text, coefficients):
    assert list(solved(text).values()) == coefficients


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CuF2 + 3 Li -> 2 LiF + 1 Cu", None),
        ("1 CuF2 + 3 Li -> 2 LiF + 1 Cu", r"not balanced: Li by −1 \(products minus reactants\)"),
        ("1 Li + 1 F- -> 1 LiF", r"charge by \+1"),
        ("2 CuF2 + 2 Li -> LiF + Cu", "the coefficients that are written do not balance"),
        ("CuF2 + Na -> LiF + Cu", "no coefficients balance it"),
        ("C + O2 -> CO + CO2", "2 independent reactions"),
        ("Li2O + Cu -> Li + CuF2", "no coefficients balance it"),
        ("LiF + H2O + Li -> F", "H2O, Li: no part in it"),
    ],
)
def test_what_does_not_balance_is_refused_by_name(text, told):
    if told is None:
        with pytest.raises(RequestError):
            solved(text)
        return
    with pytest.raises(RequestError, match=told):
        solved(text)


def test_a_species_on_the_wrong_side_is_named():
    with pytest.raises(RequestError, match="Cu: no part in it, or on the other side"):
        solved("CuF2 + Li + Cu -> LiF")


@given(st.lists(st.integers(1, 9), min_size=3, max_size=3))
def test_a_solution_balances_to_the_last_atom(numbers):
    formula = f"Li{numbers[0]}Ge{numbers[1]}O{numbers[2]}"
    try:
        found = solved(f"{formula} + Li -> Li15Ge4 + Li2O")
    except RequestError as fault:
        assert "other side" in str(fault)
        assert Fraction(15 * numbers[1], 4) + 2 * numbers[2] <= numbers[0]
        return
    terms = [(Fraction(c), formula_counts(name)) for name, c in found.items()]
    assert imbalance(terms) == {}
    check_balance(terms, "here")
