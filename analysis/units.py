"""Conversion factors, from scipy's CODATA values: the only place where a unit is changed into another.

Multiply: ``x_J_m2 = x_eV_A2 * EV_A2_IN_J_M2``.
"""

from __future__ import annotations

from scipy import constants

EV_IN_J: float = constants.elementary_charge
"""1 eV in joule."""

A_IN_M: float = constants.angstrom
"""1 Å in metre."""

EV_A2_IN_J_M2: float = EV_IN_J / A_IN_M**2
"""1 eV/Å² in J/m² (16.02177)."""

EV_A3_IN_GPA: float = EV_IN_J / A_IN_M**3 / constants.giga
"""1 eV/Å³ in GPa (160.2177)."""

EV_IN_KJ_MOL: float = EV_IN_J * constants.Avogadro / constants.kilo
"""1 eV per particle in kJ/mol (96.4853)."""
