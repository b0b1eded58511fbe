"""Bulk crystals as jobs pass them on: ordered, as text, with the facts that cutting a slab needs."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from pydantic import Field
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from interlith.structures.crystals import load_crystal
from interlith.structures.disorder import choose_size, disordered_cell
from interlith.structures.geometry import from_text, to_text
from interlith.structures.orderings import ordered_crystal
from interlith.structures.records import CrystalFacts, OrderingFacts, Record, SideRecipe
from interlith.structures.slabs import cut_slab


class OrderedCrystal(Record):
    """An ordered cell of a crystal."""

    xyz: str = Field(description="extended XYZ, in the cell that Miller indices refer to")
    facts: CrystalFacts
    ordering: OrderingFacts | None = Field(description="None for a crystal that is ordered as it is")
    conventional: tuple[tuple[float, float, float], ...] | None = Field(
        default=None, description="rows: conventional vectors in multiples of the cell's (see structures.faces)"
    )

    def structure(self, xyz: str | None = None) -> Structure:
        """Return the crystal as a pymatgen structure, charges on its species where they are known.

        Parameters
        ----------
        xyz
            A relaxed geometry of it; by default its own.
        """
        structure = as_structure(from_text(xyz or self.xyz))
        states = self.ordering.oxidation_states if self.ordering else self.facts.oxidation_states
        if states:
            structure.add_oxidation_state_by_element(states)
        if self.conventional:
            structure.properties["conventional"] = np.array(self.conventional)
        return structure


def elements(side: SideRecipe) -> frozenset[str]:
    """Return the chemical symbols of a side's crystal, which can be cut as it is or, if disordered, ordered.

    Raises
    ------
    RequestError
        If its file is no crystal, a disordered one has no charges or no neutral cell of the size allowed, or an
        ordered one has no such cut.
    """
    structure, facts = load_crystal(side.crystal)
    if structure.is_ordered:
        cut_slab(structure, facts, side, vacuum_A=0.0)
    else:
        choose_size(disordered_cell(structure), side.ordering_atoms)
    return frozenset(element.symbol for element in structure.composition.element_composition)


def as_structure(atoms: Atoms) -> Structure:
    """Return periodic atoms as a pymatgen structure of elements and positions alone."""
    return AseAtomsAdaptor.get_structure(Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True))


def ordered(side: SideRecipe) -> OrderedCrystal:
    """Return the ordered cell of a side's crystal, by its seed and largest size."""
    structure, facts, ordering = ordered_crystal(
        side.crystal, seed=side.ordering_seed, max_atoms=side.ordering_atoms, rank=side.ordering_rank
    )
    plain = structure.copy()
    plain.remove_oxidation_states()
    atoms = Atoms([site.specie.symbol for site in plain], plain.cart_coords, cell=plain.lattice.matrix, pbc=True)
    conventional = structure.properties.get("conventional")
    rows = None if conventional is None else tuple(tuple(float(x) for x in row) for row in np.array(conventional))
    return OrderedCrystal(xyz=to_text(atoms), facts=facts, ordering=ordering, conventional=rows)
