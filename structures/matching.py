"""Coherent matching of two surface lattices: every pair of supercells within a stated area and strain.

Sublattices are enumerated by Hermite normal forms and reduced (Gauss). For a reduced cell (a₁, a₂) of side A
the images on side B are found from an upper-triangular map: its diagonal bounds |b₁| and the height of the cell,
its corner the number of times b₁ is added to b₂. The bounds follow from the strain alone, so nothing is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from interlith.structures.errors import RequestError
from interlith.structures.records import MatchFacts
from interlith.structures.strains import ON_B, StrainRule
from interlith.structures.sublattices import (
    ROUNDING,
    Cells,
    determinants,
    first_vectors,
    holohedry,
    ranges,
    shapes,
    sublattices,
)

LARGEST_STRAIN = 0.45
OPERATION_TOLERANCE = 0.02


@dataclass(frozen=True)
class _Pairs:
    """Matched cells: rows on both sides, principal stretches of A onto B (larger first), labels of the cells."""

    rows_a: np.ndarray
    rows_b: np.ndarray
    stretches: np.ndarray
    cell_a: np.ndarray
    cell_b: np.ndarray

    def take(self, chosen: np.ndarray) -> _Pairs:
        """Return the chosen pairs (indices or a mask), in that order."""
        return _Pairs(
            self.rows_a[chosen],
            self.rows_b[chosen],
            self.stretches[chosen],
            self.cell_a[chosen],
            self.cell_b[chosen],
        )


def find_matches(
    surface_a: np.ndarray,
    surface_b: np.ndarray,
    *,
    max_area_A2: float,
    max_strain: float,
    rule: StrainRule = ON_B,
) -> list[MatchFacts]:
    """Return every pair of cell shapes that two lattices can share, smallest area first, then least strain.

    Each pair of cells is given once, by its least strained map: cells of equal edges and angle are one cell,
    whatever their orientation. Which of the interfaces of such a pair differ depends on the atoms; they are told
    apart by `find_interfaces`.

    Parameters
    ----------
    surface_a, surface_b
        Primitive in-plane vectors of the sides, rows of a (2, 2) array in Å, seen from above.
    max_area_A2
        Largest area of the common cell in Å² (that of side A's cell where side B takes all strain).
    max_strain
        Largest principal strain of either side, a fraction.
    rule
        How the misfit is shared.

    Raises
    ------
    RequestError
        If a surface is no lattice or a bound is not positive.
    """
    bound = _Bounds(_lattice(surface_a), _lattice(surface_b), max_area_A2, max_strain, rule)
    cells_a = sublattices(bound.surface_a, bound.largest_a)
    cells_b = sublattices(bound.surface_b, bound.largest_b)
    shapes_a, label_a = shapes(cells_a)
    shapes_b, label_b = shapes(cells_b)
    pairs = _pair(cells_a.take(shapes_a), cells_b.take(shapes_b), bound)
    pairs = pairs.take(_order(pairs, bound))
    key = label_a[pairs.cell_a] * (label_b.max(initial=0) + 1) + label_b[pairs.cell_b]
    return _facts(pairs.take(np.sort(np.unique(key, return_index=True)[1])), bound)


def find_interfaces(
    surface_a: np.ndarray,
    surface_b: np.ndarray,
    *,
    max_area_A2: float,
    max_strain: float,
    rule: StrainRule = ON_B,
    symmetry_a: np.ndarray | None = None,
    symmetry_b: np.ndarray | None = None,
) -> list[MatchFacts]:
    r"""Return every coherent interface of two slabs, each in its smallest cell, smallest area first.

    A match is a map of a sublattice of A onto one of B that keeps the handedness. Two matches :math:`M` and
    :math:`g_A^{-1} M g_B` are the same interface if :math:`g_A` and :math:`g_B` are operations of their slabs, both
    rotations or both reflections (then one interface is the mirror image of the other, with the same energy).
    A repetition of a smaller cell is the same interface and left out.

    Parameters
    ----------
    surface_a, surface_b, max_area_A2, max_strain, rule
        As of `find_matches`.
    symmetry_a, symmetry_b
        In-plane point operations of the slabs, integer matrices (k, 2, 2) that act on rows of coordinates in the
        surface vectors from the right. None: the rotations of the lattice alone, so that mirror images stay apart.

    Raises
    ------
    RequestError
        As `find_matches`, and if an operation does not keep its lattice.
    """
    bound = _Bounds(_lattice(surface_a), _lattice(surface_b), max_area_A2, max_strain, rule)
    operations = _paired_operations(
        _operations(bound.surface_a, symmetry_a, "symmetry_a"), _operations(bound.surface_b, symmetry_b, "symmetry_b")
    )
    pairs = _pair(sublattices(bound.surface_a, bound.largest_a), sublattices(bound.surface_b, bound.largest_b), bound)
    both_ways = _Pairs(
        *(np.concatenate(two) for two in ((pairs.rows_a, pairs.rows_a), (pairs.rows_b, -pairs.rows_b))),
        *(np.concatenate((v, v)) for v in (pairs.stretches, pairs.cell_a, pairs.cell_b)),
    )
    smallest = both_ways.take(_is_smallest_cell(both_ways))
    ordered = smallest.take(_order(smallest, bound))
    first = np.unique(_canonical_maps(ordered, operations), axis=0, return_index=True)[1]
    return _facts(ordered.take(np.sort(first)), bound)


def smallest_strain(
    surface_a: np.ndarray, surface_b: np.ndarray, *, max_area_A2: float, rule: StrainRule = ON_B
) -> float | None:
    """Return the smallest `max_strain` that would admit a match within the area; None if not even 45 % does."""
    allowed = 0.02
    while True:
        found = find_matches(surface_a, surface_b, max_area_A2=max_area_A2, max_strain=allowed, rule=rule)
        if found or allowed == LARGEST_STRAIN:
            return min((m.max_strain for m in found), default=None)
        allowed = min(2 * allowed, LARGEST_STRAIN)


def no_match(
    surface_a: np.ndarray, surface_b: np.ndarray, *, max_area_A2: float, max_strain: float, rule: StrainRule = ON_B
) -> RequestError:
    """Return the error for two surfaces that do not match: it states the smallest strain that would do."""
    least = smallest_strain(surface_a, surface_b, max_area_A2=max_area_A2, rule=rule)
    cell_A2 = max(abs(np.linalg.det(s)) for s in (surface_a, surface_b))
    mend = (
        f"the smallest strain that matches within this area is {100 * least:.2f} %: allow it, or a larger area"
        if least is not None
        else f"no strain up to {LARGEST_STRAIN:.0%} does: allow a larger area (one surface cell has {cell_A2:.1f} Å²)"
    )
    return RequestError(
        f"no match within {max_area_A2:g} Å² and {100 * max_strain:g} % strain", "max_area_A2, max_strain", mend
    )


@dataclass(frozen=True)
class _Bounds:
    """What a search may use, and the bounds that follow from it."""

    surface_a: np.ndarray
    surface_b: np.ndarray
    max_area_A2: float
    max_strain: float
    rule: StrainRule

    def __post_init__(self) -> None:
        if not self.max_area_A2 > 0:
            raise RequestError(f"area {self.max_area_A2:g} Å² is not positive", "max_area_A2", "give it in Å²")
        if not 0 <= self.max_strain < 0.5:
            raise RequestError(
                f"strain {self.max_strain:g} is not from 0 to 0.5", "max_strain", "give a fraction, 0.05 is 5 %"
            )

    @property
    def stretch(self) -> tuple[float, float]:
        """Smallest and largest stretch of A's cell onto B's that the strain allows."""
        low, high = self.rule.stretch_window(self.max_strain)
        return low * (1 - ROUNDING), high * (1 + ROUNDING)

    @property
    def areas(self) -> tuple[float, float]:
        """Areas of the primitive surface cells of A and B, Å²."""
        return abs(float(np.linalg.det(self.surface_a))), abs(float(np.linalg.det(self.surface_b)))

    @property
    def largest_a(self) -> int:
        """Largest number of A's cells within the area."""
        widest = self.stretch[0] ** (2 * (1 - self.rule.share_b))
        return int(self.max_area_A2 / self.areas[0] / widest * (1 + ROUNDING))

    @property
    def largest_b(self) -> int:
        """Largest number of B's cells that the strain lets meet so many of A's."""
        return int(self.largest_a * self.areas[0] / self.areas[1] * self.stretch[1] ** 2)


def _lattice(surface: np.ndarray) -> np.ndarray:
    array = np.asarray(surface, dtype=float)
    longest = np.linalg.norm(array, axis=-1).max() if array.shape == (2, 2) else 0.0
    if not np.isfinite(longest) or abs(np.linalg.det(array)) <= 1e-6 * longest**2 if longest else True:
        raise RequestError(
            f"surface vectors {array.tolist()} span no lattice", "surface", "give two vectors in the plane, in Å"
        )
    return array


def _pair(cells_a: Cells, cells_b: Cells, bound: _Bounds) -> _Pairs:
    """Return every map of reduced cells of A onto cells of B within the bounds, each up to its sign."""
    low, high = bound.stretch
    rows, owner = first_vectors(cells_b, high / low)
    based = Cells.of(rows, bound.surface_b)
    i, j = _candidates(cells_a, based, bound)
    a, b = cells_a.take(i), based.take(j)
    along, across = b.x / a.x, b.height / a.height
    sheared = (b.y - a.y * along) / a.height
    most = high - low
    added, k = ranges(
        np.ceil((-most - sheared) * a.height / b.x - ROUNDING).astype(np.int64),
        np.floor((most - sheared) * a.height / b.x + ROUNDING).astype(np.int64),
    )
    corner = sheared[k] + added * b.x[k] / a.height[k]
    rows_b = b.rows[k]
    rows_b[:, 1] += added[:, None] * rows_b[:, 0]
    stretches = _singular_values(along[k], across[k], corner)
    pairs = _Pairs(a.rows[k], rows_b, stretches, i[k], owner[j[k]])
    return pairs.take(_within(pairs, bound))


def _candidates(cells_a: Cells, cells_b: Cells, bound: _Bounds) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs whose |b₁|/|a₁| and ratio of heights are both within the stretches."""
    low, high = bound.stretch
    area_a, area_b = bound.areas
    ratio = cells_a.index * area_a / area_b
    index_b, i = ranges(np.ceil(ratio * low**2).astype(np.int64), np.floor(ratio * high**2).astype(np.int64))
    x, area = cells_a.x[i], index_b * area_b
    shortest = np.maximum(low * x, area / (high * cells_a.height[i]))
    longest = np.minimum(high * x, area / (low * cells_a.height[i]))
    stride = 2 * max(cells_b.x.max(initial=0), longest.max(initial=0)) + 1
    key = cells_b.index * stride + cells_b.x
    order = np.argsort(key)
    first = np.searchsorted(key[order], index_b * stride + shortest * (1 - ROUNDING))
    last = np.searchsorted(key[order], index_b * stride + longest * (1 + ROUNDING), side="right") - 1
    j, of = ranges(first, last)
    return i[of], order[j]


def _singular_values(along: np.ndarray, across: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Return those of [[along, corner], [0, across]], larger first, from (σ₁ ± σ₂)² = ‖F‖² ± 2 det F."""
    both = np.hypot(along + across, corner)
    apart = np.hypot(along - across, corner)
    return np.stack([both + apart, both - apart], axis=1) / 2


def _strains(stretches: np.ndarray, rule: StrainRule) -> tuple[np.ndarray, np.ndarray]:
    """Return the principal strains of A and of B, fractions, largest magnitude first."""
    ordered = []
    for strain in (stretches ** (1 - rule.share_b) - 1, stretches**-rule.share_b - 1):
        swapped = np.abs(strain[:, 1]) > np.abs(strain[:, 0])
        ordered.append(np.where(swapped[:, None], strain[:, ::-1], strain))
    return ordered[0], ordered[1]


def _worst(stretches: np.ndarray, rule: StrainRule) -> np.ndarray:
    strain_a, strain_b = _strains(stretches, rule)
    return np.maximum(np.abs(strain_a[:, 0]), np.abs(strain_b[:, 0]))


def _common_area(rows_a: np.ndarray, stretches: np.ndarray, bound: _Bounds) -> np.ndarray:
    index = np.abs(determinants(rows_a))
    return index * bound.areas[0] * stretches.prod(1) ** (1 - bound.rule.share_b)


def _within(pairs: _Pairs, bound: _Bounds) -> np.ndarray:
    small = _common_area(pairs.rows_a, pairs.stretches, bound)
    unstrained = _worst(pairs.stretches, bound.rule) <= bound.max_strain + ROUNDING
    return np.flatnonzero((small <= bound.max_area_A2 * (1 + ROUNDING)) & unstrained)


def _twists(pairs: _Pairs, bound: _Bounds) -> np.ndarray:
    """Return in degrees how far B's first surface vector is turned from A's, by the polar rotation of the map."""
    a, b = pairs.rows_a @ bound.surface_a, pairs.rows_b @ bound.surface_b
    turn = np.linalg.solve(b, a) if len(a) else np.zeros((0, 2, 2))
    angle = np.arctan2(turn[:, 0, 1] - turn[:, 1, 0], turn[:, 0, 0] + turn[:, 1, 1])
    first_a, first_b = (np.arctan2(s[0, 1], s[0, 0]) for s in (bound.surface_a, bound.surface_b))
    # from -180 (excluded) to 180; rounded, so that noise at 180 does not change the sign
    return 180 - np.round(180 - np.degrees(angle + first_b - first_a), 9) % 360


def _order(pairs: _Pairs, bound: _Bounds) -> np.ndarray:
    """Return the order by area, then strain, then twist; rounded, so that noise does not decide."""
    area = np.round(_common_area(pairs.rows_a, pairs.stretches, bound), 6)
    strain = np.round(_worst(pairs.stretches, bound.rule), 8)
    twist = np.round(_twists(pairs, bound), 6)
    return np.lexsort((twist < 0, np.abs(twist), strain, area))


def _facts(pairs: _Pairs, bound: _Bounds) -> list[MatchFacts]:
    area = _common_area(pairs.rows_a, pairs.stretches, bound).tolist()
    strain_a, strain_b = _strains(pairs.stretches, bound.rule)
    columns = (pairs.rows_a, pairs.rows_b, strain_a, strain_b, _twists(pairs, bound))
    return [
        MatchFacts(cells_a=a, cells_b=b, area_A2=s, strain_a=ea, strain_b=eb, twist_deg=t, strain_rule=bound.rule.words)
        for s, a, b, ea, eb, t in zip(area, *(c.tolist() for c in columns), strict=True)
    ]


def _adjugate(rows: np.ndarray) -> np.ndarray:
    return np.stack(
        [np.stack([rows[:, 1, 1], -rows[:, 0, 1]], 1), np.stack([-rows[:, 1, 0], rows[:, 0, 0]], 1)], axis=1
    )


def _rational_maps(pairs: _Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps of A's coordinates onto B's as integers (k, 2, 2) over positive denominators (k,)."""
    denominator = determinants(pairs.rows_a)
    numerator = _adjugate(pairs.rows_a) @ pairs.rows_b * np.sign(denominator)[:, None, None]
    divisor = np.gcd(np.gcd.reduce(numerator.reshape(-1, 4), axis=1), np.abs(denominator))
    return numerator // divisor[:, None, None], np.abs(denominator) // divisor


def _is_smallest_cell(pairs: _Pairs) -> np.ndarray:
    """Return where the cell is the whole coincidence lattice: its index follows from the map's Smith form."""
    numerator, d = _rational_maps(pairs)
    first = np.gcd.reduce(numerator.reshape(-1, 4), axis=1)
    second = np.abs(determinants(numerator)) // first
    return np.flatnonzero(d * (d // np.gcd(d, second)) == np.abs(determinants(pairs.rows_a)))


def _canonical_maps(pairs: _Pairs, operations: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return for each pair the least of its equivalent maps, as rows (denominator, numerator)."""
    numerator, denominator = _rational_maps(pairs)
    least = numerator.reshape(-1, 4)
    for on_a, on_b in operations:
        image = (on_a @ numerator @ on_b).reshape(-1, 4)
        less, equal = np.zeros(len(least), dtype=bool), np.ones(len(least), dtype=bool)
        for column in range(4):
            less |= equal & (image[:, column] < least[:, column])
            equal &= image[:, column] == least[:, column]
        least = np.where(less[:, None], image, least)
    return np.column_stack([denominator, least])


def _operations(surface: np.ndarray, given: np.ndarray | None, where: str) -> np.ndarray:
    """Return the operations given, or the rotations of the lattice."""
    if given is None:
        every = holohedry(surface)
        return every[determinants(every) > 0]
    operations = np.asarray(given, dtype=np.int64).reshape(-1, 2, 2)
    metric = surface @ surface.T
    off = np.abs(operations @ metric @ operations.transpose(0, 2, 1) - metric).max(axis=(1, 2)) / metric.max()
    for worst in np.flatnonzero((off > OPERATION_TOLERANCE) | (np.abs(determinants(operations)) != 1))[:1]:
        raise RequestError(
            f"operation {operations[worst].tolist()} does not keep the surface lattice", where, "give those of the slab"
        )
    return operations


def _paired_operations(on_a: np.ndarray, on_b: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(a, b) for a in on_a for b in on_b if round(np.linalg.det(a)) == round(np.linalg.det(b))]
