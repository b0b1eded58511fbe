"""Formal charges of a crystal's elements: from its file, else a table, else pymatgen's guess."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from pymatgen.core import Composition, Element, Structure

from interlith.structures.errors import RequestError

# Formal charges of battery elements, the usual one first. One entry: chemistry offers no other in a solid with anions.
USUAL_STATES: dict[str, tuple[int, ...]] = {
    "H": (1, -1),
    **dict.fromkeys(("Li", "Na", "K", "Rb", "Cs", "Ag"), (1,)),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd"), (2,)),
    **dict.fromkeys(("Al", "Ga", "In", "Sc", "Y", "La", "Nd", "Gd", "Lu", "B"), (3,)),
    **dict.fromkeys(("Zr", "Hf"), (4,)),
    **dict.fromkeys(("Si", "Ge"), (4, -4)),
    "Ti": (4, 3, 2),
    "Sn": (4, 2),
    "Pb": (2, 4),
    "Ce": (4, 3),
    "Ta": (5,),
    "Nb": (5, 4, 3),
    "V": (5, 4, 3),
    "Mo": (6, 4),
    "W": (6, 4),
    "Cr": (3, 6),
    "Mn": (2, 3, 4),
    "Fe": (3, 2),
    "Co": (3, 2),
    "Ni": (2, 3),
    "Cu": (2, 1),
    "Bi": (3,),
    "Sb": (5, 3, -3),
    "As": (5, 3, -3),
    "C": (4, -4),
    "N": (-3, 5, 3),
    "P": (5, -3, 3),
    "O": (-2,),
    "S": (-2, 6, 4),
    "Se": (-2, 6, 4),
    "Te": (-2, 6, 4),
    "F": (-1,),
    "Cl": (-1, 7, 5),
    "Br": (-1, 5),
    "I": (-1, 5),
}
ANIONS = frozenset({"H", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "Te", "I"})

# A refined formula balances to about the error of its occupancies; the garnets and NASICONs of the library are within
# 0.05 % of their total cation charge, a garnet with 14 % of its Li unaccounted for is at 2.7 %.
BALANCE_TOLERANCE = 0.005

MEND_BALANCE = "mend the occupancies, or give charges in the file (CIF: _atom_type_oxidation_number)"


def net_charge(composition: Composition, states: Mapping[str, float]) -> float:
    """Return the charge (e) of a composition with one charge for each element."""
    return float(sum(amount * states[str(element)] for element, amount in composition.element_composition.items()))


def imbalance(composition: Composition, states: Mapping[str, float]) -> float:
    """Return the net charge as a fraction of the total charge of the cations, with its sign."""
    amounts = composition.element_composition.items()
    cations = sum(amount * max(states[str(element)], 0) for element, amount in amounts)
    return net_charge(composition, states) / cations if cations else float("-inf")


def assign_states(structure: Structure) -> tuple[dict[str, float] | None, str]:
    """Return the formal charge of each element (e), or None, and in words where it comes from.

    None for elements, alloys and covalent solids of carbon, where point charges mean nothing. The file's own charges
    come first; then the first combination of :data:`USUAL_STATES` that balances; then pymatgen's guess, which may not
    touch the elements that have only one state there.

    Raises
    ------
    RequestError
        When the file's charges do not balance, or when none can and the composition is disordered or made only of
        elements of one known charge: then atoms are missing or occupancies are wrong.
    """
    own = _states_of_file(structure)
    if own is not None:
        return _balanced(structure, own), "oxidation states: from the file"
    reason = _without_charges(structure)
    if reason:
        return None, f"oxidation states: none ({reason})"
    composition = structure.composition.element_composition
    tabled = _from_table(composition, _choices(structure))
    if tabled is not None:
        return tabled, "oxidation states: table of usual charges"
    guessed = _guess(composition) if structure.is_ordered else None
    if guessed is not None:
        return guessed, "oxidation states: pymatgen's guess"
    return _give_up(structure)


def _states_of_file(structure: Structure) -> dict[str, float] | None:
    species = structure.composition.items()
    charges = [getattr(s, "oxi_state", None) for s, _ in species]
    if any(c is None for c in charges) or not any(charges):
        return None
    amounts: dict[str, float] = {}
    totals: dict[str, float] = {}
    for s, amount in species:
        amounts[s.symbol] = amounts.get(s.symbol, 0.0) + amount
        totals[s.symbol] = totals.get(s.symbol, 0.0) + amount * s.oxi_state
    return {symbol: totals[symbol] / amounts[symbol] for symbol in totals}


def _balanced(structure: Structure, states: dict[str, float]) -> dict[str, float]:
    if abs(imbalance(structure.composition, states)) > BALANCE_TOLERANCE:
        charge = net_charge(structure.composition, states)
        raise RequestError(
            f"the file's oxidation states sum to {charge:+.2f} e per cell ({_listed(states)})", "", MEND_BALANCE
        )
    return states


def _without_charges(structure: Structure) -> str:
    symbols = {e.symbol for e in structure.composition.element_composition}
    if len(symbols) == 1:
        return "an element"
    if "C" in symbols and not symbols & {"O", "S", "N"}:
        return "covalent carbon"
    if not symbols & ANIONS and all(Element(s).is_metal or Element(s).is_metalloid for s in symbols):
        return "an alloy"
    return ""


def _choices(structure: Structure) -> dict[str, tuple[int, ...]]:
    """Usual states of each element present; those of oxygen depend on its own bonds (peroxide, superoxide)."""
    symbols = [e.symbol for e in structure.composition.element_composition]
    choices = {s: USUAL_STATES.get(s) or tuple(Element(s).common_oxidation_states) for s in symbols}
    if "O" in choices and structure.is_ordered and _has_peroxide(structure):
        choices["O"] = (-2, -1)
    return choices


def _has_peroxide(structure: Structure, longest_A: float = 1.65) -> bool:
    i, j, _, _ = structure.get_neighbor_list(longest_A)
    oxygen = [site.specie.symbol == "O" for site in structure]
    return any(oxygen[a] and oxygen[b] for a, b in zip(i, j, strict=True))


def _from_table(composition: Composition, choices: dict[str, tuple[int, ...]]) -> dict[str, float] | None:
    symbols = sorted(choices)
    ranked = sorted(
        product(*(enumerate(choices[s]) for s in symbols)), key=lambda picks: sum(rank for rank, _ in picks)
    )
    for picks in ranked:
        states = {s: float(state) for s, (_, state) in zip(symbols, picks, strict=True)}
        if abs(imbalance(composition, states)) <= BALANCE_TOLERANCE:
            return states
    return None


def _fixed(composition: Composition) -> dict[str, list[int]]:
    usual = {e.symbol: USUAL_STATES.get(e.symbol, ()) for e in composition}
    return {symbol: list(states) for symbol, states in usual.items() if len(states) == 1}


def _guess(composition: Composition) -> dict[str, float] | None:
    guesses = composition.oxi_state_guesses(oxi_states_override=_fixed(composition), max_sites=-1)
    return {str(k): float(v) for k, v in guesses[0].items()} if guesses else None


def _give_up(structure: Structure) -> tuple[None, str]:
    composition = structure.composition.element_composition
    fixed = _fixed(composition)
    usual = {symbol: float((states or (0,))[0]) for symbol, states in _choices(structure).items()}
    charge = f"{net_charge(composition, usual):+.2f} e per cell with {_listed(usual)}"
    if not structure.is_ordered:
        raise RequestError(f"the charges of this disordered crystal do not balance: {charge}", "", MEND_BALANCE)
    if len(fixed) == len(composition):
        raise RequestError(f"the charges do not balance: {charge}", "", "are atoms missing (hydrogen, often)?")
    return None, "oxidation states: none found that balance"


def _listed(states: Mapping[str, float]) -> str:
    return ", ".join(f"{symbol}{state:+g}" for symbol, state in sorted(states.items()))
