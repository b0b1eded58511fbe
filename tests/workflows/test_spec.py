import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlith.structures.errors import RequestError
from interlith.structures.library import canonical_name, system_names
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import from_sides, load_system, miller_from, settings_from

GOOD = """
title = "Mine"
[side_a]
crystal = "mine.cif"
miller = [1, 1, 0]
[side_b]
crystal = "LiF"
miller = [1, 0, 0]
thickness_A = 9.5
[interface]
max_strain = 0.03
[preset.quick.side_b]
thickness_A = 8.5
[preset.quick.calculation]
fmax_eV_A = 0.2
"""


@pytest.fixture
def good(tmp_path):
    (tmp_path / "mine.cif").write_text("data_mine")
    path = tmp_path / "my-pair.toml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("name", system_names())
@pytest.mark.parametrize("preset", PRESETS)
def test_every_built_in_system_stands_under_every_preset(name, preset):
    spec = load_system(name)
    assert spec.name == name
    assert spec.title
    assert canonical_name(spec.recipe.side_a.crystal) != canonical_name(spec.recipe.side_b.crystal)
    resolved = spec.resolved(preset)
    for side in (resolved.recipe.side_a, resolved.recipe.side_b):
        assert side.thickness_A >= PRESETS[preset].floor_A or side.layers


def test_a_file_is_named_after_itself_and_finds_its_crystals_beside_it(good):
    spec = load_system(str(good))
    assert spec.name == "my-pair"
    assert spec.recipe.side_a.crystal == str(good.parent / "mine.cif")
    assert spec.recipe.side_b.crystal == "LiF"
    assert spec.recipe.max_strain == 0.03


def test_thickness_comes_from_the_preset_unless_named(good):
    spec = load_system(str(good))
    assert spec.resolved("quick").recipe.side_a.thickness_A == PRESETS["quick"].thickness_A
    assert spec.resolved("paper").recipe.side_a.thickness_A == PRESETS["paper"].thickness_A
    assert spec.resolved("quick").recipe.side_b.thickness_A == 8.5
    assert spec.resolved("paper").recipe.side_b.thickness_A == 9.5
    layered = spec.changed({"side_a": {"layers": 3}}).resolved("quick").recipe.side_a
    assert layered.layers == 3
    assert "thickness_A" not in layered.model_fields_set


def test_a_preset_changes_its_own_tables_only(good):
    spec = load_system(str(good))
    assert spec.resolved("quick").calculation.fmax_eV_A == 0.2
    assert spec.resolved("default").calculation.fmax_eV_A is None


def test_a_person_beats_the_preset_and_resolving_twice_changes_nothing(good):
    spec = load_system(str(good)).changed({"side_b": {"thickness_A": 11}, "calculation": {"fmax_eV_A": 0.01}})
    once = spec.resolved("quick")
    assert once.recipe.side_b.thickness_A == 11
    assert once.calculation.fmax_eV_A == 0.01
    assert once.recipe.max_strain == 0.03
    assert once.resolved("quick").recipe == once.recipe


def test_two_sides_in_a_line_are_a_system():
    spec = from_sides("Li", "folder/My LiF.cif", "110", (1, -1, 0), settings={"interface": {"vacuum_A": 0}})
    assert spec.name == "li110-my_lif1-10"
    assert spec.recipe.side_b.miller == (1, -1, 0)
    assert spec.recipe.vacuum_A == 0
    assert spec.resolved("quick").recipe.side_a.thickness_A == PRESETS["quick"].thickness_A


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("miller = [1, 1, 0]", "miller = [1, 1]"), r"side_a\.miller\.2: field required"),
        (("max_strain = 0.03", "max_strain = 3"), r"interface\.max_strain: .*0\.5 \(given 3\)"),
        (("thickness_A = 9.5", "thickness_A = -1"), r"side_b\.thickness_A: .*greater than 0 \(given -1\)"),
        (("thickness_A = 9.5", "thicknes = 9"), r"side_b\.thicknes: .*\(given 9\)"),
        (("fmax_eV_A = 0.2", "fmax = 0.2"), r"calculation\.fmax: .*preset\.quick"),
        (("[interface]", "[interfaces]"), r"'interfaces'.*interface"),
        (("preset.quick", "preset.quik"), r"'quik'.*quick"),
        (("[interface]", "[interface"), "not valid TOML"),
        (('title = "Mine"', 'name = "a/b"'), r"name: .*'a/b'"),
        (("[interface]", "[side_b]"), "not valid TOML"),
    ],
)
def test_a_fault_is_one_line_with_file_and_key(good, change, told):
    good.write_text(GOOD.replace(*change))
    with pytest.raises(RequestError, match=told) as fault:
        load_system(str(good))
    assert str(good) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_unknown_system_and_missing_file():
    with pytest.raises(RequestError, match=r"'li-lfi'.*li-lif"):
        load_system("li-lfi")
    with pytest.raises(RequestError, match=r"no-such\.toml"):
        load_system("no-such.toml")


def test_settings_as_typed():
    lines = ["side_a.thickness_A=12", "side_b.crystal=LiF", 'calculation.engine="emt"', "side_a.miller=[1, 0, 0]"]
    assert settings_from([*lines, "calculation.engine_options.device=cpu"]) == {
        "side_a": {"thickness_A": 12, "miller": [1, 0, 0]},
        "side_b": {"crystal": "LiF"},
        "calculation": {"engine": "emt", "engine_options": {"device": "cpu"}},
    }
    for wrong in ("thickness=3", "side_a.thickness_A", ""):
        with pytest.raises(RequestError, match="sets nothing"):
            settings_from([wrong])


def test_settings_that_are_no_tables_are_refused():
    spec = from_sides("Li", "LiF", "110", "100")
    with pytest.raises(RequestError, match=r"unknown table 'side_c'.*side_a"):
        spec.changed({"side_c": {}})
    with pytest.raises(RequestError, match="side_a = 3 is not a table"):
        spec.changed({"side_a": 3})
    with pytest.raises(RequestError, match=r"side_a\.thickness_A.*'thick'"):
        spec.changed({"side_a": {"thickness_A": "thick"}})


@given(st.tuples(*[st.integers(-9, 9)] * 3).filter(any))
def test_indices_read_back_however_they_are_written(miller):
    h, k, m = miller
    for text in (f"{h}{k}{m}", f"{h},{k},{m}", f"[{h} {k} {m}]", f"({h}, {k}, {m})", miller, list(miller)):
        assert miller_from(text) == miller


@pytest.mark.parametrize("wrong", ["000", "11", "1111", "a10", "", "1.5,1,0", (0, 0, 0), (1, 1)])
def test_indices_that_are_none_are_refused(wrong):
    with pytest.raises(RequestError, match="not three integers"):
        miller_from(wrong)


def test_the_face_of_li_lagp_is_the_lowest_of_those_weighed():
    spec = load_system("li-lagp")
    relaxed = [one for one in spec.candidates if one.gamma_J_m2 is not None]
    best = min(relaxed, key=lambda one: one.gamma_J_m2)
    assert len({tuple(sorted(map(abs, one.miller))) for one in relaxed}) >= 4
    assert best.miller == spec.recipe.side_b.miller
    assert best.termination == (spec.recipe.side_b.termination or 0)
    assert not any("P-O" in one.bonds_cut for one in spec.candidates)
    assert all(one.engine == PRESETS["default"].engine for one in spec.candidates)
