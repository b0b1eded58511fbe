"""What charge moves between the sides of a contact: three densities by one engine on one grid, and their record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from jobflow import Flow, Maker
from pydantic import Field

from interlith.analysis.densities import Density, check_one_grid, density_difference
from interlith.analysis.profiles import VacuumLevels, has_vacuum, vacuum_levels
from interlith.analysis.records import Provenance
from interlith.analysis.transfers import ChargeRecord, ThreeDensities, charge_record
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text
from interlith.structures.interfaces import side_alone
from interlith.structures.records import Record
from interlith.workflows.efforts import named_job
from interlith.workflows.engines.catalogue import require
from interlith.workflows.engines.contract import EngineChoice, Option
from interlith.workflows.engines.electronic import Electronic, Wanted, electronic
from interlith.workflows.engines.volumetric import read_density, write_cube

PARTS = ("A|B", "A", "B")
OWN = ("charge", "multiplicity")
"""Options that each side has for itself."""
SPACING_A, MARGIN_A = 0.1, 5.5
"""Of the grid of a molecule: 4 Å from a lithium atom 0.006 e are yet to come, at this margin 0.0003."""


class DensityFile(Record):
    """A density in a file, and the calculation it came from."""

    part: str = Field(description="'A|B', 'A' or 'B'")
    file: str = Field(description="cube, whole path")
    reference: str | None = Field(default=None, description="cube of what makes the basins, where the engine gives it")
    energy_eV: float
    rung: str
    vacuum: VacuumLevels | None = Field(default=None, description="of a slab whose potential the engine gives")
    caveats: tuple[str, ...]
    provenance: Provenance


class ChargeAnswer(Record):
    """What charge moves between two sides, and what it was computed from."""

    record: ChargeRecord
    interaction_eV: float = Field(description="E(A|B) − E(A) − E(B), one geometry; no counterpoise")
    vacuum: VacuumLevels | None = Field(default=None, description="of A|B")
    rungs: dict[str, str] = Field(description="how each self-consistent field was reached")


@dataclass
class ChargeMaker(Maker):
    """Makes the flow of a charge transfer.

    Attributes
    ----------
    engine
        Gives densities; its options `charge` and `multiplicity` are those of both sides together.
    options_a, options_b
        Options of a side alone, in place of the engine's: its `charge` and `multiplicity`.
    axis
        Along which the sides are stacked, 0 to 2.
    spacing_A
        Of the grid, for an engine that may choose it.
    name
        Of the flow.
    """

    engine: EngineChoice
    options_a: Mapping[str, Option] = field(default_factory=dict)
    options_b: Mapping[str, Option] = field(default_factory=dict)
    axis: int = 2
    spacing_A: float | None = None
    name: str = "charge transfer"

    def make(self, xyz: str) -> Flow:
        """Return the flow; its output is a `ChargeAnswer`, its cubes stay in the folders of the jobs.

        Parameters
        ----------
        xyz
            A relaxed contact, extended XYZ with the per-atom array `side`.

        Raises
        ------
        RequestError
            For an engine without densities, atoms without sides, or charges of the sides that do not add up.
        """
        require(self.engine, "energy", "density")
        sided(xyz)
        whole, *alone = engines_of(self.engine, self.options_a, self.options_b)
        first = named_job(compute, "density A|B", xyz, "A|B", whole, self.spacing_A, None)
        others = [
            named_job(compute, f"density {part}", xyz, part, choice, self.spacing_A, first.output.file)
            for part, choice in zip("AB", alone, strict=True)
        ]
        parts = [job.output for job in (first, *others)]
        last = named_job(conclude, "charge transfer", xyz, parts, self.axis, float(whole.options.get("charge", 0)))
        return Flow([first, *others, last], output=last.output, name=self.name)


def engines_of(
    engine: EngineChoice, options_a: Mapping[str, Option], options_b: Mapping[str, Option]
) -> tuple[EngineChoice, EngineChoice, EngineChoice]:
    """Return the engine for A|B, A and B.

    Raises
    ------
    RequestError
        If the sides' charges do not add up to the whole's.
    """
    shared = {name: value for name, value in engine.options.items() if name not in OWN}
    a, b = (engine.model_copy(update={"options": shared | dict(own)}) for own in (options_a, options_b))
    charges = [float(choice.options.get("charge", 0)) for choice in (engine, a, b)]
    if abs(charges[0] - charges[1] - charges[2]) > 1e-9:
        raise RequestError(
            "charges {:+g} of A|B, {:+g} of A and {:+g} of B do not add up".format(*charges),
            "engine options",
            "give each side its own `charge`",
        )
    return engine, a, b


def sided(xyz: str) -> Atoms:
    """Return the atoms of a contact.

    Raises
    ------
    RequestError
        If they have no array `side` of 0 and 1.
    """
    atoms = from_text(xyz)
    if set(np.asarray(atoms.arrays.get("side", ())).tolist()) != {0, 1}:
        raise RequestError(
            f"{atoms.get_chemical_formula()} has no two sides", "charge transfer", "give each atom a `side`, 0 or 1"
        )
    return atoms


def compute(xyz: str, part: str, engine: EngineChoice, spacing_A: float | None, frame: str | None) -> DensityFile:
    """Compute the density of a contact or of one of its sides alone, on the grid of the cube `frame` if given.

    The cubes are written into the current folder.
    """
    atoms = sided(xyz)
    alone = atoms if part == "A|B" else side_alone(atoms, PARTS[1:].index(part))
    slab = part == "A|B" and bool(atoms.pbc.all())
    levels = slab and "orbitals" in require(engine).capabilities
    box = None if "stress" in require(engine).capabilities else open_grid(atoms, spacing_A)
    like = box if frame is None else read_density(frame)
    wanted = Wanted(density=True, potential=slab, orbitals=levels, spacing_A=spacing_A, frame=like)
    found = electronic(alone, engine, wanted)
    stem = part.replace("|", "")
    return DensityFile(
        part=part,
        file=_written(found.density, f"density-{stem}.cube", part),
        reference=_written(found.reference, f"reference-{stem}.cube", part) if found.reference else None,
        energy_eV=found.energy_eV,
        rung=found.rung,
        vacuum=_vacuum(found),
        caveats=found.caveats,
        provenance=found.provenance,
    )


def conclude(xyz: str, files: list[DensityFile], axis: int, net_charge_e: float) -> ChargeAnswer:
    """Part the densities of a contact and its sides; the cube of their difference goes into the current folder."""
    whole, a, b = files
    contact = three_densities([one.file for one in files], [whole.reference] if whole.reference else [])
    difference = density_difference(contact.whole, contact.a, contact.b)
    record = charge_record(
        contact,
        axis=axis,
        per_area=bool(from_text(xyz).pbc.any()),
        net_charge_e=net_charge_e,
        provenance=Provenance.of_species([one.provenance for one in files]),
    )
    kept = {one.part: one.file for one in files} | {
        "difference": _written(difference, "difference.cube", "A|B − A − B")
    }
    told = tuple(f"{one.part}: {caveat}" for one in files for caveat in one.caveats)
    return ChargeAnswer(
        record=record.model_copy(update={"files": kept, "caveats": record.caveats + told}),
        interaction_eV=whole.energy_eV - a.energy_eV - b.energy_eV,
        vacuum=whole.vacuum,
        rungs={one.part: one.rung for one in files},
    )


def open_grid(atoms: Atoms, spacing_A: float | None) -> Density:
    """Return an empty grid around a molecule, so wide that the outermost electrons of a metal atom stand within it.

    The number of points along each axis is even: every second one makes the coarser grid that noise is told from.
    """
    step = SPACING_A if spacing_A is None else spacing_A
    low, high = atoms.positions.min(axis=0) - MARGIN_A, atoms.positions.max(axis=0) + MARGIN_A
    shape = tuple(2 * int(n) for n in np.ceil((high - low) / (2 * step)))
    box = Atoms(atoms.symbols, atoms.positions, cell=step * np.array(shape), pbc=False)
    return Density(np.zeros(shape), box, low)


def three_densities(
    files: Sequence[str | Path],
    references: Sequence[str | Path] = (),
    nuclear_charges: Callable[[list[str]], list[float]] | None = None,
) -> ThreeDensities:
    """Read the densities of a contact and of its sides, and what makes the basins.

    Parameters
    ----------
    files
        A|B, A and B.
    references
        Densities whose sum makes the basins; without any see :class:`ThreeDensities`.
    nuclear_charges
        Gives those of A|B from its chemical symbols, in place of the file's.

    Raises
    ------
    RequestError
        If a file cannot be read, or the grids differ.
    """
    whole, a, b = (read_density(file) for file in files)
    if nuclear_charges is not None:
        whole = replace(whole, nuclear_charges=np.array(nuclear_charges(list(whole.atoms.symbols))))
    reference = summed([read_density(file) for file in references])
    check_one_grid({"A|B": whole, "A": a, "B": b} | ({"reference": reference} if reference else {}))
    return ThreeDensities(whole, a, b, reference)


def summed(parts: Sequence[Density]) -> Density | None:
    """Return the sum of densities on one grid; None of none.

    Raises
    ------
    RequestError
        If the grids differ.
    """
    if not parts:
        return None
    check_one_grid({f"reference {k}": part for k, part in enumerate(parts, start=1)})
    return parts[0].with_values(np.sum([part.values_e_A3 for part in parts], axis=0))


def _written(density: Density | None, name: str, comment: str) -> str:
    assert density is not None, f"the engine gave no {name}"
    return str(write_cube(density, Path(name).absolute(), comment))


def _vacuum(found: Electronic) -> VacuumLevels | None:
    """Return the vacuum levels of a slab; None where there is no potential or no vacuum."""
    if found.potential is None or not has_vacuum(found.potential):
        return None
    return vacuum_levels(found.potential, fermi_eV=found.levels.fermi_eV if found.levels else None)
