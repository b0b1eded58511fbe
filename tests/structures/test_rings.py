"""Rings found, and bonds that run through them."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as named

from interlith.structures.bonds import bonds
from interlith.structures.rings import rings, speared


def bonded(atoms):
    found = bonds(atoms)
    return list(zip(found.i.tolist(), found.j.tolist(), strict=True))


def threaded(shift):
    """Benzene in the xy-plane with N2 upright, its middle at `shift`."""
    ring = named("C6H6")
    ring.positions -= ring.positions.mean(axis=0)
    rod = Atoms("N2", [[0, 0, -0.55], [0, 0, 0.55]])
    rod.positions += shift
    return ring + rod


@pytest.mark.parametrize("name, sizes", [("C6H6", [6]), ("C4H4O", [5]), ("bicyclobutane", [3, 3]), ("C2H6", [])])
def test_the_shortest_rings_are_found(name, sizes):
    atoms = named(name)
    assert sorted(len(ring) for ring in rings(len(atoms), bonded(atoms))) == sizes


def test_large_rings_are_left_out():
    chain = [(k, (k + 1) % 13) for k in range(13)]
    assert rings(13, chain) == []
    assert len(rings(13, chain, largest=13)) == 1


@pytest.mark.parametrize(
    "shift, hit", [((0, 0, 0), True), ((0.6, 0.3, 0.2), True), ((0, 0, 1.2), False), ((4, 0, 0), False)]
)
def test_a_bond_through_a_ring_is_seen(shift, hit):
    atoms = threaded(np.array(shift))
    pairs = [*bonded(named("C6H6")), (12, 13)]
    found = speared(atoms, pairs)
    assert bool(found) == hit
    assert all(bond == (12, 13) and len(ring) == 6 for ring, bond in found)


def test_spearing_does_not_depend_on_place_or_turn():
    atoms = threaded(np.array([0.2, -0.1, 0.1]))
    pairs = [*bonded(named("C6H6")), (12, 13)]
    atoms.rotate(47, (1, 2, 3))
    atoms.positions += 11.0
    assert len(speared(atoms, pairs)) == 1


def test_a_ring_across_the_boundary_is_put_together():
    atoms = threaded(np.zeros(3))
    atoms.set_cell([12, 12, 12])
    atoms.pbc = True
    pairs = [*bonded(named("C6H6")), (12, 13)]
    atoms.positions += [11.9, 0.1, 6.0]
    atoms.wrap()
    assert len(speared(atoms, pairs)) == 1
    atoms.positions[12:] += [5.0, 0, 0]
    assert speared(atoms, pairs) == []
