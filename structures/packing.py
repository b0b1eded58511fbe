"""Packed layers: molecules in stated numbers, brought to a stated density on a slab, periodic in the plane.

packmol scatters the molecules loosely above the slab. They are then pressed down in small steps as rigid bodies that
push each other apart, images across the periodic borders included (see `crowds`), until the layer has exactly the
density asked for: what packmol cannot do in an oblique cell, nor with molecules about as large as the cell. Molecules
keep their geometry and are never wrapped: atoms may stand outside the cell, whole.

**The layer's volume** is area times height. It begins half of ``min_distance_A`` above the slab's highest atom and ends
half of it above the layer's own highest atom (open side), or half of it below the lowest atom of the slab's next image
(no open side). Grooves of the slab are not counted, though atoms may reach into them by as much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from ase import Atoms
from ase.units import mol
from numpy.typing import NDArray

from interlith.structures.adlayers import MOLECULE
from interlith.structures.checks import check_atoms
from interlith.structures.clearances import COVERED, footprint, image_distance_A, wide_cell
from interlith.structures.crowds import Crowd, least_distances
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, to_text
from interlith.structures.interfaces import SIDE, laid_out
from interlith.structures.packmol import TIMEOUT_S, Space, find_packmol, scattered
from interlith.structures.records import AdlayerModel, Integers2x2, MoleculeModel, Origin, PackedRecipe, SlabFacts
from interlith.structures.sublattices import Cells

Floats = NDArray[np.float64]
Mixture = Sequence[tuple[MoleculeModel, int]]

DENSITY_TOLERANCE = 0.02
"""Largest relative error of the density; what cannot come so near is refused."""
STARTS, ATTEMPTS = 12, 4
"""Starts by packmol, each with a seed of its own, and those of them pressed, before a density is refused: in a quarter
of the starts chains lie through each other and cannot be freed."""
HOPELESS = 1.3
"""After a start that got no nearer than this to the height asked for, another is not tried."""
SHAKES = 5
"""Times that jammed molecules are shaken before a step is given up."""
COARSE, FINE = 0.95, 0.985
"""Steps by which the layer's height shrinks."""
START_A3 = 20.0
"""Volume per atom of the loose start where atoms keep 2 Å; an organic liquid has 9 to 11."""
A3_PER_CM3 = 1e24
LARGEST_SEED = 2**31 - 1
LARGEST_INDEX = 200
"""A lateral cell of more surface cells than this is refused by its least size, not searched for."""


def packed_layer(
    slab: Atoms, facts: SlabFacts, components: Mixture, recipe: PackedRecipe, *, timeout_s: float = TIMEOUT_S
) -> AdlayerModel:
    """Pack molecules on a slab.

    The lateral cell is the smallest supercell of the slab's surface vectors both of whose heights are at least
    ``min_edge_A``; of several the one with the larger heights.

    Parameters
    ----------
    slab, facts
        As cut: the slab in its surface cell, a along +x, c along +z; array ``oxidation`` is kept.
    components
        Molecules and how many of each; several conformers of one molecule may stand side by side. The recipe's own
        list of components is not read.
    recipe
        Density, least distance, least edge, which sides are open, vacuum, seed, limit of atoms.
    timeout_s
        Wall time that packmol may take for one start, s.

    Returns
    -------
    The slab first, then the molecules in order, all rigid and whole. No two atoms of different molecules, of a molecule
    and the slab, or of a molecule and its own image are nearer than ``min_distance_A``; elements that would look bonded
    there keep farther apart (:func:`structures.crowds.least_distances`). The same input and seed give the same text.

    Raises
    ------
    RequestError
        No packmol; no molecules, or charged ones that do not add up to zero; more atoms than allowed; a layer too thin
        for the least distance; a density that was not reached within 2 %, with the density that was.
    ComputationError
        packmol failed.
    """
    name = _name(facts, components)
    check_components(components, recipe, name)
    cells = _lateral_cell(slab, components, recipe, name)
    task = _Task.of(laid_out(slab, _rows(cells), _vectors(cells)), components, recipe, name)
    places, told = _packed(task, components, timeout_s)
    atoms = _assembled(task, places)
    check_atoms(atoms, name)
    return _model(task, atoms, facts, components, (_rows(cells), told))


@dataclass(frozen=True)
class _Task:
    """One packing: the slab in its lateral cell (lowest atom at z = 0), the molecules, and the layer wanted."""

    slab: Atoms
    molecules: tuple[Atoms, ...]
    recipe: PackedRecipe
    name: str

    @classmethod
    def of(cls, slab: Atoms, components: Mixture, recipe: PackedRecipe, name: str) -> _Task:
        """Return the task of a recipe, or refuse a layer thinner than its least distance."""
        task = cls(slab, tuple(m.atoms for m, n in components for _ in range(n)), recipe, name)
        if task.height_A < recipe.min_distance_A:
            what = f"a layer of {recipe.density_g_cm3:g} g/cm³ would be {task.height_A:.2f} Å high"
            raise RequestError(what, name, "ask for more molecules or a smaller density_g_cm3")
        return task

    @property
    def owner(self) -> NDArray[np.int64]:
        """Which molecule each atom is of, (n,)."""
        return np.repeat(np.arange(len(self.molecules)), [len(m) for m in self.molecules])

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Atomic numbers of the molecules' atoms, (n,)."""
        return np.concatenate([m.numbers for m in self.molecules])

    @property
    def area_A2(self) -> float:
        """Of the lateral cell."""
        return float(self.slab.cell[0, 0] * self.slab.cell[1, 1])

    @property
    def top_A(self) -> float:
        """The slab's highest atom."""
        return float(self.slab.positions[:, 2].max())

    @property
    def height_A(self) -> float:
        """Height of the layer at the density asked for."""
        return self._weight_A / self.recipe.density_g_cm3

    @property
    def loose_A(self) -> float:
        """Height of a layer so loose that every molecule can turn."""
        by_volume = START_A3 * len(self.numbers) * (self.recipe.min_distance_A / 2) ** 3 / self.area_A2
        longest = max(float(np.linalg.norm(np.ptp(m.positions, axis=0))) for m in self.molecules)
        return max(self.height_A, by_volume, longest + 2 * self.recipe.min_distance_A)

    def density_g_cm3(self, height_A: float) -> float:
        """Return the density of a layer of this height."""
        return self._weight_A / height_A

    def centres(self, places: Floats) -> Floats:
        """Return the middle of each molecule's atoms, (m, 3)."""
        return np.stack([np.bincount(self.owner, x) for x in places.T], axis=1) / np.bincount(self.owner)[:, None]

    def crowd(self, height_A: float) -> Crowd:
        """Return the rules that the molecules keep in a layer of this height."""
        spare = self.recipe.min_distance_A
        floor = self.top_A + spare / 2
        above, lower = (self.recipe.vacuum_A, spare / 2) if self.recipe.open_side else (spare, 0.0)
        bed = self.slab.copy()
        bed.cell[2] = [0.0, 0.0, self.top_A + height_A + above]
        bed.pbc = True
        return Crowd(bed, self.numbers, self.owner, spare, floor, floor + height_A - lower)

    def measured_height_A(self, up: Floats) -> float:
        """Return the height of the layer as it is, once pressed, from its atoms' heights above the slab's lowest."""
        return float(up.max()) - self.top_A if self.recipe.open_side else self.height_A

    def pressed(self, places: Floats, factor: float) -> Floats:
        """Return the molecules with the heights of their centres above the slab scaled."""
        lowered = places.copy()
        lowered[:, 2] += ((factor - 1) * (self.centres(places)[:, 2] - self.top_A))[self.owner]
        return lowered

    def lifted(self, places: Floats) -> Floats:
        """Return the molecule of the highest atom raised to the ceiling: a sparse layer may end below it."""
        highest = int(places[:, 2].argmax())
        raised = places.copy()
        raised[self.owner == self.owner[highest], 2] += self.crowd(self.height_A).ceiling_A - places[highest, 2]
        return raised

    @property
    def _weight_A(self) -> float:
        """Mass over area, in g/cm³ times Å."""
        grams: float = sum(float(m.get_masses().sum()) for m in self.molecules) / mol
        return grams * A3_PER_CM3 / self.area_A2


def _packed(task: _Task, components: Mixture, timeout_s: float) -> tuple[Floats, str]:
    """Return positions (n, 3) at the density asked for, and how they came about; refuse what was not reached."""
    seeds = np.random.SeedSequence(task.recipe.seed).generate_state(STARTS)
    lowest, pressed = np.inf, 0
    for seed in (int(s) % LARGEST_SEED + 1 for s in seeds):
        start, version = _started(task, components, seed, timeout_s)
        places, height = _pressed_down(task, start, np.random.default_rng(seed))
        if places is not None and height <= task.height_A:
            height = task.measured_height_A(places[:, 2])
            if abs(task.height_A / height - 1) <= DENSITY_TOLERANCE:
                return places, f"scattered by packmol {version} (seed {seed})"
        lowest, pressed = min(lowest, height), pressed + (places is not None)
        if pressed == ATTEMPTS or HOPELESS * task.height_A < lowest < np.inf:
            break
    raise _not_reached(task, lowest)


def _started(task: _Task, components: Mixture, seed: int, timeout_s: float) -> tuple[Floats, str]:
    """Return packmol's loose start and its version."""
    crowd = task.crowd(task.loose_A)
    space = Space(crowd.slab.cell.array[:2, :2], crowd.floor_A, crowd.ceiling_A)
    kinds = [(m.atoms, n) for m, n in components]
    placed, version = scattered(kinds, space, tolerance_A=task.recipe.min_distance_A, seed=seed, timeout_s=timeout_s)
    return np.concatenate(placed), version


def _pressed_down(task: _Task, places: Floats, chance: np.random.Generator) -> tuple[Floats | None, float]:
    """Return the densest placement on the way to the density asked for, and the height of its layer.

    None and infinity where not even the loose start could be freed of overlaps.
    """
    kept, reached = None, np.inf
    height, factor = task.loose_A, COARSE
    while True:
        relieved = _relieved(task.crowd(height), places, chance, SHAKES if factor == FINE else 0)
        if relieved is not None:
            kept, reached = relieved, height
            if height <= task.height_A:
                lifted = task.lifted(kept)
                return (lifted if task.crowd(height).is_free(lifted) else kept), height
        elif kept is None or factor == FINE:
            return kept, reached
        else:
            factor = FINE
        height = max(task.height_A, reached * factor)
        places = task.pressed(kept, height / reached)


def _relieved(crowd: Crowd, places: Floats, chance: np.random.Generator, shakes: int) -> Floats | None:
    """Return the molecules without overlaps, shaken some times where they jam; None where that does not help."""
    relieved = crowd.relieved(places)
    for _ in range(shakes):
        if relieved is not None:
            break
        relieved = crowd.relieved(crowd.shaken(places, chance))
    return relieved


def _not_reached(task: _Task, lowest_A: float) -> RequestError:
    """Return the error for a density that could not be reached, with what could."""
    recipe = task.recipe
    asked = f"{recipe.density_g_cm3:g} g/cm³ at {recipe.min_distance_A:g} Å"
    if not np.isfinite(lowest_A):
        what = f"the molecules found no room at any density ({asked} asked)"
    else:
        what = f"the layer was packed to {task.density_g_cm3(lowest_A):.3f} g/cm³, not to {asked}"
    mend = "lower density_g_cm3 or min_distance_A, raise min_edge_A, or take another seed or conformer"
    return RequestError(what, task.name, mend)


def check_components(components: Mixture, recipe: PackedRecipe, name: str) -> None:
    """Refuse what can be seen to be wrong before anything is built, packmol's absence too.

    Raises
    ------
    RequestError
        As :func:`packed_layer`.
    """
    find_packmol()
    if recipe.open_side and recipe.vacuum_A < recipe.min_distance_A:
        what = f"vacuum of {recipe.vacuum_A:g} Å, less than the least distance of {recipe.min_distance_A:g} Å"
        raise RequestError(what, name, "raise vacuum_A, or set open_side = false")
    if recipe.seed < 0:
        raise RequestError(f"seed {recipe.seed}", name, "give 0 or more")
    if not components:
        raise RequestError("no molecules to pack", name, "give at least one component")
    for molecule, count in components:
        if count < 1:
            raise RequestError(f"{count} of {molecule.name}", name, "give a count of 1 or more")
        check_atoms(molecule.atoms, molecule.name)
    charge = sum(m.facts.charge_e * n for m, n in components)
    if charge:
        told = ", ".join(f"{n} of {m.name} ({m.facts.charge_e:+d} e)" for m, n in components if m.facts.charge_e)
        raise RequestError(f"the layer's charge is {charge:+d} e: {told}", name, "balance the counts of the ions")


def _lateral_cell(slab: Atoms, components: Mixture, recipe: PackedRecipe, name: str) -> Cells:
    """Return the lateral cell; refuse more atoms than the recipe allows, before a search that would be long."""
    surface = slab.cell.array[:2, :2]
    numbers = np.unique(np.concatenate([slab.numbers, *(m.atoms.numbers for m, _ in components)]))
    edge = max(recipe.min_edge_A, float(least_distances(numbers, recipe.min_distance_A).max()))
    n_layer = sum(len(m.atoms) * n for m, n in components)
    least = ceil(min(edge**2 / abs(np.linalg.det(surface)), 1e12) - 1e-9)
    cells = wide_cell(surface, edge) if least <= LARGEST_INDEX else None
    n_slab = len(slab) * (least if cells is None else int(cells.index[0]))
    if cells is None or n_slab + n_layer > recipe.max_atoms:
        some = "" if cells else "at least "
        what = f"{some}{n_slab} atoms of the slab and {n_layer} of the layer, max_atoms is {recipe.max_atoms}"
        mend = "take a thinner slab, fewer molecules or a smaller min_edge_A"
        raise RequestError(what, name, mend + (f", or set packed.max_atoms={n_slab + n_layer}" if cells else ""))
    return cells


def _rows(cells: Cells) -> Integers2x2:
    """Return the rows of the one cell."""
    (a, b), (c, d) = cells.rows[0].tolist()
    return (a, b), (c, d)


def _vectors(cells: Cells) -> Floats:
    """Return the vectors of the one cell, rows (2, 2) in Å, the first along +x."""
    return np.array([[cells.x[0], 0.0], [cells.y[0], cells.height[0]]])


def _assembled(task: _Task, places: Floats) -> Atoms:
    """Return the slab and the molecules: each molecule whole, its centre inside the cell, half the vacuum below all."""
    model = task.crowd(task.height_A).slab
    centres = task.centres(places)[:, :2] @ np.linalg.inv(model.cell.array[:2, :2])
    aside = -np.floor(centres + 1e-9) @ model.cell.array[:2, :2]
    layer = Atoms(task.numbers, places + np.column_stack([aside, np.zeros(len(aside))])[task.owner])
    n_slab, n_layer = len(model), len(layer)
    model += layer
    model.set_array(SIDE, np.repeat([0, 1], [n_slab, n_layer]))
    model.set_array(MOLECULE, np.concatenate([np.full(n_slab, -1), task.owner]))
    model.positions[:, 2] += (task.recipe.vacuum_A if task.recipe.open_side else task.recipe.min_distance_A) / 2
    return model


def _model(
    task: _Task, atoms: Atoms, facts: SlabFacts, components: Mixture, made: tuple[Integers2x2, str]
) -> AdlayerModel:
    """Return the record of a packed layer, measured on its atoms."""
    cells, told = made
    lateral, layer = atoms.cell.array[:2, :2], atoms[atoms.arrays[SIDE] == 1]
    covered = footprint(layer.positions, layer.numbers, lateral)
    images = [image_distance_A(layer.positions[task.owner == k], lateral) for k in range(len(task.molecules))]
    up = layer.positions[:, 2] - atoms.positions[0, 2] + task.slab.positions[0, 2]
    density = task.density_g_cm3(task.measured_height_A(up))
    return AdlayerModel(
        name=task.name,
        xyz=to_text(atoms),
        slab=facts,
        cells_a=cells,
        molecules=tuple(m.facts for m, n in components for _ in range(n)),
        area_A2=task.area_A2,
        n_interfaces=1 if task.recipe.open_side else 2,
        image_distance_A=min(images),
        covers=covered >= COVERED,
        density_g_cm3=density,
        origin=_origin(task, facts, components, (cells, f"{told}, pressed to {density:.4f} g/cm³ as rigid molecules")),
    )


def _origin(task: _Task, facts: SlabFacts, components: Mixture, made: tuple[Integers2x2, str]) -> Origin:
    """Say how the layer was made, in words."""
    recipe, (cells, told) = task.recipe, made
    sources = [facts.origin, *(m.facts.origin for m, _ in components)]
    closed = f"vacuum {recipe.vacuum_A:g} Å" if recipe.open_side else "no vacuum: periodic, two interfaces"
    return Origin(
        source=task.name,
        sha256=digest("".join([o.sha256 for o in sources] + [m.xyz for m, _ in components])),
        steps=(
            *(f"slab: {step}" for step in facts.origin.steps),
            *(f"{m.name}: {step}" for m, _ in components for step in m.facts.origin.steps),
            f"lateral cell {cells}: {task.area_A2:.2f} Å²",
            f"layer of {_listed(components)}: {told}, least distance {recipe.min_distance_A:g} Å, {closed}",
        ),
    )


def _name(facts: SlabFacts, components: Mixture) -> str:
    """Return the model's name, 'LAGP(012)|PEO, Li+, 4 PYR14+, 5 FSI-'."""
    return f"{facts.crystal}({''.join(map(str, facts.miller))})|{_listed(components)}"


def _listed(components: Mixture) -> str:
    """Return what a layer is made of, conformers of a molecule together, '4 PYR14+, 5 FSI-'."""
    counts: Counter[str] = Counter()
    for molecule, n in components:
        counts[molecule.name] += n
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in counts.items())
