"""Rows, filters and records by name: what `interlith results` reads from the store."""

import pytest

from interlith.launchers.results import StoredRecord, find_record, record_rows, result_rows, spread_text
from interlith.structures.errors import RequestError

PROMISED = {"system", "quantity", "value", "unit", "engine", "level", "converged", "surrogate", "spread"}


@pytest.fixture
def stored(handmade_record):
    return [
        StoredRecord("aaaa1", "2026-01-01", handmade_record("li-lagp")),
        StoredRecord("aabb2", "2026-01-02", handmade_record("li-lagp", surrogate=False)),
        StoredRecord("cccc3", "2026-01-03", handmade_record("li-lif", converged=False)),
    ]


def test_a_row_has_every_promised_column(stored):
    for row in record_rows(stored[0]):
        assert PROMISED | {"definition", "record"} <= set(row)
    first = record_rows(stored[0])[0]
    assert (first["value"], first["unit"], first["surrogate"], first["record"]) == (-0.82, "J/m²", True, "aaaa1")


def test_filters_keep_what_they_name(stored):
    assert len(result_rows(stored)) == 6
    assert {row["record"] for row in result_rows(stored, system="li-lif")} == {"cccc3"}
    both = result_rows(stored, engine="vasp", quantity="work_of_separation")
    assert [(row["record"], row["value"]) for row in both] == [("aabb2", 2.18)]
    assert result_rows([], system="li-lif") == []


@pytest.mark.parametrize(
    ("column", "wrong", "near"),
    [("system", "li-lagq", "li-lagp"), ("quantity", "work_of_seperation", "work_of_separation")],
)
def test_a_filter_on_nothing_names_its_neighbours(stored, column, wrong, near):
    with pytest.raises(RequestError, match=rf"unknown {column} '{wrong}' \(--{column}\); did you mean .*{near}"):
        result_rows(stored, **{column: wrong})


@pytest.mark.parametrize("name", ["sevennet-0", "an engine of tomorrow"])
def test_an_engine_that_computed_nothing_here_has_no_rows(stored, name):
    assert result_rows(stored, engine=name) == []
    assert result_rows(stored, engine=name, system="li-lif") == []


def test_a_record_is_found_by_its_start_or_its_system(stored):
    assert find_record(stored, "cc").uuid == "cccc3"
    assert find_record(stored, "li-lagp").uuid == "aabb2", "the latest"


def test_a_record_that_is_not_there_is_refused(stored):
    with pytest.raises(RequestError, match=r"'aa' begins 2 records .* aaaa1, aabb2"):
        find_record(stored, "aa")
    with pytest.raises(RequestError, match=r"unknown record 'li-lig' .*li-lif"):
        find_record(stored, "li-lig")
    with pytest.raises(RequestError, match="the store is empty"):
        find_record([], "li-lif")


def test_the_spread_says_its_kind_and_number(stored):
    row, other = record_rows(stored[0])
    assert spread_text(row) == "-0.820 … 0.310 (5 registries)"
    assert spread_text(other) == "–"
