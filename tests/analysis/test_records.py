"""What a record promises: methods do not mix, costs add up, a spread is of three or more, names are told once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from interlith.analysis.records import Method, Provenance, Quantity, Relaxation, Spread, SurfaceFit
from interlith.structures.errors import ComputationError


def method(**changes) -> Method:
    told = {
        "engine": "chgnet", "engine_version": "0.4", "model": "CHGNet", "weights_sha256": None, "functional": "PBE",
        "dispersion": None, "surrogate": True,
    }  # fmt: skip
    return Method(**(told | changes))


def part(calls=1, wall=1.0, converged=True, inputs=("0",), **changes) -> Provenance:
    return Provenance(
        method=method(**changes), input_sha256=inputs, software={"ase": "3"}, wall_s=wall, n_force_calls=calls,
        converged=converged,
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1e4), st.booleans()), min_size=1, max_size=6))
def test_a_result_costs_what_its_parts_cost_and_rests_only_if_all_do(parts):
    whole = Provenance.merged([part(*one) for one in parts])
    assert whole.n_force_calls == sum(calls for calls, _, _ in parts)
    assert whole.wall_s == pytest.approx(sum(wall for _, wall, _ in parts))
    assert whole.converged == all(converged for _, _, converged in parts)


def test_inputs_are_kept_once_each_in_order():
    whole = Provenance.merged([part(inputs=("b", "a")), part(inputs=("a", "c"))])
    assert whole.input_sha256 == ("b", "a", "c")


@pytest.mark.parametrize(
    "other",
    [{"engine": "sevennet-0"}, {"engine_version": "0.5"}, {"weights_sha256": "f00"}, {"functional": "PBEsol"},
     {"dispersion": "D3(BJ)"}, {"settings": {"cutoff_eV": 520}}],
)  # fmt: skip
def test_energies_that_differ_in_anything_of_their_method_do_not_mix(other):
    with pytest.raises(ComputationError, match="2 methods"):
        Provenance.merged([part(), part(**other)])


def test_ions_and_molecules_of_one_level_mix():
    told = [{"settings": {"basis": "def2-svp", "charge": q, "multiplicity": m}} for q, m in ((1, 1), (-1, 1), (0, 2))]
    whole = Provenance.of_species([part(**one) for one in told])
    assert whole.method.settings == {"basis": "def2-svp"} and whole.n_force_calls == 3
    with pytest.raises(ComputationError, match="2 methods"):
        Provenance.of_species([part(**told[0]), part(settings={"basis": "def2-tzvp", "charge": 1})])


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "CHGNet, trained on PBE"),
        ({"dispersion": "D3(BJ)"}, "CHGNet, trained on PBE, D3(BJ)"),
        ({"functional": None}, "CHGNet"),
        ({"surrogate": False, "model": "VASP"}, "VASP, PBE"),
        ({"surrogate": False, "model": "VASP", "dispersion": "D3(BJ)"}, "VASP, PBE, D3(BJ)"),
    ],
)
def test_the_level_never_calls_a_surrogate_by_the_functional_it_was_trained_on(changes, level):
    assert method(**changes).level == level


def test_no_spread_from_two():
    with pytest.raises(ValidationError, match="greater than or equal to 3"):
        Spread(kind="registries", n=2, minimum=0.0, maximum=1.0, std=0.5)
    with pytest.raises(ValidationError, match="kind"):
        Spread(kind="moods", n=3, minimum=0.0, maximum=1.0, std=0.5)


def test_a_quantity_named_twice_is_refused(handmade_record):
    record = handmade_record()
    twice = record.model_dump() | {"quantities": [q.model_dump() for q in (*record.quantities, record.quantities[0])]}
    with pytest.raises(ValidationError, match=r"quantities named twice.*interfacial_formation_energy"):
        type(record).model_validate(twice)


def test_a_quantity_is_found_by_name_and_a_missing_one_is_an_error(handmade_record):
    record = handmade_record()
    assert record.quantity("work_of_separation").value == 2.18
    with pytest.raises(KeyError, match="charge_transfer"):
        record.quantity("charge_transfer")


def test_a_record_says_what_version_of_itself_it_is_and_comes_back(handmade_record):
    record = handmade_record()
    assert record.schema_version == 1
    assert type(record).model_validate_json(record.model_dump_json()) == record
    with pytest.raises(ValidationError, match="schema_version"):
        type(record).model_validate(record.model_dump() | {"schema_version": 0})


def test_a_number_without_unit_or_definition_is_none():
    for missing in ("unit", "definition", "converged"):
        told = {"quantity": "x", "value": 1.0, "unit": "eV", "definition": "x", "converged": True}
        with pytest.raises(ValidationError, match=missing):
            Quantity(**{key: value for key, value in told.items() if key != missing})


def test_a_relaxation_rests_as_its_provenance_says(handmade_record):
    for converged in (True, False):
        one = Relaxation(
            xyz=handmade_record().relaxed_xyz, energy_eV=-1.0, fmax_eV_A=0.1, fmax_target_eV_A=0.05,
            energies_eV=(-1.0,), start_xyz="", optimizer="none", provenance=part(converged=converged),
        )  # fmt: skip
        assert one.converged == converged


@given(change=st.floats(-0.1, 0.1))
def test_a_surface_energy_converges_by_its_size_of_change_not_its_sign(change):
    fit = SurfaceFit(
        gamma_J_m2=1.0, bulk_eV_per_unit=-3.0, residual_eV=0.0, gamma_change_J_m2=change, n=3, tolerance_J_m2=0.02
    )
    assert fit.converged == (abs(change) <= 0.02)
