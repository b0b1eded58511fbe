import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.collections import g2
from ase.data import atomic_numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.distances import longest_bonds, short_contacts, shortest_contacts


def pair(first, second, distance, **more):
    return Atoms([first, second], [[0, 0, 0], [0, 0, distance]], **more)


# Short distances of each class, Å: diatomics (Huber and Herzberg, 1979), C-H and C-C of acetylene, metals at rest.
REAL = [
    ("H", "H", 0.741), ("H", "F", 0.917), ("O", "H", 0.957), ("C", "H", 1.060), ("N", "N", 1.098), ("C", "O", 1.128),
    ("C", "C", 1.203), ("O", "O", 1.208), ("F", "F", 1.412), ("S", "O", 1.431), ("P", "N", 1.491), ("Li", "F", 1.564),
    ("Li", "H", 1.595), ("Li", "O", 1.688), ("Al", "O", 1.618), ("Cs", "F", 2.345), ("V", "O", 1.589),
    ("Cu", "O", 1.724), ("Ge", "O", 1.625), ("Zr", "O", 1.712), ("La", "O", 1.826), ("Be", "Be", 2.22),
    ("W", "W", 2.741), ("U", "U", 2.75), ("Cr", "Cr", 1.679), ("Cu", "Cu", 2.22), ("Li", "Li", 2.673),
]  # fmt: skip
# What a wrong file gives: split sites both filled, a hydrogen on its carbon, an atom dropped into a bond.
WRONG = [
    ("Li", "Li", 1.64), ("Li", "O", 1.40), ("Li", "F", 1.30), ("H", "H", 1.20), ("C", "H", 0.75), ("C", "C", 1.00),
    ("O", "O", 0.90), ("O", "O", 1.70), ("P", "O", 1.15), ("Al", "Cu", 1.40), ("La", "O", 1.70), ("C", "H", 1.55),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "distance"), REAL)
def test_the_shortest_real_bonds_pass(first, second, distance):
    assert not short_contacts(pair(first, second, distance))


@pytest.mark.parametrize(("first", "second", "distance"), WRONG)
def test_contacts_that_no_bond_explains_are_named(first, second, distance):
    (finding,) = short_contacts(pair(first, second, distance))
    assert finding.atoms == (0, 1)
    assert f"0 ({first}) and 1 ({second}) are {distance:.2f} Å apart" in finding.message


def test_no_molecule_of_the_g2_set_is_too_tight():
    assert not {name: found for name in g2.names if (found := short_contacts(molecule(name)))}


def test_the_sulphurs_of_an_imide_share_no_bond_and_those_of_dithionite_do():
    sulphur = np.array([atomic_numbers["S"]])
    assert 2.39 < longest_bonds(sulphur)[0, 0] < 2.60


def test_a_bond_is_never_shorter_than_the_shortest_contact():
    numbers = np.arange(1, 84)
    longest, (bonded, strangers) = longest_bonds(numbers), shortest_contacts(numbers)
    assert np.array_equal(longest, longest.T)
    assert np.array_equal(bonded, bonded.T)
    assert (longest[longest > 0] > bonded[longest > 0]).all()
    assert not longest[:, numbers == atomic_numbers["Li"]].any()
    assert (strangers[longest == 0] == 0).all()


def test_images_count_and_each_pair_is_told_once():
    thin = bulk("Li", "bcc", a=3.44, cubic=True) * (3, 3, 1)
    thin.set_cell(thin.cell.array * [[1], [1], [0.45]])
    found = short_contacts(thin)
    assert "its own periodic image" in found[0].message
    assert len({f.atoms for f in found}) == len(found)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_moving_turning_and_renumbering_change_nothing(seed):
    draw = np.random.default_rng(seed)
    atoms = molecule("C6H6", cell=[12, 12, 12], pbc=True)
    atoms.positions += draw.normal(0, 0.25, atoms.positions.shape)
    other = atoms[draw.permutation(len(atoms))]
    other.rotate(draw.uniform(0, 360), draw.normal(size=3), rotate_cell=True)
    other.positions += draw.normal(0, 5, 3)
    other.wrap()
    assert len(short_contacts(atoms)) == len(short_contacts(other))
