"""Replica exchange of species over sites: pair energies in one matrix, one swap a move, lowest states kept.

Two rules hold in the states that are kept, and may be broken on the way at a cost: no two atoms on sites that exclude
each other, and the right number of each kind on each orbit. No chain of single swaps that keep both leads from one good
arrangement to the next. The costs rise while the coldest replica breaks a rule and sink while it keeps it, so that the
replicas stay at the border of what is allowed (strategic oscillation, F. Glover, 1977,
doi:10.1111/j.1540-5915.1977.tb01074.x).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Energies of symmetry-equal states differ by the digits of the file's coordinates.
SAME_eV = 1e-4
TINY_eV = 1e-6
# Of 256 moves, those between close sites: they are taken several times as often as moves over any distance.
CLOSE_MOVES = 200
# Steps of the costs of broken rules, a sweep, and the most a cost can become, in units of the hottest temperature.
FIRMER, SOFTER, FIRMEST = 1.2, 0.98, 30.0


class Problem(NamedTuple):
    """What is being ordered: `n` sites on `o` orbits, each of which holds one of `m` kinds (0 is the vacancy).

    Sites in one pool exchange their kinds, if each may stand on the other's site.
    """

    matrix: Floats  # (n, n) pair energies of unit charges, eV
    potential: Floats  # (n,) of the atoms that do not move, eV per unit charge
    charges: Floats  # (m,) of the kinds, e
    allowed: NDArray[np.bool_]  # (n, m) kinds that a site may hold
    orbit_of: Ints  # (n,)
    held: Ints  # (o, m) how many of each kind an orbit holds
    pool_of: Ints  # (n,)
    pool_start: Ints  # (pools + 1,) into pool_sites
    pool_sites: Ints  # (n,)
    close: Ints  # (pairs, 2) of one pool, tried more often than the others
    near_start: Ints  # (n + 1,) into near
    near: Ints  # neighbours that exclude a site
    blocked: Ints  # (n,) how many of the atoms that do not move exclude a site


class Ladder(NamedTuple):
    """How a run goes."""

    temperatures: Floats  # (replicas,) eV, coldest first
    costs: Floats  # (2,) eV of one contact and of one atom too many or too few on an orbit, at the start
    sweeps: int  # of each replica; one attempted move a site


class Best(NamedTuple):
    """The lowest states so far that break no rule, lowest first, no two of the same energy."""

    energies: Floats  # (k,) eV, infinite where none was found
    kinds: Ints  # (k, n)


class _Replicas(NamedTuple):
    kinds: Ints  # (replicas, n)
    field: Floats  # (replicas, n) potential of all atoms at each site
    crowd: Ints  # (replicas, n) atoms on sites that exclude a site
    counts: Ints  # (replicas, o, m) of each kind on each orbit
    energies: Floats  # (replicas,)
    faults: Ints  # (replicas, 2) contacts, and strays: kinds too many or too few on an orbit


def no_states(k: int, n: int) -> Best:
    """Return an empty list for `k` states of `n` sites."""
    return Best(np.full(k, np.inf), np.zeros((k, n), dtype=np.int64))


def temper(problem: Problem, starts: Ints, ladder: Ladder, seed: int, best: Best) -> float:
    r"""Run replicas at several temperatures, let neighbours exchange, and enter the faultless states met in `best`.

    A move exchanges the kinds of two sites of a pool, whose charges differ by :math:`d = q_b - q_a`:

    .. math::
        \Delta E = d (\phi_a - \phi_b) + d^2 (M_{aa}/2 + M_{bb}/2 - M_{ab}), \quad \phi = v + M q

    and is taken by Metropolis' rule; φ is kept, so that a trial costs O(1) and a taken move O(n). Replicas at
    :math:`T_1 < T_2` exchange with probability
    :math:`\min(1, \exp[(E_1 - E_2)(1/T_1 - 1/T_2)])` (R. H. Swendsen, J.-S. Wang, 1986,
    doi:10.1103/PhysRevLett.57.2607; K. Hukushima, K. Nemoto, 1996, doi:10.1143/JPSJ.65.1604).

    Parameters
    ----------
    problem
        Energies and rules.
    starts
        Shape (replicas, n), kinds; all of one composition. Not changed.
    ladder
        Temperatures, costs of broken rules, length.
    seed
        The run is determined by it.
    best
        Changed in place.

    Returns
    -------
    lowest
        Energy (eV) of the lowest faultless state of this run, infinite where it met none.
    """
    kinds = np.ascontiguousarray(starts, dtype=np.int64).copy()
    charges = problem.charges[kinds]
    field = problem.potential + charges @ problem.matrix
    crowd = np.array([_crowd(problem, row) for row in kinds])
    counts = np.zeros((len(kinds), *problem.held.shape), dtype=np.int64)
    np.add.at(counts, (np.arange(len(kinds))[:, None], problem.orbit_of[None], kinds), 1)
    contacts = ((crowd + problem.blocked) * (kinds != 0)).sum(axis=1) // 2
    strays = np.abs(counts - problem.held).sum(axis=(1, 2))
    energies = 0.5 * ((problem.potential + field) * charges).sum(axis=1)
    replicas = _Replicas(kinds, field, crowd, counts, energies, np.stack((contacts, strays), axis=1))
    # Xorshift needs a state that is not zero; the golden ratio spreads small seeds over the bits.
    bits = np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    ladder = ladder._replace(costs=ladder.costs.copy())
    return float(_temper(problem, replicas, ladder, bits, best))


def _crowd(problem: Problem, kinds: Ints) -> Ints:
    holder = np.repeat(np.arange(len(kinds)), np.diff(problem.near_start))
    near = np.bincount(holder, weights=kinds[problem.near] != 0, minlength=len(kinds))
    return problem.blocked + near.astype(np.int64)


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
    for later in range(k - 1, place, -1):
        best.energies[later] = best.energies[later - 1]
        best.kinds[later] = best.kinds[later - 1]
    best.energies[place] = energy
    best.kinds[place] = kinds


@njit(cache=True)
def _next(bits: np.uint64) -> np.uint64:
    # Marsaglia's xorshift, doi:10.18637/jss.v008.i14: several times as fast as numba's generator, which dominated.
    bits ^= bits << np.uint64(13)
    bits ^= bits >> np.uint64(7)
    bits ^= bits << np.uint64(17)
    return bits


@njit(cache=True)
def _below(bits: np.uint64, n: int) -> int:
    """Return 0 to n - 1 from the upper half of random bits."""
    return int(np.int64(((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)))


@njit(cache=True)
def _accepted(exponent: float, bits: np.uint64) -> bool:
    return exponent <= 0.0 or float(bits >> np.uint64(11)) * 2.0**-53 < math.exp(-exponent)


@njit(cache=True)
def _new_strays(counts: Ints, held: Ints, leaves: int, enters: int, kind: int) -> int:
    """Count strays after minus before an atom of a kind goes from one orbit to another."""
    less, more = counts[leaves, kind] - held[leaves, kind], counts[enters, kind] - held[enters, kind]
    return abs(less - 1) - abs(less) + abs(more + 1) - abs(more)


@njit(cache=True)
def _move_crowd(problem: Problem, crowd: Ints, emptied: int, filled: int) -> None:
    for p in range(problem.near_start[filled], problem.near_start[filled + 1]):
        crowd[problem.near[p]] += 1
    for p in range(problem.near_start[emptied], problem.near_start[emptied + 1]):
        crowd[problem.near[p]] -= 1


@njit(cache=True)
def _sweep(
    problem: Problem, replicas: _Replicas, r: int, rule: tuple[float, float, float], bits: np.uint64, best: Best
) -> tuple[float, np.uint64]:
    # Plain loops, no linear algebra and no fields of tuples inside: what numba compiles fast to fast code.
    matrix, _, charges, allowed, orbit_of, held, pool_of, pool_start, pool_sites, close, near_start, near, _ = problem
    kinds, field, crowd, counts = replicas.kinds[r], replicas.field[r], replicas.crowd[r], replicas.counts[r]
    temperature, contact_eV, stray_eV = rule
    n, lowest = len(kinds), np.inf
    for _ in range(n):
        bits = _next(bits)
        if bits & np.uint64(255) < CLOSE_MOVES:
            pair = _below(bits, len(close))
            a, b = close[pair, 0], close[pair, 1]
        else:
            a, bits = _below(bits, n), _next(bits)
            first = pool_start[pool_of[a]]
            b = pool_sites[first + _below(bits, pool_start[pool_of[a] + 1] - first)]
        if kinds[a] == 0:
            a, b = b, a
        one, other = kinds[a], kinds[b]
        if one == other or not (allowed[a, other] and allowed[b, one]):
            continue
        d = charges[other] - charges[one]
        change = d * (field[a] - field[b]) + d * d * (0.5 * matrix[a, a] + 0.5 * matrix[b, b] - matrix[a, b])
        contacts, strays = 0, 0
        if other == 0:
            contacts = crowd[b] - crowd[a]
            for p in range(near_start[a], near_start[a + 1]):
                contacts -= near[p] == b
        leaves, enters = orbit_of[a], orbit_of[b]
        if leaves != enters:
            strays = _new_strays(counts, held, leaves, enters, one) + _new_strays(counts, held, enters, leaves, other)
        cost = change + contact_eV * contacts + stray_eV * strays
        if cost > 0.0:
            bits = _next(bits)
            # exp(-40) is never drawn in 53 bits.
            if cost > 40.0 * temperature or not _accepted(cost / temperature, bits):
                continue
        for site in range(n):
            field[site] += d * (matrix[a, site] - matrix[b, site])
        if other == 0:
            _move_crowd(problem, crowd, a, b)
        kinds[a], kinds[b] = other, one
        counts[leaves, one] -= 1
        counts[enters, one] += 1
        counts[enters, other] -= 1
        counts[leaves, other] += 1
        replicas.energies[r] += change
        replicas.faults[r, 0] += contacts
        replicas.faults[r, 1] += strays
        if replicas.faults[r, 0] == 0 and replicas.faults[r, 1] == 0:
            lowest = min(lowest, replicas.energies[r])
            _remember(best, replicas.energies[r], kinds)
    return lowest, bits


@njit(cache=True)
def _temper(problem: Problem, replicas: _Replicas, ladder: Ladder, bits: np.uint64, best: Best) -> float:
    temperatures, costs, sweeps = ladder
    energies, faults = replicas.energies, replicas.faults
    softest = costs.copy()
    at = np.arange(len(temperatures))  # which replica is at which temperature
    lowest = np.inf
    for r in range(len(at)):
        if faults[r, 0] == 0 and faults[r, 1] == 0:
            lowest = min(lowest, energies[r])
            _remember(best, energies[r], replicas.kinds[r])
    for sweep in range(sweeps):
        for t in range(len(at)):
            met, bits = _sweep(problem, replicas, at[t], (temperatures[t], costs[0], costs[1]), bits, best)
            lowest = min(lowest, met)
        for t in range(sweep % 2, len(at) - 1, 2):
            cold, hot = at[t], at[t + 1]
            higher = energies[hot] - energies[cold]
            for rule in range(2):
                higher += costs[rule] * (faults[hot, rule] - faults[cold, rule])
            bits = _next(bits)
            if _accepted(higher * (1.0 / temperatures[t] - 1.0 / temperatures[t + 1]), bits):
                at[t], at[t + 1] = hot, cold
        for rule in range(2):
            step = FIRMER if faults[at[0], rule] else SOFTER
            costs[rule] = min(max(costs[rule] * step, softest[rule]), FIRMEST * temperatures[-1])
    return lowest
