"""Who owns the electrons: Bader charges of atoms and of sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray
from pydantic import Field

from interlith.analysis.bader import Basins, VACUUM_e_A3, basins
from interlith.analysis.densities import Density, check_density, check_one_grid
from interlith.structures.errors import RequestError
from interlith.structures.records import Record

Floats = NDArray[np.float64]

CAPTURE = 0.5
"""A maximum within this fraction of an atom's covalent radius is that atom's."""
CAPTURE_STEPS = 1.5
"""It may also be this many grid diagonals away: a nucleus stands between points."""
NEGLIGIBLE_e = 1e-3
"""Maxima of fewer electrons are noise of the grid, and counted with the vacuum."""


class AtomCharge(Record):
    """One atom's share of the density."""

    index: int
    element: str
    electrons: float
    charge_e: float | None = Field(description="nuclear (or valence) charge minus electrons; None where not known")
    volume_A3: float


class FreeMaximum(Record):
    """A maximum that belongs to no atom."""

    fraction: tuple[float, float, float] = Field(description="of the cell, from the grid's first point")
    electrons: float
    volume_A3: float
    nearest: str = Field(description="nearest atom and its distance")


class BaderCharges(Record):
    """A density shared out among atoms; atoms, free maxima and vacuum sum to the grid's total."""

    atoms: tuple[AtomCharge, ...]
    free_maxima: tuple[FreeMaximum, ...]
    vacuum_e: float
    vacuum_volume_A3: float
    total_e: float = Field(description="the grid's total")
    expected_e: float | None = Field(description="sum of the nuclear charges minus the net charge; None if not known")
    grid_error_e: float | None = Field(description="the grid's total minus what is expected")
    caveats: tuple[str, ...]

    def electrons(self, indices: Sequence[int]) -> float:
        """Return the electrons of a set of atoms."""
        return sum(self.atoms[i].electrons for i in indices)


class _Owners(NamedTuple):
    """Per maximum: its atom (-1: none), the nearest atom, and how far that is."""

    atom: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distance_A: Floats


def bader_charges(
    density: Density,
    *,
    reference: Density | None = None,
    nuclear_charges: Sequence[float] | None = None,
    net_charge_e: float = 0.0,
    vacuum_e_A3: float = VACUUM_e_A3,
) -> BaderCharges:
    """Return the Bader charges of a density.

    Parameters
    ----------
    density
        What is shared out; the electrons that are counted.
    reference
        What makes the basins: a density with a maximum at each nucleus (valence plus cores for a valence density);
        the density itself if None.
    nuclear_charges
        Per atom, instead of the density's own; valence charges for a valence density.
    net_charge_e
        Of the whole system, for the expected number of electrons.
    vacuum_e_A3
        Points of at most this reference density belong to nobody.

    Raises
    ------
    RequestError
        If the grids differ, a value is not finite, or an atom has no maximum of the reference: its electrons would go
        to its neighbours without a word.
    """
    ground = reference or density
    check_density(density, "density")
    check_one_grid({"density": density, "reference": ground})
    found = basins(ground.values_e_A3, ground.cell_A, (density.values_e_A3,), vacuum_e_A3=vacuum_e_A3)
    owners = _owners(found, ground)
    _check_every_atom(density, owners, found)
    charges = density.nuclear_charges if nuclear_charges is None else np.asarray(nuclear_charges, dtype=float)
    expected = None if charges is None else float(charges.sum()) - net_charge_e
    free, dust = _free(found, owners, density), _dust(found, owners)
    error = None if expected is None else density.total_e - expected
    return BaderCharges(
        atoms=_shares(found, owners, density, charges),
        free_maxima=free,
        vacuum_e=float(found.vacuum[0] + found.integrals[0][dust].sum()),
        vacuum_volume_A3=found.vacuum_volume_A3 + float(found.volumes_A3[dust].sum()),
        total_e=density.total_e,
        expected_e=expected,
        grid_error_e=error,
        caveats=_caveats(free, error),
    )


def _owners(found: Basins, density: Density) -> _Owners:
    """Return the nearest atom of each maximum, -1 where none is near enough."""
    shape = np.array(density.values_e_A3.shape)
    away = (found.maxima / shape)[:, None, :] - density.grid_fractions[None, :, :]
    distances = np.linalg.norm((away - np.rint(away)) @ density.cell_A, axis=2)
    nearest = distances.argmin(axis=1)
    least = distances[np.arange(len(nearest)), nearest]
    diagonal = np.linalg.norm(density.cell_A / shape[:, None], axis=1).sum() / np.sqrt(3)
    reach = np.maximum(CAPTURE * covalent_radii[density.atoms.numbers[nearest]], CAPTURE_STEPS * diagonal)
    return _Owners(np.where(least <= reach, nearest, -1), nearest, least)


def _check_every_atom(density: Density, owners: _Owners, found: Basins) -> None:
    lost = sorted(set(range(len(density.atoms))) - set(owners.atom.tolist()))
    if not lost or not len(found.maxima):
        return
    named = ", ".join(f"{i} ({density.atoms.symbols[i]})" for i in lost[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    raise RequestError(
        f"the reference density has no maximum at atom {named}{more}",
        "Bader partition",
        "give a reference with the cores (AECCAR0 + AECCAR2, or valence plus atomic cores), or a finer grid",
    )


def _shares(found: Basins, owners: _Owners, density: Density, charges: Floats | None) -> tuple[AtomCharge, ...]:
    shares = []
    for i, number in enumerate(density.atoms.numbers):
        mine = owners.atom == i
        electrons = float(found.integrals[0][mine].sum())
        shares.append(
            AtomCharge(
                index=i,
                element=chemical_symbols[number],
                electrons=electrons,
                charge_e=None if charges is None else float(charges[i]) - electrons,
                volume_A3=float(found.volumes_A3[mine].sum()),
            )
        )
    return tuple(shares)


def _dust(found: Basins, owners: _Owners) -> NDArray[np.bool_]:
    return (owners.atom < 0) & (np.abs(found.integrals[0]) < NEGLIGIBLE_e)


def _free(found: Basins, owners: _Owners, density: Density) -> tuple[FreeMaximum, ...]:
    shape = np.array(density.values_e_A3.shape)
    kept = np.flatnonzero((owners.atom < 0) & ~_dust(found, owners))
    return tuple(
        FreeMaximum(
            fraction=tuple(float(x) for x in found.maxima[m] / shape),
            electrons=float(found.integrals[0][m]),
            volume_A3=float(found.volumes_A3[m]),
            nearest=f"{density.atoms.symbols[owners.nearest[m]]}{owners.nearest[m]} at {owners.distance_A[m]:.2f} Å",
        )
        for m in kept
    )


def _caveats(free: tuple[FreeMaximum, ...], error: float | None) -> tuple[str, ...]:
    told = []
    if free:
        held = sum(one.electrons for one in free)
        told.append(f"{len(free)} maxima belong to no atom and hold {held:.3f} e, which no atom's charge counts")
    if error is not None and abs(error) > NEGLIGIBLE_e:
        told.append(f"the grid holds {error:+.4f} e more than the electrons expected")
    return tuple(told)
