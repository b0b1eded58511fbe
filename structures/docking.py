"""Ions put together by geometry: a cation between two donors, an anion at a cation, one molecule against another.

Force fields have no good parameters for lithium (RDKit's MMFF94s draws Li to 1.0 Å of F), so distances to a cation
are sums of covalent radii (Li-O 1.94 Å) and only the order of the results comes from point charges.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from ase.data import covalent_radii, vdw_radii
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers, rdPartialCharges
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from interlith.structures.conformers import donors
from interlith.structures.smiles import is_metal

Floats = NDArray[np.float64]

COULOMB_eV_A = 14.399645
"""e²/(4πε₀) in eV Å."""
ROUND = 48
TURNS = 300
WINDOW_eV = 2.0
"""Wide, because point charges rank roughly: an engine decides."""
APART_A = 0.8
"""Two sites of a cation nearer than this are one."""
CLEAR = 0.78
"""Two molecules may come this close, in sums of van der Waals radii."""
PLANAR = frozenset({"Cu", "Ni", "Pd", "Pt"})
"""Cations whose d8 and d9 complexes with two bidentate ligands are flat."""


@dataclass(frozen=True)
class Body:
    """A rigid molecule, ion or pair, with point charges.

    Parameters
    ----------
    mol
        All hydrogens as atoms.
    positions
        Å, shape (n, 3).
    charges
        e, shape (n,); they sum to the net charge.
    donors
        Atoms that can bind a cation.
    """

    mol: Chem.Mol
    positions: Floats
    charges: Floats
    donors: tuple[int, ...]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Atomic numbers."""
        return np.array([atom.GetAtomicNum() for atom in self.mol.GetAtoms()])

    @property
    def metals(self) -> list[int]:
        """Indices of bare cations of metals."""
        return [a.GetIdx() for a in self.mol.GetAtoms() if is_metal(a) and a.GetDegree() == 0]

    def joined(self, other: Body) -> Body:
        """Return both as one, this one's atoms first."""
        shifted = tuple(d + len(self.positions) for d in other.donors)
        return Body(
            Chem.CombineMols(self.mol, other.mol),
            np.vstack([self.positions, other.positions]),
            np.concatenate([self.charges, other.charges]),
            self.donors + shifted,
        )

    def moved(self, positions: Floats) -> Body:
        """Return the same body elsewhere."""
        return Body(self.mol, positions, self.charges, self.donors)


def body(mol: Chem.Mol, positions: Floats) -> Body:
    """Return one fragment with the charges of MMFF94, or Gasteiger's where it has none, or the ion's own."""
    return Body(mol, positions, _charges(mol), tuple(_binding(mol)))


def coulomb_eV(one: Body, two: Body) -> float:
    """Return the Coulomb energy between the point charges of two bodies, eV."""
    return float(COULOMB_eV_A * (np.outer(one.charges, two.charges) / cdist(one.positions, two.positions)).sum())


def cation_sites(host: Body, number: int, k: int) -> list[Floats]:
    """Return the places where a cation binds two donors of a host, lowest Coulomb energy first.

    Points on the circle at both bond lengths from each two donors are tried; where no two donors can be reached, the
    sphere about each donor. No other atom may be nearer than a contact.

    Parameters
    ----------
    host
        What the cation is bound to; cations in it keep their distance.
    number
        Atomic number of the cation.
    k
        Most places returned; they are at least 0.8 Å apart.
    """
    points = _clear(host, number, _circles(host, number))
    if not len(points):
        points = _clear(host, number, _spheres(host, number))
    if not len(points):
        return []
    potential = (host.charges / cdist(points, host.positions)).sum(axis=1)
    chosen: list[Floats] = []
    for index in np.argsort(potential, kind="stable"):
        if all(np.linalg.norm(points[index] - other) > APART_A for other in chosen):
            chosen.append(points[index])
    return chosen[:k]


def attached(host: Body, cation: int, guest: Body, site: Floats, seed: int) -> Body | None:
    """Return the guest with its cation site on a cation of the host, turned to the lowest Coulomb energy.

    Parameters
    ----------
    host, cation
        The body that holds the cation, and the cation's index in it.
    guest
        An anion, in its own frame.
    site
        Where the cation stands in the guest's frame, Å, shape (3,).
    seed
        Of the turns that are tried.

    Returns
    -------
    Body or None
        The moved guest; None where every turn clashes.
    """
    turns = Rotation.random(TURNS, rng=np.random.default_rng(seed)).as_matrix()
    opposed = _opposed(host, cation, guest, site)
    if opposed is not None:
        flat = host.mol.GetAtomWithIdx(cation).GetSymbol() in PLANAR
        turns = opposed if flat else np.concatenate([opposed, turns])
    rest = np.arange(len(host.positions)) != cation
    centred = guest.positions - site
    return _lowest(host, guest, [host.positions[cation] + centred @ turn.T for turn in turns], rest)


def beside(host: Body, guest: Body, seed: int) -> Body:
    """Return the guest slid against the host from many directions, at the lowest Coulomb energy.

    Parameters
    ----------
    host, guest
        Neither holds a cation that the other binds.
    seed
        Of the directions and turns.
    """
    generator = np.random.default_rng(seed)
    turns = Rotation.random(TURNS, rng=generator).as_matrix()
    directions = Rotation.random(TURNS, rng=generator).as_matrix()[:, 0]
    centre = host.positions.mean(axis=0)
    centred = guest.positions - guest.positions.mean(axis=0)
    reach = _contact(host, guest)
    places = []
    for turn, direction in zip(turns, directions, strict=True):
        turned = centred @ turn.T
        places.append(centre + turned + _slide(turned[None] - (host.positions - centre)[:, None], reach, direction))
    found = _lowest(host, guest, places, np.ones(len(host.positions), dtype=bool))
    assert found is not None, "a guest at contact distance clashes with nothing"
    return found


def _binding(mol: Chem.Mol) -> list[int]:
    """Return the donors of a fragment; a bare anion is one, a bare cation none."""
    return donors(mol) if mol.GetNumAtoms() > 1 else [0] * (Chem.GetFormalCharge(mol) < 0)


def _charges(mol: Chem.Mol) -> Floats:
    """Return point charges of one fragment that sum to its formal charge, e."""
    if mol.GetNumAtoms() == 1:
        return np.array([float(Chem.GetFormalCharge(mol))])
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
    if properties is not None:
        return np.array([properties.GetMMFFPartialCharge(k) for k in range(mol.GetNumAtoms())])
    copy = Chem.Mol(mol)
    rdPartialCharges.ComputeGasteigerCharges(copy)
    found = np.nan_to_num([float(atom.GetProp("_GasteigerCharge")) for atom in copy.GetAtoms()])
    return np.asarray(found + (Chem.GetFormalCharge(mol) - found.sum()) / len(found))


def _circles(host: Body, number: int) -> Floats:
    """Return points at both bond lengths from each two donors, shape (n, 3)."""
    angles = np.linspace(0, 2 * np.pi, ROUND, endpoint=False)
    points = [np.zeros((0, 3))]
    for i, j in combinations(host.donors, 2):
        reach_i, reach_j = _bond_lengths(host, number, (i, j))
        axis = host.positions[j] - host.positions[i]
        apart = float(np.linalg.norm(axis))
        along = (apart**2 + reach_i**2 - reach_j**2) / (2 * apart)
        square = reach_i**2 - along**2
        if apart > 1.8 and square > 0.04:
            one, two = _across(axis / apart)
            circle = np.outer(np.cos(angles), one) + np.outer(np.sin(angles), two)
            points.append(host.positions[i] + axis / apart * along + np.sqrt(square) * circle)
    return np.vstack(points)


def _spheres(host: Body, number: int) -> Floats:
    """Return points at the bond length from each donor, shape (n, 3)."""
    directions = Rotation.random(4 * ROUND, rng=np.random.default_rng(0)).as_matrix()[:, 0]
    reach = _bond_lengths(host, number, host.donors)
    spheres = [host.positions[d] + r * directions for d, r in zip(host.donors, reach, strict=True)]
    return np.vstack([np.zeros((0, 3)), *spheres])


def _bond_lengths(host: Body, number: int, atoms: tuple[int, ...]) -> Floats:
    """Return the sum of covalent radii of the cation and each atom, Å."""
    return covalent_radii[number] + covalent_radii[host.numbers[list(atoms)]]


def _clear(host: Body, number: int, points: Floats) -> Floats:
    """Return the points where a cation is in contact with donors only."""
    factor = np.select([host.numbers == 1, host.numbers == 6], [1.25, 1.02], 0.9)
    factor[list(host.donors)] = 0.95
    factor[host.metals] = 1.0
    least = factor * _bond_lengths(host, number, tuple(range(len(host.positions))))
    return points[(cdist(points, host.positions) > least - 1e-9).all(axis=1)]


def _opposed(host: Body, cation: int, guest: Body, site: Floats) -> Floats | None:
    """Return the two turns, shape (2, 3, 3), that put the guest's donors opposite the host's, all in one plane."""
    ours = _claw(host.positions[list(host.donors)], host.positions[cation])
    theirs = _claw(guest.positions[list(guest.donors)], site)
    if ours is None or theirs is None:
        return None
    half = np.diag([-1.0, -1.0, 1.0])
    return np.array([ours.T @ half @ theirs, ours.T @ np.diag([-1.0, 1.0, -1.0]) @ theirs])


def _claw(donors: Floats, cation: Floats) -> Floats | None:
    """Return the frame of the two donors nearest a cation, rows: towards them, across, and normal to their plane."""
    if len(donors) < 2:
        return None
    one, two = donors[np.argsort(np.linalg.norm(donors - cation, axis=1))[:2]] - cation
    towards, normal = one + two, np.cross(one, two)
    if np.linalg.norm(normal) < 0.1 or np.linalg.norm(towards) < 0.1:
        return None
    x, z = towards / np.linalg.norm(towards), normal / np.linalg.norm(normal)
    return np.array([x, np.cross(z, x), z])


def _lowest(host: Body, guest: Body, places: list[Floats], counted: NDArray[np.bool_]) -> Body | None:
    """Return the guest at the place of lowest Coulomb energy that clears the counted atoms of the host."""
    reach = _contact(host, guest)[counted]
    clear = [p for p in places if (cdist(host.positions[counted], p) > 0.999 * reach).all()]
    return min((guest.moved(p) for p in clear), key=lambda g: coulomb_eV(host, g), default=None)


def _contact(host: Body, guest: Body) -> Floats:
    """Return how near each two atoms of two bodies may come, Å, shape (n, m)."""
    wide = [np.nan_to_num(vdw_radii[b.numbers], nan=1.7) for b in (host, guest)]
    return CLEAR * np.add.outer(*wide)


def _slide(apart: Floats, reach: Floats, direction: Floats) -> Floats:
    """Return the shift along a direction after which no two atoms are nearer than their reach, Å, shape (3,).

    Solves |d + t u| = r for every pair and takes the largest t; `apart` d has shape (n, m, 3).
    """
    along = apart @ direction
    inside = along**2 - (apart**2).sum(axis=-1) + reach**2
    met = inside > 0
    return direction * float((np.sqrt(inside[met]) - along[met]).max(initial=0.0))


def _across(axis: Floats) -> tuple[Floats, Floats]:
    """Return two unit vectors normal to a unit vector and to each other."""
    one = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    one /= np.linalg.norm(one)
    return one, np.cross(axis, one)
