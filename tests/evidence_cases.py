"""Relaxations and statics of stated energies, as an engine would have left them."""

from ase import Atoms

from interlith.analysis.records import Method, Provenance, Relaxation, Static
from interlith.structures.geometry import to_text


def provenance(converged=True, engine="emt", dispersion=None) -> Provenance:
    method = Method(
        engine=engine, engine_version="1", model=engine, weights_sha256=None, functional=None, dispersion=dispersion,
        surrogate=True,
    )  # fmt: skip
    return Provenance(method=method, input_sha256=("0",), software={}, wall_s=1.0, n_force_calls=3, converged=converged)


def relaxation(atoms: Atoms, energy: float, converged=True, **more) -> Relaxation:
    text = to_text(atoms)
    return Relaxation(
        xyz=text, energy_eV=energy, fmax_eV_A=0.01 if converged else 0.4, fmax_target_eV_A=0.05, energies_eV=(energy,),
        start_xyz=text, optimizer="none", provenance=provenance(converged, **more),
    )  # fmt: skip


def static(atoms: Atoms, energy: float) -> Static:
    return Static(xyz=to_text(atoms), energy_eV=energy, fmax_eV_A=1.0, provenance=provenance())
