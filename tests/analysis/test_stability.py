import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlith.analysis.energies import per_area
from interlith.analysis.stability import fit_surface_energy, gamma_by_start
from interlith.structures.errors import RequestError


@given(st.floats(0.0, 5.0), st.floats(-100.0, -1.0), st.floats(2.0, 200.0))
def test_a_straight_line_gives_back_its_surface_energy(excess, bulk, area):
    units = np.array([4, 6, 8, 11])
    fit = fit_surface_energy(units, excess + bulk * units, area)
    assert fit.gamma_J_m2 == pytest.approx(per_area(excess, 2 * area), abs=1e-8)
    assert fit.bulk_eV_per_unit == pytest.approx(bulk, abs=1e-9)
    assert fit.residual_eV == pytest.approx(0, abs=1e-9)
    assert fit.converged


def test_a_wrong_bulk_energy_cannot_enter():
    """With a bulk energy off by 10 meV per unit, γ would grow with thickness; the fit does not see it."""
    units = np.array([5, 10, 20])
    energies = 1.0 - 3.0 * units
    with_wrong_bulk = [per_area(e + 2.99 * n, 2 * 6.0) for e, n in zip(energies, units, strict=True)]
    assert np.ptp(with_wrong_bulk) > 0.15
    assert fit_surface_energy(units, energies, 6.0).gamma_J_m2 == pytest.approx(per_area(1.0, 12.0))


def test_too_thin_slabs_are_seen():
    units = np.array([1, 2, 3, 4])
    energies = 1.0 - 3.0 * units + np.array([0.5, 0, 0, 0])
    fit = fit_surface_energy(units, energies, 6.0)
    assert not fit.converged
    assert fit.residual_eV > 0.05
    assert fit.gamma_J_m2 - fit.gamma_change_J_m2 == pytest.approx(per_area(1.0, 12.0))


def test_convergence_shows_by_leaving_out_the_thinnest():
    """One slab too thin by half an eV: every γ but the first is that of the line through the others."""
    units = np.array([1, 2, 3, 4, 5])
    energies = 1.0 - 3.0 * units + np.array([0.5, 0, 0, 0, 0])
    first, *others = gamma_by_start(units, energies, 6.0)
    assert others == pytest.approx([per_area(1.0, 12.0)] * 2)
    assert first - others[0] > 0.5
    assert first == fit_surface_energy(units, energies, 6.0).gamma_J_m2


def test_two_thicknesses_are_no_fit():
    with pytest.raises(RequestError, match="2 different thicknesses"):
        fit_surface_energy([4, 6, 6], [-1.0, -2.0, -2.0], 5.0)
