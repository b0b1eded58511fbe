"""Every distinct way to end a crystal at a face: by its real planes and, where they spoil shells, by its bonds.

A cut runs between two neighbouring atomic planes. What stays below it ends in the cut's *top* face, what stays above in
its *bottom* face; a slab of whole repeats has one of each. Two cuts are one termination only if an operation of the
crystal that keeps the normal maps one on the other; labels are for people and merge nothing. An operation that turns
the normal round maps a top face on a bottom face: where it maps a cut on itself the slab has two equal faces, where it
maps it on another cut the two slabs are each other upside down (`Termination.flipped`) and both stay in the list,
because they bring different faces to an interface.

Where a plane would cut covalent units (PO4), there are also cuts that keep each unit whole, on the side of its centre.
In a framework of cations with mobile ions (LLZTO, LAGP) there are *rough* cuts too, which follow the bonds: see
`structures.roughcuts`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from interlith.structures.bonds import coordination_numbers, pair_name, unit_name
from interlith.structures.faces import Face, crystal_face
from interlith.structures.records import Miller
from interlith.structures.roughcuts import RoughCut, dipole_of, has_rough_cuts, rough_cuts
from interlith.structures.shells import shell_centres

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLANE_A = 0.1
"""Atoms whose heights differ by less belong to one plane, Å."""
POLAR_E_A2 = 0.02
"""Surface charge from which a cut counts as polar, e/Å² (LiF (111): 0.07). An ordering of a disordered crystal keeps a
small dipole that the crystal has not on average; below this it is reported, not refused."""
NEUTRAL_E = 0.01
"""A plane with less charge than this is neutral, e per surface cell."""


@dataclass(frozen=True)
class Termination:
    """One distinct cut of a face.

    Parameters
    ----------
    index
        Place in the list of :func:`terminations`, the best cut first.
    miller
        Coprime indices.
    height
        Where the cut lies, a fraction of the repeat along the normal of the face's primitive cell.
    label
        Outermost planes of the two faces with bonds kept / bonds in the bulk, for people; never a key.
    top_plane
        Atoms of the plane below the cut, per surface cell.
    broken_bonds
        Bonds that cross the cut, per surface cell.
    broken_valence_A2
        The same weighted by Pauling's bond strength (cation charge / coordination number; 1 without charges), per Å².
    coordination
        Atoms of the top face that lose bonds: (element, bonds kept, bonds in the bulk), sorted.
    tasker
        1: neutral planes; 2: charged planes without dipole; 3: polar. None without charges.
    dipole_eA
        Ionic point-charge dipole of one repeat along the normal, e Å per surface cell.
    surface_charge_e_A2
        The same as a surface charge: dipole / (area · repeat).
    symmetric
        A slab of whole repeats has two equal faces.
    flipped
        Index of the termination whose slab is this one upside down; None where the crystal has no such operation.
    units_cut
        Covalent units cut, per surface cell.
    rises
        For each atom of the face's primitive cell: how far above the cut it counts, in repeats (an atom of a unit
        that is kept whole counts at its unit's centre, one beside a rough cut in the middle of its repeat).
    shells_cut
        Shells of cations cut that a cut can keep whole (ZrO6 of a garnet; `structures.shells`), per surface cell.
    rough
        The cut follows bonds, not a plane; its height is then the mean one.
    spread
        Mobile ions that a rough cut moved to the other face, per surface cell.
    charge_before_e_A2
        Surface charge before that, e/Å².
    """

    index: int
    miller: Miller
    height: float
    label: str
    top_plane: dict[str, int]
    broken_bonds: dict[str, int]
    broken_valence_A2: float
    coordination: tuple[tuple[str, int, int], ...]
    tasker: Literal[1, 2, 3] | None
    dipole_eA: float | None
    surface_charge_e_A2: float
    symmetric: bool
    flipped: int | None
    units_cut: int
    rises: tuple[float, ...] = field(repr=False)
    shells_cut: int = 0
    rough: bool = False
    spread: int = 0
    charge_before_e_A2: float | None = None

    @property
    def polar(self) -> bool:
        """Tasker type 3."""
        return self.tasker == 3


@dataclass(frozen=True)
class _Cuts:
    """Atoms as points on the axis of the normal (fractions of the repeat), and the cuts between them."""

    keys: Floats
    planes: Ints
    heights: Floats
    plane_A: float


def terminations(bulk: Structure, miller: Miller, *, plane_A: float = PLANE_A) -> list[Termination]:
    """List every distinct termination of a face, the best cut first.

    The order: no covalent unit cut; not polar; no shell cut that can stay whole; planes before rough cuts; least sum of
    broken bond valence and surface charge, both per area.

    Parameters
    ----------
    bulk
        An ordered crystal in any cell; charges on its species make Tasker types known.
    miller
        Indices in the conventional cell (`structures.faces` says which that is).
    plane_A
        Heights that differ by less are one plane, Å.
    """
    return face_terminations(crystal_face(bulk, miller), plane_A=plane_A)


def face_terminations(face: Face, *, plane_A: float = PLANE_A) -> list[Termination]:
    """List the terminations of an oriented crystal: see :func:`terminations`."""
    atomic, united = (_cuts(keys, face, plane_A) for keys in (_heights(face), _unit_heights(face)))
    found = _distinct(face, atomic, skip=set())
    if any(t.units_cut for t in found):
        whole = _distinct(face, united, skip=_signatures(atomic))
        found += [t if t.flipped is None else replace(t, flipped=t.flipped + len(found)) for t in whole]
    if has_rough_cuts(face):
        rough = _rough(face, atomic, skip=_signatures(atomic) | _signatures(united))
        found += [t if t.flipped is None else replace(t, flipped=t.flipped + len(found)) for t in rough]
    order = sorted(range(len(found)), key=lambda n: _rank(found[n]))
    place: dict[int | None, int | None] = {old: new for new, old in enumerate(order)} | {None: None}
    return [replace(found[old], index=new, flipped=place[found[old].flipped]) for new, old in enumerate(order)]


def _heights(face: Face) -> Floats:
    """Return the height of each atom as a fraction of the repeat."""
    return np.asarray(face.atoms.positions[:, 2] / face.spacing_A)


def _unit_heights(face: Face) -> Floats:
    """Return heights where every atom of a covalent unit has that of the unit's centre."""
    keys = _heights(face)
    for unit in face.units:
        members = list(unit.atoms)
        keys[members] = keys[members].mean()
    return keys


def _cuts(keys: Floats, face: Face, plane_A: float) -> _Cuts:
    """Gather heights into planes and put a cut into the middle of every gap (of the widest, where all are narrow)."""
    folded = keys % 1.0
    order = np.argsort(folded, kind="stable")
    gaps = np.diff(folded[order], append=folded[order[0]] + 1.0)
    wide = gaps * face.spacing_A > plane_A
    if not wide.any():
        wide = gaps == gaps.max()
    planes = np.empty(len(keys), dtype=int)
    planes[order] = (np.cumsum(wide) - wide) % wide.sum()
    heights = (folded[order] + gaps / 2)[wide]
    return _Cuts(keys, planes, heights % 1.0, plane_A)


def _layers(keys: Floats, height: float) -> Ints:
    """Return how many repeats above a cut each atom lies; -1 is the first one below."""
    return np.floor(keys - height).astype(int)


def _signature(layers: Ints) -> tuple[int, ...]:
    """Return what two cuts that separate the same atoms share."""
    return tuple((layers - layers[0]).tolist())


def _signatures(cuts: _Cuts) -> set[tuple[int, ...]]:
    """Return the signatures of every cut between planes."""
    return {_signature(_layers(cuts.keys, height)) for height in cuts.heights}


def _distinct(face: Face, cuts: _Cuts, skip: set[tuple[int, ...]]) -> list[Termination]:
    """Describe one cut of each class that the upright operations make, and say which class is which upside down."""
    classes: list[float] = []
    for height in sorted(cuts.heights):
        if _class_of(height, classes, cuts, face) is None:
            classes.append(float(height))
    flips = [_flipped(height, classes, cuts, face) for height in classes]
    kept = [k for k, h in enumerate(classes) if _signature(_layers(cuts.keys, h)) not in skip]
    place: dict[int | None, int] = {k: n for n, k in enumerate(kept)}
    described = [_describe(face, cuts, classes[k]) for k in kept]
    return [
        replace(t, flipped=place.get(flips[k]), symmetric=flips[k] == k) for k, t in zip(kept, described, strict=True)
    ]


def _class_of(height: float, classes: list[float], cuts: _Cuts, face: Face) -> int | None:
    """Return which known cut an upright operation maps this one on."""
    period = 1.0 / face.parts
    for k, known in enumerate(classes):
        apart = (height - known + period / 2) % period - period / 2
        if abs(apart) * face.spacing_A < cuts.plane_A / 2:
            return k
    return None


def _flipped(height: float, classes: list[float], cuts: _Cuts, face: Face) -> int | None:
    """Return the cut that this one becomes when the crystal is turned round; itself, if some operation does that."""
    images = {_class_of(shift - height, classes, cuts, face) for shift in face.inverted}
    own = _class_of(height, classes, cuts, face)
    return own if own in images else next((k for k in images if k is not None), None)


def _rough(face: Face, cuts: _Cuts, skip: set[tuple[int, ...]]) -> list[Termination]:
    """Describe the rough cuts that are no planar one, one of each class, and say which is which upside down."""
    fresh = [c for c in rough_cuts(face, cuts.heights) if _signature(c.layers) not in skip]
    classes: list[Termination] = []
    for one in (_described_rough(face, c) for c in fresh):
        if not any(_alike(one, other, face, 1) for other in classes):
            classes.append(one)
    flips = [next((k for k, other in enumerate(classes) if _alike(one, other, face, -1)), None) for one in classes]
    return [
        replace(one, flipped=flip, symmetric=flip == k)
        for k, (one, flip) in enumerate(zip(classes, flips, strict=True))
    ]


def _alike(one: Termination, other: Termination, face: Face, sign: Literal[-1, 1]) -> bool:
    """Return whether an operation maps one rough cut on another: upright (1), or turned round (-1)."""
    shifts = face.upright if sign == 1 else face.inverted
    apart = [(shift + sign * one.height - other.height + 0.5) % 1.0 - 0.5 for shift in shifts]
    same_height = any(abs(x) * face.spacing_A < PLANE_A / 10 for x in apart)
    dipoles = sign * (one.dipole_eA or 0.0) - (other.dipole_eA or 0.0)
    return same_height and abs(dipoles) < 1e-3 and one.broken_bonds == other.broken_bonds


def _rank(t: Termination) -> tuple[bool, bool, bool, bool, float, bool, str, float]:
    """Return the key of the order that :func:`terminations` states; rounded, so that noise decides nothing."""
    cost = round(t.broken_valence_A2 + abs(t.surface_charge_e_A2), 4)
    return t.units_cut > 0, t.polar, t.shells_cut > 0, t.rough, cost, not t.symmetric, t.label, t.height


def _described_rough(face: Face, cut: RoughCut) -> Termination:
    """Count what a rough cut breaks; its height is where a plane would leave as much below."""
    full = coordination_numbers(face.atoms, face.bonds)
    lost = _lost(face, cut.layers)
    words = [_shell_words(face, some, full) for some in lost]
    described = _counted(face, cut.layers)
    return replace(
        described,
        height=float((_heights(face) - cut.layers).mean() - 0.5) % 1.0,
        label=f"rough: {words[0]} on top, {words[1]} below",
        top_plane=dict(sorted(Counter(face.atoms.symbols[k] for k, _ in lost[0]).items())),
        tasker=3 if abs(described.surface_charge_e_A2) > POLAR_E_A2 else 2,
        rises=tuple((cut.layers + 0.5).tolist()),
        rough=True,
        spread=cut.spread,
        charge_before_e_A2=cut.dipole_before_eA / (face.area_A2 * face.spacing_A),
    )


def _shell_words(face: Face, lost: Counter[tuple[int, int]], full: Ints) -> str:
    """Return the cations of a face that lost bonds, those of high charge first: ``4 La 7/8 + Li 3/4``."""
    charges = np.zeros(len(full)) if face.charges is None else face.charges
    told = Counter(
        (-float(charges[k]), f"{face.atoms.symbols[k]} {full[k] - n}/{full[k]}")
        for (k, _), n in lost.items()
        if charges[k] > 0
    )
    return " + ".join(f"{n} {what}" if n > 1 else what for (_, what), n in sorted(told.items())) or "whole shells"


def _describe(face: Face, cuts: _Cuts, height: float) -> Termination:
    """Count what one planar cut breaks."""
    layers = _layers(cuts.keys, height)
    full = coordination_numbers(face.atoms, face.bonds)
    lost_top, lost_bottom = _lost(face, layers)
    below, above = _plane_beside(cuts, height, -1), _plane_beside(cuts, height, 0)
    described = _counted(face, layers)
    return replace(
        described,
        height=height,
        label=f"{_words(face, below, lost_top, full)} on top, {_words(face, above, lost_bottom, full)} below",
        top_plane=dict(sorted(Counter(face.atoms.symbols[k] for k in below).items())),
        tasker=_tasker(face, cuts, described.surface_charge_e_A2),
        rises=tuple((cuts.keys - height).tolist()),
    )


def _counted(face: Face, layers: Ints) -> Termination:
    """Return what any cut has: bonds, shells and units broken, and the dipole; the rest is still blank."""
    full = coordination_numbers(face.atoms, face.bonds)
    lost = _lost(face, layers)
    dipole = None if face.charges is None else dipole_of(face, layers)
    symbols = face.atoms.get_chemical_symbols()
    centres = set(shell_centres(face))
    return Termination(
        index=0,
        miller=face.miller,
        height=0.0,
        label="",
        top_plane={},
        broken_bonds=_crossing(face, layers),
        broken_valence_A2=_valence(face, layers, full) / face.area_A2,
        coordination=tuple(sorted((symbols[k], int(full[k]) - n, int(full[k])) for (k, _), n in lost[0].items())),
        tasker=None,
        dipole_eA=dipole,
        surface_charge_e_A2=0.0 if dipole is None else dipole / (face.area_A2 * face.spacing_A),
        symmetric=False,
        flipped=None,
        units_cut=sum(len(set(layers[list(u.atoms)].tolist())) > 1 for u in face.units),
        rises=(),
        shells_cut=len(centres & {k for k, _ in (*lost[0], *lost[1])}),
    )


def _plane_beside(cuts: _Cuts, height: float, side: Literal[-1, 0]) -> list[int]:
    """Return the atoms of the plane just below (-1) or above (0) a cut."""
    folded = (cuts.keys - height) % 1.0
    outermost = int(np.argmax(folded) if side == -1 else np.argmin(folded))
    return np.flatnonzero(cuts.planes == cuts.planes[outermost]).tolist()


def _rises(face: Face, layers: Ints) -> tuple[Ints, Ints, Ints]:
    """Return (lower atom, upper atom, cuts crossed) of every bond that crosses a cut."""
    i, j, offset = face.bonds.both_ways()
    rise = layers[j] + offset[:, 2] - layers[i]
    return i[rise > 0], j[rise > 0], rise[rise > 0]


def _crossing(face: Face, layers: Ints) -> dict[str, int]:
    """Count the bonds that cross one cut, by pair of elements."""
    symbols = face.atoms.get_chemical_symbols()
    counts: Counter[str] = Counter()
    for i, j, n in zip(*_rises(face, layers), strict=True):
        counts[pair_name(symbols[i], symbols[j])] += int(n)
    return dict(sorted(counts.items()))


def _valence(face: Face, layers: Ints, full: Ints) -> float:
    """Sum Pauling's strengths of the bonds that cross one cut."""
    i, j, n = _rises(face, layers)
    if face.charges is None:
        return float(n.sum())
    strength = np.maximum(face.charges, 0.0) / np.maximum(full, 1)
    return float((np.maximum(strength[i], strength[j]) * n).sum())


def _lost(face: Face, layers: Ints) -> tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]]:
    """Count the bonds that each atom image (atom, repeats from the cut) of the top and of the bottom face loses."""
    top: Counter[tuple[int, int]] = Counter()
    bottom: Counter[tuple[int, int]] = Counter()
    for i, j, n in zip(*_rises(face, layers), strict=True):
        for depth in range(int(n)):
            top[int(i), depth] += 1
            bottom[int(j), depth] += 1
    return top, bottom


def _words(face: Face, plane: list[int], lost: Counter[tuple[int, int]], full: Ints) -> str:
    """Return a plane as words: whole units by formula, other atoms with bonds kept / bonds in the bulk (``Si 3/4``)."""
    symbols = face.atoms.get_chemical_symbols()
    whole = [u.atoms for u in face.units if set(u.atoms) <= set(plane)]
    told = Counter(unit_name([symbols[k] for k in unit]) for unit in whole)
    loose = set(plane).difference(*whole)
    told.update(f"{symbols[k]} {full[k] - lost[k, 0]}/{full[k]}" for k in loose)
    return " + ".join(f"{n} {what}" if n > 1 else what for what, n in sorted(told.items()))


def _tasker(face: Face, cuts: _Cuts, charge: float) -> Literal[1, 2, 3] | None:
    """Return the Tasker type (10.1088/0022-3719/12/22/036)."""
    if face.charges is None:
        return None
    if abs(charge) > POLAR_E_A2:
        return 3
    sheets = np.bincount(cuts.planes, weights=face.charges)
    return 1 if np.abs(sheets).max() < NEUTRAL_E else 2
