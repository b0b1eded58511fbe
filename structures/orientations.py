"""Which faces of two crystals fit on each other: every pair of low-index faces, ranked without energies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import gcd

import numpy as np
import spglib
from ase import Atoms
from pydantic import Field
from pymatgen.core import Structure

from interlith.structures.errors import RequestError
from interlith.structures.faces import conventional_axes
from interlith.structures.matching import find_matches
from interlith.structures.records import MatchFacts, Miller, Record
from interlith.structures.slabs import oriented_bulk
from interlith.structures.strains import Body, StrainRule, choose_rule

SYMPREC_A = 0.01
NOMINAL_THICKNESS_A = 10.0


class OrientationPair(Record):
    """A face of A on a face of B, in one of the cells that fit both."""

    miller_a: Miller
    miller_b: Miller
    faces_a: int = Field(description="number of faces of A equivalent to this one, opposite faces included")
    faces_b: int
    match: MatchFacts
    n_matches: int = Field(description="pairs of cells of these two faces within the limits")
    misorientation_deg: float = Field(
        description="smallest rotation from the standard axes of A's lattice to those of B's, lattice symmetry used"
    )
    n_atoms: int = Field(description="estimate, from the densities, for sides of 10 Å each")


@dataclass(frozen=True)
class _Face:
    """A face of a crystal: its oriented lattice and all that the scan asks of it."""

    miller: Miller
    multiplicity: int
    cell: np.ndarray

    @property
    def surface(self) -> np.ndarray:
        """Surface vectors, rows (2, 2) in Å."""
        return self.cell[:2, :2]

    @cached_property
    def _lattice_symmetry(self) -> spglib.SpglibDataset:
        data = spglib.get_symmetry_dataset((self.cell, [[0.0, 0.0, 0.0]], [1]), symprec=SYMPREC_A)
        if data is None:
            raise RequestError(f"face {self.miller} has a lattice without symmetry", "scan", "check the crystal's cell")
        return data

    @cached_property
    def axes(self) -> np.ndarray:
        """The rotation (columns) from the face's frame to the standard axes of the lattice."""
        return np.array(self._lattice_symmetry.std_rotation_matrix)

    @cached_property
    def rotations(self) -> np.ndarray:
        """The proper rotations of the lattice in its standard axes, Cartesian, on columns."""
        to_cartesian = self.axes @ self.cell.T
        turns = to_cartesian @ self._lattice_symmetry.rotations @ np.linalg.inv(to_cartesian)
        return turns[np.linalg.det(turns) > 0]


def scan_orientations(
    bulk_a: Structure,
    bulk_b: Structure,
    *,
    max_miller: int = 2,
    max_area_A2: float = 200.0,
    max_strain: float = 0.05,
    k: int = 1,
    rule: StrainRule | None = None,
) -> list[OrientationPair]:
    """Rank pairs of faces of two crystals: smallest area first, then least strain, then least misorientation.

    Parameters
    ----------
    bulk_a, bulk_b
        The crystals; a disordered one is scanned on its average lattice.
    max_miller
        Largest absolute Miller index; faces equivalent by the crystal's symmetry are scanned once.
    max_area_A2, max_strain
        Limits of the match, Å² and a fraction.
    k
        Matches kept of each pair of faces.
    rule
        How the misfit is shared; None: as `structures.strains.choose_rule` decides for equal thickness.

    Raises
    ------
    RequestError
        If a limit makes no sense, or nothing matches within the limits.
    """
    if max_miller < 1 or k < 1:
        raise RequestError(f"max_miller {max_miller}, k {k}", "scan", "both are at least 1")
    bodies = [Body.of(bulk, NOMINAL_THICKNESS_A) for bulk in (bulk_a, bulk_b)]
    shared = rule or choose_rule(bodies[0], bodies[1])
    density = sum(bulk.composition.num_atoms / bulk.volume for bulk in (bulk_a, bulk_b))
    pairs = []
    for a, b in product(_faces(bulk_a, max_miller), _faces(bulk_b, max_miller)):
        matches = find_matches(a.surface, b.surface, max_area_A2=max_area_A2, max_strain=max_strain, rule=shared)
        pairs += [_pair(a, b, match, len(matches), density) for match in matches[:k]]
    if not pairs:
        raise RequestError(
            f"no faces up to index {max_miller} match within {max_area_A2:g} Å² and {100 * max_strain:g} % strain",
            f"{bodies[0].name} and {bodies[1].name}",
            "allow a larger area, more strain or higher indices",
        )
    return sorted(pairs, key=_rank)


def distinct_faces(bulk: Structure, max_miller: int) -> dict[Miller, int]:
    """Return one face of each kind up to an index, and how many are of its kind.

    Parameters
    ----------
    bulk
        The crystal, in any cell; indices belong to its conventional cell (see `structures.faces`).
    max_miller
        Largest absolute index of the face returned; equivalent faces may have larger ones.

    Returns
    -------
    Indices → number of equivalent faces, opposite faces included (a lattice plane ends a crystal on both sides).
    """
    rotations = _conventional_rotations(bulk)
    found: dict[Miller, int] = {}
    seen: set[tuple[int, ...]] = set()
    indices = range(-max_miller, max_miller + 1)
    faces = [(h, k, m) for h, k, m in product(indices, repeat=3) if gcd(h, k, m) == 1]
    for face in sorted(faces, key=lambda hkl: (sum(map(abs, hkl)), sum(x < 0 for x in hkl), [-x for x in hkl])):
        if face not in seen:
            orbit = {tuple(int(x) for x in sign * (np.array(face) @ r)) for r in rotations for sign in (1, -1)}
            seen |= orbit
            found[face] = len(orbit)
    return found


def _conventional_rotations(bulk: Structure) -> np.ndarray:
    """Return the point operations of a crystal on columns of coordinates in its conventional cell."""
    species = [site.species_string for site in bulk]
    numbers = [sorted(set(species)).index(s) for s in species]
    data = spglib.get_symmetry_dataset((bulk.lattice.matrix, bulk.frac_coords, numbers), symprec=SYMPREC_A)
    if data is None:
        raise RequestError("no symmetry could be determined", bulk.reduced_formula, "look for overlapping atoms")
    axes = conventional_axes(bulk)
    turned = np.linalg.inv(axes.T) @ data.rotations @ axes.T
    whole = np.rint(turned)
    # operations of a supercell's lattice that do not keep the conventional cell map no Miller index on integers
    return np.unique(whole[np.abs(turned - whole).max(axis=(1, 2)) < 1e-3].astype(int), axis=0)


def _faces(bulk: Structure, max_miller: int) -> list[_Face]:
    """Return the distinct faces of the crystal, each on its oriented lattice."""
    average = bulk if bulk.is_ordered else _average(bulk)
    found = []
    for miller, count in distinct_faces(bulk, max_miller).items():
        oriented: Atoms = oriented_bulk(average, miller)
        found.append(_Face(miller, count, oriented.cell.array))
    return found


def _average(bulk: Structure) -> Structure:
    """Return an ordered crystal of the same symmetry: one element on all sites of a kind; only its lattice is used."""
    kinds = sorted({site.species_string for site in bulk})
    elements = [kinds.index(site.species_string) + 1 for site in bulk]
    return Structure(bulk.lattice, elements, bulk.frac_coords, properties=bulk.properties)


def _pair(a: _Face, b: _Face, match: MatchFacts, n_matches: int, density_A3: float) -> OrientationPair:
    return OrientationPair(
        miller_a=a.miller,
        miller_b=b.miller,
        faces_a=a.multiplicity,
        faces_b=b.multiplicity,
        match=match,
        n_matches=n_matches,
        misorientation_deg=_misorientation_deg(a, b, match.twist_deg),
        n_atoms=round(match.area_A2 * NOMINAL_THICKNESS_A * density_A3),
    )


def _misorientation_deg(a: _Face, b: _Face, twist_deg: float) -> float:
    """Return the smallest angle of S_A O_A T O_B⁻¹ S_B over the lattices' rotations S, from trace = 1 + 2 cos θ.

    O takes a face's frame to its crystal's standard axes; T turns B's frame by the twist.
    """
    cos, sin = np.cos(np.radians(twist_deg)), np.sin(np.radians(twist_deg))
    turned = a.axes @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ b.axes.T
    traces = np.einsum("aij,jk,bki->ab", a.rotations, turned, b.rotations)
    return float(np.round(np.degrees(np.arccos(np.clip((traces.max() - 1) / 2, -1, 1))), 4))


def _rank(pair: OrientationPair) -> tuple[float, float, float]:
    return round(pair.match.area_A2, 3), round(pair.match.max_strain, 6), pair.misorientation_deg
