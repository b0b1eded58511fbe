"""How a molecule is treated by PySCF: functional, basis, grid, fitting, solvent, and the mean field of them all."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr
from numpy.typing import NDArray
from pyscf import dft, gto
from pyscf.lib.exceptions import BasisNotFoundError

from interlith.structures.errors import RequestError, unknown_name
from interlith.workflows.engines.contract import Option
from interlith.workflows.engines.electrons import Electrons, whole_number
from interlith.workflows.engines.functionals import plain, refuse_composite
from interlith.workflows.engines.solvents import Solvent, asked_solvent

FUNCTIONAL, BASIS = "b3lyp", "6-31+G*"
AUXILIARY = "def2-universal-jkfit"
"""One set for H to Rn, whatever the orbital basis; for DOL 0.1 mHa from no fitting, PySCF's own choice 0.2."""
GRID_LEVEL = 2
TRIED = ("H", "Li", "C", "Cu", "Au")
"""A name that no basis of these elements has is no name of a basis."""
WHERE = "engine options"


@dataclass(frozen=True)
class Treatment:
    """Everything but the molecule that its energy depends on.

    Attributes
    ----------
    functional
        As PySCF is told; B3LYP is the form with VWN's RPA fit, as in Gaussian.
    basis
        Name, spherical functions; the effective core potential that belongs to it is taken with it.
    electrons
        Charge and multiplicity; restricted orbitals for singlets, unrestricted for all else.
    density_fit
        Whether Coulomb and exchange are fitted in :data:`AUXILIARY`.
    grid_level
        Of PySCF's pruned grids, 0 to 9.
    solvent
        None for the gas phase.
    conv_tol_Ha
        Change of the energy at which it counts as converged.
    max_cycle
        Iterations of each rung of the ladder.
    memory_MB
        What PySCF plans with.
    stability
        Whether an unrestricted solution is tested, and left where it is unstable.
    """

    functional: str
    basis: str
    electrons: Electrons
    density_fit: bool = True
    grid_level: int = GRID_LEVEL
    solvent: Solvent | None = None
    conv_tol_Ha: float = 1e-9
    max_cycle: int = 60
    memory_MB: int = 4000
    stability: bool = False

    @classmethod
    def asked(cls, engine: str, options: Mapping[str, Option]) -> Treatment:
        """Read the options of an engine.

        Raises
        ------
        RequestError
            For a functional, basis or solvent that there is not, or a number that cannot be.
        """
        basis = _known_basis(str(options.get("basis", BASIS)))
        return cls(
            functional=_known_functional(engine, str(options.get("functional", FUNCTIONAL))),
            basis=basis,
            electrons=Electrons.asked(engine, options),
            density_fit=_switch(engine, "density_fit", options.get("density_fit", True)),
            grid_level=_within(engine, "grid_level", options.get("grid_level", GRID_LEVEL), 0, 9),
            solvent=asked_solvent(engine, options.get("solvent"), options.get("solvent_model", "iefpcm")),
            conv_tol_Ha=_tolerance(engine, options.get("conv_tol", 1e-9)),
            max_cycle=_within(engine, "max_cycle", options.get("max_cycle", 60), 1, 10_000),
            memory_MB=_within(engine, "memory_MB", options.get("memory_MB", 4000), 100, 10_000_000),
            stability=_switch(engine, "stability", options.get("stability", False)),
        )

    @property
    def settings(self) -> dict[str, str | float | int | bool]:
        """What a record holds of it."""
        return {
            "basis": self.basis,
            "functions": "spherical",
            "density_fit": self.density_fit,
            "auxiliary_basis": AUXILIARY if self.density_fit else "none",
            "grid_level": self.grid_level,
            "solvent": self.solvent.label if self.solvent else "none",
            "charge": self.electrons.charge_e,
            "multiplicity": self.electrons.multiplicity or "lowest",
            "orbitals": "restricted for singlets, unrestricted otherwise",
            "conv_tol_Ha": self.conv_tol_Ha,
            "max_cycle": self.max_cycle,
            "stability": self.stability,
        }

    def molecule(self, atoms: Atoms, ghosts: NDArray[np.bool_] | None = None) -> gto.Mole:
        """Return PySCF's molecule, standing as the atoms do.

        Parameters
        ----------
        atoms
            Positions in Å.
        ghosts
            True for atoms that lend their functions only, shape (atoms,).

        Raises
        ------
        RequestError
            For an element without basis, or a charge or multiplicity that cannot be.
        """
        ghost = np.zeros(len(atoms), bool) if ghosts is None else np.asarray(ghosts, bool)
        check_elements(atoms, self.basis)
        names = [f"ghost-{s}" if g else s for s, g in zip(atoms.symbols, ghost, strict=True)]
        molecule = gto.Mole(verbose=0, max_memory=self.memory_MB, unit="Bohr", basis=self.basis)
        molecule.atom = list(zip(names, atoms.positions / Bohr, strict=True))
        molecule.ecp = core_potentials(self.basis, {s for s, g in zip(atoms.symbols, ghost, strict=True) if not g})
        molecule.charge, molecule.spin = self.electrons.charge_e, None
        molecule.build(dump_input=False, parse_arg=False)
        neutral = int(molecule.atom_charges().sum())
        formula = atoms[~ghost].get_chemical_formula()
        molecule.spin = self.electrons.multiplicity_of(neutral, molecule.nao, formula) - 1
        return molecule

    def mean_field(self, molecule: gto.Mole) -> Any:
        """Return the Kohn–Sham problem of a molecule, not yet solved."""
        problem = dft.UKS(molecule) if molecule.spin else dft.RKS(molecule)
        problem._chkfile.close()  # a file that nobody reads, made beforehand
        problem.chkfile = problem._chkfile = None
        problem.xc, problem.grids.level = self.functional, self.grid_level
        problem.conv_tol, problem.max_cycle = self.conv_tol_Ha, self.max_cycle
        if self.density_fit:
            problem = problem.density_fit(auxbasis=AUXILIARY)
        return self.solvent.around(problem) if self.solvent else problem


def check_elements(atoms: Atoms, basis: str) -> None:
    """Refuse elements that a basis does not hold.

    Raises
    ------
    RequestError
        Naming them.
    """
    missing = sorted({symbol for symbol in atoms.symbols if not _holds(basis, symbol)})
    if missing:
        raise RequestError(
            f"engine 'pyscf': basis {basis!r} does not hold {', '.join(missing)}",
            atoms.get_chemical_formula(),
            "take one that does, such as def2-SVP (H to Rn)",
        )


def core_potentials(basis: str, symbols: set[str]) -> dict[str, str]:
    """Return the basis name of each element for which the basis means an effective core potential."""
    found, atoms = gto.mole.bse_predefined_ecp(basis, sorted(symbols))
    return {symbol: found for symbol in sorted(symbols) if atoms and gto.charge(symbol) in atoms}


def _known_basis(name: str) -> str:
    """Return a basis as it is written in print."""
    if "\n" in name or not any(_holds(name, symbol) for symbol in TRIED):
        raise unknown_name("basis", name, _basis_names(), WHERE)
    known = gto.mole.BSE_META.get(name.lower().replace("-", "").replace("_", "").replace(" ", ""))
    return known[0] if known and _holds(known[0], "H") else name


@cache
def _holds(basis: str, symbol: str) -> bool:
    with warnings.catch_warnings(action="ignore"):  # PySCF's advice to install another package
        try:
            return bool(gto.basis.load(basis, symbol))
        except (BasisNotFoundError, KeyError):
            return False


@cache
def _basis_names() -> tuple[str, ...]:
    known = gto.mole.BSE_META
    return tuple(known[key][0] for key in gto.basis.ALIAS if key in known and "fit" not in key and key[-2:] != "ri")


def _known_functional(engine: str, name: str) -> str:
    refuse_composite(name, engine)
    told = "b3lypg" if plain(name) == "b3lyp" else name
    try:
        dft.libxc.parse_xc(told)
    except (KeyError, ValueError, NotImplementedError):
        families = ("LDA_", "GGA_", "MGGA_", "HYB_")
        names = {*dft.libxc.XC_ALIAS, *(code for code in dft.libxc.XC_CODES if not code.startswith(families))}
        raise unknown_name("functional", name, names, WHERE) from None
    return told


def _switch(engine: str, name: str, value: Option) -> bool:
    if not isinstance(value, bool):
        raise RequestError(f"{engine} {name} = {value!r} is neither true nor false", WHERE, f"such as {name} = true")
    return value


def _within(engine: str, name: str, value: Option, least: int, most: int) -> int:
    number = whole_number(engine, name, value)
    if not least <= number <= most:
        raise RequestError(f"{engine} {name} = {number}", WHERE, f"from {least} to {most}")
    return number


def _tolerance(engine: str, value: Option) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e-3:
        raise RequestError(f"{engine} conv_tol = {value!r}", WHERE, "an energy in hartree, such as 1e-9")
    return float(value)
