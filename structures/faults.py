"""What is wrong with a crystal as it was read: each check returns its faults in words, with the offending values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import spglib
from ase.data import covalent_radii
from pymatgen.core import Composition, DummySpecies, Structure

# Solid hydrogen (0.09) aside, no crystal is lighter than lithium (0.53) by much, nor denser than osmium (22.6).
DENSITIES_g_cm3 = (0.4, 25.0)
# Caesium metal takes 115 Å³ an atom; more means that atoms are missing.
LARGEST_VOLUME_PER_ATOM_A3 = 130.0
# Shortest believable distance in units of the sum of covalent radii; uranyl has 0.67, a triple N≡N bond 0.77.
SHORTEST_UNLIKE, SHORTEST_LIKE = 0.60, 0.65
# Two alkali or alkaline-earth ions in Å: beryllium metal has 2.22, Li2O 2.31, split Li sites of NASICON 2.07 and 2.16.
SHORTEST_IONS_A = 2.2
FULL = 0.999


def unnamed_elements(structure: Structure) -> list[str]:
    """Return the faults of sites that hold no element (pymatgen reads `X` or `M` as a dummy)."""
    dummies = sorted({str(s) for s in structure.composition if isinstance(s, DummySpecies)})
    return [f"{', '.join(dummies)} is no element"] if dummies else []


def implausible_density(structure: Structure) -> list[str]:
    """Return the fault of a density (g/cm³) or a volume per atom (Å³) that no crystal has."""
    density = float(structure.density)
    volume = float(structure.volume / structure.composition.num_atoms)
    lightest, heaviest = DENSITIES_g_cm3
    if lightest <= density <= heaviest and volume <= LARGEST_VOLUME_PER_ATOM_A3:
        return []
    return [f"implausible density {density:.3f} g/cm³ ({volume:.0f} Å³ per atom)"]


def overlaps(structure: Structure) -> list[str]:
    """Return the fault of atoms that lie on each other: fully occupied sites only.

    Split sites that share one atom are partly occupied and may be as close as they like.
    """
    full = [site.species.num_atoms > FULL for site in structure]
    close = sorted((d, i, j) for i, j, d in _close_pairs(structure) if full[i] and full[j])
    if not close:
        return []
    distance, i, j = close[0]
    first, second = (f"{_symbol(structure, k)} {k}" for k in (i, j))
    return [f"overlapping atoms: {first} and {second} are {distance:.2f} Å apart ({len(close)} such pairs)"]


def exclusive_pairs(structure: Structure) -> set[tuple[int, int]]:
    """Return the pairs of sites, lower index first, that no two atoms can hold at the same time."""
    return {(i, j) for i, j, _ in _close_pairs(structure) if i != j}


def bare_carbon(structure: Structure) -> list[str]:
    """Return the fault of carbon with two neighbours at single-bond distances: its hydrogens are missing.

    A C-C bond longer than 1.45 Å is single, and carbon with single bonds only has four.
    """
    if not structure.is_ordered or not any(_symbol(structure, k) == "C" for k in range(len(structure))):
        return []
    bonds = _carbon_bonds(structure)
    bare = [k for k, lengths in bonds.items() if 0 < len(lengths) <= 2 and min(lengths) > 1.45]
    return [f"{len(bare)} carbon atoms with two single bonds (C {bare[0]}): hydrogen is missing"] if bare else []


def other_formula(structure: Structure, header: str | None) -> list[str]:
    """Return the fault of a file whose header gives another composition than its atoms (over 1 % of the atoms)."""
    declared = _composition(header)
    if declared is None:
        return []
    read, said = (c.element_composition.fractional_composition for c in (structure.composition, declared))
    if max(abs(read[e] - said[e]) for e in {*read, *said}) <= 0.01:
        return []
    lost = " or ".join(lost_space_groups(structure, declared))
    hint = f" (space group {lost} would give it: was the symmetry lost?)" if lost else ""
    formulas = f"{declared.reduced_formula}, its atoms make {structure.composition.element_composition.reduced_formula}"
    return [f"the file's formula says {formulas}{hint}"]


def lost_space_groups(structure: Structure, declared: Composition) -> list[str]:
    """Return the space groups that turn the sites, taken as an asymmetric unit, into the declared composition.

    Of those that the cell's metric allows, the ones of highest order.

    Parameters
    ----------
    declared
        Of the whole cell; a file that gives the formula unit only finds none.
    """
    metric = structure.lattice.matrix @ structure.lattice.matrix.T
    orders: dict[str, int] = {}
    for hall_number in range(2, 531):
        symmetry = spglib.get_symmetry_from_database(hall_number)
        keeps_metric = np.allclose(np.swapaxes(symmetry["rotations"], 1, 2) @ metric @ symmetry["rotations"], metric)
        if keeps_metric and _generates(symmetry, structure, declared):
            orders[spglib.get_spacegroup_type(hall_number).international_short] = len(symmetry["rotations"])
    return sorted(symbol for symbol, order in orders.items() if order == max(orders.values()))


def _generates(symmetry: dict[str, np.ndarray], structure: Structure, declared: Composition) -> bool:
    amounts: dict[str, int] = {}
    for k, site in enumerate(structure):
        images = symmetry["rotations"] @ site.frac_coords + symmetry["translations"]
        distinct = np.unique(np.round(images % 1.0, 3) % 1.0, axis=0)
        amounts[_symbol(structure, k)] = amounts.get(_symbol(structure, k), 0) + len(distinct)
    return all(abs(declared[symbol] - n) < 0.5 for symbol, n in amounts.items())


def _composition(header: str | None) -> Composition | None:
    if not header or header.strip("'\" ") in {"?", "."}:
        return None
    try:
        return Composition(header.strip("'\" "))
    except (ValueError, KeyError):
        return None  # a header that is no formula says nothing about the atoms


def _symbol(structure: Structure, k: int) -> str:
    return str(max(structure[k].species.items(), key=lambda item: item[1])[0].symbol)


def _close_pairs(structure: Structure) -> Iterator[tuple[int, int, float]]:
    elements = [max(site.species.items(), key=lambda item: item[1])[0] for site in structure]
    radii = np.array([covalent_radii[e.Z] for e in elements])
    ions = [e.is_alkali or e.is_alkaline for e in elements]
    reach = max(2 * float(radii.max()) * SHORTEST_LIKE, SHORTEST_IONS_A)
    for i, j, _, distance in zip(*structure.get_neighbor_list(reach), strict=True):
        like = elements[i].symbol == elements[j].symbol
        shortest = (SHORTEST_LIKE if like else SHORTEST_UNLIKE) * (radii[i] + radii[j])
        if i <= j and distance < max(shortest, SHORTEST_IONS_A * (ions[i] and ions[j])):
            yield int(i), int(j), float(distance)


def _carbon_bonds(structure: Structure) -> dict[int, list[float]]:
    bonds: dict[int, list[float]] = {k: [] for k in range(len(structure)) if _symbol(structure, k) == "C"}
    radii = [covalent_radii[site.specie.Z] for site in structure]
    for i, j, _, distance in zip(*structure.get_neighbor_list(2.2), strict=True):
        if i in bonds and distance < 1.25 * (radii[i] + radii[j]):
            bonds[int(i)].append(float(distance))
    return bonds
