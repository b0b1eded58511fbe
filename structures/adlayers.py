"""Adlayers: one molecule or oligomer on a slab, in many placements that share one cell.

The slab is side A below, the molecule side B above, in a supercell of the slab's surface vectors that keeps the
molecule apart from its periodic images. All poses of one call share the cell, its height included, so that their
energies compare. The molecule is never wrapped: its atoms may stand outside the cell, whole. Where the recipe asks for
it, each pose has its counterpart on the other face (:mod:`structures.counterparts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from numpy.typing import NDArray

from interlith.structures.chains import straight_chain
from interlith.structures.checks import check_atoms
from interlith.structures.clearances import COVERED, Course, courses, footprint, image_distance_A, smallest_cell
from interlith.structures.counterparts import Exchange, face_exchange, is_chiral, symmetrised, with_counterpart
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, to_text
from interlith.structures.interfaces import SIDE, laid_out, side_alone
from interlith.structures.library import canonical_molecule
from interlith.structures.molecules import completed
from interlith.structures.placements import Pose, placements
from interlith.structures.records import (
    AdlayerModel,
    AdlayerRecipe,
    Integers2x2,
    MoleculeModel,
    Origin,
    PoseFacts,
    SlabFacts,
)
from interlith.structures.strains import ON_B, common_cell

Floats = NDArray[np.float64]

MOLECULE = "molecule"
"""Per-atom array: -1 in the slab, else which molecule."""
MIDDLE_A = 0.3
"""Atoms so near to the middle of a slab belong to neither half: relaxation moves them across it."""
HELD = "held"
"""Per-atom array of a slab that is not yet in its lateral cell: whether the atom will be held."""
EASY_STRETCH, MOST_STRETCH = 0.03, 0.08
"""An infinite chain takes the shortest vector that stretches it by less than the first; none by more than the last."""
LONGEST_A = 40.0
"""Longest vector that an infinite chain is laid along."""


def adlayers(
    slab: Atoms, facts: SlabFacts, molecules: Sequence[MoleculeModel], recipe: AdlayerRecipe, *, seed: int
) -> list[AdlayerModel]:
    """Put a molecule on a slab in many ways.

    Parameters
    ----------
    slab, facts
        As cut, or relaxed after that: the slab in its surface cell, a along +x, c along +z; array ``oxidation`` is
        kept.
    molecules
        Conformers, lowest first; the recipe says how many of them are placed, in turn. Not used where the recipe asks
        for an infinite chain: that is built from its ``side_b``.
    recipe
        How many poses, how far from the slab and from their images, the vacuum above the highest pose, the limit of
        atoms, and whether the bottom is held (``move_mask``): the atoms that the slab holds already, else its lower
        half.
    seed
        Of the sequence of rotations.

    Returns
    -------
    list
        As many poses as the recipe's candidates, no two alike (see :func:`structures.placements.placements`), all in
        one cell; fewer only where symmetry leaves fewer, a single atom on a small surface cell.

    Raises
    ------
    RequestError
        No molecule; more atoms than the recipe allows, with the number that would do; overlapping atoms; a chain that
        fits no vector of the slab; no operation that exchanges the faces of a slab that is to be symmetric; and as
        :func:`structures.chains.straight_chain`.
    """
    guests = (_finite if recipe.chain == "finite" else _endless)(slab, molecules, recipe, seed)
    name = adlayer_name(facts, guests.models[0])
    copies = 2 if recipe.bottom == "symmetric" else 1
    _refuse_too_many(len(slab) * round(np.linalg.det(guests.cells)) + copies * guests.n_atoms, recipe, name)
    bed = _Bed.of(slab, guests, recipe, name)
    return [_model(bed, facts, guests, (k, bed.received(pose))) for k, pose in enumerate(guests.poses)]


def slab_alone(model: AdlayerModel) -> Atoms:
    """Return the slab in the model's cell, in the model's order; atoms that are held stay held."""
    return side_alone(model.atoms, 0)


def molecule_alone(model: AdlayerModel) -> Atoms:
    """Return the molecules in the model's cell, in the model's order; nothing is held."""
    return side_alone(model.atoms, 1)


def lower_half(slab: Atoms) -> NDArray[np.bool_]:
    """Return which atoms stand in the lower half of a slab, (n,); a plane in the middle is free."""
    heights = slab.positions[:, 2]
    return np.asarray(heights < (heights.min() + heights.max()) / 2 - MIDDLE_A)


def marked(slab: Atoms) -> Atoms:
    """Return the slab with the array `held`, not constrained: what it holds already, else its lower half."""
    marked = slab.copy()
    marked.set_constraint()
    already = [c.index for c in slab.constraints if isinstance(c, FixAtoms)]
    chosen = np.isin(np.arange(len(slab)), np.concatenate(already)) if already else lower_half(slab)
    marked.set_array(HELD, chosen)
    return marked


@dataclass(frozen=True)
class _Guests:
    """What is placed, how, and the lateral cell that it asks for.

    Parameters
    ----------
    models, atoms
        The conformers.
    poses
        In the frame of the slab as cut.
    cells
        The lateral cell, rows (2, 2) in multiples of the surface vectors.
    course
        Of an infinite chain; None for molecules.
    """

    models: Sequence[MoleculeModel]
    atoms: Sequence[Atoms]
    poses: Sequence[Pose]
    cells: NDArray[np.int64]
    course: Course | None = None

    @property
    def n_atoms(self) -> int:
        """Most atoms of a conformer."""
        return max(map(len, self.atoms))

    @property
    def top_A(self) -> float:
        """Height of the highest atom of all poses, Å."""
        return max(float(p.positions(self.atoms[p.conformer])[:, 2].max()) for p in self.poses)


def _finite(slab: Atoms, molecules: Sequence[MoleculeModel], recipe: AdlayerRecipe, seed: int) -> _Guests:
    """Return molecules in the smallest cell that keeps all their poses apart from their images."""
    if not molecules:
        raise RequestError("no molecule to place", recipe.side_b.molecule, "give at least one conformer")
    models = molecules[: recipe.conformers]
    atoms = [m.atoms for m in models]
    poses = placements(slab, atoms, n=recipe.candidates, gap_A=recipe.gap_A, seed=seed)
    places = [p.positions(atoms[p.conformer]) for p in poses]
    return _Guests(models, atoms, poses, smallest_cell(slab.cell.array[:2, :2], places, recipe.clearance_A))


def _endless(slab: Atoms, _: Sequence[MoleculeModel], recipe: AdlayerRecipe, seed: int) -> _Guests:
    """Return an infinite chain along the shortest vector of the slab that it fits, stretched or pressed to fit."""
    unit = completed(recipe.side_b)
    chain = straight_chain(unit)
    surface = slab.cell.array[:2, :2]
    apart = recipe.clearance_A + 2 * float(np.linalg.norm(chain.atoms.positions[:, 1:], axis=1).max())

    chains = 2 if recipe.bottom == "symmetric" else 1

    def size(course: Course) -> int:
        """Return how many atoms a model along a course has."""
        copies = round(np.linalg.det(course.cell(surface, apart)))
        return int(len(slab) * copies + chains * course.periods * len(chain.atoms))

    course = _best_course(courses(surface, chain.period_A, LONGEST_A), size, recipe)
    name = canonical_molecule(recipe.side_b.molecule) or recipe.side_b.molecule
    model = chain.laid(name, course.periods, course.length_A)
    along = np.array(course.step) @ surface
    poses = placements(slab, [model.atoms], n=recipe.candidates, gap_A=recipe.gap_A, seed=seed, along=along)
    return _Guests([model], [model.atoms], poses, course.cell(surface, apart), course)


def _best_course(known: list[Course], size: Callable[[Course], int], recipe: AdlayerRecipe) -> Course:
    """Return the shortest course that strains a chain little, else the one that strains it least, within the atoms."""
    usable = [c for c in known if abs(c.stretch) <= MOST_STRETCH]
    allowed = [c for c in usable if size(c) <= recipe.max_atoms]
    easy = [c for c in allowed if abs(c.stretch) <= EASY_STRETCH]
    if allowed:
        return easy[0] if easy else min(allowed, key=lambda c: abs(c.stretch))
    if not usable:
        what = f"no vector of the slab up to {LONGEST_A:g} Å fits the chain within {MOST_STRETCH:.0%}"
        raise RequestError(what, "adlayer.chain", "take a finite oligomer (adlayer.chain = 'finite')")
    least = min(size(c) for c in usable)
    raise RequestError(
        f"an infinite chain of {recipe.side_b.molecule} needs {least} atoms, max_atoms is {recipe.max_atoms}",
        "adlayer.chain",
        f"set adlayer.max_atoms={least}, a thinner slab or less clearance_A",
    )


@dataclass(frozen=True)
class _Bed:
    """The slab laid out in the cell that all poses share.

    Parameters
    ----------
    atoms
        The slab in that cell, with its arrays and held atoms.
    cells
        The lateral cell in multiples of the surface vectors.
    turn, lift
        From the frame of the slab as cut to that of the model: a matrix (3, 3) about z, and Å along z.
    exchange
        What puts the molecule on the other face too; None where it stands on one.
    """

    atoms: Atoms
    cells: Integers2x2
    turn: Floats
    lift: float
    exchange: Exchange | None = None

    @classmethod
    def of(cls, slab: Atoms, guests: _Guests, recipe: AdlayerRecipe, name: str) -> _Bed:
        """Return the bed of all poses."""
        cells = guests.cells
        rows: Integers2x2 = ((int(cells[0, 0]), int(cells[0, 1])), (int(cells[1, 0]), int(cells[1, 1])))
        wide = cells @ slab.cell.array[:2, :2]
        lateral = common_cell(wide, wide, ON_B)
        turn = np.eye(3)
        turn[:2, :2] = np.linalg.solve(wide, lateral).T
        bottom = float(slab.positions[:, 2].min())
        atoms = laid_out(marked(slab), rows, lateral)
        held = atoms.arrays.pop(HELD)
        atoms.set_constraint(FixAtoms(mask=held) if recipe.bottom == "fixed" else None)
        twofold = recipe.bottom == "symmetric"
        above = guests.top_A - float(slab.positions[:, 2].max())
        margin = recipe.vacuum_A / 2 + twofold * above
        atoms.positions[:, 2] += margin
        atoms.cell[2] = [0.0, 0.0, guests.top_A - bottom + recipe.vacuum_A + twofold * above]
        atoms.pbc = True
        exchange = None
        if twofold:
            exchange = face_exchange(atoms, name, chiral=any(is_chiral(m.facts) for m in guests.models))
            atoms = symmetrised(atoms, exchange)
        return cls(atoms, rows, turn, margin - bottom, exchange)

    @property
    def lattice(self) -> Floats:
        """The lateral cell, rows (2, 2) in Å."""
        return np.asarray(self.atoms.cell.array[:2, :2])

    def received(self, pose: Pose) -> Pose:
        """Return the pose in the frame of the model, the molecule's centre inside the cell."""
        turned = pose.turned(self.turn)
        outside = np.floor(turned.centre[:2] @ np.linalg.inv(self.lattice) + 1e-9) @ self.lattice
        return turned.moved(np.array([*-outside, self.lift]))


def _model(bed: _Bed, facts: SlabFacts, guests: _Guests, received: tuple[int, Pose]) -> AdlayerModel:
    """Return the model of one pose."""
    index, pose = received
    molecule, guest, course = guests.models[pose.conformer], guests.atoms[pose.conformer], guests.course
    places = pose.positions(guest)
    atoms = bed.atoms + Atoms(guest.numbers, places)
    atoms.set_array(SIDE, np.repeat([0, 1], [len(bed.atoms), len(guest)]))
    atoms.set_array(MOLECULE, np.repeat([-1, 0], [len(bed.atoms), len(guest)]))
    name = adlayer_name(facts, molecule)
    check_atoms(atoms, name)
    shadow = footprint(places, guest.numbers, bed.lattice)
    model = AdlayerModel(
        name=name,
        xyz=to_text(atoms),
        slab=facts,
        cells_a=bed.cells,
        molecules=(molecule.facts,),
        pose=_pose_facts(index, pose, molecule),
        area_A2=float(np.linalg.det(bed.lattice)),
        image_distance_A=None if course else image_distance_A(places, bed.lattice),
        chain_mismatch_percent=100 * course.stretch if course else None,
        covers=shadow >= COVERED,
        bottom="fixed" if bed.atoms.constraints else "free",
        origin=_origin(bed, facts, molecule, course, shadow),
    )
    return with_counterpart(model, bed.exchange) if bed.exchange else model


def adlayer_name(facts: SlabFacts, molecule: MoleculeModel) -> str:
    """Return crystal, face and molecule, 'A(hkl)|M'."""
    return f"{facts.crystal}({''.join(map(str, facts.miller))})|{molecule.name}"


def _pose_facts(index: int, pose: Pose, molecule: MoleculeModel) -> PoseFacts:
    """Return the record of a pose."""
    x, y, _ = (float(v) for v in pose.centre)
    return PoseFacts(
        index=index,
        conformer=molecule.facts.conformer,
        site_A=(x, y),
        quaternion=pose.quaternion,
        height_A=pose.height_A,
        gap_A=pose.gap_A,
    )


def _origin(bed: _Bed, facts: SlabFacts, molecule: MoleculeModel, course: Course | None, shadow: float) -> Origin:
    """Say how an adlayer was made, in words."""
    sources = (facts.origin, molecule.facts.origin)
    along = course and (
        f"chain along {course.step} of the slab, {course.length_A:.2f} Å for {course.periods} periods: stretched by "
        f"{100 * course.stretch:+.2f} %",
    )
    held = "the lower half of the slab is held" if bed.atoms.constraints else "no atom is held"
    return Origin(
        source=adlayer_name(facts, molecule),
        sha256=digest("".join(o.sha256 for o in sources)),
        steps=(
            *(f"side {which}: {step}" for which, o in zip("AB", sources, strict=True) for step in o.steps),
            f"slab laid out in cells {bed.cells}: {np.linalg.det(bed.lattice):.2f} Å², {held}",
            *(along or ()),
            "molecule lowered as a rigid body to first contact",
            f"shadow of the molecule at van der Waals radii: {shadow:.0%} of the cell (covered from {COVERED:.0%})",
        ),
    )


def _refuse_too_many(n_atoms: int, recipe: AdlayerRecipe, name: str) -> None:
    """Refuse a cell of more atoms than allowed, with the number that would do."""
    if n_atoms <= recipe.max_atoms:
        return
    raise RequestError(
        f"the smallest cell that keeps images {recipe.clearance_A:g} Å apart needs {n_atoms} atoms, "
        f"max_atoms is {recipe.max_atoms}",
        name,
        f"set adlayer.max_atoms={n_atoms}, a thinner slab, a shorter molecule or less clearance_A",
    )
