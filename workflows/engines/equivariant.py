"""SevenNet's calculator, in double precision where it is summed.

Imports torch: load it through the catalogue only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sevenn.calculator import SevenNetCalculator


class EquivariantCalculator(SevenNetCalculator):
    """SevenNet for ASE: energy (eV), forces (eV/Å) and stress (eV/Å³).

    The atoms' energies are summed in double precision: in single precision the sum of 96 atoms has a noise
    of 2e-5 eV, nine times as much, which line searches feel.

    Parameters
    ----------
    weights
        The checkpoint.
    device
        Where torch runs.
    """

    def __init__(self, weights: Path, device: str) -> None:
        # The accelerators need CUDA libraries; an engine's numbers must not depend on their being there.
        super().__init__(weights, device=device, enable_cueq=False, enable_flash=False, enable_oeq=False)

    def output_to_results(self, output: dict[str, Any]) -> dict[str, Any]:
        """Return ASE's results in double precision."""
        results = super().output_to_results(output)
        energies = results["energies"].astype(float)
        energy = float(np.sum(energies))
        return results | {
            "energy": energy,
            "free_energy": energy,
            "energies": energies,
            "forces": results["forces"].astype(float),
            "stress": results["stress"].astype(float),
        }
