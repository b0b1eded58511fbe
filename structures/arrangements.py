"""The search for the lowest arrangements: runs of replica exchange from random starts until several agree."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from interlith.structures.tempering import Best, Floats, Ints, Ladder, Problem, SAME_eV, no_states, temper

# Attempted moves of one search: 25 million take about a second.
MOVES = 40_000_000
# Where nothing moves any more and where nearly everything does (eV), for charges that differ by 1 e; the energy of a
# swap grows with the square of the difference.
COLD_eV, HOT_eV = 0.15, 1.0
REPLICAS_PER_OCTAVE = 2.2
# Moves of one run in units of the square of the number of sites: two runs of three meet the lowest state then.
MOVES_PER_PAIR = 600
# Least costs of a contact and of an atom on the wrong orbit, in units of the hottest temperature.
CONTACT, STRAY = 0.3, 0.05
# Runs that must end in the lowest state before it is believed.
AGREEMENT = 3
# Runs without a single contact-free state after which the occupancies are held to be unrealisable.
PATIENCE = 2


def lowest_arrangements(problem: Problem, *, seed: int = 0, k: int = 1, moves: int = MOVES) -> Best:
    """Return the `k` lowest arrangements found, no two of the same energy; infinite energies where there are fewer.

    Runs from random starts go on until several have ended in the lowest state, or the moves are spent. That it is the
    lowest of all is not proven.

    Parameters
    ----------
    problem
        Energies and rules.
    seed
        Determines the result.
    k
        How many.
    moves
        Attempted moves in all; more are spent only while nothing was found.
    """
    rng = np.random.default_rng(seed)
    temperatures = _temperatures(problem)
    n, replicas = len(problem.pool_of), len(temperatures)
    costs = temperatures[-1] * np.array([CONTACT, STRAY])
    best, left, runs, hits = no_states(k, n), moves, 0, 0
    while hits < AGREEMENT and (left > 0 or not runs) if np.isfinite(best.energies[0]) else runs < PATIENCE:
        known = best.energies[0]
        # That nothing can be found is believed after runs of full length only.
        length = MOVES_PER_PAIR * n**2
        length = length if runs and np.isinf(known) else min(length, left)
        sweeps = max(length // (n * replicas), 1) if len(problem.close) else 0
        starts = np.array([random_filling(problem, rng) for _ in range(replicas)])
        lowest = temper(problem, starts, Ladder(temperatures, costs, sweeps), int(rng.integers(2**62)), best)
        hits = 1 if lowest < known - SAME_eV else hits + bool(lowest < known + SAME_eV)
        left -= sweeps * n * replicas
        runs += 1
    return best


def random_filling(problem: Problem, rng: np.random.Generator) -> Ints:
    """Return random kinds (n,) that stand where they may, in the right number on each orbit."""
    kinds = np.zeros(len(problem.orbit_of), dtype=np.int64)
    for orbit, held in enumerate(problem.held):
        sites = np.flatnonzero(problem.orbit_of == orbit)
        atoms = rng.permutation(np.repeat(np.arange(len(held)), held))
        barred = ~problem.allowed[np.ix_(sites, atoms)]
        if barred.any():
            place, atom = linear_sum_assignment(rng.random(barred.shape) + len(sites) * barred)
            sites, atoms = sites[place], atoms[atom]
        kinds[sites] = atoms
    return kinds


def _temperatures(problem: Problem) -> Floats:
    """Return a geometric ladder, by the charge differences that the swaps can have."""
    allowed = [problem.allowed[problem.pool_of == p].any(axis=0) for p in range(len(problem.pool_start) - 1)]
    steps = np.concatenate([np.abs(np.subtract.outer(*[problem.charges[kinds]] * 2)).ravel() for kinds in allowed])
    steps = steps[steps > 0] if steps.any() else np.ones(1)
    cold, hot = COLD_eV * steps.min() ** 2, HOT_eV * steps.max() ** 2
    return np.geomspace(cold, hot, 1 + round(REPLICAS_PER_OCTAVE * np.log2(hot / cold)))
