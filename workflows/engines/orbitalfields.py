"""Densities, orbitals and potentials of a solved molecule on a grid of points, in blocks of bounded memory.

Near a nucleus heavier than helium a density varies faster than any affordable grid; a sum over its points then misses
the electrons by some 0.01 to 0.1. There the points carry the density averaged over their voxels instead, blended
smoothly into the plain values outside, so that the sum over the grid is the number of electrons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from numpy.typing import NDArray
from pyscf import df, gto
from pyscf.dft import numint
from scipy.special import erfc

from interlith.analysis.densities import Density
from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]
Values = Callable[[Floats], Floats]

SPACING_A, MARGIN_A = 0.1, 4.0
MOST_POINTS = 200_000_000
BLOCK_NUMBERS = 8_000_000
"""Functions times points of a block: 64 MB for one array of them."""
AVERAGED_A, BLEND_A = 0.45, 0.15
"""Averages within the first radius, blended over the second."""
ROUGH_BEYOND_A, FINE, ROUGH = 0.25, 8, 3
"""Gauss–Legendre points along each edge of a voxel nearer to the nucleus than this, and of the others."""


@dataclass(frozen=True)
class Frame:
    """How a molecule stands while it is computed: its own axes, so that turning it changes nothing.

    Attributes
    ----------
    centre_A
        Centre of its nuclear charges.
    axes
        Rows are its principal axes, right-handed, shape (3, 3).
    """

    centre_A: Floats
    axes: Floats

    @classmethod
    def of(cls, atoms: Atoms) -> Frame:
        """Return the principal axes of the nuclear charges, directed towards the longer tail."""
        weights = atoms.numbers.astype(float)
        centre = weights @ atoms.positions / weights.sum()
        away = atoms.positions - centre
        axes = np.linalg.eigh((away.T * weights) @ away)[1].T
        for axis in axes[:2]:
            tail = float(weights @ (away @ axis) ** 3)
            axis *= -1.0 if tail < -1e-6 else 1.0
        axes[2] = np.cross(axes[0], axes[1])
        return cls(centre, axes)

    def inside(self, points_A: Floats) -> Floats:
        """Return points (n, 3) as the computed molecule sees them."""
        return (points_A - self.centre_A) @ self.axes.T

    def outside(self, vectors: Floats) -> Floats:
        """Return vectors (n, 3) of the computed molecule as the world sees them."""
        return vectors @ self.axes


def empty_grid(atoms: Atoms, spacing_A: float | None, like: Density | None, charges: Floats) -> Density:
    """Return a grid of zeros: that of another density, or one with 4 Å around the atoms.

    Parameters
    ----------
    atoms
        Stay where they are.
    spacing_A
        Largest distance between points; None for 0.1 Å.
    like
        The density whose grid is taken; None for a new grid.
    charges
        Of the nuclei, shape (atoms,).

    Raises
    ------
    RequestError
        For a spacing that is not positive, or too many points.
    """
    if like is not None:
        alone = Atoms(atoms.symbols, atoms.positions, cell=like.atoms.cell, pbc=like.atoms.pbc)
        return Density(np.zeros(like.values_e_A3.shape), alone, like.origin_A, charges)
    step = SPACING_A if spacing_A is None else spacing_A
    low, high = atoms.positions.min(axis=0) - MARGIN_A, atoms.positions.max(axis=0) + MARGIN_A
    if not step > 0 or np.prod((high - low) / step) > MOST_POINTS:
        raise RequestError(
            f"a grid of {step:g} Å", atoms.get_chemical_formula(), "such as 0.1 Å, for so large a molecule"
        )
    shape = tuple(int(n) for n in np.ceil((high - low) / step))
    alone = Atoms(atoms.symbols, atoms.positions, cell=step * np.array(shape), pbc=False)
    return Density(np.zeros(shape), alone, low, charges)


def electron_density(molecule: gto.Mole, coefficients: Floats, occupations: Floats) -> Values:
    """Return the function that gives Σ_i n_i |φ_i(r)|², e/Å³, at points (n, 3) in Å.

    Parameters
    ----------
    molecule
        PySCF's.
    coefficients
        Orbitals, (functions, orbitals).
    occupations
        n_i, electrons, (orbitals,); orbitals without are left out.
    """
    filled = np.abs(occupations) > 1e-12
    orbitals, weights = coefficients[:, filled], occupations[filled]

    def values(points_A: Floats) -> Floats:
        """Return the density at points of the computed molecule."""
        functions = numint.eval_ao(molecule, points_A / Bohr)
        return np.asarray((functions @ orbitals) ** 2 @ weights) / Bohr**3

    return values


def on_grid(grid: Density, values: Values, frame: Frame, functions: int, *, averaged: bool = True) -> Density:
    """Return a field on a grid.

    Parameters
    ----------
    grid
        Its values are replaced.
    values
        The field at points as the molecule sees them.
    frame
        How the molecule stands.
    functions
        Of the basis: they bound how many points are taken at once.
    averaged
        Whether points near heavy nuclei carry averages over their voxels.
    """
    found = np.empty(grid.values_e_A3.size)
    for block, points in _blocks(grid, max(1, BLOCK_NUMBERS // max(1, functions))):
        found[block] = values(frame.inside(points))
    field = found.reshape(grid.values_e_A3.shape)
    if averaged:
        for index in np.flatnonzero(_heavy(grid)):
            _average(grid, field, int(index), lambda points: values(frame.inside(points)))
    return grid.with_values(field)


def electron_potential(molecule: gto.Mole, density_matrix: Floats, auxiliary: str, least_A: float) -> Values:
    """Return the function that gives the potential energy (eV) of a test electron at points (n, 3) in Å.

    ``V(r) = e² [∫ρ(r')/|r − r'| dr' − Σ_A Z_A/|r − R_A|]``, the electrons' part from their density fitted in an
    auxiliary basis.

    Parameters
    ----------
    molecule
        PySCF's.
    density_matrix
        Of both spins together, (functions, functions).
    auxiliary
        Basis for the fit.
    least_A
        Distances to nuclei below it count as this, so that no point is infinite.
    """
    fitted = df.make_auxmol(molecule, auxiliary)
    coulomb = df.incore.aux_e2(molecule, fitted, "int3c2e", aosym="s2ij")
    packed = density_matrix[np.tril_indices(len(density_matrix))].copy() * 2
    packed[np.cumsum(np.arange(1, len(density_matrix) + 1)) - 1] /= 2
    weights = np.linalg.solve(fitted.intor("int2c2e"), packed @ coulomb)
    nuclei, charges = molecule.atom_coords(), molecule.atom_charges()

    def values(points_A: Floats) -> Floats:
        """Return the potential energy at points of the computed molecule."""
        points = points_A / Bohr
        repulsion = gto.mole.intor_cross("int2c2e", gto.fakemol_for_charges(points), fitted) @ weights
        away = np.linalg.norm(points[:, None] - nuclei, axis=2)
        return np.asarray(repulsion - (charges / np.maximum(away, least_A / Bohr)).sum(axis=1)) * Hartree

    return values


def _blocks(grid: Density, size: int) -> Iterator[tuple[slice, Floats]]:
    """Yield runs of grid points, in the order of the flattened values, with their positions (n, 3)."""
    shape = grid.values_e_A3.shape
    steps = grid.cell_A / np.array(shape)[:, None]
    for start in range(0, grid.values_e_A3.size, size):
        run = np.arange(start, min(start + size, grid.values_e_A3.size))
        yield slice(start, start + len(run)), grid.origin_A + np.stack(np.unravel_index(run, shape), axis=1) @ steps


def _heavy(grid: Density) -> NDArray[np.bool_]:
    charges = grid.nuclear_charges
    return np.asarray(grid.atoms.numbers > 2) & (np.ones(len(grid.atoms), bool) if charges is None else charges > 0)


def _average(grid: Density, field: Floats, index: int, values: Values) -> None:
    """Replace the values near a nucleus by averages over their voxels, blended out with distance."""
    shape, place = np.array(field.shape), grid.atoms.positions[index]
    steps = grid.cell_A / shape[:, None]
    reach = AVERAGED_A + 3 * BLEND_A
    centre = np.linalg.solve(steps.T, place - grid.origin_A)
    spans = np.ceil(reach * np.linalg.norm(np.linalg.inv(steps), axis=0)).astype(int) + 1
    around = [np.arange(int(c) - s, int(c) + s + 2) for c, s in zip(np.rint(centre), spans, strict=True)]
    points = np.stack(np.meshgrid(*around, indexing="ij"), axis=-1).reshape(-1, 3)
    away = np.linalg.norm((points - centre) @ steps, axis=1)
    points, away = points[away < reach], away[away < reach]
    for near, order in ((away < ROUGH_BEYOND_A, FINE), (away >= ROUGH_BEYOND_A, ROUGH)):
        chosen = points[near]
        if not len(chosen):
            continue
        blend = erfc((away[near] - AVERAGED_A) / BLEND_A) / 2
        centres = grid.origin_A + chosen @ steps
        means = _voxel_means(centres, steps, order, values, lambda p: _blend(p, place))
        inside = tuple((chosen % shape).T)
        field[inside] += means - blend * values(centres)


def _blend(points: Floats, place: Floats) -> Floats:
    return np.asarray(erfc((np.linalg.norm(points - place, axis=1) - AVERAGED_A) / BLEND_A) / 2)


def _voxel_means(centres: Floats, steps: Floats, order: int, values: Values, weight: Values) -> Floats:
    """Return the mean of a weighted field over the voxel around each centre, by Gauss and Legendre's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(order)
    offsets = np.stack(np.meshgrid(nodes, nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 3) / 2 @ steps
    parts = np.einsum("i,j,k->ijk", weights, weights, weights).ravel() / 8
    found = np.empty(len(centres))
    size = max(1, 20_000 // len(parts))
    for start in range(0, len(centres), size):
        run = centres[start : start + size]
        points = (run[:, None] + offsets).reshape(-1, 3)
        found[start : start + size] = (values(points) * weight(points)).reshape(len(run), -1) @ parts
    return found
