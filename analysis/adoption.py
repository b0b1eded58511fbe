"""From three calculations that somebody else finished to the record of a contact.

The folders say less than a run of our own: no crystals, no faces, one relaxation a side. What they do not tell is not
in the record, and what they must agree in (cell, method) is refused where they do not, with both values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from ase import Atoms
from ase.geometry import find_mic
from numpy.typing import NDArray
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from interlith.analysis import energies
from interlith.analysis.coordination import contact
from interlith.analysis.records import AnswerRecord, Method, Provenance, Quantity
from interlith.analysis.transfers import ChargeRecord
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest, from_text, to_text
from interlith.structures.records import ContactModel, Record

FROZEN_A = 0.02
"""A side none of whose atoms stands farther from its place in A|B is frozen."""
SAME_CELL_A = 1e-3
VACUUM_A = 6.0
"""A gap as wide as this along c is vacuum: one interface; without it there are two."""
PARTS = ("A|B", "A", "B")

DEFINITIONS = {
    "interfacial_formation_energy": "[E(A|B) − E(A) − E(B)] / (N·area), sides relaxed alone in the common cell, once",
    "interfacial_formation_energy_frozen": "[E(A|B) − E(A) − E(B)] / (N·area), sides as they are in the interface",
    "work_of_separation": "−E_form(frozen)",
    "work_of_adhesion": "−E_form(relaxed)",
    "interaction_energy": "E(A|B) − E(A) − E(B) of the whole cell",
    "largest_displacement": "largest atomic displacement from first to last geometry, drift of each side removed",
}


class FinishedRun(Record):
    """One calculation as its folder tells it."""

    folder: str
    start_xyz: str = Field(description="first geometry, extended XYZ")
    xyz: str = Field(description="last geometry, the same atoms in the same order")
    energy_eV: float = Field(description="of the last geometry")
    relaxed: bool = Field(description="atoms moved until the code's own threshold was reached")
    n_geometries: int
    method: Method
    kinds: dict[str, str] = Field(description="element → pseudopotential and basis")

    @property
    def atoms(self) -> Atoms:
        """The last geometry."""
        return from_text(self.xyz)


class AdoptedRecord(AnswerRecord):
    """The answer of three finished folders: a contact and its sides alone."""

    model: ContactModel = Field(description="A|B as its folder begins")
    parts: tuple[FinishedRun, ...] = Field(description="A|B, A, B")
    frozen: bool = Field(description="whether the sides stand as in A|B")
    charge: ChargeRecord | None = Field(default=None, description="where densities of frozen sides lie in the folders")


def check_one_method(runs: Mapping[str, FinishedRun]) -> None:
    """Refuse calculations that differ in cell or method.

    Parameters
    ----------
    runs
        By part.

    Raises
    ------
    RequestError
        Naming what differs, both values and both folders.
    """
    (first, whole), *others = runs.items()
    for name, run in others:
        where = f"{whole.folder}, {run.folder}"
        apart = float(np.abs(whole.atoms.cell.array - run.atoms.cell.array).max())
        if apart > SAME_CELL_A:
            lengths = (" x ".join(f"{x:.4f}" for x in r.atoms.cell.lengths()) for r in (whole, run))
            what = "cells of {} and {} differ: {} Å and {} Å".format(first, name, *lengths)
            raise RequestError(what, where, "compute the sides alone in the cell of both")
        for what, one, other in _differences(whole, run):
            raise RequestError(
                f"{what} of {first} and {name} differ: {one} and {other}", where, "compute all three by one method"
            )


def _differences(one: FinishedRun, other: FinishedRun) -> list[tuple[str, object, object]]:
    told = ("engine", "engine_version", "functional", "dispersion")
    pairs = [(name, getattr(one.method, name), getattr(other.method, name)) for name in told]
    names = sorted(set(one.method.settings) | set(other.method.settings))
    pairs += [(name, one.method.settings.get(name), other.method.settings.get(name)) for name in names]
    shared = sorted(set(one.kinds) & set(other.kinds))
    pairs += [(f"pseudopotential or basis of {symbol}", one.kinds[symbol], other.kinds[symbol]) for symbol in shared]
    return [(name, a, b) for name, a, b in pairs if a != b]


def sides_by_place(whole: Atoms, a: Atoms, b: Atoms) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the side of each atom of the whole, and how far the side alone has it from there (Å), both (atoms,).

    Atoms are paired with those of one element in the sides so that the squared distances are least.

    Raises
    ------
    RequestError
        If A and B together are not the atoms of A|B.
    """
    counted = Counter(a.symbols) + Counter(b.symbols)
    if counted != Counter(whole.symbols):
        formulas = (x.get_chemical_formula() for x in (a, b, whole))
        what = "{} and {} together are not {}".format(*formulas)
        raise RequestError(what, "A, B and A|B", "give the folders in the order A|B, A, B")
    both, of_side = a + b, np.repeat([0, 1], [len(a), len(b)])
    side, away = np.empty(len(whole), dtype=np.int64), np.empty(len(whole))
    for number in set(whole.numbers):
        here, there = (np.flatnonzero(x.numbers == number) for x in (whole, both))
        moves = both.positions[there][None] - whole.positions[here][:, None]
        distances = find_mic(moves.reshape(-1, 3), whole.cell, pbc=True)[1].reshape(len(here), len(there))
        rows, columns = linear_sum_assignment(distances**2)
        side[here[rows]] = of_side[there[columns]]
        away[here[rows]] = distances[rows, columns]
    return side, away


def interfaces_in(atoms: Atoms) -> Literal[1, 2]:
    """Return how many interfaces a cell holds: 1 beside a vacuum along c, 2 without."""
    places = np.sort(atoms.get_scaled_positions()[:, 2])
    height = abs(atoms.cell.volume) / np.linalg.norm(np.cross(*atoms.cell.array[:2]))
    return 1 if np.diff(places, append=places[0] + 1.0).max() * height >= VACUUM_A else 2


def adopted(name: str, runs: Mapping[str, FinishedRun], charge: ChargeRecord | None = None) -> AdoptedRecord:
    """Return the record of a contact from its calculation and those of its sides alone.

    Parameters
    ----------
    name
        Of the system, for the record.
    runs
        "A|B", "A", "B".
    charge
        What the densities say, if there are any.

    Raises
    ------
    RequestError
        If cells, methods or atoms do not belong together, or a side stands neither as in A|B nor at rest.
    """
    check_one_method(runs)
    whole, a, b = (runs[part] for part in PARTS)
    side, away = sides_by_place(whole.atoms, a.atoms, b.atoms)
    frozen = _frozen(runs, side, away)
    before, after = (_sided(xyz, side) for xyz in (whole.start_xyz, whole.xyz))
    seen = contact(before, after)
    model = ContactModel(name=name, xyz=to_text(before), n_interfaces=interfaces_in(after))
    quantities = [*_energies(runs, frozen, model), _moved(whole, seen.largest_displacement_A)]
    return AdoptedRecord(
        system=name,
        preset="adopted",
        model=model,
        relaxed_xyz=to_text(after),
        quantities=tuple(quantities),
        contact=seen,
        energies_eV={"interface": whole.energy_eV, "side_a": a.energy_eV, "side_b": b.energy_eV},
        caveats=_caveats(whole, frozen, seen.why if seen.reacted else ""),
        provenance=_provenance(list(runs.values())),
        parts=tuple(runs[part] for part in PARTS),
        frozen=frozen,
        charge=charge,
    )


def _frozen(runs: Mapping[str, FinishedRun], side: NDArray[np.int64], away: NDArray[np.float64]) -> bool:
    """Return whether the sides stand as in A|B; refuse sides of which nothing can be said."""
    farthest = [float(away[side == k].max()) for k in (0, 1)]
    if max(farthest) <= FROZEN_A:
        return True
    for distance, part in sorted(zip(farthest, PARTS[1:], strict=True), reverse=True):
        if not runs[part].relaxed:
            raise RequestError(
                f"side {part} was not relaxed; it stands {distance:.2f} Å from its place in A|B, one of the sides "
                f"{max(farthest):.2f} Å",
                runs[part].folder,
                "relax both, or compute both as they are in A|B",
            )
    if not runs["A|B"].relaxed:
        raise RequestError("A|B was not relaxed, its sides were", runs["A|B"].folder, "relax it")
    return False


def _sided(xyz: str, side: NDArray[np.int64]) -> Atoms:
    atoms = from_text(xyz)
    atoms.set_array("side", side)
    return atoms


def _energies(runs: Mapping[str, FinishedRun], frozen: bool, model: ContactModel) -> list[Quantity]:
    whole, a, b = (runs[part].energy_eV for part in PARTS)
    formed = energies.interfacial_formation_energy(whole, a, b, model.area_A2, model.n_interfaces)
    caveat = None if frozen else "each side was relaxed from one start only: it may rest in another basin than in A|B"
    named = (
        ("interfacial_formation_energy_frozen", formed),
        ("work_of_separation", energies.work_of_separation(formed)),
    )
    relaxed = (("interfacial_formation_energy", formed), ("work_of_adhesion", energies.work_of_adhesion(formed)))
    areal = [_quantity(name, value, "J/m^2", caveat) for name, value in (named if frozen else relaxed)]
    return [*areal, _quantity("interaction_energy", whole - a - b, "eV", caveat)]


def _quantity(name: str, value: float, unit: str, caveat: str | None = None) -> Quantity:
    return Quantity(quantity=name, value=value, unit=unit, definition=DEFINITIONS[name], converged=True, caveat=caveat)


def _moved(whole: FinishedRun, distance: float) -> Quantity:
    return _quantity("largest_displacement", distance, "Å", None if whole.relaxed else "A|B was not relaxed")


def _caveats(whole: FinishedRun, frozen: bool, reaction: str) -> tuple[str, ...]:
    told = [f"a reaction took place: {reaction}"] if reaction else []
    if frozen:
        told.append("both sides stand as in A|B: nothing is known of what they gain by relaxing alone")
    if not whole.relaxed:
        told.append("A|B was computed as it was given")
    return tuple(told)


def _provenance(runs: Sequence[FinishedRun]) -> Provenance:
    method = runs[0].method
    return Provenance(
        method=method,
        input_sha256=tuple(digest(run.start_xyz) for run in runs),
        software={method.engine: method.engine_version},
        wall_s=0.0,
        n_force_calls=sum(run.n_geometries for run in runs),
        converged=True,
    )
