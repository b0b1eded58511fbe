"""Who owns the electrons: Bader charges, moments and dipoles of atoms and of sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray
from pydantic import Field

from interlith.analysis.bader import Basins, VACUUM_e_A3, basins
from interlith.analysis.cores import core_electrons, with_cores
from interlith.analysis.densities import Density, border_e_A3, check_density, check_one_grid
from interlith.analysis.neargrid import near_grid_basins
from interlith.structures.errors import RequestError
from interlith.structures.records import Record

Floats = NDArray[np.float64]
Partition = Literal["weight", "near-grid"]

CAPTURE = 0.5
"""A maximum within this fraction of an atom's covalent radius is that atom's."""
CAPTURE_STEPS = 1.5
"""It may also be this many grid diagonals away: a nucleus stands between points."""
CUT_OFF_e_A3 = 1e-4
"""An open grid that ends at a higher density has cut it off: 100 Å² of such a border lose some 0.003 e."""
SHORT_BOND_A = 1.7
"""Atoms with cores so near share a wall within them: C in carbonate has +1.82 e by GTH, +2.07 by all electrons."""
NEGLIGIBLE_e = 1e-3
"""Maxima of fewer electrons are noise of the grid, and counted with the vacuum."""


class AtomCharge(Record):
    """One atom's share of the density."""

    index: int
    element: str
    electrons: float
    charge_e: float | None = Field(description="nuclear (or valence) charge minus electrons; None where not known")
    volume_A3: float
    spin_e: float | None = Field(
        default=None, description="electrons of majority minus minority spin; None if not given"
    )
    dipole_eA: tuple[float, float, float] = Field(
        description="of the atom's electrons about its nucleus, towards where they are fewer"
    )


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
    dipole_eA: tuple[float, float, float] | None = Field(
        description="of all electrons and nuclei about the nuclei's centre of charge; None in a periodic density"
    )
    basins_of: str = Field(description="what made the basins")
    open_axes: str = Field(description="axes along which the grid ends and nothing leaves it: of 'abc'")
    caveats: tuple[str, ...]

    def electrons(self, indices: Sequence[int]) -> float:
        """Return the electrons of a set of atoms."""
        return sum(self.atoms[i].electrons for i in indices)


class _Owners(NamedTuple):
    """Per maximum: its atom (-1: none), the nearest atom, how far and in which direction it stands from that."""

    atom: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distance_A: Floats
    vector_A: Floats


def bader_charges(
    density: Density,
    *,
    reference: Density | None = None,
    spin: Density | None = None,
    nuclear_charges: Sequence[float] | None = None,
    net_charge_e: float = 0.0,
    vacuum_e_A3: float = VACUUM_e_A3,
    method: Partition = "weight",
) -> BaderCharges:
    """Return the Bader charges of a density.

    Parameters
    ----------
    density
        What is shared out; the electrons that are counted.
    reference
        What makes the basins: a density with a maximum at each nucleus. If None, the density itself, with spherical
        cores added where the nuclear charges say that it is a valence density.
    spin
        Spin density on the same grid, shared out by the same basins.
    nuclear_charges
        Per atom, instead of the density's own; valence charges for a valence density, 0 for a ghost.
    net_charge_e
        Of the whole system, for the expected number of electrons.
    vacuum_e_A3
        Points of at most this reference density belong to nobody.
    method
        The weight method, or near-grid, which is there to check it.

    Raises
    ------
    RequestError
        If the grids differ, a value is not finite, or an atom has no maximum of the reference: its electrons would go
        to its neighbours without a word.
    """
    if nuclear_charges is not None:
        density = replace(density, nuclear_charges=np.asarray(nuclear_charges, dtype=float))
    check_density(density, "density")
    _check_atoms_inside(density)
    ground, made_of = (reference, "the reference given") if reference else _own_reference(density)
    fields = {"density": density, "reference": ground} | ({"spin": spin} if spin else {})
    check_one_grid(fields)
    partition = {"weight": basins, "near-grid": near_grid_basins}[method]
    found = partition(
        ground.values_e_A3,
        ground.cell_A,
        tuple(each.values_e_A3 for name, each in fields.items() if name != "reference"),
        periodic=density.periodic,
        vacuum_e_A3=vacuum_e_A3,
        moments=True,
    )
    owners = _owners(found, density)
    _check_every_atom(density, owners, found)
    return _record(found, owners, density, net_charge_e, made_of)


def largest_difference_e(a: BaderCharges, b: BaderCharges) -> float:
    """Return the largest difference between two partitions in the electrons of one atom."""
    return max(abs(x.electrons - y.electrons) for x, y in zip(a.atoms, b.atoms, strict=True))


def _own_reference(density: Density) -> tuple[Density, str]:
    """Return what makes the basins where no reference is given, and what it is in words."""
    if density.nuclear_charges is None:
        return density, "the density itself"
    left = core_electrons(density)
    if not left.any():
        return density, "the density itself"
    told = {f"{e} {n}" for e, n in zip(density.atoms.symbols, left, strict=True) if n}
    return with_cores(density), f"the valence density plus spherical all-electron cores ({', '.join(sorted(told))} e)"


def _within_cores(density: Density, made_of: str) -> list[str]:
    """Say where basins meet so near to a nucleus that a pseudopotential's density is not the real one."""
    if "cores" not in made_of:
        return []
    left = core_electrons(density)
    firsts, seconds = neighbor_list("ij", density.atoms, SHORT_BOND_A)
    pairs = {(density.atoms.symbols[i], density.atoms.symbols[j]) for i, j in zip(firsts, seconds, strict=True)
             if i < j and left[i] and left[j]}  # fmt: skip
    if not pairs:
        return []
    named = ", ".join("–".join(pair) for pair in sorted(pairs))
    told = "meet where a pseudopotential smooths the density: all-electron charges may differ by up to 0.3 e"
    return [f"basins of short bonds ({named}) {told}"]


def _record(found: Basins, owners: _Owners, density: Density, net_charge_e: float, made_of: str) -> BaderCharges:
    charges = density.nuclear_charges
    expected = None if charges is None else float(charges.sum()) - net_charge_e
    free, dust = _free(found, owners, density), _dust(found, owners)
    error = None if expected is None else density.total_e - expected
    return BaderCharges(
        atoms=_shares(found, owners, density),
        free_maxima=free,
        vacuum_e=float(found.vacuum[0] + found.integrals[0][dust].sum()),
        vacuum_volume_A3=found.vacuum_volume_A3 + float(found.volumes_A3[dust].sum()),
        total_e=density.total_e,
        expected_e=expected,
        grid_error_e=error,
        dipole_eA=_dipole(density),
        basins_of=made_of,
        open_axes="".join(axis for axis, repeats in zip("abc", density.periodic, strict=True) if not repeats),
        caveats=(
            *_within_cores(density, made_of),
            *_cut_off(density),
            *_valence_unknown(density, made_of),
            *_caveats(free, error),
        ),
    )


def _check_atoms_inside(density: Density) -> None:
    """Refuse an atom that stands beyond the end of an open grid."""
    slack = 1 / np.array(density.values_e_A3.shape)
    fractions = density.grid_fractions
    for i in np.flatnonzero(((fractions < -slack) | (fractions > 1 + slack)).any(axis=1)):
        place = fractions[i].round(3).tolist()
        raise RequestError(
            f"atom {i} ({density.atoms.symbols[i]}) stands outside the grid, at fractions {place}",
            "Bader partition",
            "check origin and units of the file, or say that it is periodic",
        )


def _dipole(density: Density) -> tuple[float, float, float] | None:
    """Return the dipole of a density that no border cuts."""
    charges = density.nuclear_charges
    if charges is None or charges.sum() <= 0 or (border_e_A3(density) > CUT_OFF_e_A3).any():
        return None
    steps, centre = density.cell_A / np.array(density.values_e_A3.shape)[:, None], charges @ density.grid_fractions
    centre = centre / charges.sum() @ density.cell_A
    planes = [
        density.values_e_A3.sum(axis=tuple({0, 1, 2} - {a})) @ np.arange(n)
        for a, n in enumerate(density.values_e_A3.shape)
    ]
    x, y, z = -(np.array(planes) @ steps * density.voxel_A3 - density.total_e * centre)
    return float(x), float(y), float(z)


def _owners(found: Basins, density: Density) -> _Owners:
    """Return the nearest atom of each maximum, -1 where none is near enough."""
    shape = np.array(density.values_e_A3.shape)
    away = (found.maxima / shape)[:, None, :] - density.grid_fractions[None, :, :]
    vectors = (away - np.where(density.periodic, np.rint(away), 0.0)) @ density.cell_A
    distances = np.linalg.norm(vectors, axis=2) + np.where(_ghosts(density), np.inf, 0.0)
    nearest = distances.argmin(axis=1)
    least = distances[np.arange(len(nearest)), nearest]
    diagonal = np.linalg.norm(density.cell_A / shape[:, None], axis=1).sum() / np.sqrt(3)
    reach = np.maximum(CAPTURE * covalent_radii[density.atoms.numbers[nearest]], CAPTURE_STEPS * diagonal)
    return _Owners(np.where(least <= reach, nearest, -1), nearest, least, vectors[np.arange(len(nearest)), nearest])


def _ghosts(density: Density) -> NDArray[np.bool_]:
    """Return which atoms only lend their basis functions: they own no electrons."""
    if density.nuclear_charges is None:
        return np.zeros(len(density.atoms), dtype=np.bool_)
    return np.array(np.isclose(density.nuclear_charges, 0.0), dtype=np.bool_)


def _check_every_atom(density: Density, owners: _Owners, found: Basins) -> None:
    real = np.flatnonzero(~_ghosts(density)).tolist()
    lost = sorted(set(real) - set(owners.atom.tolist()))
    if not lost or not len(found.maxima):
        return
    named = ", ".join(f"{i} ({density.atoms.symbols[i]})" for i in lost[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    raise RequestError(
        f"the reference density has no maximum at atom {named}{more}",
        "Bader partition",
        "give a reference with the cores (AECCAR0 + AECCAR2, or valence plus atomic cores), or a finer grid",
    )


def _shares(found: Basins, owners: _Owners, density: Density) -> tuple[AtomCharge, ...]:
    charges, shares = density.nuclear_charges, []
    held = found.integrals[0]
    dipoles = -(found.moments_eA + held[:, None] * owners.vector_A)  # handed over about the maximum, not the nucleus
    for i, number in enumerate(density.atoms.numbers):
        mine = owners.atom == i
        electrons = float(held[mine].sum())
        x, y, z = dipoles[mine].sum(axis=0)
        shares.append(
            AtomCharge(
                index=i,
                element=chemical_symbols[number],
                electrons=electrons,
                charge_e=None if charges is None else float(charges[i]) - electrons,
                volume_A3=float(found.volumes_A3[mine].sum()),
                spin_e=float(found.integrals[1][mine].sum()) if len(found.integrals) > 1 else None,
                dipole_eA=(float(x), float(y), float(z)),
            )
        )
    return tuple(shares)


def _dust(found: Basins, owners: _Owners) -> NDArray[np.bool_]:
    dust: NDArray[np.bool_] = (owners.atom < 0) & (np.abs(found.integrals[0]) < NEGLIGIBLE_e)
    return dust


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


def _cut_off(density: Density) -> list[str]:
    """Say where an open grid ends before the density does."""
    ends = border_e_A3(density)
    return [
        f"the grid ends along {axis} where the density is still {end:.2g} e/Å³: what lies beyond is missing"
        for axis, end, repeats in zip("abc", ends, density.periodic, strict=True)
        if not repeats and end > CUT_OFF_e_A3
    ]


def _valence_unknown(density: Density, made_of: str) -> list[str]:
    """Say that a density without nuclear charges holds fewer electrons than its atoms have."""
    whole = float(density.atoms.numbers.sum())
    if density.nuclear_charges is not None or "itself" not in made_of or density.total_e > 0.98 * whole:
        return []
    told = f"{density.total_e:.1f} e of the atoms' {whole:g}: a valence density, whose own maxima made the basins"
    return [f"the density holds {told}; give a reference, or the valence charges"]


def _caveats(free: tuple[FreeMaximum, ...], error: float | None) -> tuple[str, ...]:
    told = []
    if free:
        held = sum(one.electrons for one in free)
        told.append(f"{len(free)} maxima belong to no atom and hold {held:.3f} e, which no atom's charge counts")
    if error is not None and abs(error) > NEGLIGIBLE_e:
        told.append(f"the grid holds {error:+.4f} e more than the electrons expected")
    return tuple(told)
