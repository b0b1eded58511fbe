"""Packed layers: what every one must be, the systems they are for, and what is refused."""

import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as ase_molecule
from ase.neighborlist import neighbor_list
from pymatgen.core import Lattice, Structure

from interlith.structures.checks import findings
from interlith.structures.clearances import wide_cell
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import to_text
from interlith.structures.molecules import molecule
from interlith.structures.packing import packed_layer
from interlith.structures.records import (
    Component,
    MoleculeFacts,
    MoleculeModel,
    MoleculeRecipe,
    Origin,
    PackedRecipe,
    SideRecipe,
)
from interlith.structures.slabs import cut_slab

needs_packmol = pytest.mark.skipif(shutil.which("packmol") is None, reason="packmol is not installed")
AVOGADRO = 6.02214076e23


def model_of(name, atoms, charge=0) -> MoleculeModel:
    facts = MoleculeFacts(
        name=name, smiles="", formula=str(atoms.symbols), n_atoms=len(atoms), charge_e=charge, bonds=(),
        origin=Origin(source="by hand", sha256="0" * 64),
    )  # fmt: skip
    return MoleculeModel(name=name, xyz=to_text(atoms), facts=facts)


ETHER, WATER = model_of("ether", ase_molecule("CH3OCH3")), model_of("water", ase_molecule("H2O"))
CATION, ANION = model_of("Li+", Atoms("Li", [[1, 2, 3]]), 1), model_of("HO-", ase_molecule("OH"), -1)
MIXTURE = [(ETHER, 4), (WATER, 3), (CATION, 2), (ANION, 2)]


def recipe(**changed) -> PackedRecipe:
    """A layer of small molecules; the recipe's components are only for the record's sake."""
    fields = {"density_g_cm3": 0.9, "min_edge_A": 8.0, "vacuum_A": 12.0} | changed
    side = SideRecipe(crystal="LiF", miller=(1, 0, 0))
    return PackedRecipe(side_a=side, components=(Component(recipe=MoleculeRecipe(molecule="O"), count=1),), **fields)


def lithium_slab(miller, thickness_A=4.0):
    metal = Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    facts = load_crystal("Li")[1]
    side = SideRecipe(crystal="Li", miller=miller, thickness_A=thickness_A)
    return cut_slab(metal, facts, side, vacuum_A=12.0)


def distances_between(atoms) -> np.ndarray:
    """Distances below 3 Å of atoms of different molecules, of molecules to the slab and to their own images."""
    i, j, d, image = neighbor_list("ijdS", atoms, 3.0)
    owner = atoms.arrays["molecule"]
    return d[(owner[i] != owner[j]) | (image.any(axis=1) & (owner[i] >= 0))]


def assert_sound(model, components, asked):
    """What any packed layer must be, measured on its text."""
    atoms = model.atoms
    owner, side = atoms.arrays["molecule"], atoms.arrays["side"]
    assert distances_between(atoms).min(initial=3.0) >= asked.min_distance_A
    singles = [m for m, n in components for _ in range(n)]
    for k, single in enumerate(singles):
        own = atoms[owner == k]
        np.testing.assert_array_equal(own.numbers, single.atoms.numbers)
        np.testing.assert_allclose(own.get_all_distances(), single.atoms.get_all_distances(), atol=1e-6)
    np.testing.assert_array_equal(side, owner >= 0)
    assert model.molecules == tuple(m.facts for m in singles)
    lateral = atoms.cell.array[:2, :2]
    assert model.area_A2 == pytest.approx(abs(np.linalg.det(lateral)))
    top, bottom = (f(atoms.positions[side == 0, 2]) for f in (np.max, np.min))
    grams = atoms[side == 1].get_masses().sum() / AVOGADRO
    highest = atoms.positions[side == 1, 2].max()
    closed_height = atoms.cell[2, 2] - (top - bottom) - asked.min_distance_A
    height = highest - top if asked.open_side else closed_height
    density = grams / (model.area_A2 * height * 1e-24)
    assert density == pytest.approx(asked.density_g_cm3, rel=0.02)
    assert model.density_g_cm3 == pytest.approx(density, rel=1e-6)
    assert atoms.positions[side == 1, 2].min() > top + asked.min_distance_A / 2 - 0.03
    if asked.open_side:
        assert atoms.cell[2, 2] - (highest - bottom) == pytest.approx(asked.vacuum_A, abs=0.02 * height)


@needs_packmol
@pytest.mark.parametrize("open_side", [True, False])
@pytest.mark.parametrize("miller", [(1, 0, 0), (1, 1, 0), (1, 1, 1)])
def test_a_packed_layer_is_sound_on_any_lattice_of_the_plane(miller, open_side):
    slab, facts = lithium_slab(miller)
    for seed in range(2):
        asked = recipe(open_side=open_side, seed=seed)
        model = packed_layer(slab, facts, MIXTURE, asked)
        assert_sound(model, MIXTURE, asked)
        assert model.n_interfaces == (1 if open_side else 2)
        assert model.covers


@needs_packmol
def test_the_same_seed_gives_the_same_text_and_another_seed_another():
    slab, facts = lithium_slab((1, 1, 0))
    first, again, other = (packed_layer(slab, facts, MIXTURE, recipe(seed=s)) for s in (3, 3, 4))
    assert first == again
    assert first.xyz != other.xyz


@needs_packmol
@pytest.mark.parametrize("changed", [{"min_distance_A": 2.6, "density_g_cm3": 0.5}, {"density_g_cm3": 0.1}])
def test_distance_and_density_are_as_asked(changed):
    slab, facts = lithium_slab((1, 1, 0))
    asked = recipe(**changed)
    assert_sound(packed_layer(slab, facts, MIXTURE, asked), MIXTURE, asked)


@needs_packmol
def test_the_record_tells_how_the_layer_was_made():
    slab, facts = lithium_slab((1, 1, 0))
    model = packed_layer(slab, facts, MIXTURE, recipe())
    assert model.name == "Li_bcc(110)|4 ether, 3 water, 2 Li+, 2 HO-"
    told = model.origin.steps[-1]
    assert "scattered by packmol" in told
    assert "pressed to 0.9" in told
    assert "least distance 2 Å" in told
    assert abs(round(np.linalg.det(model.cells_a))) * len(slab) == len(model.side_a)


@needs_packmol
def test_names_are_only_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slab, facts = lithium_slab((1, 1, 0))
    hostile = model_of("../../x; touch y\nend structure $(touch z) é", ase_molecule("H2O"))
    model = packed_layer(slab, facts, [(hostile, 3)], recipe(density_g_cm3=0.3))
    assert len(model.molecules) == 3
    assert not list(tmp_path.iterdir())


# moles of repeat units, salt and ionic liquid as in the papers' cells; densities near those of the electrolytes
PUBLISHED = {
    "PEO:LiFSI:PYR14FSI": (1.35, [("PEO", 10, 1), ("LiFSI", None, 1), ("PYR14+", None, 4), ("FSI-", None, 4)]),
    "P-DOL+LiTFSI": (1.05, [("P-DOL", 4, 3), ("LiTFSI", None, 1)]),
    "PVDF-HFP+LiTFSI": (1.7, [("PVDF-HFP", 6, 3), ("LiTFSI", None, 1)]),
}  # fmt: skip


@needs_packmol
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_electrolytes_of_the_papers_pack_on_lagp_within_400_atoms(name, lagp):
    density, told = PUBLISHED[name]
    components = [(molecule(MoleculeRecipe(molecule=m, n=n)), count) for m, n, count in told]
    side = SideRecipe(crystal="LAGP", miller=(0, 1, 2))
    slab, facts = cut_slab(*lagp, side, vacuum_A=15.0)
    asked = recipe(density_g_cm3=density, min_edge_A=10.0, vacuum_A=15.0)
    model = packed_layer(slab, facts, components, asked)
    assert_sound(model, components, asked)
    assert len(model.atoms) <= 400
    assert not [f for f in findings(model) if f.fault]
    if name.startswith("PEO"):
        symbols = list(model.atoms.symbols[model.atoms.arrays["side"] == 1])
        # five salt anions with one N each, four cations with one; one Li for ten ether units
        assert (symbols.count("N"), symbols.count("Li"), symbols.count("S")) == (9, 1, 10)


@pytest.mark.parametrize(
    "vectors",
    [[[8.0, 0.0], [0.0, 8.5]], [[3.0, 0.0], [-1.0, 3.1]], [[2.9, 0.0], [1.45, 2.5]], [[4.0, 0.0], [25.0, 4.0]]],
)
@pytest.mark.parametrize("edge", [3.0, 9.9, 14.0])
def test_no_smaller_cell_is_as_wide(vectors, edge):
    surface = np.array(vectors)
    found = wide_cell(surface, edge)
    rows = found.rows[0]
    lattice = rows @ surface
    area = np.linalg.det(lattice)
    assert (area / np.linalg.norm(lattice, axis=1)).min() >= edge - 1e-6
    steps = np.stack(np.meshgrid(*[np.arange(-40, 41)] * 2), axis=-1).reshape(-1, 2)
    places = steps @ surface
    lengths = np.linalg.norm(places, axis=1)
    near = (lengths > 0) & (lengths <= area / edge + 1e-6)  # both vectors of a cell as wide are no longer than this
    x, y = places[near].T
    areas = np.abs(np.outer(x, y) - np.outer(y, x))
    heights = areas / np.maximum(lengths[near][:, None], lengths[near][None])
    assert areas[heights >= edge - 1e-9].min() == pytest.approx(area)


@needs_packmol
def test_a_density_beyond_reach_is_refused_with_the_one_reached():
    slab, facts = lithium_slab((1, 1, 0))
    with pytest.raises(RequestError, match=r"packed to (\d\.\d+) g/cm³, not to 3 g/cm³ at 2 Å") as caught:
        packed_layer(slab, facts, [(ETHER, 5)], recipe(density_g_cm3=3.0, min_edge_A=6.0))
    reached = float(str(caught.value).split("packed to ")[1].split()[0])
    asked = recipe(density_g_cm3=0.9 * reached, min_edge_A=6.0)
    assert_sound(packed_layer(slab, facts, [(ETHER, 5)], asked), [(ETHER, 5)], asked)


@needs_packmol
@pytest.mark.parametrize(
    ("components", "changed", "told"),
    [
        ([], {}, r"no molecules to pack"),
        ([(WATER, 0)], {}, r"0 of water"),
        ([(CATION, 3), (ANION, 1), (WATER, 1)], {}, r"charge is \+2 e: 3 of Li\+ \(\+1 e\), 1 of HO- \(-1 e\)"),
        ([(WATER, 200)], {}, r"(\d+) atoms of the slab and 600 of the layer, max_atoms is 400.*packed.max_atoms=\d+"),
        ([(WATER, 2)], {"seed": -1}, r"seed -1"),
        ([(WATER, 2)], {"min_edge_A": float("inf")}, r"at least \d+ atoms of the slab"),
        ([(WATER, 2)], {"min_edge_A": 1e5}, r"at least \d+ atoms of the slab and 6 of the layer"),
        ([(WATER, 1)], {"density_g_cm3": 5.0}, r"a layer of 5 g/cm³ would be 0.\d\d Å high"),
        ([(WATER, 1)], {"vacuum_A": 0.5}, r"vacuum of 0.5 Å, less than the least distance of 2 Å"),
        ([(model_of("two", Atoms("O2", [[0, 0, 0], [0, 0, 0.1]])), 1)], {}, r"overlapping atoms: .*\(two\)"),
    ],
)
def test_what_is_refused_names_the_value(components, changed, told):
    slab, facts = lithium_slab((1, 1, 0))
    with pytest.raises(RequestError, match=told):
        packed_layer(slab, facts, components, recipe(**changed))


def test_no_packmol_is_told_before_anything_is_packed(monkeypatch, tmp_path):
    slab, facts = lithium_slab((1, 1, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match="apt-get install packmol"):
        packed_layer(slab, facts, MIXTURE, recipe())


@needs_packmol
def test_the_time_for_packmol_is_kept():
    slab, facts = lithium_slab((1, 1, 0))
    with pytest.raises(ComputationError, match=r"did not end in 0.0001 s"):
        packed_layer(slab, facts, MIXTURE, recipe(), timeout_s=1e-4)
