"""Conformers of one molecule: embedded and folded, relaxed by a force field, verified, pruned, ranked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii, vdw_radii
from ase.units import kcal
from ase.units import mol as mole
from numpy.typing import NDArray
from rdkit import Chem, DistanceGeometry
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolDescriptors
from scipy.spatial.distance import pdist, squareform

from interlith.structures.errors import RequestError
from interlith.structures.likeness import Likeness
from interlith.structures.rings import speared
from interlith.structures.smiles import canonical
from interlith.structures.tacticity import stereo_kept

Floats = NDArray[np.float64]

WINDOW_eV = 0.6
"""Conformers further above the lowest are left out."""
ALIKE_A = 0.3
"""Conformers nearer than this (RMSD of heavy atoms, equivalent atoms exchanged) are one."""
FOLDED_A = 3.3
"""Donors that one Li can chelate stand within this: two Li-O of 1.95 Å at right angles and a little more."""
MOST_ATTEMPTS, FEWEST_ATTEMPTS, ATOM_BUDGET = 20, 1, 400
TIME_LIMIT_s = 50
MOST_TRIES, FEWEST_TRIES, TRY_BUDGET = 10, 3, 500
"""Of distance geometry for one start, before another way is tried; RDKit's default of ten an atom takes minutes."""
SLACK_A = 0.4
WAYS = ((False, True), (True, True), (True, False))
"""Ways of embedding, in order: from random coordinates or not, with ETKDG's rules for flat groups or not (chains of
many nitriles fail with them)."""
STRETCHED, TOUCHING, TOUCHING_ION, FOLDED_BACK = 1.3, 0.58, 0.8, 0.45
CROWDED, RIGHT_ANGLE = 5, 0.98
"""From so many neighbours on, distance geometry and UFF let ligands fall together: right angles part them."""
MOST_STEPS, STEP_BUDGET = 2000, 100_000
LARGE = 150
"""Atoms above which distance geometry starts from random coordinates at once: from eigenvalues it fails."""


@dataclass(frozen=True)
class Ensemble:
    """Distinct geometries of one molecule, lowest first.

    Parameters
    ----------
    positions
        One array (n, 3) each, Å, centred at the mean.
    energies_eV
        Above the lowest.
    ranked_by
        What the energies come from.
    """

    positions: tuple[Floats, ...]
    energies_eV: tuple[float, ...]
    ranked_by: str


def generate(mol: Chem.Mol, seed: int = 0) -> Ensemble:
    """Return the conformers of a molecule by distance geometry (ETKDGv3, 10.1021/acs.jcim.0c00025).

    Flexible molecules with three or more donors get a third of their starts folded, three or four donors held
    within 3.3 Å of each other as one Li would hold them. Each start is relaxed by MMFF94s, or UFF where that
    lacks parameters; what then breaks a bond, overlaps, spears a ring or has lost its stereo is dropped.

    Parameters
    ----------
    mol
        One fragment, with hydrogens as atoms and stereo set.
    seed
        The same seed gives the same conformers.

    Raises
    ------
    RequestError
        When no geometry can be embedded, or none that is sound.
    """
    if mol.GetNumAtoms() == 1:
        return Ensemble((np.zeros((1, 3)),), (0.0,), "one atom")
    attempts = _attempts(mol)
    work = Chem.Mol(mol)
    work.RemoveAllConformers()
    starts = list(_starts(work, attempts, seed))
    if not starts:
        raise RequestError(
            f"no 3D geometry found for {_shortened(mol)} of {mol.GetNumAtoms()} atoms",
            "molecule",
            f"check rings and stereo, or take fewer units: embedding has {TIME_LIMIT_s} s",
        )
    relaxed, energies, field = relaxed_by_force_field(work, starts)
    return ranked(mol, relaxed, energies, field)


def ranked(
    mol: Chem.Mol,
    positions: list[Floats],
    energies_eV: list[float],
    ranked_by: str,
    window_eV: float = WINDOW_eV,
) -> Ensemble:
    """Return the sound and distinct ones among geometries, lowest first.

    Parameters
    ----------
    mol
        The molecule, of one or more fragments.
    positions
        (n, 3) each, Å.
    energies_eV
        One each.
    ranked_by
        What they come from.
    window_eV
        What lies further above the lowest is left out.

    Raises
    ------
    RequestError
        When none is sound; the fault of the lowest is given.
    """
    order = [int(k) for k in np.argsort(energies_eV, kind="stable")]
    sound = [k for k in order if not faults(mol, positions[k])]
    if not sound:
        raise RequestError(
            f"no sound geometry of {_shortened(mol)}: {faults(mol, positions[order[0]])[0]}",
            "molecule",
            "try another seed",
        )
    lowest = energies_eV[sound[0]]
    likeness = Likeness(mol)
    kept: list[int] = []
    for k in sound:
        within = energies_eV[k] - lowest <= window_eV
        if within and all(likeness.rmsd(positions[k], positions[other]) > ALIKE_A for other in kept):
            kept.append(k)
    centred = tuple(positions[k] - positions[k].mean(axis=0) for k in kept)
    return Ensemble(centred, tuple(energies_eV[k] - lowest for k in kept), ranked_by)


def faults(mol: Chem.Mol, positions: Floats) -> list[str]:
    """Return what is wrong with a geometry of a molecule, in words; empty for a sound one.

    A bond longer than 1.3 times its covalent radii; two atoms more than two bonds apart nearer than 0.58 of their
    van der Waals radii (two bonds apart: 0.45), or with a bare ion 0.8 of the covalent ones; a ring speared; stereo
    that was not kept.

    Parameters
    ----------
    mol
        With hydrogens as atoms.
    positions
        Å, shape (n, 3).
    """
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    apart = Chem.GetDistanceMatrix(mol)
    distance = squareform(pdist(positions))
    radii = np.add.outer(covalent_radii[numbers], covalent_radii[numbers])
    wide = np.nan_to_num(vdw_radii[numbers], nan=1.7)
    bare = np.array([atom.GetDegree() == 0 for atom in mol.GetAtoms()])
    share = np.where(apart > 2, TOUCHING, FOLDED_BACK)
    nearest = np.where(bare[:, None] | bare[None, :], TOUCHING_ION * radii, share * np.add.outer(wide, wide))
    upper = np.triu(np.ones_like(distance, dtype=bool), 1)
    found = _pairs("bond {} of {:.2f} Å", mol, distance, upper & (apart == 1) & (distance > STRETCHED * radii))
    found += _pairs("{} overlap at {:.2f} Å", mol, distance, upper & (apart > 1) & (distance < nearest))
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in mol.GetBonds()]
    found += [f"bond {bond} runs through ring {ring}" for ring, bond in speared(Atoms(numbers, positions), bonds)]
    return found if stereo_kept(mol, positions) else [*found, "stereo was not kept"]


def folded_starts(mol: Chem.Mol, count: int, seed: int) -> list[tuple[Floats, tuple[int, ...]]]:
    """Return starts whose donors stand close enough to chelate one Li.

    The distance bounds are narrowed for three or four donors drawn by seed, so that a chain that prefers to be
    elongated is found coiled as well.

    Parameters
    ----------
    mol
        One fragment with hydrogens as atoms.
    count
        Starts asked for; fewer come back where the donors cannot meet.
    seed
        Of the draw and the embedding.

    Returns
    -------
    list of (positions, donors)
        Å, shape (n, 3); the donors that were brought together.
    """
    sites = donors(mol)
    draw = random.Random(seed)
    bounds = rdDistGeom.GetMoleculeBoundsMatrix(mol)
    found = []
    for k in range(count if len(sites) >= 2 else 0):
        chosen = tuple(sorted(draw.sample(sites, min(len(sites), draw.choice((3, 3, 4))))))
        narrowed = _narrowed(bounds, chosen)
        if narrowed is None:
            continue
        parameters = _parameters(seed + k)
        parameters.maxIterations = FEWEST_TRIES
        parameters.SetBoundsMat(narrowed)
        parameters.useRandomCoords = True
        # RDKit gives back what it could reach: a stiff molecule does not fold.
        starts = _embedded(mol, 1, parameters)
        found += [(start, chosen) for start in starts if pdist(start[list(chosen)]).max() < FOLDED_A + SLACK_A]
    return found


def donors(mol: Chem.Mol) -> list[int]:
    """Return the atoms that can bind a cation: O and N with a lone pair, else S, else halogens.

    Parameters
    ----------
    mol
        One molecule or ion.
    """
    atoms = [atom for atom in mol.GetAtoms() if atom.GetFormalCharge() <= 0]
    oxygen = [a.GetIdx() for a in atoms if a.GetSymbol() == "O" or (a.GetSymbol() == "N" and _has_lone_pair(a))]
    sulfur = [a.GetIdx() for a in atoms if a.GetSymbol() == "S" and a.GetDegree() <= 2]
    return oxygen or sulfur or [a.GetIdx() for a in atoms if a.GetSymbol() in {"F", "Cl", "Br", "I"}]


def relaxed_by_force_field(
    mol: Chem.Mol, starts: list[Floats], held: list[tuple[int, ...]] | None = None
) -> tuple[list[Floats], list[float], str]:
    """Relax geometries by MMFF94s (10.1002/(SICI)1096-987X(199905)20:7<720::AID-JCC7>3.0.CO;2-X), or UFF.

    Parameters
    ----------
    mol
        One fragment.
    starts
        (n, 3) each, Å.
    held
        Donors of each start that are kept within 3.3 Å of each other.

    Returns
    -------
    positions, energies_eV, name
        The name of the force field.
    """
    work = _with_conformers(mol, starts)
    # MMFF94s takes each silicon for a tetrahedron.
    properties = (
        None if _is_crowded(mol) else rdForceFieldHelpers.MMFFGetMoleculeProperties(work, mmffVariant="MMFF94s")
    )
    energies = []
    for k in range(len(starts)):
        field = _force_field(work, properties, k)
        for i, j in _couples(held[k]) if held else ():
            _hold(field, properties is not None, i, j)
        field.Minimize(maxIts=min(MOST_STEPS, STEP_BUDGET // mol.GetNumAtoms()))
        energies.append(_force_field(work, properties, k).CalcEnergy() * kcal / mole)
    whole = rdForceFieldHelpers.UFFHasAllMoleculeParams(mol)
    name = "MMFF94s" if properties is not None else "UFF" if whole else "UFF without the parameters that it lacks"
    return [work.GetConformer(k).GetPositions() for k in range(len(starts))], energies, name


def _shortened(mol: Chem.Mol) -> str:
    """Return a molecule's SMILES, the middle of a long one left out."""
    text = canonical(mol)
    return text if len(text) <= 60 else f"{text[:28]}...{text[-28:]}"


def _attempts(mol: Chem.Mol) -> int:
    """Return how many starts a molecule gets: few for stiff ones, and for large ones, whose starts are dear."""
    flexible = 2 + 4 * rdMolDescriptors.CalcNumRotatableBonds(mol, strict=False)
    return min(flexible, max(FEWEST_ATTEMPTS, min(MOST_ATTEMPTS, ATOM_BUDGET // mol.GetNumAtoms())))


def _starts(mol: Chem.Mol, attempts: int, seed: int) -> Iterator[Floats]:
    """Yield embedded starts: two thirds free, a third folded where a chain with donors can fold."""
    flexible = rdMolDescriptors.CalcNumRotatableBonds(mol, strict=False) >= 3 and len(donors(mol)) >= 3
    folded = attempts // 3 if flexible else 0
    yield from _free_starts(mol, attempts - folded, seed)
    yield from (start for start, _ in folded_starts(mol, folded, seed))


def _free_starts(mol: Chem.Mol, count: int, seed: int) -> list[Floats]:
    """Return starts by the first way of embedding that finds any."""
    ways = WAYS[1 if mol.GetNumAtoms() > LARGE else 0 :]
    for random_start, knowledge in ways:
        parameters = _parameters(seed)
        parameters.timeout = TIME_LIMIT_s // len(ways)
        parameters.useRandomCoords = random_start
        parameters.useBasicKnowledge = knowledge
        parameters.maxIterations = max(FEWEST_TRIES, min(MOST_TRIES, TRY_BUDGET // mol.GetNumAtoms()))
        if _is_crowded(mol):
            parameters.SetBoundsMat(_spread(mol))
        # One start first: a way that fails for a molecule fails slowly, and for each start again.
        first = _embedded(mol, 1, parameters)
        if first:
            parameters.randomSeed += 1
            return first + (_embedded(mol, count - 1, parameters) if count > 1 else [])
    return []


def _parameters(seed: int) -> Any:
    """Return ETKDGv3 with a seed that RDKit takes as one."""
    # RDKit's stubs give the fields of the parameters the type of the parameters.
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed % 2**30 + 1
    parameters.timeout = TIME_LIMIT_s
    return parameters


def _embedded(mol: Chem.Mol, count: int, parameters: Any) -> list[Floats]:
    """Return the geometries that distance geometry finds, Å."""
    work = Chem.Mol(mol)
    try:
        rdDistGeom.EmbedMultipleConfs(work, count, parameters)
    except (RuntimeError, ValueError):
        # RDKit raises on bounds that cannot be smoothed; the caller counts what was found.
        return []
    return [conformer.GetPositions() for conformer in work.GetConformers()]


def _is_crowded(mol: Chem.Mol) -> bool:
    return any(atom.GetDegree() >= CROWDED for atom in mol.GetAtoms())


def _spread(mol: Chem.Mol) -> Floats:
    """Return bounds (lower triangle: shortest, Å) that hold ligands of crowded atoms at right angles or more."""
    bounds = np.asarray(rdDistGeom.GetMoleculeBoundsMatrix(mol))
    for atom in mol.GetAtoms():
        ligands = [neighbour.GetIdx() for neighbour in atom.GetNeighbors()]
        for i, j in _couples(tuple(ligands)) if len(ligands) >= CROWDED else ():
            arms = [bounds[min(k, atom.GetIdx()), max(k, atom.GetIdx())] for k in (i, j)]
            bounds[j, i] = max(bounds[j, i], RIGHT_ANGLE * float(np.hypot(*arms)))
            bounds[i, j] = max(bounds[i, j], sum(arms))
    return bounds


def _narrowed(bounds: Floats, chosen: tuple[int, ...]) -> Floats | None:
    """Return bounds (upper triangle: longest, Å) with the chosen atoms close together; None where they cannot be."""
    narrowed = bounds.copy()
    for i, j in _couples(chosen):
        if narrowed[j, i] > FOLDED_A:
            return None
        narrowed[i, j] = min(narrowed[i, j], FOLDED_A)
    return narrowed if DistanceGeometry.DoTriangleSmoothing(narrowed) else None


def _couples(chosen: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return each two of some indices, lower first."""
    ordered = sorted(chosen)
    return [(i, j) for k, i in enumerate(ordered) for j in ordered[k + 1 :]]


def _with_conformers(mol: Chem.Mol, starts: list[Floats]) -> Chem.Mol:
    """Return a copy that holds the given geometries as its conformers 0, 1, 2."""
    work = Chem.Mol(mol)
    work.RemoveAllConformers()
    for k, start in enumerate(starts):
        conformer = Chem.Conformer(mol.GetNumAtoms())
        conformer.SetPositions(np.ascontiguousarray(start, dtype=float))
        conformer.SetId(k)
        work.AddConformer(conformer)
    return work


def _force_field(mol: Chem.Mol, properties: Any, conformer: int) -> Any:
    """Return MMFF94s where its properties are there, else UFF, on one conformer."""
    if properties is not None:
        return rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=conformer)
    return rdForceFieldHelpers.UFFGetMoleculeForceField(mol, confId=conformer)


def _hold(field: Any, mmff: bool, i: int, j: int) -> None:
    """Keep two atoms within the reach of one Li."""
    add = field.MMFFAddDistanceConstraint if mmff else field.UFFAddDistanceConstraint
    add(i, j, False, 0.0, FOLDED_A, 200.0)


def _pairs(text: str, mol: Chem.Mol, distance: Floats, wrong: NDArray[np.bool_]) -> list[str]:
    """Return each wrong pair in words."""
    names = [f"{atom.GetSymbol()}{atom.GetIdx()}" for atom in mol.GetAtoms()]
    return [text.format(f"{names[i]}-{names[j]}", distance[i, j]) for i, j in np.argwhere(wrong)]


def _has_lone_pair(atom: Chem.Atom) -> bool:
    """Return whether a nitrogen has its lone pair to give: amides and ring aromatics with H have not."""
    if atom.GetTotalDegree() > 3 or (atom.GetIsAromatic() and atom.GetTotalDegree() == 3):
        return False
    return not any(
        bond.GetBondTypeAsDouble() == 2 and other.GetSymbol() in {"O", "S"}
        for neighbour in atom.GetNeighbors()
        for bond in neighbour.GetBonds()
        if (other := bond.GetOtherAtom(neighbour)).GetIdx() != atom.GetIdx()
    )
