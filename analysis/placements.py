"""Which placements of a molecule are worth relaxing: candidates ranked by a cheap engine, no two alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from pydantic import Field

from interlith.analysis.records import Provenance
from interlith.structures.geometry import from_text
from interlith.structures.records import AdlayerModel, PoseFacts, Record

SAME_ENERGY_EV, SAME_HEIGHT_A = 0.01, 0.2
"""Two candidates that end so near to each other, in energy and in every height and distance, are one."""


class Screened(Record):
    """A placement after its ranking."""

    model: AdlayerModel = Field(description="as placed")
    xyz: str = Field(description="the molecule moved towards rest as a rigid body, the slab held")
    energy_eV: float
    n_calls: int


class Batch(Record):
    """Some of the placements, ranked by one job."""

    screened: tuple[Screened, ...]
    provenance: Provenance


class Ranking(Record):
    """What the screening leaves: the placements to relax, best first."""

    chosen: tuple[Screened, ...] = Field(min_length=1)
    n_candidates: int
    n_alike: int = Field(description="candidates that had come to rest where a lower one had")
    provenance: Provenance


def ranked(batches: Sequence[Batch], k: int) -> Ranking:
    """Return the `k` lowest candidates of all batches of which no two are alike.

    Where `k` leaves room for twice as many, the best of every conformer is among them: then the answer can say how much
    it depends on the conformer.
    """
    ordered = sorted((one for batch in batches for one in batch.screened), key=lambda one: one.energy_eV)
    distinct: list[Screened] = []
    prints: list[tuple[float, np.ndarray]] = []
    for one in ordered:
        mark = fingerprint(from_text(one.xyz))
        alike = (abs(one.energy_eV - e) < SAME_ENERGY_EV and np.abs(mark - m).max() < SAME_HEIGHT_A for e, m in prints)
        if not any(alike):
            distinct.append(one)
            prints.append((one.energy_eV, mark))
    firsts = {pose_of(one.model).conformer: k for k, one in reversed(list(enumerate(distinct)))}
    kept = sorted(firsts.values()) if 2 * len(firsts) <= k else []
    kept += [place for place in range(len(distinct)) if place not in kept]
    return Ranking(
        chosen=tuple(distinct[place] for place in sorted(kept[:k])),
        n_candidates=len(ordered),
        n_alike=len(ordered) - len(distinct),
        provenance=Provenance.merged([batch.provenance for batch in batches]),
    )


def fingerprint(atoms: Atoms) -> np.ndarray:
    """Return, for each atom of the molecule, its height above the slab and its distance to the nearest slab atom, Å.

    The same for placements that a translation or rotation of the surface turns into each other, and for atoms of an
    element that change places; shape (2n,).
    """
    side = atoms.arrays["side"]
    slab, molecule = np.flatnonzero(side == 0), np.flatnonzero(side == 1)
    heights = atoms.positions[molecule, 2] - atoms.positions[slab, 2].max()
    nearest = np.array([atoms.get_distances(int(m), slab, mic=True).min() for m in molecule])
    order = np.lexsort((nearest, heights, atoms.numbers[molecule]))
    return np.concatenate([heights[order], nearest[order]])


def pose_of(model: AdlayerModel) -> PoseFacts:
    """Return the pose of a model that is a placement (a packed layer has none)."""
    assert model.pose is not None, "a placement has a pose"
    return model.pose
