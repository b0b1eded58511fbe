"""Molecules brought to rest along bonds, angles and dihedrals instead of Cartesian axes, by geomeTRIC.

Translation–rotation internal coordinates (Wang and Song 2016, https://doi.org/10.1063/1.4952956): several molecules
move and turn as wholes beside their own internal motion.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from geometric.engine import Engine
from geometric.errors import GeomOptNotConvergedError
from geometric.internal import DelocalizedInternalCoordinates
from geometric.molecule import Molecule
from geometric.optimize import Optimizer, OptParams

from interlith.workflows.engines.optimisers import CapReachedError, Counted, OnStep, Outcome

OPTIMISER = "geomeTRIC, translation–rotation internal coordinates"
NEVER = 1e6
"""A criterion that is always met: the largest force alone decides."""
FORCE_AU = Hartree / Bohr


def minimise_internally(atoms: Atoms, *, fmax: float, max_calls: int = 500, on_step: OnStep | None = None) -> Outcome:
    """Move a molecule (with a calculator, left untouched) to a local minimum of the engine's energy.

    Parameters
    ----------
    atoms
        Start, with the engine's calculator; free of constraints, not periodic.
    fmax
        Largest force on an atom at the end, eV/Å.
    max_calls
        Distinct geometries the engine may evaluate.
    on_step
        Told of each evaluation: its number, energy and largest force.

    Returns
    -------
    Outcome
        Unconverged if the cap was reached first: then the geometry of lowest energy met so far.
    """
    working = atoms.copy()
    working.calc = counted = Counted(atoms.calc, max_calls, on_step=on_step)
    working.get_forces()
    try:
        if counted.last[2] > fmax:
            _optimise(working, fmax, max_calls)
    except (CapReachedError, GeomOptNotConvergedError):
        pass
    converged = counted.last[2] <= fmax
    energy, final, force = counted.last if converged else counted.best
    return Outcome(final, energy, force, tuple(counted.energies), counted.calls, converged, OPTIMISER)


class _Forces(Engine):
    """What geomeTRIC asks for energies and gradients, in hartree and bohr."""

    def __init__(self, molecule: Molecule, atoms: Atoms) -> None:
        super().__init__(molecule)
        self.atoms = atoms

    def calc_new(self, coords: np.ndarray, dirname: str) -> dict[str, Any]:  # noqa: ARG002
        """Return energy and gradient (atomic units) at coordinates in Bohr, as geomeTRIC asks for them."""
        self.atoms.positions = coords.reshape(-1, 3) * Bohr
        gradient = -self.atoms.get_forces().ravel() / FORCE_AU
        return {"energy": self.atoms.get_potential_energy() / Hartree, "gradient": gradient}


def _optimise(atoms: Atoms, fmax: float, max_calls: int) -> None:
    molecule = Molecule()
    molecule.elem, molecule.xyzs = atoms.get_chemical_symbols(), [atoms.positions.copy()]
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        criteria = {f"convergence_{name}": NEVER for name in ("energy", "grms", "drms", "dmax")}
        parameters = OptParams(
            **criteria,
            convergence_gmax=fmax / FORCE_AU,
            maxiter=max_calls,
            xyzout=str(Path(folder) / "path.xyz"),
            qdata=None,
        )
        coordinates = DelocalizedInternalCoordinates(molecule, build=True, connect=False, addcart=False)
        start = atoms.positions.ravel() / Bohr
        Optimizer(
            start, molecule, coordinates, _Forces(molecule, atoms), folder, parameters, print_info=False
        ).optimizeGeometry()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what geomeTRIC tells of each step: progress lines are written by the caller."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("geometric")]
    before = [(one.level, one.propagate) for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
        one.propagate = False
    try:
        yield
    finally:
        for one, (level, propagate) in zip(loggers, before, strict=True):
            one.setLevel(level)
            one.propagate = propagate
