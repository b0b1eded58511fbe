import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from interlith.structures.checks import check_atoms, check_surface_vectors
from interlith.structures.errors import RequestError


def broken(change) -> Atoms:
    atoms = bulk("LiF", "rocksalt", a=4.03, cubic=True)
    change(atoms)
    return atoms


def duplicate(atoms):
    atoms += Atoms("O", [atoms.positions[0] + 0.3])


def across_the_boundary(atoms):
    atoms += Atoms("Li", [atoms.positions[0] + atoms.cell.array[0] * 0.9])


def not_a_number(atoms):
    atoms.positions[3, 1] = np.nan


def left_handed(atoms):
    atoms.cell[[0, 1]] = atoms.cell[[1, 0]]


def flat(atoms):
    atoms.cell[2] = atoms.cell[0] + atoms.cell[1]


def endless_cell(atoms):
    atoms.cell[0, 0] = np.inf


def no_vector(atoms):
    atoms.cell[2] = 0


def thin(atoms):
    del atoms[1:]
    atoms.set_cell([4, 4, 0.5])


def dummy(atoms):
    atoms.numbers[5] = 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (duplicate, r"0 \(Li\) and 8 \(O\) at 0.52 Å"),
        (across_the_boundary, r"0 \(Li\) and 8 \(Li\) at 0.40 Å"),
        (not_a_number, r"atom 3 \(F\).*not a finite"),
        (left_handed, r"left-handed \(a·b×c = -65.45"),
        (flat, "no volume"),
        (endless_cell, "not finite"),
        (no_vector, "no volume"),
        (thin, r"0 \(Li\) and its own periodic image at 0.50 Å"),
        (dummy, "atom 5 is no element"),
        (lambda atoms: atoms.__delitem__(slice(None)), "no atoms"),
    ],
)
def test_defects_are_named(change, told):
    with pytest.raises(RequestError, match=told) as refusal:
        check_atoms(broken(change), "a.xyz")
    assert "(a.xyz)" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_many_overlaps_are_counted_and_the_closest_comes_first():
    atoms = broken(lambda a: [duplicate(a) for _ in range(3)])
    with pytest.raises(RequestError, match=r"8 \(O\) and 9 \(O\) at 0.00 Å.*and 3 more pairs"):
        check_atoms(atoms, "a.xyz")


@pytest.mark.parametrize("sound", [molecule("H2"), molecule("C2H2"), bulk("Cu"), bulk("LiF", "rocksalt", a=3.3)])
def test_sound_models_pass(sound):
    before = sound.copy()
    check_atoms(sound, "here")
    assert sound == before


def test_a_cell_with_one_open_direction_may_lack_that_vector():
    sheet = Atoms("C2", [[0, 0, 0], [1.23, 0.71, 0]], cell=[[2.46, 0, 0], [-1.23, 2.13, 0], [0, 0, 0]], pbc=(1, 1, 0))
    check_atoms(sheet, "graphene")


@pytest.mark.parametrize("rows", [[[1, 2], [2, 4]], [[0, 0], [1, 0]], [[1, 0], [np.nan, 1]], [[1, 0, 1], [-3, 0, -3]]])
def test_colinear_surface_vectors_are_refused(rows):
    with pytest.raises(RequestError, match="co-linear"):
        check_surface_vectors(np.array(rows, dtype=float), "cells_a")


def test_sharp_but_real_angles_pass():
    check_surface_vectors(np.array([[10.0, 0.0], [9.0, 0.2]]), "cells_a")
