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
from interlith.structures.errors import ComputationError
from interlith.workflows.engines.contract import Entry, LoadedEngine, Option
from interlith.workflows.engines.electrons import Electrons, refuse_periodic
from interlith.workflows.engines.settings import engine_settings

ELECTRONIC_TEMPERATURE_K = 300.0
ACCURACY = 0.1
"""In units of tblite's thresholds: forces of a turned molecule (LiTFSI) then differ by 1e-5 eV/Å, not by 1e-4."""


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
        self.parameters.multiplicity = _multiplicity(self.electrons, atoms, self.parameters.method)
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
        _multiplicity(self.electrons, atoms, self.ase_calculator.parameters.method)


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


def _multiplicity(electrons: Electrons, atoms: Atoms, hamiltonian: str) -> int:
    """Return the multiplicity; tblite would end the process, or drop electrons, where the charge does not fit."""
    valence, orbitals = np.sum([_valence(hamiltonian, symbol) for symbol in atoms.symbols], axis=0)
    return electrons.multiplicity_of(int(valence), int(orbitals), atoms.get_chemical_formula(), "valence electrons")


@cache
def _valence(hamiltonian: str, symbol: str) -> tuple[int, int]:
    """Return the valence electrons and the orbitals of a neutral atom, from the Hamiltonian itself."""
    atom = Hamiltonian(hamiltonian, Atoms(symbol).numbers, np.zeros((1, 3)), 0.0, 0)
    atom.set("verbosity", 0)
    occupations = atom.singlepoint()["orbital-occupations"]
    return round(float(occupations.sum())), len(occupations)
