"""What a person may ask of CP2K, and what it means for given atoms: solver, smearing, k-points, spin, dipole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
import spglib
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import METAL_SPACING_PER_A, SPACING_PER_A, Option
from interlith.workflows.engines.cp2k_elements import BASES, DEFAULT_BASIS, valence_charges
from interlith.workflows.engines.electrons import Electrons
from interlith.workflows.engines.functionals import plain

Mesh = tuple[int, int, int]

NON_METALS = frozenset(
    ["H", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar", "Ge", "As", "Se", "Br", "Kr", "Te", "I"]
) | {"Xe"}
BOND_REACH = 1.25
"""Two atoms touch up to so many times the sum of their covalent radii."""
METAL_TEMPERATURE_K = 300.0
VACUUM_A = 5.0
"""A gap as wide as this between the atoms and their images is vacuum, across which one k-point is enough."""
DIPOLE_VACUUM_A = 8.0
"""CP2K refuses to correct a dipole across less."""
SYMMETRY_A = 1e-3
ORBITALS_PER_ATOM = 9
"""No fewer than the smallest basis has for valence electrons; hydrogen's and helium's are far from filled."""


class MixedBasisOptions(BaseModel):
    """Options of the engine `cp2k`; the defaults are a sound level for slabs and molecules on them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    functional: Literal["pbe", "pbesol"] = "pbe"
    basis: str = DEFAULT_BASIS
    cutoff_Ry: float = Field(default=400.0, ge=50)
    rel_cutoff_Ry: float = Field(default=40.0, ge=10)
    kpoints: str = Field(default="auto", description='"auto", a mesh "4 4 1", or a largest spacing in 1/Å "0.3"')
    charge: int = 0
    multiplicity: int | None = Field(default=None, ge=1, description="None: as low as the count of electrons allows")
    scf: Literal["auto", "ot", "diagonalisation"] = "auto"
    smearing_K: float | None = Field(default=None, ge=0, description="None: 300 K where there is a metal, else 0")
    empty_levels: int | None = Field(default=None, ge=0, description="of a smeared calculation; None: half the filled")
    dipole: Literal["auto", "on", "off"] = "auto"
    eps_scf: float = Field(default=1e-5, gt=0, le=1e-3)
    eps_default: float = Field(default=1e-10, gt=0, le=1e-6)
    restart: bool = Field(default=True, description="a relaxation's next geometry starts from the last wavefunction")

    @classmethod
    def asked(cls, options: Mapping[str, Option]) -> MixedBasisOptions:
        """Read an engine's options.

        Raises
        ------
        RequestError
            Naming the value that is not allowed.
        """
        told = dict(options)
        if "kpoints" in told:
            told["kpoints"] = str(told["kpoints"])
        if "functional" in told:
            told["functional"] = plain(str(told["functional"]))
        try:
            read = cls.model_validate(told)
        except ValidationError as error:
            fault = error.errors()[0]
            name = ".".join(str(part) for part in fault["loc"])
            raise RequestError(f"cp2k {name} = {fault['input']!r}: {fault['msg']}", "engine options") from error
        if read.basis not in BASES:
            raise RequestError(f"cp2k has no basis {read.basis!r}", "engine options", f"known: {', '.join(BASES)}")
        if read.scf == "ot" and read.smearing_K:
            raise RequestError("orbital transformation cannot smear", "engine options", "scf = diagonalisation")
        _mesh_or_spacing(read.kpoints)
        return read


@dataclass(frozen=True)
class Plan:
    """How the atoms at hand are computed.

    Attributes
    ----------
    scheme
        Orbital transformation (insulators at Γ) or diagonalisation.
    smearing_K
        Electronic temperature of Fermi and Dirac's occupations; 0 for none.
    kpoints
        Mesh of Monkhorst and Pack.
    multiplicity, polarised
        Unpaired electrons plus one; whether the spins have orbitals of their own.
    empty_levels
        Levels above the filled ones.
    dipole
        Whether the dipole of the slab is corrected.
    periodic
        False for a molecule by itself.
    """

    scheme: Literal["ot", "diagonalisation"]
    smearing_K: float
    kpoints: Mesh
    multiplicity: int
    polarised: bool
    empty_levels: int
    dipole: bool
    periodic: bool

    @property
    def gamma_only(self) -> bool:
        """Whether one real k-point is all."""
        return self.kpoints == (1, 1, 1)

    @property
    def words(self) -> str:
        """What was chosen."""
        smeared = f", smeared at {self.smearing_K:g} K" if self.smearing_K else ""
        solver = "orbital transformation" if self.scheme == "ot" else f"diagonalisation{smeared}"
        mesh = "Γ" if self.gamma_only else "{}×{}×{} k-points".format(*self.kpoints)
        return ", ".join([solver, mesh] + ["surface dipole corrected"] * self.dipole)


def plan_for(atoms: Atoms, ghosts: NDArray[np.bool_], options: MixedBasisOptions) -> Plan:
    """Return how these atoms are computed.

    Parameters
    ----------
    atoms
        Ghosts included.
    ghosts
        Shape (atoms,).
    options
        What was asked.

    Raises
    ------
    RequestError
        Where charge and multiplicity do not go with the electrons, or orbital transformation with the k-points.
    """
    where, real = atoms.get_chemical_formula(), atoms[~ghosts]
    multiplicity, electrons = _spin(real, options, where)
    metal = has_metal(real)
    mesh = _mesh(atoms, options, metal)
    if options.scf == "ot" and mesh != (1, 1, 1):
        raise RequestError(f"orbital transformation at k-points {mesh}", where, "scf = diagonalisation, or Γ alone")
    insulator = options.scf == "ot" or (options.scf == "auto" and not metal and not options.smearing_K)
    automatic = METAL_TEMPERATURE_K if metal else 0.0
    smearing = 0.0 if options.scf == "ot" else automatic if options.smearing_K is None else options.smearing_K
    filled = ceil(electrons / 2)
    empty = (max(8, ceil(filled / 2)) if options.empty_levels is None else options.empty_levels) if smearing else 0
    return Plan(
        scheme="ot" if insulator and mesh == (1, 1, 1) else "diagonalisation",
        smearing_K=smearing,
        kpoints=mesh,
        multiplicity=multiplicity,
        polarised=multiplicity > 1,
        empty_levels=empty,
        dipole=options.dipole == "on" or (options.dipole == "auto" and has_dipole(real)),
        periodic=bool(atoms.pbc.any()),
    )


def _spin(atoms: Atoms, options: MixedBasisOptions, where: str) -> tuple[int, int]:
    """Return the multiplicity and the number of electrons."""
    valence = int(valence_charges(atoms.symbols).sum())
    electrons = valence - options.charge
    if electrons < 1:
        raise RequestError(f"charge {options.charge:+d} leaves {electrons} valence electrons", where, "give another")
    asked = Electrons(options.charge, options.multiplicity)
    return asked.multiplicity_of(valence, ORBITALS_PER_ATOM * len(atoms), where, "valence electrons"), electrons


def has_metal(atoms: Atoms) -> bool:
    """Whether an atom of a metal touches metals and no non-metal: the inside of a metal, not a cation."""
    from ase.neighborlist import neighbor_list

    known = np.array([symbol not in NON_METALS for symbol in chemical_symbols])
    metallic = known[atoms.numbers]
    if not metallic.any():
        return False
    first, second, distances = neighbor_list("ijd", atoms, 2 * BOND_REACH * covalent_radii[atoms.numbers].max())
    radii = covalent_radii[atoms.numbers]
    touch = distances < BOND_REACH * (radii[first] + radii[second])
    first, second = first[touch], second[touch]
    beside_metal = np.bincount(first[metallic[second]], minlength=len(atoms)) > 0
    beside_other = np.bincount(first[~metallic[second]], minlength=len(atoms)) > 0
    return bool((metallic & beside_metal & ~beside_other).any())


def has_dipole(atoms: Atoms) -> bool:
    """Whether periodic atoms have vacuum along c, along z, and no operation that turns their faces into each other.

    Vacuum along a or b too makes them a molecule, whose dipole has no surface.
    """
    upright = np.allclose(atoms.cell.array[2, :2], 0, atol=1e-6) and np.allclose(atoms.cell.array[:2, 2], 0, atol=1e-6)
    if not atoms.pbc.all() or not upright or _gap(atoms, 2) < DIPOLE_VACUUM_A:
        return False
    if _gap(atoms, 0) >= VACUUM_A and _gap(atoms, 1) >= VACUUM_A:
        return False
    found = spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), SYMMETRY_A)
    return found is None or not (found.rotations[:, 2, 2] == -1).any()


def below_vacuum(atoms: Atoms) -> float:
    """Return how far atoms must be raised for their vacuum to begin at two thirds of it above the cell's floor, Å.

    A correction of the dipole stands in the middle of the vacuum, which must not be the cell's edge.
    """
    places = np.sort(atoms.get_scaled_positions()[:, 2])
    gaps = np.diff(places, append=places[0] + 1.0)
    top = int(np.argmax(gaps))
    lowest = places[(top + 1) % len(places)]
    return float((gaps[top] / 3 - lowest) * atoms.cell.array[2, 2])


def _gap(atoms: Atoms, axis: int) -> float:
    """Return the widest gap between the atoms' planes across an axis, Å."""
    height = abs(atoms.cell.volume) / np.linalg.norm(np.cross(*np.delete(atoms.cell.array, axis, axis=0)))
    places = np.sort(atoms.get_scaled_positions()[:, axis])
    return float(np.diff(places, append=places[0] + 1.0).max() * height)


def _mesh_or_spacing(text: str) -> Mesh | float | None:
    words = text.split()
    if words == ["auto"]:
        return None
    if len(words) == 3 and all(re.fullmatch(r"[1-9]\d?", word) for word in words):
        return int(words[0]), int(words[1]), int(words[2])
    if len(words) == 1 and re.fullmatch(r"\d*\.\d+", words[0]) and float(words[0]) > 0:
        return float(words[0])
    raise RequestError(f"k-points {text!r}", "engine options", 'give "auto", a mesh "4 4 1" or a spacing in 1/Å "0.3"')


def _mesh(atoms: Atoms, options: MixedBasisOptions, metal: bool) -> Mesh:
    asked = _mesh_or_spacing(options.kpoints)
    if isinstance(asked, tuple):
        return asked
    spacing = asked or (METAL_SPACING_PER_A if metal else SPACING_PER_A)
    if not atoms.pbc.any():
        return 1, 1, 1
    lengths = 2 * np.pi * np.linalg.norm(atoms.cell.reciprocal().array, axis=1)
    a, b, c = (
        1 if _gap(atoms, axis) >= VACUUM_A else max(1, ceil(length / spacing - 1e-6))
        for axis, length in enumerate(lengths)
    )
    return a, b, c
