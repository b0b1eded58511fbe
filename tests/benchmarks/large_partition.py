"""Partition a grid of n^3 points in a process of its own; print seconds, peak memory (MB) and electrons as JSON."""

import json
import resource
import sys
import time

import numpy as np

from interlith.analysis.bader import basins


def two_atoms(n: int) -> np.ndarray:
    """Return two Gaussians of 6 and 2 electrons on n^3 points of a cube of 8 Å, plane by plane."""
    x = 8.0 * np.arange(n) / n
    values = np.zeros((n, n, n))
    for electrons, width, place in ((6.0, 0.6, 2.51), (2.0, 0.5, 5.37)):
        gauss = np.exp(-((x - place) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
        side = np.exp(-((x - 4.03) ** 2) / (2 * width**2)) / (width * np.sqrt(2 * np.pi))
        plane = side[:, None] * side[None, :]
        for i in range(n):
            values[i] += electrons * gauss[i] * plane
    return values


def peak_MB() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(n: int, moments: bool) -> None:
    basins(two_atoms(24), 8.0 * np.eye(3), moments=moments)  # compiles
    before, values = peak_MB(), two_atoms(n)
    start = time.perf_counter()
    found = basins(values, 8.0 * np.eye(3), moments=moments)
    wall, peak = time.perf_counter() - start, peak_MB()
    grid = values.nbytes / 2**20
    largest = np.sort(found.integrals[0])[::-1][:2].tolist()
    print(json.dumps({"wall_s": wall, "peak_MB": peak, "grids": (peak - before) / grid, "electrons": largest}))


if __name__ == "__main__":
    main(int(sys.argv[1]), moments="moments" in sys.argv)
