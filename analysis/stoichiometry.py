"""Reactions on paper: formulas, equations and coefficients, in exact rational numbers. No energies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import gcd, lcm
from typing import NamedTuple

from ase.data import chemical_symbols

from interlith.structures.errors import RequestError

Counts = Mapping[str, Fraction]

CHARGE = "charge"
"""Counted like an element."""
ARROWS = re.compile(r"\s*(?:->|→|=)\s*")
TOKEN = re.compile(r"([A-Z][a-z]?)|([(\[])|([)\]])|(\d+\.?\d*|\.\d+)|(\s+)")
CHARGED = re.compile(r"(?:\^(\d+)([+\-−])|([+\-−]+))$")
NUMBERED = re.compile(r"(\d+(?:/\d+)?(?:\.\d+)?)\s+(\S.*)")


class Species(NamedTuple):
    """One term of an equation as written.

    Attributes
    ----------
    coefficient
        As written; None where none was.
    name
        As written.
    """

    coefficient: Fraction | None
    name: str


class Equation(NamedTuple):
    """An equation as written: what goes in, what comes out."""

    reactants: tuple[Species, ...]
    products: tuple[Species, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All species, reactants first."""
        return tuple(one.name for one in (*self.reactants, *self.products))


def parse_equation(text: str) -> Equation:
    """Read an equation such as ``2 Li + Cu(TFPAA)2 -> Cu + 2 LiTFPAA``; coefficients may be left out.

    A term's number stands before its name, parted by a space; terms are parted by `` + ``.

    Raises
    ------
    RequestError
        If there are not two sides, a side is empty, or a species stands twice.
    """
    sides = ARROWS.split(text.strip())
    if len(sides) != 2 or not all(side.strip() for side in sides):
        raise RequestError(f"{text!r} is no reaction", "equation", "write A + B -> C + D")
    read = Equation(*(tuple(_species(part, text) for part in re.split(r"\s+\+\s+", side)) for side in sides))
    twice = sorted({name for name in read.names if read.names.count(name) > 1})
    if twice:
        raise RequestError(f"{', '.join(twice)} twice in {text!r}", "equation", "write each species once")
    return read


def _species(part: str, text: str) -> Species:
    found = NUMBERED.fullmatch(part.strip())
    if found is None:
        name = part.strip()
        if not name or " " in name:
            raise RequestError(f"no species in {part!r} of {text!r}", "equation", "write 2 Li, with a space")
        return Species(None, name)
    number = Fraction(found.group(1))
    if number <= 0:
        raise RequestError(f"{part.strip()!r} in {text!r}", "equation", "coefficients are above 0")
    return Species(number, found.group(2).strip())


def formula_counts(formula: str) -> dict[str, Fraction]:
    """Return how many atoms of each element a formula holds, and its charge (e) where it has one.

    Parameters
    ----------
    formula
        E.g. ``Li6.4La3Zr1.4Ta0.6O12``, ``Cu(C8H4F3O2)2``, ``C2F6NO4S2-``, ``Cu^2+``.

    Raises
    ------
    RequestError
        For what is no formula.

    Examples
    --------
    >>> {e: str(n) for e, n in formula_counts("Li1.5Al0.5(PO4)3").items()}
    {'Li': '3/2', 'Al': '1/2', 'P': '3', 'O': '12'}
    """
    charged = CHARGED.search(formula)
    neutral = formula[: charged.start()] if charged else formula
    stack: list[dict[str, Fraction]] = [{}]
    last: dict[str, Fraction] = {}
    place = 0
    while place < len(neutral):
        found = TOKEN.match(neutral, place)
        if found is None:
            raise _no_formula(formula, f"at {neutral[place:]!r}")
        element, opened, closed, number, _ = found.groups()
        place = found.end()
        if number:
            if not last:
                raise _no_formula(formula, f"a number before any element: {number}")
            _add(stack[-1], last, Fraction(number) - 1)
            last = {}
        elif element:
            if element not in chemical_symbols[1:]:
                raise _no_formula(formula, f"no element {element!r}")
            last = {element: Fraction(1)}
            _add(stack[-1], last, Fraction(1))
        elif opened:
            stack.append({})
            last = {}
        elif closed:
            if len(stack) == 1:
                raise _no_formula(formula, "a bracket is closed that was not opened")
            last = stack.pop()
            _add(stack[-1], last, Fraction(1))
    if len(stack) != 1 or not stack[0]:
        raise _no_formula(formula, "a bracket is open" if len(stack) != 1 else "no element")
    return stack[0] | ({CHARGE: _charge(charged)} if charged else {})


def _charge(found: re.Match[str]) -> Fraction:
    digits, sign, signs = found.groups()
    if signs:
        return Fraction(len(signs) if "+" in signs else -len(signs))
    return Fraction(int(digits) * (1 if sign == "+" else -1))


def _add(into: dict[str, Fraction], counts: Counts, times: Fraction) -> None:
    for element, number in counts.items():
        into[element] = into.get(element, Fraction(0)) + times * number


def _no_formula(formula: str, why: str) -> RequestError:
    return RequestError(f"{formula!r} is no formula: {why}", "formula", "write it as Li2CO3 or Cu(NO3)2")


def imbalance(terms: Sequence[tuple[Fraction, Counts]]) -> dict[str, Fraction]:
    """Return by how much products exceed reactants, per element and for the charge; only what is not zero.

    Parameters
    ----------
    terms
        Coefficients, negative for reactants, and what each species holds.
    """
    total: dict[str, Fraction] = {}
    for coefficient, counts in terms:
        _add(total, counts, coefficient)
    return {element: excess for element, excess in total.items() if excess}


def check_balance(terms: Sequence[tuple[Fraction, Counts]], where: str) -> None:
    """Refuse a reaction that makes or loses atoms or charge.

    Raises
    ------
    RequestError
        Naming each element that does not balance, and by how much.
    """
    excess = imbalance(terms)
    if excess:
        told = ", ".join(f"{element} by {'+' if n > 0 else '−'}{abs(n)}" for element, n in excess.items())
        raise RequestError(f"not balanced: {told} (products minus reactants)", where, "correct the coefficients")


def balanced(equation: Equation, counts: Mapping[str, Counts]) -> dict[str, Fraction]:
    """Return the coefficients of an equation, negative for reactants: the smallest whole numbers, or as written.

    Parameters
    ----------
    equation
        With all its coefficients, which are checked, or with some or none, which are solved for.
    counts
        What each species holds.

    Raises
    ------
    RequestError
        If what is written does not balance; if nothing balances it, or more than one set of coefficients does; or if a
        species belongs on the other side.
    """
    signs = [-1] * len(equation.reactants) + [1] * len(equation.products)
    species = (*equation.reactants, *equation.products)
    where = " + ".join(one.name for one in equation.reactants) + " -> …"
    if all(one.coefficient is not None for one in species):
        written = [sign * (one.coefficient or Fraction(0)) for sign, one in zip(signs, species, strict=True)]
        check_balance([(c, counts[one.name]) for c, one in zip(written, species, strict=True)], where)
        return dict(zip(equation.names, written, strict=True))
    elements = list(dict.fromkeys(element for name in equation.names for element in counts[name]))
    rows = [[counts[name].get(element, Fraction(0)) for name in equation.names] for element in elements]
    free = _null_space(rows, len(species))
    if len(free) != 1:
        why = "no coefficients balance it" if not free else f"{len(free)} independent reactions share these species"
        raise RequestError(why, where, "is a species missing, or one too many?")
    return _scaled(equation, signs, free[0], where)


def _scaled(equation: Equation, signs: Sequence[int], solution: Sequence[Fraction], where: str) -> dict[str, Fraction]:
    first = solution[0] if solution[0] else Fraction(1)
    turned = [-x / first for x in solution]
    wrong = [
        name for name, sign, x in zip(equation.names, signs, turned, strict=True) if x == 0 or (x > 0) != (sign > 0)
    ]
    if wrong:
        raise RequestError(f"{', '.join(wrong)}: no part in it, or on the other side", where, "rewrite the reaction")
    species = (*equation.reactants, *equation.products)
    given = {one.coefficient / abs(x) for one, x in zip(species, turned, strict=True) if one.coefficient is not None}
    if len(given) > 1:
        raise RequestError("the coefficients that are written do not balance", where, "leave them out")
    times = next(iter(given)) if given else Fraction(lcm(*(x.denominator for x in turned)))
    if not given:
        times /= reduce(gcd, (int(abs(x * times)) for x in turned))
    return {name: x * times for name, x in zip(equation.names, turned, strict=True)}


def _null_space(rows: list[list[Fraction]], width: int) -> list[list[Fraction]]:
    """Return a basis of the solutions of ``rows @ x = 0``, by elimination without rounding."""
    work = [list(row) for row in rows]
    pivots: list[int] = []
    for column in range(width):
        row = next((r for r in range(len(pivots), len(work)) if work[r][column]), None)
        if row is None:
            continue
        top = len(pivots)
        work[top], work[row] = work[row], work[top]
        work[top] = [x / work[top][column] for x in work[top]]
        for r in range(len(work)):
            if r != top and work[r][column]:
                work[r] = [x - work[r][column] * y for x, y in zip(work[r], work[top], strict=True)]
        pivots.append(column)
    return [
        [
            Fraction(1) if c == free else -work[pivots.index(c)][free] if c in pivots else Fraction(0)
            for c in range(width)
        ]
        for free in range(width)
        if free not in pivots
    ]
