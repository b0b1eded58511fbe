"""Molecules by themselves: conformers brought to rest by an engine, and ranked by its energies."""

from __future__ import annotations

from collections.abc import Sequence

from ase import Atoms
from jobflow import job
from pydantic import Field
from rdkit import Chem

from interlith.analysis.records import Provenance, Relaxation
from interlith.structures import conformers
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.graphs import to_model, to_mol
from interlith.structures.records import MoleculeFacts, MoleculeModel, Record
from interlith.workflows.engines.catalogue import require
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.relaxations import relax

CLEARANCE_A = 8.0
"""Half the vacuum around a molecule in the box of an engine that knows crystals only; its neighbours end at 6 Å."""


class RankedConformers(Record):
    """Conformers as an engine ranks them, and what that took."""

    models: tuple[MoleculeModel, ...]
    provenance: Provenance | None = Field(default=None, description="None where no engine ranked them")


def charged(choice: EngineChoice, facts: MoleculeFacts) -> EngineChoice:
    """Return the engine told the molecule's charge and multiplicity, where it can be told.

    An engine that cannot (a learned one knows neither) computes the neutral molecule in its lowest spin only: for an
    ion by itself its energy would belong to no charge at all. On a surface that can give electrons or take them,
    such an engine is a caveat, not an error; that is for the adlayer to say.

    Parameters
    ----------
    choice
        The engine; its own options `charge` and `multiplicity`, if given, must be the molecule's.
    facts
        The molecule.

    Raises
    ------
    RequestError
        If the engine is unknown or not installed, its options contradict the molecule, or it cannot be told a charge
        that is not zero or a multiplicity above the lowest.
    """
    options = require(choice).options
    told = {"charge": facts.charge_e, "multiplicity": facts.multiplicity}
    other = [f"{name} {choice.options[name]}" for name in told if choice.options.get(name, told[name]) != told[name]]
    if other:
        raise RequestError(
            f"engine {choice.name!r} is set to {' and '.join(other)}, but {facts.name} has charge {facts.charge_e:+d} "
            f"and multiplicity {facts.multiplicity}",
            "engine options",
            "leave them out: the molecule's are used",
        )
    if options is not None and set(told) <= options:
        return choice.model_copy(update={"options": {**choice.options, **told}})
    if (facts.charge_e or facts.multiplicity > 2) and not set(told) <= set(choice.options):
        raise RequestError(
            f"engine {choice.name!r} cannot be told that {facts.name} has charge {facts.charge_e:+d} and multiplicity "
            f"{facts.multiplicity}",
            "engine",
            "take gfn2-xtb",
        )
    return choice


def relaxed(model: MoleculeModel, engine: EngineChoice, *, fmax: float, max_calls: int, stage: str = "") -> Relaxation:
    """Bring a molecule to rest, with its own charge and multiplicity; no cell in the result.

    Parameters
    ----------
    model
        Start.
    engine
        See :func:`charged`; one that computes stress gets the molecule in a box with 16 Å of vacuum.
    fmax
        Largest force at the end, eV/Å.
    max_calls
        Geometries the engine may evaluate; an unfinished relaxation is returned, marked unconverged.
    stage
        Name of this step in the progress lines.

    Raises
    ------
    RequestError
        If the engine cannot treat the molecule.
    """
    atoms = model.atoms
    boxed = "stress" in require(engine, "energy", "forces").capabilities
    if boxed:
        atoms.center(vacuum=CLEARANCE_A)
        atoms.pbc = True
    found = relax(to_text(atoms), charged(engine, model.facts), fmax=fmax, max_calls=max_calls, stage=stage)
    if not boxed:
        return found
    return found.model_copy(update={"xyz": _free(found.xyz), "start_xyz": _free(found.start_xyz)})


def ranking(
    models: Sequence[MoleculeModel], engine: EngineChoice, *, fmax: float = 0.05, max_calls: int = 500
) -> RankedConformers:
    """Return the distinct conformers of a molecule, relaxed by an engine, lowest first, and what that took.

    A conformer that breaks on the way, or is not at rest in the end, is left out, and the origin of all says so. Two
    whose heavy atoms lie within 0.3 Å are one, and those more than 0.6 eV above the lowest are left out (see
    :func:`interlith.structures.conformers.ranked`).

    Parameters
    ----------
    models
        Conformers of one molecule, atoms in one order.
    engine
        What computes the energies; see :func:`charged`.
    fmax
        Largest force at the end, eV/Å.
    max_calls
        Geometries the engine may evaluate for each.

    Returns
    -------
    RankedConformers
        Models with `relative_energy_eV` above the lowest, and the level of theory in `ranked_by`; the provenance counts
        the calls for those left out too.

    Raises
    ------
    RequestError
        If there are no models, or not of one molecule; if the engine cannot treat it.
    ComputationError
        If no conformer came to rest whole.
    """
    first = _one_molecule(models)
    mol = to_mol(first)
    found = [
        relaxed(model, engine, fmax=fmax, max_calls=max_calls, stage=f"conformer {k + 1} of {len(models)}")
        for k, model in enumerate(models)
    ]
    faults = [_fault(mol, one) for one in found]
    sound = [k for k, fault in enumerate(faults) if not fault]
    if not sound:
        raise ComputationError(f"no conformer came to rest whole: {faults[0]}", first.name, "try another engine")
    level, energies = found[0].provenance.method.level, [found[k].energy_eV for k in sound]
    positions = [from_text(found[k].xyz).positions for k in sound]
    ensemble = conformers.ranked(mol, positions, energies, level)
    started = {energy - min(energies): models[k] for energy, k in zip(energies, sound, strict=True)}
    left_out = [f"conformer {k + 1}: {fault}" for k, fault in enumerate(faults) if fault]
    step = "; left out: ".join([f"relaxed by {level} to {fmax:g} eV/Å", *left_out])
    ordered = tuple(
        to_model(
            mol,
            ensemble.positions[rank],
            first.name,
            started[energy].facts.origin.then(step),
            n_units=first.facts.n_units,
            conformer=rank,
            relative_energy_eV=energy,
            ranked_by=level,
        )
        for rank, energy in enumerate(ensemble.energies_eV)
    )
    return RankedConformers(models=ordered, provenance=Provenance.merged([one.provenance for one in found]))


def ranked(
    models: Sequence[MoleculeModel], engine: EngineChoice, *, fmax: float = 0.05, max_calls: int = 500
) -> list[MoleculeModel]:
    """Return the conformers of :func:`ranking` alone; parameters and errors as there."""
    return list(ranking(models, engine, fmax=fmax, max_calls=max_calls).models)


@job
def ranked_job(
    models: Sequence[MoleculeModel], engine: EngineChoice, *, fmax: float = 0.05, max_calls: int = 500
) -> list[MoleculeModel]:
    """Run :func:`ranked` as a job."""
    return ranked(models, engine, fmax=fmax, max_calls=max_calls)


def _one_molecule(models: Sequence[MoleculeModel]) -> MoleculeModel:
    """Return the first of some conformers of one molecule."""
    if not models:
        raise RequestError("there are no conformers to rank", "molecule")
    first = models[0]
    for other in models[1:]:
        same_atoms = other.atoms.get_chemical_symbols() == first.atoms.get_chemical_symbols()
        if not same_atoms or (other.facts.bonds, other.facts.charge_e) != (first.facts.bonds, first.facts.charge_e):
            raise RequestError(
                f"{other.name} ({other.facts.smiles}) is no conformer of {first.name} ({first.facts.smiles})",
                "molecule",
                "rank one molecule at a time, atoms in one order",
            )
    return first


def _fault(mol: Chem.Mol, one: Relaxation) -> str:
    """Return why a relaxed conformer cannot be used; empty if it can."""
    if not one.converged:
        return f"not at rest after {one.provenance.n_force_calls} force calls ({one.fmax_eV_A:.2f} eV/Å)"
    return next(iter(conformers.faults(mol, from_text(one.xyz).positions)), "")


def _free(xyz: str) -> str:
    """Return a molecule without the box it was computed in."""
    atoms = from_text(xyz)
    free = Atoms(atoms.symbols, atoms.positions, info=atoms.info)
    for name, values in atoms.arrays.items():
        if name not in free.arrays:
            free.set_array(name, values)
    return to_text(free)
