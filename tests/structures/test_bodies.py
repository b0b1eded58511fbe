"""A rigid body: what no motion changes, and its motions against finite differences."""

import numpy as np
import pytest
from adlayer_cases import ETHER
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from interlith.structures.bodies import RigidBody, left_jacobian, skew
from interlith.structures.errors import RequestError

AXIS = np.array([1.0, 2.0, -0.5])
numbers = st.floats(-8, 8, allow_nan=False)
places = st.lists(numbers, min_size=6, max_size=6).map(lambda flat: np.reshape(flat, (2, 3)))
axes = st.sampled_from([None, AXIS])


@given(places, axes)
def test_distances_within_a_body_stay(place, axis):
    body = RigidBody(ETHER.positions, axis)
    moved = body.positions(place)
    assert np.abs(pdist(moved) - pdist(ETHER.positions)).max() < 1e-9
    assert moved.mean(axis=0) == pytest.approx(body.centre + place[0], abs=1e-9)


@given(places, axes)
def test_motions_are_finite_differences(place, axis):
    body, h = RigidBody(ETHER.positions, axis), 1e-5
    steps = h * np.eye(6).reshape(6, 2, 3)
    slopes = [(body.positions(place + s) - body.positions(place - s)) / (2 * h) for s in steps]
    assert body.motions(place) == pytest.approx(np.moveaxis(slopes, 0, 2), abs=1e-7)


def test_a_body_turns_as_far_as_it_shifts():
    """A small step of one length in either half of a place moves the atoms as far, root-mean-square over axes."""
    body = RigidBody(ETHER.positions)
    assert body.positions(np.zeros((2, 3))) == pytest.approx(ETHER.positions, abs=1e-12)
    motions = body.motions(np.zeros((2, 3)))
    shifted, turned = ((motions[:, :, part] ** 2).sum() for part in (slice(3), slice(3, 6)))
    assert shifted == pytest.approx(3 * len(ETHER))
    assert turned == pytest.approx(2 * len(ETHER))


@given(places)
def test_an_axis_is_kept(place):
    body = RigidBody(ETHER.positions, AXIS)
    along = AXIS / np.linalg.norm(AXIS)
    arms, before = (x - x.mean(axis=0) for x in (body.positions(place), ETHER.positions))
    assert arms @ along == pytest.approx(before @ along, abs=1e-9)


@given(st.lists(numbers, min_size=3, max_size=3), st.lists(numbers, min_size=3, max_size=3))
def test_a_rotation_vector_changes_by_its_jacobian(angles, other):
    angles, other = np.array(angles), np.array(other)
    assert skew(angles) @ other == pytest.approx(np.cross(angles, other))
    tiny = 1e-6 * other
    turned = Rotation.from_rotvec(angles + tiny) * Rotation.from_rotvec(angles).inv()
    assert turned.as_rotvec() == pytest.approx(left_jacobian(angles) @ tiny, abs=1e-9)


def test_the_jacobian_has_no_step_where_its_series_begins():
    below, above = (left_jacobian(np.array([0.6, 0.0, 0.8]) * angle) for angle in (0.99999e-4, 1.00001e-4))
    assert below == pytest.approx(above, abs=1e-8)


def test_an_atom_does_not_mind_being_turned():
    body = RigidBody(np.array([[1.0, 2.0, 3.0]]))
    place = np.array([[0.1, 0.2, 0.3], [3.0, -1.0, 2.0]])
    assert body.positions(place) == pytest.approx(np.array([[1.1, 2.2, 3.3]]))
    assert np.all(body.motions(place)[:, :, 3:] == 0)


def test_a_body_without_atoms_is_refused():
    with pytest.raises(RequestError, match="0 atoms"):
        RigidBody(np.zeros((0, 3)))
