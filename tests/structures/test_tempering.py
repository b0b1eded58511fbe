from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.electrostatics import pair_matrix, point_charge_energy
from interlith.structures.tempering import Ladder, Problem, no_states, temper

RNG = np.random.default_rng(7)
PLACES = RNG.random((9, 3))
CELL = np.diag([6.0, 7.0, 8.0])
LADDER = Ladder(np.geomspace(0.05, 2.0, 8), np.array([0.6, 0.1]), 300)
START = (1, 1, 1, 0, 0, 0, 0, 0)


def problem(neighbours=(), blocked=(), n=8, fixed_charge=-3.0, orbits=None, held=((5, 3),)):
    """Unit charges and vacancies on `n` sites, and one fixed charge on the last place."""
    matrix = pair_matrix(CELL, PLACES)
    near = [[j for i, j in (*neighbours, *(p[::-1] for p in neighbours)) if i == site] for site in range(n)]
    return Problem(
        matrix=np.ascontiguousarray(matrix[:n, :n]),
        potential=np.ascontiguousarray(matrix[:n, -1] * fixed_charge),
        charges=np.array([0.0, 1.0]),
        allowed=np.ones((n, 2), dtype=bool),
        orbit_of=np.array(orbits or [0] * n),
        held=np.array(held),
        pool_of=np.zeros(n, dtype=np.int64),
        pool_start=np.array([0, n]),
        pool_sites=np.arange(n),
        close=np.array(list(combinations(range(n), 2))[::3]),
        near_start=np.cumsum([0, *map(len, near)]),
        near=np.array([j for row in near for j in row], dtype=np.int64),
        blocked=np.array([site in blocked for site in range(n)], dtype=np.int64),
    )


def energy_of(task, kinds):
    charges = task.charges[kinds]
    return float(task.potential @ charges) + point_charge_energy(task.matrix, charges)


def run(task, k=1, seed=3, start=START):
    best = no_states(k, len(start))
    lowest = temper(task, np.tile(start, (8, 1)), LADDER, seed, best)
    return best, lowest


def every_state(task, n=8, held=3):
    for sites in combinations(range(n), held):
        kinds = np.zeros(n, dtype=np.int64)
        kinds[list(sites)] = 1
        yield energy_of(task, kinds), kinds


def test_the_lowest_states_are_those_of_an_exhaustive_search():
    task = problem()
    best, lowest = run(task, k=4)
    expected = sorted(energy for energy, _ in every_state(task))[:4]
    assert best.energies == pytest.approx(expected, abs=1e-8)
    assert lowest == pytest.approx(best.energies[0], abs=1e-9)


def test_incremental_energies_are_those_of_the_states_kept():
    task = problem()
    best, _ = run(task, k=6)
    assert best.energies == pytest.approx([energy_of(task, kinds) for kinds in best.kinds], abs=1e-8)


def test_the_number_of_each_kind_is_conserved_and_the_start_is_kept():
    start = np.tile(START, (8, 1))
    best = no_states(5, 8)
    temper(problem(), start, LADDER, 3, best)
    assert (best.kinds.sum(axis=1) == 3).all()
    assert (start == START).all()


def test_the_seed_decides_the_run():
    short = LADDER._replace(sweeps=3)
    found = []
    for seed in (5, 5, 6):
        best = no_states(9, 8)
        temper(problem(), np.tile(START, (8, 1)), short, seed, best)
        found.append(best.kinds.tolist())
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("steps", [0, 1])
def test_a_run_of_no_length_keeps_the_lowest_start(steps):
    starts = np.array([[1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1]])
    ladder = Ladder(np.array([1e-9, 2e-9]), LADDER.costs, steps)
    best = no_states(1, 8)
    lowest = temper(problem(), starts, ladder, 0, best)
    assert lowest <= min(energy_of(problem(), kinds) for kinds in starts) + 1e-9
    assert lowest == pytest.approx(energy_of(problem(), best.kinds[0]), abs=1e-9)


def test_excluded_pairs_are_never_kept_even_where_they_are_lowest():
    free, _ = run(problem())
    pair = tuple(np.flatnonzero(free.kinds[0])[:2])
    best, _ = run(problem(neighbours=[pair]), k=3)
    assert not best.kinds[:, pair].all(axis=1).any()
    allowed = [energy for energy, kinds in every_state(problem()) if not kinds[list(pair)].all()]
    assert best.energies[0] == pytest.approx(min(allowed), abs=1e-8)


def test_sites_that_a_fixed_atom_excludes_stay_empty():
    best, _ = run(problem(blocked=[0, 1]))
    assert best.kinds[0, :2].tolist() == [0, 0]


def test_nothing_is_kept_where_contacts_cannot_be_avoided():
    everyone = list(combinations(range(8), 2))
    best, lowest = run(problem(neighbours=everyone))
    assert np.isinf(best.energies[0])
    assert np.isinf(lowest)


@given(orbits=st.permutations([0, 0, 0, 0, 1, 1, 1, 1]), on_the_first=st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_each_orbit_holds_its_number_though_atoms_pass_between_orbits(orbits, on_the_first):
    task = problem(orbits=orbits, held=((4 - on_the_first, on_the_first), (1 + on_the_first, 3 - on_the_first)))
    first = np.array(orbits) == 0
    best, _ = run(task)
    assert best.kinds[0][first].sum() == on_the_first
    expected = min(energy for energy, kinds in every_state(task) if kinds[first].sum() == on_the_first)
    assert best.energies[0] == pytest.approx(expected, abs=1e-8)


def test_kinds_stay_where_they_are_allowed():
    task = problem()
    task.allowed[3, 1] = task.allowed[4, 1] = False
    best, _ = run(task, k=5)
    assert not best.kinds[:, [3, 4]].any()
