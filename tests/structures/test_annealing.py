from itertools import combinations

import numpy as np
import pytest

from interlith.structures.annealing import CONTACT_eV, Problem, anneal, no_states
from interlith.structures.electrostatics import pair_matrix, point_charge_energy

RNG = np.random.default_rng(7)
PLACES = RNG.random((9, 3))
CELL = np.diag([6.0, 7.0, 8.0])
COLD = np.concatenate((np.geomspace(5.0, 0.05, 200), np.zeros(20)))


def problem(neighbours=(), blocked=(), n=8, fixed_charge=-3.0):
    """Unit charges and vacancies on `n` sites, and one fixed charge on the last place."""
    matrix = pair_matrix(CELL, PLACES)
    near = [[j for i, j in (*neighbours, *(p[::-1] for p in neighbours)) if i == site] for site in range(n)]
    return Problem(
        matrix=np.ascontiguousarray(matrix[:n, :n]),
        potential=np.ascontiguousarray(matrix[:n, -1] * fixed_charge),
        charges=np.array([0.0, 1.0]),
        allowed=np.ones((n, 2), dtype=bool),
        pool_of=np.zeros(n, dtype=np.int64),
        pool_start=np.array([0, n]),
        pool_sites=np.arange(n),
        near_start=np.cumsum([0, *map(len, near)]),
        near=np.array([j for row in near for j in row], dtype=np.int64),
        blocked=np.array([site in blocked for site in range(n)], dtype=np.int64),
    )


def energy_of(task, kinds):
    charges = task.charges[kinds]
    return float(task.potential @ charges) + point_charge_energy(task.matrix, charges)


def run(task, k=1, seed=3, start=(1, 1, 1, 0, 0, 0, 0, 0)):
    best = no_states(k, len(start))
    kinds = np.array(start)
    anneal(task, kinds, COLD, 80, seed, best)
    return best, kinds


def every_state(task, n=8, held=3):
    for sites in combinations(range(n), held):
        kinds = np.zeros(n, dtype=np.int64)
        kinds[list(sites)] = 1
        yield energy_of(task, kinds), kinds


def test_the_lowest_states_are_those_of_an_exhaustive_search():
    task = problem()
    best, _ = run(task, k=4)
    lowest = sorted(energy for energy, _ in every_state(task))[:4]
    assert best.energies == pytest.approx(lowest, abs=1e-8)


def test_incremental_energies_are_those_of_the_states_kept():
    task = problem()
    best, _ = run(task, k=6)
    assert best.energies == pytest.approx([energy_of(task, kinds) for kinds in best.kinds], abs=1e-8)


def test_the_number_of_each_kind_is_conserved():
    _, end = run(problem())
    assert sorted(end) == [0] * 5 + [1] * 3


def test_the_seed_decides_the_run():
    ends = [tuple(run(problem(), seed=seed)[1]) for seed in (5, 5)]
    assert ends[0] == ends[1]


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
    best, end = run(problem(neighbours=everyone))
    assert np.isinf(best.energies[0])
    assert best.hits[0] == 0
    assert end.sum() == 3


def test_a_contact_costs_more_than_any_swap_gains():
    task = problem()
    energies = [energy for energy, _ in every_state(task)]
    assert np.median(energies) - min(energies) < CONTACT_eV


def test_hits_count_the_runs_that_end_in_the_lowest():
    task, best = problem(), no_states(1, 8)
    for seed in range(3):
        anneal(task, np.array([1, 1, 1, 0, 0, 0, 0, 0]), COLD, 80, seed, best)
    assert best.hits[0] == 3


def test_kinds_stay_where_they_are_allowed():
    task = problem()
    task.allowed[3, 1] = task.allowed[4, 1] = False
    best, _ = run(task, k=5)
    assert not best.kinds[:, [3, 4]].any()
