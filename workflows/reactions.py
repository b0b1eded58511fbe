"""Reactions by one engine: each species brought to rest, then the record of the balanced reaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ase import Atoms
from jobflow import Flow, Maker
from pydantic import Field
from pymatgen.core import Composition

from interlith.analysis.reactions import ReactionRecord, Term, reaction_record
from interlith.analysis.records import Provenance, Relaxation
from interlith.analysis.stoichiometry import CHARGE, Equation, balanced, parse_equation
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError, unknown_name
from interlith.structures.geometry import from_text, to_text
from interlith.structures.library import crystal_names, is_crystal_name, molecule_names, reactions
from interlith.structures.molecules import conformers, is_molecule, molecule
from interlith.structures.records import MoleculeRecipe, Record, SideRecipe
from interlith.workflows.efforts import Effort, named_job, relax_bulk
from interlith.workflows.engines.catalogue import require
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.molecules import relaxed

Counts = dict[str, Fraction]

LARGEST_DENOMINATOR = 1000
"""Of an occupancy, taken as a fraction."""


class Rested(Record):
    """A species at rest: its energy for one formula."""

    name: str
    formula: str
    energy_eV: float
    volume_A3: float | None = Field(default=None, description="None for a molecule")
    kind: str
    caveat: str | None = None
    xyz: str
    provenance: Provenance

    def term(self, coefficient: Fraction) -> Term:
        """Return it as a term of a reaction."""
        return Term(coefficient=coefficient, **self.model_dump(exclude={"xyz", "schema_version"}))


@dataclass
class ReactionMaker(Maker):
    """Makes the flow of a reaction.

    Attributes
    ----------
    engine
        Computes every term. One that knows molecules only takes a metal as its free atom, and says so.
    fmax_eV_A
        Threshold of all relaxations.
    max_calls
        Force calls that each may take.
    conformers
        Of each molecule, from the force field's lowest; the lowest of them by the engine counts.
    name
        Of the flow.
    """

    engine: EngineChoice
    fmax_eV_A: float = 0.02
    max_calls: int = 500
    conformers: int = 2
    name: str = "reaction"

    def make(self, reaction: str, per: tuple[str, int] | None = None) -> Flow:
        """Return the flow; its output is a `ReactionRecord`.

        Parameters
        ----------
        reaction
            Name of a reaction of the library, or an equation such as ``Li2CO3 + 4 Li -> ...`` whose species are
            crystals and molecules of the library, crystal files or SMILES; coefficients may be left out.
        per
            See :func:`interlith.analysis.reactions.reaction_record`; the library's where it has one.

        Raises
        ------
        RequestError
            For an unknown species or engine, one that cannot treat a species, or an equation that does not balance.
        """
        name, equation, per = self._asked(reaction, per)
        entry, counts = require(self.engine, "energy", "forces"), {}
        for species in equation.names:
            _, counts[species] = nominal(species)
            entry.check_elements([e for e in counts[species] if e != CHARGE], species)
            if "stress" not in entry.capabilities:
                refuse_compound(species, counts[species], entry.name)
        balanced(equation, counts)
        effort = Effort(engine=self.engine, fmax_eV_A=self.fmax_eV_A, max_calls=self.max_calls)
        jobs = [named_job(at_rest, species, species, effort, self.conformers) for species in equation.names]
        record = named_job(conclude, "record", name, reaction, [one.output for one in jobs], per)
        return Flow([*jobs, record], output=record.output, name=f"{self.name} {name}")

    @staticmethod
    def _asked(reaction: str, per: tuple[str, int] | None) -> tuple[str, Equation, tuple[str, int] | None]:
        known = reactions()
        if reaction in known:
            told = known[reaction].get("per")
            return reaction, equation_of(reaction), per or (told and (str(told["element"]), int(told["number"])))
        if "->" not in reaction and "→" not in reaction and "=" not in reaction:
            raise unknown_name("reaction", reaction, known)
        return " ".join(reaction.split()), equation_of(reaction), per


def equation_of(reaction: str) -> Equation:
    """Return the equation of a reaction of the library, or as written."""
    known = reactions()
    return parse_equation(str(known[reaction]["equation"]) if reaction in known else reaction)


def nominal(species: str) -> tuple[str, Counts]:
    """Return whether a species is a 'solid' or a 'molecule', and what a formula of it nominally holds.

    Raises
    ------
    RequestError
        If it is neither.
    """
    if is_crystal_name(species) or species.lower().endswith((".cif", ".vasp", ".poscar")):
        whole = load_crystal(species)[0].composition.element_composition.get_reduced_composition_and_factor()[0]
        return "solid", {str(e): Fraction(n).limit_denominator(LARGEST_DENOMINATOR) for e, n in whole.items()}
    if is_molecule(species):
        facts = molecule(MoleculeRecipe(molecule=species)).facts
        held = {e: Fraction(int(n)) for e, n in Composition(facts.formula).as_dict().items()}
        return "molecule", held | ({CHARGE: Fraction(facts.charge_e)} if facts.charge_e else {})
    raise unknown_name("species", species, {*crystal_names(), *molecule_names()}, "equation")


def refuse_compound(species: str, counts: Mapping[str, Fraction], engine: str) -> None:
    """Refuse a crystal of several elements for an engine that knows molecules only.

    Raises
    ------
    RequestError
        Naming it.
    """
    if nominal(species)[0] == "solid" and len(counts) > 1:
        raise RequestError(f"engine {engine!r} treats molecules only, {species} is a crystal", "equation", "take cp2k")


def at_rest(species: str, effort: Effort, n_conformers: int) -> Rested:
    """Bring one species to rest: a crystal with its cell, a molecule as the lowest of its conformers."""
    kind, counts = nominal(species)
    if kind == "molecule":
        return _molecule_at_rest(species, effort, n_conformers)
    if "stress" not in require(effort.engine).capabilities:
        return _free_atom(species, next(iter(counts)), effort)
    bulk = relax_bulk(SideRecipe(crystal=species, miller=(0, 0, 1)), effort)
    atoms = from_text(bulk.relaxed.xyz)
    formula, times = Composition(atoms.get_chemical_formula()).get_reduced_formula_and_factor()
    ordering = bulk.crystal.ordering
    return Rested(
        name=species,
        formula=str(formula),
        energy_eV=bulk.relaxed.energy_eV / times,
        volume_A3=float(atoms.get_volume()) / times,
        kind=kind,
        caveat=f"disordered; one ordered cell of {len(atoms)} atoms stands for it" if ordering else None,
        xyz=bulk.relaxed.xyz,
        provenance=bulk.relaxed.provenance,
    )


def conclude(name: str, reaction: str, parts: list[Rested], per: tuple[str, int] | None) -> ReactionRecord:
    """Balance the reaction with what its species really hold, and tell its energy."""
    bare = {part.name: part.term(Fraction(1)).counts for part in parts}
    coefficients = balanced(equation_of(reaction), bare)
    terms = [part.term(coefficients[part.name]) for part in parts]
    surrogate = parts[0].provenance.method.surrogate
    told = ("energies of a surrogate model, at 0 K without vibrations",) if surrogate else ("0 K, no vibrations",)
    return reaction_record(name, terms, per=per and (per[0], per[1]), caveats=told)


def _molecule_at_rest(species: str, effort: Effort, n_conformers: int) -> Rested:
    models = conformers(MoleculeRecipe(molecule=species), k=n_conformers)
    found = [
        relaxed(one, effort.engine, fmax=effort.fmax_eV_A, max_calls=effort.max_calls, stage=f"{species} {k}")
        for k, one in enumerate(models, start=1)
    ]
    lowest = min(found, key=lambda one: one.energy_eV)
    facts = models[0].facts
    sign = {0: "", 1: "+", -1: "-"}.get(facts.charge_e, f"^{abs(facts.charge_e)}{'+' if facts.charge_e > 0 else '-'}")
    kept = lowest.provenance.model_copy(
        update={
            "n_force_calls": sum(one.provenance.n_force_calls for one in found),
            "wall_s": sum(one.provenance.wall_s for one in found),
        }
    )
    return _rested(species, facts.formula + sign, lowest.model_copy(update={"provenance": kept}), "a free molecule")


def _free_atom(species: str, element: str, effort: Effort) -> Rested:
    """Compute the free atom in place of a metal."""
    one = effort.relax(to_text(Atoms(element)), species)
    return _rested(species, element, one, "a free atom, not the metal: its cohesion is left out")


def _rested(species: str, formula: str, one: Relaxation, caveat: str) -> Rested:
    return Rested(
        name=species,
        formula=formula,
        energy_eV=one.energy_eV,
        kind="molecule",
        caveat=caveat,
        xyz=one.xyz,
        provenance=one.provenance,
    )
