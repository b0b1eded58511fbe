"""Slabs and molecules small enough to see through, for what puts one on the other."""

import numpy as np
from ase import Atoms
from ase.build import fcc100, fcc111, molecule

from interlith.structures.geometry import to_text
from interlith.structures.records import AdlayerRecipe, MoleculeFacts, MoleculeModel, MoleculeRecipe, Origin, SideRecipe

ORIGIN = Origin(source="by hand", sha256="0" * 64)


def slab_of(build, symbol, size=(1, 1, 3), **more) -> Atoms:
    """A slab of ASE's, periodic in all directions, in the middle of 15 Å of vacuum."""
    return build(symbol, size, vacuum=7.5, periodic=True, **more)


def rough_slab() -> Atoms:
    """A surface cell without symmetry: Cu(111), every atom moved, one adatom."""
    slab = slab_of(fcc111, "Cu", (2, 2, 3), orthogonal=False)
    slab.positions += np.random.default_rng(4).uniform(-0.2, 0.2, slab.positions.shape)
    return slab + Atoms("O", [slab.positions[-1] + [0.4, 0.3, 1.5]])


SLABS = {"square": slab_of(fcc100, "Al"), "hexagonal": slab_of(fcc111, "Cu"), "rough": rough_slab()}
ETHER = molecule("CH3CH2OCH3")
"""Twelve atoms, three different moments, a mirror plane."""
PEROXIDE = Atoms("HOOF", [[0.95, 0.3, 0.8], [0.0, 0.7, 0.0], [0.0, -0.7, 0.0], [-0.9, -1.1, 0.7]])
"""Four different surroundings: no symmetry at all."""


def twisted(atoms) -> Atoms:
    """Another conformer, which no rotation brings back."""
    other = atoms.copy()
    other.positions += np.random.default_rng(1).uniform(-0.3, 0.3, other.positions.shape)
    return other


def model_of(atoms, name="M", conformer=0) -> MoleculeModel:
    facts = MoleculeFacts(
        name=name, smiles="", formula=atoms.get_chemical_formula(), n_atoms=len(atoms), charge_e=0,
        conformer=conformer, bonds=(), origin=ORIGIN,
    )  # fmt: skip
    return MoleculeModel(name=name, xyz=to_text(Atoms(atoms.numbers, atoms.positions)), facts=facts)


def recipe_of(**more) -> AdlayerRecipe:
    sides = {"side_a": SideRecipe(crystal="Al", miller=(1, 0, 0)), "side_b": MoleculeRecipe(molecule="COCC")}
    return AdlayerRecipe(**sides, **more)
