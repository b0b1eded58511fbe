"""Text is the only thing that crosses a job boundary: nothing an engine or a record needs may be lost on the way."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.geometry import digest, from_text, to_text


def aluminium(layers) -> Atoms:
    slab = fcc111("Al", (1, 1, layers), vacuum=5)
    slab.info.clear()  # ASE's notes on adsorption sites are no text
    return slab


@given(seed=st.integers(0, 9999), n=st.integers(1, 30), pbc=st.tuples(*[st.booleans()] * 3))
@settings(max_examples=25, deadline=None)
def test_atoms_come_back_to_a_hundred_millionth_of_an_angstrom(seed, n, pbc):
    draw = np.random.default_rng(seed)
    cell = draw.uniform(-1, 1, (3, 3)) + 9 * np.eye(3)
    atoms = Atoms(draw.integers(1, 80, n), draw.uniform(-20, 20, (n, 3)), cell=cell, pbc=pbc)
    atoms.set_array("side", draw.integers(0, 2, n))
    atoms.set_array("oxidation", draw.uniform(-3, 5, n))
    back = from_text(to_text(atoms))
    assert back.positions == pytest.approx(atoms.positions, abs=1e-8)
    assert back.cell.array == pytest.approx(atoms.cell.array, abs=1e-8)
    assert (back.numbers == atoms.numbers).all()
    assert (back.pbc == atoms.pbc).all()
    assert (back.arrays["side"] == atoms.arrays["side"]).all()
    assert back.arrays["oxidation"] == pytest.approx(atoms.arrays["oxidation"], abs=1e-6)


def test_text_of_text_is_the_same_text():
    slab = aluminium(3)
    slab.rattle(0.1, seed=0)
    once = to_text(slab)
    twice = to_text(from_text(once))
    assert to_text(from_text(twice)) == twice
    assert digest(to_text(from_text(twice))) == digest(twice)


def test_the_energy_survives_the_way_and_no_calculator_or_result_goes_along():
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=2)
    atoms.calc = EMT()
    energy = atoms.get_potential_energy()
    text = to_text(atoms)
    back = from_text(text)
    assert "energy" not in text
    assert "forces" not in text
    assert back.calc is None
    assert atoms.calc is not None, "the sender keeps its own"
    back.calc = EMT()
    assert back.get_potential_energy() == pytest.approx(energy, abs=1e-6)


def test_fixed_atoms_stay_fixed():
    slab = aluminium(3)
    slab.set_constraint(FixAtoms(indices=[0, 2]))
    (held,) = from_text(to_text(slab)).constraints
    assert sorted(held.index.tolist()) == [0, 2]


def test_any_change_of_a_text_is_another_identity():
    text = to_text(bulk("Cu"))
    moved = bulk("Cu")
    moved.positions += 1e-6
    assert digest(text) == digest(to_text(bulk("Cu")))
    assert digest(text) != digest(to_text(moved))
    assert len(digest("")) == 64
