"""Every built-in system builds, in less than five minutes on two cores, and no model is above 400 atoms."""

from __future__ import annotations

import json
import time

import pytest

from interlith.launchers.cli import invoke
from interlith.structures.library import system_names


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_every_system_builds(tmp_path, capfd):
    began = time.perf_counter()
    assert invoke(["build", "--all", "-o", str(tmp_path), "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    assert time.perf_counter() - began < 300
    assert {row["system"] for row in rows} == set(system_names())
    assert max(row["n_atoms"] for row in rows) <= 400
    assert all(row["warnings"] == [] for row in rows)
