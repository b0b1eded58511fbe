import pytest
from recorded.surfaces import FACES, HEAD, TABLE, recorded, written

from interlith.analysis import surrogates
from interlith.analysis.records import Method

LIBRARY = {"Li": "Li_bcc", "Al": "Al_fcc", "Cu": "Cu_fcc", "LiF": "LiF", "Li2O": "Li2O"}
ROWS = [row for engine in FACES for row in surrogates.measured(engine)]


def method(engine, surrogate=True, dispersion=None):
    return Method(
        engine=engine,
        engine_version="1",
        model=engine,
        weights_sha256=None,
        functional="PBE",
        dispersion=dispersion,
        surrogate=surrogate,
    )


@pytest.mark.parametrize("engine", FACES)
def test_every_face_that_should_be_measured_is(engine):
    wanted = {(LIBRARY[crystal], miller) for crystal, millers in FACES[engine].items() for miller in millers}
    assert {(row.crystal, row.miller) for row in surrogates.measured(engine)} == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.engine}-{row.crystal}-{''.join(map(str, row.miller))}")
def test_a_measured_row_keeps_its_own_statements(row):
    """Physical bounds of a slab fit: bulk energy to 2 meV per atom, γ to 0.02 J/m² whichever slab is thinnest."""
    assert len(row.thicknesses_A) == len(row.n_atoms) == len(row.gamma_by_start_J_m2) + 2 >= 4
    assert list(row.thicknesses_A) == sorted(set(row.thicknesses_A)) and row.thicknesses_A[0] >= 8
    assert row.gamma_by_start_J_m2[0] == row.gamma_J_m2 > 0
    assert row.relaxed and row.converged and row.tolerance_J_m2 <= 0.02
    assert abs(row.fitted_minus_own_bulk_meV) < 2
    assert any(one.functional == "PBE" for one in row.deviations)
    assert (row.weights_sha256 is None) == (row.engine == "emt")


def test_a_row_that_drifts_or_did_not_relax_is_not_converged():
    row = ROWS[0]
    first, *_, last = row.gamma_by_start_J_m2
    drifted = row.model_copy(update={"gamma_by_start_J_m2": (first, last, first + 0.021)})
    assert row.converged and not drifted.converged
    assert not row.model_copy(update={"relaxed": False}).converged


def test_the_table_is_as_its_program_writes_it():
    assert TABLE.read_text(encoding="utf-8") == written(recorded())
    assert written([]) == HEAD


@pytest.mark.parametrize("engine", FACES)
def test_the_stated_error_is_that_of_the_rows(engine):
    percents = [one.percent for row in surrogates.measured(engine) for one in row.deviations if one.functional == "PBE"]
    told = surrogates.caveat(method(engine))
    assert f"{min(percents):+.0f} to {max(percents):+.0f} % from PBE (values recalled)" in told
    assert f"on {len(percents)} faces" in told
    assert surrogates.caveat(method(engine, dispersion="D3(BJ)")).endswith("without D3(BJ)")


def test_an_unknown_surrogate_says_so_and_a_first_principles_code_has_no_caveat():
    assert "not known" in surrogates.caveat(method("my.Calculator"))
    assert surrogates.surface_error("my.Calculator") == ""
    assert surrogates.held_statements("my.Calculator") == ()
    assert surrogates.caveat(method("vasp", surrogate=False)) == ""


def test_an_engine_of_closed_packed_metals_orders_their_faces():
    held = surrogates.held_statements("emt")
    assert [one.crystal for one, _ in held] == ["Al_fcc", "Cu_fcc"]
    assert all(holds for _, holds in held)
