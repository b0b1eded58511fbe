"""Rigid bodies: atoms that keep their distances while they are shifted and turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]

LEAST_RADIUS_A = 0.5
"""Of gyration, for the scale of a turn: that of a single atom is zero."""


@dataclass(frozen=True)
class RigidBody:
    r"""A rigid body, moved by coordinates of one unit: a shift and, times the radius of gyration, a turn.

    A place is an array (2, 3) in Å: the shift s of the centre, and w = ϑ ρ with the rotation vector ϑ and the radius
    of gyration ρ, so that a step as long in w moves the atoms as far as one in s.

    .. math:: x_k = c + s + R(P w / ρ) r_k

    Parameters
    ----------
    rest
        Atoms at place zero, whole, (n, 3) Å; c is their mean and r_k = rest_k − c.
    axis
        Direction that the body may turn about, (3,); None for any, P is one then, else the projector on it.
    """

    rest: Floats
    axis: Floats | None = None

    def __post_init__(self) -> None:
        if not len(self.rest):
            raise RequestError("a rigid body of 0 atoms", "rest", "give at least one atom")

    @property
    def centre(self) -> Floats:
        """Mean of the atoms at place zero, (3,) Å."""
        return np.asarray(self.rest.mean(axis=0))

    @property
    def radius_A(self) -> float:
        """Radius of gyration ρ, unweighted, at least 0.5 Å."""
        spread = self.rest - self.centre
        return max(float(np.sqrt((spread**2).sum(axis=1).mean())), LEAST_RADIUS_A)

    @property
    def allowed(self) -> Floats:
        """The projector P on the turns that are allowed, (3, 3)."""
        if self.axis is None:
            return np.eye(3)
        along = self.axis / np.linalg.norm(self.axis)
        return np.outer(along, along)

    def positions(self, place: Floats) -> Floats:
        """Return the atoms at a place, (n, 3) Å."""
        return np.asarray(self.centre + place[0] + self._turned(place))

    def motions(self, place: Floats) -> Floats:
        r"""Return how the atoms move with the coordinates, ∂x/∂(s, w), (n, 3, 6).

        .. math:: ∂x_k/∂s = 1, \quad ∂x_k/∂w = −[R r_k]_× J(ϑ) P / ρ

        with the left Jacobian of rotations J (equation 145 of https://arxiv.org/abs/1812.01537), so that forces F on
        the atoms are the slope −Σ_k F_k · ∂x_k/∂(s, w): minus the sum of the forces and, at place zero, minus the
        torque over ρ.
        """
        turn = left_jacobian(self._angles(place)) @ self.allowed / self.radius_A
        turning = -np.array([skew(arm) for arm in self._turned(place)]) @ turn
        shifting = np.broadcast_to(np.eye(3), turning.shape)
        return np.concatenate([shifting, turning], axis=2)

    def _angles(self, place: Floats) -> Floats:
        return np.asarray(self.allowed @ place[1] / self.radius_A)

    def _turned(self, place: Floats) -> Floats:
        return np.asarray(Rotation.from_rotvec(self._angles(place)).apply(self.rest - self.centre))


def skew(vector: Floats) -> Floats:
    """Return the matrix (3, 3) that takes u to the cross product of `vector` with u."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def left_jacobian(angles: Floats) -> Floats:
    r"""Return what a change of a rotation vector turns a body by, (3, 3).

    .. math:: R(ϑ + dϑ) = R(J dϑ) R(ϑ), \quad J = 1 + \frac{1 − \cos ϑ}{ϑ^2} [ϑ]_× + \frac{ϑ − \sin ϑ}{ϑ^3} [ϑ]_×^2

    Parameters
    ----------
    angles
        The rotation vector, (3,) rad.
    """
    cross, angle = skew(angles), float(np.linalg.norm(angles))
    if angle < 1e-4:  # the next terms are below 1e-9
        return np.asarray(np.eye(3) + cross / 2 + cross @ cross / 6)
    first, second = (1 - np.cos(angle)) / angle**2, (angle - np.sin(angle)) / angle**3
    return np.asarray(np.eye(3) + first * cross + second * cross @ cross)
