"""The cores that a valence density leaves out: spherical all-electron densities, put back to find the basins.

A pseudopotential's density has no maximum at most nuclei, and a hollow at many. Valence plus cores has one at each, and
where basins meet it is the all-electron density; the cores themselves stay within their own basins.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols
from ase.units import Bohr
from numpy.typing import NDArray

from interlith.analysis.densities import Density
from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WIDENED_STEPS = 0.7
"""Cusps are widened by a Gaussian of so many grid steps: the sum over the grid then holds their electrons to 1e-4."""
LEFT_e_A3 = 1e-6
"""A core ends where its density falls below."""
WHOLE = 0.05
"""A number of core electrons is whole within this."""


class Core(NamedTuple):
    """Gaussians about a nucleus: exponents (1/Å²) and the electrons of each."""

    exponents_A2: Floats
    electrons: Floats

    def density_e_A3(self, radii_A: Floats, widened_A: float = 0.0) -> Floats:
        """Return the density at distances from the nucleus, after averaging over a Gaussian of a width.

        Each Gaussian, of variance 1/(2a), stays one: its variance grows by the square of the width.
        """
        a = self.exponents_A2 / (1 + 2 * self.exponents_A2 * widened_A**2)
        heights = self.electrons * (a / np.pi) ** 1.5
        return np.asarray(np.exp(-np.multiply.outer(np.asarray(radii_A) ** 2, a)) @ heights)


@cache
def _table() -> dict[str, dict[str, dict[str, list[float]]]]:
    return tomllib.loads((files(__package__) / "cores.toml").read_text(encoding="utf-8"))


def atomic_core(element: str, electrons: int) -> Core:
    """Return the core of an element.

    Raises
    ------
    RequestError
        If no core of so many electrons is known; names those that are.
    """
    known = _table().get(element, {})
    row = known.get(str(electrons))
    if row is None:
        there = f"known are those of {', '.join(known)} electrons" if known else "none is known of this element"
        raise RequestError(
            f"no core of {electrons} electrons for {element}; {there}",
            "cores",
            "check the nuclear charges (--valence), or give an all-electron reference density",
        )
    return Core(np.array(row["exponents"]) / Bohr**2, np.array(row["electrons"]))


def core_electrons(density: Density) -> Ints:
    """Return how many electrons of each atom the density leaves out, shape (atoms,); 0 for a ghost (no charge).

    Raises
    ------
    RequestError
        If nuclear charges are missing, fractional, or more than the element's.
    """
    numbers, charges = density.atoms.numbers, density.nuclear_charges
    if charges is None:
        raise RequestError("no nuclear charges", "cores", "name the valence charges (--valence Li=3,O=6)")
    left = np.where(np.abs(charges) < WHOLE, 0.0, numbers - charges)
    for element, missing, charge in zip(numbers, left, charges, strict=True):
        if missing < -WHOLE or abs(missing - round(missing)) > WHOLE:
            symbol = chemical_symbols[element]
            raise RequestError(
                f"a nuclear charge of {charge:g} for {symbol} (Z = {element})", "cores", "give the valence charge"
            )
    return np.rint(left).astype(np.int64)


def with_cores(density: Density) -> Density:
    """Return a valence density plus spherical all-electron cores, the reference that makes Bader basins.

    The number of core electrons of an atom is its atomic number less its nuclear charge in the density; an atom that
    leaves none out gets none. Cusps are averaged over the grid's step.

    Raises
    ------
    RequestError
        If nuclear charges are missing, or no core fits them.
    """
    values = np.array(density.values_e_A3, dtype=np.float64)
    for place, element, left in zip(
        density.grid_fractions, density.atoms.symbols, core_electrons(density).tolist(), strict=True
    ):
        if left:
            _add(values, density, place, atomic_core(element, left))
    return density.with_values(values)


def _add(values: Floats, density: Density, place: Floats, core: Core) -> None:
    """Add a core to the points around its place (fractions of the cell); through the borders where the grid repeats."""
    shape = np.array(values.shape)
    steps = density.cell_A / shape[:, None]
    widened = WIDENED_STEPS * float(np.linalg.norm(steps, axis=1).max())
    radii = np.linspace(0.0, _radius(core, widened), 4000)
    reach = radii[-1] * np.linalg.norm(np.linalg.inv(steps), axis=0)
    near = [
        np.arange(np.ceil(c - r), np.floor(c + r) + 1).astype(int) for c, r in zip(place * shape, reach, strict=True)
    ]
    near = [i if p else i[(i >= 0) & (i < n)] for i, p, n in zip(near, density.periodic, shape, strict=True)]
    away = [np.multiply.outer(i - c, step) for i, c, step in zip(near, place * shape, steps, strict=True)]
    vectors = away[0][:, None, None] + away[1][None, :, None] + away[2][None, None, :]
    distances = np.sqrt((vectors**2).sum(axis=-1))
    block = np.interp(distances, radii, core.density_e_A3(radii, widened), right=0.0)
    np.add.at(values, np.ix_(*(i % n for i, n in zip(near, shape, strict=True))), block)


def _radius(core: Core, widened_A: float) -> float:
    """Return where a core has faded, Å."""
    radii = np.linspace(0.1, 12.0, 500)
    return float(radii[np.flatnonzero(core.density_e_A3(radii, widened_A) > LEFT_e_A3)[-1]])
