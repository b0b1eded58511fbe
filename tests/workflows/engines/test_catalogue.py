import subprocess
import sys
from shutil import which

import pytest
from ase.build import bulk
from ase.calculators.morse import MorsePotential

from interlith.structures.errors import RequestError
from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice, Entry

PLUGIN = """
from dataclasses import replace
from interlith.workflows.engines.catalogue import BUILT_IN
morse = replace(BUILT_IN["emt"], name="morse", model="ase.calculators.morse.MorsePotential",
                options=frozenset({"r0"}), packages=("pot-shop",), elements=None)
broken = replace(morse, name="broken", loader="no_such_module.load")
not_an_engine = 42
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a real distribution `pot-shop` whose entry points are the given lines."""

    def install(*entry_points):
        (tmp_path / "pot_shop.py").write_text(PLUGIN)
        info = tmp_path / "pot_shop-2.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pot-shop\nVersion: 2.5\n")
        (info / "entry_points.txt").write_text("\n".join(("[interlith.engines]", *entry_points)))
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    sys.modules.pop("pot_shop", None)


def message(excinfo) -> str:
    return str(excinfo.value)


def test_the_catalogue_imports_no_numerical_library():
    code = "import sys, interlith.workflows.engines.catalogue as c; c.describe(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("'torch'", "'chgnet'", "'sevenn'", "'atomate2'") if name in loaded]


def test_an_engine_stays_warm_per_choice():
    first = catalogue.load(EngineChoice(name="emt"))
    assert catalogue.load(EngineChoice(name="emt")).calculator() is first.calculator()
    a, b = {"epsilon": 1.0, "rc": 5.0}, {"rc": 5.0, "epsilon": 1.0}
    one, two = (catalogue.load(EngineChoice(name="ase.calculators.lj.LennardJones", options=o)) for o in (a, b))
    assert one is two
    assert catalogue.load(EngineChoice(name="ase.calculators.lj.LennardJones")) is not one


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sevennet", ["'sevennet'", "sevennet-0"]),
        ("CHGNET", ["did you mean chgnet"]),
        ("ase.calculators.lj.LennardJoness", ["LennardJoness", "dotted path"]),
        ("nowhere.Potential", ["nowhere", "dotted path"]),
        ("mace", ["'mace'"]),
    ],
)
def test_an_unknown_engine_is_refused_with_the_nearest_name(name, words):
    with pytest.raises(RequestError) as caught:
        catalogue.require(EngineChoice(name=name))
    assert all(word in message(caught) for word in words)


@pytest.mark.parametrize("path", ["ase.build.bulk", "ase.Atoms", "ase.units.GPa"])
def test_what_is_no_calculator_is_refused(path):
    with pytest.raises(RequestError, match=path.replace(".", r"\.")):
        catalogue.require(EngineChoice(name=path))


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (EngineChoice(name="emt", options={"colour": "red"}), "colour"),
        (EngineChoice(name="sevennet-0", options={"modal": "omat24"}), "modal"),
        (EngineChoice(name="ase.calculators.lj.LennardJones", options={"sigm": 2.0}), "sigm"),
    ],
)
def test_a_misspelt_option_reaches_no_engine(choice, word):
    with pytest.raises(RequestError, match=f"no option {word}.*known"):
        catalogue.load(choice)


def test_a_capability_that_an_engine_lacks_is_refused_by_name():
    with pytest.raises(RequestError, match=r"'emt' cannot compute density, orbitals.*it computes energy"):
        catalogue.require(EngineChoice(name="emt"), "energy", "density", "orbitals")
    assert catalogue.require(EngineChoice(name="emt"), "energy", "forces", "stress").name == "emt"


def test_a_calculator_without_stress_is_seen_by_its_dotted_path():
    water = EngineChoice(name="ase.calculators.tip3p.TIP3P")
    assert catalogue.require(water, "energy", "forces").capabilities == {"energy", "forces"}
    with pytest.raises(RequestError, match=r"TIP3P' cannot compute stress"):
        catalogue.require(water, "stress")


def test_a_missing_package_is_told_with_its_cure_and_nothing_else_runs(monkeypatch):
    # The one thing set aside is the interpreter's list of what is installed; engines loaded before are forgotten.
    catalogue._loaded.cache_clear()
    monkeypatch.setattr(catalogue, "_version", lambda name: None if name == "sevenn" else "1.0")
    with pytest.raises(RequestError, match=r"'sevennet-0' needs sevenn.*pip install 'interlith\[sevennet\]'"):
        catalogue.load(EngineChoice(name="sevennet-0"))
    row = {row["name"]: row for row in catalogue.describe()}["sevennet-0"]
    assert (row["installed"], row["version"], row["get"]) == (False, None, "pip install 'interlith[sevennet]'")


def test_another_package_adds_an_engine(plugin):
    assert "morse" not in catalogue.ENTRIES
    plugin("morse = pot_shop:morse")
    assert "morse" in {row["name"] for row in catalogue.describe()}
    engine = catalogue.load(EngineChoice(name="morse", options={"r0": 2.6}))
    copper = bulk("Cu", cubic=True)
    copper.calc = engine.calculator()
    ours = copper.get_potential_energy()
    copper.calc = MorsePotential(r0=2.6)
    assert ours == copper.get_potential_energy() != 0
    assert engine.method().engine_version == "2.5"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("morse = pot_shop:absent", "'morse' cannot be loaded"),
        ("morse = no_such_module:morse", "'morse' cannot be loaded"),
        ("morse = pot_shop:not_an_engine", "gives 42"),
        ("moose = pot_shop:morse", "'moose' gives"),
        ("emt = pot_shop:morse", "'emt' is named twice"),
    ],
)
def test_a_broken_addition_is_named(plugin, line, word):
    plugin(line)
    with pytest.raises(RequestError, match=word):
        catalogue.describe()


def test_a_package_that_does_not_import_is_told_with_its_cure(plugin):
    plugin("broken = pot_shop:broken")
    with pytest.raises(RequestError, match=r"'broken' is installed but cannot be imported: No module.*pip install"):
        catalogue.load(EngineChoice(name="broken"))


def test_the_rows_of_the_table_say_what_a_person_needs():
    rows = {row["name"]: row for row in catalogue.describe()}
    assert list(rows)[:6] == ["emt", "chgnet", "sevennet-0", "sevennet-l3i5", "gfn1-xtb", "gfn2-xtb"]
    for row in rows.values():
        assert row["description"] and (row["known_error"] or not row["surrogate"])
        programs = catalogue.ENTRIES[row["name"]].programs
        here = not programs or any(which(program) for program in programs)
        assert row["installed"] == here and bool(row["version"]) == here
        assert bool(row["get"]) != here, "a missing program comes with the command that installs it"
    assert [rows[name]["elements"] for name in ("emt", "chgnet", "sevennet-0", "gfn2-xtb")] == [7, 89, 89, 86]
    assert [rows[name]["dispersion"] for name in ("emt", "chgnet", "gfn2-xtb")] == [False, True, False]


def test_an_entry_cannot_be_changed():
    assert isinstance(catalogue.ENTRIES["emt"], Entry)
    with pytest.raises(AttributeError):
        catalogue.ENTRIES["emt"].surrogate = False
