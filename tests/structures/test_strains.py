"""How misfit is shared: the two cells coincide, nobody turns, and who is named first does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Element

from interlith.structures.strains import (
    IN_HALVES,
    ON_A,
    ON_B,
    Body,
    StrainRule,
    biaxial_modulus_GPa,
    choose_rule,
    common_cell,
)

SHARES = st.floats(0, 1)
CELLS = st.tuples(st.floats(3, 9), st.floats(3, 9), st.floats(60, 120), st.integers(0, 9999))


def cells_of(drawn) -> tuple[np.ndarray, np.ndarray]:
    """A cell, and the same strained by a few percent and turned."""
    a, b, degrees, seed = drawn
    rng, turn = np.random.default_rng(seed), np.radians(degrees)
    one = np.array([[a, 0], [b * np.cos(turn), b * np.sin(turn)]])
    angle = rng.uniform(0, 2 * np.pi)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return one, one @ (np.eye(2) + rng.uniform(-0.04, 0.04, (2, 2))) @ rotation


def stretches(free, strained) -> np.ndarray:
    """Principal stretches of one cell onto another, larger first."""
    return np.linalg.svd(np.linalg.solve(free, strained))[1]


@given(drawn=CELLS, share=SHARES)
@settings(max_examples=40, deadline=None)
def test_the_stretches_of_both_sides_make_up_the_misfit(drawn, share):
    one, other = cells_of(drawn)
    common = common_cell(one, other, StrainRule(share, ""))
    misfit = stretches(one, other)
    assert stretches(one, common) == pytest.approx(misfit ** (1 - share))
    assert stretches(common, other) == pytest.approx(misfit**share)
    assert common[0, 1] == 0
    assert np.linalg.det(common) > 0


@given(drawn=CELLS, share=SHARES)
@settings(max_examples=40, deadline=None)
def test_it_does_not_matter_which_side_is_named_first(drawn, share):
    one, other = cells_of(drawn)
    there, back = common_cell(one, other, StrainRule(share, "")), common_cell(other, one, StrainRule(1 - share, ""))
    assert there @ there.T == pytest.approx(back @ back.T)


@given(drawn=CELLS)
@settings(max_examples=20, deadline=None)
def test_a_side_that_is_spared_keeps_its_cell(drawn):
    one, other = cells_of(drawn)
    for rule, kept in ((ON_B, one), (ON_A, other)):
        common = common_cell(one, other, rule)
        assert common @ common.T == pytest.approx(kept @ kept.T)
    halves = common_cell(one, other, IN_HALVES)
    area = np.sqrt(np.linalg.det(one) * np.linalg.det(other))
    assert np.linalg.det(halves) == pytest.approx(area), "areas meet at their geometric mean"


@given(share=SHARES, most=st.floats(0.001, 0.2), part=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_window_lets_through_what_strains_neither_side_too_much(share, most, part):
    low, high = StrainRule(share, "").stretch_window(most)
    assert low < 1 < high
    within, beyond = low * (high / low) ** part, high * 1.01
    for stretch, allowed in ((within, True), (beyond, False), (low / 1.01, False)):
        strains = stretch**-share - 1, stretch ** (1 - share) - 1
        assert (max(map(abs, strains)) <= most * (1 + 1e-9)) == allowed


@given(moduli=st.tuples(st.floats(5, 400), st.floats(5, 400)), thick=st.tuples(st.floats(4, 40), st.floats(4, 40)))
@settings(max_examples=40, deadline=None)
def test_sharing_by_stiffness_costs_least_elastic_energy(moduli, thick):
    bodies = [Body(name, False, y, t) for name, y, t in zip("ab", moduli, thick, strict=True)]
    share = choose_rule(*bodies).share_b
    stiff = np.multiply(moduli, thick)

    def cost(w):
        return stiff[0] * (1 - w) ** 2 + stiff[1] * w**2

    assert cost(share) <= min(cost(w) for w in np.linspace(0, 1, 21)) * (1 + 1e-12)
    assert choose_rule(*bodies[::-1]).share_b == pytest.approx(1 - share)
    softer = int(np.argmin(stiff))
    assert (share >= 0.5) == (softer == 1) or stiff[0] == pytest.approx(stiff[1])


def test_moduli_of_the_elements_are_biaxial_and_unknown_ones_stay_unknown():
    """E/(1 − ν) of lithium (4.9 GPa; no ratio in the table, 0.33 taken) and aluminium (70 GPa, 0.35)."""
    assert biaxial_modulus_GPa(Element("Li")) == pytest.approx(4.9 / 0.67)
    assert biaxial_modulus_GPa(Element("Al")) == pytest.approx(70 / 0.65)
    assert biaxial_modulus_GPa(Element("F")) is None
