"""How the answer for a salt is put together: conformers, energies, ghosts, solvent, and the longer chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from interlith.analysis.dissociation import (
    BALANCES,
    REACTIONS,
    Conformer,
    Definition,
    DissociationRecord,
    LongerChain,
    Part,
    PartOutcome,
    boltzmann_average,
    counterpoise_corrected,
    default_definition,
    dissociation_energies,
    in_dielectric,
    spread_over_conformers,
)
from interlith.analysis.records import Method, Provenance, Quantity, Spread
from interlith.structures.records import MoleculeModel, Record


class Search(Record):
    """The conformers of one part as the cheap engine found and ranked them."""

    part: Part
    models: tuple[MoleculeModel, ...] = Field(min_length=1, description="lowest first")
    energy_eV: float = Field(description="total energy of the first")
    n_started: int
    told: str = Field(description="how they were looked for")
    provenance: Provenance

    @property
    def energies_eV(self) -> list[float]:
        """Total energies, lowest first."""
        return [self.energy_eV + (model.facts.relative_energy_eV or 0.0) for model in self.models]


class Refined(Record):
    """One conformer with the energy that answers."""

    part: Part
    conformer: Conformer
    provenance: Provenance


class Superposition(Record):
    """Fragments of a complex in their own basis and in the whole one's."""

    definition: Definition
    fragments_eV: tuple[tuple[float, float], ...] = Field(description="own basis, basis of the complex")


class Solvated(Record):
    """One part in a dielectric, in the geometry it has without."""

    part: Part
    energy_eV: float
    solvent: str


class Question(Record):
    """What was asked."""

    system: str
    preset: str
    salt: str
    host: str | None
    geometry: str = Field(description="engine whose minima the geometries are")
    settings: dict[str, str | float | int | bool]


class Findings(Record):
    """Everything that was computed for a record."""

    searches: tuple[Search, ...]
    refined: tuple[Refined | None, ...] = Field(description="None where fewer conformers were found")
    superpositions: tuple[Superposition | None, ...] = Field(default=(), description="None without ghost atoms")
    solvated: tuple[Solvated | None, ...] = Field(default=(), description="None for an engine without solvents")
    longer: LongerChain | None = None


def answer(question: Question, findings: Findings) -> DissociationRecord:
    """Bring everything together in the record.

    Each part answers with its lowest conformer at the level that answers; what an average at room temperature would
    change is beside it.

    Raises
    ------
    ComputationError
        If the energies come from different methods.
    """
    parts = [_outcome(search, findings.refined) for search in findings.searches]
    energies: dict[Part, float] = {one.part: one.energy_eV for one in parts}
    ladders = {one.part: [each.energy_eV for each in one.conformers] for one in parts}
    screened = {search.part: search.energy_eV for search in findings.searches}
    solvated = {one.part: one.energy_eV for one in findings.solvated if one}
    values = dissociation_energies(energies)
    if {"cation", "anion", "salt"} <= set(solvated):
        values["D5"] = in_dielectric(solvated)
    chosen = default_definition(hosted=question.host is not None)
    counterpoise: dict[Definition, float] = {
        one.definition: counterpoise_corrected(values[one.definition], one.fragments_eV)
        for one in findings.superpositions
        if one
    }
    provenance = Provenance.of_species([one.provenance for one in findings.refined if one])
    solvent = next((one.solvent for one in findings.solvated if one), None)
    spreads: dict[Definition, Spread | None] = {
        name: spread_over_conformers(ladders, name) for name in values if name != "D5"
    }
    return DissociationRecord(
        system=question.system,
        preset=question.preset,
        salt=question.salt,
        host=question.host,
        definition=chosen,
        level=level_of(provenance.method, question.geometry),
        parts=tuple(parts),
        quantities=tuple(_quantities(values, chosen, spreads, counterpoise, solvent)),
        counterpoise_eV=counterpoise,
        solvated_eV=solvated,
        solvent=solvent,
        boltzmann_eV=dissociation_energies({part: boltzmann_average(each) for part, each in ladders.items()}),
        screened_eV=dissociation_energies(screened),
        screened_spread=spread_over_conformers({s.part: s.energies_eV for s in findings.searches}, chosen),
        longer_chain=findings.longer,
        searched=tuple(f"{search.part}: {search.told}" for search in findings.searches),
        screening=Provenance.of_species([search.provenance for search in findings.searches]),
        energies_eV=_all_energies(parts),
        caveats=tuple(_caveats(question, findings, values, counterpoise, provenance.method)),
        provenance=provenance,
        settings=question.settings,
    )


def level_of(method: Method, geometry: str | None = None) -> str:
    """Return a level of theory as chemists write it, e.g. ``B3LYP-D3(BJ)/6-31+g*//GFN2-xTB``.

    Parameters
    ----------
    method
        Of the energies.
    geometry
        Of the geometries; None or the same where they are of one level.
    """
    of_energies = method.model if method.surrogate else str(method.functional or method.model)
    dispersion = f"-{method.dispersion}" if method.dispersion else ""
    basis = f"/{method.settings['basis']}" if "basis" in method.settings else ""
    level = of_energies + dispersion + basis
    return level if geometry in (None, level) else f"{level}//{geometry}"


def _outcome(search: Search, refined: Sequence[Refined | None]) -> PartOutcome:
    mine = sorted((one.conformer for one in refined if one and one.part == search.part), key=lambda c: c.energy_eV)
    return PartOutcome(
        part=search.part,
        facts=search.models[0].facts,
        n_started=search.n_started,
        n_found=len(search.models),
        conformers=tuple(mine),
    )


def _all_energies(parts: Sequence[PartOutcome]) -> dict[str, float]:
    """Return every energy under a name: the lowest conformer by its part, others numbered from 2."""
    return {
        one.part + (f", conformer {k}" if k > 1 else ""): conformer.energy_eV
        for one in parts
        for k, conformer in enumerate(one.conformers, start=1)
    }


def _quantities(
    values: Mapping[Definition, float],
    chosen: Definition,
    spreads: Mapping[Definition, Spread | None],
    counterpoise: Mapping[Definition, float],
    solvent: str | None,
) -> list[Quantity]:
    def quantity(name: str, value: float, definition: Definition, more: str = "") -> Quantity:
        told = f"{definition}: {REACTIONS[definition]}{more}"
        spread = None if more else spreads.get(definition)
        return Quantity(quantity=name, value=value, unit="eV", definition=told, converged=True, spread=spread)

    in_solvent = {"D5": f" ({solvent})"}
    found = [quantity("dissociation_energy", values[chosen], chosen)]
    found += [quantity(name, value, name, in_solvent.get(name, "")) for name, value in values.items()]
    corrected = "; each fragment in the basis of the complex (counterpoise)"
    return found + [
        quantity(f"{name}_counterpoise", counterpoise[name], name, corrected)
        for name in BALANCES
        if name in counterpoise
    ]


def _caveats(
    question: Question,
    findings: Findings,
    values: Mapping[Definition, float],
    counterpoise: Mapping[Definition, float],
    method: Method,
) -> list[str]:
    """Return what a reader must know, the weightiest first."""
    chosen = default_definition(hosted=question.host is not None)
    found = ["differences of electronic energies at 0 K: no zero-point motion, no entropy"]
    if question.host:
        found.insert(
            0,
            f"{chosen} is one of several definitions: the papers do not say theirs, and only {chosen} fits the size "
            "and the sign of their drops",
        )
    if findings.longer:
        change = findings.longer.value_eV - findings.longer.value_here_eV
        found.append(
            f"the length of the chain matters: with {findings.longer.n} repeat units {chosen} changes by "
            f"{change:+.2f} eV ({findings.longer.level})"
        )
    if question.geometry not in (method.model, level_of(method)):
        found.append(f"the geometries are minima of {question.geometry}, not of the level of the energies")
    if question.geometry == "GFN2-xTB":
        found.append("GFN2-xTB draws Li to O 0.1 to 0.2 Å too close")
    if chosen not in counterpoise:
        found.append(f"{chosen} holds the superposition of basis sets: no counterpoise was computed")
    if "D5" not in values:
        found.append("D5 was not computed: the engine was given no solvent, or knows none")
    if method.surrogate:
        found.append(f"{method.model} is no first-principles method")
    return found
