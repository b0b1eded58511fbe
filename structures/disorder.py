"""Which atoms an ordered cell of a disordered crystal holds: its orbits, whole-number occupancies and cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Lattice, Species, Structure
from scipy.optimize import Bounds, LinearConstraint, milp

from interlith.structures.crystals import formula_units
from interlith.structures.errors import RequestError
from interlith.structures.faults import FULL

Counts = tuple[dict[Species, int], ...]

SYMMETRY_TOLERANCE_A = 0.01
# Half a unit in the third digit of an occupancy, rounded up: what a file can say of one site.
OCCUPANCY_DIGITS = 1e-3
# Ions that a synthesis adds or loses more easily than it changes a framework: their number is adjusted first.
MOBILE = frozenset({"H", "Li", "Na", "K", "Cu", "Ag"})
FRAMEWORK_WEIGHT = 3.0
# Above this many supercells of one size the rest is not looked at.
MOST_CELLS = 2000


@dataclass(frozen=True)
class Orbit:
    """Sites that the disordered crystal's symmetry makes equal.

    Parameters
    ----------
    name
        Wyckoff multiplicity and letter, "36f".
    n_sites
        In the primitive cell.
    occupancy
        Of each species, per site.
    """

    name: str
    n_sites: int
    occupancy: Mapping[Species, float]

    @property
    def symbols(self) -> frozenset[str]:
        """Elements on it."""
        return frozenset(species.symbol for species in self.occupancy)

    @property
    def full(self) -> bool:
        """No vacancies."""
        return sum(self.occupancy.values()) > FULL

    @property
    def ordered(self) -> bool:
        """Nothing to decide: one species on every site."""
        return self.full and len(self.occupancy) == 1


@dataclass(frozen=True)
class DisorderedCell:
    """A disordered crystal's primitive cell, and how it lies in the cell of the file.

    Parameters
    ----------
    primitive
        Cartesian frame of the file; site property ``orbit`` is an index of `orbits`.
    orbits
        Every orbit, ordered ones too.
    conventional
        Shape (3, 3): the vectors of the file's cell in multiples of the primitive ones.
    formula_units
        In the primitive cell; a fraction where the formula unit is larger.
    """

    primitive: Structure
    orbits: tuple[Orbit, ...]
    conventional: NDArray[np.int64]
    formula_units: float

    @property
    def targets(self) -> dict[str, float]:
        """Number of atoms of each element in the primitive cell, as refined."""
        return {e.symbol: float(n) for e, n in self.primitive.composition.element_composition.items()}


def disordered_cell(structure: Structure) -> DisorderedCell:
    """Return the primitive cell and the orbits of a disordered crystal.

    Raises
    ------
    RequestError
        When a species has no oxidation state.
    """
    bare = sorted({str(s) for s in structure.composition if getattr(s, "oxi_state", None) is None})
    if bare:
        what = f"cannot order {structure.formula}: no charge for {', '.join(bare)}"
        raise RequestError(what, "", "give charges in the file (CIF: _atom_type_oxidation_number)")
    labels = [site.species_string for site in structure]
    numbers = [sorted(set(labels)).index(label) + 1 for label in labels]
    cell = (structure.lattice.matrix, structure.frac_coords, numbers)
    dataset = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_TOLERANCE_A)
    lattice = Lattice(
        spglib.standardize_cell(cell, to_primitive=True, no_idealize=True, symprec=SYMMETRY_TOLERANCE_A)[0]
    )
    kept = np.unique(dataset.mapping_to_primitive, return_index=True)[1]
    representatives, orbit_of = np.unique(dataset.equivalent_atoms[kept], return_inverse=True)
    primitive = Structure(
        lattice,
        [structure[int(k)].species for k in kept],
        structure.cart_coords[kept],
        coords_are_cartesian=True,
        to_unit_cell=True,
        site_properties={"orbit": [int(o) for o in orbit_of]},
    )
    centring = round(len(dataset.std_types) / len(kept))
    orbits = tuple(
        _orbit(structure, int(k), int((orbit_of == o).sum()), centring, dataset.wyckoffs[k])
        for o, k in enumerate(representatives)
    )
    conventional = np.round(structure.lattice.matrix @ np.linalg.inv(lattice.matrix)).astype(np.int64)
    units = formula_units(structure) * len(kept) / len(structure)
    return DisorderedCell(primitive, orbits, conventional, units)


def _orbit(structure: Structure, site: int, n_sites: int, centring: int, letter: str) -> Orbit:
    occupancy = {species: float(n) for species, n in structure[site].species.items()}
    return Orbit(f"{n_sites * centring}{letter}", n_sites, occupancy)


def whole_counts(cell: DisorderedCell, n_cells: int) -> Counts | None:
    """Return how many of each species each orbit holds in `n_cells` primitive cells: neutral, and nearest to the file.

    A mixed-integer programme: least deviation of the elements' totals (a framework element weighs three times a mobile
    ion), then of the orbits' own; no orbit over-filled, a full one full. None when no neutral cell exists.
    """
    variables = [(o, s) for o, orbit in enumerate(cell.orbits) for s in orbit.occupancy]
    targets = np.array([cell.orbits[o].occupancy[s] * cell.orbits[o].n_sites * n_cells for o, s in variables])
    elements = sorted({s.symbol for _, s in variables})
    totals = np.array([[s.symbol == e for _, s in variables] for e in elements], dtype=float)
    fills = np.array([[o == k for o, _ in variables] for k in range(len(cell.orbits))], dtype=float)
    sites = np.array([orbit.n_sites * n_cells for orbit in cell.orbits], dtype=float)
    least = np.where([orbit.full for orbit in cell.orbits], sites, 0.0)
    charges = np.array([[s.oxi_state for _, s in variables]], dtype=float)
    weights = np.array([1.0 if e in MOBILE else FRAMEWORK_WEIGHT for e in elements])
    # Two slack variables for each deviation make the sum of absolute values linear.
    n = len(variables)
    deviations = np.vstack((totals, np.eye(n)))
    slack = np.hstack((deviations, -np.eye(len(deviations)), np.eye(len(deviations))))
    plain = np.zeros((1, 2 * len(deviations)))
    cost = np.concatenate((np.zeros(n), np.tile(np.concatenate((weights, np.full(n, 1e-3))), 2)))
    solution = milp(
        cost,
        integrality=np.concatenate((np.ones(n), np.zeros(2 * len(deviations)))),
        bounds=Bounds(0, np.inf),
        constraints=[
            LinearConstraint(slack, deviations @ targets, deviations @ targets),
            LinearConstraint(np.hstack((fills, np.repeat(plain, len(sites), axis=0))), least, sites),
            LinearConstraint(np.hstack((charges, plain)), 0, 0),
        ],
    )
    if solution.x is None:
        return None
    amounts = np.round(solution.x[:n]).astype(int)
    return tuple(
        {s: int(a) for (k, s), a in zip(variables, amounts, strict=True) if k == o} for o in range(len(cell.orbits))
    )


def atoms_in(counts: Counts) -> int:
    """Return the number of atoms."""
    return sum(sum(orbit.values()) for orbit in counts)


def deviation(cell: DisorderedCell, counts: Counts, n_cells: int) -> dict[str, float]:
    """Return atoms per formula unit of each element, ordered minus refined; what the file's digits cannot tell is 0."""
    found: dict[str, float] = {}
    for symbol, target in cell.targets.items():
        total = sum(n for orbit in counts for s, n in orbit.items() if s.symbol == symbol)
        sites = sum(orbit.n_sites for orbit in cell.orbits if any(s.symbol == symbol for s in orbit.occupancy))
        if abs(total - target * n_cells) > OCCUPANCY_DIGITS * sites * n_cells:
            found[symbol] = (total - target * n_cells) / (cell.formula_units * n_cells)
    return found


def choose_size(cell: DisorderedCell, max_atoms: int, min_atoms: int = 0) -> tuple[int, Counts]:
    """Return the number of primitive cells and what they hold: the smallest exact cell, else the least deviation.

    Parameters
    ----------
    cell
        The disordered crystal.
    max_atoms, min_atoms
        Bounds of the ordered cell's number of atoms.

    Raises
    ------
    RequestError
        When no neutral cell lies within the bounds.
    """
    best: tuple[float, int, Counts] | None = None
    smallest = max(cell.primitive.composition.num_atoms, 1.0)
    for n_cells in range(1, max(int(max_atoms / smallest * 1.2), 1) + 1):
        counts = whole_counts(cell, n_cells)
        if counts is None or not min_atoms <= atoms_in(counts) <= max_atoms:
            continue
        off = sum(abs(d) for d in deviation(cell, counts, n_cells).values())
        # A larger cell must be worth its atoms.
        if best is None or off < 0.9 * best[0]:
            best = off, n_cells, counts
        if off == 0:
            break
    if best is None:
        what = f"no neutral ordered cell of {min_atoms} to {max_atoms} atoms"
        mend = f"allow more atoms: the primitive cell holds {smallest:.1f}"
        raise RequestError(what, cell.primitive.composition.formula, mend)
    return best[1], best[2]


def supercell(cell: DisorderedCell, n_cells: int) -> Structure:
    """Return `n_cells` primitive cells: the file's own cell where it is of that size, else the most compact one.

    The property ``conventional`` holds M, with the file's cell vectors = M @ lattice vectors.
    """
    own = round(abs(float(np.linalg.det(cell.conventional))))
    transform = cell.conventional if own == n_cells else _most_compact(cell.primitive.lattice, n_cells)
    structure = cell.primitive.make_supercell(transform, in_place=False)
    back = cell.conventional @ np.linalg.inv(transform)
    structure.properties = {"conventional": (np.round(back, 9) + 0.0).tolist()}
    return structure


def _most_compact(lattice: Lattice, n_cells: int) -> NDArray[np.int64]:
    if n_cells == 1:
        return np.eye(3, dtype=np.int64)
    reduced = [
        Lattice(m @ lattice.matrix).get_lll_reduced_lattice() for m in islice(_hermite_forms(n_cells), MOST_CELLS)
    ]
    best = min(reduced, key=lambda cell: round(float((cell.matrix**2).sum()), 6))
    return np.round(best.matrix @ np.linalg.inv(lattice.matrix)).astype(np.int64)


def _hermite_forms(n: int) -> Iterator[NDArray[np.int64]]:
    """Every sublattice of index `n` once, by its Hermite normal form."""
    for a in _divisors(n):
        for c in _divisors(n // a):
            f = n // a // c
            for b, d, e in np.ndindex(c, f, f):
                yield np.array([[a, b, d], [0, c, e], [0, 0, f]])


def _divisors(n: int) -> Sequence[int]:
    return [d for d in range(1, n + 1) if n % d == 0]
