"""Crystals that several tests cut."""

import numpy as np
import pytest
from pymatgen.core import Species, Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.orderings import ordered_crystal


def lagp_ordered_at_random(seed) -> tuple[Structure, object]:
    """A neutral Li3AlGe3(PO4)6 in the rhombohedral cell: Al on one of four Ge sites, three Li that keep apart."""
    disordered, facts = load_crystal("LAGP")
    cell = disordered.get_primitive_structure()
    draw = np.random.default_rng(seed)
    holds = [{s.symbol for s in site.species} for site in cell]
    lithium = [k for k, held in enumerate(holds) if "Li" in held]
    aluminium = draw.choice([k for k, held in enumerate(holds) if "Ge" in held])
    while True:
        kept = draw.choice(lithium, 3, replace=False)
        if (cell.distance_matrix[np.ix_(kept, kept)] + 9 * np.eye(3)).min() > 2.5:
            break
    charges = {"Li": 1, "Al": 3, "Ge": 4, "P": 5, "O": -2}
    sites = []
    for k, held in enumerate(holds):
        symbol = "Ge" if "Ge" in held else min(held)
        if k in kept or symbol != "Li":
            symbol = "Al" if k == aluminium else symbol
            sites.append((Species(symbol, charges[symbol]), cell[k].frac_coords))
    species, places = zip(*sites, strict=True)
    hexagonal = np.round(disordered.lattice.matrix @ np.linalg.inv(cell.lattice.matrix), 6)
    return Structure(cell.lattice, species, places, properties={"conventional": hexagonal.tolist()}), facts


@pytest.fixture(scope="session")
def lagp():
    """Return an ordered LAGP cell of 37 atoms and the crystal's facts; hexagonal indices."""
    return lagp_ordered_at_random(0)


@pytest.fixture(scope="session", params=[0, 1, 2])
def any_lagp(request):
    """Return one of three orderings."""
    return lagp_ordered_at_random(request.param)


@pytest.fixture(scope="session")
def llzto():
    """Return an ordered LLZTO cell of 94 atoms, without symmetry, and the crystal's facts; cubic indices."""
    return ordered_crystal("LLZTO", seed=0, max_atoms=100)[:2]
