"""Surface records from slabs whose energies are made by hand: 2·area·γ + N·e, plus what goes wrong."""

import numpy as np
import pytest
from ase.build import bulk, fcc111

from interlith.analysis.energies import per_area
from interlith.analysis.records import Method, Provenance, Relaxation
from interlith.analysis.surfaces import RelaxedSlab, candidate, own_gamma, surface_record, units_of
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import to_text
from interlith.structures.records import Origin, SlabFacts

E_BULK, EXCESS = -3.5, 1.2
AREA = float(np.linalg.norm(np.cross(*fcc111("Al", (1, 1, 3), vacuum=5).cell[:2])))


def relaxation(atoms, energy, *, start=0.0, converged=True, engine="emt") -> Relaxation:
    method = Method(
        engine=engine, engine_version="1", model=engine, weights_sha256=None, functional="PBE", dispersion=None,
        surrogate=True,
    )  # fmt: skip
    provenance = Provenance(
        method=method, input_sha256=("0",), software={}, wall_s=1.0, n_force_calls=5, converged=converged
    )
    return Relaxation(
        xyz=to_text(atoms), energy_eV=energy, fmax_eV_A=0.01 if converged else 0.37, fmax_target_eV_A=0.02,
        energies_eV=(energy + start, energy), start_xyz=to_text(atoms), optimizer="none", provenance=provenance,
    )  # fmt: skip


def slab(layers, *, energy=None, symmetric=True, atoms=None, **changes) -> RelaxedSlab:
    atoms = atoms or fcc111("Al", (1, 1, layers), vacuum=5)
    atoms.info.clear()  # ASE's notes on adsorption sites are no text
    facts = SlabFacts(
        crystal="Al_fcc", miller=(1, 1, 1), termination=0, termination_label="", formula=f"Al{layers}", n_atoms=layers,
        thickness_A=2.3 * (layers - 1), n_layers=layers, vacuum_A=10, area_A2=AREA, tasker=None, dipole_eA=None,
        symmetric=symmetric, stoichiometric=True, broken_bonds={}, origin=Origin(source="by hand", sha256="0"),
    )  # fmt: skip
    total = EXCESS + layers * E_BULK if energy is None else energy
    return RelaxedSlab(facts=facts, relaxed=relaxation(atoms, total, **changes))


@pytest.fixture(params=[False, True], ids=["primitive", "cube"])
def crystal(request) -> Relaxation:
    unit = bulk("Al", cubic=request.param)
    return relaxation(unit, len(unit) * E_BULK)


def test_the_fit_gives_back_the_excess_whatever_cell_the_bulk_is_told_in(crystal):
    record = surface_record(crystal, [slab(n) for n in (5, 3, 7, 9)])
    gamma = per_area(EXCESS, 2 * AREA)
    assert record.fit.gamma_J_m2 == pytest.approx(gamma)
    assert record.fit.converged
    assert record.gamma_own_bulk_J_m2 == pytest.approx([gamma] * 4)
    assert [facts.n_layers for facts in record.slabs] == [3, 5, 7, 9]
    assert np.multiply(record.fit.bulk_eV_per_unit, record.formula_units) == pytest.approx(
        E_BULK * np.array([3, 5, 7, 9])
    )
    assert record.provenance.n_force_calls == 5 * 5


def test_a_wrong_bulk_energy_spoils_only_what_rests_on_it(crystal):
    """An error of δ per atom: γ against it drifts by N δ / 2 A, the fit stands."""
    wrong = crystal.model_copy(update={"energy_eV": crystal.energy_eV * (1 + 0.01)})
    one, other = (surface_record(b, [slab(n) for n in (3, 5, 7)]) for b in (crystal, wrong))
    assert other.fit.gamma_J_m2 == pytest.approx(one.fit.gamma_J_m2)
    drift = np.subtract(other.gamma_own_bulk_J_m2, one.gamma_own_bulk_J_m2)
    assert drift == pytest.approx([per_area(-n * 0.01 * E_BULK, 2 * AREA) for n in (3, 5, 7)])


def test_a_slab_too_thin_shows_in_the_fit(crystal):
    thin = slab(3, energy=EXCESS + 3 * E_BULK + 0.4)
    record = surface_record(crystal, [thin, *(slab(n) for n in (5, 7, 9))])
    assert not record.fit.converged
    assert record.fit.residual_eV > 0.1


def test_a_candidate_keeps_both_energies_and_relaxing_never_raises_one(crystal):
    row = candidate(slab(5, start=0.3), crystal)
    assert row.gamma_J_m2 == pytest.approx(per_area(EXCESS, 2 * AREA))
    assert row.gamma_unrelaxed_J_m2 - row.gamma_J_m2 == pytest.approx(per_area(0.3, 2 * AREA))
    assert row.converged
    assert not candidate(slab(5, converged=False), crystal).converged
    assert own_gamma(slab(5), crystal) == row.gamma_J_m2
    assert units_of(slab(8), crystal) * len(bulk("Al")) in (8, 2)


def test_what_did_not_rest_and_faces_that_differ_are_told(crystal):
    slabs = [slab(3), slab(5, converged=False), slab(7, symmetric=False)]
    record = surface_record(crystal, slabs)
    assert any("9.2 Å did not converge (largest force 0.37 eV/Å)" in told for told in record.caveats)
    assert "mean over two faces that differ" in record.caveats
    assert not record.provenance.converged
    calm = surface_record(crystal, [slab(n) for n in (3, 5, 7)])
    assert not any("converge" in told or "differ" in told for told in calm.caveats)


def test_what_cannot_be_a_surface_energy_is_refused(crystal):
    with pytest.raises(RequestError, match="2 different thicknesses"):
        surface_record(crystal, [slab(3), slab(5), slab(5)])
    with pytest.raises(ComputationError, match="2 methods"):
        surface_record(crystal, [slab(3), slab(5), slab(7, engine="chgnet")])
    oxidised = fcc111("Al", (1, 1, 3), vacuum=5)
    oxidised.symbols[0] = "O"
    with pytest.raises(RequestError, match=r"Al_fcc is not a whole number.*O"):
        surface_record(crystal, [slab(3, atoms=oxidised), slab(5), slab(7)])
