"""Records made by hand, whose numbers are in sight: for what reads records without computing them."""

import os

# Before any numerical library loads: threads that wait for one another on busy cores cost several times the wall time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import pytest
from ase import Atoms

from interlith.analysis.records import Contact, InterfaceRecord, Method, Provenance, Quantity, RegistryOutcome, Spread
from interlith.structures.geometry import to_text
from interlith.structures.records import InterfaceModel, MatchFacts, Origin, SlabFacts

ORIGIN = Origin(source="by hand", sha256="0" * 64)


def slab_facts(crystal, miller) -> SlabFacts:
    return SlabFacts(
        crystal=crystal, miller=miller, termination=0, termination_label="top", formula="Li2", n_atoms=2,
        thickness_A=8.5, n_layers=2, vacuum_A=15.0, area_A2=9.0, tasker=1, dipole_eA=0.0, symmetric=True,
        stoichiometric=True, broken_bonds={}, origin=ORIGIN,
    )  # fmt: skip


def handmade_model() -> InterfaceModel:
    atoms = Atoms("Li4", [[0, 0, 0], [1.5, 1.5, 2], [0, 0, 4.2], [1.5, 1.5, 6.2]], cell=[3, 3, 20], pbc=True)
    atoms.arrays["side"] = np.array([0, 0, 1, 1])
    match = MatchFacts(
        cells_a=((1, 0), (0, 1)), cells_b=((1, 0), (0, 1)), area_A2=9.0, strain_a=(0.0, 0.0), strain_b=(0.01, -0.02),
        twist_deg=0.0, strain_rule="on B",
    )  # fmt: skip
    return InterfaceModel(
        name="by-hand", xyz=to_text(atoms), slab_a=slab_facts("LAGP", (0, 1, 2)), slab_b=slab_facts("Li", (1, -1, 0)),
        match=match, n_interfaces=1, shift=(0.0, 0.0), gap_A=2.2, origin=ORIGIN,
    )  # fmt: skip


def handmade_provenance(surrogate, converged) -> Provenance:
    method = Method(
        engine="chgnet" if surrogate else "vasp", engine_version="1", model="CHGNet" if surrogate else "VASP",
        weights_sha256=None, functional="PBE", dispersion=None, surrogate=surrogate,
    )  # fmt: skip
    return Provenance(
        method=method, input_sha256=("0" * 64,), software={}, wall_s=1.0, n_force_calls=42, converged=converged
    )


@pytest.fixture
def handmade_record():
    """Make a record of any system: E_form −0.82 J/m² over five registries, work of separation 2.18 J/m²."""

    def make(system="li-lagp", *, surrogate=True, converged=True, unit="J/m²") -> InterfaceRecord:
        model = handmade_model()
        spread = Spread(kind="registries", n=5, minimum=-0.82, maximum=0.31, std=0.4)
        quantities = (
            Quantity(quantity="interfacial_formation_energy", value=-0.82, unit=unit, definition="relaxed sides",
                     converged=converged, spread=spread, caveat="one ordering"),
            Quantity(quantity="work_of_separation", value=2.18, unit=unit, definition="frozen sides", converged=True),
        )  # fmt: skip
        registry = RegistryOutcome(
            shift=(0.0, 0.0), gap_A=2.2, rigid_energy_eV=-1.0, relaxed_energy_eV=-2.0, e_form_J_m2=-0.82,
            converged=converged, fmax_eV_A=0.04, n_force_calls=42,
        )  # fmt: skip
        contact = Contact(
            bonds_broken=(), bonds_formed=(), crossed=(), coordination_before={}, coordination_after={},
            min_distance_before_A=2.2, min_distance_after_A=2.1, largest_displacement_A=0.3, reacted=False,
            why="no bond changed",
        )  # fmt: skip
        return InterfaceRecord(
            system=system, preset="quick", model=model, relaxed_xyz=model.xyz, quantities=quantities,
            registries=(registry,), contact=contact, energies_eV={"interface": -2.0}, caveats=("a surrogate",),
            provenance=handmade_provenance(surrogate, converged),
        )  # fmt: skip

    return make
