"""What every model must pass before an engine sees it: the atoms at fault are named.

:func:`check_model` is the whole check, for what a builder has made or a person has brought. :func:`check_atoms` is its
cheap first part, which every computation repeats: it knows no chemistry, so that a reaction that an engine has run
into is no reason to refuse the model it made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from interlith.structures import layouts, wholes
from interlith.structures.bonds import Bonds
from interlith.structures.distances import short_contacts
from interlith.structures.errors import RequestError
from interlith.structures.findings import Finding, listed
from interlith.structures.records import AdlayerModel, InterfaceModel, MoleculeModel
from interlith.structures.valences import covalent_bonds, missing_neighbours

Model = InterfaceModel | AdlayerModel | MoleculeModel

CLOSEST = 0.5
"""Two atoms nearer than this fraction of the sum of their covalent radii overlap (H2 stands at 1.2)."""


def check_model(model: Model | Atoms, where: str = "") -> list[Finding]:
    """Refuse a model, ours or a person's, that is not what it claims to be or that chemistry does not allow.

    Parameters
    ----------
    model
        A record, or the atoms of a person's file.
    where
        The file, side or job that it came from, for the message; a record's own name if empty.

    Returns
    -------
    The warnings: what could not be checked, what a person should know.

    Raises
    ------
    RequestError
        With the first few faults of :func:`findings`, in one line.
    """
    found = findings(model)
    faults = [f for f in found if f.fault]
    if faults:
        place = where or getattr(model, "name", "")
        raise RequestError(listed([f.message for f in faults], rest="more faults"), place, faults[0].mend)
    return found


def findings(model: Model | Atoms) -> list[Finding]:
    """Return everything that is wrong with a model, and what could not be checked; empty for a sound one.

    Looked at are: coordinates and cell; distances against radii (:mod:`structures.distances`); the valences of
    molecules and polymers (:mod:`structures.valences`), and no ring with a bond through it; charge; and, of a record,
    sides, their contents, vacuum, area (:mod:`structures.layouts`) and whole molecules (:mod:`structures.wholes`).

    Parameters
    ----------
    model
        A record, or atoms as a file gives them: of these nothing is claimed, so that only geometry is looked at, sides
        where the array `side` is there, and charge where the array `oxidation` is.
    """
    atoms = model if isinstance(model, Atoms) else model.atoms
    unsound = next(_unsound(atoms), None)
    if unsound is not None:
        return [unsound]
    bonds = covalent_bonds(atoms)
    told = _against_record(model, atoms, bonds)
    return [*told, *short_contacts(atoms), *wholes.speared_rings(atoms, bonds)]


def check_atoms(atoms: Atoms, where: str) -> None:
    """Refuse a model that no engine can compute.

    Parameters
    ----------
    atoms
        The model; Å.
    where
        The file, side or job that it came from, for the message.

    Raises
    ------
    RequestError
        No atoms; a dummy atom; a coordinate that is not a finite number; a periodic cell without volume or
        left-handed; two atoms (or an atom and its own image) closer than half the sum of their covalent radii.
    """
    for finding in _unsound(atoms):
        raise RequestError(finding.message, where, finding.mend)


def check_surface_vectors(vectors: NDArray[np.float64], where: str) -> None:
    """Refuse two in-plane vectors that span no area.

    Parameters
    ----------
    vectors
        Rows are the vectors, shape (2, 2) or (2, 3), Å.
    where
        The argument that holds them.

    Raises
    ------
    RequestError
        A vector is zero or not finite, or the two are co-linear (angle below 0.06°).
    """
    rows = np.asarray(vectors, dtype=float)
    lengths = np.linalg.norm(rows, axis=1)
    gram = rows @ rows.T
    area = np.sqrt(max(gram[0, 0] * gram[1, 1] - gram[0, 1] ** 2, 0.0))
    if not np.isfinite(rows).all() or area <= 1e-3 * max(lengths.prod(), 1e-9):
        told = ", ".join("(" + " ".join(f"{x:g}" for x in row) + ")" for row in rows)
        raise RequestError(f"surface vectors {told} are zero or co-linear", where, "give two that span the plane")


def _against_record(model: Model | Atoms, atoms: Atoms, bonds: Bonds) -> list[Finding]:
    """Return what a model does not keep of its record, valences included; of bare atoms nothing else is claimed."""
    if isinstance(model, InterfaceModel):
        return [*_of_interface(model, atoms), *missing_neighbours(atoms, bonds)]
    if isinstance(model, AdlayerModel):
        return _of_adlayer(model, atoms, bonds)
    if isinstance(model, MoleculeModel):
        return _of_molecule(model, atoms, bonds)
    sides = layouts.wrong_sides(atoms) if layouts.SIDE in atoms.arrays else []
    return [*sides, *layouts.wrong_charge(atoms), *missing_neighbours(atoms, bonds)]


def _of_interface(model: InterfaceModel, atoms: Atoms) -> list[Finding]:
    """Return what an interface of two crystals does not keep of its record."""
    found = [*layouts.wrong_cell(atoms, model.area_A2), *layouts.wrong_sides(atoms)]
    if not any(f.kind == "sides" for f in found):
        found += layouts.wrong_contents(model, atoms)
    found += layouts.wrong_vacuum(model, atoms)
    return [*found, *layouts.wrong_charge(atoms)]


def _of_adlayer(model: AdlayerModel, atoms: Atoms, bonds: Bonds) -> list[Finding]:
    """Return what molecules on a slab do not keep of their record."""
    both = model.bottom == "symmetric" and wholes.MOLECULE in atoms.arrays
    found = [*layouts.wrong_cell(atoms, model.area_A2), *layouts.wrong_sides(atoms, both_faces=both)]
    if not any(f.kind == "sides" for f in found):
        members = wholes.wrong_members(atoms, model.molecules)
        found += [*layouts.wrong_contents(model, atoms), *members]
        found += [] if members else wholes.wrong_molecules(atoms, model.molecules, bonds)
        found += _charged_layer(model)
    found += layouts.wrong_vacuum(model, atoms)
    return [*found, *layouts.wrong_charge(atoms)]


def _of_molecule(model: MoleculeModel, atoms: Atoms, bonds: Bonds) -> list[Finding]:
    """Return what a molecule alone does not keep of its facts."""
    labelled = atoms.copy()
    labelled.set_array(layouts.SIDE, np.ones(len(atoms), dtype=int))
    labelled.set_array(wholes.MOLECULE, np.zeros(len(atoms), dtype=int))
    return wholes.wrong_members(labelled, [model.facts]) or wholes.wrong_molecules(labelled, [model.facts], bonds)


def _charged_layer(model: AdlayerModel) -> list[Finding]:
    """Return the warning that a periodic model holds ions whose charges do not cancel."""
    net = sum(facts.charge_e for facts in model.molecules)
    if net == 0:
        return []
    told = f"the molecules have {net:+d} e in a periodic cell: most engines take the model as neutral"
    return [Finding("charge", told, "add the counter-ion, or name an engine that takes a charge", fault=False)]


def _unsound(atoms: Atoms) -> Iterator[Finding]:
    """Yield what makes a model impossible to compute; each check relies on those before it."""
    if len(atoms) == 0:
        yield Finding("position", "the model has no atoms", "check the file or the cut that made it")
    dummies = np.flatnonzero(atoms.numbers == 0)
    if dummies.size:
        told = f"atom {dummies[0]} is no element"
        yield Finding("position", told, "remove dummy atoms and vacancies (X)", tuple(dummies.tolist()))
    checks: tuple[Callable[[Atoms], Finding | None], ...] = (_lost, _misshapen, _overlapping)
    for check in checks:
        finding = check(atoms)
        if finding is not None:
            yield finding


def _lost(atoms: Atoms) -> Finding | None:
    """Find coordinates that are not numbers, naming the first atom."""
    wrong = np.flatnonzero(~np.isfinite(atoms.positions).all(axis=1))
    if wrong.size:
        culprit = f"atom {wrong[0]} ({atoms.symbols[wrong[0]]}) is at {atoms.positions[wrong[0]]}"
        return Finding("position", f"{culprit}: not a finite position", "mend its coordinates", tuple(wrong.tolist()))
    if not np.isfinite(atoms.cell.array).all():
        told = f"the cell {atoms.cell.array.tolist()} is not finite"
        return Finding("cell", told, "mend the lattice vectors")
    return None


def _misshapen(atoms: Atoms) -> Finding | None:
    """Find a periodic cell that is flat or left-handed."""
    if not atoms.pbc.any():
        return None
    rows = atoms.cell.array[atoms.pbc]
    lengths = np.linalg.norm(rows, axis=1)
    spanned = np.sqrt(max(np.linalg.det(rows @ rows.T), 0.0))
    if spanned <= 1e-3 * lengths.prod() or lengths.min() < 1e-3:
        told = ", ".join(f"{x:.4g}" for x in atoms.cell.cellpar())
        return Finding("cell", f"the periodic cell ({told}) has no volume", "give independent lattice vectors")
    if atoms.pbc.all() and np.linalg.det(rows) < 0:
        volume = np.linalg.det(rows)
        return Finding("cell", f"the cell is left-handed (a·b×c = {volume:.4g} Å³)", "swap two lattice vectors")
    return None


def _overlapping(atoms: Atoms) -> Finding | None:
    """Find atoms on top of each other, the closest pairs named first."""
    radii = CLOSEST * covalent_radii[atoms.numbers]
    first, second, distance = neighbor_list("ijd", atoms, list(radii), self_interaction=False)
    once = first <= second
    if not once.any():
        return None
    order = np.argsort(distance[once], kind="stable")
    pairs = list(dict.fromkeys(zip(first[once][order], second[once][order], distance[once][order], strict=True)))
    told = listed([_pair(atoms, int(i), int(j), float(d)) for i, j, d in pairs], rest="more pairs")
    members = tuple(sorted({int(k) for i, j, _ in pairs for k in (i, j)}))
    return Finding("distance", f"overlapping atoms: {told}", "remove duplicates, or order split sites first", members)


def _pair(atoms: Atoms, i: int, j: int, distance: float) -> str:
    """Return two atoms and their distance, in words."""
    other = f"{j} ({atoms.symbols[j]})" if i != j else "its own periodic image"
    return f"{i} ({atoms.symbols[i]}) and {other} at {distance:.2f} Å"
