from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.crystals import load_crystal
from interlith.structures.faces import crystal_face
from interlith.structures.roughcuts import (
    HELD,
    WINDOW_A,
    dipole_of,
    has_rough_cuts,
    least_cuts,
    rough_cuts,
    spread_mobile,
)
from interlith.structures.shells import bond_strengths, held_bonds, mobile

CRYSTALS = {name: load_crystal(name)[0] for name in ("LLZO_tetragonal_awaka", "LiTi2PO4_3", "Li2ZrO3", "LiLaO2")}
FACES = {(name, miller): crystal_face(CRYSTALS[name], miller) for name in CRYSTALS for miller in ((0, 0, 1), (1, 1, 1))}


def crossed(face, layers):
    return np.abs(layers[face.bonds.j] + face.bonds.offset[:, 2] - layers[face.bonds.i])


def planar(face, height):
    return np.floor(face.atoms.positions[:, 2] / face.spacing_A - height).astype(int)


def still_bonded(face, layers, ion, lift):
    """Whether an ion moved by one repeat would keep a bond."""
    moved = layers + (lift * (np.arange(len(layers)) == ion)).astype(int)
    own = (face.bonds.i == ion) | (face.bonds.j == ion)
    return bool((crossed(face, moved)[own] == 0).any())


def choices_of(face, height):
    """Every cut within the window: each atom's first image above, from the lowest within to the first beyond."""
    z, half = face.atoms.positions[:, 2] / face.spacing_A, WINDOW_A / 2 / face.spacing_A
    first, beyond = np.ceil(height - half - z).astype(int), np.ceil(height + half - z).astype(int)
    return product(*(range(-b, -f + 1) for f, b in zip(first, beyond, strict=True)))


@settings(max_examples=8, deadline=None)
@given(height=st.floats(0, 1), seed=st.integers(0, 99))
def test_no_choice_of_above_and_below_cuts_less(height, seed):
    """Every cut within the window tried, whatever each bond counts; the window holds several repeats."""
    name, miller = [("LiF", (1, 0, 0)), ("La2O3_A", (1, 0, 1))][seed % 2]
    face = crystal_face(load_crystal(name)[0], miller)
    capacities = np.random.default_rng(seed).integers(1, 9, len(face.bonds)) / 10
    least = min(capacities @ crossed(face, np.array(layers)) for layers in choices_of(face, height))
    for layers in least_cuts(face, height, capacities):
        assert capacities @ crossed(face, layers) == pytest.approx(least, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(case=st.sampled_from(sorted(FACES)), height=st.floats(0, 1))
def test_a_rough_cut_breaks_no_more_than_the_plane_it_replaces_and_stays_in_its_window(case, height):
    face = FACES[case]
    capacities = np.where(held_bonds(face), HELD, 1.0) * bond_strengths(face)
    plane = capacities @ crossed(face, planar(face, height))
    lowest, highest = least_cuts(face, height, capacities)
    assert (lowest <= highest).all()
    for layers in (lowest, highest):
        assert capacities @ crossed(face, layers) <= plane + 1e-4 * len(capacities)
        top = (face.atoms.positions[:, 2] - layers * face.spacing_A) - height * face.spacing_A
        assert top.min() >= -WINDOW_A / 2 - 1e-6
        assert top.max() <= face.spacing_A + WINDOW_A / 2 + 1e-6


@pytest.mark.parametrize("case", FACES, ids=str)
def test_units_are_never_cut_and_shells_only_where_that_saves_bonds(case):
    face = FACES[case]
    found = [crossed(face, cut.layers) for cut in rough_cuts(face, np.linspace(0, 1, 7, endpoint=False))]
    assert not any(some[held_bonds(face, shells=False)].any() for some in found)
    held, framework = held_bonds(face), ~np.isin(face.bonds.i, np.flatnonzero(mobile(face)))
    framework &= ~np.isin(face.bonds.j, np.flatnonzero(mobile(face)))
    costs = {True: [], False: []}
    for some in found:
        costs[bool(some[held].any())].append((some * bond_strengths(face))[framework].sum())
    assert costs[False], "some cut keeps every shell"
    assert min(costs[True], default=0.0) <= min(costs[False])


@pytest.mark.parametrize("case", FACES, ids=str)
def test_spreading_moves_mobile_ions_alone_by_whole_repeats_until_half_an_ion_or_no_bonded_place_is_left(case):
    face = FACES[case]
    ions = mobile(face)
    for height in np.linspace(0, 1, 7, endpoint=False):
        before = planar(face, height)
        after, moved = spread_mobile(face, before)
        assert (after == before)[~ions].all()
        assert np.abs(after - before).sum() == moved
        change = (dipole_of(face, before) - dipole_of(face, after)) / face.spacing_A
        assert abs(change) == pytest.approx(moved, abs=1e-6)
        left = dipole_of(face, after) / face.spacing_A
        enough = abs(left) <= 0.5 + 1e-4
        assert enough or not any(still_bonded(face, after, k, np.sign(left)) for k in np.flatnonzero(ions))
        assert spread_mobile(face, after)[1] == 0


def test_no_other_choice_of_ions_breaks_less():
    """Every way to move as many ions by one repeat, from where each breaks least."""
    tried = 0
    for face, height in product(FACES.values(), (0.1, 0.4, 0.7)):
        ions = np.flatnonzero(mobile(face))
        strengths = bond_strengths(face)
        start = least_cuts(face, height, np.where(held_bonds(face), HELD, 1.0) * strengths)[0]
        best, moved = spread_mobile(face, start)
        if not 0 < moved <= 2 or np.abs(best - start).max() > 1:
            continue
        step = np.sign((best - start).sum())
        others = [crossed(face, start + step * np.isin(np.arange(len(start)), p)) for p in combinations(ions, moved)]
        assert strengths @ crossed(face, best) == pytest.approx(min(strengths @ c for c in others), abs=1e-4)
        tried += 1
    assert tried > 2


def test_only_frameworks_with_mobile_ions_have_rough_cuts():
    known = {"LLZO_tetragonal_awaka": True, "LiTi2PO4_3": True, "Al2O3": False, "LiF": False, "Li": False}
    for name, answer in known.items():
        assert has_rough_cuts(crystal_face(load_crystal(name)[0], (1, 0, 0))) == answer
