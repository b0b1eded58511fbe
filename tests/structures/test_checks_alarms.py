"""No false alarm: what interlith builds, and what is sound however it came about, passes every check."""

import numpy as np
import pytest

from interlith.structures.adlayers import adlayers
from interlith.structures.checks import check_model, findings
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.interfaces import build_interface, displaced
from interlith.structures.library import crystal_names, molecule_names
from interlith.structures.molecules import molecule
from interlith.structures.orderings import ordered_crystal
from interlith.structures.records import AdlayerRecipe, InterfaceRecipe, MoleculeRecipe, SideRecipe
from interlith.structures.slabs import cut_slab

LARGE_OR_OWN = ("LLZ", "LAGP", "LiTi2", "LiGe2", "La2Zr2", "Li6Zr2", "Li15", "S8", "PVDF")
SMALL = [name for name in crystal_names() if not name.startswith(LARGE_OR_OWN)]
PAIRS = {
    "li-lif": (("Li", (1, 1, 0)), ("LiF", (1, 0, 0))),
    "li-li2o": (("Li", (1, 1, 0)), ("Li2O", (1, 1, 1))),
    "li-cu": (("Li", (1, 0, 0)), ("Cu", (1, 0, 0))),
    "al-cu": (("Al", (1, 1, 1)), ("Cu", (1, 1, 1))),
    "li-lagp": (("Li", (1, 1, 0)), ("LAGP", (0, 1, 2))),
}


def side(crystal, miller, thickness_A=5.0):
    return SideRecipe(crystal=crystal, miller=miller, thickness_A=thickness_A, ordering_atoms=40)


def faults(model):
    return [f.message for f in findings(model) if f.fault]


@pytest.mark.parametrize("name", PAIRS)
def test_built_interfaces_pass_at_any_registry(name):
    sides = [side(*given) for given in PAIRS[name]]
    recipe = InterfaceRecipe(side_a=sides[0], side_b=sides[1], max_strain=0.06)
    bulks = [ordered_crystal(s.crystal, seed=0, max_atoms=40)[:2] for s in sides]
    draw = np.random.default_rng(1)
    for vacuum in (15.0, 0.0):
        model = build_interface(*bulks[0], *bulks[1], recipe.model_copy(update={"vacuum_A": vacuum}))
        assert check_model(model) == []
        for gap in (1.8, 2.5, 4.5):
            assert not faults(displaced(model, tuple(draw.random(2)), gap))


@pytest.mark.parametrize("name", SMALL)
def test_slabs_pass(name):
    bulk, facts = load_crystal(name)
    for miller in ((1, 0, 0), (0, 0, 1)):
        recipe = SideRecipe(crystal=name, miller=miller, thickness_A=4.0, reconstruct=True)
        try:
            slab, _ = cut_slab(bulk, facts, recipe, vacuum_A=10.0)
        except RequestError:
            continue  # a polar face that nothing mends
        assert not faults(slab)


def test_chains_that_a_cut_leaves_whole_pass_and_those_it_breaks_do_not():
    bulk, facts = load_crystal("PVDF")
    along, across = (
        cut_slab(bulk, facts, SideRecipe(crystal="PVDF", miller=miller, thickness_A=5.0), vacuum_A=10.0)[0]
        for miller in ((0, 1, 0), (1, 0, 0))
    )
    assert not faults(along)
    assert any("(C) has 3 single bonds only" in message for message in faults(across))


@pytest.mark.parametrize("name", molecule_names())
def test_molecules_of_the_library_pass_cold_and_warm(name):
    model = molecule(MoleculeRecipe(molecule=name))
    assert check_model(model) == []
    warm = model.atoms
    warm.positions += np.random.default_rng(0).normal(0, 0.04, warm.positions.shape)
    assert not faults(warm)


@pytest.mark.parametrize(
    ("crystal", "miller", "guest", "chain"),
    [
        ("Cu", (1, 1, 1), "PVDF", "finite"),
        ("LiF", (1, 0, 0), "LiTFSI", "finite"),
        ("Li2O", (1, 1, 1), "P-DOL", "finite"),
        ("Li", (1, 1, 0), "PEO", "periodic"),
    ],
)
def test_adlayers_pass(crystal, miller, guest, chain):
    recipe = AdlayerRecipe(
        side_a=side(crystal, miller), side_b=MoleculeRecipe(molecule=guest), candidates=4, max_atoms=800, chain=chain
    )
    slab, facts = cut_slab(*load_crystal(crystal), recipe.side_a, vacuum_A=15.0)
    for model in adlayers(slab, facts, [molecule(recipe.side_b)], recipe, seed=0):
        assert check_model(model) == []
        assert not faults(model.atoms)
