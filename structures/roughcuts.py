"""Cuts that follow the bonds of a crystal instead of its planes, and mobile ions spread over two faces.

A **rough cut** is the surface of least broken bond valence between two heights: every atom within a window stays below
or goes above, so that the sum of the valences of the bonds between below and above is least: a minimum cut of the
graph of bonds (Ford and Fulkerson, 10.4153/CJM-1956-045-5), exact and fast. Bonds that a cut should keep (covalent
units, whole shells) count a hundredfold. Whole shells may cost more bonds elsewhere than they save, so the cuts that
give up shells, never units, are found as well. The slab of whole repeats above a cut has the crystal's composition
whatever the cut, because an atom that stays below on one face goes with the other face.

Moving one ion of charge q from one face to the other (by a whole repeat d) changes the dipole of the slab by q d.
Mobile ions are **spread** that way, those first whose move breaks least, until the dipole is as small as whole ions
can make it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from interlith.structures.faces import Face
from interlith.structures.shells import bond_strengths, framework, held_bonds, mobile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WINDOW_A = 5.0
"""Height within which a rough cut may wander, Å: a cation with its whole shell."""
HELD = 100.0
"""Factor on the valence of bonds that a cut should keep."""
_UNIT = 10_000
"""Capacities are integers: ten-thousandths of a valence."""
_ENDLESS = 10**8


@dataclass(frozen=True)
class RoughCut:
    """A cut through bonds.

    Parameters
    ----------
    layers
        For each atom of the face's cell: how many whole repeats above the cut it lies, floored; shape (n,).
    dipole_before_eA
        Ionic dipole of one repeat before mobile ions were spread, e Å per surface cell.
    spread
        Mobile ions moved to the other face.
    """

    layers: Ints
    dipole_before_eA: float
    spread: int


def dipole_of(face: Face, layers: Ints) -> float:
    """Return the ionic dipole of the repeat above a cut, e Å per surface cell: the sum of charge times height."""
    charges = np.zeros(len(layers)) if face.charges is None else face.charges
    dipole = float(charges @ (face.atoms.positions[:, 2] - layers * face.spacing_A))
    return 0.0 if abs(dipole) < 1e-9 else dipole


def has_rough_cuts(face: Face) -> bool:
    """Return whether rough cuts make sense: a framework of cations with mobile ions in it."""
    return bool(mobile(face).any() and framework(face).any())


def rough_cuts(face: Face, heights: Floats) -> list[RoughCut]:
    """Return the distinct rough cuts near given heights (fractions of the repeat), mobile ions spread.

    Those that keep shells whole come first. Where several cuts of a window break equally little, its lowest and its
    highest are both taken, so that the crystal upside down has the same cuts. Of cuts that differ only in where mobile
    ions are, the one that breaks least is kept.
    """
    valences = bond_strengths(face)
    held = [held_bonds(face), held_bonds(face, shells=False)]
    families = [np.where(kept, HELD, 1.0) * valences for kept in held[: 1 + (held[0] != held[1]).any()]]
    least: dict[tuple[int, ...], float] = {}
    found: dict[tuple[int, ...], tuple[RoughCut, float]] = {}
    for layers in _each_once(cut for f in families for h in sorted(heights) for cut in least_cuts(face, float(h), f)):
        moved, count = spread_mobile(face, layers)
        broken = round(float(valences @ np.abs(_crossed(face, moved))), 4)
        frame = _signature(moved[~mobile(face)])
        least[frame] = min(broken, least.get(frame, broken))
        found.setdefault(_signature(moved), (RoughCut(moved, dipole_of(face, layers), count), broken))
    return [cut for cut, broken in found.values() if broken == least[_signature(cut.layers[~mobile(face)])]]


def least_cuts(face: Face, height: float, capacities: Floats) -> list[Ints]:
    """Return the layers of the cut of least sum about a height: the one with least above it, the one with most.

    Parameters
    ----------
    face
        The oriented crystal.
    height
        Middle of the window, a fraction of the repeat.
    capacities
        What each bond counts, shape (number of bonds,); resolved to 1e-4.

    Returns
    -------
    Two arrays of shape (n,): how many repeats above the cut each atom lies, floored. Equal where the least cut is one.
    """
    window = _Window.about(face, height)
    graph = window.graph(face, capacities)
    source, sink = window.size, window.size + 1
    left = graph - maximum_flow(graph, source, sink).flow
    left.data = np.maximum(left.data, 0)
    left.eliminate_zeros()
    above = _reached(left, source)
    not_below = ~_reached(csr_array(left.T), sink)
    return [window.layers(chosen) for chosen in (above, not_below)]


def spread_mobile(face: Face, layers: Ints) -> tuple[Ints, int]:
    """Move mobile ions by whole repeats until the dipole is least; return the new layers and how many moved.

    Each step moves the ion for which the broken valence grows least; of equals, the one at the highest potential.
    Mobile ions have no bonds with each other, and what one breaks is a convex function of its height, so that the sum
    of such steps is the best of all choices.
    """
    ions = np.flatnonzero(mobile(face))
    if not len(ions) or face.charges is None:
        return layers, 0
    charge = float(face.charges[ions].min())
    excess = dipole_of(face, layers) / face.spacing_A / charge
    wanted, upwards = int(np.ceil(abs(excess) - 0.5 - 1e-6)), 1 if excess > 0 else -1
    layers, moved = layers.copy(), 0
    while moved < wanted:
        ion = _cheapest(face, layers, ions, upwards)
        if ion is None:
            break
        layers[ion] += upwards
        moved += 1
    return layers, moved


def _signature(layers: Ints) -> tuple[int, ...]:
    """Return what two cuts that separate the same atoms share."""
    return tuple((layers - layers[0]).tolist())


def _each_once(cuts: Iterable[Ints]) -> list[Ints]:
    """Return the cuts without repetition."""
    return list({_signature(layers): layers for layers in cuts}.values())


def _crossed(face: Face, layers: Ints) -> Ints:
    """Return how many cuts each bond crosses, those it crosses downwards negative, shape (number of bonds,)."""
    return layers[face.bonds.j] + face.bonds.offset[:, 2] - layers[face.bonds.i]


def _cheapest(face: Face, layers: Ints, ions: Ints, upwards: int) -> int | None:
    """Return the mobile ion whose move by one repeat breaks least; None if every one would lose all its bonds."""
    strengths = bond_strengths(face)
    i, j, offset = face.bonds.both_ways()
    strengths = np.concatenate([strengths, strengths])
    count = len(layers)
    relative = layers[j] + offset[:, 2] - layers[i]
    before, after = np.abs(relative), np.abs(relative - upwards)
    growth = np.bincount(i, weights=strengths * (after - before), minlength=count)
    kept = np.bincount(i, weights=after == 0, minlength=count)
    free = [k for k in ions.tolist() if kept[k] > 0]
    rises = upwards * (face.atoms.positions[:, 2] / face.spacing_A - layers)
    keys = np.round(np.column_stack([growth, -face.site_potentials, rises]), 4)
    return min(free, key=lambda k: tuple(keys[k].tolist()), default=None)


def _reached(graph: csr_array, start: int) -> NDArray[np.bool_]:
    """Return which nodes a walk along the arcs of a graph reaches."""
    seen = np.zeros(graph.shape[0], dtype=bool)
    seen[breadth_first_order(graph, start, return_predecessors=False)] = True
    return seen


@dataclass(frozen=True)
class _Window:
    """The images of atoms within a window, as nodes; what is above is the source, what is below is the sink.

    Parameters
    ----------
    first, beyond
        The lowest image of each atom within the window, and the lowest above it; shape (n,).
    start
        The node of each atom's first image, shape (n,).
    size
        Number of images within.
    """

    first: Ints
    beyond: Ints
    start: Ints
    size: int

    @classmethod
    def about(cls, face: Face, height: float) -> _Window:
        """Return the window about a height, a fraction of the repeat."""
        heights = face.atoms.positions[:, 2] / face.spacing_A
        half = WINDOW_A / 2 / face.spacing_A
        first = np.ceil(height - half - heights).astype(int)
        beyond = np.ceil(height + half - heights).astype(int)
        ends = np.cumsum(beyond - first)
        return cls(first, beyond, ends - (beyond - first), int(ends[-1]))

    def nodes(self, atoms: Ints, images: Ints) -> Ints:
        """Return the nodes of images of atoms."""
        inside = self.start[atoms] + images - self.first[atoms]
        outside = np.where(images >= self.beyond[atoms], self.size, self.size + 1)
        return np.where((images >= self.first[atoms]) & (images < self.beyond[atoms]), inside, outside)

    def graph(self, face: Face, capacities: Floats) -> csr_array:
        """Return the capacities between nodes, integers; an image above keeps those over it above."""
        found, rise = face.bonds, face.bonds.offset[:, 2]
        reach = int(np.abs(rise).max(initial=0)) + 1
        images = np.arange(self.first.min() - reach, self.beyond.max() + reach)
        shape = (len(images), len(found))
        atoms = np.broadcast_to(found.i, shape), np.broadcast_to(found.j, shape)
        tails = self.nodes(atoms[0], np.broadcast_to(images[:, None], shape)).ravel()
        heads = self.nodes(atoms[1], images[:, None] + rise).ravel()
        sizes = np.broadcast_to(np.maximum(np.round(capacities * _UNIT), 1), shape).ravel()
        inner = np.flatnonzero(np.diff(np.repeat(np.arange(len(self.start)), self.beyond - self.first)) == 0)
        rows = np.concatenate([tails, heads, inner])
        columns = np.concatenate([heads, tails, inner + 1])
        weights = np.concatenate([sizes, sizes, np.full(len(inner), _ENDLESS)]).astype(np.int32)
        apart = rows != columns
        arcs = (weights[apart], (rows[apart], columns[apart]))
        return coo_array(arcs, shape=(self.size + 2, self.size + 2)).tocsr()

    def layers(self, above: NDArray[np.bool_]) -> Ints:
        """Return how many repeats above the cut each atom lies, from which nodes are above it."""
        counts = self.beyond - self.first
        owner = np.repeat(np.arange(len(counts)), counts)
        risen = np.bincount(owner, weights=above[: self.size], minlength=len(counts)).astype(int)
        return risen - self.beyond
