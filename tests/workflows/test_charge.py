"""Charge transfers by a real engine, from a relaxed geometry to the record."""

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density
from evidence_cases import provenance
from jobflow import run_locally

from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.workflows.charge import ChargeMaker, DensityFile, conclude, engines_of, open_grid, summed
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.volumetric import read_density, write_cube

PARTS, NAMES = (([0, 1], [6.3, 5.7]), ([0], [6.0]), ([1], [6.0])), ("A|B", "A", "B")
SMALL = {"basis": "sto-3g", "functional": "pbe"}


def sided(symbols, positions, sides, **options):
    atoms = Atoms(symbols, positions, **options)
    atoms.arrays["side"] = np.array(sides)
    return atoms


def answer(atoms, options=SMALL, **settings):
    """Run the flow and return its answer."""
    flow = ChargeMaker(EngineChoice(name="pyscf", options=options), **settings).make(to_text(atoms))
    responses = run_locally(flow, create_folders=True, ensure_success=True, log=False)
    return responses[flow.output.uuid][1].output


@pytest.mark.parametrize("along", [2, 0])
def test_helium_far_above_helium_gives_nothing(tmp_path, monkeypatch, along):
    monkeypatch.chdir(tmp_path)
    found = answer(sided("He2", [np.zeros(3), 6.0 * np.eye(3)[along]], [0, 1]), axis=along, spacing_A=0.25)
    assert [t.words for t in found.record.transfers] == ["zero within noise (±0.001 e)"] * 3
    assert found.record.delta_total_e == pytest.approx(0.0, abs=1e-5)
    assert abs(found.interaction_eV) < 1e-3


def test_lithium_fluoride_gives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = SMALL | {"basis": "def2-svp"}
    found = answer(sided("LiF", [(0, 0, 0), (0, 0, 1.6)], [0, 1]), options, spacing_A=0.18)
    record = found.record
    assert not any(t.zero_within_noise for t in record.transfers)
    assert all(t.b_lost_e < -0.3 for t in record.transfers), "fluorine has gained"
    assert record.delta_total_e == pytest.approx(0.0, abs=1e-3)
    assert record.delta_in_basins_e == pytest.approx(0.0, abs=1e-3)
    assert record.signs_agree is True
    assert not record.per_area and record.transfer("bader").per_nm2 is None
    assert found.interaction_eV < -2.0
    assert record.provenance.method.settings["basis"] == "def2-SVP"
    files = [read_density(record.files[part]) for part in ("A|B", "A", "B", "difference")]
    whole, a, b, delta = (density.values_e_A3 for density in files)
    assert np.allclose(delta, whole - a - b, atol=1e-4 * whole.max())
    assert files[1].nuclear_charges.tolist() == [3.0]


def test_a_periodic_contact_is_told_per_area(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = [[4.0, 0, 0], [1.0, 3.9, 0], [0, 0, 14.0]]
    both = sided("OMg", [(2, 1.5, 5), (2, 1.5, 8)], [0, 1], cell=cell, pbc=True)
    parts = [gaussian_density(both[k], e, [0.5] * len(k), step_A=0.2) for k, e in PARTS]
    record = conclude(
        to_text(both), [written(one, name) for one, name in zip(parts, NAMES, strict=True)], 2, 0.0
    ).record
    assert record.transfer("bader").per_nm2 == pytest.approx(0.3 * 100 / (4.0 * 3.9), rel=0.02)


def written(density, part):
    """Return the file of a density, as the job of an engine does."""
    path = str(write_cube(density, f"{part.replace('|', '')}.cube"))
    return DensityFile(part=part, file=path, energy_eV=0.0, rung="", caveats=(), provenance=provenance())


def test_each_side_has_its_own_charge():
    engine = EngineChoice(name="pyscf", options=SMALL | {"charge": 1})
    whole, a, b = engines_of(engine, {}, {"charge": 1, "multiplicity": 1})
    assert whole == engine
    assert dict(a.options) == SMALL
    assert dict(b.options) == SMALL | {"charge": 1, "multiplicity": 1}
    with pytest.raises(RequestError, match=r"charges \+1 of A\|B, \+0 of A and \+0 of B do not add up"):
        engines_of(engine, {}, {})


@pytest.mark.parametrize(
    ("atoms", "engine", "told"),
    [
        (Atoms("He2", [(0, 0, 0), (0, 0, 6)]), "pyscf", "He2 has no two sides"),
        (sided("He2", [(0, 0, 0), (0, 0, 6)], [0, 0]), "pyscf", "He2 has no two sides"),
        (sided("He2", [(0, 0, 0), (0, 0, 6)], [0, 1]), "chgnet", "density"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_anything_runs(atoms, engine, told):
    with pytest.raises(RequestError, match=told):
        ChargeMaker(EngineChoice(name=engine)).make(to_text(atoms))


def test_the_grid_of_a_molecule_is_even_and_wide():
    grid = open_grid(Atoms("LiF", [(0, 0, 0), (0, 0, 1.6)]), 0.15)
    assert all(n % 2 == 0 for n in grid.values_e_A3.shape)
    assert (grid.origin_A <= -5.5).all()
    assert (grid.origin_A + grid.cell_A.diagonal() >= [5.5, 5.5, 7.1]).all()


def test_references_are_summed_on_one_grid():
    one = gaussian_density(Atoms("O", [(2, 2, 2)], cell=[4, 4, 4], pbc=True), [6.0], [0.6], step_A=0.2)
    assert summed([]) is None
    assert summed([one, one]).total_e == pytest.approx(2 * one.total_e)
    with pytest.raises(RequestError, match="grids of"):
        summed([one, gaussian_density(one.atoms, [6.0], [0.6], step_A=0.4)])
