"""Facts of geometry: what was built, from what, and how. Å, Å², degrees, e; no energies."""

from __future__ import annotations

from typing import Literal

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from interlith.structures.geometry import digest, from_text

Miller = tuple[int, int, int]
Integers2x2 = tuple[tuple[int, int], tuple[int, int]]


class Record(BaseModel):
    """A typed result document: frozen, nothing unknown, its schema named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1


class Origin(Record):
    """Where a structure came from and what was done to it."""

    source: str = Field(description="library name, file name, or the crystal it was cut from")
    sha256: str = Field(description="of the source's text")
    steps: tuple[str, ...] = Field(default=(), description="what was done, in order, in words")

    def then(self, step: str) -> Origin:
        """Return this origin with one more step."""
        return self.model_copy(update={"steps": (*self.steps, step)})


class CrystalFacts(Record):
    """A bulk material as read: its composition, symmetry, and whether it is ordered."""

    name: str
    formula: str = Field(description="reduced formula, fractional where the crystal is disordered")
    n_sites: int
    space_group: str = Field(description="Hermann-Mauguin symbol at 0.01 Å")
    density_g_cm3: float
    ordered: bool
    oxidation_states: dict[str, float] | None = Field(description="per element; None for a metal or where unknown")
    origin: Origin


class OrderingFacts(Record):
    """One charge-neutral ordered cell drawn from a disordered crystal."""

    crystal: str
    formula: str = Field(description="of the whole ordered cell")
    target_formula: str = Field(description="the disordered crystal's reduced formula")
    deviation: dict[str, float] = Field(description="atoms per formula unit, ordered minus target; zeros left out")
    n_atoms: int
    net_charge_e: float
    ewald_eV_per_atom: float = Field(description="point-charge score, never an energy of an engine")
    closest_contact_A: float = Field(
        description="shortest distance between atoms on sites that the crystal leaves partly empty, images included; "
        "between any atoms where it leaves none"
    )
    seed: int
    rank: int = Field(description="0 is the lowest Ewald energy found")
    oxidation_states: dict[str, float]
    origin: Origin


class SlabFacts(Record):
    """A cut crystal."""

    crystal: str
    miller: Miller
    termination: int = Field(description="index in the list of distinct terminations of this cut")
    termination_label: str = Field(description="outermost planes of the two faces, for people; never a key")
    formula: str
    n_atoms: int
    thickness_A: float
    n_layers: int
    vacuum_A: float
    area_A2: float
    tasker: Literal[1, 2, 3] | None = Field(description="Tasker type of the cut; None without oxidation states")
    dipole_eA: float | None = Field(description="ionic point-charge dipole along the normal, e Å per surface cell")
    symmetric: bool = Field(description="both faces equivalent by a symmetry of the slab")
    stoichiometric: bool
    broken_bonds: dict[str, int] = Field(description="bonds cut on both faces, per surface cell, e.g. {'Ge-O': 12}")
    undercoordinated: dict[str, int] = Field(
        default_factory=dict, description="cations with fewer bonds than in the bulk, both faces, e.g. {'La': 10}"
    )
    origin: Origin


class MatchFacts(Record):
    """A pair of supercells: which, how strained, how twisted."""

    cells_a: Integers2x2 = Field(description="rows: common in-plane vectors in multiples of side A's surface vectors")
    cells_b: Integers2x2
    area_A2: float
    strain_a: tuple[float, float] = Field(description="principal strains of side A, fractions, largest magnitude first")
    strain_b: tuple[float, float]
    twist_deg: float = Field(description="rotation of B's first surface vector against A's")
    strain_rule: str = Field(description="how the misfit was shared, in words")

    @property
    def max_strain(self) -> float:
        """Largest principal strain of either side, a fraction."""
        return max(abs(s) for s in (*self.strain_a, *self.strain_b))


class SideRecipe(Record):
    """What a person may say of one side."""

    crystal: str = Field(description="library name or path of a CIF, POSCAR or extxyz file")
    miller: Miller
    termination: int | None = Field(default=None, description="None: the one that breaks fewest covalent bonds")
    thickness_A: float = Field(default=10.0, gt=0)
    layers: int | None = Field(default=None, ge=1, description="instead of thickness_A")
    reconstruct: bool = Field(default=False, description="allow a polar cut to be reconstructed")
    ordering_seed: int = Field(default=0, ge=0)
    ordering_rank: int = Field(default=0, ge=0, description="which of the distinct orderings, 0 the lowest in energy")
    ordering_atoms: int = Field(default=200, ge=1, description="largest ordered cell, atoms")
    stiffness_GPa: float | None = Field(default=None, gt=0, description="biaxial; decides who is strained")

    @field_validator("miller")
    @classmethod
    def _names_a_face(cls, miller: Miller) -> Miller:
        if not any(miller):
            raise ValueError("indices that are all 0 name no face")
        return miller


class InterfaceRecipe(Record):
    """What a person may say of the geometry of an interface."""

    side_a: SideRecipe
    side_b: SideRecipe
    max_area_A2: float = Field(default=200.0, gt=0)
    max_strain: float = Field(default=0.05, gt=0, lt=0.5)
    strain_on: Literal["auto", "a", "b", "shared"] = "auto"
    match: int = Field(default=0, ge=0, description="index in the list of matches, smallest area first")
    vacuum_A: float = Field(default=15.0, ge=0, description="0: periodic along z, two interfaces")
    gap_A: float = Field(default=2.0, gt=0, description="starting gap; the engine finds the best one")
    max_atoms: int = Field(default=400, ge=2)


class MoleculeRecipe(Record):
    """What a person may say of a molecule, an ion or an oligomer."""

    molecule: str = Field(description="library name, SMILES, repeat unit ('[*]OCOCC[*]') or path of a structure file")
    n: int | None = Field(default=None, ge=1, description="repeat units, comonomers included; None: the library's")
    caps: tuple[str, str] | None = Field(
        default=None, description="SMILES of what ends the chain; None: the library's, else H"
    )
    comonomer: str | None = Field(default=None, description="a second repeat unit")
    comonomer_units: int | None = Field(default=None, ge=0, description="how many of the n units")
    sequence: Literal["random", "blocks"] = "random"
    tacticity: Literal["isotactic", "syndiotactic", "atactic"] = "atactic"
    head_to_tail: bool = Field(default=True, description="False: every other unit is turned round")
    hf_removed: int | None = Field(default=None, ge=0, description="HF taken out of the chain, a C=C left for each")
    charge_e: int | None = Field(default=None, description="None: as the SMILES or the file says")
    conformer: int = Field(default=0, ge=0, description="rank among the conformers, 0 the lowest in energy")
    seed: int = Field(default=0, ge=0)


class AdlayerRecipe(Record):
    """What a person may say of the geometry of one molecule on a slab."""

    side_a: SideRecipe
    side_b: MoleculeRecipe
    candidates: int = Field(default=24, ge=1, description="poses built before pruning")
    conformers: int = Field(default=3, ge=1, description="lowest conformers that are placed")
    clearance_A: float = Field(default=6.0, gt=0, description="least distance of the molecule to its periodic images")
    chain: Literal["finite", "periodic"] = Field(
        default="finite", description="periodic: an infinite chain along a lattice vector of the slab"
    )
    bottom: Literal["free", "fixed", "symmetric"] = Field(
        default="fixed",
        description="the lower half of the slab; symmetric: nothing is held, the molecule stands on both faces",
    )
    vacuum_A: float = Field(default=15.0, gt=0)
    gap_A: float = Field(default=2.2, gt=0, description="least distance of the molecule to the slab at the start")
    max_atoms: int = Field(default=400, ge=2)


class Component(Record):
    """One kind of molecule in a packed layer."""

    recipe: MoleculeRecipe
    count: int = Field(ge=1)


class PackedRecipe(Record):
    """What a person may say of a packed layer on a slab."""

    side_a: SideRecipe
    components: tuple[Component, ...] = Field(min_length=1)
    density_g_cm3: float = Field(gt=0, description="of the layer between the slab and its upper limit")
    min_distance_A: float = Field(default=2.0, gt=0, description="no two molecules, nor one and the slab, are nearer")
    min_edge_A: float = Field(default=10.0, gt=0, description="least height of the lateral cell along both vectors")
    open_side: bool = Field(default=True, description="False: no vacuum, the layer meets the slab's other face too")
    vacuum_A: float = Field(default=15.0, gt=0)
    seed: int = 0
    max_atoms: int = Field(default=400, ge=2)


class Member(Record):
    """One molecule of a system without a slab, and the part it plays."""

    recipe: MoleculeRecipe
    role: Literal["molecule", "salt", "host", "cation", "anion"] = "molecule"


class MoleculesRecipe(Record):
    """What a person may say of a system of molecules alone: levels, salts, hosts."""

    molecules: tuple[Member, ...] = Field(min_length=1)


class MoleculeFacts(Record):
    """A molecule, an ion or an oligomer as built."""

    name: str
    smiles: str = Field(description="canonical; formal charges included; empty where only a geometry is known")
    formula: str
    n_atoms: int
    charge_e: int
    multiplicity: int = 1
    n_units: int | None = Field(default=None, description="repeat units of an oligomer")
    conformer: int = Field(default=0, description="rank in the ensemble, 0 the lowest")
    relative_energy_eV: float | None = Field(default=None, description="above the lowest conformer")
    ranked_by: str | None = Field(default=None, description="force field or engine behind that energy")
    bonds: tuple[tuple[int, int, float], ...] = Field(description="atom, atom, order (1.5: aromatic)")
    origin: Origin


class MoleculeModel(Record):
    """A molecule ready to compute; not periodic."""

    name: str
    xyz: str = Field(description="extended XYZ, no cell")
    facts: MoleculeFacts

    @property
    def atoms(self) -> Atoms:
        """The molecule."""
        return from_text(self.xyz)


class PoseFacts(Record):
    """One placement of a molecule on a slab."""

    index: int = Field(description="in the list of candidates")
    conformer: int
    site_A: tuple[float, float] = Field(description="in-plane position of the molecule's centre")
    quaternion: tuple[float, float, float, float] = Field(description="rotation of the conformer, scalar first")
    height_A: float = Field(
        description="lowest atom of the molecule above the highest of the slab; below 0 in a groove"
    )
    gap_A: float = Field(description="least distance of an atom of the molecule to one of the slab")


class AdlayerModel(Record):
    """Molecules on a slab, ready to compute: the slab is side A below, all molecules are side B above."""

    name: str
    xyz: str = Field(
        description="extended XYZ; per-atom `side` 0 slab, 1 molecules; `molecule` -1 slab, else which molecule"
    )
    slab: SlabFacts = Field(description="of the primitive surface cell")
    cells_a: Integers2x2 = Field(description="lateral cell in multiples of the slab's surface vectors, rows")
    molecules: tuple[MoleculeFacts, ...] = Field(description="one per molecule, in the order of `molecule`")
    pose: PoseFacts | None = Field(default=None, description="None for a packed layer")
    area_A2: float
    n_interfaces: Literal[1, 2] = Field(default=1, description="2: both faces of the slab are met")
    image_distance_A: float | None = Field(
        description="of a molecule to its own periodic images; None if it is a chain"
    )
    covers: bool = Field(description="whether the layer covers the cell, so that an energy per area means something")
    density_g_cm3: float | None = Field(default=None, description="of a packed layer")
    chain_mismatch_percent: float | None = Field(default=None, description="stretch of an infinite chain")
    bottom: Literal["free", "fixed", "symmetric"] = Field(
        default="free", description="symmetric: the second molecule is the image of the first on the other face"
    )
    origin: Origin

    @model_validator(mode="after")
    def _sides_are_complete(self) -> AdlayerModel:
        arrays = self.atoms.arrays
        if set(arrays["side"]) != {0, 1}:
            raise ValueError("an adlayer needs a slab and molecules: array `side` must hold 0 and 1")
        if set(arrays["molecule"]) != set(range(-1, len(self.molecules))):
            raise ValueError("array `molecule` must hold -1 for the slab and every molecule's index")
        return self

    @property
    def atoms(self) -> Atoms:
        """The whole model."""
        return from_text(self.xyz)

    @property
    def side_a(self) -> tuple[int, ...]:
        """Atom indices of the slab."""
        return tuple(int(i) for i in (self.atoms.arrays["side"] == 0).nonzero()[0])

    @property
    def side_b(self) -> tuple[int, ...]:
        """Atom indices of the molecules."""
        return tuple(int(i) for i in (self.atoms.arrays["side"] == 1).nonzero()[0])

    @property
    def copies(self) -> int:
        """How many times the cell holds the same molecule by symmetry: energies are per one of them."""
        return 2 if self.bottom == "symmetric" else 1

    @property
    def sha256(self) -> str:
        """Identity of the geometry."""
        return digest(self.xyz)


class InterfaceModel(Record):
    """An interface ready to compute: side A below, side B above, normal along +z."""

    name: str
    xyz: str = Field(description="extended XYZ; per-atom array `side` is 0 for A and 1 for B")
    slab_a: SlabFacts
    slab_b: SlabFacts
    match: MatchFacts
    n_interfaces: Literal[1, 2] = Field(description="1 with vacuum, 2 without")
    shift: tuple[float, float] = Field(description="registry: B against A, fractions of the common in-plane cell")
    gap_A: float = Field(description="lowest atom of B above highest atom of A")
    origin: Origin

    @model_validator(mode="after")
    def _sides_are_complete(self) -> InterfaceModel:
        if set(self.atoms.arrays["side"]) != {0, 1}:
            raise ValueError("an interface needs atoms on both sides: array `side` must hold 0 and 1")
        return self

    @property
    def atoms(self) -> Atoms:
        """The whole interface."""
        return from_text(self.xyz)

    @property
    def side_a(self) -> tuple[int, ...]:
        """Atom indices of side A."""
        return self._indices(0)

    @property
    def side_b(self) -> tuple[int, ...]:
        """Atom indices of side B."""
        return self._indices(1)

    @property
    def area_A2(self) -> float:
        """Area of one interface in Å²."""
        return self.match.area_A2

    @property
    def sha256(self) -> str:
        """Identity of the geometry."""
        return digest(self.xyz)

    def _indices(self, side: int) -> tuple[int, ...]:
        return tuple(int(i) for i in (self.atoms.arrays["side"] == side).nonzero()[0])


class ContactModel(Record):
    """Two bodies in contact whose origin is not known: somebody else's geometry, its atoms told apart."""

    name: str
    xyz: str = Field(description="extended XYZ; per-atom array `side` is 0 for A and 1 for B")
    n_interfaces: Literal[1, 2] = Field(description="1 with vacuum along c, 2 without")

    @property
    def atoms(self) -> Atoms:
        """The whole contact."""
        return from_text(self.xyz)

    @property
    def area_A2(self) -> float:
        """Area that a and b span, Å²."""
        a, b, _ = self.atoms.cell.array
        return float(np.linalg.norm(np.cross(a, b)))

    @property
    def formulas(self) -> tuple[str, str]:
        """What side A and side B are made of."""
        atoms = self.atoms
        a, b = (atoms[atoms.arrays["side"] == k].get_chemical_formula() for k in (0, 1))
        return a, b
