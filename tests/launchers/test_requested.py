"""From words to plans: what is asked for, under which key it is stored, and the command that asks for it again."""

import shlex
import shutil

import pytest

from interlith.launchers import requested
from interlith.launchers.requested import Sides, requested_engine, requested_plans, requested_specs, run_command
from interlith.structures.errors import RequestError
from interlith.structures.library import crystal_path
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import preset
from interlith.workflows.study import plan

NONE = Sides(None, None, None, None)
PAIR = Sides("Al", "Cu", "111", "1-10")


def key(words, sides=NONE, method="quick", engine="emt") -> str:
    (one,) = requested_plans(words, sides, method, engine)
    return one.key


def test_a_key_is_the_same_for_the_same_question_however_it_is_put():
    assert key(["al-cu"]) == key(["al-cu"])
    assert key(["al-cu", "side_a.thickness_A=12", "interface.gap_A=2.5"]) == key(
        ["interface.gap_A=2.5", "al-cu", "side_a.thickness_A=12"]
    )
    assert key([], PAIR) == key([], Sides("Al", "Cu", "(1 1 1)", "1,-1,0"))
    assert key(["al-cu"]).startswith("al-cu-")
    for whole in ("side_a.thickness_A=12", "interface.max_strain=0.05", "calculation.fmax_eV_A=1"):
        assert key(["al-cu", whole]) == key(["al-cu", f"{whole}{'0' if '.' in whole.split('=')[1] else '.0'}"])
    assert key(["al-cu", "interface.match=0"]) == key(["al-cu"]), "the default, said"


def test_whatever_changes_an_answer_changes_the_key():
    variants = [
        key(["al-cu"]),
        key(["al-cu"], method="default"),
        key(["al-cu", "side_a.thickness_A=12"]),
        key(["al-cu", "calculation.registries=9"]),
        key(["al-cu"], engine="chgnet"),
        key(["al-cu"], engine="chgnet+d3bj"),
        key([], PAIR),
        key([], Sides("Al", "Cu", "111", "111")),
        key([], Sides("Cu", "Al", "1-10", "111")),
    ]
    assert len(set(variants)) == len(variants)


def test_a_key_follows_the_text_of_a_person_s_file_and_not_its_name_alone(tmp_path):
    file = tmp_path / "mine.cif"
    shutil.copy(crystal_path("Al"), file)
    before = key([], Sides(str(file), "Cu", "111", "111"))
    file.write_text(file.read_text() + "\n# a remark\n")
    assert key([], Sides(str(file), "Cu", "111", "111")) != before


def test_software_counts_and_remarks_do_not(monkeypatch):
    (one,) = requested_plans(["li-lagp"], NONE, "quick", "emt")
    remarked = requested.Plan(one.spec.model_copy(update={"notes": "seen twice"}), one.preset, one.engine)
    before = one.key
    assert remarked.key == before
    # The one thing set aside is the interpreter's list of what is installed.
    monkeypatch.setattr(requested, "_version", lambda package: "0.0" if package == "ase" else "1")
    assert one.key != before


def test_several_systems_keep_their_order_and_count_once():
    names = ["li-lif", "al-cu", "li-lif"]
    assert [spec.name for spec in requested_specs(names, NONE, everything=["li-cu", "al-cu"])] == [
        "li-lif",
        "al-cu",
        "li-cu",
    ]
    with_pair = requested_specs(["al-cu"], PAIR)
    assert len(with_pair) == 2 and with_pair[0].name == "al-cu"


def test_settings_reach_every_system():
    specs = requested_specs(["al-cu", "li-lif", "side_a.thickness_A=13.5"], NONE)
    assert [plan(spec, preset("quick"))[0].recipe.side_a.thickness_A for spec in specs] == [13.5, 13.5]


@pytest.mark.parametrize(
    ("words", "sides", "told"),
    [
        ([], NONE, "no system given"),
        (["side_a.thickness_A=12"], NONE, "no system given"),
        ([], Sides("Al", None, None, None), "--b and --miller-a and --miller-b not given"),
        ([], Sides("Al", "Cu", "111", None), "--miller-b not given.*two crystals need all four"),
        ([], Sides("Al", "COCCOC", None, None), "--miller-a not given.*a slab and a molecule"),
        (["al-co"], NONE, "unknown system 'al-co'.*did you mean al-cu"),
        ([], Sides("Al", "Cu", "0001", "111"), "four indices for Al, whose angles are 90.0 90.0 90.0°"),
    ],
)
def test_what_cannot_be_meant_is_refused(words, sides, told):
    with pytest.raises(RequestError, match=told) as caught:
        requested_specs(words, sides)
    assert caught.value.exit_status == 2


def test_an_engine_is_read_with_its_dispersion():
    assert requested_engine("chgnet") == EngineChoice(name="chgnet")
    assert requested_engine("chgnet+d3bj") == EngineChoice(name="chgnet", dispersion="d3bj")
    for wrong in ("chgnet+d4", "chgnet+", "+d3bj+d3bj"):
        with pytest.raises(RequestError, match="d3bj"):
            requested_engine(wrong)


@pytest.mark.parametrize(
    ("words", "sides", "method", "engine"),
    [
        (["al-cu"], NONE, "default", None),
        (["al-cu", "interface.gap_A=2.5"], NONE, "quick", "chgnet+d3bj"),
        (["my system.toml"], NONE, "paper", "emt"),
        ([], Sides("my Al.cif", "C[*]; rm", "1-10", "-110"), "default", None),
    ],
)
def test_the_command_that_is_told_asks_for_the_same(words, sides, method, engine):
    program, verb, *told = shlex.split(run_command(words, sides, method, engine))
    assert (program, verb) == ("interlith", "run")
    assert told[: len(words)] == words
    options = dict(zip(told[len(words) :: 2], told[len(words) + 1 :: 2], strict=True))
    given = {name: value for name, value in sides.options().items() if value is not None}
    assert options == given | ({"--preset": method} if method != "default" else {}) | (
        {"--engine": engine} if engine else {}
    )
