"""Complexes of a host with a cation, a salt or another molecule: geometry only, for engines to relax and rank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from interlith.structures import docking
from interlith.structures.conformers import donors, folded_starts, ranked, relaxed_by_force_field
from interlith.structures.docking import Body
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest
from interlith.structures.graphs import cations, to_model, to_mol
from interlith.structures.records import MoleculeModel, Origin

Floats = NDArray[np.float64]

FOLDED = 10
"""Folded starts of a flexible host beside the geometry given."""
SITES = 4


def complexes(host: MoleculeModel, guest: MoleculeModel, *, k: int = 8, seed: int = 0) -> list[MoleculeModel]:
    """Return a guest docked to a host in distinct ways, lowest first.

    A guest with a cation is docked by it: the cation goes where it binds two or more donors of the host, and the
    rest of the guest is turned about it to the lowest Coulomb energy without a clash. Other guests are slid
    against the host. A flexible host is tried as given and folded: its donors held as one Li would hold them.

    Parameters
    ----------
    host
        A molecule or oligomer, all in one piece.
    guest
        ``Li+``, a salt, or any molecule.
    k
        Most that are returned.
    seed
        The same seed gives the same complexes.

    Returns
    -------
    list of MoleculeModel
        Atoms of the host first. ``facts.n_units`` is the host's; ``facts.ranked_by`` names what the order comes from:
        the host's strain in the force field and the Coulomb energy of point charges, never an engine.

    Raises
    ------
    RequestError
        When the host is several fragments, or the guest finds no room at it.
    """
    scaffold, ion = to_mol(host), to_mol(guest)
    if len(Chem.GetMolFrags(scaffold)) > 1:
        raise RequestError(f"host {host.name} is several fragments", "host", "give the salt as the guest")
    whole = Chem.CombineMols(scaffold, ion)
    positions, energies = [], []
    bodies, field = _hosts(scaffold, seed)
    rider = _rider(ion)
    for body, strain in bodies:
        for placed in _placements(body, rider, seed):
            positions.append(np.vstack([body.positions, placed.positions]))
            energies.append(strain + docking.coulomb_eV(body, placed))
    if not positions:
        raise RequestError(f"{guest.name} finds no room at {host.name}", "guest", "try another conformer or seed")
    order = f"{field} strain of the host and Coulomb energy to the guest"
    ensemble = ranked(whole, positions, energies, order, docking.WINDOW_eV)
    origin = _origin(host, guest)
    return [
        to_model(
            whole,
            ensemble.positions[rank],
            f"{host.name}+{guest.name}",
            origin,
            n_units=host.facts.n_units,
            conformer=rank,
            relative_energy_eV=ensemble.energies_eV[rank],
            ranked_by=ensemble.ranked_by,
        )
        for rank in range(min(k, len(ensemble.positions)))
    ]


def _hosts(mol: Chem.Mol, seed: int) -> tuple[list[tuple[Body, float]], str]:
    """Return the host as given and folded, each with its strain in eV, and the force field behind that."""
    given = mol.GetConformer().GetPositions()
    # The given geometry may be an engine's: its strain is that of the force field's minimum next to it.
    _, nearby, field = relaxed_by_force_field(mol, [given])
    folds, strains = _folded(mol, seed)
    lowest = min([*nearby, *strains])
    bodies = [docking.body(mol, positions) for positions in (given, *folds)]
    return [(body, energy - lowest) for body, energy in zip(bodies, [*nearby, *strains], strict=True)], field


def _folded(mol: Chem.Mol, seed: int) -> tuple[list[Floats], list[float]]:
    """Return folded geometries and their force-field energies, eV; none of a stiff host."""
    if rdMolDescriptors.CalcNumRotatableBonds(mol, strict=False) < 3 or len(donors(mol)) < 2:
        return [], []
    starts = folded_starts(mol, FOLDED, seed)
    if not starts:
        return [], []
    found, energies, _ = relaxed_by_force_field(mol, [s for s, _ in starts], [held for _, held in starts])
    return found, energies


def _rider(ion: Chem.Mol) -> Body:
    """Return the guest as one rigid body, the donors of all its fragments known."""
    bodies = [docking.body(part, part.GetConformer().GetPositions()) for part in Chem.GetMolFrags(ion, asMols=True)]
    members = [index for part in Chem.GetMolFrags(ion) for index in part]
    whole = bodies[0]
    for other in bodies[1:]:
        whole = whole.joined(other)
    back = np.argsort(members)
    held = tuple(sorted(members[d] for d in whole.donors))
    return Body(ion, whole.positions[back], whole.charges[back], held)


def _placements(host: Body, guest: Body, seed: int) -> list[Body]:
    """Return the guest at each free place of its first cation, else slid against the host."""
    metals = cations(guest.mol)
    sites = docking.cation_sites(host, int(guest.numbers[metals[0]]), SITES) if metals else []
    found = [_at(host, guest, metals[0], site, seed) for site in sites]
    return [placed for placed in found if placed is not None] or [docking.beside(host, guest, seed)]


def _at(host: Body, guest: Body, metal: int, site: Floats, seed: int) -> Body | None:
    """Return the guest with its cation on a place of the host; None where every turn of the rest clashes."""
    rest = np.delete(np.arange(len(guest.positions)), metal)
    positions = np.tile(site, (len(guest.positions), 1))
    if len(rest):
        # The cation is fixed by its place: only what it carries is turned, and may clash.
        carried = _only(guest, rest)
        holder = host.joined(_only(guest, np.array([metal])).moved(site[None]))
        turned = docking.attached(holder, len(host.positions), carried, guest.positions[metal], seed)
        if turned is None:
            return None
        positions[rest] = turned.positions
    return guest.moved(positions)


def _only(body: Body, atoms: NDArray[np.int64]) -> Body:
    """Return some atoms of a body, its donors among them kept."""
    edit = Chem.RWMol(body.mol)
    for index in sorted(set(range(len(body.positions))) - set(atoms.tolist()), reverse=True):
        edit.RemoveAtom(index)
    held = tuple(int(k) for k, index in enumerate(atoms) if index in body.donors)
    return Body(edit.GetMol(), body.positions[atoms], body.charges[atoms], held)


def _origin(host: MoleculeModel, guest: MoleculeModel) -> Origin:
    """Return where a complex comes from: the steps of both."""
    steps = [*host.facts.origin.steps, *guest.facts.origin.steps, f"{guest.name} docked to {host.name}"]
    return Origin(
        source=f"{host.facts.origin.source} with {guest.facts.origin.source}",
        sha256=digest(host.xyz + guest.xyz),
        steps=tuple(steps),
    )
