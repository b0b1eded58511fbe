import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from interlith.structures.errors import RequestError
from interlith.structures.library import canonical_name, system_names
from interlith.structures.records import AdlayerRecipe, MoleculesRecipe, PackedRecipe
from interlith.workflows.forms import crystals_of, materials, molecules_of
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import SystemSpec, from_sides, load_system, miller_from, names_molecule, settings_from

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
    named = [canonical_name(side.crystal) for side in crystals_of(spec.recipe)]
    named += [one.molecule for one in molecules_of(spec.recipe)]
    assert len(named) == len(set(named)) == len(materials(spec.recipe))
    resolved = spec.resolved(preset)
    for side in crystals_of(resolved.recipe):
        named_by_system = spec.kind == "packed"  # a big model that is only built
        assert side.thickness_A >= PRESETS[preset].floor_A or side.layers or named_by_system


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
        (("miller = [1, 1, 0]", "miller = [1, 1]"), r"side_a\.miller: too few values \(given \[1, 1\]\)"),
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


@pytest.mark.parametrize(
    "wrong", ["000", "11", "1111", "a10", "", "1.5,1,0", (0, 0, 0), (1, 1), "1--10", "1-1-0", "1,,0", "1 1 0 -"]
)
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


ADLAYER = """
kind = "adlayer"
[side_a]
crystal = "Li"
miller = [1, 0, 0]
[side_b]
molecule = "mine.xyz"
[adlayer]
vacuum_A = 12.0
[preset.quick.adlayer]
clearance_A = 4.0
"""
PACKED = """
kind = "packed"
[side_a]
crystal = "Li"
miller = [1, 0, 0]
[[components]]
molecule = "PEO"
n = 10
count = 3
[[components]]
molecule = "LiTFSI"
count = 1
[packed]
density_g_cm3 = 1.2
[preset.quick.components.1]
count = 1
"""
MOLECULES = """
kind = "molecules"
[[molecules]]
molecule = "LiTFSI"
role = "salt"
[[molecules]]
molecule = "P-DOL"
n = 1
role = "host"
"""


@pytest.fixture
def written(tmp_path):
    (tmp_path / "mine.xyz").write_text("3\n\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\n")

    def write(text: str) -> str:
        (tmp_path / "mine.toml").write_text(text)
        return str(tmp_path / "mine.toml")

    return write


def test_an_adlayer_takes_its_candidates_from_the_preset_and_its_molecule_from_beside_the_file(written, tmp_path):
    spec = load_system(written(ADLAYER))
    assert isinstance(spec.recipe, AdlayerRecipe)
    assert spec.recipe.side_b.molecule == str(tmp_path / "mine.xyz")
    quick, paper = (spec.resolved(name).recipe for name in ("quick", "paper"))
    assert (quick.clearance_A, paper.clearance_A) == (4.0, 6.0)
    assert (quick.vacuum_A, quick.side_a.thickness_A) == (12.0, PRESETS["quick"].thickness_A)
    assert (quick.candidates, quick.conformers) == (PRESETS["quick"].candidates, PRESETS["quick"].conformers)
    assert spec.changed({"adlayer": {"candidates": 30}}).resolved("paper").recipe.candidates == 30
    again = spec.resolved("quick").resolved("quick").recipe
    assert again == quick


def test_components_are_tables_by_number(written):
    spec = load_system(written(PACKED))
    assert isinstance(spec.recipe, PackedRecipe)
    assert [(c.recipe.molecule, c.recipe.n, c.count) for c in spec.recipe.components] == [
        ("PEO", 10, 3),
        ("LiTFSI", None, 1),
    ]
    assert [c.count for c in spec.resolved("quick").recipe.components] == [1, 1]
    assert [c.count for c in spec.resolved("paper").recipe.components] == [3, 1]
    more = spec.changed(settings_from(["components.1.n=20", "components.2.count=2", "packed.seed=3"])).resolved("paper")
    assert [(c.recipe.n, c.count) for c in more.recipe.components] == [(20, 3), (None, 2)]
    assert (more.recipe.seed, more.recipe.density_g_cm3) == (3, 1.2)
    third = spec.changed({"components": {"3": {"molecule": "DME", "count": 1}}}).resolved("paper")
    assert len(third.recipe.components) == 3
    with pytest.raises(RequestError, match="'first' is not the number"):
        spec.changed({"components": {"first": {"count": 2}}})
    with pytest.raises(RequestError, match=r"there is no components\.9: 2 given"):
        spec.changed({"components": {"9": {"count": 2}}})


@pytest.mark.parametrize(
    ("text", "change"), [(PACKED, ("count = 3", "count = -2")), (MOLECULES, ('role = "salt"', 'role = "king"'))]
)
def test_a_faulty_member_is_not_told_to_be_missing_too(written, text, change):
    with pytest.raises(RequestError) as fault:
        load_system(written(text.replace(*change, 1)))
    assert "at least one" not in str(fault.value)


HEAD_OF_PACKED = 'kind = "packed"\n{}\n[side_a]\ncrystal = "Li"\nmiller = [1, 0, 0]\n[packed]\ndensity_g_cm3 = 1\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('kind = "molecules"', "molecules: none is given, at least one is needed"),
        ('kind = "molecules"\nmolecules = []', "molecules: none is given, at least one is needed"),
        ('kind = "molecules"\nmolecules = 3', r"molecules = 3 is not a table .*write \[\[molecules\]\] above each"),
        (HEAD_OF_PACKED.format("components = []"), "components: none is given, at least one is needed"),
        (HEAD_OF_PACKED.format('components = ["DME"]'), r"components\.1: not a table \(given 'DME'\)"),
    ],
)
def test_an_empty_list_is_told_in_words(written, text, told):
    with pytest.raises(RequestError, match=told) as fault:
        load_system(written(text))
    assert not {"tuple", "validation", "dictionary"} & set(str(fault.value).split())


def test_molecules_have_roles_and_no_slab(written):
    spec = load_system(written(MOLECULES))
    assert isinstance(spec.recipe, MoleculesRecipe)
    assert [(m.recipe.molecule, m.role) for m in spec.recipe.molecules] == [("LiTFSI", "salt"), ("P-DOL", "host")]
    assert crystals_of(spec.recipe) == ()
    assert spec.resolved("quick").recipe.molecules == spec.recipe.molecules


@pytest.mark.parametrize(
    ("text", "change", "told"),
    [
        (ADLAYER, ('kind = "adlayer"', 'kind = "adlayers"'), r"unknown kind 'adlayers'.*adlayer"),
        (ADLAYER, ("vacuum_A = 12.0", "vacuum_A = -1"), r"adlayer\.vacuum_A: .*greater than 0 \(given -1\)"),
        (ADLAYER, ("[adlayer]", "[interface]"), r"'interface'.*adlayer"),
        (ADLAYER, ('molecule = "mine.xyz"', "miller = [1, 0, 0]"), r"side_b\.molecule: field required"),
        (PACKED, ("count = 3", "count = 0"), r"components\.1\.count: .*\(given 0\)"),
        (PACKED, ("n = 10", "units = 10"), r"components\.1\.units: .*\(given 10\)"),
        (PACKED, ("density_g_cm3 = 1.2", ""), r"packed\.density_g_cm3: field required"),
        (MOLECULES, ('role = "host"', 'role = "guest"'), r"molecules\.2\.role: .*\(given 'guest'\)"),
        (MOLECULES, ("[[molecules]]", "[molecules]"), "not valid TOML"),
    ],
)
def test_a_fault_of_any_kind_is_one_line_with_its_place(written, text, change, told):
    with pytest.raises(RequestError, match=told) as fault:
        load_system(written(text.replace(*change, 1)))
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("text", [ADLAYER, PACKED, MOLECULES])
def test_a_system_is_the_same_after_its_json(written, text):
    spec = load_system(written(text)).changed({"calculation": {"fmax_eV_A": 0.2}})
    assert SystemSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_recipe_of_another_kind_is_refused():
    recipe = load_system("li-lif").recipe
    with pytest.raises(ValidationError, match="'adlayer' has no InterfaceRecipe"):
        SystemSpec(name="x", kind="adlayer", recipe=recipe)


def test_a_molecule_as_side_b_needs_no_face():
    spec = from_sides("Li", "[*]OCOCC[*]", "100", settings={"side_b": {"n": 2}, "adlayer": {"gap_A": 2.5}})
    assert spec.kind == "adlayer"
    assert (spec.recipe.side_b.molecule, spec.recipe.side_b.n, spec.recipe.gap_A) == ("[*]OCOCC[*]", 2, 2.5)
    assert spec.name == "li100-ococc"
    for wrong, told in (
        (("Li", "DME", "100", "110"), "a molecule has no face"),
        (("DME", "Li", "100", "110"), "side A is the crystal below"),
        (("Li", "LiF", "100"), "not three integers"),
    ):
        with pytest.raises(RequestError, match=told):
            from_sides(*wrong)


def test_what_is_a_molecule(written, tmp_path):
    written("")
    (tmp_path / "cell.xyz").write_text('1\nLattice="3 0 0 0 3 0 0 0 3"\nLi 0 0 0\n')
    (tmp_path / "mine.cif").write_text("data_mine")
    assert all(map(names_molecule, ("DME", "COC", "[*]CC([*])C#N", str(tmp_path / "mine.xyz"))))
    crystals = ("Li", "PVDF", "no-such.cif", str(tmp_path / "cell.xyz"), str(tmp_path / "mine.cif"))
    assert not any(map(names_molecule, crystals)), "a crystal's name and a crystal's file win"
    assert names_molecule("C" * 400), "too long for a file's name"
