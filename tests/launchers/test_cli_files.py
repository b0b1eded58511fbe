"""A person's own files on the command line, from any folder, and what is refused before anything is computed."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from pymatgen.core import Structure

from interlith.structures.library import crystal_path

BAD = Path(__file__).parents[1] / "structures" / "bad"
QUICK = ["--preset", "quick", "--engine", "emt"]
FACES = ["--miller-a", "111", "--miller-b", "111"]


@pytest.fixture(autouse=True)
def own_folder(own_home, tmp_path):
    """An empty folder to work in, with copies of Al and Cu under names of the person's own."""
    (tmp_path / "mine").mkdir()
    for name in ("Al", "Cu"):
        shutil.copy(crystal_path(name), f"mine/my-{name}.cif")


def test_two_files_named_from_here_are_computed_and_stored(outcome):
    sides = ["--a", "mine/my-Al.cif", "--b", "mine/my-Cu.cif", *FACES]
    status, out, err = outcome("run", *sides, *QUICK, "--json")
    assert status == 0, err
    (answer,) = json.loads(out)
    assert answer["system"] == "my_al111-my_cu111" and answer["converged"]
    status, out, _ = outcome("status", "--json")
    assert {"bulk my-Al.cif", "my-Cu.cif alone"} <= {job["name"] for job in json.loads(out)}

    status, out, _ = outcome("results", "--json", "show", "my_al111-my_cu111")
    assert status == 0 and json.loads(out)["record"] == answer["record"]


def test_options_before_show_hold_for_it_and_the_next_command_names_the_folder(outcome):
    assert outcome("run", "al-cu", *QUICK, "--workspace", "my ws", "--json")[0] == 0
    status, out, _ = outcome("results", "--workspace", "my ws", "--json", "show", "al-cu")
    assert status == 0 and json.loads(out)["system"] == "al-cu"
    _, _, err = outcome("results", "--workspace", "my ws")
    assert err.startswith("Next: interlith results show ")
    assert outcome(*shlex.split(err)[2:])[0] == 0


def test_the_next_command_after_build_runs_what_was_built(outcome):
    sides = ["--a", "mine/my-Al.cif", "--b", "mine/my-Cu.cif", "--miller-a", "1-10", "--miller-b", "-110"]
    status, out, _ = outcome("build", *sides, "side_a.thickness_A=9", *QUICK[:2])
    following = out.splitlines()[-1]
    assert status == 0 and following.startswith("Next: interlith run ")
    _, direct, _ = outcome("run", *sides, "side_a.thickness_A=9", *QUICK[:2], "--dry-run", "--json")
    status, told, err = outcome(*shlex.split(following)[2:], "--dry-run", "--json")
    assert status == 0, err
    assert json.loads(told)[0]["key"] == json.loads(direct)[0]["key"]


def test_a_file_beside_a_systems_toml_is_found_from_every_folder(outcome):
    sides = [f'[side_{s}]\ncrystal = "my-{c}.cif"\nmiller = [1, 1, 1]\n' for s, c in (("a", "Al"), ("b", "Cu"))]
    Path("mine/pair.toml").write_text("".join(sides))
    status, out, err = outcome("run", "mine/pair.toml", *QUICK, "--dry-run", "--json")
    assert status == 0, err
    crystals = [json.loads(out)[0]["recipe"][f"side_{side}"]["crystal"] for side in "ab"]
    assert crystals == [str(Path.cwd() / "mine" / f"my-{name}.cif") for name in ("Al", "Cu")]


def test_a_name_of_the_library_wins_over_a_file_of_that_name(outcome):
    shutil.copy(crystal_path("Cu"), "Al")
    _, out, _ = outcome("run", "--a", "Al", "--b", "Cu", *FACES, *QUICK, "--dry-run", "--json")
    assert json.loads(out)[0]["recipe"]["side_a"]["crystal"] == "Al"


@pytest.mark.parametrize("dry", [["--dry-run"], []], ids=["shown", "run"])
@pytest.mark.parametrize(
    ("side", "told"),
    [
        ("Li", "engine 'emt' does not know Li (Li); choose an engine that does (it knows Ag, Al"),
        ("LAGP", "does not know Ge, Li, O, P (LAGP)"),
        ("nowhere.cif", "no such file"),
        ("Lii", "did you mean Li"),
        (BAD / "lioh_no_hydrogen.cif", "hydrogen"),
        (BAD / "pvdf_no_hydrogen.cif", "hydrogen"),
        (BAD / "lagp_full_split_li.cif", "overlapping atoms"),
        (BAD / "ligp_asymmetric_unit_as_p1.cif", "was the symmetry lost?"),
        (BAD / "llzo_mo_charge_imbalance.cif", "charges of this disordered crystal do not balance"),
        ("alloy.cif", "no charge for Au, Cu"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_anything_is_written(outcome, side, told, dry):
    alloy = Structure.from_file(crystal_path("Cu"))
    alloy.replace_species({"Cu": {"Cu": 0.5, "Au": 0.5}})
    alloy.to("alloy.cif", fmt="cif")
    before = sorted(Path().iterdir())
    status, out, err = outcome("run", "--a", side, "--b", "Cu", *FACES, *QUICK, *dry)
    assert (status, out, err.count("\n")) == (2, "", 1) and told in err, err
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(("verb", "place"), [("build", "-o"), ("run", "--workspace")])
def test_a_folder_that_nobody_can_make_is_one_line(outcome, verb, place):
    status, out, err = outcome(verb, "al-cu", *QUICK[:2], place, "/proc/interlith")
    assert status in (1, 2) and out == "" and err.count("\n") == 1 and "/proc/interlith" in err


@pytest.mark.parametrize(
    ("setting", "told"),
    [("side_a.miller=[0,0,0]", "all 0 name no face"), ("side_a.termination=7", "no termination 7")],
)
def test_a_face_that_is_none_is_refused_before_anything_is_written(outcome, setting, told):
    status, out, err = outcome("run", "al-cu", setting, *QUICK)
    assert (status, out, err.count("\n")) == (2, "", 1) and told in err
    assert not Path("interlith-workspace").exists()
