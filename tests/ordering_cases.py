"""The cells in which orderings are judged: built-in crystals at occupancies that give whole numbers of atoms.

The lowest energies, in eV/atom, were found for this project by separate programs. LAGP: every ordering (132, and 2.1e9
with one Al fixed by symmetry). LLZTO: replica exchange, 40 of 40 long runs, nothing lower by other means; not proven.
"""

from dataclasses import dataclass

from pymatgen.core import Structure

from interlith.structures.crystals import load_crystal
from interlith.structures.records import CrystalFacts


@dataclass(frozen=True)
class Case:
    crystal: str
    atoms: int
    lowest_eV_per_atom: float
    formula: str


CASES = {
    "LAGP-37": Case("LAGP", 37, -53.340729, "Li3Al1Ge3P6O24"),
    "LAGP-111": Case("LAGP", 111, -53.365667, "Li9Al3Ge9P18O72"),
    "LLZTO-94": Case("LLZTO", 94, -26.827118, "Li26La12Zr6Ta2O48"),
    "LLZTO-188": Case("LLZTO", 188, -26.827118, "Li52La24Zr12Ta4O96"),
}
# {(element, occupancy in the file): occupancy}: Li 6b and 36f; Li 24d and 96h, Zr and Ta 16a.
OCCUPANCIES = {
    "LAGP": {("Li", 0.65): 1 / 2, ("Li", 0.142): 1 / 6},
    "LLZTO": {("Li", 0.4): 1 / 2, ("Li", 0.433): 5 / 12, ("Zr", 0.7): 3 / 4, ("Ta", 0.3): 1 / 4},
}


def with_occupancies(structure: Structure, changes: dict[tuple[str, float], float]) -> Structure:
    """Return the same sites with other occupancies."""
    species = [{s: changes.get((s.symbol, round(n, 3)), n) for s, n in site.species.items()} for site in structure]
    return Structure(structure.lattice, species, structure.frac_coords)


def disordered(case: Case) -> tuple[Structure, CrystalFacts]:
    """Return the disordered crystal of a case."""
    structure, facts = load_crystal(case.crystal)
    return with_occupancies(structure, OCCUPANCIES[case.crystal]), facts
