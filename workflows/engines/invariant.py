"""CHGNet's calculator without its greeting, in double precision where it is summed.

Imports torch: load it through the catalogue only.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.units import GPa
from chgnet.model import CHGNet
from pymatgen.io.ase import AseAtomsAdaptor

from interlith.structures.errors import ComputationError


class InvariantCalculator(Calculator):
    """CHGNet for ASE: energy (eV), forces (eV/Å) and stress (eV/Å³).

    The package's own calculator multiplies a single-precision energy per atom by their number: a noise of
    4e-5 eV for 96 atoms, which line searches feel. Here the energies of the sites are summed in double precision.

    Parameters
    ----------
    weights
        The checkpoint.
    device
        Where torch runs.
    """

    implemented_properties = ["energy", "free_energy", "energies", "forces", "stress"]  # noqa: RUF012

    def __init__(self, weights: Path, device: str) -> None:
        super().__init__()
        self.model = CHGNet.from_file(str(weights)).to(device)
        # An atom with no neighbour within 6 Å has no edges; the network was never trained on one.
        self.model.graph_converter.set_isolated_atom_response("error")

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Compute every property at once.

        Raises
        ------
        ComputationError
            If an atom has no neighbour within CHGNet's cut-off.
        """
        super().calculate(atoms, properties, system_changes)
        structure = AseAtomsAdaptor.get_structure(self.atoms)
        try:
            graph = self.model.graph_converter(structure)
        except ValueError as error:
            raise ComputationError(f"CHGNet cannot treat {self.atoms.get_chemical_formula()}: {error}") from error
        with warnings.catch_warnings():
            # CHGNet reads the cell's volume, a plain number here, off a tensor that carries gradients.
            warnings.filterwarnings("ignore", "Converting a tensor with requires_grad=True", UserWarning)
            found = self.model.predict_graph(graph, task="efs", return_site_energies=True)
        energies = np.asarray(found["site_energies"], dtype=float)
        self.results = {
            "energy": float(energies.sum()),
            "free_energy": float(energies.sum()),
            "energies": energies,
            "forces": np.asarray(found["f"], dtype=float),
            "stress": np.asarray(found["s"], dtype=float).ravel()[[0, 4, 8, 5, 2, 1]] * GPa,
        }
