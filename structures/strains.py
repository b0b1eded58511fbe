"""Who is strained, and how much, when two surfaces are made to coincide."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log1p
from typing import Literal

import numpy as np
from pymatgen.core import Element, Structure

USUAL_POISSON_RATIO = 0.33


@dataclass(frozen=True)
class StrainRule:
    r"""How the misfit of two sides is shared between them.

    Along each principal direction let :math:`s` be the length of side A over that of side B, both
    unstrained. With the share :math:`w` of side B, B is stretched by :math:`s^{w}` and A by :math:`s^{w-1}`:
    the two coincide, the result does not depend on which side is named first, and for small misfit
    B takes :math:`w` of the strain and A takes :math:`1-w`.

    Parameters
    ----------
    share_b
        :math:`w`, from 0 (A takes all) to 1 (B takes all).
    words
        The rule as a person reads it.
    """

    share_b: float
    words: str

    def stretch_window(self, max_strain: float) -> tuple[float, float]:
        """Return the smallest and largest stretch of A's cell onto B's that strain neither side too much."""
        low, high = log1p(-max_strain), log1p(max_strain)
        w = self.share_b
        bounds = [(-high / w, -low / w)] if w > 0 else []
        bounds += [(low / (1 - w), high / (1 - w))] if w < 1 else []
        return exp(max(b[0] for b in bounds)), exp(min(b[1] for b in bounds))


ON_A = StrainRule(0.0, "all on side A")
ON_B = StrainRule(1.0, "all on side B")
IN_HALVES = StrainRule(0.5, "half on each side")


@dataclass(frozen=True)
class Body:
    """What decides whether a side gives way.

    Parameters
    ----------
    name
        For the words of the rule.
    metal
        Whether every element of it is a metal.
    stiffness_GPa
        Biaxial modulus; None where unknown.
    thickness_A
        Of the slab.
    """

    name: str
    metal: bool
    stiffness_GPa: float | None
    thickness_A: float

    @classmethod
    def of(cls, bulk: Structure, thickness_A: float, stiffness_GPa: float | None = None) -> Body:
        """Return the body of one side: stiffness as stated, else from the table of the elements."""
        elements = bulk.composition.element_composition.elements
        if stiffness_GPa is None and len(elements) == 1:
            stiffness_GPa = biaxial_modulus_GPa(elements[0])
        return cls(bulk.reduced_formula, all(e.is_metal for e in elements), stiffness_GPa, thickness_A)


def biaxial_modulus_GPa(element: Element) -> float | None:
    r"""Return the isotropic biaxial modulus :math:`Y = E/(1-\nu)` of an element in GPa, None where unknown.

    Young's modulus :math:`E` and Poisson's ratio :math:`\nu` are those of pymatgen's table of the elements;
    a ratio missing there is taken as 0.33.
    """
    young = element.data.get("Youngs modulus")
    ratio = element.data.get("Poissons ratio")
    known_ratio = ratio if isinstance(ratio, int | float) else USUAL_POISSON_RATIO
    return float(young) / (1 - known_ratio) if isinstance(young, int | float) else None


def choose_rule(a: Body, b: Body, strain_on: Literal["auto", "a", "b", "shared"] = "auto") -> StrainRule:
    r"""Return the rule by which two bodies share their misfit.

    "a" and "b" put all of it on that side. "shared" is by stiffness where both are known, else in halves.
    "auto": by stiffness where both are known; else a metal gives way to what is not one; else the thinner
    side gives way (by more than 1 %); else in halves. By stiffness means least elastic energy,
    :math:`\min_w\; Y_A t_A (1-w)^2 + Y_B t_B w^2`, so :math:`w = Y_A t_A / (Y_A t_A + Y_B t_B)` with biaxial
    moduli :math:`Y` and thicknesses :math:`t`.
    """
    if strain_on in ("a", "b"):
        return ON_A if strain_on == "a" else ON_B
    if a.stiffness_GPa is not None and b.stiffness_GPa is not None:
        return _by_stiffness(a, a.stiffness_GPa, b, b.stiffness_GPa)
    if strain_on == "shared":
        return IN_HALVES
    if a.metal != b.metal:
        metal, rule = (a, ON_A) if a.metal else (b, ON_B)
        return StrainRule(rule.share_b, f"{rule.words}: the metal {metal.name} gives way")
    if abs(a.thickness_A - b.thickness_A) > 0.01 * max(a.thickness_A, b.thickness_A):
        rule = ON_A if a.thickness_A < b.thickness_A else ON_B
        return StrainRule(rule.share_b, f"{rule.words}: it is thinner ({a.thickness_A:.1f} and {b.thickness_A:.1f} Å)")
    return StrainRule(0.5, f"{IN_HALVES.words}: no stiffness is known and both are as thick")


def _by_stiffness(a: Body, modulus_a: float, b: Body, modulus_b: float) -> StrainRule:
    stiff_a, stiff_b = modulus_a * a.thickness_A, modulus_b * b.thickness_A
    share = stiff_a / (stiff_a + stiff_b)
    return StrainRule(
        share,
        f"by stiffness x thickness: {share:.0%} on side B ({a.name} {modulus_a:.0f} GPa x {a.thickness_A:.1f} Å, "
        f"{b.name} {modulus_b:.0f} GPa x {b.thickness_A:.1f} Å)",
    )


def common_cell(super_a: np.ndarray, super_b: np.ndarray, rule: StrainRule) -> np.ndarray:
    """Return the (2, 2) in-plane cell, in Å, in which two matched cells coincide under `rule`.

    Parameters
    ----------
    super_a, super_b
        Corresponding cells of the two sides, rows in Å, each in its own frame, of the same handedness.
    rule
        The rule of sharing.

    Returns
    -------
    Rows in Å, the first along +x.
    """
    # F takes A's rows to B's; its right and left stretches, raised to the shares, meet at the common cell
    left, stretches, _ = np.linalg.svd(np.linalg.solve(super_a, super_b))
    cell = super_a @ (left * stretches ** (1 - rule.share_b)) @ left.T
    along, across = np.linalg.norm(cell[0]), np.linalg.det(cell)
    return np.array([[along, 0.0], [cell[0] @ cell[1] / along, across / along]])
