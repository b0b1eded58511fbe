"""Molecules brought towards rest as rigid bodies, by the engine's own forces and torques.

A placement that came down in contact has large forces on few atoms. Relaxed atom by atom, its first calls bend bonds;
as a rigid body it slides, turns and sinks at once: 8 calls lowered DME on Li(100) by 0.21 eV in the median of 96
placements, against 0.06 eV of ten for its atoms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from interlith.structures.bodies import Floats, RigidBody
from interlith.structures.records import AdlayerModel
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.optimisers import Counted, Outcome, settle
from interlith.workflows.engines.springs import spring_curvature
from interlith.workflows.relaxations import Progress, ready


def rigid_rest(model: AdlayerModel, effort: Effort, stage: str) -> Outcome:
    """Move each molecule of a model downhill as a rigid body, the slab held where it is.

    Parameters
    ----------
    model
        Molecules on a slab. An infinite chain turns about its own direction only.
    effort
        The engine; how many geometries it may evaluate; and the largest resultant force on a body, or torque over
        its radius of gyration, that counts as rest, eV/Å.
    stage
        Name of this step in the progress lines.

    Returns
    -------
    Outcome
        The lowest geometry met, never above its start, with the model's arrays and held atoms.

    Raises
    ------
    RequestError
        If the engine or the structure cannot be used.
    """
    _, atoms, _ = ready(model.xyz, effort.engine)
    axis = None if model.chain_mismatch_percent is None else np.asarray(atoms.cell[0])
    atoms.calc = counted = Counted(atoms.calc, effort.max_calls, on_step=Progress(stage))
    return settle(Poses.of(atoms, axis), counted, effort.fmax_eV_A)


@dataclass
class Poses:
    """The energy as a function of where rigid molecules stand; a place has two rows for each (see `RigidBody`).

    Parameters
    ----------
    atoms
        With a calculator; moved.
    bodies
        The molecules.
    indices
        Atoms of each body.
    """

    atoms: Atoms
    bodies: Sequence[RigidBody]
    indices: Sequence[np.ndarray]
    place: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.place = np.zeros((2 * len(self.bodies), 3))

    @classmethod
    def of(cls, atoms: Atoms, axis: Floats | None = None) -> Poses:
        """Return the landscape of the molecules in `atoms` (array `molecule`), which turn about `axis` if given."""
        which = atoms.arrays["molecule"]
        indices = [np.flatnonzero(which == k) for k in range(which.max() + 1)]
        return cls(atoms, [RigidBody(atoms.positions[i], axis) for i in indices], indices)

    def go(self, place: Floats) -> None:
        """Move there; nothing is evaluated."""
        self.place = np.array(place)
        for index, body, here in self._each():
            self.atoms.positions[index] = body.positions(here)

    def look(self) -> tuple[float, Floats]:
        """Return the energy (eV) and its gradient (2 m, 3), eV/Å, here."""
        forces = np.asarray(self.atoms.get_forces(apply_constraint=False), dtype=float)
        slope = -self._motions().T @ forces.ravel()
        return float(self.atoms.get_potential_energy()), slope.reshape(-1, 3)

    def curvature(self) -> Floats:
        """Return a first guess of the Hessian (6 m, 6 m), eV/Å²: springs between the bodies and the slab."""
        motions = self._motions()
        return np.asarray(motions.T @ spring_curvature(self.atoms) @ motions)

    def _each(self) -> list[tuple[np.ndarray, RigidBody, Floats]]:
        return list(zip(self.indices, self.bodies, self.place.reshape(-1, 2, 3), strict=True))

    def _motions(self) -> Floats:
        """Return how all atoms move with all coordinates, (3 n, 6 m)."""
        moved = np.zeros((len(self.atoms), 3, 6 * len(self.bodies)))
        for k, (index, body, here) in enumerate(self._each()):
            moved[index, :, 6 * k : 6 * k + 6] = body.motions(here)
        return moved.reshape(3 * len(self.atoms), -1)
