"""The equations of an interface, each once. Total energies in eV, areas in Å², results in J/m².

Symbols: γ a surface energy, σ an interface energy, A and B the sides, N the number of interfaces in the
cell (1 beside a vacuum, 2 in a periodic sandwich). The work of adhesion and its link to σ go back to
Dupré; the definitions with strained references follow Lepley and Holzwarth, 10.1103/PhysRevB.92.214201.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from interlith.analysis.units import EV_A2_IN_J_M2
from interlith.structures.errors import RequestError

BALANCE_TOLERANCE = 1e-6


def per_area(energy_eV: float, area_A2: float) -> float:
    """Return an energy in eV spread over an area in Å² as J/m².

    Raises
    ------
    RequestError
        For an area that is not positive.
    """
    if not area_A2 > 0:
        raise RequestError(f"area {area_A2} Å² is not positive", "energy per area", "give the area of one interface")
    return energy_eV / area_A2 * EV_A2_IN_J_M2


def interfacial_formation_energy(
    interface_eV: float, side_a_eV: float, side_b_eV: float, area_A2: float, n_interfaces: int = 1
) -> float:
    """Return ``E_form = [E(A|B) − E(A) − E(B)] / (N·area)`` in J/m²; negative: the contact is favourable.

    Parameters
    ----------
    interface_eV
        Total energy of the interface.
    side_a_eV, side_b_eV
        Total energies of the sides alone, in the same lateral cell: at rest for the relaxed value
        (minus the work of adhesion), in the interface's geometry for the frozen one (minus the work of
        separation).
    area_A2
        Area of one interface.
    n_interfaces
        1 beside a vacuum, 2 without.
    """
    return per_area(interface_eV - side_a_eV - side_b_eV, n_interfaces * area_A2)


def work_of_separation(formation_frozen_J_m2: float) -> float:
    """Return ``W_sep = [E_A(frozen) + E_B(frozen) − E(A|B)] / (N·area) = −E_form(frozen)`` in J/m²."""
    return -formation_frozen_J_m2


def work_of_adhesion(formation_relaxed_J_m2: float) -> float:
    """Return ``W_ad = [E_A + E_B − E(A|B)] / (N·area) = −E_form(relaxed)`` in J/m²; never above `W_sep`."""
    return -formation_relaxed_J_m2


def dupre_work(gamma_a_J_m2: float, gamma_b_J_m2: float, sigma_J_m2: float) -> float:
    """Return the work of adhesion by Dupré's relation, ``W = γ_A + γ_B − σ``, in J/m²."""
    return gamma_a_J_m2 + gamma_b_J_m2 - sigma_J_m2


def surface_energy(slab_eV: float, bulk_eV: float, area_A2: float) -> float:
    """Return ``γ = [E_slab − Σ n_i μ_i] / (2·area)`` in J/m²: the mean over the two faces.

    Parameters
    ----------
    slab_eV
        Total energy of the slab.
    bulk_eV
        Energy of as many bulk formula units as the slab holds, at the slab's in-plane strain.
    area_A2
        Area of one face.
    """
    return per_area(slab_eV - bulk_eV, 2 * area_A2)


def interface_energy(
    interface_eV: float,
    bulk_eV: float,
    area_A2: float,
    n_interfaces: int = 1,
    free_faces_J_m2: float = 0.0,
) -> float:
    """Return the bulk-referenced ``σ = [E(A|B) − Σ n_i μ_i] / (N·area) − (γ_A + γ_B)`` in J/m².

    Parameters
    ----------
    interface_eV
        Total energy of the interface.
    bulk_eV
        ``Σ n_i μ_i`` over both sides, each bulk at the interface's in-plane strain (with unstrained
        bulks σ would grow with thickness).
    area_A2, n_interfaces
        As for `interfacial_formation_energy`.
    free_faces_J_m2
        ``γ_A + γ_B`` of the two faces that look into the vacuum; 0 where there is none.
    """
    return per_area(interface_eV - bulk_eV, n_interfaces * area_A2) - free_faces_J_m2


def strain_energy(strained_eV: float, unstrained_eV: float, area_A2: float) -> float:
    """Return ``[E_bulk(strained) − E_bulk(free)] / area`` in J/m²: what the match costs one side.

    Parameters
    ----------
    strained_eV, unstrained_eV
        Energies of as much bulk as the side holds: at the interface's in-plane cell with the normal
        relaxed, and free.
    area_A2
        Area of one interface.
    """
    return per_area(strained_eV - unstrained_eV, area_A2)


def binding_energy(complex_eV: float, slab_eV: float, molecule_eV: float) -> float:
    """Return ``E_bind = E(slab+mol) − E(slab) − E(mol)`` in eV per cell; negative: the molecule is bound.

    Parameters
    ----------
    complex_eV
        Total energy of the molecule on the slab.
    slab_eV, molecule_eV
        Total energies of the parts alone in the same cell: at rest for the binding energy; as they are in the complex
        for the interaction energy ``E_int`` of frozen parts, which is never above it.
    """
    return complex_eV - slab_eV - molecule_eV


def deformation_energy(in_complex_eV: float, at_rest_eV: float) -> float:
    """Return ``E_def = E(as in the complex) − E(at rest)`` of one part, eV; never negative for parts at rest.

    ``E_bind = E_int + E_def(slab) + E_def(mol)``.
    """
    return in_complex_eV - at_rest_eV


def formula_units(body: Mapping[str, float], reference: Mapping[str, float], name: str = "slab") -> float:
    """Return n with ``body = n · reference``, both as element → number of atoms.

    Raises
    ------
    RequestError
        If no n balances every element: the excess is named, because such a body needs a chemical
        potential and has no surface energy without one.
    """
    absent = sorted(set(body) - set(reference))
    ratios = {element: body.get(element, 0) / count for element, count in reference.items()}
    n = min(ratios.values())
    excess = {e: body.get(e, 0) - n * count for e, count in reference.items()}
    excess = {e: x for e, x in excess.items() if x > BALANCE_TOLERANCE} | {e: body[e] for e in absent}
    if excess or n <= 0:
        told = ", ".join(f"{e} +{x:g}" for e, x in sorted(excess.items())) or "nothing in common"
        raise RequestError(
            f"{name} is not a whole number of its bulk's formula units: {told}",
            "bulk-referenced energy",
            "take a stoichiometric termination, or state a chemical potential",
        )
    return float(np.mean(list(ratios.values())))
