"""Matching against a full list of pairs of cells, and against pymatgen's ZSL in the same run.

`matching.json` was enumerated for this project by a separate program (Hermite normal forms of both lattices, told apart
by |a|, |b|, |a·b| of the reduced cells rounded to 0.001). Rounding lists some pairs twice, their last digits apart.
In it side A is `substrate`, side B `film`, and the film takes all strain.
"""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.interfaces.zsl import ZSLGenerator

from interlith.structures.matching import find_matches

REFERENCE = json.loads((Path(__file__).parent / "matching.json").read_text())
CASES = {f"{c['film']}-{c['substrate']}": c for c in REFERENCE["cases"]}
LAST_DIGIT = 0.0011
STRAIN = REFERENCE["strain_max"]


def lattices(case):
    return np.array(case["substrate_lattice_A"]), np.array(case["film_lattice_A"])


def metric(rows, surface):
    short, long = np.array(rows) @ surface
    while True:
        long = long - np.rint(short @ long / (short @ short)) * short
        if long @ long >= short @ short * (1 - 1e-9):
            return np.linalg.norm(short), np.linalg.norm(long), abs(short @ long)
        short, long = long, short


def cells_of(match, case):
    substrate, film = lattices(case)
    counts = [abs(round(np.linalg.det(c))) for c in (match.cells_b, match.cells_a)]
    return [*counts, *metric(match.cells_b, film), *metric(match.cells_a, substrate)]


def compare(case, area, matches):
    """Return the pairs of the list that were not found, those found that are not on it, and those found twice."""
    listed = np.array([m[:8] for m in case["matches"] if m[8] <= area]).reshape(-1, 8)
    found = np.array([cells_of(m, case) for m in matches]).reshape(-1, 8)
    same = np.abs(listed[:, None] - found[None]).max(-1, initial=0) < LAST_DIGIT
    alike = np.abs(found[:, None] - found[None]).max(-1, initial=0) < LAST_DIGIT
    return int((~same.any(1)).sum()), int((~same.any(0)).sum()), int(alike.sum()) - len(found)


@pytest.mark.parametrize("name", CASES)
def test_every_listed_pair_of_cells_is_found_once_and_nothing_else(name):
    area = 200.0
    matches = find_matches(*lattices(CASES[name]), max_area_A2=area, max_strain=STRAIN)
    assert compare(CASES[name], area, matches) == (0, 0, 0)
    assert all(m.max_strain <= STRAIN + 1e-9 and m.area_A2 <= area for m in matches)


def cpu_seconds(function, at_least=0.1):
    """Return the CPU time of one call: the mean over as many as take `at_least` seconds."""
    calls, start = 0, time.process_time()
    while time.process_time() - start < at_least:
        result = function()
        calls += 1
    return (time.process_time() - start) / calls, result


@pytest.mark.benchmark
@pytest.mark.parametrize("area", [200.0, 400.0])
@pytest.mark.parametrize("name", CASES)
def test_no_more_cpu_time_than_zsl(name, area, capsys):
    substrate, film = lattices(CASES[name])
    spatial = [np.hstack([v, np.zeros((2, 1))]) for v in (film, substrate)]
    zsl = ZSLGenerator(max_length_tol=0.05, max_angle_tol=0.05, max_area_ratio_tol=0.1, max_area=area)
    list(ZSLGenerator(max_area=50)(*spatial))  # compiles
    find_matches(substrate, film, max_area_A2=50, max_strain=STRAIN)
    theirs, zsl_matches = cpu_seconds(lambda: list(zsl(*spatial)))
    ours, matches = cpu_seconds(lambda: find_matches(substrate, film, max_area_A2=area, max_strain=STRAIN))
    faults = compare(CASES[name], area, matches)
    with capsys.disabled():
        print(
            f"\n{name} {area:.0f} Å²: {len(matches)} pairs of cells in {1e3 * ours:.1f} ms; "
            f"ZSL {len(zsl_matches)} matches in {1e3 * theirs:.1f} ms; ratio {ours / theirs:.3f}"
        )
    assert faults == (0, 0, 0)
    assert ours <= theirs
