import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.records import SurfaceRecord
from interlith.structures.errors import RequestError
from interlith.structures.records import SideRecipe
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.surfaces import SurfaceMaker, rank_surfaces

EMT = EngineChoice(name="emt")


def run(side: SideRecipe, **fields) -> SurfaceRecord:
    flow = SurfaceMaker(engine=EMT, **fields).make(side)
    outputs = run_locally(flow, store=JobStore(MemoryStore()), ensure_success=True, log=False)
    return outputs[flow.output.uuid][1].output


@pytest.mark.parametrize("metal", ["Al", "Cu"])
def test_the_surface_energy_of_a_metal_converges_with_thickness(metal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = run(SideRecipe(crystal=metal, miller=(1, 1, 1)))
    assert record.fit.converged
    assert record.provenance.converged
    assert len(record.slabs) == record.fit.n == 3
    # The slope is the bulk's own energy: the same crystal, one cell of four atoms, to 2 meV an atom.
    own = record.gamma_own_bulk_J_m2
    assert own[-1] == pytest.approx(record.fit.gamma_J_m2, abs=0.02)
    assert max(own) - min(own) < 0.02
    assert record.deviations[0].percent == pytest.approx(100 * (record.fit.gamma_J_m2 / record.deviations[0].value - 1))
    assert any("surrogate emt" in told for told in record.caveats)


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
