"""One Jobflow graph for levels: the lowest conformer of each molecule, its eigenvalues, one electron more and fewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobflow import Flow, Job

from interlith.analysis.levels import Levels, LevelsRecord, MoleculeLevels, Vertical, level_caveats, vertical
from interlith.analysis.records import Provenance, Quantity
from interlith.analysis.salts import Search, level_of
from interlith.structures.errors import ComputationError
from interlith.structures.records import MoleculeModel, MoleculesRecipe, Record
from interlith.workflows.dissociation import Methods, brought_to_rest, search
from interlith.workflows.efforts import PresetMaker, named_job
from interlith.workflows.engines.catalogue import find, load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.electronic import Wanted, electronic
from interlith.workflows.molecules import charged


class Solved(Record):
    """A molecule in the gas phase and, where one is named, in a solvent."""

    model: MoleculeModel
    gas: Levels
    energy_eV: float
    solvated: Levels | None = None
    solvent: str | None = None
    caveats: tuple[str, ...] = ()
    provenance: Provenance


@dataclass
class LevelsMaker(PresetMaker):
    """Makes the flow of the levels of some molecules.

    Attributes
    ----------
    methods
        What computes what; `conformers` and `starts` say how many geometries are looked at.
    name
        Of the flow.
    """

    methods: Methods
    name: str = "levels"

    def make(self, system: str, recipe: MoleculesRecipe) -> Flow:
        """Return the flow; its output is the `LevelsRecord`.

        Parameters
        ----------
        system
            Name of the system, for the record.
        recipe
            The molecules.
        """
        jobs: list[Job] = []
        solved, moved, searches = [], [], []
        for member in recipe.molecules:
            name = member.recipe.molecule
            found = named_job(search, f"conformers of {name}", "molecule", member.recipe, self.methods)
            levels = named_job(solve, f"levels of {name}", found.output, self.methods)
            ions = named_job(ionise, f"{name} with an electron fewer and more", levels.output, self.methods.engine)
            jobs += [found, levels, ions]
            searches.append(found.output)
            solved.append(levels.output)
            moved.append(ions.output)
        asked = {"system": system, "preset": self.preset.name, "settings": self._settings}
        geometry = self.methods.geometry.engine if self.methods.geometry else self.methods.screening
        record = named_job(conclude, "record", asked | {"geometry": geometry}, searches, solved, moved)
        return Flow([*jobs, record], output=record.output, name=self.name)

    @property
    def _settings(self) -> dict[str, str | float | int | bool]:
        solvent = {"solvent": self.methods.solvent} if self.methods.solvent else {}
        return {"screening": self.methods.screening.name, "starts": self.methods.starts, **solvent}


def solve(found: Search, methods: Methods) -> Solved:
    """Compute the levels of the lowest conformer, in the gas phase and in the solvent."""
    model = brought_to_rest(found.models[0], methods.geometry)
    choice, levels, label = charged(methods.engine, model.facts), {}, None
    gas = electronic(model.atoms, choice, Wanted(orbitals=True))
    levels["gas"] = _levels(gas.levels, model.name)
    if methods.solvent and "solvent" in (find(choice).options or ()):
        wet = choice.model_copy(update={"options": {**choice.options, "solvent": methods.solvent}})
        inside = electronic(model.atoms, wet, Wanted(orbitals=True))
        label = str(inside.provenance.method.settings["solvent"])
        levels[label] = _levels(inside.levels, model.name)
    return Solved(
        model=model,
        gas=levels["gas"],
        energy_eV=gas.energy_eV,
        solvated=levels[label] if label else None,
        solvent=label,
        caveats=level_caveats(levels),
        provenance=gas.provenance,
    )


def ionise(solved: Solved, engine: EngineChoice) -> Vertical:
    """Return the vertical ionisation energy and electron affinity of a molecule in the gas phase.

    Electrons that find no self-consistent field leave a gap, with the reason, not a number of another method.
    """
    atoms, charge = solved.model.atoms, solved.model.facts.charge_e
    energies: dict[int, float | None] = {}
    told = []
    for change, name in ((1, "fewer"), (-1, "more")):
        options = {k: v for k, v in engine.options.items() if k != "multiplicity"} | {"charge": charge + change}
        try:
            energies[change] = electronic(atoms, engine.model_copy(update={"options": options}), Wanted()).energy_eV
        except ComputationError as error:
            energies[change] = None
            told.append(f"one electron {name}: {error.what}")
    return vertical(solved.energy_eV, energies[1], energies[-1], tuple(told))


def conclude(
    asked: dict[str, Any], searches: Sequence[Search], solved: Sequence[Solved], moved: Sequence[Vertical]
) -> LevelsRecord:
    """Bring everything together in the record."""
    molecules = tuple(_molecule(one, ions) for one, ions in zip(solved, moved, strict=True))
    provenance = Provenance.of_species([one.provenance for one in solved])
    geometry = level_of(load(asked["geometry"]).method())
    solvent = next((one.solvent for one in solved if one.solvent), None)
    return LevelsRecord(
        system=asked["system"],
        preset=asked["preset"],
        settings=asked["settings"],
        level=level_of(provenance.method, geometry),
        solvent=solvent,
        molecules=molecules,
        quantities=tuple(q for one in molecules for q in _quantities(one, solvent)),
        energies_eV={one.model.name: one.energy_eV for one in solved},
        caveats=(
            "Kohn-Sham eigenvalues are no ionisation energies: those are beside them, by differences of total energies",
            *(f"{one.name}, {caveat}" for one in molecules for caveat in one.caveats),
        ),
        provenance=provenance,
        screening=Provenance.of_species([one.provenance for one in searches]),
    )


def _levels(levels: Levels | None, name: str) -> Levels:
    if levels is None:
        raise ComputationError(f"the engine gave no levels of {name}", "levels", "choose another engine")
    return levels


def _molecule(solved: Solved, ions: Vertical) -> MoleculeLevels:
    return MoleculeLevels(
        name=solved.model.name,
        facts=solved.model.facts,
        xyz=solved.model.xyz,
        gas=solved.gas,
        solvated=solved.solvated,
        vertical=ions,
        caveats=(*solved.caveats, *ions.told),
    )


def _quantities(one: MoleculeLevels, solvent: str | None) -> list[Quantity]:
    """Return what the record says of one molecule, each number with the environment it belongs to."""
    environments = {"gas": one.gas} | ({solvent: one.solvated} if solvent and one.solvated else {})
    rows: list[tuple[str, float | None, str]] = []
    for where, levels in environments.items():
        tag = "" if where == "gas" else " in solvent"
        rows.append((f"HOMO of {one.name}{tag}", levels.homo_eV, f"highest occupied Kohn-Sham eigenvalue ({where})"))
        rows.append((f"LUMO of {one.name}{tag}", levels.lumo_eV, f"lowest empty Kohn-Sham eigenvalue ({where})"))
    if one.vertical:
        rows.append((f"vertical IP of {one.name}", one.vertical.ionisation_eV, "E(N-1) - E(N), geometry kept (gas)"))
        rows.append((f"vertical EA of {one.name}", one.vertical.affinity_eV, "E(N) - E(N+1), geometry kept (gas)"))
    return [
        Quantity(quantity=name, value=value, unit="eV", definition=told, converged=True, caveat=_caveat(name, value))
        for name, value, told in rows
        if value is not None
    ]


def _caveat(name: str, value: float) -> str | None:
    """Return what is wrong with a level above the vacuum, or with an electron that is not held."""
    if name.startswith("vertical"):
        return "not held: rests on the basis" if value < 0 else None
    return "above the vacuum: unbound, a state of the basis" if value > 0 else None
