"""`interlith scan` of one face: its terminations by geometry, and by an engine's surface energy."""

from __future__ import annotations

import json

import pytest

from interlith.structures.crystals import load_crystal
from interlith.structures.terminations import terminations

pytestmark = pytest.mark.usefixtures("own_home")


def test_every_termination_is_a_row_best_first(outcome):
    status, out, err = outcome("scan", "--a", "Li2CO3", "--miller-a", "001", "--json")
    assert status == 0, err
    rows = json.loads(out)
    assert [row["termination"] for row in rows] == list(range(len(rows)))
    assert len(rows) == len(terminations(load_crystal("Li2CO3")[0], (0, 0, 1)))
    refused = [row["why_not"] is not None for row in rows]
    assert refused == sorted(refused)


def test_an_engine_ranks_them_by_relaxed_surface_energy(outcome):
    status, out, err = outcome("scan", "--a", "Cu", "--miller-a", "110", "--engine", "emt", "--json")
    assert status == 0, err
    (row,) = json.loads(out)
    assert row["converged"]
    assert 0 < row["gamma_J_m2"] <= row["gamma_unrelaxed_J_m2"]


def test_the_table_says_what_a_cut_breaks(outcome):
    status, out, _ = outcome("scan", "--a", "LiF", "--miller-a", "100")
    assert status == 0
    assert "Li-F" in out
    assert "LiF (100): terminations" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--a", "LiF"], "one and its face"),
        (["--a", "LiF", "--miller-a", "000"], "0"),
        (["--a", "LiF", "--b", "Li", "--miller-a", "100"], "--miller-a"),
        (["--a", "LiF", "--miller-a", "100", "--engine", "emt"], "does not know"),
        (["--a", "nowhere.cif", "--miller-a", "100"], "nowhere.cif"),
    ],
)
def test_a_wrong_request_is_one_line(refusal, arguments, told):
    assert told in refusal("scan", *arguments)
