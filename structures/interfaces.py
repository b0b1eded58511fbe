"""Two slabs, a match, a shift and a gap make an interface model.

Side A is below; its top face is at the contact. Side B is above. The termination that a person names ends the face at
the contact: a slab of B whose faces differ is turned over (half a turn about its a, never a reflection); one whose
faces are alike is left as cut, so that B on A of the same crystal can continue it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from pymatgen.core import Structure

from interlith.structures.checks import check_model
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, to_text
from interlith.structures.matching import find_interfaces, no_match
from interlith.structures.records import (
    CrystalFacts,
    Integers2x2,
    InterfaceModel,
    InterfaceRecipe,
    MatchFacts,
    Origin,
    SlabFacts,
)
from interlith.structures.registries import plane_symmetry
from interlith.structures.slabs import cut_slab
from interlith.structures.strains import Body, StrainRule, choose_rule, common_cell

SIDE = "side"


@dataclass(frozen=True)
class Sides:
    """Two slabs, each in its primitive surface cell seen from above, and the rule by which they share strain."""

    slab_a: Atoms
    facts_a: SlabFacts
    slab_b: Atoms
    facts_b: SlabFacts
    rule: StrainRule

    @property
    def surfaces(self) -> tuple[np.ndarray, np.ndarray]:
        """The surface vectors of A and B, rows (2, 2) in Å."""
        return self.slab_a.cell.array[:2, :2], self.slab_b.cell.array[:2, :2]

    @property
    def name(self) -> str:
        """Crystals and faces, 'A(hkl)|B(hkl)'."""
        return "|".join(f"{f.crystal}({''.join(map(str, f.miller))})" for f in (self.facts_a, self.facts_b))

    def n_atoms(self, match: MatchFacts) -> int:
        """Return how many atoms the interface of a match has."""
        pairs = ((self.slab_a, match.cells_a), (self.slab_b, match.cells_b))
        return sum(len(slab) * abs(round(np.linalg.det(cells))) for slab, cells in pairs)


def build_interface(
    bulk_a: Structure,
    facts_a: CrystalFacts,
    bulk_b: Structure,
    facts_b: CrystalFacts,
    recipe: InterfaceRecipe,
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    gap_A: float | None = None,
) -> InterfaceModel:
    """Build the interface of two ordered crystals.

    Parameters
    ----------
    bulk_a, facts_a, bulk_b, facts_b
        The crystals of the sides, ordered.
    recipe
        Faces, thickness, area, strain, which match, vacuum (0: periodic along z, two interfaces), limit of atoms.
    shift
        Registry: displacement of B in fractions of the common cell.
    gap_A
        Lowest atom of B above the highest of A; the recipe's if None.

    Raises
    ------
    RequestError
        If the surfaces do not match within the recipe (with the smallest strain that would do), there is no match of
        that number, the model has more atoms than allowed, or atoms overlap; and as `cut_slab`.
    """
    sides = cut_sides(bulk_a, facts_a, bulk_b, facts_b, recipe)
    return assemble(sides, chosen_match(sides, recipe), recipe, shift=shift, gap_A=gap_A)


def cut_sides(
    bulk_a: Structure, facts_a: CrystalFacts, bulk_b: Structure, facts_b: CrystalFacts, recipe: InterfaceRecipe
) -> Sides:
    """Cut both slabs, turn B over if its faces differ, and decide who is strained."""
    slab_a, cut_a = cut_slab(bulk_a, facts_a, recipe.side_a, vacuum_A=recipe.vacuum_A)
    slab_b, cut_b = cut_slab(bulk_b, facts_b, recipe.side_b, vacuum_A=recipe.vacuum_A)
    if not cut_b.symmetric:
        slab_b = turned_over(slab_b)
        step = "turned over about a: its surface vectors from above are a and -b, its top face is at the contact"
        cut_b = cut_b.model_copy(update={"origin": cut_b.origin.then(step)})
    body_a = Body.of(bulk_a, cut_a.thickness_A, recipe.side_a.stiffness_GPa)
    body_b = Body.of(bulk_b, cut_b.thickness_A, recipe.side_b.stiffness_GPa)
    return Sides(slab_a, cut_a, slab_b, cut_b, choose_rule(body_a, body_b, recipe.strain_on))


def list_matches(sides: Sides, recipe: InterfaceRecipe) -> list[MatchFacts]:
    """Return every coherent interface of two slabs within the recipe, told apart by the slabs' own symmetry.

    Raises
    ------
    RequestError
        If there is none: with the smallest strain that would do.
    """
    area, strain = recipe.max_area_A2, recipe.max_strain
    found = find_interfaces(
        *sides.surfaces,
        max_area_A2=area,
        max_strain=strain,
        rule=sides.rule,
        symmetry_a=plane_symmetry(sides.slab_a).point_group,
        symmetry_b=plane_symmetry(sides.slab_b).point_group,
    )
    if not found:
        raise no_match(*sides.surfaces, max_area_A2=area, max_strain=strain, rule=sides.rule)
    return found


def chosen_match(sides: Sides, recipe: InterfaceRecipe) -> MatchFacts:
    """Return the match that the recipe names by its number.

    Raises
    ------
    RequestError
        If there is none of that number, or its interface has more atoms than the recipe allows.
    """
    matches = list_matches(sides, recipe)
    if recipe.match >= len(matches):
        raise RequestError(f"no match {recipe.match}", sides.name, f"there are {len(matches)}: 0 to {len(matches) - 1}")
    match = matches[recipe.match]
    n_atoms = sides.n_atoms(match)
    if n_atoms > recipe.max_atoms:
        raise RequestError(
            f"match {recipe.match} ({match.area_A2:.1f} Å²) has {n_atoms} atoms, max_atoms is {recipe.max_atoms}",
            sides.name,
            f"set interface.max_atoms={n_atoms}, thinner sides, or more strain than {100 * recipe.max_strain:g} %",
        )
    return match


def assemble(
    sides: Sides,
    match: MatchFacts,
    recipe: InterfaceRecipe,
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    gap_A: float | None = None,
) -> InterfaceModel:
    """Return the model of two cut sides and one of their matches; parameters as of `build_interface`."""
    gap = recipe.gap_A if gap_A is None else gap_A
    atoms = stack(sides.slab_a, sides.slab_b, match, sides.rule, shift=shift, gap_A=gap, vacuum_A=recipe.vacuum_A)
    model = InterfaceModel(
        name=sides.name,
        xyz=to_text(atoms),
        slab_a=sides.facts_a.model_copy(update={"vacuum_A": recipe.vacuum_A}),
        slab_b=sides.facts_b.model_copy(update={"vacuum_A": recipe.vacuum_A}),
        match=match,
        n_interfaces=1 if recipe.vacuum_A > 0 else 2,
        shift=shift,
        gap_A=gap,
        origin=_origin(sides, match, recipe.vacuum_A),
    )
    warned = (f"warning: {warning.message}" for warning in check_model(model))
    return model.model_copy(update={"origin": reduce(Origin.then, warned, model.origin)})


def stack(
    slab_a: Atoms,
    slab_b: Atoms,
    match: MatchFacts,
    rule: StrainRule,
    *,
    shift: tuple[float, float] = (0.0, 0.0),
    gap_A: float,
    vacuum_A: float,
) -> Atoms:
    """Strain two slabs into their common cell and put B on A.

    Heights within a slab are kept: the strain is in the plane only.

    Parameters
    ----------
    slab_a, slab_b
        In the surface cells that the match counts, a and b in the xy-plane, c along +z; already the right way up.
    match
        Which cells.
    rule
        The rule of sharing that the match was made with.
    shift
        Of B, in fractions of the common cell.
    gap_A
        Lowest atom of B above the highest of A.
    vacuum_A
        Above B; 0 for the same gap again: then the model is periodic and has two interfaces.

    Returns
    -------
    Atoms of A, then of B, with the array ``side`` (0, 1); periodic in all directions, a along +x.
    """
    cells = [np.array(c) @ s.cell.array[:2, :2] for c, s in ((match.cells_a, slab_a), (match.cells_b, slab_b))]
    cell = common_cell(cells[0], cells[1], rule)
    lower = laid_out(slab_a, match.cells_a, cell)
    upper = laid_out(slab_b, match.cells_b, cell)
    tops = [float(np.ptp(side.positions[:, 2])) for side in (lower, upper)]
    outside = vacuum_A if vacuum_A > 0 else gap_A
    lower.positions[:, 2] += outside / 2
    upper.positions += [*(np.array(shift) @ cell), outside / 2 + tops[0] + gap_A]
    both = lower + upper
    both.set_array(SIDE, np.repeat([0, 1], [len(lower), len(upper)]))
    both.set_cell([*_flat(cell), [0.0, 0.0, sum(tops) + gap_A + outside]])
    both.pbc = True
    return both


def turned_over(slab: Atoms) -> Atoms:
    """Return the slab after half a turn about its a: top and bottom change places, a stays and b becomes -b."""
    turned = slab.copy()
    turned.positions = slab.positions * [1, -1, -1] + [0, 0, slab.cell[2, 2]]
    a, b, c = slab.cell.array
    turned.set_cell([a, [-b[0], b[1], 0.0], c])
    return turned


def displaced(model: InterfaceModel, shift: tuple[float, float], gap_A: float) -> InterfaceModel:
    """Return the model with B at another registry and gap; A stays, the vacuum keeps its height.

    Parameters
    ----------
    model
        As built: its atoms are moved rigidly by side.
    shift
        The new shift, fractions of the common cell.
    gap_A
        The new gap, Å; of both interfaces where there are two.
    """
    atoms = model.atoms
    lift = gap_A - model.gap_A
    aside = (np.array(shift) - np.array(model.shift)) @ atoms.cell.array[:2, :2]
    atoms.positions[atoms.arrays[SIDE] == 1] += [*aside, lift]
    atoms.set_cell([*atoms.cell.array[:2], atoms.cell.array[2] + [0, 0, lift * model.n_interfaces]])
    return model.model_copy(update={"xyz": to_text(atoms), "shift": tuple(shift), "gap_A": gap_A})


def with_sides(model: InterfaceModel, side_a: Atoms, side_b: Atoms) -> InterfaceModel:
    """Return the model with its sides in other geometries, at the same registry, gap and vacuum.

    Parameters
    ----------
    model
        As built.
    side_a, side_b
        Each side in the model's order and lateral cell (see :func:`side_alone`), relaxed alone, say; a rigid
        drift in the plane is taken out.
    """
    atoms, old = model.atoms, model.atoms
    for k, side in enumerate((side_a, side_b)):
        own = atoms.arrays[SIDE] == k
        moved = side.positions - old.positions[own]
        atoms.positions[own] = side.positions - [*moved[:, :2].mean(axis=0), 0]
    below, above = (atoms.positions[atoms.arrays[SIDE] == k, 2] for k in (0, 1))
    atoms.positions[atoms.arrays[SIDE] == 1, 2] += model.gap_A - (above.min() - below.max())
    atoms.cell[2, 2] += float(np.ptp(atoms.positions[:, 2]) - np.ptp(old.positions[:, 2]))
    return model.model_copy(update={"xyz": to_text(atoms), "origin": model.origin.then("sides relaxed alone")})


def side_alone(model: InterfaceModel | Atoms, side: int) -> Atoms:
    """Return the atoms of one side (0 is A, 1 is B) in the model's cell, in the model's order."""
    atoms = model if isinstance(model, Atoms) else model.atoms
    return atoms[atoms.arrays[SIDE] == side]


def laid_out(slab: Atoms, cells: Integers2x2, common: np.ndarray) -> Atoms:
    """Return the supercell of a slab in a given lateral cell, lowest atom at z = 0, every atom inside the cell.

    Parameters
    ----------
    slab
        In its surface cell, a and b in the xy-plane.
    cells
        Rows: the lateral cell in multiples of the slab's surface vectors.
    common
        The vectors that those rows become, (2, 2) in Å; the slab is strained in the plane where they differ.
    """
    multiple = np.eye(3, dtype=int)
    multiple[:2, :2] = cells
    wide = make_supercell(slab, multiple, wrap=False, order="atom-major")
    places = np.linalg.solve(wide.cell.array[:2, :2].T, wide.positions[:, :2].T).T
    places -= np.floor(places + 1e-9)
    wide.positions = np.column_stack([places @ common, wide.positions[:, 2] - wide.positions[:, 2].min()])
    wide.set_cell([*_flat(common), slab.cell.array[2]])
    wide.info = {}
    return wide


def _flat(cell: np.ndarray) -> list[list[float]]:
    return [[*row, 0.0] for row in cell.tolist()]


def _origin(sides: Sides, match: MatchFacts, vacuum_A: float) -> Origin:
    """Say how the interface was made, in words."""
    origins = [sides.facts_a.origin, sides.facts_b.origin]
    strains = [", ".join(f"{100 * s:+.2f} %" for s in e) for e in (match.strain_a, match.strain_b)]
    closed = f"vacuum {vacuum_A:g} Å" if vacuum_A > 0 else "no vacuum: periodic, two interfaces with the same gap"
    return Origin(
        source=sides.name,
        sha256=digest("".join(o.sha256 for o in origins)),
        steps=(
            *(f"side {which}: {step}" for which, o in zip("AB", origins, strict=True) for step in o.steps),
            f"matched A {match.cells_a} and B {match.cells_b}: {match.area_A2:.2f} Å², twist {match.twist_deg:.2f}°",
            f"strained in the plane, heights kept: A {strains[0]}; B {strains[1]} ({match.strain_rule})",
            f"stacked B on A, {closed}",
        ),
    )
