"""Who is covalently bonded to whom in molecules and polymers, and whether each atom has its valence.

Two ways, by what is known. With bond orders (a molecule that interlith built) the sum of orders of each atom must be
one of its valences, and the formal charges that follow must make the molecule's. With a geometry only (a person's
file) orders follow from lengths, n = exp((r_i + r_j - d) / 0.308 Å) (Pauling, 10.1021/ja01195a024), and only what both
lengths and angles say is missing counts as missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.neighborlist import primitive_neighbor_list
from numpy.typing import NDArray

from interlith.structures.bonds import NONMETALS, Bonds, Unit, bonds, covalent_units
from interlith.structures.distances import longest_bonds
from interlith.structures.findings import Finding, named
from interlith.structures.oxidation import USUAL_STATES

Orders = Iterable[tuple[int, int, float]]

VALENCES: dict[str, dict[int, int]] = {
    "H": {1: 0, 0: 1},
    "B": {3: 0, 4: -1},
    "C": {4: 0},
    "N": {3: 0, 4: 1, 2: -1},
    "O": {2: 0, 1: -1, 3: 1},
    "Si": {4: 0},
    "P": {3: 0, 5: 0, 4: 1, 6: -1},
    "S": {2: 0, 4: 0, 6: 0, 1: -1, 3: 1},
    "F": {1: 0, 0: -1},
    **{halogen: {1: 0, 0: -1, 3: 0, 4: 3, 5: 0, 7: 0} for halogen in ("Cl", "Br", "I")},
}
"""Sum of bond orders → formal charge (e)."""
ALSO = {("H", 0): -1, ("Cl", 2): 1, ("Br", 2): 1, ("I", 2): 1, ("Cl", 3): 2, ("Br", 3): 2, ("I", 3): 2}
"""Other charges: hydride, and oxoanions of halogens as RDKit writes them, each oxygen single and negative."""
CENTRES = {"C": 4, "Si": 4, "P": 3}
"""Elements that may lack one bond of so many and carry a charge instead: carbanions, carbocations."""
MOST_NEIGHBOURS = {"H": 1, "F": 1, "Cl": 1, "Br": 1, "I": 1, "O": 2, "N": 4, "C": 4}
WIDEST = 1.5
"""Times the covalent radii: no limit of :func:`structures.distances.longest_bonds` is above it (H-H: 1.45)."""
PAULING_A = 0.308
PLANAR_DEG, LINEAR_DEG = 345.0, 155.0
"""Three bonds in a plane have angles that sum to 360° (a corner of a tetrahedron: 328°)."""
TOUCHING, BOUND_TO_METAL = 1.35, 1.15
"""An atom farther than this times the covalent radii from everything touches nothing (Li-O: 2.62 Å)."""
LOST = "was an atom lost? add what is missing"


def covalent_bonds(atoms: Atoms) -> Bonds:
    """Return the bonds between non-metals: those of molecules, polymers and polyanions, never Li-O or metal contacts.

    Parameters
    ----------
    atoms
        Å; periodic directions are honoured.
    """
    nonmetals = np.flatnonzero([symbol in NONMETALS for symbol in atoms.symbols])
    found = bonds(atoms[nonmetals], scale=WIDEST)
    numbers, kind = np.unique(atoms.numbers, return_inverse=True)
    i, j = nonmetals[found.i], nonmetals[found.j]
    whole = Bonds(i, j, found.distance, found.offset)
    return whole.where(found.distance < longest_bonds(numbers)[kind[i], kind[j]])


def wrong_orders(atoms: Atoms, orders: Orders, members: Sequence[int] | None = None) -> list[Finding]:
    """Return the atoms whose bond orders sum to no valence of their element.

    Parameters
    ----------
    atoms
        Å.
    orders
        Atom, atom, order (1.5: aromatic); bonds to metals are ionic and do not count.
    members
        Indices that the orders' 0, 1, 2 ... stand for; None: the model's own.
    """
    members = range(len(atoms)) if members is None else members
    symbols = [atoms.symbols[i] for i in members]
    found, spared = [], _triple_ends(symbols, orders := list(orders))
    for k, total in enumerate(order_sums(symbols, orders)):
        if k not in spared and symbols[k] in VALENCES and not possible_charges(symbols[k], total):
            allowed = ", ".join(str(v) for v in sorted(VALENCES[symbols[k]]))
            told = f"atom {named(atoms, [members[k]])} has bond orders that sum to {total:g}, not {allowed}"
            found.append(Finding("valence", told, LOST, (int(members[k]),)))
    return found


def order_sums(symbols: Sequence[str], orders: Orders) -> NDArray[np.float64]:
    """Return the sum of bond orders of each atom, shape (n,), bonds to metals left out."""
    sums = np.zeros(len(symbols))
    for i, j, order in orders:
        if symbols[i] in NONMETALS and symbols[j] in NONMETALS:
            sums[[i, j]] += order
    return sums


def possible_charges(symbol: str, total: float) -> set[int]:
    """Return the formal charges (e) that an element may have with a sum of bond orders; empty: not a valence.

    Aromatic orders of 1.5 are no exact sums: both neighbours of a half count, and a nitrogen, oxygen or sulphur in a
    ring that lends its lone pair (pyrrole: 4) stays neutral.

    Examples
    --------
    >>> possible_charges("N", 2.0), possible_charges("C", 3.0), sorted(possible_charges("Cu", 0))
    ({-1}, set(), [1, 2])
    """
    if symbol not in VALENCES:
        return set(USUAL_STATES.get(symbol, (0,)))
    near = {int(np.floor(total + 0.01)), int(np.ceil(total - 0.01))}
    charges = {VALENCES[symbol][v] for v in near if v in VALENCES[symbol]}
    charges |= {ALSO[symbol, v] for v in near if (symbol, v) in ALSO}
    aromatic_lender = symbol in {"N", "O", "S"} and round(total) == {"N": 4, "O": 3, "S": 3}[symbol]
    return charges | ({0} if aromatic_lender else set())


def _triple_ends(symbols: Sequence[str], orders: Orders) -> set[int]:
    """Return the carbons whose one bond is a triple one, and which have a lone pair and -1 e: CO, CN-, isonitriles."""
    own: dict[int, list[float]] = {}
    for i, j, order in orders:
        for k in (i, j):
            own.setdefault(k, []).append(order)
    return {k for k, held in own.items() if symbols[k] == "C" and held == [3.0]}


def total_charges(symbols: Sequence[str], orders: Orders) -> set[int]:
    """Return every charge (e) that the formal charges of a molecule's atoms can sum to."""
    totals, anions = {0}, _triple_ends(symbols, orders := list(orders))
    for k, (symbol, total) in enumerate(zip(symbols, order_sums(symbols, orders), strict=True)):
        choices = {-1} if k in anions else possible_charges(symbol, float(total)) or {0}
        totals = {t + c for t in totals for c in choices}
    return totals


def charged_centres(symbols: Sequence[str], orders: Orders, charge: int, unpaired: int = 0) -> set[int]:
    """Return the atoms that lack a bond because they carry the molecule's charge: of carbanions, carbocations.

    They all have one sign, and there are as many as the charge asks for that the other atoms do not carry; so a
    hydrogen that was lost is no carbanion. A ring system of an odd number of aromatic carbons (cyclopentadienide,
    tropylium) is one such centre, though no atom of it lacks a bond.

    Parameters
    ----------
    symbols, orders
        The molecule's elements, and bonds: atom, atom, order.
    charge
        Of the molecule, e.
    unpaired
        Electrons: as many more atoms may lack a bond.
    """
    sums = order_sums(symbols, orders := list(orders))
    spared = _triple_ends(symbols, orders)
    lacking = {k for k, s in enumerate(symbols) if k not in spared and CENTRES.get(s) == sums[k] + 1}
    rings = _odd_aromatics(symbols, orders)
    wanted = {abs(charge - total) for total in total_charges(symbols, orders)} - {0}
    fits = any(n <= len(lacking) + len(rings) <= n + unpaired for n in wanted)
    return lacking | rings if fits else set()


def _odd_aromatics(symbols: Sequence[str], orders: Sequence[tuple[int, int, float]]) -> set[int]:
    """Return one atom of each system of aromatic bonds that holds carbon only, an odd number of atoms."""
    home = {k: {k} for i, j, order in orders if order == 1.5 for k in (i, j)}
    for i, j, order in orders:
        if order == 1.5 and home[i] is not home[j]:
            whole = home[i] | home[j]
            home.update(dict.fromkeys(whole, whole))
    systems = {min(members): members for members in home.values()}
    return {k for k, held in systems.items() if len(held) % 2 and all(symbols[m] == "C" for m in held)}


def missing_neighbours(atoms: Atoms, found: Bonds) -> list[Finding]:
    """Return the atoms of organic units with too many or too few neighbours, from the geometry alone.

    An organic unit is a molecule or a chain that holds carbon and another non-metal; layers and frameworks (graphite,
    carbon nitride) are let be, and so is an atom that a metal touches: it may have given up its hydrogen for it.

    Parameters
    ----------
    found
        Covalent bonds (:func:`covalent_bonds`).
    """
    organic = _organic(atoms, found)
    if not organic.any():
        return _lonely(atoms, found)
    arms = _arms(atoms, found)
    held = _near_metal(atoms)
    faults = []
    for i in np.flatnonzero(organic):
        what = _too_many(atoms, int(i), arms[i]) or ("" if held[i] else _too_few(atoms, int(i), arms[i]))
        if what:
            faults.append(Finding("valence", f"atom {named(atoms, [i])} {what}", LOST, (int(i),)))
    return faults + _lonely(atoms, found)


def molecular(atoms: Atoms, found: Bonds) -> NDArray[np.bool_]:
    """Return which atoms belong to molecules or chains rather than to layers or frameworks, shape (n,).

    Parameters
    ----------
    found
        Covalent bonds.
    """
    mask = np.zeros(len(atoms), dtype=bool)
    for unit in _slender(atoms, found):
        mask[list(unit.atoms)] = True
    return mask


Arm = tuple[int, NDArray[np.float64]]


def _arms(atoms: Atoms, found: Bonds) -> list[list[Arm]]:
    """Return the neighbours of each atom and the vectors to them, Å."""
    arms: list[list[Arm]] = [[] for _ in range(len(atoms))]
    cell = atoms.cell.complete().array
    for i, j, offset in zip(*found.both_ways(), strict=True):
        arms[i].append((int(j), atoms.positions[j] + offset @ cell - atoms.positions[i]))
    return arms


def _organic(atoms: Atoms, found: Bonds) -> NDArray[np.bool_]:
    """Return which atoms belong to an organic molecule or chain."""
    mask = np.zeros(len(atoms), dtype=bool)
    for unit in _slender(atoms, found):
        held = {atoms.symbols[k] for k in unit.atoms}
        mask[list(unit.atoms)] = "C" in held and len(held) > 1
    return mask


def _slender(atoms: Atoms, found: Bonds) -> list[Unit]:
    """Return the covalent units that repeat along one direction at most."""
    return [unit for unit in covalent_units(atoms, found) if np.linalg.matrix_rank(unit.loops) < 2]


def _too_many(atoms: Atoms, i: int, arms: list[Arm]) -> str:
    """Return what is wrong with an atom of more neighbours than its valence; hydronium is none."""
    most = MOST_NEIGHBOURS.get(atoms.symbols[i], 6)
    if len(arms) <= most or (atoms.symbols[i] == "O" and all(atoms.symbols[j] == "H" for j, _ in arms)):
        return ""
    return f"has {len(arms)} neighbours ({named(atoms, [j for j, _ in arms], 6)}), at most {most} are possible"


def _too_few(atoms: Atoms, i: int, arms: list[Arm]) -> str:
    """Return what is wrong with a carbon, nitrogen or oxygen whose bonds are too few, too long and bent."""
    order = sum(_order(atoms.numbers[i], atoms.numbers[j], float(np.linalg.norm(v))) for j, v in arms)
    simple = all(atoms.symbols[j] in {"C", "H"} for j, _ in arms)
    least = {
        ("C", 3): 3.5, ("C", 2): 3.4, ("C", 1): 2.2, ("N", 2): 2.5, ("N", 1): 2.0, ("O", 1): 1.15,
    }.get((atoms.symbols[i], len(arms)))  # fmt: skip
    unsaturated = least is None or order >= least or _flat([v for _, v in arms])
    if unsaturated or not (simple or atoms.symbols[i] == "C"):
        return ""
    return f"has {len(arms)} single bonds only ({named(atoms, [j for j, _ in arms], 6)})"


def _order(first: int, second: int, distance: float) -> float:
    """Return Pauling's bond order."""
    return float(np.exp((covalent_radii[first] + covalent_radii[second] - distance) / PAULING_A))


def _flat(arms: list[NDArray[np.float64]]) -> bool:
    """Return whether three bonds lie in a plane, or two on a line."""
    if len(arms) not in {2, 3}:
        return False
    units = np.array([v / np.linalg.norm(v) for v in arms])
    cosines = (units @ units.T)[np.triu_indices(len(arms), 1)]
    total = float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).sum())
    return total > (LINEAR_DEG if len(arms) == 2 else PLANAR_DEG)


def _lonely(atoms: Atoms, found: Bonds) -> list[Finding]:
    """Return hydrogen, carbon, nitrogen, oxygen and fluorine atoms that touch nothing."""
    bare = np.isin(atoms.numbers, [1, 6, 7, 8, 9])
    bare[np.concatenate([found.i, found.j])] = False
    if bare.any() and len(atoms) > 1:
        bare &= ~_touched(atoms)
    if len(atoms) == 1:
        return []
    alone = np.flatnonzero(bare)
    return [Finding("valence", f"atom {named(atoms, [i])} touches no other atom", LOST, (int(i),)) for i in alone]


def _near_metal(atoms: Atoms) -> NDArray[np.bool_]:
    """Return which atoms a metal touches: for carbon only at the distance of a bond."""
    carbon = atoms.numbers == 6
    return np.where(carbon, _touched(atoms, BOUND_TO_METAL, metal_only=True), _touched(atoms, metal_only=True))


def _touched(atoms: Atoms, within: float = TOUCHING, *, metal_only: bool = False) -> NDArray[np.bool_]:
    """Return which atoms are nearer to another than some multiple of their covalent radii."""
    metal = np.array([chemical_symbols[z] not in NONMETALS for z in atoms.numbers])
    touched = np.zeros(len(atoms), dtype=bool)
    reach = 2 * within * float(covalent_radii[atoms.numbers].max())
    i, j, d = primitive_neighbor_list("ijd", atoms.pbc, atoms.cell.complete(), atoms.positions, reach)
    near = d < within * (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
    touched[i[near & metal[j]] if metal_only else i[near]] = True
    return touched
