from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.arrangements import lowest_arrangements, random_filling
from interlith.structures.electrostatics import pair_matrix
from interlith.structures.tempering import Problem

# Vacancy, a singly and a doubly charged ion.
CHARGES = np.array([0.0, 1.0, 2.0])
# The second orbit takes no double charges.
ALLOWED = np.array([[True, True, True], [True, True, False]])


def random_problem(seed, held, shortest_A=2.0):
    """Sites at random in a cell of 8 Å with a fixed anion, on two orbits; those that lie close exclude each other."""
    draw = np.random.default_rng(seed)
    held = np.array(held)
    orbit_of = np.repeat([0, 1], held.sum(axis=1))
    n = len(orbit_of)
    places = draw.random((n + 1, 3))
    matrix = pair_matrix(8.0 * np.eye(3), places)
    apart = places[:n, None] - places[None, :n]
    distances = 8.0 * np.linalg.norm(apart - np.round(apart), axis=2) + 9.0 * np.eye(n)
    near = [np.flatnonzero(row < shortest_A) for row in distances]
    return Problem(
        matrix=np.ascontiguousarray(matrix[:n, :n]),
        potential=np.ascontiguousarray(-4.0 * matrix[:n, n]),
        charges=CHARGES,
        allowed=np.ascontiguousarray(ALLOWED[orbit_of]),
        orbit_of=orbit_of,
        held=held,
        pool_of=np.zeros(n, dtype=np.int64),
        pool_start=np.array([0, n]),
        pool_sites=np.arange(n),
        close=np.argwhere(np.triu(matrix[:n, :n] > np.median(matrix), 1)),
        near_start=np.cumsum([0, *map(len, near)]),
        near=np.concatenate(near).astype(np.int64),
        blocked=np.zeros(n, dtype=np.int64),
    )


def every_filling(problem):
    """Every arrangement that keeps the rules, and its energy."""
    first, second = ({*permutations(np.repeat(np.arange(3), row).tolist())} for row in problem.held)
    holder = np.repeat(np.arange(len(problem.orbit_of)), np.diff(problem.near_start))
    kinds = np.array([[*one, *other] for one in first for other in second])
    kinds = kinds[~((kinds[:, holder] != 0) & (kinds[:, problem.near] != 0)).any(axis=1)]
    charges = CHARGES[kinds]
    energies = charges @ problem.potential + 0.5 * ((charges @ problem.matrix) * charges).sum(axis=1)
    return kinds[np.argsort(energies)], np.sort(energies)


FILLINGS = st.tuples(
    st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(0, 1)),
    st.tuples(st.integers(1, 3), st.integers(1, 2), st.just(0)),
)


@given(seed=st.integers(0, 10**6), held=FILLINGS)
@settings(max_examples=60, deadline=None)
def test_small_problems_are_solved_exactly(seed, held):
    problem = random_problem(seed, held)
    _, energies = every_filling(problem)
    best = lowest_arrangements(problem, seed=seed, k=3)
    distinct = energies[np.diff(energies, prepend=-np.inf) > 1e-4][:3]
    found = best.energies[np.isfinite(best.energies)]
    assert found == pytest.approx(distinct, abs=1e-6)


@given(seed=st.integers(0, 10**6), held=FILLINGS)
@settings(max_examples=30, deadline=None)
def test_states_keep_the_rules(seed, held):
    problem = random_problem(seed, held)
    possible = {tuple(kinds) for kinds in every_filling(problem)[0]}
    best = lowest_arrangements(problem, seed=seed, k=4)
    assert {tuple(kinds) for kinds in best.kinds[np.isfinite(best.energies)]} <= possible


def test_the_seed_decides():
    problem = random_problem(1, ((4, 3, 1), (5, 4, 0)), shortest_A=0.5)
    found = [lowest_arrangements(problem, seed=seed, k=12, moves=500) for seed in (2, 2, 3)]
    assert (found[0].kinds == found[1].kinds).all()
    assert (found[0].energies != found[2].energies).any()


def test_more_moves_find_nothing_higher():
    problem = random_problem(4, ((6, 3, 2), (8, 6, 0)), shortest_A=1.0)
    lowest = [lowest_arrangements(problem, seed=0, moves=moves).energies[0] for moves in (100, 10_000, 1_000_000)]
    assert lowest == sorted(lowest, reverse=True)
    assert lowest[2] < lowest[0]


def test_a_rule_that_nothing_can_keep_gives_no_state():
    problem = random_problem(0, ((1, 2, 0), (1, 1, 0)), shortest_A=9.0)
    assert np.isinf(lowest_arrangements(problem).energies).all()


def test_sites_with_nothing_to_exchange():
    problem = random_problem(0, ((0, 2, 0), (0, 1, 0)), shortest_A=0.1)._replace(close=np.zeros((0, 2), dtype=np.int64))
    assert lowest_arrangements(problem).kinds.tolist() == [[1, 1, 1]]


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_random_fillings_put_atoms_where_they_may_stand(seed):
    problem = random_problem(5, ((3, 2, 1), (2, 2, 0)))
    problem.allowed[[0, 1, 2, 3], 2] = False
    problem.allowed[7, 0] = False
    kinds = random_filling(problem, np.random.default_rng(seed))
    assert problem.allowed[np.arange(10), kinds].all()
    assert np.bincount(kinds[:6], minlength=3).tolist() == [3, 2, 1]
    assert np.bincount(kinds[6:], minlength=3).tolist() == [2, 2, 0]
