"""Densities on grids: what one is, when several belong together, and the difference of three.

e/Å³ and Å throughout; electrons are counted positive. Files are read elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]

SEAM_PLANES = 4
"""So many planes at each end of the grid show whether it goes on through the border."""
SEAM_BEND = 2.0
"""It does if the density bends upwards across the border less than so many times as much as within."""
FADED_e_A3 = 1e-6
"""Less is nothing at a border."""
SAME_CELL_A = 1e-4
"""Cells and positions of densities on one grid agree so well."""


@dataclass(frozen=True)
class Density:
    """A field on a grid, with the atoms it belongs to.

    Attributes
    ----------
    values_e_A3
        Shape (nx, ny, nz); point (i, j, k) stands at the origin plus i, j, k steps.
    atoms
        Positions in the frame of the origin; the cell is the grid's: n steps along each axis. Along an axis that is not
        periodic (``pbc``) the grid is open: it ends at both ends, as the cube of a molecule does.
    origin_A
        Where point (0, 0, 0) stands, shape (3,).
    nuclear_charges
        What each atom has beside these electrons (valence charge for a valence density), shape (atoms,); None where
        the file does not say.
    """

    values_e_A3: Floats
    atoms: Atoms
    origin_A: Floats
    nuclear_charges: Floats | None = None

    @property
    def cell_A(self) -> Floats:
        """Vectors that the grid divides, rows (3, 3)."""
        return np.array(self.atoms.cell.array)

    @property
    def voxel_A3(self) -> float:
        """Volume of one grid point."""
        return abs(float(np.linalg.det(self.cell_A))) / self.values_e_A3.size

    @property
    def total_e(self) -> float:
        """Integral over the grid."""
        return float(self.values_e_A3.sum()) * self.voxel_A3

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        """Along which axes the grid repeats."""
        a, b, c = (bool(repeats) for repeats in self.atoms.pbc)
        return a, b, c

    @property
    def grid_fractions(self) -> Floats:
        """Positions of the atoms in fractions of the cell from the grid's first point, shape (atoms, 3).

        Wrapped into the cell along the axes that repeat.
        """
        fractions = np.linalg.solve(self.cell_A.T, (self.atoms.positions - self.origin_A).T).T
        return np.where(self.periodic, fractions % 1.0, fractions)

    def with_values(self, values_e_A3: Floats) -> Density:
        """Return another field on the same grid."""
        return replace(self, values_e_A3=values_e_A3)


def check_density(density: Density, where: str) -> None:
    """Refuse a density that cannot be integrated.

    Raises
    ------
    RequestError
        No grid of three axes, a cell without volume, or a value that is not finite.
    """
    values = density.values_e_A3
    if values.ndim != 3 or 0 in values.shape:
        raise RequestError(f"a grid of shape {values.shape}", where, "give a density on three axes")
    if density.voxel_A3 <= 0:
        raise RequestError("the grid's cell has no volume", where, "mend the cell in the file")
    if not np.isfinite(values).all():
        point = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise RequestError(f"the density at grid point {point} is not a finite number", where, "export it again")


def border_e_A3(density: Density) -> Floats:
    """Return the highest density on the two end planes across each axis, shape (3,)."""
    values = density.values_e_A3
    return np.array([max(values.take(end, axis=a).max() for end in (0, -1)) for a in range(3)])


def repeats(values: Floats) -> tuple[bool, bool, bool]:
    """Judge along which axes a density goes on smoothly through the border, as one of a periodic cell does.

    Where it does not, second differences across the border bend upwards more than those within. A density that has
    faded at both ends may be taken either way.

    Parameters
    ----------
    values
        Shape (nx, ny, nz), e/Å³.
    """
    a, b, c = (_goes_on(values, axis) for axis in range(3))
    return a, b, c


def _goes_on(values: Floats, axis: int) -> bool:
    if values.shape[axis] < 2 * SEAM_PLANES or values.size == 0:
        return True
    planes = np.stack([values.take(k, axis=axis) for k in range(-SEAM_PLANES, SEAM_PLANES)])
    bends = np.diff(planes, n=2, axis=0)
    upwards = np.clip(bends, 0.0, None).sum(axis=(1, 2))
    across, within = upwards[SEAM_PLANES - 2 : SEAM_PLANES].max(), np.abs(bends).sum(axis=(1, 2))
    inside = max(within[: SEAM_PLANES - 2].max(), within[SEAM_PLANES:].max())
    return bool(planes[SEAM_PLANES - 1 : SEAM_PLANES + 1].max() <= FADED_e_A3 or across <= SEAM_BEND * inside)


def check_one_grid(densities: Mapping[str, Density]) -> None:
    """Refuse densities that do not stand on one grid in one cell.

    Parameters
    ----------
    densities
        By name, for the message.

    Raises
    ------
    RequestError
        Naming the first two that differ, and in what.
    """
    (first, reference), *rest = densities.items()
    for name, density in rest:
        if density.values_e_A3.shape != reference.values_e_A3.shape:
            shapes = f"{reference.values_e_A3.shape} and {density.values_e_A3.shape} points"
            raise RequestError(f"grids of {shapes}", f"{first}, {name}", "compute all on one grid")
        for what, a, b in (
            ("cells", reference.cell_A, density.cell_A),
            ("origins", reference.origin_A, density.origin_A),
        ):
            if not np.allclose(a, b, atol=SAME_CELL_A, rtol=0):
                apart = float(np.abs(a - b).max())
                raise RequestError(
                    f"{what} differ by up to {apart:.4g} Å", f"{first}, {name}", "use one cell and frame"
                )


def density_difference(whole: Density, a: Density, b: Density) -> Density:
    """Return the charge-density difference Δρ = ρ(A|B) − ρ(A) − ρ(B), on the whole's grid and atoms.

    The sides keep the geometry that they have in the whole; a ghost atom (without charge) belongs to no side.

    Raises
    ------
    RequestError
        If the grids differ, or the atoms of the sides are not those of the whole.
    """
    check_one_grid({"A|B": whole, "A": a, "B": b})
    _check_atoms(whole, a, b)
    return whole.with_values(whole.values_e_A3 - a.values_e_A3 - b.values_e_A3)


def sides_of(whole: Density, a: Density, b: Density) -> NDArray[np.int64]:
    """Return which side each atom of the whole belongs to, 0 for A and 1 for B, shape (atoms,).

    Raises
    ------
    RequestError
        If an atom of the whole stands in neither or both sides.
    """
    return _check_atoms(whole, a, b)


def _check_atoms(whole: Density, a: Density, b: Density) -> NDArray[np.int64]:
    sides = np.full(len(whole.atoms), -1)
    for k, side in enumerate((a, b)):
        for number, place in zip(side.atoms.numbers, side.grid_fractions, strict=True):
            away = whole.grid_fractions - place
            distances = np.linalg.norm((away - np.rint(away)) @ whole.cell_A, axis=1)
            (found,) = np.nonzero((distances < 10 * SAME_CELL_A) & (whole.atoms.numbers == number))
            if not len(found) or sides[found[0]] >= 0:
                symbol = side.atoms.symbols[0] if len(side.atoms) == 1 else f"an atom of side {'AB'[k]}"
                what = f"{symbol} (element {number}) at fraction {np.round(place, 4).tolist()} is no atom of A|B"
                raise RequestError(what, "densities", "keep the geometry of the interface in each side")
            sides[found[0]] = k
    if (sides < 0).any():
        lost = int(np.flatnonzero(sides < 0)[0])
        what = f"atom {lost} ({whole.atoms.symbols[lost]}) of A|B stands in neither side"
        raise RequestError(what, "densities", "A and B together must hold every atom")
    return sides
