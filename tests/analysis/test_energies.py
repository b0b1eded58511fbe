import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlith.analysis import energies
from interlith.structures.errors import RequestError

eV = st.floats(-1e3, 1e3)
area = st.floats(1.0, 1e3)


def test_one_eV_per_square_angstrom():
    assert energies.per_area(1.0, 1.0) == pytest.approx(16.02177, abs=1e-5)
    assert energies.per_area(-71.2e-3, 1.0) == pytest.approx(-1.14, abs=1e-3)


@given(eV, eV, eV, area)
def test_formation_is_the_same_from_either_side_and_halves_over_two_interfaces(ab, a, b, area_A2):
    formation = energies.interfacial_formation_energy(ab, a, b, area_A2)
    assert formation == pytest.approx(energies.interfacial_formation_energy(ab, b, a, area_A2), abs=1e-9)
    assert formation / 2 == pytest.approx(energies.interfacial_formation_energy(ab, a, b, area_A2, 2), abs=1e-12)


@given(eV, eV, eV, area)
def test_a_doubled_cell_has_the_same_energy_per_area(ab, a, b, area_A2):
    once = energies.interfacial_formation_energy(ab, a, b, area_A2)
    twice = energies.interfacial_formation_energy(2 * ab, 2 * a, 2 * b, 2 * area_A2)
    assert once == pytest.approx(twice, abs=1e-9)


@given(eV, eV, eV, eV, eV, area)
def test_dupre_closes(ab, a, b, bulk_a, bulk_b, area_A2):
    gamma_a, gamma_b = (energies.surface_energy(s, m, area_A2) for s, m in ((a, bulk_a), (b, bulk_b)))
    sigma = energies.interface_energy(ab, bulk_a + bulk_b, area_A2, free_faces_J_m2=gamma_a + gamma_b)
    adhesion = energies.work_of_adhesion(energies.interfacial_formation_energy(ab, a, b, area_A2))
    # Sums of numbers up to 1e3 eV over 1 Å² lose about 1e-11 J/m² each.
    assert energies.dupre_work(gamma_a, gamma_b, sigma) == pytest.approx(adhesion, abs=1e-8)


@given(eV, st.floats(0, 100), area)
def test_a_crystal_on_itself_has_no_interface_energy(bulk, excess, area_A2):
    """Two slabs with surface excess `excess` each, joined perfectly: the whole has the excess of one slab."""
    gamma = energies.surface_energy(bulk + excess, bulk, area_A2)
    sigma = energies.interface_energy(2 * bulk + excess, 2 * bulk, area_A2, free_faces_J_m2=2 * gamma)
    formation = energies.interfacial_formation_energy(2 * bulk + excess, bulk + excess, bulk + excess, area_A2)
    assert sigma == pytest.approx(0, abs=1e-8)
    assert formation == pytest.approx(-2 * gamma, abs=1e-8)


def test_works_have_the_opposite_sign():
    assert energies.work_of_separation(-1.5) == 1.5
    assert energies.work_of_adhesion(-1.1) == 1.1


def test_two_interfaces_without_vacuum_need_no_free_faces():
    assert energies.interface_energy(-9.0, -10.0, 8.0, n_interfaces=2) == pytest.approx(energies.per_area(1.0, 16.0))


def test_strain_costs():
    assert energies.strain_energy(-9.9, -10.0, 5.0) == pytest.approx(0.1 / 5 * 16.02177, rel=1e-6)


def test_an_area_that_is_not_positive_is_refused():
    with pytest.raises(RequestError, match=r"-3\.0"):
        energies.per_area(1.0, -3.0)
    with pytest.raises(RequestError, match="nan"):
        energies.per_area(1.0, float("nan"))


def test_formula_units_of_a_stoichiometric_slab():
    assert energies.formula_units({"Li": 12, "F": 12}, {"Li": 4, "F": 4}) == pytest.approx(3)
    assert energies.formula_units({"Li": 5}, {"Li": 2}) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"Li": 6, "O": 4}, r"O \+1"),
        ({"Li": 4, "O": 2, "H": 1}, r"H \+1"),
        ({"Cu": 4}, r"Cu \+4"),
        ({"Li": 4}, r"Li \+4"),
    ],
)
def test_what_the_bulk_cannot_balance_is_named(body, told):
    with pytest.raises(RequestError, match=told):
        energies.formula_units(body, {"Li": 2, "O": 1}, "side B")
