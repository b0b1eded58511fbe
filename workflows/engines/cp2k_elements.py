"""Which pseudopotential and basis of CP2K's data files each element takes.

GTH-PBE pseudopotentials and the MOLOPT bases made for them (VandeVondele and Hutter 2007,
https://doi.org/10.1063/1.2770708); lanthanum from the LnPP1 set (Lu et al. 2019,
https://doi.org/10.1021/acs.jctc.9b00553), whose entry in the general file is another pseudopotential.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interlith.structures.errors import RequestError, unknown_name

DEFAULT_BASIS = "DZVP-MOLOPT-SR-GTH"
# Electrons that the pseudopotential leaves, for every element with the default basis.
_VALENCE = (
    "H1 He2 Li3 Be4 B3 C4 N5 O6 F7 Ne8 Na9 Mg10 Al3 Si4 P5 S6 Cl7 Ar8 K9 Ca10 Sc11 Ti12 V13 Cr14 Mn15 Fe16 Co17 Ni18 "
    "Cu11 Zn12 Ga13 Ge4 As5 Se6 Br7 Kr8 Rb9 Sr10 Y11 Zr12 Nb13 Mo14 Tc15 Ru16 Rh17 Pd18 Ag11 Cd12 In13 Sn4 Sb5 Te6 I7 "
    "Xe8 Cs9 Ba10 La11 Hf12 Ta13 W14 Re15 Os16 Ir17 Pt18 Au11 Hg12 Tl13 Pb4 Bi5 Po6 At7 Rn8"
)
VALENCE = {word.rstrip("0123456789"): int(word.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
           for word in _VALENCE.split()}  # fmt: skip
"""Element → electrons treated."""
_ORGANIC = frozenset({"H", "C", "N", "O", "F", "Si", "P", "S", "Cl"})
BASES: dict[str, frozenset[str]] = {
    "SZV-MOLOPT-SR-GTH": frozenset(VALENCE) - {"La"},
    DEFAULT_BASIS: frozenset(VALENCE),
    **{f"{size}-MOLOPT-GTH": _ORGANIC for size in ("DZVP", "TZVP", "TZV2P", "TZV2PX")},
}
"""Basis → elements that have it; lanthanum has one basis alone, of DZV size."""


@dataclass(frozen=True)
class Kind:
    """What CP2K is told of an element.

    Attributes
    ----------
    symbol, valence
        Element, and the electrons its pseudopotential leaves.
    basis, basis_file, potential_file
        Where CP2K finds them.
    """

    symbol: str
    valence: int
    basis: str
    basis_file: str = "BASIS_MOLOPT"
    potential_file: str = "GTH_POTENTIALS"

    @property
    def potential(self) -> str:
        """Name of the pseudopotential."""
        return f"GTH-PBE-q{self.valence}"


def kind_of(symbol: str, basis: str) -> Kind:
    """Return what an element takes.

    Raises
    ------
    RequestError
        If there is no such basis (the nearest is suggested), or not for this element.
    """
    if basis not in BASES:
        raise unknown_name("basis", basis, BASES, "engine options")
    if symbol not in BASES[basis]:
        have = [name for name, symbols in BASES.items() if symbol in symbols]
        mend = f"it has {', '.join(have)}" if have else "choose an engine that knows it"
        raise RequestError(f"{symbol} has no basis {basis} with a GTH-PBE pseudopotential", "cp2k", mend)
    if symbol == "La":
        return Kind(symbol, VALENCE[symbol], "DZV-MOLOPT-GTH", "BASIS_MOLOPT_LnPP1", "LnPP1_POTENTIALS")
    return Kind(symbol, VALENCE[symbol], basis)


def valence_charges(symbols: Iterable[str]) -> NDArray[np.float64]:
    """Return the charges of the cores, shape (atoms,)."""
    return np.array([VALENCE[symbol] for symbol in symbols], dtype=float)
