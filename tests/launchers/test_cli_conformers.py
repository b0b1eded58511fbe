"""`interlith build --engine` of molecules: conformers and complexes at rest, ranked by an engine that knows charge."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.usefixtures("own_home")

SYSTEM = """
kind = "molecules"
[[molecules]]
molecule = "OCF"
role = "host"
[[molecules]]
molecule = "Li+"
role = "cation"
"""


def test_conformers_are_ranked_and_numbered(outcome, tmp_path):
    (tmp_path / "pair.toml").write_text(SYSTEM)
    status, out, err = outcome("build", "pair.toml", "--engine", "gfn2-xtb", "-o", "models", "--json")
    assert status == 0, err
    rows = json.loads(out)
    hosts = [row for row in rows if row["formula"] == "CH3FO"]
    assert hosts[0]["energy_eV"] in (None, 0.0)
    energies = [row["energy_eV"] for row in hosts if row["energy_eV"] is not None]
    assert energies == sorted(energies)
    assert {row["charge_e"] for row in rows if "Li" in row["formula"]} == {1}
    assert not (tmp_path / "progress.jsonl").exists()


def test_an_engine_that_is_blind_to_charge_is_refused(refusal, tmp_path):
    (tmp_path / "ion.toml").write_text('kind = "molecules"\n[[molecules]]\nmolecule = "FSI-"\n')
    assert "cannot be told" in refusal("build", "ion.toml", "--engine", "sevennet-0", "-o", "models")
