import re
from pathlib import Path

import pytest
from pymatgen.core import Composition

from interlith.structures import library
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError

# Of the reference densities, which are measured or X-ray densities: sources.toml gives them.
DENSITY_TOLERANCE = 0.03


@pytest.mark.parametrize("name", library.crystal_names())
def test_every_crystal_is_what_its_source_says(name):
    source = library.crystal_source(name)
    structure, facts = load_crystal(name)
    declared = Composition(source["formula"]).fractional_composition
    assert structure.composition.element_composition.fractional_composition.almost_equals(declared, atol=1e-6)
    assert facts.space_group == source["space_group"].split()[0]
    assert facts.density_g_cm3 == pytest.approx(source["density_ref_g_cm3"], rel=DENSITY_TOLERANCE)
    assert structure.lattice.parameters == pytest.approx(source["lattice"], abs=1e-4)
    assert facts.name == facts.origin.source == name


def test_every_file_of_the_library_has_a_source_and_the_other_way_round():
    folder = Path(library.__file__).parent / "crystals"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.cif")} == {
        library.crystal_source(name)["file"] for name in library.crystal_names()
    }
    assert all(library.crystal_source(name)["source"] for name in library.crystal_names())


def test_formulas_are_told_without_the_rounding_of_occupancies():
    told = {name: library.crystal_source(name)["formula"] for name in library.crystal_names()}
    assert not {name: formula for name, formula in told.items() if re.search(r"\.\d{4}", formula)}
    assert told["LAGP_x0.5_nominal"].startswith("Li9 Al3 ")


def test_aliases_lead_to_crystals_and_hide_none():
    names = {name.lower() for name in library.crystal_names()}
    assert set(library.ALIASES.values()) <= set(library.crystal_names())
    assert not {alias.lower() for alias in library.ALIASES} & names


@pytest.mark.parametrize(
    ("given", "name"),
    [("li", "Li_bcc"), ("LAGP", "LAGP_x0.5_nominal"), ("llzto", "LLZTO_Ta0.6_orderable"), ("LIF", "LiF")],
)
def test_names_and_aliases_do_not_mind_case(given, name):
    assert library.canonical_name(given) == name
    assert library.crystal_path(given).stem == name
    assert library.crystal_path(given).is_file()


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(RequestError, match="unknown crystal 'LAPG'; did you mean LAGP"):
        library.crystal_path("LAPG")
    with pytest.raises(RequestError, match="unknown system 'li-lag'"):
        library.system_path("li-lag")


def test_systems_are_found_by_name():
    assert all(library.system_path(name.upper()).stem == name for name in library.system_names())
