"""Both faces of a slab alike: a molecule on the upper one, its counterpart on the lower one.

Where an operation of the slab exchanges its two faces (inversion, mirror or glide plane, two-fold axis or screw in the
plane), it takes a molecule on one face to an equivalent place on the other. The whole then has no dipole along the
normal, and nothing need be held. Only operations that are their own inverse, but for a vector of the cell, are used:
they take the counterpart back to the molecule, so that the two halves are images of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.structures.records import AdlayerModel, MoleculeFacts
from interlith.structures.smiles import mirror_image

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KEPT_A = 0.1
"""A slab has an operation if every atom lands within this of an atom of its element."""
SEARCHED_A = 0.5
"""A first guess of an operation, from one pair of atoms, may be off by so much."""
EXACT_A = 1e-6
"""No other operation is looked for once one is this near."""
COUNTERPART = "a counterpart of the molecule"
PROBES = 12
"""Atoms that a guess is tried on before all of them are."""


@dataclass(frozen=True)
class Exchange:
    """An operation of a slab that exchanges its faces: x → x R + t on Cartesian rows, Å.

    Parameters
    ----------
    rotation, translation
        R (3, 3) and t (3,).
    partner
        For each atom, the one that it lands on, (n,).
    off_A
        The farthest that an atom lands from its partner.
    kind
        In words.
    """

    rotation: Floats
    translation: Floats
    partner: Ints
    off_A: float
    kind: str

    @property
    def mirrors(self) -> bool:
        """Whether the operation takes a molecule to its mirror image."""
        return bool(np.linalg.det(self.rotation) < 0)

    def of(self, places: Floats) -> Floats:
        """Return where positions (n, 3) land."""
        return np.asarray(places @ self.rotation + self.translation)


def face_exchange(slab: Atoms, where: str, *, chiral: bool = False) -> Exchange:
    """Return the operation that exchanges the faces of a slab.

    Inversion is taken before a plane, a plane before an axis, for it leaves the whole without any dipole; a chiral
    molecule stays itself only under an axis, which then comes first.

    Parameters
    ----------
    slab
        In the lateral cell that the operation must keep: a, b in the xy-plane, c along z.
    where
        What the slab is, for the message.
    chiral
        Whether what will stand on it has a mirror image that is another molecule.

    Raises
    ------
    RequestError
        If it has none to within 0.1 Å.
    """
    lattice = slab.cell.array[:2, :2]
    nearest = np.inf
    for turn in sorted(_turns(lattice), key=lambda w: (_rank(w) if not chiral else -_rank(w), w.ravel().tolist())):
        best = _best(_along(slab, turn))
        if best is not None and best.off_A <= KEPT_A:
            return best
        nearest = min(nearest, best.off_A if best else np.inf)
    close = f" (the nearest is off by {nearest:.2f} Å)" if np.isfinite(nearest) else ""
    raise RequestError(
        f"no operation of this slab exchanges its two faces to within {KEPT_A:g} Å{close}",
        where,
        "set adlayer.bottom = 'fixed' or 'free', or take another termination",
    )


def symmetrised(slab: Atoms, exchange: Exchange) -> Atoms:
    """Return the slab with every atom half-way to where its partner lands: then the operation is exact."""
    landed = exchange.of(slab.positions)
    apart = landed - slab.positions[exchange.partner]
    apart[:, :2] = _nearest(apart[:, :2], slab.cell.array[:2, :2])
    moved = slab.copy()
    moved.positions[exchange.partner] += apart / 2
    return moved


def with_counterpart(model: AdlayerModel, exchange: Exchange | None = None) -> AdlayerModel:
    """Return a model with the counterpart of its one molecule on the other face; nothing is held.

    Parameters
    ----------
    model
        One molecule on the upper face of a slab.
    exchange
        Of its slab in its cell; searched for if not given.

    Raises
    ------
    RequestError
        As :func:`face_exchange`.
    """
    atoms, facts = model.atoms, model.molecules[0]
    atoms.set_constraint()
    own = atoms.arrays["side"] == 1
    operation = exchange or face_exchange(atoms[~own], model.name, chiral=is_chiral(facts))
    below = atoms[own]
    below.positions = operation.of(below.positions)
    inside = np.floor(below.positions[:, :2].mean(axis=0) @ np.linalg.inv(atoms.cell.array[:2, :2]) + 1e-9)
    below.positions[:, :2] -= inside @ atoms.cell.array[:2, :2]
    below.arrays["molecule"] += 1
    image = " (its mirror image)" if operation.mirrors and is_chiral(facts) else ""
    told = (
        f"{COUNTERPART}{image} put on the other face by {operation.kind}, which the slab had to within "
        f"{operation.off_A:.3f} Å and was made to have exactly"
    )
    return model.model_copy(
        update={
            "xyz": to_text(atoms + below),
            "molecules": (facts, _reflected(facts) if operation.mirrors else facts),
            "n_interfaces": 2,
            "bottom": "symmetric",
            "origin": model.origin if _told(model) else model.origin.then(told),
        }
    )


def upper_only(model: AdlayerModel) -> AdlayerModel:
    """Return a model with a counterpart without it, in the same cell: one molecule on the upper face.

    Its origin keeps the step that put the counterpart there: for :func:`with_counterpart`, which puts it back.
    """
    atoms = model.atoms
    return model.model_copy(
        update={
            "xyz": to_text(atoms[atoms.arrays["molecule"] < 1]),
            "molecules": model.molecules[:1],
            "n_interfaces": 1,
            "bottom": "free",
        }
    )


def is_chiral(facts: MoleculeFacts) -> bool:
    """Return whether a molecule's mirror image may be another molecule: its SMILES has a stereocentre."""
    return "@" in facts.smiles


def _told(model: AdlayerModel) -> bool:
    """Return whether a model's origin says already how its counterpart came about."""
    return any(step.startswith(COUNTERPART) for step in model.origin.steps)


def _reflected(facts: MoleculeFacts) -> MoleculeFacts:
    return facts.model_copy(update={"smiles": mirror_image(facts.smiles)}) if is_chiral(facts) else facts


def _best(found: Iterator[Exchange]) -> Exchange | None:
    """Return the first operation that leaves nothing to wish for, else the nearest."""
    known = []
    for one in found:
        if one.off_A < EXACT_A:
            return one
        known.append(one)
    return min(known, key=lambda one: round(one.off_A, 3), default=None)


def _rank(turn: Ints) -> int:
    """Return 0 for an inversion, 1 for a plane, 2 for an axis."""
    if round(float(np.linalg.det(turn))) < 0:
        return 2
    return 0 if turn[0, 0] < 0 else 1


def _kind(turn: Ints, shift: Floats) -> str:
    """Name an operation by its part in the plane and what it moves along it, fractions."""
    along = (shift + shift @ turn) / 2  # what is left of the translation once the origin lies on plane or axis
    moved = np.abs(along - np.rint(along)).max() > 1e-3
    planes_and_axes = ("a glide plane", "a two-fold screw") if moved else ("a mirror plane", "a two-fold axis")
    return ("inversion", *planes_and_axes)[_rank(turn)]


def _turns(lattice: Floats) -> Iterator[Ints]:
    """Yield the integer matrices, their own inverse, that keep a lattice (rows (2, 2)) as it is."""
    metric = lattice @ lattice.T
    for entries in product(range(-2, 3), repeat=4):
        turn = np.reshape(entries, (2, 2))
        if (turn @ turn == np.eye(2)).all() and np.abs(turn @ metric @ turn.T - metric).max() < 1e-3 * metric.max():
            yield turn


def _along(slab: Atoms, turn: Ints) -> Iterator[Exchange]:
    """Yield what looks like an operation of the slab with this part in the plane, however far off."""
    lattice, z = slab.cell.array[:2, :2], slab.positions[:, 2]
    fractions = slab.positions[:, :2] @ np.linalg.inv(lattice)
    anchor, others = _rarest(slab, z.min() + z.max())
    probes = np.unique(np.linspace(0, len(slab) - 1, PROBES).astype(int))
    for other in others:
        shift = fractions[other] - fractions[anchor] @ turn
        for members in (probes, np.arange(len(slab))):
            guess = _Landing.of(slab, members, fractions[members] @ turn + shift, z.min() + z.max() - z[members])
            if guess.off_A > 2 * SEARCHED_A:
                break
        else:
            if (guess.partner[guess.partner] == np.arange(len(slab))).all():
                yield _refined(lattice, turn, shift, guess, z)


def _refined(lattice: Floats, turn: Ints, shift: Floats, guess: _Landing, z: Floats) -> Exchange:
    """Return the operation with the translation that brings all atoms nearest to their partners."""
    centre = guess.apart.mean(axis=0)
    shift = shift - centre[:2] @ np.linalg.inv(lattice)
    twice = shift @ turn + shift
    shift = shift - (twice - np.rint(twice)) / 2  # so that the operation is exactly its own inverse
    left = guess.apart - centre
    rotation = np.eye(3)
    rotation[:2, :2] = np.linalg.inv(lattice) @ turn @ lattice
    rotation[2, 2] = -1.0
    return Exchange(
        rotation=rotation,
        translation=np.array([*(shift @ lattice), z.min() + z.max() - centre[2]]),
        partner=guess.partner,
        off_A=float(np.linalg.norm(left, axis=1).max()),
        kind=_kind(turn, shift),
    )


@dataclass(frozen=True)
class _Landing:
    """Where atoms land: the nearest atom of their element (m,), and how far off, (m, 3) Å."""

    partner: Ints
    apart: Floats

    @classmethod
    def of(cls, slab: Atoms, members: Ints, fractions: Floats, heights: Floats) -> _Landing:
        """Return the landing of some atoms at in-plane fractions (m, 2) and heights (m,)."""
        lattice = slab.cell.array[:2, :2]
        places = np.column_stack([fractions @ lattice, heights])
        apart = places[:, None] - slab.positions
        apart[..., :2] = _nearest(apart[..., :2].reshape(-1, 2), lattice).reshape(*apart.shape[:2], 2)
        squares = (apart**2).sum(axis=-1) + 1e6 * (slab.numbers[members][:, None] != slab.numbers)
        nearest = squares.argmin(axis=1)
        return cls(nearest, apart[np.arange(len(members)), nearest])

    @property
    def off_A(self) -> float:
        """The farthest that an atom lands from another."""
        return float(np.linalg.norm(self.apart, axis=1).max())


def _rarest(slab: Atoms, twice_middle: float) -> tuple[int, Ints]:
    """Return an atom of the rarest element and those of that element at the height that it is exchanged with."""
    counts = Counter(slab.numbers.tolist())
    own = np.flatnonzero(slab.numbers == min(counts, key=lambda z: (counts[z], z)))
    anchor = int(own[0])
    level = np.abs(slab.positions[own, 2] + slab.positions[anchor, 2] - twice_middle) < SEARCHED_A
    return anchor, own[level]


def _nearest(apart: Floats, lattice: Floats) -> Floats:
    """Return in-plane vectors (n, 2) as the shortest of their images, for a cell that is nearly reduced."""
    apart = apart - np.rint(apart @ np.linalg.inv(lattice)) @ lattice
    around = np.array(list(product((-1, 0, 1), repeat=2))) @ lattice
    near = apart[:, None] + around
    return np.asarray(near[np.arange(len(apart)), (near**2).sum(axis=-1).argmin(axis=1)])
