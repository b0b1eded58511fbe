"""Bader's basins: what must hold for any density, and densities whose charges are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.analysis.bader import basins
from interlith.analysis.voronoi import grid_facets
from interlith.structures.errors import RequestError

ORTHOGONAL = np.diag([6.0, 6.5, 7.0])
OBLIQUE = np.array([[6.0, 0.0, 0.0], [-2.5, 6.0, 0.0], [1.0, 1.5, 6.5]])
CELLS = {"orthogonal": ORTHOGONAL, "oblique": OBLIQUE}


def gaussians(cell, shape, centres, charges, widths):
    """Return a periodic sum of normalised Gaussians; centres in fractions of the cell."""
    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    density = np.zeros(shape)
    images = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for centre, charge, width in zip(centres, charges, widths, strict=True):
        away = fractions - np.asarray(centre)
        away -= np.rint(away)
        for image in images:
            distances2 = (((away + image) @ cell) ** 2).sum(axis=-1)
            density += charge / (2 * np.pi * width**2) ** 1.5 * np.exp(-distances2 / (2 * width**2))
    return density


def largest(found, n, field=0):
    """Return the integrals of the n largest basins, by the position of their maxima."""
    keep = np.argsort(-found.integrals[field])[:n]
    keep = keep[np.lexsort(found.maxima[keep].T[::-1])]
    return found.integrals[field][keep]


@pytest.mark.parametrize(
    "cell", [np.eye(3), np.diag([1.0, 2.0, 0.7]), OBLIQUE, np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])]
)
def test_facets_close_and_carry_the_volume(cell):
    steps, vectors, transmissions = grid_facets(cell)
    assert {tuple(s) for s in steps} == {tuple(-s) for s in steps}
    assert np.allclose(steps @ cell, vectors)
    # The divergence theorem over the Voronoi cell, which makes the flux of a linear density exact.
    weighted = np.einsum("f,fi,fj->ij", transmissions, vectors, vectors)
    assert np.allclose(weighted, 2 * abs(np.linalg.det(cell)) * np.eye(3))


def test_a_cube_faces_six_and_a_face_centred_lattice_twelve():
    assert len(grid_facets(np.eye(3)).steps) == 6
    assert len(grid_facets(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])).steps) == 12


@pytest.mark.parametrize("name", CELLS)
def test_apart_gaussians_return_their_charges(name):
    cell, charges = CELLS[name], (8.0, 1.0, 3.0)
    rho = gaussians(cell, (48, 48, 52), [(0.1, 0.2, 0.1), (0.6, 0.2, 0.55), (0.3, 0.75, 0.5)], charges, [0.4] * 3)
    found = basins(rho, cell)
    assert sorted(largest(found, 3)) == pytest.approx(sorted(charges), rel=0.01)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), oblique=st.booleans(), open_axis=st.booleans())
def test_nothing_is_lost_or_made(seed, oblique, open_axis):
    rng = np.random.default_rng(seed)
    cell, shape = CELLS["oblique" if oblique else "orthogonal"], (12, 10, 11)
    rho, other = rng.random(shape), rng.normal(size=shape)
    found = basins(rho, cell, (rho, other), periodic=(True, True, not open_axis), vacuum_e_A3=0.1)
    voxel = abs(np.linalg.det(cell)) / rho.size
    assert found.integrals.sum(axis=1) + found.vacuum == pytest.approx([rho.sum() * voxel, other.sum() * voxel])
    assert found.volumes_A3.sum() + found.vacuum_volume_A3 == pytest.approx(abs(np.linalg.det(cell)))
    assert (found.volumes_A3 > 0).all()


@settings(max_examples=10, deadline=None)
@given(roll=st.tuples(*[st.integers(0, 15)] * 3), axes=st.permutations(range(3)))
def test_the_origin_and_the_order_of_axes_do_not_matter(roll, axes):
    rho = gaussians(OBLIQUE, (16, 16, 16), [(0.1, 0.2, 0.1), (0.55, 0.6, 0.5)], (5.0, 2.0), (0.7, 0.8))
    plain = largest(basins(rho, OBLIQUE), 2)
    moved = basins(np.roll(rho, roll, axis=(0, 1, 2)), OBLIQUE)
    turned = basins(np.transpose(rho, axes), OBLIQUE[list(axes)])
    assert sorted(largest(moved, 2)) == pytest.approx(sorted(plain), abs=1e-9)
    assert sorted(largest(turned, 2)) == pytest.approx(sorted(plain), abs=1e-9)


def test_equal_atoms_share_equally():
    rho = gaussians(ORTHOGONAL, (40, 40, 44), [(0.25, 0.5, 0.5), (0.75, 0.5, 0.5)], (4.0, 4.0), (0.8, 0.8))
    assert largest(basins(rho, ORTHOGONAL), 2) == pytest.approx([4.0, 4.0], abs=1e-3)


def test_a_maximum_halfway_between_points_is_one():
    rho = gaussians(ORTHOGONAL, (24, 24, 24), [(0.5 + 0.5 / 24,) * 3], (2.0,), (0.6,))
    assert len(basins(rho, ORTHOGONAL, vacuum_e_A3=1e-4).maxima) == 1


def test_the_valence_is_integrated_over_the_basins_of_the_reference():
    centres, shape = [(0.3, 0.5, 0.5), (0.7, 0.5, 0.5)], (40, 40, 44)
    valence = gaussians(ORTHOGONAL, shape, centres, (7.0, 1.0), (0.5, 0.5))
    cores = gaussians(ORTHOGONAL, shape, centres, (2.0, 2.0), (0.3, 0.3))
    found = basins(valence + cores, ORTHOGONAL, (valence, cores))
    assert largest(found, 2, field=0) == pytest.approx([7.0, 1.0], abs=0.15)
    assert largest(found, 2, field=1) == pytest.approx([2.0, 2.0], abs=0.01)


def test_charges_converge_faster_than_the_step():
    centres = [(0.31, 0.52, 0.47), (0.68, 0.5, 0.5)]
    charges = [
        largest(basins(gaussians(OBLIQUE, (n, n, n), centres, (6.0, 3.0), (0.7, 0.9)), OBLIQUE), 2)[0]
        for n in (24, 48, 96)
    ]
    assert abs(charges[1] - charges[0]) > 2 * abs(charges[2] - charges[1])
    assert abs(charges[2] - charges[1]) < 0.03


def test_an_open_axis_lets_nothing_through():
    rho = np.zeros((8, 8, 9)) + np.arange(1, 10)
    rho[:, :, 0] = 9.5  # higher than the top: a periodic axis would lead there
    walled = basins(rho, np.eye(3), periodic=(True, True, False))
    assert {int(k) for k in walled.maxima[:, 2]} == {0, 8}


def test_what_rises_on_a_plateau_goes_on_rising_and_a_flat_top_is_one():
    for order in (1, -1):
        line = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0, 5.0])[::order]
        rho = np.broadcast_to(line[:, None, None], (8, 3, 3)).copy()
        found = basins(rho, np.eye(3), periodic=(False, True, True))
        assert found.integrals.tolist() == [[pytest.approx(rho.sum() / rho.size)]]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), oblique=st.booleans(), threads=st.integers(2, 5), whole=st.booleans())
def test_any_number_of_threads_gives_the_same(seed, oblique, threads, whole):
    rng = np.random.default_rng(seed)
    rho = rng.random((41, 9, 10))
    rho = np.rint(5 * rho) if whole else rho  # whole numbers: plateaus across the borders of slabs
    cell = CELLS["oblique" if oblique else "orthogonal"]
    alone, several = (basins(rho, cell, vacuum_e_A3=0.2, moments=True, threads=n) for n in (1, threads))
    assert np.array_equal(alone.maxima, several.maxima)
    assert np.allclose(alone.integrals, several.integrals, atol=1e-12)
    assert np.allclose(alone.moments_eA, several.moments_eA, atol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_first_moments_are_those_about_the_maximum_through_the_border(name):
    centres, charges = [(0.02, 0.97, 0.01), (0.52, 0.47, 0.51)], (3.0, 2.0)
    rho = gaussians(CELLS[name], (40, 42, 44), centres, charges, (0.4, 0.5))
    found = basins(rho, CELLS[name], moments=True)
    away = np.array(centres) - found.maxima / rho.shape
    for moment, held, step in zip(found.moments_eA, found.integrals[0], away - np.rint(away), strict=True):
        assert moment == pytest.approx(held * (step @ CELLS[name]), abs=0.02)


@pytest.mark.parametrize(
    ("fields", "told"), [((np.zeros((4, 4, 5)),), r"grids of"), ((np.full((4, 4, 4), np.nan),), r"not finite at")]
)
def test_fields_that_do_not_fit_are_refused(fields, told):
    with pytest.raises(RequestError, match=told):
        basins(np.ones((4, 4, 4)), np.eye(3), fields)
