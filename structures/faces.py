"""A crystal seen along the normal of one of its faces: Miller indices, surface vectors, symmetry.

**Whose Miller indices.** They belong to the conventional cell, whatever cell is at hand. It is, in this order:

1. ``structure.properties["conventional"]``, a 3x3 matrix M with ``conventional vectors = M @ lattice rows``
   (an ordering of a rhombohedral crystal carries one, so that people may say (0 1 2) in the hexagonal setting);
2. where the lattice (species ignored) is a primitive cell of a centred Bravais lattice: spglib's standard cell of that
   lattice (a primitive fcc cell is indexed on the cube, a rhombohedral one on the hexagonal obverse cell);
3. the cell as given, supercells included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm

import numpy as np
import spglib
from ase import Atoms
from ase.geometry import minkowski_reduce
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pymatgen.core import Element, Structure

from interlith.structures.bonds import OXIDATION, Bonds, Unit, bonds, covalent_units
from interlith.structures.errors import RequestError
from interlith.structures.records import Miller

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SYMPREC = 0.01
"""Tolerance of every symmetry search, Å."""
POTENTIAL_A = 8.0
"""Distance at which the potentials of sites end, Å."""


@dataclass(frozen=True)
class Face:
    """One primitive repeat of a crystal, oriented: a along +x, b in the xy-plane, the outward normal along +z.

    Parameters
    ----------
    miller
        Coprime indices in the conventional cell.
    atoms
        The crystal's primitive cell; rows a, b of its cell are the reduced primitive vectors of the plane, row c leads
        to the next lattice plane. The atoms of a covalent unit stand together, so some lie outside the cell.
        Array ``oxidation`` where charges are known and not all zero.
    bonds
        Bonds of the crystal; offsets count a, b, c.
    units
        Covalent units that a cut along this plane can keep whole: finite, or endless only within the plane.
    upright
        Heights (fractions of the repeat) by which symmetry operations that keep the normal move the crystal: 0, 1/p, …
    inverted
        The same for operations that turn the normal round: z → inverted − z.
    """

    miller: Miller
    atoms: Atoms
    bonds: Bonds
    units: tuple[Unit, ...]
    upright: tuple[float, ...]
    inverted: tuple[float, ...]

    @property
    def spacing_A(self) -> float:
        """Distance of lattice planes (the repeat along the normal), Å."""
        return float(self.atoms.cell[2, 2])

    @property
    def area_A2(self) -> float:
        """Area of the primitive surface cell, Å²."""
        return float(self.atoms.cell[0, 0] * self.atoms.cell[1, 1])

    @property
    def parts(self) -> int:
        """Number of symmetry-equivalent layers in one repeat (2 for hcp (0001)); each holds the same composition."""
        return len(self.upright)

    @property
    def charges(self) -> Floats | None:
        """Formal charges, e; None where unknown or all zero."""
        return self.atoms.arrays[OXIDATION] if self.atoms.has(OXIDATION) else None

    @cached_property
    def site_potentials(self) -> Floats:
        """Potential of the other ions at each atom, cut off smoothly at R = 8 Å, e/Å: Σ q/r (1 - r²/R²)².

        It tells sites apart that have the same bonds; it is no energy.
        """
        compact, charges = self.atoms.copy(), self.charges
        compact.set_cell(minkowski_reduce(self.atoms.cell.complete())[0])
        i, j, distance = neighbor_list("ijd", compact, POTENTIAL_A)
        shares = (1.0 - (distance / POTENTIAL_A) ** 2) ** 2 / distance
        weights = shares if charges is None else shares * charges[j]
        return np.asarray(np.bincount(i, weights=weights, minlength=len(compact)), dtype=float)


def reduced_miller(miller: Miller) -> Miller:
    """Return coprime Miller indices.

    Raises
    ------
    RequestError
        All three are zero, or one is no integer.
    """
    told = " ".join(str(x) for x in miller)
    if len(miller) != 3 or any(int(x) != x for x in miller):
        raise RequestError(f"Miller indices ({told}) are not three integers", "miller", "give e.g. 1 0 4")
    divisor = gcd(*(int(x) for x in miller))
    if divisor == 0:
        raise RequestError(f"Miller indices ({told}) name no plane", "miller", "give at least one that is not zero")
    h, k, l = (int(x) // divisor for x in miller)  # noqa: E741
    return h, k, l


def conventional_axes(bulk: Structure) -> Floats:
    """Return M, shape (3, 3): conventional vectors are the rows of ``M @ bulk.lattice.matrix``.

    Raises
    ------
    RequestError
        The property ``conventional`` is no invertible 3x3 matrix.
    """
    given = (bulk.properties or {}).get("conventional")
    if given is None:
        return _standard_axes(bulk.lattice.matrix)
    axes = np.array(given, dtype=float)
    if axes.shape != (3, 3) or abs(np.linalg.det(axes)) < 1e-6:
        raise RequestError(f"property conventional = {given} is no cell", bulk.reduced_formula, "give a 3x3 matrix")
    return axes


def crystal_face(bulk: Structure, miller: Miller) -> Face:
    """Orient a crystal along the normal of a face.

    Parameters
    ----------
    bulk
        An ordered crystal in any cell; its species may carry oxidation states.
    miller
        Indices in the conventional cell (see this module's head); a common divisor is dropped.

    Raises
    ------
    RequestError
        Indices that name no plane, a disordered crystal, charges that do not add up to zero.
    """
    indices = reduced_miller(miller)
    primitive = _primitive(bulk)
    conventional = conventional_axes(bulk) @ bulk.lattice.matrix
    steps = _coprime(primitive.cell.array @ np.linalg.solve(conventional, np.array(indices, dtype=float)))
    basis = _plane_basis(steps, primitive.cell.array)
    upright, inverted = _normal_symmetry(primitive, steps)
    atoms, found, units = _oriented(primitive, basis)
    return Face(indices, atoms, found, units, upright, inverted)


def _primitive(bulk: Structure) -> Atoms:
    """Return the primitive cell in the crystal's own Cartesian frame, charges kept."""
    if not bulk.is_ordered:
        where = bulk.reduced_formula
        raise RequestError("a disordered crystal cannot be cut", where, "order it first (structures.orderings)")
    kinds = list(dict.fromkeys(site.specie for site in bulk))
    numbers = [kinds.index(site.specie) for site in bulk]
    found = spglib.standardize_cell(
        (bulk.lattice.matrix, bulk.frac_coords, numbers), to_primitive=True, no_idealize=True, symprec=SYMPREC
    )
    lattice, places, numbers = found or (bulk.lattice.matrix, bulk.frac_coords, numbers)
    symbols = [Element(kinds[n].symbol).symbol for n in numbers]
    atoms = Atoms(symbols, scaled_positions=places, cell=lattice, pbc=True)
    charges = _charges([kinds[n] for n in numbers], bulk)
    if charges.any():
        atoms.set_array(OXIDATION, charges)
    return atoms


def _charges(species: list[object], bulk: Structure) -> Floats:
    """Return formal charges; zeros where the crystal has none."""
    charges = np.array([float(getattr(s, "oxi_state", None) or 0.0) for s in species])
    if abs(charges.sum()) > 1e-3 * max(1.0, np.abs(charges).max()):
        what = f"oxidation states add up to {charges.sum():+g} e per primitive cell"
        raise RequestError(what, bulk.reduced_formula, "give states (or an ordering) that are neutral")
    return charges


def _standard_axes(lattice: Floats) -> Floats:
    """Return the standard cell of a centred lattice given by a primitive cell, else the unit matrix."""
    found = spglib.get_symmetry_dataset((lattice, [[0.0, 0.0, 0.0]], [1]), symprec=SYMPREC)
    if found is None:
        return np.eye(3)
    axes = np.linalg.inv(found.transformation_matrix).T
    return np.asarray(np.round(axes) if np.linalg.det(axes) > 1.5 else np.eye(3), dtype=float)


def _coprime(values: Floats) -> Ints:
    """Return the coprime integers proportional to rational numbers."""
    scaled = values / np.abs(values).max()
    fractions = [Fraction(float(x)).limit_denominator(500) for x in scaled]
    integers = np.array([int(f * lcm(*(g.denominator for g in fractions))) for f in fractions])
    integers = integers // np.gcd.reduce(integers)
    if np.abs(integers / np.abs(integers).max() - scaled).max() > 1e-4:
        raise RequestError(f"the plane {values} is irrational in the primitive cell", "miller", "check `conventional`")
    return np.asarray(integers, dtype=int)


def reduced_pair(vectors: Floats) -> Ints:
    """Return the shortest basis of a plane's lattice, right-handed as given, in multiples of `vectors`.

    Parameters
    ----------
    vectors
        Two rows of any length. The result, shape (2, 2), has |a| ≤ |b| and an angle of 60 to 120°, a hexagonal
        net 120°.
    """
    rows = np.eye(2, dtype=int)
    while True:
        rows = rows[np.argsort(np.linalg.norm(rows @ vectors, axis=1), kind="stable")]
        short, long = rows @ vectors
        turns = round(float(short @ long / (short @ short)) - 1e-6)
        if turns == 0:
            break
        rows = np.array([rows[0], rows[1] - turns * rows[0]])
    if rows[0, 0] * rows[1, 1] < rows[0, 1] * rows[1, 0]:
        rows = np.array([rows[0], -rows[1]])
    short, long = rows @ vectors
    return rows if short @ long < (0.5 - 1e-6) * (short @ short) else np.array([rows[0], rows[1] - rows[0]])


def _plane_basis(steps: Ints, lattice: Floats) -> Ints:
    """Return rows a, b, c in multiples of the lattice: a, b reduced and in the plane, c leading one plane up."""
    rows = _unimodular(steps)
    if np.linalg.det(rows @ lattice) < 0:
        rows = rows[[1, 0, 2]]
    flat = reduced_pair(rows[:2] @ lattice) @ rows[:2]
    aside = np.linalg.lstsq((flat @ lattice).T, rows[2] @ lattice, rcond=None)[0]
    return np.vstack([flat, rows[2] - np.round(aside - 1e-6).astype(int) @ flat])


def _unimodular(steps: Ints) -> Ints:
    """Return an integer matrix of determinant ±1 whose rows advance 0, 0 and 1 planes (Euclid's algorithm)."""
    rows, left = np.eye(3, dtype=int), steps.copy()
    while np.count_nonzero(left) > 1:
        pivot = min(np.flatnonzero(left), key=lambda k: abs(left[k]))
        for k in range(3):
            if k != pivot:
                turns = left[k] // left[pivot]
                rows[k] -= turns * rows[pivot]
                left[k] -= turns * left[pivot]
    last = int(np.flatnonzero(left)[0])
    order = [k for k in range(3) if k != last] + [last]
    rows[last] *= left[last]
    return rows[order]


def laid(atoms: Atoms) -> Atoms:
    """Return the model rotated so that its first cell vector is along +x and the second in the xy-plane, y > 0."""
    cell = atoms.cell.array
    x = cell[0] / np.linalg.norm(cell[0])
    z = np.cross(cell[0], cell[1])
    z /= np.linalg.norm(z)
    turned = cell @ np.array([x, np.cross(z, x), z]).T
    turned[np.abs(turned) < 1e-10] = 0.0
    result = atoms.copy()
    result.set_cell(turned, scale_atoms=True)
    return result


def _oriented(primitive: Atoms, basis: Ints) -> tuple[Atoms, Bonds, tuple[Unit, ...]]:
    """Return the primitive crystal in the cell `basis` of the surface, units together, with its bonds and units.

    Bonds are searched in the compact primitive cell (a steep face's cell is so flat that the search would crawl) and
    carried over.
    """
    atoms = primitive.copy()
    atoms.set_cell(basis @ primitive.cell.array)
    inside = -np.floor(atoms.get_scaled_positions(wrap=False) + 1e-9).astype(int)
    compact = bonds(primitive)
    offset = np.round(compact.offset @ np.linalg.inv(basis)).astype(int)
    wrapped = replace(compact, offset=offset + inside[compact.i] - inside[compact.j])
    units = [u for u in covalent_units(atoms, wrapped) if not u.loops[:, 2].any()]
    together = np.zeros_like(inside)
    for unit in units:
        together[list(unit.atoms)] = unit.offset
    atoms.positions += (inside + together) @ atoms.cell.array
    found = replace(wrapped, offset=wrapped.offset + together[compact.i] - together[compact.j])
    return laid(atoms), found, tuple(replace(u, offset=np.zeros_like(u.offset)) for u in units)


def _normal_symmetry(primitive: Atoms, steps: Ints) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return by how much operations move the crystal along the normal, those that keep it and those that flip it."""
    charges = primitive.arrays.get(OXIDATION, np.zeros(len(primitive)))
    kinds = np.unique(np.column_stack([primitive.numbers, charges]), axis=0, return_inverse=True)[1]
    cell = (primitive.cell.array, primitive.get_scaled_positions(), np.asarray(kinds).reshape(-1))
    found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    shifts: dict[int, set[float]] = {1: {0.0}, -1: set()}
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        for sign, seen in shifts.items():
            if (steps @ rotation == sign * steps).all():
                seen.add(round(float(steps @ translation), 4) % 1.0)
    # The shifts of upright operations form a group: multiples of 1/parts; twelfths hold every screw and glide.
    parts = len({round(x * 12) % 12 for x in shifts[1]})
    return tuple(k / parts for k in range(parts)), tuple(sorted(shifts[-1]))
