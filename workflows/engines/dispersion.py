"""D3(BJ) dispersion on top of an engine whose functional is known and lacks it.

Two-body energies with rational damping (Grimme, Ehrlich and Goerigk 2011, https://doi.org/10.1002/jcc.21759),
``E = −½ Σ_AB Σ_n=6,8 s_n C_n^AB / (r^n + f(R0_AB)^n)``, in the damping parameters of the engine's functional
and without the three-body term, as VASP and CP2K add it by default. Computed by simple-dftd3.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.mixing import SumCalculator

from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Capability, Entry, LoadedEngine

ADDED: frozenset[Capability] = frozenset({"energy", "forces", "stress"})


def refuse_dispersion(entry: Entry) -> None:
    """Raise if D3(BJ) must not be added to the engine.

    Raises
    ------
    RequestError
        If the engine describes dispersion already, or the functional behind it is unknown.
    """
    if entry.includes_dispersion:
        why = "it describes dispersion already"
    elif entry.d3_parameters is None:
        why = "the functional behind it is unknown, so there are no damping parameters"
    else:
        return
    raise RequestError(f"D3(BJ) cannot be added to engine {entry.name!r}: {why}", "dispersion", "leave it out")


def add_d3bj(engine: LoadedEngine) -> LoadedEngine:
    """Return the engine with D3(BJ) added to its energy, forces and stress.

    What the engine can do beyond these is lost: nothing else of it would include the dispersion.

    Raises
    ------
    RequestError
        See :func:`refuse_dispersion`.
    """
    entry = engine.entry
    refuse_dispersion(entry)
    d3 = _d3bj(entry)
    settings = engine.made_by.settings | {"dftd3": version("dftd3"), "d3_parameters": str(entry.d3_parameters)}
    method = engine.made_by.model_copy(update={"dispersion": "D3(BJ)", "settings": settings})
    return LoadedEngine(with_d3bj(entry), SumCalculator([engine.calculator(), d3]), method)


def d3bj_energy(atoms: Atoms, entry: Entry) -> float:
    """Return the D3(BJ) energy alone, eV, with the damping parameters of an engine's functional.

    Raises
    ------
    RequestError
        See :func:`refuse_dispersion`.
    """
    refuse_dispersion(entry)
    alone = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=_d3bj(entry))
    return float(alone.get_potential_energy())


def with_d3bj(entry: Entry) -> Entry:
    """Return the entry of the engine with D3(BJ) added: it can do less, and takes no more dispersion."""
    return replace(entry, capabilities=entry.capabilities & ADDED, includes_dispersion=True)


def _d3bj(entry: Entry) -> BaseCalculator:
    from dftd3.ase import DFTD3

    return DFTD3(damping="d3bj", params_tweaks={"method": entry.d3_parameters, "atm": False})
