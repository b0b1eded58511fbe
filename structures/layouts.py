"""How a model is laid out: cell, sides, contents of each side, vacuum and charge, against what its record claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.formula import Formula

from interlith.structures.bonds import NONMETALS, OXIDATION
from interlith.structures.findings import Finding, named
from interlith.structures.oxidation import USUAL_STATES
from interlith.structures.records import AdlayerModel, Integers2x2, InterfaceModel, SlabFacts

SIDE = "side"
UPRIGHT_A = 1e-3
"""How far a, b may leave the xy-plane and c the z axis."""
AREA = 1e-3
"""Relative difference between an area told and one measured."""
NEUTRAL_E = 0.05
"""Formal charges are whole numbers: a side that sums to more has lost or gained an ion."""
SWELLING_A = 2.0
"""A slab may grow by this when it relaxes alone."""
LEAST_VACUUM_A, SHORT_OF_VACUUM_A = 5.0, 0.5
REBUILD = "build the model again"


def largest_gap(atoms: Atoms) -> float:
    """Return the height of the largest slab along z without an atom's centre, Å, through the boundary if periodic."""
    heights = np.sort(atoms.positions[:, 2] % atoms.cell[2, 2] if atoms.pbc[2] else atoms.positions[:, 2])
    around = [heights[0] + atoms.cell[2, 2] - heights[-1]] if atoms.pbc[2] else []
    return float(max([*np.diff(heights), *around], default=0.0))


def bodies(atoms: Atoms) -> np.ndarray:
    """Return 0 for the atoms of side A, 1 for those of B above the middle of A, 2 for those below it, (n,)."""
    side, z = atoms.arrays[SIDE], atoms.positions[:, 2]
    below = (side == 1) & (z < np.median(z[side == 0])) if (side == 0).any() else np.zeros(len(atoms), dtype=bool)
    return np.asarray(side + below)


def wrong_cell(atoms: Atoms, area_A2: float) -> list[Finding]:
    """Return how the cell departs from what every model keeps: a, b in the plane, c upright, the area as told."""
    cell = atoms.cell.array
    found = []
    if np.abs([*cell[:2, 2], *cell[2, :2]]).max() > UPRIGHT_A:
        told = "the cell is not upright: a and b must lie in the xy-plane, c along z"
        found.append(Finding("cell", told, "turn the model so that the contact's normal is z"))
    area = float(np.linalg.norm(np.cross(cell[0], cell[1])))
    if abs(area - area_A2) > AREA * area_A2:
        told = f"the cell's area is {area:.3f} Å², the record says {area_A2:.3f} Å²"
        found.append(Finding("cell", told, REBUILD))
    if not atoms.pbc.all():
        open_along = ", ".join("abc"[k] for k in np.flatnonzero(~atoms.pbc))
        found.append(Finding("cell", f"the model is not periodic along {open_along}", "set pbc = True"))
    return found


def wrong_sides(atoms: Atoms, *, both_faces: bool = False) -> list[Finding]:
    """Return atoms with no side, and atoms labelled as one side that lie in the other.

    Parameters
    ----------
    atoms
        Of the model.
    both_faces
        Whether side B stands on both faces of A: the second half of its molecules below.
    """
    if SIDE not in atoms.arrays:
        return [Finding("sides", "no array `side` tells the sides apart", "label A with 0, B with 1")]
    side = atoms.arrays[SIDE]
    stray = np.flatnonzero(~np.isin(side, (0, 1)))
    if stray.size:
        told = f"atoms {named(atoms, stray)} belong to no side: `side` is {side[stray[0]]}"
        return [Finding("sides", told, "label A with 0, B with 1", _whole(stray))]
    if not (side == 0).any() or not (side == 1).any():
        missing = "A (side 0)" if not (side == 0).any() else "B (side 1)"
        return [Finding("sides", f"no atom belongs to {missing}", "label A with 0, B with 1")]
    z = atoms.positions[:, 2]
    if not both_faces:
        return _upside_down(atoms, z, np.ones(len(atoms), dtype=bool))
    which = atoms.arrays["molecule"]
    lower = 2 * which > which.max()
    return [*_upside_down(atoms, z, ~lower), *_upside_down(atoms, -z, (side == 0) | lower)]


def wrong_contents(model: InterfaceModel | AdlayerModel, atoms: Atoms) -> list[Finding]:
    """Return sides whose atoms are not those of the slabs that the record says they are."""
    found = []
    for name, label, slab, cells in _slabs(model):
        copies = abs(round(float(np.linalg.det(cells))))
        own = np.flatnonzero(atoms.arrays[SIDE] == label)
        held = Counter(atoms.symbols[i] for i in own)
        change = differences({s: n * copies for s, n in Formula(slab.formula).count().items()}, held)
        if change:
            told = f"side {name} ({slab.crystal}) has {change} against {copies} x {slab.formula}"
            too_many = own[np.isin(np.array(atoms.get_chemical_symbols())[own], _extra(change))]
            found.append(Finding("sides", told, REBUILD, _whole(too_many)))
        found += _astray(atoms, own, name, slab)
    return found


def _slabs(model: InterfaceModel | AdlayerModel) -> list[tuple[str, int, SlabFacts, Integers2x2]]:
    """Return name, label, facts and supercell of each side that is a slab."""
    if isinstance(model, AdlayerModel):
        return [("A", 0, model.slab, model.cells_a)]
    return [("A", 0, model.slab_a, model.match.cells_a), ("B", 1, model.slab_b, model.match.cells_b)]


def _astray(atoms: Atoms, own: np.ndarray, name: str, slab: SlabFacts) -> list[Finding]:
    """Return the finding of a slab that is much thicker than cut: its atom farthest from the middle left it."""
    heights = atoms.positions[own, 2]
    thickness = float(np.ptp(heights))
    if thickness <= slab.thickness_A + SWELLING_A:
        return []
    farthest = own[np.argmax(np.abs(heights - np.median(heights)))]
    told = f"side {name} ({slab.crystal}) is {thickness:.2f} Å thick, cut at {slab.thickness_A:.2f} Å"
    return [
        Finding("sides", f"{told}: atom {named(atoms, [farthest])} has left it", REBUILD, _whole(own[own == farthest]))
    ]


def differences(wanted: Mapping[str, int], held: Mapping[str, int]) -> str:
    """Return how many atoms of each element there are too many or too few, in words.

    Examples
    --------
    >>> differences({"Li": 4, "O": 2}, {"Li": 3, "O": 2, "H": 1})
    '1 H too many, 1 Li too few'
    """
    told = []
    for symbol in sorted({*wanted, *held}):
        change = held.get(symbol, 0) - wanted.get(symbol, 0)
        if change:
            told.append(f"{abs(change)} {symbol} too {'many' if change > 0 else 'few'}")
    return ", ".join(told)


def wrong_vacuum(model: InterfaceModel | AdlayerModel, atoms: Atoms) -> list[Finding]:
    """Return where a record claims a vacuum that is not there, or none where there is one.

    The gap between the sides is no vacuum, however wide it was set. A layer of molecules need not keep the vacuum that
    its slab was cut with: less is a warning.
    """
    layer = isinstance(model, AdlayerModel)
    closed = model.n_interfaces == 2 and not (isinstance(model, AdlayerModel) and model.bottom == "symmetric")
    slab, gap_A = (model.slab, 0.0) if isinstance(model, AdlayerModel) else (model.slab_a, model.gap_A)
    empty = largest_gap(atoms)
    if closed and empty > max(gap_A + SHORT_OF_VACUUM_A, LEAST_VACUUM_A):
        told = f"two interfaces leave no vacuum, yet {empty:.2f} Å are empty along z"
        return [Finding("vacuum", told, "shorten c, or ask for a vacuum and one interface")]
    claimed = max(slab.vacuum_A, LEAST_VACUUM_A)
    if closed or empty >= max(claimed - SHORT_OF_VACUUM_A, LEAST_VACUUM_A):
        return []
    who = "two open faces need" if model.n_interfaces == 2 else "one interface needs"
    told = f"{who} a vacuum of {claimed:g} Å, the largest empty slab is {empty:.2f} Å"
    mend = "lengthen c, or set the vacuum to 0 for two interfaces"
    return [Finding("vacuum", told, mend, fault=not layer or empty < LEAST_VACUUM_A)]


def wrong_charge(atoms: Atoms) -> list[Finding]:
    """Return the sides that are not neutral, and ions of the wrong sign; a warning where no charges are known.

    A side of metal has none. Without the array `side` the model is one side.
    """
    charges = atoms.arrays.get(OXIDATION)
    sides = atoms.arrays.get(SIDE, np.zeros(len(atoms), dtype=int))
    molecular = atoms.arrays.get("molecule", np.full(len(atoms), -1)) >= 0
    found = []
    for label in np.unique(sides[~molecular]):
        own = (sides == label) & ~molecular
        where = f"side {'AB'[label]}" if SIDE in atoms.arrays and label in (0, 1) else "the model"
        if charges is not None and charges[own].any():
            found += [*_charged(atoms, own, where), *_misnamed(atoms, own)]
        elif _ionic(atoms[own]):
            told = f"charge of {where} not checked: no oxidation states are known{_usual(atoms[own])}"
            found.append(Finding("charge", told, "give the crystal's file charges", fault=False))
    return found


def _charged(atoms: Atoms, own: np.ndarray, where: str) -> list[Finding]:
    """Return the finding of a side that is not neutral, with the states of its elements."""
    charges = atoms.arrays[OXIDATION]
    net = float(charges[own].sum())
    if abs(net) <= NEUTRAL_E:
        return []
    states = {s: charges[own & (atoms.symbols == s)] for s in sorted(set(atoms.symbols[own]))}
    told = ", ".join(f"{len(q)} {s}{q.mean():+g}" for s, q in states.items())
    mend = "give back the ions that are missing, or remove those too many"
    return [Finding("charge", f"{where} has a charge of {net:+.2f} e ({told})", mend, _whole(np.flatnonzero(own)))]


def _misnamed(atoms: Atoms, own: np.ndarray) -> list[Finding]:
    """Return the finding of ions whose charge has a sign that their element never has: oxygen at +1, lithium at -2."""
    charges = atoms.arrays[OXIDATION]
    wrong = [
        i
        for i in np.flatnonzero(own & (charges != 0))
        if (usual := USUAL_STATES.get(atoms.symbols[i])) and all(state * charges[i] < 0 for state in usual)
    ]
    if not wrong:
        return []
    told = f"atoms {named(atoms, wrong)} carry a charge of the wrong sign ({charges[wrong[0]]:+g} e)"
    return [Finding("charge", told, "give those sites the elements they had", _whole(np.array(wrong)))]


def _usual(atoms: Atoms) -> str:
    """Return the charge that atoms would have were each element's only usual state its own; empty if that is zero."""
    counts = Counter(atoms.get_chemical_symbols())
    states = {symbol: USUAL_STATES.get(symbol, ()) for symbol in sorted(counts)}
    if any(len(choices) != 1 for choices in states.values()):
        return ""
    net = sum(n * states[symbol][0] for symbol, n in counts.items())
    told = ", ".join(f"{symbol}{choices[0]:+d}" for symbol, choices in states.items())
    return f"; with the usual ones ({told}) it would be {net:+d} e" if net else ""


def _ionic(atoms: Atoms) -> bool:
    """Return whether a part holds metal and non-metal, so that charges would mean something."""
    held = set(atoms.symbols)
    return bool(held & NONMETALS) and bool(held - NONMETALS)


def _upside_down(atoms: Atoms, z: np.ndarray, looked_at: np.ndarray) -> list[Finding]:
    """Return atoms of A above the middle of B, and atoms of B below the middle of A, of those that are looked at."""
    side = np.where(looked_at, atoms.arrays[SIDE], -1)
    middle_a, middle_b = (float(np.median(z[side == k])) for k in (0, 1))
    if middle_a > middle_b:
        told = "side A (0) lies above side B (1): the labels are swapped, or the model is upside down"
        return [Finding("sides", told, "label what is below with 0", _whole(np.flatnonzero(looked_at)))]
    found = []
    for label, wrong in ((0, (side == 0) & (z > middle_b)), (1, (side == 1) & (z < middle_a))):
        if wrong.any():
            other = "within B" if label == 0 else "within A"
            told = f"atoms {named(atoms, np.flatnonzero(wrong))} of side {'AB'[label]} lie {other}"
            found.append(Finding("sides", told, "give each atom the side it lies in", _whole(np.flatnonzero(wrong))))
    return found


def _extra(change: str) -> list[str]:
    """Return the elements of which there are too many."""
    return [words.split()[1] for words in change.split(", ") if words.endswith("many")]


def _whole(indices: np.ndarray) -> tuple[int, ...]:
    """Return indices as plain integers."""
    return tuple(int(i) for i in indices)
