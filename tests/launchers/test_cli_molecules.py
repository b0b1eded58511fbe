"""`interlith dissociate` and `interlith levels` from the command line to the store."""

import json
from pathlib import Path

import pytest

from interlith.launchers.cli import invoke
from interlith.launchers.requested import plan_of_molecules, stem

pytestmark = pytest.mark.usefixtures("own_home")
LIF = ("dissociate", "[Li+].[F-]", "--engine", "gfn2-xtb", "--preset", "quick", "--workers", "1")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    """A workspace in which LiF has been parted."""
    folder = tmp_path_factory.mktemp("dissociate") / "ws"
    assert invoke([*LIF, "--workspace", str(folder), "--json"]) == 0
    return folder


def test_a_salt_is_parted_in_one_document(outcome, workspace):
    status, out, err = outcome(*LIF, "--workspace", workspace, "--json")
    document = json.loads(out)
    assert status == 0 and "started" not in err
    assert document["dissociation_energy_eV"] == document["D0"] > 0
    assert (document["definition"], document["level"], document["spread"]) == ("D0", "GFN2-xTB", None)
    assert [document[name] for name in ("D1", "D2", "D3", "D4", "D5")] == [None] * 5
    assert document["caveats"] and document["host"] is None
    assert {one["part"] for one in document["parts"]} == {"cation", "anion", "salt"}
    assert all(Path(file).stat().st_size > 0 for file in document["files"])


def test_a_person_reads_the_definition_the_level_and_what_holds_lithium(outcome, workspace):
    status, out, _ = outcome(*LIF, "--workspace", workspace)
    assert status == 0
    for expected in ("bare: D0 at GFN2-xTB", "D0: salt → cation + anion", "1 F", "Search, salt:", "Caveat: ", ".png"):
        assert expected in out
    status, out, _ = outcome("results", "show", "lif", "--workspace", workspace)
    assert status == 0 and "salt → cation + anion" in out
    status, out, _ = outcome("results", "--workspace", workspace, "--quantity", "D0", "--json")
    assert [row["quantity"] for row in json.loads(out)] == ["D0"]


def test_levels_of_an_atom_are_one_document_with_its_homo_and_lumo(outcome, tmp_path):
    pytest.importorskip("pyscf")
    words = ("levels", "[He]", "--engine", "pyscf", "--preset", "quick", "--workers", "1", "--json")
    status, out, _ = outcome(*words, "--workspace", tmp_path / "ws")
    document = json.loads(out)
    assert status == 0
    assert document["homo_eV"] < -15 < 0 < document["lumo_eV"]
    assert (document["solvent"], document["ionisation_eV"] > 20) == (None, True)
    assert document["level"].endswith("//GFN2-xTB")
    assert [Path(file).suffix for file in document["files"]] == [".png", ".extxyz", ".json"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["levels", "DME", "--engine", "gfn2-xtb"], "engine 'gfn2-xtb' cannot compute orbitals"),
        (["levels", "DNE"], "DNE"),
        (["levels", "DME", "--charge", "1"], "charge_e = 1, but COCCOC carries 0"),
        (["dissociate", "DME", "--engine", "gfn2-xtb"], "it does not split in one cation and one anion"),
        (["dissociate", "LiTFSX"], "LiTFSX"),
        (["dissociate", "LiTFSI", "--host", "LiFSI", "--engine", "gfn2-xtb"], "host LiFSI is several fragments"),
        (["dissociate", "LiTFSI", "--n", "2"], "--n 2 without a host"),
        (["dissociate", "LiTFSI", "--host", "DME", "--n", "2"], "n = 2 of DME, which is no repeat unit"),
        (["dissociate", "LiTFSI", "--engine", "sevennet-0"], "computes periodic cells"),
    ],
)
def test_what_cannot_be_is_one_line(refusal, arguments, line):
    assert line in refusal(*arguments)


def test_a_salt_and_host_of_the_library_are_the_built_in_system():
    plan = plan_of_molecules(
        f"{stem('LiTFSI')}-{stem('PDOL')}",
        [{"molecule": "LiTFSI", "role": "salt"}, {"molecule": "PDOL", "role": "host", "n": None}],
        "quick",
        "gfn2-xtb",
        solvent=None,
    )
    assert (plan.spec.name, plan.spec.title) == ("litfsi-pdol", "LiTFSI at P-DOL")
    longer = [{"molecule": "LiTFSI", "role": "salt"}, {"molecule": "P-DOL", "role": "host", "n": 2}]
    own = plan_of_molecules("litfsi-pdol", longer, "quick", "gfn2-xtb", solvent="7.2")
    assert own.spec.recipe.molecules[1].recipe.n == 2 and own.spec.title == ""
    assert own.key != plan.key
