import pytest
from ase import units as ase_units

from interlith.analysis import units


def test_factors_agree_with_the_reference_sheet():
    assert pytest.approx(16.02177, abs=1e-5) == units.EV_A2_IN_J_M2
    assert pytest.approx(96.4853, abs=1e-4) == units.EV_IN_KJ_MOL


def test_factors_agree_with_ase():
    """ASE keeps CODATA 2014, scipy a later set: equal to 1e-7."""
    assert pytest.approx(ase_units.m**2 / ase_units.J, rel=1e-7) == units.EV_A2_IN_J_M2
    assert pytest.approx(1 / ase_units.GPa, rel=1e-7) == units.EV_A3_IN_GPA
    assert pytest.approx(ase_units.mol / ase_units.kJ, rel=1e-7) == units.EV_IN_KJ_MOL
