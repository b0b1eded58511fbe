"""Reaction energies follow from the terms; unbalanced or mixed terms give none."""

from fractions import Fraction

import pytest
from evidence_cases import provenance

from interlith.analysis.reactions import EV_PER_KJ_MOL, ReactionRecord, Term, reaction_record
from interlith.structures.errors import ComputationError, RequestError

CUF2 = (("CuF2", -1, -12.0, 33.0), ("Li", -2, -1.9, 20.0), ("LiF", 2, -9.7, 16.0), ("Cu", 1, -3.7, 12.0))


def term(name, coefficient, energy, volume=None, *, formula=None, **more):
    return Term(
        name=name, formula=formula or name, coefficient=Fraction(coefficient), energy_eV=energy, volume_A3=volume,
        kind="solid", provenance=provenance(**more),
    )  # fmt: skip


def record(rows=CUF2, name="x", **settings):
    return reaction_record(name, [term(*row) for row in rows], **settings)


def test_the_energy_is_products_minus_reactants():
    found = record()
    energy = 2 * -9.7 - 3.7 + 12.0 + 2 * 1.9
    assert found.equation == "CuF2 + 2 Li -> 2 LiF + Cu"
    assert found.quantity("reaction_energy").value == pytest.approx(energy)
    assert found.quantity("reaction_energy_per_formula_unit").value == pytest.approx(energy)
    assert found.quantity("reaction_energy_per_lithium").value == pytest.approx(energy / 2)
    assert found.quantity("reaction_energy_per_atom").value == pytest.approx(energy / 5)
    assert found.quantity("volume_change").value == pytest.approx(2 * 16 + 12 - 33 - 40)
    assert found.quantity("volume_change_percent").value == pytest.approx(100 * -29 / 73)
    assert ReactionRecord.model_validate_json(found.model_dump_json()) == found


def test_going_back_costs_what_going_gave():
    back = record([(name, -n, *rest) for name, n, *rest in CUF2])
    assert back.quantity("reaction_energy").value == pytest.approx(-record().quantity("reaction_energy").value)


def test_twice_the_reaction_gives_twice_the_energy_and_the_same_per_unit():
    one, two = record(), record([(name, 2 * n, *rest) for name, n, *rest in CUF2])
    assert two.quantity("reaction_energy").value == pytest.approx(2 * one.quantity("reaction_energy").value)
    for name in ("per_formula_unit", "per_lithium", "per_atom"):
        found = [each.quantity(f"reaction_energy_{name}").value for each in (one, two)]
        assert found[0] == pytest.approx(found[1])
    assert two.quantity("volume_change").value == pytest.approx(one.quantity("volume_change").value)


def test_the_zero_of_each_element_cancels():
    shifts = {"Cu": 3.0, "F": -2.0, "Li": 0.7}
    rows = [(n, c, e + sum(float(k) * shifts[x] for x, k in term(n, c, e).counts.items()), v) for n, c, e, v in CUF2]
    assert record(rows).quantity("reaction_energy").value == pytest.approx(record().quantity("reaction_energy").value)


def test_a_formula_unit_may_be_part_of_a_cell():
    rows = (
        ("Li8Ge4O12", -1, -80.0, 200.0),
        ("Li", -31, -2.0, 20.0),
        ("Li15Ge4", 1, -60.0, 300.0),
        ("Li2O", 12, -14.0, 25.0),
    )
    found = record(rows, per=("O", 3))
    assert found.formula_unit == "Li2GeO3"
    whole = found.quantity("reaction_energy").value
    assert found.quantity("reaction_energy_per_formula_unit").value == pytest.approx(whole / 4)
    with pytest.raises(RequestError, match="holds no S"):
        record(rows, per=("S", 3))


def test_without_volumes_there_is_no_change_of_volume():
    rows = [(*row[:3], None) if row[0] == "Cu" else row for row in CUF2]
    assert not any("volume" in q.quantity for q in record(rows).quantities)
    assert len(record(rows).quantities) == 4


def test_a_reaction_without_lithium_metal_has_no_energy_per_lithium():
    rows = (("LiAl", -1, -6.0, 30.0), ("Li", 1, -1.9, 20.0), ("Al", 1, -3.7, 16.0))
    assert "reaction_energy_per_lithium" not in {q.quantity for q in record(rows).quantities}


def test_unbalanced_terms_have_no_energy():
    rows = [("CuF2", -1, -12.0, 33.0), ("Li", -3, -1.9, 20.0), *CUF2[2:]]
    with pytest.raises(RequestError, match="not balanced: Li by −1"):
        record(rows)


def test_terms_of_two_levels_have_no_energy():
    terms = [term(*row, engine="emt" if k else "chgnet") for k, row in enumerate(CUF2)]
    with pytest.raises(ComputationError, match="2 methods"):
        reaction_record("x", terms)


def test_what_did_not_converge_is_marked():
    terms = [term(*row, converged=bool(k)) for k, row in enumerate(CUF2)]
    assert not any(q.converged for q in reaction_record("x", terms).quantities)


def test_a_conversion_is_told_beside_its_enthalpy():
    found = record(name="cuf2-li")
    assert found.deviation.value == pytest.approx(-689.3 * EV_PER_KJ_MOL)
    assert found.deviation.value == pytest.approx(-7.144, abs=1e-3)
    energy = found.quantity("reaction_energy").value
    assert found.deviation.percent == pytest.approx(100 * (energy / -7.144 - 1), abs=0.01)
    assert "298 K" in found.deviation.source
    assert record().deviation is None
