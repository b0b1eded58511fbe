"""Ways to a self-consistent field, the plainest first: never another functional, basis or number of electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interlith.structures.errors import ComputationError

PLAIN = "DIIS from atomic densities"
DAMPED = "damping and level shift, then DIIS"
SECOND_ORDER = "second order"
FOLLOWED = "an instability followed"
DAMPING, SHIFT_HA, ROUGHLY_HA = 0.5, 0.4, 1e-5


@dataclass(frozen=True)
class Climbed:
    """A converged mean field and how it was reached."""

    field: Any
    rung: str


def climb(problem: Any, where: str, *, stability: bool = False) -> Climbed:
    """Solve a Kohn–Sham problem by the first rung that converges.

    1. DIIS from a superposition of atomic densities. 2. Densities mixed by half and empty levels raised until roughly
    converged, then DIIS from there. 3. Second-order steps from the last density.

    Parameters
    ----------
    problem
        PySCF's mean field, not yet solved.
    where
        The molecule, for the message.
    stability
        Whether the solution is tested against real variations of its own orbitals, and left downhill if it fails.

    Raises
    ------
    ComputationError
        If no rung converges, with what was tried.
    """
    for rung, solve in ((PLAIN, _plain), (DAMPED, _damped), (SECOND_ORDER, _second_order)):
        if solve(problem):
            return _followed(Climbed(problem, rung), where) if stability else Climbed(problem, rung)
    raise ComputationError(
        f"no self-consistent field within {problem.max_cycle} iterations each of {PLAIN}; {DAMPED}; {SECOND_ORDER} "
        f"(last energy {problem.e_tot:.6f} Ha)",
        where,
        "check the geometry, the charge and the multiplicity, or raise max_cycle",
    )


def _plain(problem: Any) -> bool:
    problem.kernel()
    return bool(problem.converged)


def _damped(problem: Any) -> bool:
    kept = problem.conv_tol
    problem.damp, problem.level_shift, problem.conv_tol = DAMPING, SHIFT_HA, ROUGHLY_HA
    problem.kernel()
    problem.damp, problem.level_shift, problem.conv_tol = 0, 0, kept
    problem.kernel(dm0=problem.make_rdm1())
    return bool(problem.converged)


def _second_order(problem: Any) -> bool:
    solver = problem.newton()
    solver.kernel(problem.mo_coeff, problem.mo_occ)
    return _take(problem, solver)


def _take(problem: Any, solver: Any) -> bool:
    """Hand the solution of a solver to the problem it solved."""
    for name in ("mo_energy", "mo_coeff", "mo_occ", "e_tot", "converged"):
        setattr(problem, name, getattr(solver, name))
    return bool(problem.converged)


def _followed(found: Climbed, where: str) -> Climbed:
    """Leave an unstable solution downhill, twice at most."""
    problem, rung = found.field, found.rung
    for _ in range(2):
        orbitals, _, stable, _ = problem.stability(return_status=True)
        if stable:
            return Climbed(problem, rung)
        solver = problem.newton()
        solver.kernel(orbitals, problem.mo_occ)
        rung = f"{found.rung}, {FOLLOWED}"
        if not _take(problem, solver):
            raise ComputationError(f"{FOLLOWED}, and no solution found", where, "check the multiplicity")
    raise ComputationError("every solution found is unstable", where, "check the multiplicity")
