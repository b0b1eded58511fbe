"""Simulated annealing of species over sites: pair energies in one matrix, one swap a move, lowest states kept."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Cost of two atoms on sites that exclude each other, eV: far above any swap's energy at the temperatures used.
CONTACT_eV = 30.0
# Energies of symmetry-equal states differ by the digits of the file's coordinates.
SAME_eV = 1e-4
TINY_eV = 1e-6


class Problem(NamedTuple):
    """What is being ordered: `n` sites, each of which holds one of `m` kinds (0 is the vacancy).

    Sites in one pool exchange their kinds, if each may stand on the other's site.
    """

    matrix: Floats  # (n, n) pair energies of unit charges, eV
    potential: Floats  # (n,) of the atoms that do not move, eV per unit charge
    charges: Floats  # (m,) of the kinds, e
    allowed: NDArray[np.bool_]  # (n, m) kinds that a site may hold
    pool_of: Ints  # (n,)
    pool_start: Ints  # (pools + 1,) into pool_sites
    pool_sites: Ints  # (n,)
    near_start: Ints  # (n + 1,) into near
    near: Ints  # neighbours that exclude a site
    blocked: Ints  # (n,) how many of the atoms that do not move exclude a site


class Best(NamedTuple):
    """The lowest states without contacts so far, lowest first, no two of the same energy."""

    energies: Floats  # (k,) eV, infinite where none was found
    kinds: Ints  # (k, n)
    hits: Ints  # (1,) how many runs have ended in the lowest


def no_states(k: int, n: int) -> Best:
    """Return an empty list for `k` states of `n` sites."""
    return Best(np.full(k, np.inf), np.zeros((k, n), dtype=np.int64), np.zeros(1, dtype=np.int64))


@njit(cache=True)
def _occupied_near(problem: Problem, kinds: Ints, site: int, but: int) -> int:
    count = problem.blocked[site]
    for p in range(problem.near_start[site], problem.near_start[site + 1]):
        other = problem.near[p]
        count += other != but and kinds[other] != 0
    return count


@njit(cache=True)
def _new_contacts(problem: Problem, kinds: Ints, a: int, b: int) -> int:
    """Count contacts after minus before the kinds of sites `a` and `b` are exchanged."""
    if (kinds[a] == 0) == (kinds[b] == 0):
        return 0
    emptied, filled = (a, b) if kinds[a] != 0 else (b, a)
    return _occupied_near(problem, kinds, filled, emptied) - _occupied_near(problem, kinds, emptied, filled)


@njit(cache=True)
def _remember(best: Best, energy: float, kinds: Ints) -> None:
    k = len(best.energies)
    if energy > best.energies[k - 1] - TINY_eV:
        return
    place = 0
    while place < k and best.energies[place] < energy - SAME_eV:
        place += 1
    if best.energies[place] < energy + SAME_eV:
        return
    if place == 0:
        best.hits[0] = 0
    for later in range(k - 1, place, -1):
        best.energies[later] = best.energies[later - 1]
        for site in range(len(kinds)):
            best.kinds[later, site] = best.kinds[later - 1, site]
    best.energies[place] = energy
    for site in range(len(kinds)):
        best.kinds[place, site] = kinds[site]


def anneal(problem: Problem, kinds: Ints, temperatures: Floats, moves: int, seed: int, best: Best) -> None:
    r"""Anneal one start, by Metropolis' rule, and enter the contact-free states met in `best`.

    A move exchanges the kinds of two sites of a pool, whose charges differ by :math:`d = q_b - q_a`:

    .. math::
        \Delta E = d (\phi_a - \phi_b) + d^2 (M_{aa}/2 + M_{bb}/2 - M_{ab}), \quad \phi = v + M q

    (S. Kirkpatrick et al., 1983, doi:10.1126/science.220.4598.671).

    Parameters
    ----------
    problem
        Energies and rules.
    kinds
        Shape (n,), the start; left at the end state.
    temperatures
        Shape (t,), eV, one for each sweep.
    moves
        Attempts a sweep.
    seed
        The run is determined by it.
    best
        Changed in place.
    """
    charges = problem.charges[kinds]
    field = problem.potential + problem.matrix @ charges
    start = (0.5 * float((problem.potential + field) @ charges), _contacts(problem, kinds))
    _anneal(problem, kinds, field, start, (temperatures, moves, seed), best)


def _contacts(problem: Problem, kinds: Ints) -> int:
    held = np.flatnonzero(kinds)
    near = sum(int((kinds[problem.near[problem.near_start[s] : problem.near_start[s + 1]]] != 0).sum()) for s in held)
    return near // 2 + int(problem.blocked[held].sum())


@njit(cache=True)
def _anneal(
    problem: Problem,
    kinds: Ints,
    field: Floats,
    start: tuple[float, int],
    schedule: tuple[Floats, int, int],
    best: Best,
) -> None:
    # Plain loops and no linear algebra: what numba compiles fast.
    temperatures, moves, seed = schedule
    energy, contacts = start
    np.random.seed(seed)
    matrix, charges = problem.matrix, problem.charges
    n = len(kinds)
    lowest = np.inf
    for step in range(len(temperatures) * moves):
        temperature = temperatures[step // moves]
        a = np.random.randint(n)
        pool = problem.pool_of[a]
        first, size = problem.pool_start[pool], problem.pool_start[pool + 1] - problem.pool_start[pool]
        b = problem.pool_sites[first + np.random.randint(size)]
        if kinds[a] == kinds[b] or not (problem.allowed[a, kinds[b]] and problem.allowed[b, kinds[a]]):
            continue
        d = charges[kinds[b]] - charges[kinds[a]]
        change = d * (field[a] - field[b]) + d * d * (0.5 * matrix[a, a] + 0.5 * matrix[b, b] - matrix[a, b])
        more = _new_contacts(problem, kinds, a, b)
        cost = change + CONTACT_eV * more
        if cost > 0 and (temperature <= 0 or np.random.random() >= math.exp(-cost / temperature)):
            continue
        for site in range(n):
            field[site] += d * (matrix[a, site] - matrix[b, site])
        kinds[a], kinds[b] = kinds[b], kinds[a]
        energy += change
        contacts += more
        if contacts == 0:
            lowest = min(lowest, energy)
            _remember(best, energy, kinds)
    if lowest < best.energies[0] + SAME_eV:
        best.hits[0] += 1
