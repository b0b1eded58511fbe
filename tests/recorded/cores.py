"""Make the spherical all-electron cores that pseudopotentials leave out; see README.md beside this file.

Each element is a spherically averaged PBE atom in an uncontracted basis with the scalar-relativistic X2C Hamiltonian.
The density of its innermost shells is fitted by Gaussians of one sign, so that it falls all the way from the nucleus.
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
import pyscf
from pyscf import gto
from pyscf.scf import atom_ks
from scipy.optimize import nnls

TABLE = Path(__file__).parents[2] / "analysis" / "cores.toml"
HEAD = """\
# Written by tests/recorded/cores.py with PySCF {version}: spherical all-electron cores, PBE, X2C, uncontracted ANO-RCC.
# Per element and number of core electrons: exponents (1/bohr^2) and electrons of normalised Gaussians about the
# nucleus, and `fit`: the part of the electrons that the fit puts elsewhere than the atom does.
"""
ELEMENTS = (
    *("Li", "O", "F", "C", "N", "Na", "Mg", "Cl", "P", "S", "Al", "Si", "Ge", "Zr", "La", "Ta", "Ti", "Cu", "K", "Ca"),
    *("Zn", "Be", "B", "Fe", "Ni", "Co", "Mn", "Sn", "In", "Br", "I", "Nb", "Ga", "Ag", "Y", "Sr"),
)
SHELLS = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2), (4, 0), (4, 1), (4, 2), (4, 3), (5, 0), (5, 1), (5, 2)]
"""Cores are the first of these: (n, l) in the order in which pseudopotentials take them."""
CORES = (2, 10, 18, 28, 36, 46, 60, 68, 78)
LANTHANUM = 57
RATIO = 1.8
SMALLEST_EXPONENT = 0.4
LARGEST_PART_OF_Z2 = 60.0
RADII = np.geomspace(1e-4, 8.0, 1500)


def shell_densities(element: str) -> dict[tuple[int, int], np.ndarray]:
    """Return the radial density of each closed shell, electrons per bohr."""
    number = gto.charge(element)
    highest = 3 if number > LANTHANUM else 2
    basis = [shell for shell in gto.uncontract(gto.load("ano", element)) if shell[0] <= highest]
    atom = gto.M(atom=element, basis={element: basis}, spin=number % 2, verbose=0)
    solver = atom_ks.AtomSphericAverageRKS(atom)
    solver.xc = "pbe"
    solver.grids.atom_grid = (100, 110)
    solver.atomic_configuration = atom_ks.elements.NRSRHFS_CONFIGURATION
    core_hamiltonian = atom.RKS().sfx2c1e().get_hcore()
    solver.get_hcore = lambda *_: core_hamiltonian
    solver.kernel()
    assert solver.converged, element
    along = np.stack([np.zeros_like(RADII), np.zeros_like(RADII), RADII], axis=1)
    values = [gto.eval_gto(atom, "GTOval", along) @ solver.mo_coeff]
    return _by_shell(atom, solver, values[0])


def _by_shell(atom, solver, values):
    """Sum the orbitals of each (n, l); along z only the one of m = 0 is there, and stands for all."""
    momentum = np.array(
        [atom.bas_angular(b) for b in range(atom.nbas) for _ in range(atom.bas_nctr(b) * (2 * atom.bas_angular(b) + 1))]
    )
    weight = np.abs(solver.mo_coeff) ** 2
    of_orbital = np.array([momentum[weight[:, k].argmax()] for k in range(weight.shape[1])])
    found = {}
    for momentum_l in range(momentum.max() + 1):
        mine = np.flatnonzero(of_orbital == momentum_l)
        mine = mine[np.argsort(solver.mo_energy[mine], kind="stable")]
        for n, block in enumerate(mine.reshape(-1, 2 * momentum_l + 1), start=momentum_l + 1):
            if solver.mo_occ[block].min() > 1.999:
                density = 2 * (values[:, block] ** 2).sum(axis=1)
                found[n, momentum_l] = 4 * np.pi * RADII**2 * density
    return found


def core(shells: dict[tuple[int, int], np.ndarray], electrons: int) -> np.ndarray | None:
    """Return the radial density of a core, None where the shells do not close with so many electrons."""
    held, total = 0, np.zeros_like(RADII)
    for shell in SHELLS:
        if held == electrons:
            return total
        if shell not in shells:
            continue
        total, held = total + shells[shell], held + 2 * (2 * shell[1] + 1)
    return total if held == electrons else None


def fitted(radial: np.ndarray, electrons: int, number: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return exponents, electrons of each Gaussian, and the misplaced part."""
    steps = int(np.log(LARGEST_PART_OF_Z2 * number**2 / SMALLEST_EXPONENT) / np.log(RATIO))
    exponents = SMALLEST_EXPONENT * RATIO ** np.arange(steps + 1)
    shapes = 4 * np.pi * RADII[:, None] ** 2 * (exponents / np.pi) ** 1.5 * np.exp(-np.outer(RADII**2, exponents))
    widths = np.gradient(RADII)
    root = np.sqrt(widths)[:, None]
    rows = np.vstack([shapes * root, 1e2 * np.ones_like(exponents)])
    amounts, _ = nnls(rows, np.append(radial * root[:, 0], 1e2 * electrons))
    kept = amounts > 1e-6
    wrong = float((np.abs(shapes @ amounts - radial) * widths).sum()) / 2 / electrons
    return exponents[kept], amounts[kept], wrong


def main(elements: list[str]) -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    for element in elements or ELEMENTS:
        number, shells = gto.charge(element), shell_densities(element)
        rows = {}
        for electrons in (n for n in CORES if n < number):
            radial = core(shells, electrons)
            if radial is not None:
                rows[str(electrons)] = fitted(radial, electrons, number)
                print(element, electrons, len(rows[str(electrons)][0]), f"{rows[str(electrons)][2]:.4f}", flush=True)
        table[element] = {n: _row(*row) for n, row in rows.items()}
        TABLE.write_text(_written(table), encoding="utf-8")


def _row(exponents, amounts, wrong):
    return {
        "exponents": [float(f"{x:.5g}") for x in exponents],
        "electrons": [float(f"{x:.6g}") for x in amounts],
        "fit": round(wrong, 4),
    }


def _written(table) -> str:
    blocks = [
        f"[{element}.{n}]\n" + "\n".join(f"{key} = {value}" for key, value in row.items())
        for element in sorted(table, key=gto.charge)
        for n, row in sorted(table[element].items(), key=lambda item: int(item[0]))
    ]
    return HEAD.format(version=pyscf.__version__) + "\n" + "\n\n".join(blocks) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
