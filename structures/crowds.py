"""Rigid molecules above a slab that push each other apart, across periodic borders too.

The overlap of a placement is what a placer without periodic images leaves behind,

    O = Σ_pairs max(0, L_ij − r_ij)² + Σ_i max(0, z_floor − z_i)² + Σ_i max(0, z_i − z_ceiling)²,

over pairs of atoms of different molecules, of a molecule and the slab, and of a molecule and its own images. L_ij is
the distance asked for, or more where two elements would look bonded at it. O is brought to zero by L-BFGS over a
shift and a rotation vector of each molecule; its gradient by a rotation vector θ is J(θ)ᵀ Σ (arm × ∂O/∂r), with the
left Jacobian J of the rotations. O is a score of geometry, never an energy.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from interlith.structures.distances import longest_bonds, shortest_contacts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

APART = 1.05
"""Atoms of different molecules keep this many times the longest bond, or the shortest contact, of their elements."""
SPARE_A = 0.04
"""Asked for beyond the least distance, so that a nearly perfect placement is good enough."""
SLACK_A = 0.02
"""An atom may pass the floor or the ceiling by this."""
SKIN_A = 1.0
SHAKE = 0.3
ROUNDS, STEPS = 5, 150
MEMORY, PATIENCE, LONGEST_STEP, NOTHING = 20, 50, 0.5, 1e-12
"""Steps remembered; steps in which the overlap must fall by 2 %; Å or rad a step; Å² that count as none."""


def least_distances(numbers: Ints, least_A: float) -> Floats:
    """Return the least distance between atoms of different molecules for each two elements, (k, k) Å.

    Parameters
    ----------
    numbers
        Atomic numbers, (k,).
    least_A
        What is asked for all: no entry is below it. Sulphur, for one, needs more not to look bonded.
    """
    bonded, strangers = shortest_contacts(numbers)
    elements = np.maximum(longest_bonds(numbers), np.maximum(bonded, strangers))
    return np.asarray(np.maximum(least_A, APART * elements))


@dataclass(frozen=True)
class Crowd:
    """Molecules above a slab in one cell.

    Parameters
    ----------
    slab
        Held still; its cell is the model's, periodic along all its vectors.
    numbers, owner
        Atomic number, and which molecule, of each atom of the molecules, (n,); molecules count from 0 in order.
    least_A
        No two molecules, nor one and the slab, come nearer.
    floor_A, ceiling_A
        Limits of height of the molecules' atoms.
    """

    slab: Atoms
    numbers: Ints
    owner: Ints
    least_A: float
    floor_A: float
    ceiling_A: float
    _limits: tuple[Ints, Floats] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        kinds, which = np.unique(np.concatenate([self.numbers, self.slab.numbers]), return_inverse=True)
        object.__setattr__(self, "_limits", (which, least_distances(kinds, self.least_A)))

    def relieved(self, places: Floats) -> Floats | None:
        """Return the molecules moved apart, or None where they could not be.

        Parameters
        ----------
        places
            Positions (n, 3), Å; each molecule is kept rigid and whole.
        """
        for _ in range(ROUNDS):
            bodies = _Bodies.of(places, self.owner)
            x, stuck = _lowest(_Overlap(self, bodies), np.zeros(6 * bodies.count))
            places = bodies.moved(x)[0]
            if self.is_free(places):
                return places
            if stuck:
                return None
        return None

    def shaken(self, places: Floats, chance: np.random.Generator) -> Floats:
        """Return the molecules each moved and turned at random by some tenths of Å and rad."""
        bodies = _Bodies.of(places, self.owner)
        return bodies.moved(SHAKE * chance.standard_normal(6 * bodies.count))[0]

    def is_free(self, places: Floats) -> bool:
        """Return whether every distance and height is as asked."""
        i, j, aside, limit = self.pairs(places, 0.0)
        spans = np.linalg.norm(places_of(self, places)[j] + aside - places[i], axis=1)
        inside = self.floor_A - SLACK_A <= places[:, 2].min() and places[:, 2].max() <= self.ceiling_A + SLACK_A
        return bool(inside and (spans >= limit).all())

    def pairs(self, places: Floats, beyond_A: float) -> tuple[Ints, Ints, Floats, Floats]:
        """Return pairs that could overlap: atom, other atom (the slab's count on), the image's offset, least distance.

        Parameters
        ----------
        places
            Positions (n, 3), Å.
        beyond_A
            How much farther than their least distance pairs may be.
        """
        which, least = self._limits
        i, j, aside = _neighbours(places_of(self, places), len(places), self.slab.cell.array, least.max() + beyond_A)
        owner = np.concatenate([self.owner, np.full(len(self.slab), -1)])
        kept = (i < j) & ((owner[i] != owner[j]) | aside.any(axis=1))
        i, j, aside = i[kept], j[kept], aside[kept]
        return i, j, aside, least[which[i], which[j]]


def _neighbours(places: Floats, n: int, cell: Floats, reach_A: float) -> tuple[Ints, Ints, Floats]:
    """Return the pairs of the first n atoms with any other image within reach: i, j, and the lattice vector added to j.

    For a few hundred atoms this is several times faster than a general neighbour list, which sorts atoms into bins.
    """
    inverse = np.linalg.inv(cell)
    fractions = places @ inverse
    home = np.floor(fractions)
    inside = fractions - home
    band = reach_A * np.linalg.norm(inverse, axis=0)
    images = np.array(list(product(*(range(-k, k + 1) for k in np.ceil(band).astype(int)))))
    around = inside[:, None] + images
    index, image = np.nonzero(((around > -band) & (around < 1 + band)).all(axis=-1))
    spots = cKDTree(around[index, image] @ cell)
    found = cKDTree(inside[:n] @ cell).sparse_distance_matrix(spots, reach_A, output_type="coo_matrix")
    i, j = found.row, index[found.col]
    return i, j, (images[image[found.col]] - home[j] + home[i]) @ cell


def places_of(crowd: Crowd, places: Floats) -> Floats:
    """Return the positions of the molecules' atoms followed by the slab's."""
    return np.concatenate([places, crowd.slab.positions])


@dataclass(frozen=True)
class _Bodies:
    """Rigid bodies: whose each atom is, their centres (m, 3), and the arms of their atoms (n, 3)."""

    owner: Ints
    centres: Floats
    arms: Floats

    @classmethod
    def of(cls, places: Floats, owner: Ints) -> _Bodies:
        """Return the molecules of these places, `owner` telling which atom is whose."""
        sums = _summed(owner, places, int(owner.max()) + 1)
        centres = sums / np.bincount(owner)[:, None]
        return cls(owner, centres, places - centres[owner])

    @property
    def count(self) -> int:
        """How many molecules there are."""
        return len(self.centres)

    def moved(self, x: Floats) -> tuple[Floats, Floats]:
        """Return positions and arms after shifts (first half of x) and rotations (second half)."""
        shifts, turns = x.reshape(2, -1, 3)
        arms = np.einsum("nij,nj->ni", _rotations(turns)[self.owner], self.arms)
        return (self.centres + shifts)[self.owner] + arms, arms


class _Overlap:
    """The overlap of a crowd and its gradient by shifts and rotation vectors; pairs are searched only when needed."""

    def __init__(self, crowd: Crowd, bodies: _Bodies) -> None:
        self.crowd, self.bodies = crowd, bodies
        self.searched_at: Floats | None = None

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        places, arms = self.bodies.moved(x)
        value, slope = self.by_atoms(places)
        owner, count = self.bodies.owner, self.bodies.count
        torques = _summed(owner, np.cross(arms, slope), count)
        by_turns = np.einsum("nji,nj->ni", _jacobians(x.reshape(2, -1, 3)[1]), torques)
        return value, np.concatenate([_summed(owner, slope, count).ravel(), by_turns.ravel()])

    def by_atoms(self, places: Floats) -> tuple[float, Floats]:
        """Return the overlap and its gradient by the atoms' positions, (n, 3)."""
        if self.searched_at is None or np.abs(places - self.searched_at).max() > SKIN_A / 4:
            self.found, self.searched_at = self.crowd.pairs(places, SKIN_A), places
        i, j, aside, limit = self.found
        apart = places_of(self.crowd, places)[j] + aside - places[i]
        spans = np.maximum(np.linalg.norm(apart, axis=1), 1e-9)
        overlap = np.maximum(limit + SPARE_A - spans, 0.0)
        push = (2 * overlap / spans)[:, None] * apart
        n, total = len(places), len(places) + len(self.crowd.slab)
        slope = _summed(i, push, n) - _summed(j, push, total)[:n]
        below = np.minimum(places[:, 2] - self.crowd.floor_A, 0.0)
        above = np.maximum(places[:, 2] - self.crowd.ceiling_A, 0.0)
        slope[:, 2] += 2 * (below + above)
        return float((overlap**2).sum() + (below**2 + above**2).sum()), slope


def _lowest(overlap: _Overlap, x: Floats) -> tuple[Floats, bool]:
    """Return where L-BFGS with a backtracking search got to, and whether it cannot go on.

    Written out here because scipy's gives other last digits, and soon another packing, with another number of threads.
    """
    value, slope = overlap(x)
    pairs: deque[tuple[Floats, Floats]] = deque(maxlen=MEMORY)
    marked = value
    for step in range(1, STEPS + 1):
        ahead = -_times_inverse_hessian(slope, pairs)
        ahead *= min(1.0, LONGEST_STEP / np.abs(ahead).max(initial=1e-12))
        part, limit = 1.0, 1e-4 * float(slope @ ahead)
        while (tried := overlap(x + part * ahead))[0] > value + part * limit:
            part /= 2
            if part < 1e-6:
                return x, not pairs
        change = part * ahead
        if change @ (tried[1] - slope) > 1e-12:
            pairs.append((change, tried[1] - slope))
        x, (value, slope) = x + change, tried
        if value < NOTHING:
            return x, True
        if step % PATIENCE == 0:
            if value > 0.98 * marked:
                return x, True
            marked = value
    return x, False


def _times_inverse_hessian(slope: Floats, pairs: deque[tuple[Floats, Floats]]) -> Floats:
    """Return the product of the gradient with L-BFGS's inverse Hessian (two loops over steps and changes of slope)."""
    result, factors = slope.copy(), []
    for change, turn in reversed(pairs):
        factors.append(float(change @ result) / float(change @ turn))
        result -= factors[-1] * turn
    if pairs:
        change, turn = pairs[-1]
        result *= float(change @ turn) / float(turn @ turn)
    for change, turn in pairs:
        result += (factors.pop() - float(turn @ result) / float(change @ turn)) * change
    return result


def _summed(index: Ints, rows: Floats, n: int) -> Floats:
    """Return the sums (n, 3) of rows that share an index; real numbers too where there is no row."""
    return np.stack([np.bincount(index, rows[:, k], n).astype(float) for k in range(3)], axis=1)


def _cross_matrices(turns: Floats) -> Floats:
    """Return the matrices (m, 3, 3) K with K v = θ × v."""
    x, y, z = turns.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)


def _rotations(turns: Floats) -> Floats:
    """Return rotation matrices (m, 3, 3) of rotation vectors (Rodrigues)."""
    angle = np.linalg.norm(turns, axis=1)[:, None, None]
    k = _cross_matrices(turns)
    return np.asarray(np.eye(3) + np.sinc(angle / np.pi) * k + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * k @ k)


def _jacobians(turns: Floats) -> Floats:
    """Return the left Jacobians (m, 3, 3): a small δ of the rotation vector turns the body by J δ more."""
    angle = np.linalg.norm(turns, axis=1)[:, None, None]
    k = _cross_matrices(turns)
    safe = np.maximum(angle, 1e-4)
    cubic = np.where(angle > 1e-4, (safe - np.sin(safe)) / safe**3, 1 / 6)
    return np.asarray(np.eye(3) + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * k + cubic * k @ k)
