"""Infinite straight chains: the repeat unit of a polymer, its backbone anti, without end along x.

A planar zigzag comes back to itself after an even number of backbone atoms: a unit with an odd number (P-DOL, PEO) is
taken twice. One period is built anti in a short oligomer; then a long oligomer whose every period is the first one,
moved, is relaxed by a force field in the coordinates of that period and of the vector that moves it, so that the result
repeats exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from interlith.structures.checks import check_atoms
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, to_text
from interlith.structures.polymers import UNIT, Oligomer, oligomer, sequence_of
from interlith.structures.records import MoleculeFacts, MoleculeModel, MoleculeRecipe, Origin

Floats = NDArray[np.float64]
Torsion = tuple[int, int, int, int]
Links = tuple[tuple[int, int, float, int], ...]

FLANK = 3
"""Backbone atoms beside the period in the oligomer that it is built in."""
LONG, PERIODS = 24, 5
"""Backbone atoms and periods, at least, of the oligomer that stands for the infinite chain."""
ANTI_DEG = 20.0
"""Torsions of the backbone that start nearly anti are held so near to it."""
NEARLY_ANTI_DEG = 60.0
HELD = 500.0
"""Force constant of a held torsion, kcal/mol/rad²."""
STEPS = 2000
TIME_LIMIT_s = 20
SHORTEST, LONGEST = 0.75, 1.15
"""Lengths of a bond over the sum of covalent radii: C#N has 0.77, C-F 1.05."""
ASIDE_A = 30.0


@dataclass(frozen=True)
class StraightChain:
    """One period of an infinite chain along x.

    Parameters
    ----------
    atoms
        Of the period, whole units, x along the chain, centred; not periodic.
    bonds
        Atom, atom, order, and 1 where the second atom is that of the next period.
    period_A
        How far along x the chain repeats.
    n_units
        Repeat units in the period.
    smiles
        The repeat unit.
    steps
        What was decided, in words.
    """

    atoms: Atoms
    bonds: Links
    period_A: float
    n_units: int
    smiles: str
    steps: tuple[str, ...]

    def laid(self, name: str, periods: int, length_A: float) -> MoleculeModel:
        """Return some periods in a row as one molecule whose last atoms are bonded to its first.

        Parameters
        ----------
        name
            Of the polymer.
        periods
            How many.
        length_A
            How long they are together, Å: x is stretched to it.
        """
        n = len(self.atoms)
        places = np.concatenate([np.add(self.atoms.positions, (k * self.period_A, 0, 0)) for k in range(periods)])
        places = (places - places.mean(axis=0)) * [length_A / (periods * self.period_A), 1, 1]
        atoms = Atoms(np.tile(self.atoms.numbers, periods), places)
        bonds = [
            (i + k * n, j + (k + wraps) % periods * n, order)
            for k in range(periods)
            for i, j, order, wraps in self.bonds
        ]
        facts = MoleculeFacts(
            name=name,
            smiles=self.smiles,
            formula=atoms.get_chemical_formula(),
            n_atoms=len(atoms),
            charge_e=0,
            n_units=periods * self.n_units,
            bonds=tuple(bonds),
            origin=Origin(source=name, sha256=digest(self.smiles), steps=self.steps),
        )
        return MoleculeModel(name=name, xyz=to_text(atoms), facts=facts)


def straight_chain(recipe: MoleculeRecipe) -> StraightChain:
    """Build the infinite chain of a repeat unit.

    Parameters
    ----------
    recipe
        ``molecule`` is a SMILES with two ``[*]``. With a comonomer the period holds the n units of the sequence; else
        as few units as a zigzag needs. An atactic chain cannot repeat: its stereo centres are made isotactic.

    Raises
    ------
    RequestError
        HF is to be removed, the unit is charged, it cannot be embedded, or its bonds cannot be kept in a straight
        chain; and as :func:`structures.polymers.oligomer`.
    """
    if recipe.hf_removed:
        raise RequestError(
            f"hf_removed = {recipe.hf_removed} in an infinite chain", "hf_removed", "write the double bond in the unit"
        )
    plan = _Plan.of(recipe)
    short = plan.oligomer(plan.flank * 2 + plan.units)
    if Chem.GetFormalCharge(short.mol):
        raise RequestError(f"a chain of charged units ({recipe.molecule})", "molecule", "take neutral units")
    start = _anti(short, recipe)
    block = _members_of(short.mol, plan.flank, plan.units)
    step = start[_members(short.mol, plan.flank + plan.units)[0]] - start[block[0]]
    long = plan.oligomer(plan.long)
    endless = _Endless.of(long, plan)
    rows = endless.relaxed(endless.capped(start[block], step), long.backbone)
    return _finished(long, plan, rows[: len(block)], rows[-1])


@dataclass(frozen=True)
class _Plan:
    """How many units a period and its oligomers have; every oligomer begins the sequence anew."""

    recipe: MoleculeRecipe
    pattern: str
    units: int
    flank: int
    long: int

    @classmethod
    def of(cls, recipe: MoleculeRecipe) -> _Plan:
        """Return the plan of a recipe."""
        pattern = "A" if recipe.comonomer is None else sequence_of(recipe)[0]
        n = len(pattern)
        trial = cls(recipe, pattern, n, n, 3 * n).oligomer(3 * n)
        spacing = _bonds_before(trial, 2 * n) - _bonds_before(trial, n)
        turns = spacing % 2 or not recipe.head_to_tail or recipe.tacticity == "syndiotactic"
        units = n * (2 if turns else 1)
        backbone = spacing * units // n
        flank = ceil(FLANK / backbone) * units
        return cls(recipe, pattern, units, flank, max(PERIODS, ceil(LONG / backbone)) * units)

    def oligomer(self, n: int) -> Oligomer:
        """Return an oligomer of n units with hydrogen ends; an atactic one becomes isotactic."""
        tacticity = "isotactic" if self.recipe.tacticity == "atactic" else self.recipe.tacticity
        changes = {"caps": None, "tacticity": tacticity, "n": n, "comonomer_units": None}
        if self.recipe.comonomer is not None:
            changes["comonomer_units"] = (self.pattern * n)[:n].count("B")
        return oligomer(self.recipe.model_copy(update=changes), (self.pattern * n)[:n])


def _bonds_before(chain: Oligomer, unit: int) -> int:
    """Return how many backbone atoms come before a unit."""
    return next(k for k, atom in enumerate(chain.backbone) if _unit(chain.mol, atom) == unit)


def _unit(mol: Chem.Mol, atom: int) -> int:
    return int(mol.GetAtomWithIdx(atom).GetIntProp(UNIT))


def _members(mol: Chem.Mol, unit: int) -> list[int]:
    """Return the atoms of a unit, in an order that all units of a kind share."""
    return [a.GetIdx() for a in mol.GetAtoms() if a.GetIntProp(UNIT) == unit]


def _members_of(mol: Chem.Mol, first: int, units: int) -> list[int]:
    """Return the atoms of some units in a row, unit by unit."""
    return [a for u in range(units) for a in _members(mol, first + u)]


def _anti(chain: Oligomer, recipe: MoleculeRecipe) -> Floats:
    """Return the relaxed positions of an oligomer whose backbone is anti, (n, 3) Å."""
    mol = Chem.Mol(chain.mol)
    settings: Any = rdDistGeom.ETKDGv3()
    settings.randomSeed = recipe.seed % 2**30 + 1
    settings.timeout = TIME_LIMIT_s
    if rdDistGeom.EmbedMolecule(mol, settings) < 0:
        settings.useRandomCoords = True
        if rdDistGeom.EmbedMolecule(mol, settings) < 0:
            what = f"no geometry found for a chain of {recipe.molecule}"
            raise RequestError(what, "molecule", "check rings and stereo")
    torsions = _torsions(mol, chain.backbone)
    for torsion in torsions:
        rdMolTransforms.SetDihedralDeg(mol.GetConformer(), *torsion, 180.0)
    field = _force_field(mol, torsions)
    field.Minimize(maxIts=STEPS)
    return np.asarray(mol.GetConformer().GetPositions())


def _torsions(mol: Chem.Mol, backbone: tuple[int, ...]) -> list[Torsion]:
    """Return the torsions of a backbone about single bonds outside rings."""
    found = []
    for four in zip(backbone, backbone[1:], backbone[2:], backbone[3:], strict=False):
        bond = mol.GetBondBetweenAtoms(four[1], four[2])
        if bond.GetBondType() == Chem.BondType.SINGLE and not bond.IsInRing():
            found.append(four)
    return found


def _force_field(mol: Chem.Mol, held: list[Torsion]) -> Any:
    """Return MMFF94s on a molecule, else UFF, with torsions held near anti."""
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
    if properties is None:
        field = rdForceFieldHelpers.UFFGetMoleculeForceField(mol)
        hold = field.UFFAddTorsionConstraint
    else:
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties)
        hold = field.MMFFAddTorsionConstraint
    field.Initialize()
    for torsion in held:
        hold(*torsion, False, 180.0 - ANTI_DEG, 180.0 + ANTI_DEG, HELD)
    return field


@dataclass(frozen=True)
class _Endless:
    """A long oligomer in which all periods are images of one.

    Parameters
    ----------
    mol
        The oligomer.
    image
        For each atom, the row of the variables that places it: the atoms of the period, then the caps.
    times
        How many periods it stands further on.
    """

    mol: Chem.Mol
    image: NDArray[np.int64]
    times: Floats

    @classmethod
    def of(cls, chain: Oligomer, plan: _Plan) -> _Endless:
        """Return the images of the first period of a chain."""
        mol = Chem.Mol(chain.mol)
        image, times = np.zeros(mol.GetNumAtoms(), dtype=np.int64), np.zeros(mol.GetNumAtoms())
        for k in range(plan.long // plan.units):
            members = _members_of(mol, k * plan.units, plan.units)
            image[members], times[members] = np.arange(len(members)), k
        caps = _members(mol, -1)
        image[caps] = image.max() + 1 + np.arange(len(caps))
        return cls(mol, image, times)

    def unfolded(self, rows: Floats) -> Floats:
        """Return all positions; the last row is the vector from period to period."""
        return np.asarray(rows[self.image] + self.times[:, None] * rows[-1])

    def capped(self, block: Floats, step: Floats) -> Floats:
        """Return the variables of a period and a step, caps put beyond the atoms that hold them."""
        caps = _members(self.mol, -1)
        rows = np.vstack([block, np.zeros((len(caps), 3)), step])
        places = self.unfolded(rows)
        for k, cap in enumerate(caps):
            rows[len(block) + k] = _beyond(self.mol, places, cap)
        return rows

    def relaxed(self, rows: Floats, backbone: tuple[int, ...]) -> Floats:
        """Return the variables of least energy, torsions that are nearly anti held."""
        field = _force_field(self.mol, self._anti_torsions(rows, backbone))

        def energy(flat: Floats) -> tuple[float, Floats]:
            """Return the energy, kcal/mol, and its slope in the variables."""
            given = flat.reshape(-1, 3)
            places = self.unfolded(given).ravel().tolist()
            slope = np.reshape(field.CalcGrad(places), (-1, 3))
            folded = np.zeros_like(given)
            np.add.at(folded, self.image, slope)
            folded[-1] = self.times @ slope
            return float(field.CalcEnergy(places)), folded.ravel()

        found = minimize(energy, rows.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "gtol": 1e-2})
        return np.asarray(found.x.reshape(-1, 3))

    def _anti_torsions(self, rows: Floats, backbone: tuple[int, ...]) -> list[Torsion]:
        conformer = Chem.Conformer(self.mol.GetNumAtoms())
        conformer.SetPositions(np.ascontiguousarray(self.unfolded(rows)))
        self.mol.RemoveAllConformers()
        self.mol.AddConformer(conformer)
        turned = [(t, rdMolTransforms.GetDihedralDeg(conformer, *t)) for t in _torsions(self.mol, backbone)]
        return [t for t, angle in turned if abs(angle) > 180.0 - NEARLY_ANTI_DEG]


def _beyond(mol: Chem.Mol, places: Floats, cap: int) -> Floats:
    """Return a place for a cap: beyond the atom that holds it, away from that atom's other neighbours."""
    holder = mol.GetAtomWithIdx(cap).GetNeighbors()[0]
    others = [a.GetIdx() for a in holder.GetNeighbors() if a.GetIdx() != cap]
    here = places[holder.GetIdx()]
    away = here - places[others].mean(axis=0)
    return np.asarray(here + 1.1 * away / np.linalg.norm(away))


def _finished(chain: Oligomer, plan: _Plan, places: Floats, step: Floats) -> StraightChain:
    """Return the relaxed period along x, its bonds verified."""
    period = float(np.linalg.norm(step))
    middle = plan.long // plan.units // 2 * plan.units
    members = _members_of(chain.mol, middle, plan.units)
    along = Rotation.align_vectors([[1.0, 0, 0]], [step / period])[0].apply(places)
    atoms = Atoms([chain.mol.GetAtomWithIdx(a).GetAtomicNum() for a in members], along - along.mean(axis=0))
    bonds = _bonds(chain.mol, plan, middle)
    recipe = plan.recipe
    _check(atoms, bonds, period, recipe)
    handed = any(s.startswith("isotactic") for s in chain.steps) and recipe.tacticity == "atactic"
    told = f"infinite chain: {plan.units} units in {period:.3f} Å, backbone anti, relaxed by a force field"
    steps = ("isotactic: an atactic chain does not repeat", told) if handed else (told,)
    return StraightChain(atoms, bonds, period, plan.units, recipe.molecule, steps)


def _bonds(mol: Chem.Mol, plan: _Plan, middle: int) -> Links:
    """Return the bonds within a period, and those to the next one with its atoms given by ours."""
    ours, theirs = ([a for u in range(plan.units) for a in _members(mol, middle + k * plan.units + u)] for k in (0, 1))
    place, onwards = ({a: k for k, a in enumerate(members)} for members in (ours, theirs))
    found = []
    for bond in mol.GetBonds():
        order = float(bond.GetBondTypeAsDouble())
        for i, j in ((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), (bond.GetEndAtomIdx(), bond.GetBeginAtomIdx())):
            if i in place and j in place and i < j:
                found.append((place[i], place[j], order, 0))
            elif i in place and j in onwards:
                found.append((place[i], onwards[j], order, 1))
    return tuple(found)


def _check(atoms: Atoms, bonds: Links, period_A: float, recipe: MoleculeRecipe) -> None:
    """Refuse a chain whose bonds are not those of its elements, or that runs into itself."""
    where = f"infinite chain of {recipe.molecule}"
    for i, j, _, wraps in bonds:
        length = float(np.linalg.norm(atoms.positions[j] + [wraps * period_A, 0, 0] - atoms.positions[i]))
        usual = float(covalent_radii[atoms.numbers[[i, j]]].sum())
        if not SHORTEST * usual < length < LONGEST * usual:
            what = f"bond {atoms.symbols[i]}{i}-{atoms.symbols[j]}{j} of a straight chain would be {length:.2f} Å"
            raise RequestError(what, where, "take a finite oligomer (adlayer.chain = 'finite')")
    chain = atoms.copy()
    chain.set_cell([period_A, ASIDE_A, ASIDE_A])
    chain.pbc = True
    check_atoms(chain, where)
