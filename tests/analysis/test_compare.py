"""Published values stand beside computed ones, labelled, and no computation can read them."""

import ast
import tomllib
from pathlib import Path

import pytest

from interlith.analysis.compare import PresetCheck, beside, preset_checks, published_claims, published_values
from interlith.structures.errors import ComputationError
from interlith.structures.library import system_names
from interlith.workflows.presets import PRESETS

ROOT = Path(__file__).parents[2]


def test_the_published_number_keeps_its_paper():
    (value,) = published_values("li-lagp")
    assert (value.quantity, value.value, value.unit) == ("interfacial_formation_energy", -1.14, "J/m²")
    assert value.source.doi == "10.1039/d4ee02075h"
    assert value.source.year == 2024


def test_every_value_and_claim_names_a_source_with_a_doi():
    everything = [*published_values(), *published_claims()]
    assert len(everything) > 10
    assert all(each.source.doi.startswith("10.") for each in everything)
    assert {claim.system for claim in published_claims("li-llzto")} == {"li-llzto"}


def test_filters_leave_out_the_rest():
    assert {v.system for v in published_values(quantity="binding_energy")} == {
        "llzto-pvdfhfp", "llzto-dpvdfhfp", "llzto-pdol",
    }  # fmt: skip
    assert published_values("li-lif") == ()


def test_a_surrogate_is_called_one(handmade_record):
    (row,) = beside(handmade_record())
    assert row.surrogate and row.label.startswith("surrogate (CHGNet, trained on PBE)")
    assert row.difference == pytest.approx(-0.82 + 1.14)
    (row,) = beside(handmade_record(surrogate=False))
    assert not row.surrogate and row.label.startswith("first principles")


def test_an_unconverged_value_stays_marked(handmade_record):
    assert [row.converged for row in beside(handmade_record(converged=False))] == [False]


def test_a_system_without_published_values_has_nothing_beside_it(handmade_record):
    assert beside(handmade_record("al-cu")) == ()


def test_one_unit_has_two_spellings_and_another_unit_is_refused(handmade_record):
    assert beside(handmade_record(unit="J/m^2"))[0].unit == "J/m²"
    with pytest.raises(ComputationError, match=r"'eV'.*'J/m²' \(li-lagp\)"):
        beside(handmade_record(unit="eV"))


def test_only_the_command_line_reads_published_values():
    readers = set()
    for room in ("structures", "analysis", "workflows", "launchers"):
        for path in (ROOT / room).rglob("*.py"):
            modules = {n.module for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)}
            if "interlith.analysis.compare" in modules or "published.toml" in path.read_text():
                readers.add(room if path.name != "compare.py" else "compare.py")
    assert readers <= {"compare.py", "launchers"}


def test_a_preset_check_is_shown_for_its_own_system_engine_and_preset_only(handmade_record, monkeypatch):
    row = {
        "system": "li-lagp", "engine": "chgnet", "quantity": "interfacial_formation_energy", "unit": "J/m²",
        "preset": handmade_record().preset, "value": -1.0, "against": "paper", "value_against": -1.2,
        "date": "2026-01-01", "version": "0.1.0",
    }  # fmt: skip
    others = [row | {"system": "li-lif"}, row | {"engine": "emt"}, row | {"preset": "none"}]
    monkeypatch.setattr("interlith.analysis.compare._read", lambda name: {"check": [row, *others]})
    (check,) = preset_checks(handmade_record())
    assert "-1.00" in check.told and "-1.20" in check.told and "chgnet" in check.told


def test_every_stored_preset_check_names_what_exists():
    rows = tomllib.loads((ROOT / "analysis" / "presets_measured.toml").read_text())["check"]
    assert {(row["system"], row["preset"]) for row in rows} >= {("li-lagp", "quick")}
    for row in rows:
        assert row["system"] in system_names()
        assert {row["engine"]} == {PRESETS[row["preset"]].engine, PRESETS[row["against"]].engine}
        assert PRESETS[row["against"]].fmax_eV_A < PRESETS[row["preset"]].fmax_eV_A
        assert PresetCheck(**row).told


def test_what_covers_part_of_a_cell_stands_in_for_an_energy_per_area(handmade_record):
    record = handmade_record("li-pdol", unit="J/m^2")
    (same,) = beside(record)
    assert same.quantity == same.published_quantity == "interfacial_formation_energy"
    assert same.caveat == "one ordering"
    named = {"quantity": "binding_energy_per_covered_area", "value": -0.2}
    part = record.quantities[0].model_copy(update=named)
    (row,) = beside(record.model_copy(update={"quantities": (part,)}))
    assert (row.quantity, row.published_quantity) == (part.quantity, "interfacial_formation_energy")
    assert row.difference == pytest.approx(-0.2 + 0.16)
    (both,) = beside(record.model_copy(update={"quantities": (part, record.quantities[0])}))
    assert both.quantity == both.published_quantity, "the same quantity comes first"
    other = record.quantities[1:]
    assert beside(record.model_copy(update={"quantities": other})) == ()
