"""GFN1- and GFN2-xTB for molecules and ions, through tblite.

An extended tight-binding Hamiltonian with a minimal basis, solved self-consistently, D3 (GFN1; Grimme, Bannwarth and
Shushkov 2017, https://doi.org/10.1021/acs.jctc.7b00118) or D4 (GFN2; Bannwarth, Ehlert and Grimme 2019,
https://doi.org/10.1021/acs.jctc.8b01176) dispersion within. Levels are filled at 300 K; both spins share orbitals.

Molecules only. tblite takes one k-point, Γ: for eight atoms of LiF the energy of a doubled cell misses twice the
cell's by 0.5 eV an atom with GFN1, and GFN2 finds no solution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, all_changes
from tblite.ase import TBLite
from tblite.interface import Calculator as Hamiltonian
from threadpoolctl import ThreadpoolController

from interlith.analysis.records import Method
from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.engines.contract import Entry, LoadedEngine, Option
from interlith.workflows.engines.settings import engine_settings

ELECTRONIC_TEMPERATURE_K = 300.0
ACCURACY = 0.1
"""In units of tblite's thresholds: forces of a turned molecule (LiTFSI) then differ by 1e-5 eV/Å, not by 1e-4."""


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
        charge = _whole(engine, "charge", options.get("charge", 0))
        asked = options.get("multiplicity")
        multiplicity = None if asked is None else _whole(engine, "multiplicity", asked)
        if multiplicity is not None and multiplicity < 1:
            raise RequestError(
                f"{engine} multiplicity {multiplicity}: the least is 1", "engine options", "1: all paired"
            )
        return cls(charge, multiplicity)

    def multiplicity_in(self, atoms: Atoms, hamiltonian: str) -> int:
        """Return the multiplicity that these electrons have in a molecule.

        Parameters
        ----------
        atoms
            The molecule.
        hamiltonian
            Decides how many electrons and orbitals each atom has.

        Raises
        ------
        RequestError
            If the charge leaves fewer electrons than none or more than the orbitals hold (tblite would end the process
            or drop them), or the multiplicity does not go with their number.
        """
        valence, orbitals = np.sum([_valence(hamiltonian, symbol) for symbol in atoms.symbols], axis=0)
        count, where = int(valence) - self.charge_e, atoms.get_chemical_formula()
        if not 0 <= count <= 2 * orbitals:
            raise RequestError(
                f"charge {self.charge_e:+d} leaves {count} valence electrons for {orbitals} orbitals",
                where,
                f"charges from {valence - 2 * orbitals:+d} to {valence:+d} are possible",
            )
        least = 1 + count % 2
        unpaired = (self.multiplicity or least) - 1
        if unpaired % 2 != count % 2 or unpaired > min(count, 2 * orbitals - count):
            raise RequestError(
                f"multiplicity {self.multiplicity} does not go with {count} valence electrons at charge "
                f"{self.charge_e:+d}",
                where,
                f"the lowest is {least}; is the charge right?",
            )
        return unpaired + 1


class TightBindingCalculator(TBLite):
    """xTB for ASE: energy (eV), forces (eV/Å), Mulliken charges (e), dipole (e Å).

    Every geometry starts from the same guess, on the same number of threads, so that what was computed before leaves
    no trace in the last digits.

    Parameters
    ----------
    hamiltonian
        "GFN1-xTB" or "GFN2-xTB".
    electrons
        Charge and multiplicity; initial charges and magnetic moments of the atoms are not looked at.
    threads
        Threads of OpenMP.
    """

    def __init__(self, hamiltonian: str, electrons: Electrons, threads: int) -> None:
        self.electrons = electrons
        self._pools, self._threads = ThreadpoolController(), threads
        super().__init__(
            method=hamiltonian,
            charge=electrons.charge_e,
            electronic_temperature=ELECTRONIC_TEMPERATURE_K,
            accuracy=ACCURACY,
            verbosity=0,
        )

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Compute every property at once.

        Raises
        ------
        RequestError
            For periodic atoms, or a charge or multiplicity that they cannot have.
        ComputationError
            If no self-consistent solution is found.
        """
        atoms = self.atoms if atoms is None else atoms
        refuse_periodic(self.parameters.method, atoms)
        self._xtb = self._res = None  # of the geometry before: its density would be the guess for this one
        self.parameters.multiplicity = self.electrons.multiplicity_in(atoms, self.parameters.method)
        try:
            with self._pools.limit(limits=self._threads, user_api="openmp"):
                super().calculate(atoms, list(properties), list(system_changes))
        except CalculationFailed as error:
            raise ComputationError(
                f"{self.parameters.method} finds no solution: {error}",
                atoms.get_chemical_formula(),
                "check the geometry, the charge and the multiplicity",
            ) from error


@dataclass(frozen=True)
class TightBindingEngine(LoadedEngine):
    """xTB in memory: also refuses periodic atoms and numbers of electrons that cannot be."""

    electrons: Electrons

    def check(self, atoms: Atoms) -> None:
        """Refuse what the engine cannot treat.

        Raises
        ------
        RequestError
            For elements beyond radon, periodic atoms, or a charge or multiplicity that they cannot have.
        """
        super().check(atoms)
        refuse_periodic(self.entry.name, atoms)
        self.electrons.multiplicity_in(atoms, self.ase_calculator.parameters.method)


def load_tblite(entry: Entry, options: Mapping[str, Option]) -> TightBindingEngine:
    """Make the xTB Hamiltonian that the entry names, for molecules of the charge and multiplicity in the options.

    Raises
    ------
    RequestError
        If the charge or the multiplicity is no possible number.
    """
    electrons = Electrons.asked(entry.name, options)
    calculator = TightBindingCalculator(entry.model, electrons, engine_settings().threads or 1)
    method = Method(
        engine=entry.name,
        engine_version=version(entry.packages[0]),
        model=entry.model,
        weights_sha256=None,
        functional=entry.functional,
        dispersion=None,
        surrogate=entry.surrogate,
        settings={
            "charge": electrons.charge_e,
            "multiplicity": electrons.multiplicity or "lowest",
            "electronic_temperature_K": ELECTRONIC_TEMPERATURE_K,
            "accuracy": ACCURACY,
        },
    )
    return TightBindingEngine(entry, calculator, method, electrons)


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


def _whole(engine: str, name: str, value: Option) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise RequestError(f"{engine} {name} = {value!r} is no whole number", "engine options", f"such as {name} = 1")
    return int(value)


@cache
def _valence(hamiltonian: str, symbol: str) -> tuple[int, int]:
    """Return the valence electrons and the orbitals of a neutral atom, from the Hamiltonian itself."""
    atom = Hamiltonian(hamiltonian, Atoms(symbol).numbers, np.zeros((1, 3)), 0.0, 0)
    atom.set("verbosity", 0)
    occupations = atom.singlepoint()["orbital-occupations"]
    return round(float(occupations.sum())), len(occupations)
