"""What a first-principles engine gives besides energies and forces: densities, potentials, levels, charges.

One way for all codes: a job says what is `Wanted`, the engine answers with an `Electronic`. An engine that is asked for
what it cannot give is refused while the flow is built.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Protocol, cast

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from interlith.analysis.densities import Density
from interlith.analysis.levels import Levels
from interlith.analysis.records import Method, Provenance
from interlith.structures.geometry import digest, to_text
from interlith.workflows.engines.catalogue import load, require
from interlith.workflows.engines.contract import Capability, Engine, EngineChoice


@dataclass(frozen=True)
class Wanted:
    """What a calculation is asked for besides its energy.

    Attributes
    ----------
    density, spin, potential, orbitals, charges
        Electron density (e/Å³), spin density, electrostatic potential of an electron (eV), levels (and HOMO and LUMO as
        fields where the engine writes them), atomic charges by the engine's own partitions.
    ghosts
        True for atoms that lend their basis functions and nothing else, shape (atoms,); None for none. Engines without
        atom-centred functions leave such atoms out.
    spacing_A
        Of the grid, for an engine that may choose it; None for the engine's default.
    frame
        A density on whose grid the fields are to be; None for a grid around these atoms. Engines of periodic cells take
        the grid that cell and cut-off give, and refuse a frame that differs.
    """

    density: bool = False
    spin: bool = False
    potential: bool = False
    orbitals: bool = False
    charges: bool = False
    ghosts: NDArray[np.bool_] | None = None
    spacing_A: float | None = None
    frame: Density | None = None

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """What an engine must be able to do."""
        needs: dict[Capability, bool] = {
            "energy": True,
            "density": self.density or self.spin or self.potential,
            "orbitals": self.orbitals,
            "charges": self.charges,
        }
        return tuple(name for name, needed in needs.items() if needed)


@dataclass(frozen=True)
class Electronic:
    """One converged self-consistent calculation.

    Attributes
    ----------
    energy_eV
        Total energy, added dispersion included.
    provenance
        How it was made.
    rung
        Which rung of the convergence ladder succeeded, in words.
    levels
        Eigenvalues; None where not wanted.
    density, spin, potential
        Fields; `density.nuclear_charges` says how many electrons each nucleus is to have (valence charge with
        pseudopotentials, 0 for a ghost). The potential is in eV, its average over the cell is no absolute scale.
    reference
        Density with a maximum at each nucleus, where the code itself gives one (VASP's AECCAR); None otherwise.
    homo, lumo
        Densities of the frontier orbitals.
    charges_e
        Per partition ("mulliken", "hirshfeld", …), one charge per atom.
    caveats
        What a reader must know.
    """

    energy_eV: float
    provenance: Provenance
    rung: str
    levels: Levels | None = None
    density: Density | None = None
    spin: Density | None = None
    potential: Density | None = None
    reference: Density | None = None
    homo: Density | None = None
    lumo: Density | None = None
    charges_e: dict[str, tuple[float, ...]] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()


class ElectronicEngine(Engine, Protocol):
    """An engine that gives densities or levels."""

    def electronic(self, atoms: Atoms, wanted: Wanted) -> Electronic:
        """Compute one geometry.

        Raises
        ------
        RequestError
            For what the engine cannot treat.
        ComputationError
            If no rung of the ladder converges; the message names the folder.
        """


def electronic(atoms: Atoms, choice: EngineChoice, wanted: Wanted) -> Electronic:
    """Compute one geometry with the engine of a choice.

    Raises
    ------
    RequestError
        If the engine is not here or cannot give what is wanted.
    """
    require(choice, *wanted.capabilities)
    engine = cast(ElectronicEngine, load(choice))
    engine.check(atoms)
    return engine.electronic(atoms, wanted)


def provenance_of(method: Method, atoms: Atoms, began: float) -> Provenance:
    """Return the provenance of one converged calculation of `atoms` that began at `began` (`time.perf_counter`)."""
    return Provenance(
        method=method,
        input_sha256=(digest(to_text(atoms)),),
        software={name: version(name) for name in ("interlith", "ase", "numpy", "scipy")},
        wall_s=time.perf_counter() - began,
        n_force_calls=1,
        converged=True,
    )
