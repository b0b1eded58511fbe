"""Several fragments as one: contact ion pairs, complexes of a cation with its anions, pairs of large ions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from interlith.structures import docking
from interlith.structures.conformers import Ensemble, generate, ranked
from interlith.structures.docking import Body
from interlith.structures.errors import RequestError
from interlith.structures.smiles import canonical, is_metal

Floats = NDArray[np.float64]

SITES = 6
"""Places of a cation that are tried on each conformer."""
CONFORMERS = 4


@dataclass(frozen=True)
class _Pile:
    """Fragments put together so far, their strain, and which atom of the molecule each atom is."""

    body: Body
    strain_eV: float
    order: tuple[int, ...]


def generate_ions(mol: Chem.Mol, seed: int = 0) -> Ensemble:
    """Return geometries of a molecule of several fragments, lowest first.

    The largest anion is embedded; each metal cation goes where it binds two of its donors, several such places
    being tried; further anions are turned about a cation, every other fragment is slid against the rest. Order: the
    force-field energy of each fragment and the Coulomb energy of point charges between them.

    Parameters
    ----------
    mol
        With hydrogens as atoms.
    seed
        The same seed gives the same geometries.

    Raises
    ------
    RequestError
        When a fragment cannot be embedded, or a cation finds no free donor.
    """
    core, metals, others = _roles(mol)
    ensembles = {part: generate(_part(mol, part), seed) for part in (core, *others)}
    piles = [
        _Pile(docking.body(_part(mol, core), positions), energy, core)
        for positions, energy in zip(ensembles[core].positions, ensembles[core].energies_eV, strict=True)
    ][:CONFORMERS]
    for metal in metals:
        piles = [grown for pile in piles for grown in _with_metal(pile, mol, metal)]
    if not piles:
        raise RequestError(f"no free donor for a cation of {canonical(mol)}", "molecule", "name its ions apart")
    for other in others:
        piles = [grown for pile in piles for grown in _with_fragment(pile, mol, other, ensembles[other], seed)]
    energies = [pile.strain_eV for pile in piles]
    positions = [pile.body.positions[np.argsort(pile.order)] for pile in piles]
    if not piles:
        raise RequestError(f"the ions of {canonical(mol)} find no room beside each other", "molecule", "try a seed")
    field = ensembles[core].ranked_by
    return ranked(mol, positions, energies, f"{field} of each ion and Coulomb energy between them", docking.WINDOW_eV)


def _roles(mol: Chem.Mol) -> tuple[tuple[int, ...], list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Return the atoms of the largest anion (else the largest fragment), of each metal cation, and of each other."""
    parts = sorted(Chem.GetMolFrags(mol), key=lambda part: (-len(part), part))
    metals = [p for p in parts if len(p) == 1 and is_metal(mol.GetAtomWithIdx(p[0]))]
    rest = [p for p in parts if p not in metals]
    if not rest:
        raise RequestError(f"{canonical(mol)} holds bare cations only", "molecule", "name one cation, or their salt")
    anions = [p for p in rest if sum(mol.GetAtomWithIdx(k).GetFormalCharge() for k in p) < 0]
    core = (anions or rest)[0]
    return core, metals, sorted((p for p in rest if p != core), key=lambda p: p not in anions)


def _part(mol: Chem.Mol, atoms: tuple[int, ...]) -> Chem.Mol:
    """Return one fragment as a molecule, atoms in ascending order."""
    return next(
        piece
        for piece, members in zip(Chem.GetMolFrags(mol, asMols=True), Chem.GetMolFrags(mol), strict=True)
        if members == atoms
    )


def _with_metal(pile: _Pile, mol: Chem.Mol, metal: tuple[int, ...]) -> list[_Pile]:
    """Return the pile with a cation on each of its best places."""
    part = _part(mol, metal)
    number = part.GetAtomWithIdx(0).GetAtomicNum()
    grown = []
    for site in docking.cation_sites(pile.body, number, SITES):
        cation = docking.body(part, site[None])
        energy = pile.strain_eV + docking.coulomb_eV(pile.body, cation)
        grown.append(_Pile(pile.body.joined(cation), energy, pile.order + metal))
    return grown


def _with_fragment(pile: _Pile, mol: Chem.Mol, other: tuple[int, ...], ensemble: Ensemble, seed: int) -> list[_Pile]:
    """Return the pile with a fragment at a cation, where it can bind one, else beside the rest."""
    part = _part(mol, other)
    grown = []
    for positions, strain in zip(ensemble.positions[:CONFORMERS], ensemble.energies_eV, strict=False):
        for placed in placements(pile.body, docking.body(part, positions), seed):
            energy = pile.strain_eV + strain + docking.coulomb_eV(pile.body, placed)
            grown.append(_Pile(pile.body.joined(placed), energy, pile.order + other))
    return grown


def placements(host: Body, guest: Body, seed: int) -> list[Body]:
    """Return where a fragment can go: on a cation of the host by its own donors, else slid against the host.

    Parameters
    ----------
    host
        What is there already.
    guest
        One fragment; only anions are put on cations.
    seed
        Of the turns that are tried.
    """
    found = []
    if guest.charges.sum() < -0.5:
        for metal in host.metals:
            number = int(host.numbers[metal])
            sites = docking.cation_sites(guest, number, 2)
            found += [docking.attached(host, metal, guest, site, seed) for site in sites]
    placed = [body for body in found if body is not None]
    return placed or [docking.beside(host, guest, seed)]
