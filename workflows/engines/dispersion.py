"""D3(BJ) or D4 dispersion on top of an engine whose functional is known and lacks it.

D3(BJ): two-body energies with rational damping (Grimme, Ehrlich and Goerigk 2011, https://doi.org/10.1002/jcc.21759),
``E = −½ Σ_AB Σ_n=6,8 s_n C_n^AB / (r^n + f(R0_AB)^n)``, in the damping parameters of the engine's functional
and without the three-body term, as VASP and CP2K add it by default. Computed by simple-dftd3.

D4: coefficients that follow the atoms' charges, with the three-body term (Caldeweyher et al. 2019,
https://doi.org/10.1063/1.5090222). Computed by dftd4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, TypeVar

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.mixing import SumCalculator
from ase.units import Bohr

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Capability, Entry, LoadedEngine

Kind = Literal["d3bj", "d4"]
Loaded = TypeVar("Loaded", bound=LoadedEngine)
ADDED: frozenset[Capability] = frozenset({"energy", "forces", "stress"})
UNTOUCHED: frozenset[Capability] = frozenset({"density", "orbitals", "charges"})
"""What a first-principles engine says of its electrons is the same with dispersion and without."""
UNTOUCHED_PROPERTIES = ("charges", "dipole")


@dataclass(frozen=True)
class Correction:
    """One kind of dispersion: how it is called, and the package that computes it."""

    label: str
    package: str


CORRECTIONS: Mapping[Kind, Correction] = {"d3bj": Correction("D3(BJ)", "dftd3"), "d4": Correction("D4", "dftd4")}


def refuse_dispersion(entry: Entry, kind: Kind = "d3bj") -> None:
    """Raise if a dispersion must not be added to the engine.

    Raises
    ------
    RequestError
        If the engine describes dispersion already, the functional behind it is unknown or has no damping parameters,
        or the package that computes the dispersion is missing.
    """
    label = CORRECTIONS[kind].label
    if entry.includes_dispersion:
        why = "it describes dispersion already"
    elif entry.functional is None:
        why = "the functional behind it is unknown, so there are no damping parameters"
    elif entry.d3_parameters is None or not _parametrised(entry.d3_parameters, kind):
        why = f"there are no {label} damping parameters for {entry.functional}"
    else:
        return
    raise RequestError(f"{label} cannot be added to engine {entry.name!r}: {why}", "dispersion", "leave it out")


def add_dispersion(engine: Loaded, kind: Kind = "d3bj") -> Loaded:
    """Return the engine with dispersion added to its energy, forces and stress.

    What a surrogate can do beyond these is lost: nothing else of it would include the dispersion.

    Raises
    ------
    RequestError
        See :func:`refuse_dispersion`.
    """
    entry, correction = engine.entry, CORRECTIONS[kind]
    added = _calculator(entry, kind, int(engine.made_by.settings.get("charge", 0)))
    settings = engine.made_by.settings | {
        correction.package: version(correction.package),
        f"{kind[:2]}_parameters": str(entry.d3_parameters),
    }
    method = engine.made_by.model_copy(update={"dispersion": correction.label, "settings": settings})
    return replace(
        engine,
        entry=with_dispersion(entry, kind),
        ase_calculator=Dispersed(engine.calculator(), added),
        made_by=method,
        added=added,
    )


def dispersion_energy(atoms: Atoms, entry: Entry, kind: Kind = "d3bj", charge_e: int = 0) -> float:
    """Return the energy of the dispersion alone, eV, with the damping parameters of an engine's functional.

    Parameters
    ----------
    atoms
        What is computed.
    entry
        The engine's row, without dispersion.
    kind
        Which dispersion.
    charge_e
        Total charge, on which D4 depends.

    Raises
    ------
    RequestError
        See :func:`refuse_dispersion`.
    """
    alone = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    return float(_calculator(entry, kind, charge_e).get_property("energy", alone))


def with_dispersion(entry: Entry, kind: Kind = "d3bj") -> Entry:
    """Return the row of the engine with dispersion added: it takes no more of it, and a surrogate can do less.

    Raises
    ------
    RequestError
        See :func:`refuse_dispersion`.
    """
    refuse_dispersion(entry, kind)
    kept = ADDED if entry.surrogate else ADDED | UNTOUCHED
    return replace(entry, capabilities=entry.capabilities & kept, includes_dispersion=True)


class Dispersed(SumCalculator):
    """An engine's calculator and its dispersion, summed; what the electrons do is the engine's alone."""

    def __init__(self, engine: BaseCalculator, dispersion: BaseCalculator) -> None:
        super().__init__([engine, dispersion])
        own = [name for name in UNTOUCHED_PROPERTIES if name in engine.implemented_properties]
        self.implemented_properties = [*self.mixer.implemented_properties, *own]

    def calculate(self, atoms: Atoms, properties: list[str], system_changes: Any) -> None:
        """Compute the properties asked for."""
        summed = [name for name in properties if name not in UNTOUCHED_PROPERTIES]
        super().calculate(atoms, summed or ["energy"], system_changes)
        engine = self.mixer.calcs[0]
        self.results |= {name: engine.get_property(name, atoms) for name in properties if name not in summed}


def _calculator(entry: Entry, kind: Kind, charge_e: int) -> BaseCalculator:
    refuse_dispersion(entry, kind)
    if kind == "d4":
        return _d4(str(entry.d3_parameters), charge_e)
    from dftd3.ase import DFTD3

    return DFTD3(damping="d3bj", params_tweaks={"method": entry.d3_parameters, "atm": False})


def _d4(functional: str, charge_e: int) -> BaseCalculator:
    from dftd4.ase import DFTD4
    from dftd4.interface import DispersionModel

    class ChargedD4(DFTD4):
        """D4 for atoms of a total charge: the package takes it from initial charges, which are nobody's here."""

        def _create_api_calculator(self) -> Any:
            positions, cell = self.atoms.positions / Bohr, self.atoms.cell.array / Bohr
            return DispersionModel(self.atoms.numbers, positions, charge_e, cell, self.atoms.pbc)

    return ChargedD4(method=functional)


def _parametrised(functional: str, kind: Kind) -> bool:
    """Return whether the package that computes a dispersion has damping parameters for a functional."""
    package = CORRECTIONS[kind].package
    try:
        version(package)
    except PackageNotFoundError:
        cure = f"pip install {package}"
        raise RequestError(f"dispersion {kind} needs {package}, not installed here", "dispersion", cure) from None
    try:
        if kind == "d4":
            from dftd4.interface import DampingParam

            DampingParam(method=functional)
        else:
            from dftd3.interface import RationalDampingParam

            RationalDampingParam(method=functional, atm=False)
    except RuntimeError:
        return False
    return True
