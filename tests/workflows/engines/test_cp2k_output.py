"""What CP2K prints, in its own words: the cases that short calculations do not meet."""

import numpy as np
import pytest
from ase.units import Bohr, GPa, Hartree

from interlith.structures.errors import ComputationError
from interlith.workflows.engines.cp2k_output import read_charges, read_levels, read_output

ENERGY = " ENERGY| Total FORCE_EVAL ( QS ) energy [a.u.]:              -17.220103557598115\n"
FORCES = """
 ATOMIC FORCES in [a.u.]

 # Atom   Kind   Element          X                  Y                  Z
      1      1      O          -0.000000003439    -0.000000001179    -0.001265091975
      2      2      H           0.002353971772    -0.000000001160     0.000528773648
 SUM OF ATOMIC FORCES           0.000000000128     0.000000000221    -0.000207546864     0.000207546864

 STRESS| Analytical stress tensor [GPa]
 STRESS|                        x                   y                   z
 STRESS|      x        6.43799580709E-02  -2.15602066960E-08   3.15740812484E-08
 STRESS|      y       -2.15602066960E-08   6.29410699760E-03   7.87264141786E-09
 STRESS|      z        3.15740812484E-08   7.87264141786E-09   3.48969369834E-03
 STRESS| 1/3 Trace                                             2.47212529223E-02
 STRESS|      x          -0.000000518542      0.000000371177      1.000000000000
"""
OT = " Outer loop SCF in use \n  *** SCF run converged in     6 steps ***\n"
ABORT = r"""
 *******************************************************************************
 *   ___                                                                       *
 *  /   \                                                                      *
 * [ABORT]                                                                     *
 *  \___/       Dipole correction needs more vacuum space above the surface    *
 *    |                                                                        *
 *  O/|                                                                        *
 * /| |                                                                        *
 * / \                                                    surface_dipole.F:198 *
 *******************************************************************************
"""
SPINS = """
                     Mulliken Population Analysis

 #  Atom  Element  Kind  Atomic population (alpha,beta) Net charge  Spin moment
       1     Li       1         0.223780     0.000000    -0.223780     0.223780
       2     H        2         0.776220     0.000000     0.223780     0.776220
 # Total charge and spin        1.000000     0.000000    -0.000000     1.000000

 !-----------------------------------------------------------------------------!
"""
LEVELS = """
 MO| EIGENVALUES AND OCCUPATION NUMBERS AFTER SCF STEP 0
 MO|  Index      Eigenvalue [a.u.]        Eigenvalue [eV]             Occupation
 MO|      1           0.0000000000           0.0000000000           2.0000000000

 MO| EIGENVALUES AND OCCUPATION NUMBERS FOR K POINT 1
 MO|  Index      Eigenvalue [a.u.]        Eigenvalue [eV]             Occupation
 MO|      1          -0.5000000000         -13.6056931230           2.0000000000
 MO| E(Fermi):       -0.0990000000 a.u.     -2.6939272410 eV

 MO| EIGENVALUES AND OCCUPATION NUMBERS FOR K POINT 2
 MO|  Index      Eigenvalue [a.u.]        Eigenvalue [eV]             Occupation
 MO|      1          -0.6000000000         -16.3268317480           2.0000000000
 MO| E(Fermi):       -0.1000000000 a.u.     -2.7211386250 eV
"""


def test_forces_and_stress_are_read_in_our_units_and_signs():
    found = read_output("  *** SCF run converged in     6 steps ***\n" + ENERGY + FORCES, "here")
    assert found.converged and found.energy_eV == pytest.approx(-17.220103557598115 * Hartree)
    assert found.forces_eV_A == pytest.approx(
        np.array([[0, 0, -0.001265091975], [0.002353971772, 0, 0.000528773648]]) * Hartree / Bohr, abs=1e-6
    )
    pressures = np.array([0.06437995, 0.00629410, 0.00348969])
    assert np.diag(found.stress_eV_A3) == pytest.approx(-pressures * GPa, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "converged"),
    [
        (OT + "  outer SCF loop converged in   2 iterations or   15 steps\n", True),
        (OT, False),
        (OT + "  outer SCF loop FAILED to converge after 10 iterations or  90 steps\n", False),
        ("  Leaving inner SCF loop after reaching    40 steps.\n *** WARNING SCF run NOT converged ***\n", False),
        ("  *** SCF run converged in     6 steps ***\n", True),
    ],
)
def test_only_the_outer_loop_decides_where_there_is_one(text, converged):
    assert read_output(text + ENERGY, "here").converged is converged


def test_a_run_that_stops_where_it_did_not_converge_counts_as_such():
    found = read_output(ABORT.replace("Dipole", "SCF run NOT converged."), "here")
    assert not found.converged and np.isnan(found.energy_eV)


@pytest.mark.parametrize(
    ("text", "words"),
    [(ABORT, "Dipole correction needs more vacuum"), ("\n cannot open\n", "cannot open"), ("", "printed nothing")],
)
def test_a_run_without_an_energy_is_told_in_its_own_words(text, words):
    with pytest.raises(ComputationError, match=rf"{words}.*\(run/atoms.out\)") as caught:
        read_output(text, "run/atoms.out")
    assert "\n" not in str(caught.value)


def test_the_charges_of_two_spins_are_charges_not_moments():
    assert read_charges(SPINS) == {"mulliken": (-0.22378, 0.22378)}
    assert read_charges("nothing") == {}


def test_levels_of_all_k_points_ascend_and_steps_on_the_way_do_not_count():
    energies, occupations, fermi = read_levels(LEVELS)
    assert energies == [[pytest.approx(-0.6 * Hartree), pytest.approx(-0.5 * Hartree)]]
    assert occupations == [[2.0, 2.0]] and fermi is None
    assert read_levels("Smear method" + LEVELS)[2] == pytest.approx(-0.1 * Hartree)
