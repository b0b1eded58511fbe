"""How many electrons a molecule is to have, and that it is a molecule: what engines of molecules check alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ase import Atoms

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import EngineChoice, Option


@dataclass(frozen=True)
class Electrons:
    """How many electrons a molecule is to have.

    Attributes
    ----------
    charge_e
        Total charge.
    multiplicity
        Number of unpaired electrons plus one; None for as few as the count of electrons allows.
    """

    charge_e: int = 0
    multiplicity: int | None = None

    @classmethod
    def asked(cls, engine: str, options: Mapping[str, Option]) -> Electrons:
        """Read the options `charge` and `multiplicity` of an engine.

        Raises
        ------
        RequestError
            If one is no whole number, or a multiplicity is below 1.
        """
        charge = whole_number(engine, "charge", options.get("charge", 0))
        asked = options.get("multiplicity")
        multiplicity = None if asked is None else whole_number(engine, "multiplicity", asked)
        if multiplicity is not None and multiplicity < 1:
            raise RequestError(
                f"{engine} multiplicity {multiplicity}: the least is 1", "engine options", "1: all paired"
            )
        return cls(charge, multiplicity)

    def multiplicity_of(self, neutral: int, orbitals: int, where: str, kind: str = "electrons") -> int:
        """Return the multiplicity that these electrons have in a molecule.

        Parameters
        ----------
        neutral
            Electrons of the neutral molecule, as far as they are treated.
        orbitals
            Spatial orbitals that hold them.
        where
            The molecule, for the message.
        kind
            What is counted ("electrons", "valence electrons").

        Raises
        ------
        RequestError
            If the charge leaves fewer electrons than none or more than the orbitals hold, or the multiplicity does not
            go with their number.
        """
        count = neutral - self.charge_e
        if not 0 <= count <= 2 * orbitals:
            raise RequestError(
                f"charge {self.charge_e:+d} leaves {count} {kind} for {orbitals} orbitals",
                where,
                f"charges from {neutral - 2 * orbitals:+d} to {neutral:+d} are possible",
            )
        least = 1 + count % 2
        unpaired = (self.multiplicity or least) - 1
        if unpaired % 2 != count % 2 or unpaired > min(count, 2 * orbitals - count):
            raise RequestError(
                f"multiplicity {self.multiplicity} does not go with {count} {kind} at charge {self.charge_e:+d}",
                where,
                f"the lowest is {least}; is the charge right?",
            )
        return unpaired + 1


def charged(choice: EngineChoice, charge_e: int, multiplicity: int | None = None) -> EngineChoice:
    """Return the same engine for another charge.

    Parameters
    ----------
    choice
        An engine with the options `charge` and `multiplicity`.
    charge_e
        Total charge.
    multiplicity
        None for the lowest, whatever the choice says of it.
    """
    told: dict[str, Option] = {name: value for name, value in choice.options.items() if name != "multiplicity"}
    told["charge"] = charge_e
    return choice.model_copy(
        update={"options": told if multiplicity is None else told | {"multiplicity": multiplicity}}
    )


def refuse_periodic(engine: str, atoms: Atoms) -> None:
    """Refuse atoms that repeat in space.

    Raises
    ------
    RequestError
        If any direction is periodic.
    """
    if atoms.pbc.any():
        raise RequestError(
            f"{engine} treats molecules only, and these atoms repeat in space",
            atoms.get_chemical_formula(),
            "take an engine that computes stress",
        )


def whole_number(engine: str, name: str, value: Option) -> int:
    """Return an option that must be a whole number.

    Raises
    ------
    RequestError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise RequestError(f"{engine} {name} = {value!r} is no whole number", "engine options", f"such as {name} = 1")
    return int(value)
