"""One Jobflow graph per salt: conformers of every part by a cheap engine, energies by the one that answers, record.

The parts are the salt, its ions and, with a host, the host and its complexes with each of them. The best conformers of
each are computed by the engine that answers, at the cheap engine's geometry or brought to rest by a third one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from jobflow import Flow, Job

from interlith.analysis.dissociation import (
    Conformer,
    Definition,
    DissociationRecord,
    LongerChain,
    Part,
    default_definition,
    dissociation_energies,
)
from interlith.analysis.records import Provenance
from interlith.analysis.salts import Findings, Question, Refined, Search, Solvated, Superposition, answer, level_of
from interlith.structures.complexes import complexes
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text
from interlith.structures.molecules import conformers, molecule
from interlith.structures.records import MoleculeModel, MoleculeRecipe, MoleculesRecipe, Record
from interlith.structures.salts import (
    anion_in,
    in_one_piece,
    in_order_of,
    ions_of,
    same_molecule,
    shell,
    shortest_hold_A,
)
from interlith.workflows.efforts import Effort, PresetMaker, named_job, searched
from interlith.workflows.engines.catalogue import find, load, require
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.electronic import Wanted, electronic
from interlith.workflows.molecules import charged, ranked, relaxed
from interlith.workflows.relaxations import static

HOSTS_DOCKED, GUESTS_DOCKED = 3, 2
"""Conformers of the host and of the guest that complexes are built from, beside the host folded about the cation."""
FMAX_eV_A = 0.05
"""Of the search: conformers closer than this to rest differ by some meV."""
MAX_CALLS = 500
ROLES = ("salt", "host", "cation", "anion", "molecule")


class Salt(Record):
    """A salt, its ions and a host, as recipes."""

    salt: MoleculeRecipe
    cation: MoleculeRecipe
    anion: MoleculeRecipe
    host: MoleculeRecipe | None = None

    @property
    def longer(self) -> MoleculeRecipe | None:
        """The host with one repeat unit more; None where it has none."""
        units = molecule(self.host).facts.n_units if self.host else None
        return None if units is None or self.host is None else self.host.model_copy(update={"n": units + 1})


class Methods(Record):
    """What computes what.

    Attributes
    ----------
    engine
        The energies that answer.
    screening
        Conformers and their order.
    geometry
        Brings the conformers that answer to rest; None: they stay as the search left them.
    solvent
        Of D5, as the engine takes it; None for no D5.
    conformers
        Of each part, computed by the engine that answers.
    starts
        Geometries of a complex that the search relaxes.
    """

    engine: EngineChoice
    screening: EngineChoice
    geometry: Effort | None = None
    solvent: str | None = None
    conformers: int = 3
    starts: int = 24


@dataclass
class DissociationMaker(PresetMaker):
    """Makes the flow of one salt, bare or at a host.

    Attributes
    ----------
    methods
        What computes what.
    name
        Of the flow.
    """

    methods: Methods
    name: str = "dissociation"

    def make(self, system: str, recipe: MoleculesRecipe) -> Flow:
        """Return the flow; its output is the `DissociationRecord`.

        Parameters
        ----------
        system
            Name of the system, for the record.
        recipe
            One salt and at most one host; ions that it names must be the salt's own.
        """
        salt, methods = salt_of(recipe), self.methods
        searches = self._searches(salt)
        refined = {part: self._refined(part, found, salt) for part, found in searches.items()}
        complexed: tuple[tuple[Definition, Part], ...] = (("D0", "salt"), ("D1", "host+salt"))
        ghosts = [
            named_job(
                superpose, f"counterpoise of {name}", name, searches[part].output, _of(refined[part]), methods.engine
            )
            for name, part in complexed[: 2 if salt.host else 1]
        ]
        bare: tuple[Part, ...] = ("cation", "anion", "salt")
        wet = [
            named_job(solvate, f"{told_part(p, salt)} in solvent", searches[p].output, _of(refined[p]), methods)
            for p in bare
        ]
        parts = {part: found.output for part, found in searches.items()}
        longer = [] if salt.longer is None else [named_job(lengthen, "one unit more", salt, parts, methods)]
        computed = [one for ladder in refined.values() for one in ladder]
        others = {"superpositions": _of(ghosts), "solvated": _of(wet), "longer": longer[0].output if longer else None}
        question = self._question(system, salt)
        record = named_job(conclude, "record", question, list(parts.values()), _of(computed), others)
        jobs = [*searches.values(), *computed, *ghosts, *wet, *longer, record]
        return Flow(jobs, output=record.output, name=self.name)

    def _refined(self, part: Part, found: Job, salt: Salt) -> list[Job]:
        """Return the jobs that compute the conformers of a part."""
        count = 1 if part == "cation" else self.methods.conformers
        names = [f"{told_part(part, salt)}, conformer {k + 1}" for k in range(count)]
        return [named_job(refine, name, found.output, k, self.methods) for k, name in enumerate(names)]

    def _searches(self, salt: Salt) -> dict[Part, Job]:
        """Return the jobs that find the conformers of every part."""
        methods = self.methods
        alone: dict[Part, MoleculeRecipe] = {"cation": salt.cation, "anion": salt.anion}
        if salt.host:
            alone["host"] = salt.host
        found = {
            part: named_job(search, f"conformers of {told_part(part, salt)}", part, recipe, methods)
            for part, recipe in alone.items()
        }
        ions = (found["anion"].output, found["cation"].output)
        found["salt"] = named_job(pair, f"conformers of {told_part('salt', salt)}", salt.salt, *ions, methods)
        guests: dict[Part, Part] = {"cation": "host+cation", "salt": "host+salt", "anion": "host+anion"}
        for guest, part in guests.items() if salt.host else ():
            name = f"conformers of {told_part(part, salt)}"
            found[part] = named_job(dock, name, part, found["host"].output, found[guest].output, methods)
        return found

    def _question(self, system: str, salt: Salt) -> Question:
        methods = self.methods
        geometry = methods.geometry.engine if methods.geometry else methods.screening
        settings: dict[str, str | float | int | bool] = {
            "fmax_eV_A": methods.geometry.fmax_eV_A if methods.geometry else FMAX_eV_A,
            "screening": methods.screening.name,
            "geometry": geometry.name,
            "conformers": methods.conformers,
            "starts": methods.starts,
        }
        return Question(
            system=system,
            preset=self.preset.name,
            salt=salt.salt.molecule,
            host=salt.host.molecule if salt.host else None,
            geometry=level_of(load(geometry).method()),
            settings=settings | ({"solvent": methods.solvent} if methods.solvent else {}),
        )


def salt_of(recipe: MoleculesRecipe) -> Salt:
    """Return the salt, its ions and the host of a system of molecules.

    Raises
    ------
    RequestError
        If there is not one salt, more than one host, a salt that is no pair of ions, an ion that is not the salt's, or
        a host that is no single molecule.
    """
    counts = {role: sum(1 for member in recipe.molecules if member.role == role) for role in ROLES}
    for role, count in counts.items():
        if count > (role != "molecule") or (role == "salt" and not count):
            raise RequestError(f"{count} molecules of role {role!r}", "molecules", "name one salt and at most one host")
    named: dict[str, MoleculeRecipe] = {member.role: member.recipe for member in recipe.molecules}
    ions = ions_of(molecule(named["salt"]))
    for role, own in (("cation", ions.cation), ("anion", ions.anion)):
        given = named.setdefault(role, own)
        if not same_molecule(molecule(given), molecule(own)):
            what = f"{given.molecule} is not the {role} of {named['salt'].molecule}, which is {own.molecule}"
            raise RequestError(what, "molecules", "leave it out")
    host = named.get("host")
    if host is not None and not in_one_piece(molecule(host)):
        raise RequestError(f"host {host.molecule} is several fragments", "host", "name one molecule or oligomer")
    return Salt(salt=named["salt"], cation=named["cation"], anion=named["anion"], host=host)


def told_part(part: Part, salt: Salt) -> str:
    """Return a part by the names of its molecules, e.g. ``P-DOL with Li+``."""
    host, _, guest = part.rpartition("+")
    name = str(getattr(salt, guest).molecule)
    return f"{salt.host.molecule} with {name}" if host and salt.host else name


def search(part: Part, recipe: MoleculeRecipe, methods: Methods) -> Search:
    """Find the conformers of one molecule, ion or salt, relaxed and ranked by the cheap engine."""
    return ranked_search(part, conformers(recipe, k=methods.starts), "embedded and folded", methods.screening)


def pair(recipe: MoleculeRecipe, anion: Search, cation: Search, methods: Methods) -> Search:
    """Find the conformers of a salt: embedded, and its lowest anions with the cation in several sites.

    What the cheap engine makes of the free anion is no good start everywhere, nor is the force field's: for LiTFSI each
    of the two finds minima that the other misses.
    """
    embedded = conformers(recipe, k=methods.starts)
    each = -(-methods.starts // len(anion.models))
    docked = [one for left in anion.models for one in complexes(left, cation.models[0], k=each)]
    starts = [*embedded, *(in_order_of(one, embedded[0]) for one in docked)]
    return ranked_search("salt", starts, "embedded, and docked to conformers of the anion", methods.screening)


def dock(part: Part, host: Search, guest: Search, methods: Methods) -> Search:
    """Find the conformers of a complex: the lowest hosts, and hosts folded, with the lowest guests in several sites."""
    pairs = list(product(host.models[:HOSTS_DOCKED], guest.models[:GUESTS_DOCKED]))
    each = -(-methods.starts // len(pairs))
    starts = [one for left, right in pairs for one in complexes(left, right, k=each)][: methods.starts]
    named = [one.model_copy(update={"name": starts[0].name}) for one in starts]
    told = f"{len(pairs)} pairs of conformers docked, the host folded as well"
    return ranked_search(part, named, told, methods.screening)


def ranked_search(part: Part, starts: Sequence[MoleculeModel], told: str, engine: EngineChoice) -> Search:
    """Relax and rank geometries of one part, and say how it was done."""
    began = time.perf_counter()
    models = ranked(starts, engine, fmax=FMAX_eV_A, max_calls=MAX_CALLS) if starts[0].facts.n_atoms > 1 else starts
    lowest = static(models[0].xyz, charged(engine, models[0].facts))
    provenance = searched(charged(engine, models[0].facts), starts[0].xyz, began, lowest.provenance.n_force_calls)
    return Search(
        part=part,
        models=tuple(models),
        energy_eV=lowest.energy_eV,
        n_started=len(starts),
        told=f"{len(starts)} geometries ({told}) relaxed by {engine.name}, {len(models)} distinct left",
        provenance=provenance,
    )


def refine(found: Search, rank: int, methods: Methods) -> Refined | None:
    """Compute one conformer with the engine that answers; None where fewer were found."""
    if rank >= len(found.models):
        return None
    model = brought_to_rest(found.models[rank], methods.geometry)
    energy, provenance = energy_of(model, methods.engine)
    positions = from_text(model.xyz).positions
    conformer = Conformer(
        xyz=model.xyz,
        energy_eV=energy,
        screened_eV=found.energies_eV[rank],
        shell=shell(model, positions),
        shortest_hold_A=shortest_hold_A(model, positions),
    )
    return Refined(part=found.part, conformer=conformer, provenance=provenance)


def brought_to_rest(model: MoleculeModel, effort: Effort | None) -> MoleculeModel:
    """Return a molecule at rest by an engine; as it is where none is named, or where it is one atom."""
    if effort is None or model.facts.n_atoms == 1:
        return model
    found = relaxed(model, effort.engine, fmax=effort.fmax_eV_A, max_calls=effort.max_calls, stage=model.name)
    return model.model_copy(update={"xyz": found.xyz})


def energy_of(model: MoleculeModel, engine: EngineChoice) -> tuple[float, Provenance]:
    """Return the energy of a molecule in its own charge and multiplicity, forces left out where the engine can.

    Parameters
    ----------
    model
        The geometry.
    engine
        What computes it.
    """
    choice = charged(engine, model.facts)
    if "orbitals" in require(choice, "energy").capabilities:
        found = electronic(model.atoms, choice, Wanted())
        return found.energy_eV, found.provenance
    plain = static(model.xyz, choice)
    return plain.energy_eV, plain.provenance


def lowest(found: Search, refined: Sequence[Refined | None]) -> MoleculeModel:
    """Return the conformer of lowest energy, as it was computed."""
    best = min((one.conformer for one in refined if one), key=lambda conformer: conformer.energy_eV)
    return found.models[0].model_copy(update={"xyz": best.xyz})


def superpose(
    definition: Definition, found: Search, refined: Sequence[Refined | None], engine: EngineChoice
) -> Superposition | None:
    """Compute the anion and the rest of a complex in their own basis and the whole one's; None without ghost atoms."""
    if "orbitals" not in require(engine, "energy").capabilities:
        return None
    model = lowest(found, refined)
    anion = anion_in(model)
    energies = []
    for kept, charge in ((anion.atoms, anion.charge_e), (~anion.atoms, model.facts.charge_e - anion.charge_e)):
        choice = engine.model_copy(update={"options": {**engine.options, "charge": charge}})
        own = electronic(model.atoms[kept], choice, Wanted()).energy_eV
        whole = electronic(model.atoms, choice, Wanted(ghosts=~kept)).energy_eV
        energies.append((own, whole))
    return Superposition(definition=definition, fragments_eV=tuple(energies))


def solvate(found: Search, refined: Sequence[Refined | None], methods: Methods) -> Solvated | None:
    """Compute the lowest conformer in the solvent; None where none is asked for, or the engine knows none."""
    known = find(methods.engine).options or frozenset()
    if methods.solvent is None or "solvent" not in known:
        return None
    options = {**methods.engine.options, "solvent": methods.solvent}
    engine = methods.engine.model_copy(update={"options": options})
    energy, provenance = energy_of(lowest(found, refined), engine)
    return Solvated(part=found.part, energy_eV=energy, solvent=str(provenance.method.settings["solvent"]))


def lengthen(salt: Salt, here: Mapping[Part, Search], methods: Methods) -> LongerChain:
    """Repeat the search at a host of one repeat unit more, and answer with the cheap engine's energies."""
    assert salt.longer is not None, "only a chain is lengthened"
    host = search("host", salt.longer, methods)
    found = dict(here) | {"host": host}
    guests: dict[Part, Part] = {"host+cation": "cation", "host+salt": "salt"}
    found |= {part: dock(part, host, here[guest], methods) for part, guest in guests.items()}
    energies: dict[Part, float] = {part: one.energy_eV for part, one in found.items() if part != "host+anion"}
    chosen = default_definition(hosted=True)
    return LongerChain(
        n=host.models[0].facts.n_units or 0,
        level=level_of(load(methods.screening).method()),
        value_eV=dissociation_energies(energies)[chosen],
        value_here_eV=dissociation_energies({part: one.energy_eV for part, one in here.items()})[chosen],
        energies_eV=energies,
    )


def conclude(
    question: Question, searches: list[Search], refined: list[Refined | None], others: dict[str, Any]
) -> DissociationRecord:
    """Bring everything together in the record."""
    return answer(question, Findings(searches=tuple(searches), refined=tuple(refined), **others))


def _of(jobs: Sequence[Job]) -> list[Any]:
    return [one.output for one in jobs]
