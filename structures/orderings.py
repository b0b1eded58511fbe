"""Charge-neutral ordered cells of disordered crystals, ranked by the electrostatic energy of their formal charges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import spglib
from numpy.typing import NDArray
from pymatgen.core import Species, Structure
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from interlith.structures.arrangements import MOVES, lowest_arrangements
from interlith.structures.crystals import load_crystal
from interlith.structures.disorder import (
    OCCUPANCY_DIGITS,
    SYMMETRY_TOLERANCE_A,
    Counts,
    DisorderedCell,
    choose_size,
    deviation,
    disordered_cell,
    supercell,
)
from interlith.structures.electrostatics import pair_matrix, point_charge_energy
from interlith.structures.errors import RequestError
from interlith.structures.faults import exclusive_pairs
from interlith.structures.records import CrystalFacts, OrderingFacts
from interlith.structures.tempering import Best, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# States kept beyond those wanted, for those that symmetry makes equal though their energies differ in the last digits.
SPARE_STATES = 8
# Sites that exchange with each site more often than the rest: in garnets, the other sites of the cages around.
CLOSE_SITES = 8


@dataclass(frozen=True)
class Request:
    """What is ordered in which cell.

    Parameters
    ----------
    cell
        The disordered crystal.
    structure
        Every site of the supercell, property ``orbit``.
    counts
        Atoms of each species on each orbit.
    mobile
        Elements that may leave their orbit for another of theirs.
    """

    cell: DisorderedCell
    structure: Structure
    counts: Counts
    mobile: frozenset[str] = frozenset()

    @cached_property
    def orbit_of(self) -> Ints:
        """Orbit of each site."""
        return np.array(self.structure.site_properties["orbit"])

    @cached_property
    def orbits(self) -> list[int]:
        """Orbits with something to decide: the disordered ones, and the full ones that a mobile element may leave."""
        return [o for o, orbit in enumerate(self.cell.orbits) if not orbit.ordered or orbit.symbols & self.mobile]

    @cached_property
    def sites(self) -> Ints:
        """Sites of those orbits."""
        return np.flatnonzero(np.isin(self.orbit_of, self.orbits))

    @cached_property
    def kinds(self) -> list[Species | None]:
        """What a site may hold; None is the vacancy."""
        return [None, *sorted({s for o in self.orbits for s in self.cell.orbits[o].occupancy}, key=str)]

    @cached_property
    def matrix(self) -> Floats:
        """Pair energies of all sites, eV/e²."""
        return pair_matrix(self.structure.lattice.matrix, self.structure.frac_coords)

    @cached_property
    def framework(self) -> Floats:
        """Charges of the atoms that do not move, shape (sites of the supercell,)."""
        charges = np.array([next(iter(site.species)).oxi_state for site in self.structure], dtype=float)
        charges[self.sites] = 0.0
        return charges

    def charges(self, kinds: Ints) -> Floats:
        """Return the charge of every site of the supercell for one arrangement."""
        charges = self.framework.copy()
        charges[self.sites] = [getattr(self.kinds[kind], "oxi_state", 0.0) for kind in kinds]
        return charges


def order(
    structure: Structure,
    facts: CrystalFacts,
    *,
    seed: int = 0,
    max_atoms: int = 200,
    min_atoms: int = 0,
    k: int = 1,
    moves: int = MOVES,
) -> list[tuple[Structure, OrderingFacts]]:
    """Return up to `k` symmetry-distinct ordered cells of a disordered crystal, lowest point-charge energy first.

    The cell is the smallest that holds the refined composition exactly and neutrally; where none of at most
    `max_atoms` does, the neutral one that deviates least, and the deviation is in the facts. Each orbit keeps its
    refined occupancy to the nearest whole atom; where that cannot be had without two atoms on sites that exclude each
    other, the ions on such sites move among all sites of their element at constant total, and the facts say so.

    The search is :func:`interlith.structures.arrangements.lowest_arrangements`; orderings of one energy count as one.

    Parameters
    ----------
    structure, facts
        From :func:`interlith.structures.crystals.load_crystal`, with an oxidation state on every species.
    seed
        Determines the result.
    max_atoms, min_atoms
        Bounds of the ordered cell's size; `min_atoms` asks for a larger cell than the smallest exact one.
    k
        How many are wanted, an ensemble over which energies spread; small cells may have fewer.
    moves
        Swaps tried at most; a hundred thousand give a usable cell at once, the default the lowest one nearly always.

    Returns
    -------
    orderings
        Each with its facts. The Cartesian frame is the disordered crystal's; property ``conventional`` of the structure
        leads back to its cell, to which Miller indices refer.

    Raises
    ------
    RequestError
        When charges are missing, no neutral cell fits the bounds, or no arrangement avoids excluded contacts.
    """
    cell = disordered_cell(structure)
    n_cells, counts = choose_size(cell, max_atoms, min_atoms)
    request = Request(cell, supercell(cell, n_cells), counts)
    best = _search(request, seed, k, moves)
    if not np.isfinite(best.energies[0]):
        request = replace(request, mobile=_trapped(request))
        best = _search(request, seed, k, moves)
    if not np.isfinite(best.energies[0]):
        what = f"every ordering of {facts.name} puts atoms on sites that exclude each other"
        raise RequestError(what, facts.origin.source, "mend the occupancies of its split sites")
    states = _distinct(request, best)[:k]
    return [_ordered(request, facts, kinds, seed, rank) for rank, kinds in enumerate(states)]


def ordered_crystal(
    name_or_path: str, *, seed: int = 0, max_atoms: int = 200, min_atoms: int = 0, rank: int = 0
) -> tuple[Structure, CrystalFacts, OrderingFacts | None]:
    """Return a crystal ready to be cut: an ordered one as it is (and no ordering), else one of its orderings.

    Parameters
    ----------
    name_or_path
        As for :func:`interlith.structures.crystals.load_crystal`.
    seed, max_atoms, min_atoms
        As for :func:`order`.
    rank
        Which of the distinct orderings, 0 the lowest: computed for several ranks, an energy has a spread over them.

    Raises
    ------
    RequestError
        From reading or ordering; or if there are fewer distinct orderings.
    """
    structure, facts = load_crystal(name_or_path)
    if structure.is_ordered:
        return structure, facts, None
    found = order(structure, facts, seed=seed, max_atoms=max_atoms, min_atoms=min_atoms, k=rank + 1)
    if rank >= len(found):
        what = f"{len(found)} distinct orderings of {facts.name} were found, none of rank {rank}"
        raise RequestError(what, name_or_path, f"take 0 to {len(found) - 1}, or a larger cell")
    ordered, ordering = found[rank]
    return ordered, facts, ordering


def _search(request: Request, seed: int, k: int, moves: int) -> Best:
    k = k if k == 1 else k + SPARE_STATES
    return lowest_arrangements(_problem(request), seed=seed, k=k, moves=moves)


def _problem(request: Request) -> Problem:
    sites, allowed = request.sites, _allowed(request)
    matrix = np.ascontiguousarray(request.matrix[np.ix_(sites, sites)])
    orbit_of, held = _held(request)
    pool_of = _pools(orbit_of, allowed)
    pool_sites = np.argsort(pool_of, kind="stable").astype(np.int64)
    near_start, near, blocked = _exclusions(request)
    return Problem(
        matrix=matrix,
        potential=request.matrix[sites] @ request.framework,
        charges=np.array([getattr(kind, "oxi_state", 0.0) for kind in request.kinds], dtype=float),
        allowed=allowed,
        orbit_of=orbit_of,
        held=held,
        pool_of=pool_of,
        pool_start=np.searchsorted(pool_of[pool_sites], np.arange(pool_of.max() + 2)).astype(np.int64),
        pool_sites=pool_sites,
        close=_close_pairs(matrix, pool_of),
        near_start=near_start,
        near=near,
        blocked=blocked,
    )


def _held(request: Request) -> tuple[Ints, Ints]:
    """Return the orbit of each open site, and how many of each kind (vacancies first) each orbit holds.

    The orbits of the mobile elements count as one.
    """
    cell = request.cell
    label = {o: -1 if cell.orbits[o].symbols & request.mobile else o for o in request.orbits}
    names, orbit_of = np.unique([label[int(o)] for o in request.orbit_of[request.sites]], return_inverse=True)
    held = np.zeros((len(names), len(request.kinds)), dtype=np.int64)
    for o in request.orbits:
        row = held[int(np.searchsorted(names, label[o]))]
        for species, n in request.counts[o].items():
            row[request.kinds.index(species)] += n
    held[:, 0] = np.bincount(orbit_of) - held.sum(axis=1)
    return orbit_of.astype(np.int64), held


def _pools(orbit_of: Ints, allowed: NDArray[np.bool_]) -> Ints:
    """Return the pool of each open site: orbits that may hold the same species share one."""
    atoms = np.array([allowed[orbit_of == o, 1:].any(axis=0) for o in range(orbit_of.max() + 1)], dtype=np.int64)
    return np.asarray(connected_components(atoms @ atoms.T, directed=False)[1][orbit_of], dtype=np.int64)


def _close_pairs(matrix: Floats, pool_of: Ints) -> Ints:
    """Return the pairs of sites of one pool that lie closest, by their pair energies, CLOSE_SITES for each site."""
    first, second = np.nonzero(np.triu(pool_of[:, None] == pool_of[None], 1))
    closest = np.argsort(-matrix[first, second], kind="stable")[: CLOSE_SITES * len(pool_of) // 2]
    return np.stack((first[closest], second[closest]), axis=1).astype(np.int64)


def _allowed(request: Request) -> NDArray[np.bool_]:
    allowed = np.zeros((len(request.sites), len(request.kinds)), dtype=bool)
    for row, site in enumerate(request.sites):
        orbit = request.cell.orbits[int(request.orbit_of[site])]
        allowed[row] = [kind in orbit.occupancy for kind in request.kinds]
        allowed[row, 0] = not orbit.full or bool(orbit.symbols & request.mobile)
    return allowed


def _exclusions(request: Request) -> tuple[Ints, Ints, Ints]:
    """List the open sites that exclude each open site, and count the other atoms that do."""
    row_of = {int(site): row for row, site in enumerate(request.sites)}
    near: list[list[int]] = [[] for _ in request.sites]
    blocked = np.zeros(len(request.sites), dtype=np.int64)
    for i, j in exclusive_pairs(request.structure):
        for one, other in ((i, j), (j, i)):
            if one in row_of and other in row_of:
                near[row_of[one]].append(row_of[other])
            elif one in row_of:
                blocked[row_of[one]] += 1
    start = np.cumsum([0, *map(len, near)])
    return start.astype(np.int64), np.array([n for row in near for n in sorted(row)], dtype=np.int64), blocked


def _trapped(request: Request) -> frozenset[str]:
    """Return the elements that have sites excluding each other: those that must be free to move."""
    orbits = request.cell.orbits
    pairs = {tuple(request.orbit_of[[i, j]]) for i, j in exclusive_pairs(request.structure)}
    return frozenset(symbol for a, b in pairs for symbol in orbits[a].symbols & orbits[b].symbols)


def _distinct(request: Request, best: Best) -> list[Ints]:
    """Return the states found, lowest first, without those that a symmetry of the supercell makes equal."""
    found = [kinds for energy, kinds in zip(best.energies, best.kinds, strict=True) if np.isfinite(energy)]
    if len(found) == 1:
        return found
    permutations = _permutations(request)
    # Equal states have the same smallest image.
    images = {min(state[p].tobytes() for p in permutations): state for state in reversed(found)}
    return list(reversed(images.values()))


def _permutations(request: Request) -> Ints:
    """Return what each symmetry of the disordered supercell does to the open sites, shape (operations, sites)."""
    structure, sites = request.structure, request.sites
    cell = (structure.lattice.matrix, structure.frac_coords, request.orbit_of + 1)
    symmetry = spglib.get_symmetry(cell, symprec=SYMMETRY_TOLERANCE_A)
    places = structure.frac_coords[sites]
    images = np.einsum("oij,nj->oni", symmetry["rotations"], places) + symmetry["translations"][:, None, :]
    return np.asarray(cKDTree(places % 1.0, boxsize=1.0).query(images % 1.0)[1])


def _ordered(
    request: Request, facts: CrystalFacts, kinds: Ints, seed: int, rank: int
) -> tuple[Structure, OrderingFacts]:
    structure = _filled(request, kinds)
    cell = request.cell
    n_cells = round(len(request.structure) / len(cell.primitive))
    off = deviation(cell, request.counts, n_cells)
    charges = request.charges(kinds)
    return structure, OrderingFacts(
        crystal=facts.name,
        formula=structure.composition.element_composition.formula.replace(" ", ""),
        target_formula=facts.formula,
        deviation=off,
        n_atoms=len(structure),
        net_charge_e=float(charges.sum()),
        ewald_eV_per_atom=point_charge_energy(request.matrix, charges) / len(structure),
        closest_contact_A=_closest_contact(request, kinds, structure),
        seed=seed,
        rank=rank,
        oxidation_states=facts.oxidation_states or {},
        origin=facts.origin.model_copy(update={"steps": (*facts.origin.steps, *_steps(request, kinds, off, n_cells))}),
    )


def _filled(request: Request, kinds: Ints) -> Structure:
    """Return the ordered cell, atoms sorted by element, the most electropositive first."""
    species: dict[int, Species] = {k: next(iter(site.species)) for k, site in enumerate(request.structure)}
    for site, kind in zip(request.sites, kinds, strict=True):
        held_by = request.kinds[kind]
        if held_by is None:
            del species[int(site)]
        else:
            species[int(site)] = held_by
    held = sorted(species, key=lambda k: (species[k].X, k))
    structure = Structure(request.structure.lattice, [species[k] for k in held], request.structure.frac_coords[held])
    structure.properties = dict(request.structure.properties)
    return structure


def _closest_contact(request: Request, kinds: Ints, ordered: Structure) -> float:
    partly = [not request.cell.orbits[int(o)].full for o in request.orbit_of[request.sites]]
    held = request.sites[np.array(partly) & (kinds != 0)]
    lattice = ordered.lattice
    places = request.structure.frac_coords[held] if len(held) else ordered.frac_coords
    distances = lattice.get_all_distances(places, places)
    shortest_vector = float(lattice.get_lll_reduced_lattice().lengths[0])
    apart = distances[~np.eye(len(places), dtype=bool)]
    return min(shortest_vector, float(apart.min())) if len(apart) else shortest_vector


def _steps(request: Request, kinds: Ints, off: dict[str, float], n_cells: int) -> list[str]:
    steps = [f"ordered in {n_cells} primitive cells"]
    if request.mobile:
        moved = ", ".join(sorted(request.mobile))
        steps.append(f"refined occupancies cannot be realised without contacts: {moved} moved between its sites")
    steps += _occupancy_steps(request, kinds, n_cells)
    if off:
        listed = ", ".join(f"{symbol} {n:+.3f}" for symbol, n in off.items())
        steps.append(f"composition deviates by {listed} per formula unit")
    return steps


def _occupancy_steps(request: Request, kinds: Ints, n_cells: int) -> list[str]:
    steps = []
    for o in request.orbits:
        orbit = request.cell.orbits[o]
        here = kinds[request.orbit_of[request.sites] == o]
        for species, occupancy in orbit.occupancy.items():
            held = int((here == request.kinds.index(species)).sum())
            refined = occupancy * orbit.n_sites * n_cells
            if abs(held - refined) > OCCUPANCY_DIGITS * len(here):
                steps.append(f"{species.symbol} on {orbit.name}: {held} of {len(here)} sites (refined {refined:.2f})")
    return steps
