"""Slabs: whole repeats of a crystal between two cuts, with vacuum; polar cuts only reconstructed, units never cut.

The slab's a is along +x, b in the xy-plane, c along +z (right-handed), the slab in the middle of its vacuum. It holds
N equal layers, so its composition is the bulk's and its bottom face is the complement of its top face. One layer is
the distance of lattice planes, or a fraction of it where a screw or glide repeats the crystal (hcp (0001): half);
a cut that is rough or reconstructed is stacked in whole repeats only.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import spglib
from ase import Atoms
from numpy.typing import NDArray
from pymatgen.core import Structure

from interlith.structures.bonds import OXIDATION, bond_counts, bonds, coordination_numbers, pair_name
from interlith.structures.errors import RequestError
from interlith.structures.faces import SYMPREC, Face, crystal_face
from interlith.structures.reconstructions import COMPENSATED_E_A2, GROUP, SOURCE, groups, ions_moved, mobile_spread
from interlith.structures.records import CrystalFacts, Miller, Origin, SideRecipe, SlabFacts
from interlith.structures.shells import framework, undercoordinated
from interlith.structures.terminations import Termination, face_terminations

Floats = NDArray[np.float64]


def surface_vectors(bulk: Structure, miller: Miller) -> Floats:
    """Return the reduced primitive vectors of a face's plane, rows of shape (2, 2), Å, the first along +x."""
    return np.array(crystal_face(bulk, miller).atoms.cell.array[:2, :2])


def oriented_bulk(bulk: Structure, miller: Miller) -> Atoms:
    """Return the crystal's primitive cell with the a, b and frame of its slabs, periodic along an inclined c.

    Straining it in the plane and relaxing c gives the strained bulk that a strained slab is compared with.
    """
    atoms = crystal_face(bulk, miller).atoms
    atoms.wrap()
    return atoms


def cut_slab(bulk: Structure, facts: CrystalFacts, recipe: SideRecipe, *, vacuum_A: float) -> tuple[Atoms, SlabFacts]:
    """Cut a slab.

    Parameters
    ----------
    bulk
        An ordered crystal; its species may carry oxidation states.
    facts
        Of the crystal, for names and origin.
    recipe
        Face, termination (None: the best of :func:`structures.terminations.terminations`), thickness (at least
        ``thickness_A`` from the lowest to the highest atom, or ``layers``), and whether a polar cut may be
        reconstructed.
    vacuum_A
        Height of the cell minus thickness of the slab, Å.

    Returns
    -------
    tuple
        The slab in its primitive surface cell (a reconstruction may need a multiple of it), array ``oxidation`` where
        charges are known; and its facts.

    Raises
    ------
    RequestError
        Indices that name no plane, an unknown termination, a polar cut without ``reconstruct`` or one that no
        reconstruction mends, a negative vacuum.
    """
    if not vacuum_A >= 0:
        raise RequestError(f"vacuum of {vacuum_A} Å", "vacuum_A", "give zero or more")
    face = crystal_face(bulk, recipe.miller)
    known = face_terminations(face)
    cut = _chosen(known, recipe)
    slab, moved = _built(face, cut, recipe)
    origin = facts.origin
    for step in (_told(face, cut, known, recipe), *_roughness(cut), *moved, *_caveats(cut), *_lacking(slab, face)):
        origin = origin.then(step)
    return _finished(slab, vacuum_A), _facts(slab, face, cut, (facts.name, vacuum_A, origin))


def _chosen(known: list[Termination], recipe: SideRecipe) -> Termination:
    """Return the termination asked for, or the best one; refuse a polar one that may not be reconstructed."""
    place = f"{recipe.crystal} ({' '.join(map(str, recipe.miller))})"
    index = recipe.termination or 0
    if not 0 <= index < len(known):
        raise RequestError(f"no termination {index}", place, f"there are {len(known)}: 0 to {len(known) - 1}")
    cut = known[index]
    if cut.polar and not recipe.reconstruct:
        which = f"termination {index}" if recipe.termination is not None else "the best of all terminations"
        what = f"{which} is polar (Tasker type 3, {cut.surface_charge_e_A2:+.3f} e/Å²)"
        better = [t.index for t in known if not t.polar and not t.units_cut]
        instead = f"take termination {better[0]}" if better else "take another face"
        raise RequestError(what, place, f"{instead}, or allow a reconstruction (reconstruct = true)")
    return cut


def _built(face: Face, cut: Termination, recipe: SideRecipe) -> tuple[Atoms, tuple[str, ...]]:
    """Return the slab of the layers asked for, or the thinnest that is thick enough, and what was moved in it."""
    step = face.parts if cut.polar or cut.rough else 1  # ions move by whole repeats
    spread, told = mobile_spread(face, cut) if cut.polar else (cut, ())
    layer = face.spacing_A / face.parts
    count = recipe.layers or max(1, int(recipe.thickness_A / layer) - 1)
    while True:
        count = -(-count // step) * step
        slab = _stacked(face, spread, count)
        slab, moved = ions_moved(slab, face, spread) if spread.polar else (slab, told)
        if recipe.layers is not None or np.ptp(slab.positions[:, 2]) >= recipe.thickness_A - 1e-6:
            return slab, moved
        count += step


def _stacked(face: Face, cut: Termination, count: int) -> Atoms:
    """Return `count` layers above a cut, lowest atom at z = 0, in a cell as high as the layers; units stay together."""
    rises = np.array(cut.rises)
    lifts = np.arange(-(-count // face.parts))
    members, which = np.nonzero((rises % 1.0)[:, None] + lifts[None, :] < count / face.parts)
    images = lifts[which] - np.floor(rises)[members].astype(int)
    slab = face.atoms[members]
    slab.positions += images[:, None] * face.atoms.cell.array[2]
    slab.positions[:, 2] -= slab.positions[:, 2].min()
    slab.set_cell([*face.atoms.cell.array[:2], [0, 0, count * face.spacing_A / face.parts]])
    slab.pbc = (True, True, False)
    slab.set_array(SOURCE, members)
    slab.set_array(GROUP, groups(face)[members] + (images - images.min()) * len(face.atoms))
    return slab[np.lexsort((slab.positions[:, 0], slab.numbers, np.round(slab.positions[:, 2], 3)))]


def _told(face: Face, cut: Termination, known: list[Termination], recipe: SideRecipe) -> str:
    """Return the cut in words."""
    name = " ".join(str(x) for x in face.miller)
    given = " ".join(str(x) for x in recipe.miller)
    reduced = f", reduced from ({given})" if given != name else ""
    return f"cut ({name}){reduced}, termination {cut.index} of {len(known)}: {cut.label}"


def _roughness(cut: Termination) -> list[str]:
    """Return what a rough cut did, in words."""
    if not cut.rough:
        return []
    before, after = cut.charge_before_e_A2 or 0.0, cut.surface_charge_e_A2
    moved = f"{cut.spread} mobile ions per surface cell moved to the other face" if cut.spread else "no ion moved"
    return [f"cut along bonds, not along a plane; {moved}: surface charge {before:+.4f} to {after:+.4f} e/Å²"]


def _caveats(cut: Termination) -> list[str]:
    """Return what a person should know of a cut that was not refused."""
    told = []
    if cut.units_cut:
        told.append(f"asked for: the cut goes through {cut.units_cut} covalent units per surface cell")
    if cut.shells_cut:
        told.append(f"the cut goes through {cut.shells_cut} cation shells per surface cell that a cut can keep whole")
    if not cut.polar and abs(cut.surface_charge_e_A2) > COMPENSATED_E_A2 / 10:
        told.append(f"kept a dipole worth {cut.surface_charge_e_A2:+.4f} e/Å² of surface charge, below the polar limit")
    return told


def _missing_bonds(slab: Atoms, face: Face) -> dict[str, int]:
    """Count the slab's cations that have fewer bonds than in the bulk, by element; empty without charges."""
    if face.charges is None:
        return {}
    whole = coordination_numbers(face.atoms, face.bonds)[slab.arrays[SOURCE]]
    return undercoordinated(slab.get_chemical_symbols(), slab.arrays[OXIDATION], coordination_numbers(slab), whole)


def _lacking(slab: Atoms, face: Face) -> list[str]:
    """Return which cations lost bonds, in words, for a crystal that has a framework of cations."""
    counts = slab.symbols.formula.count()
    told = ", ".join(f"{n} of {counts[symbol]} {symbol}" for symbol, n in _missing_bonds(slab, face).items())
    return [f"under-coordinated on both faces: {told}"] if framework(face).any() and told else []


def _finished(slab: Atoms, vacuum_A: float) -> Atoms:
    """Return the slab in the middle of its vacuum, periodic, without working arrays."""
    atoms = slab.copy()
    del atoms.arrays[SOURCE], atoms.arrays[GROUP]
    height = float(np.ptp(atoms.positions[:, 2])) + vacuum_A
    atoms.set_cell([*atoms.cell.array[:2], [0.0, 0.0, height]])
    atoms.positions[:, 2] += vacuum_A / 2 - atoms.positions[:, 2].min()
    atoms.pbc = (True, True, False)
    atoms.wrap()
    atoms.pbc = True
    return atoms


def _facts(slab: Atoms, face: Face, cut: Termination, told: tuple[str, float, Origin]) -> SlabFacts:
    """Return the record of a slab, measured on the slab."""
    name, vacuum_A, origin = told
    charges = None if face.charges is None else slab.arrays[OXIDATION]
    area = float(slab.cell[0, 0] * slab.cell[1, 1])
    return SlabFacts(
        crystal=name,
        miller=face.miller,
        termination=cut.index,
        termination_label=cut.label,
        formula=slab.get_chemical_formula("metal"),
        n_atoms=len(slab),
        thickness_A=float(np.ptp(slab.positions[:, 2])),
        n_layers=round(slab.cell[2, 2] / face.spacing_A * face.parts),
        vacuum_A=vacuum_A,
        area_A2=area,
        tasker=cut.tasker,
        dipole_eA=None if charges is None else round(float(charges @ slab.positions[:, 2]), 9) + 0.0,
        symmetric=_symmetric(slab),
        stoichiometric=_ratios(slab) == _ratios(face.atoms),
        broken_bonds=_broken(slab, face),
        undercoordinated=_missing_bonds(slab, face),
        origin=origin,
    )


def _symmetric(slab: Atoms) -> bool:
    """Return whether an operation of the slab turns its faces into each other."""
    alone = slab.copy()
    alone.set_cell([*slab.cell.array[:2], [0.0, 0.0, np.ptp(slab.positions[:, 2]) + 10.0]])
    cell = (alone.cell.array, alone.get_scaled_positions(wrap=False), alone.numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    return found is not None and bool((found.rotations[:, 2, 2] == -1).any())


def _ratios(atoms: Atoms) -> str:
    """Return the reduced formula."""
    return str(atoms.symbols.formula.reduce()[0].format("hill"))


def _broken(slab: Atoms, face: Face) -> dict[str, int]:
    """Count bonds that lost one end, by pair of elements: those of the bulk's atoms less those of the slab's."""
    symbols = face.atoms.get_chemical_symbols()
    copies = np.bincount(slab.arrays[SOURCE], minlength=len(face.atoms))
    ends: Counter[str] = Counter()
    for i, j in zip(face.bonds.i, face.bonds.j, strict=True):
        ends[pair_name(symbols[i], symbols[j])] += int(copies[i] + copies[j])
    ends.subtract({pair: 2 * n for pair, n in bond_counts(slab, bonds(slab)).items()})
    return {pair: n for pair, n in sorted(ends.items()) if n}
