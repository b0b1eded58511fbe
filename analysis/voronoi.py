"""The Voronoi cell of a grid's points: which neighbours a point faces, and through how large a facet."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice
from scipy.spatial import ConvexHull, Voronoi

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALL_FACET = 1e-6
"""Facets below this part of the largest are corners that rounding has opened."""
REACH = 2
"""Neighbours of a reduced lattice lie within so many steps."""


class Facets(NamedTuple):
    """The facets of a grid point's Voronoi cell; both arrays are closed under inversion.

    Attributes
    ----------
    steps
        Neighbours in steps along the grid's axes, shape (n, 3).
    vectors_A
        The same as vectors, shape (n, 3), Å.
    transmissions_A
        Area of the facet over the distance of the neighbour, shape (n,), Å.
    """

    steps: Ints
    vectors_A: Floats
    transmissions_A: Floats


def grid_facets(steps_A: Floats) -> Facets:
    """Return the facets between a point of a grid and its neighbours.

    Parameters
    ----------
    steps_A
        Vectors from one point to the next along each axis, rows, shape (3, 3), Å; any angles.
    """
    reduced = Lattice(steps_A).get_lll_reduced_lattice().matrix
    back = np.rint(np.linalg.solve(steps_A.T, reduced.T).T).astype(np.int64)
    near = np.array(list(product(range(-REACH, REACH + 1), repeat=3)))
    points = near @ reduced
    origin = int(np.flatnonzero(~near.any(axis=1))[0])
    diagram = Voronoi(points)
    found = [(pair, v) for pair, v in diagram.ridge_dict.items() if origin in pair and -1 not in v]
    others = np.array([pair[0] if pair[1] == origin else pair[1] for pair, _ in found])
    areas = np.array([_polygon_area(diagram.vertices[v], points[k]) for (_, v), k in zip(found, others, strict=True)])
    kept = areas > SMALL_FACET * areas.max()
    vectors = points[others[kept]]
    return Facets(near[others[kept]] @ back, vectors, areas[kept] / np.linalg.norm(vectors, axis=1))


def _polygon_area(corners: Floats, normal: Floats) -> float:
    """Return the area of a flat convex polygon, Å²."""
    unit = normal / np.linalg.norm(normal)
    first = np.cross(unit, np.eye(3)[np.argmin(np.abs(unit))])
    first /= np.linalg.norm(first)
    flat = (corners - corners[0]) @ np.array([first, np.cross(unit, first)]).T
    spread = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    return float(ConvexHull(flat).volume) if len(flat) > 2 and spread[-1] > 1e-9 * spread[0] else 0.0
