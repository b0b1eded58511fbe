"""Polar cuts mended: ions taken from one face to the other, composition kept.

In a framework with mobile ions those move, within the primitive surface cell; elsewhere the ions of an outermost plane
do, in as many surface cells as it takes.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from numpy.typing import NDArray

from interlith.structures.bonds import OXIDATION, unit_name
from interlith.structures.errors import RequestError
from interlith.structures.faces import Face, laid, reduced_pair
from interlith.structures.roughcuts import dipole_of, has_rough_cuts, spread_mobile
from interlith.structures.terminations import PLANE_A, POLAR_E_A2, Termination

Floats = NDArray[np.float64]

LARGEST_RECONSTRUCTION = 4
"""Surface cells tried for a reconstruction."""
COMPENSATED_E_A2 = 0.005
"""Surface charge that a reconstruction may leave, e/Å²."""
SOURCE, GROUP = "source_atom", "group"
"""Working arrays of a slab: which atom of the face's cell each one is, and which covalent unit it belongs to."""


def mobile_spread(face: Face, cut: Termination) -> tuple[Termination, tuple[str, ...]]:
    """Return a polar cut with its mobile ions spread over both faces, and what was done, in words.

    Where the crystal has no framework with mobile ions, or they do not suffice, the cut comes back as it was, polar.
    """
    if not has_rough_cuts(face):
        return cut, ()
    layers, moved = spread_mobile(face, np.floor(cut.rises).astype(int))
    dipole = dipole_of(face, layers)
    charge = dipole / (face.area_A2 * face.spacing_A)
    if abs(charge) > POLAR_E_A2:
        return cut, ()
    told = f"reconstructed: {moved} mobile ions per surface cell moved to the other face, surface charge"
    words = f"{told} {cut.surface_charge_e_A2:+.4f} to {charge:+.4f} e/Å²"
    rises = tuple((layers + 0.5).tolist())
    return replace(cut, rises=rises, dipole_eA=dipole, surface_charge_e_A2=charge, tasker=2), (words,)


def ions_moved(slab: Atoms, face: Face, cut: Termination) -> tuple[Atoms, tuple[str, ...]]:
    """Move ions of an outermost plane to the other face until the slab has no dipole; stoichiometry stays.

    A repeat with dipole μ (e Å) is balanced by charge μ / d taken through the slab (d the repeat): half of an
    outermost plane for planes at equal distances (Tasker, 10.1088/0022-3719/12/22/036). Covalent ions move whole; of
    several kinds the one of least charge moves.
    """
    wanted = (cut.dipole_eA or 0.0) / face.spacing_A
    choices = [(top, *kind) for top in (True, False) for kind in _outermost(slab, face, wanted, top=top)]
    for top, charge, name, ions in choices:
        for cells in range(1, LARGEST_RECONSTRUCTION + 1):
            moved = round(abs(wanted) * cells / charge)
            left = abs(abs(wanted) * cells - moved * charge) / (cells * face.area_A2)
            if 0 < moved <= cells * len(ions) and left < COMPENSATED_E_A2:
                where = "top face to the bottom face" if top else "bottom face to the top face"
                told = f"reconstructed: moved {moved} of {cells * len(ions)} {name} per {cells} surface cells from the"
                return _moved(slab, face, ions, cells, (moved, top)), (f"{told} {where}",)
    what = f"no reconstruction of up to {LARGEST_RECONSTRUCTION} surface cells balances {wanted:+.3f} e per cell"
    raise RequestError(what, f"termination {cut.index} of {cut.miller}", "take another termination or face")


def _outermost(slab: Atoms, face: Face, wanted: float, *, top: bool) -> list[tuple[float, str, list[int]]]:
    """Return (charge, name, groups) of each kind of ion of the right sign in the plane nearest to a face."""
    sizes = np.bincount(groups(face), minlength=len(face.atoms))
    upwards = 1.0 if top else -1.0
    found: list[tuple[float, float, str, int]] = []
    for group in np.unique(slab.arrays[GROUP]):
        members = slab.arrays[GROUP] == group
        charge = float(slab.arrays[OXIDATION][members].sum())
        if charge * upwards * wanted > 1e-6 and members.sum() == sizes[group % len(face.atoms)]:
            height = upwards * float(slab.positions[members, 2].mean())
            found.append((height, abs(charge), unit_name(list(slab.symbols[members])), int(group)))
    highest = max((height for height, *_ in found), default=0.0)
    kinds: dict[tuple[float, str], list[int]] = {}
    for height, charge, name, group in found:
        if highest - height < PLANE_A:
            kinds.setdefault((charge, name), []).append(group)
    return [(charge, name, ions) for (charge, name), ions in sorted(kinds.items())]


def _moved(slab: Atoms, face: Face, ions: list[int], cells: int, move: tuple[int, bool]) -> Atoms:
    """Return a multiple of the slab in which some of the ions, as far apart as they can be, changed faces."""
    moved, top = move
    wide = make_supercell(slab, _widest(face, cells), wrap=False)
    copy = np.arange(len(wide)) // len(slab)
    candidates = [np.flatnonzero((copy == k) & (wide.arrays[GROUP] == ion)) for k in range(cells) for ion in ions]
    apart = wide.get_all_distances(mic=True)[np.ix_(*[[c[0] for c in candidates]] * 2)]
    chosen = max(combinations(range(len(candidates)), moved), key=lambda some: _closest(apart, some))
    through = round(slab.cell[2, 2] / face.spacing_A) * face.atoms.cell.array[2]
    for k in chosen:
        wide.positions[candidates[k]] += -through if top else through
    wide.positions[:, 2] -= wide.positions[:, 2].min()
    return laid(wide)


def _closest(apart: Floats, some: tuple[int, ...]) -> float:
    """Return the shortest distance among some atoms; zero for one alone."""
    return min((float(apart[i, j]) for i, j in combinations(some, 2)), default=0.0)


def _widest(face: Face, cells: int) -> NDArray[np.int64]:
    """Return the multiple of the surface cell (3x3 integers) whose longest reduced vector is shortest."""
    flat = face.atoms.cell.array[:2]
    found = []
    for p in (p for p in range(1, cells + 1) if cells % p == 0):
        for shear in range(p):
            rows = np.array([[p, 0], [shear, cells // p]])
            reduced = reduced_pair(rows @ flat) @ rows
            found.append((round(float(np.linalg.norm(reduced @ flat, axis=1).max()), 4), reduced.tolist()))
    whole = np.eye(3, dtype=int)
    whole[:2, :2] = min(found)[1]
    return whole


def groups(face: Face) -> NDArray[np.int64]:
    """Return a number for each atom of a face's cell that the atoms of one covalent unit share: its first atom."""
    shared = np.arange(len(face.atoms))
    for unit in face.units:
        shared[list(unit.atoms)] = unit.atoms[0]
    return shared
