import pytest
from recorded.surfaces import FMAX_EV_A, THICKNESSES_A, surface_of

from interlith.analysis.records import SurfaceRecord
from interlith.analysis.surrogates import MeasuredSurface, measured, measured_surface
from interlith.structures.errors import RequestError
from interlith.structures.records import SideRecipe
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.surfaces import SurfaceMaker, rank_surfaces

EMT = EngineChoice(name="emt")


def measured_again(
    engine, crystal, miller, thicknesses_A=THICKNESSES_A
) -> tuple[SurfaceRecord, MeasuredSurface, MeasuredSurface]:
    """Return the record of a face, what is kept of it, and what was once kept of it."""
    record = surface_of(engine, crystal, miller, thicknesses_A)
    row = measured_surface(record, fmax_eV_A=FMAX_EV_A)
    (stored,) = [one for one in measured(engine) if (one.crystal, one.miller) == (row.crystal, miller)]
    return record, row, stored


@pytest.mark.parametrize(("metal", "miller"), [("Al", (1, 1, 1)), ("Cu", (1, 0, 0))])
def test_the_surface_energy_of_a_metal_converges_with_thickness(metal, miller):
    record, row, stored = measured_again("emt", metal, miller)
    assert record.fit.converged and record.provenance.converged and row.converged
    assert len(record.slabs) == record.fit.n == 5
    # The slope is the bulk's own energy, so γ against the bulk cell is the same at every thickness.
    assert abs(row.fitted_minus_own_bulk_meV) < 2
    assert max(row.gamma_by_start_J_m2) - min(row.gamma_by_start_J_m2) < 0.02
    own = record.gamma_own_bulk_J_m2
    assert own[-1] == pytest.approx(record.fit.gamma_J_m2, abs=0.02)
    assert max(own) - min(own) < 0.02
    assert record.deviations[0].percent == pytest.approx(100 * (record.fit.gamma_J_m2 / record.deviations[0].value - 1))
    assert any("surrogate emt" in told and "from PBE" in told for told in record.caveats)
    assert row.gamma_J_m2 == pytest.approx(stored.gamma_J_m2, abs=0.001)
    assert row.n_atoms == stored.n_atoms


def test_what_is_stored_of_a_learned_engine_comes_out_again():
    _, row, stored = measured_again("chgnet", "Li", (1, 0, 0), (8.0, 12.0, 16.0))
    assert row.relaxed and abs(row.fitted_minus_own_bulk_meV) < 2
    assert row.gamma_J_m2 == pytest.approx(stored.gamma_J_m2, abs=0.01)
    assert row.weights_sha256 == stored.weights_sha256


def test_faces_of_copper_rank_by_how_closely_they_are_packed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    side = SideRecipe(crystal="Cu", miller=(1, 1, 1), thickness_A=8)
    effort = Effort(engine=EMT, fmax_eV_A=0.02, max_calls=300)
    ranking = rank_surfaces(side, [(1, 1, 0), (1, 0, 0), (1, 1, 1)], effort)
    assert [one.facts.miller for one in ranking.candidates] == [(1, 1, 1), (1, 0, 0), (1, 1, 0)]
    assert all(one.converged and one.gamma_J_m2 <= one.gamma_unrelaxed_J_m2 for one in ranking.candidates)
    assert ranking.refused == ()


def test_polar_cuts_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    effort = Effort(engine=EngineChoice(name="ase.calculators.lj.LennardJones"), fmax_eV_A=0.5, max_calls=2)
    ranking = rank_surfaces(SideRecipe(crystal="LiF", miller=(1, 1, 1)), [(1, 1, 1)], effort)
    assert ranking.candidates == ()
    assert all("(1 1 1)" in told and "polar" in told for told in ranking.refused)


def test_an_unknown_engine_is_refused_before_anything_runs():
    with pytest.raises(RequestError, match="emtt"):
        SurfaceMaker(engine=EngineChoice(name="emtt")).make(SideRecipe(crystal="Cu", miller=(1, 1, 1)))
