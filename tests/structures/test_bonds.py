import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.bonds import (
    bond_counts,
    bonds,
    coordination,
    coordination_numbers,
    covalent_units,
    pair_name,
    unit_name,
)
from interlith.structures.crystals import load_crystal
from interlith.structures.slabs import oriented_bulk


def atoms_of(name) -> Atoms:
    return oriented_bulk(load_crystal(name)[0], (0, 0, 1))


@pytest.mark.parametrize(
    ("name", "shells"),
    [
        ("Li", {"Li": {"Li": 8}}),
        ("Cu", {"Cu": {"Cu": 12}}),
        ("Al", {"Al": {"Al": 12}}),
        ("Ge", {"Ge": {"Ge": 4}}),
        ("LiF", {"Li": {"F": 6}, "F": {"Li": 6}}),
        ("Li2O", {"Li": {"O": 4}, "O": {"Li": 8}}),
        ("Al2O3", {"Al": {"O": 6}, "O": {"Al": 4}}),
    ],
)
def test_first_shells_of_simple_crystals(name, shells):
    atoms = atoms_of(name)
    assert all(shell == shells[symbol] for symbol, shell in zip(atoms.symbols, coordination(atoms), strict=True))


def test_phosphate_keeps_its_polyhedra_and_no_cation_bonds(any_lagp):
    atoms = oriented_bulk(any_lagp[0], (0, 0, 1))
    shells = coordination(atoms)
    expected = {"P": {"O": 4}, "Ge": {"O": 6}, "Al": {"O": 6}}
    assert all(shell == expected[s] for s, shell in zip(atoms.symbols, shells, strict=True) if s in expected)
    assert set(bond_counts(atoms)) == {"Li-O", "Al-O", "Ge-O", "P-O"}


def test_cations_bond_where_nothing_is_known_of_charges():
    apart = Atoms("LiGe", [[0, 0, 0], [2.9, 0, 0]])
    assert len(bonds(apart)) == 1
    apart.set_array("oxidation", np.array([1.0, 4.0]))
    assert len(bonds(apart)) == 0


def test_offsets_lead_to_the_neighbour():
    atoms = atoms_of("Al2O3")
    found = bonds(atoms)
    vectors = atoms.positions[found.j] + found.offset @ atoms.cell.array - atoms.positions[found.i]
    assert np.allclose(np.linalg.norm(vectors, axis=1), found.distance)
    i, j, offset = found.both_ways()
    listed = {(a, b, *s) for a, b, s in zip(i, j, offset.tolist(), strict=True)}
    assert len(listed) == 2 * len(found)
    assert all((b, a, *(-x for x in s)) in listed for a, b, *s in listed)


@settings(max_examples=15, deadline=None)
@given(repeat=st.tuples(*[st.integers(1, 3)] * 3), angle=st.floats(0, 360), shift=st.tuples(*[st.floats(-9, 9)] * 3))
def test_bonds_are_extensive_and_do_not_see_the_frame(repeat, angle, shift):
    atoms = bulk("LiF", "rocksalt", a=4.03)
    atoms.set_array("oxidation", np.array([1.0, -1.0]))
    moved = atoms.repeat(repeat)
    moved.rotate(angle, (1, 2, 3), rotate_cell=True)
    moved.translate(shift)
    moved.wrap()
    assert len(bonds(moved)) == np.prod(repeat) * len(bonds(atoms))
    assert (coordination_numbers(moved) == 6).all()


def test_a_lone_atom_and_an_empty_model_have_no_bonds():
    assert len(bonds(Atoms("Li"))) == 0
    assert len(bonds(Atoms())) == 0
    assert coordination_numbers(Atoms("Li")).tolist() == [0]


def test_phosphate_units_are_finite_and_put_together(lagp):
    atoms = oriented_bulk(lagp[0], (1, 0, 4))
    units = covalent_units(atoms)
    assert [unit_name([atoms.symbols[k] for k in u.atoms]) for u in units] == ["PO4"] * 6
    for unit in units:
        places = atoms.positions[list(unit.atoms)] + unit.offset @ atoms.cell.array
        assert np.ptp(places, axis=0).max() < 3.2
        assert len(unit.loops) == 0


@pytest.mark.parametrize(
    ("name", "unit", "endless_along"),
    [("Li2CO3", "CO3", 0), ("LiOH", "HO", 0), ("S8", "S8", 0), ("PVDF_beta", "C4H4F4", 1), ("Li2O", None, 0)],
)
def test_units_of_other_crystals(name, unit, endless_along):
    atoms = atoms_of(name)
    units = covalent_units(atoms)
    names = {unit_name([atoms.symbols[k] for k in u.atoms]) for u in units}
    assert names == ({unit} if unit else set()) or names == {"H2C2F2"}
    assert all(np.linalg.matrix_rank(u.loops) == endless_along for u in units if len(u.loops) or endless_along)


def test_an_elemental_framework_is_endless_in_three_directions():
    diamond = bulk("Si", cubic=True)
    (framework,) = covalent_units(diamond)
    assert np.linalg.matrix_rank(framework.loops) == 3


def test_molecules_without_a_cell():
    ethanol = molecule("CH3CH2OH")
    assert bond_counts(ethanol) == {"C-C": 1, "C-O": 1, "H-C": 5, "H-O": 1}
    assert len(covalent_units(ethanol)[0].atoms) == len(ethanol)


def test_names_put_the_less_electronegative_element_first():
    assert [pair_name(*p) for p in (("O", "P"), ("I", "Li"), ("Cl", "Si"))] == ["P-O", "Li-I", "Si-Cl"]
