"""What CP2K prints, read."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from ase.units import Bohr, GPa, Hartree
from numpy.typing import NDArray

from interlith.structures.errors import ComputationError

Floats = NDArray[np.float64]

NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[EeDd][-+]?\d+)?"
CONVERGED = re.compile(r"\*\*\* SCF run converged|outer SCF loop converged")
UNCONVERGED = re.compile(r"SCF run NOT converged|outer SCF loop FAILED to converge")
ENERGY = re.compile(rf"ENERGY\| Total FORCE_EVAL \( QS \) energy[^:]*:\s+({NUMBER})")
LEVEL = re.compile(rf"^ MO\|\s+\d+\s+({NUMBER})\s+{NUMBER}\s+({NUMBER})\s*$", re.MULTILINE)
UNOCCUPIED = re.compile(r"Lowest Eigenvalues of the unoccupied subspace spin +(\d)\n -+\n((?:.*\d.*\n)+)")
OUTER = "Outer loop SCF in use"


@dataclass(frozen=True)
class Printed:
    """One run's output.

    Attributes
    ----------
    energy_eV
        Total energy; with smeared occupations the free energy, of which forces and stress are derivatives.
    converged
        Whether the self-consistent field reached its threshold.
    steps
        Self-consistent steps.
    version
        CP2K's.
    forces_eV_A
        Shape (atoms, 3); None where not printed.
    stress_eV_A3
        Shape (3, 3), positive under tension; None where not printed.
    """

    energy_eV: float
    converged: bool
    steps: int
    version: str
    forces_eV_A: Floats | None
    stress_eV_A3: Floats | None


def read_output(text: str, where: str) -> Printed:
    """Read what a run printed.

    Parameters
    ----------
    text
        All of it.
    where
        The file, for the message.

    Raises
    ------
    ComputationError
        If the run ended before it had an energy; the program's own words are in the message.
    """
    energies = ENERGY.findall(text)
    if not energies and UNCONVERGED.search(text):  # newer versions stop there
        energies = ["nan"]
    if not energies:
        raise ComputationError(f"cp2k ended without an energy: {_last_words(text)}", where, "see its output")
    version = re.search(r"CP2K version (\S+)", text)
    steps = re.findall(r"^ +\d+ (?:OT|P_Mix|Broy|Pulay|NoMix|Mult|Kerk|DIIS)\S*.*$", text, re.MULTILINE)
    return Printed(
        energy_eV=float(energies[-1]) * Hartree,
        converged=_converged(text),
        steps=len(steps),
        version=version.group(1) if version else "unknown",
        forces_eV_A=_forces(text),
        stress_eV_A3=_stress(text),
    )


def _converged(text: str) -> bool:
    """Whether the last word on convergence is good; inner loops of orbital transformation do not count."""
    good = [m.start() for m in CONVERGED.finditer(text) if OUTER not in text or "outer" in m.group()]
    bad = [m.start() for m in UNCONVERGED.finditer(text) if OUTER not in text or "outer" in m.group()]
    return bool(good) and (not bad or bad[-1] < good[-1])


def _last_words(text: str) -> str:
    """Return the message in CP2K's box of stars, or the line that says most."""
    boxed = text.rpartition("[ABORT]")[2].partition("* / \\")[0] if "[ABORT]" in text else ""
    if boxed:
        words = re.findall(r"[A-Za-z][^*]*[^*\s]", boxed.replace("O/|", ""))
        return " ".join(word.strip() for word in words)[:300]
    lines = [line.strip() for line in text.splitlines() if re.search("[A-Za-z]{3}", line)]
    # What starts the program speaks first, the program last.
    return lines[-1 if "PROGRAM STARTED" in text else 0][:300] if lines else "it printed nothing"


def _forces(text: str) -> Floats | None:
    block = text.rpartition("ATOMIC FORCES in [a.u.]")[2]
    rows = re.findall(rf"^ +\d+ +\d+ +\S+ +({NUMBER}) +({NUMBER}) +({NUMBER})$", block, re.MULTILINE)
    if "ATOMIC FORCES in [a.u.]" not in text:
        return None
    return np.array(rows, dtype=float) * Hartree / Bohr


def _stress(text: str) -> Floats | None:
    """CP2K prints the pressure tensor: positive under compression."""
    block = text.rpartition("STRESS| Analytical stress tensor [GPa]")[2]
    rows = re.findall(rf"^ STRESS\| +[xyz] +({NUMBER}) +({NUMBER}) +({NUMBER})$", block, re.MULTILINE)
    if "Analytical stress tensor [GPa]" not in text or len(rows) < 3:
        return None
    return -np.array(rows[:3], dtype=float) * GPa


def read_charges(text: str) -> dict[str, tuple[float, ...]]:
    """Return the net charges of each partition that was printed, e."""
    found = {}
    for name, title in (("mulliken", "Mulliken Population Analysis"), ("hirshfeld", "Hirshfeld Charges")):
        if title in text:
            block = text.rpartition(title)[2].partition("!---")[0]
            rows = re.findall(r"^ +\d+ +\S+ +\d+ +(\S.*)$", block, re.MULTILINE)
            # Mulliken's table of two spins ends on the spin moment.
            column = -2 if "(alpha,beta)" in block else -1
            found[name] = tuple(float(row.split()[column]) for row in rows)
    return found


def read_levels(text: str) -> tuple[list[list[float]], list[list[float]], float | None]:
    """Return eigenvalues (eV) and occupations per spin, and the Fermi level (eV) where occupations are smeared.

    Levels of several k-points stand together, ascending.
    """
    energies: dict[str, list[float]] = {}
    occupations: dict[str, list[float]] = {}
    for title, block in _level_blocks(text):
        spin = "beta" if "BETA" in title else "alpha"
        for energy, occupation in LEVEL.findall(block):
            energies.setdefault(spin, []).append(float(energy) * Hartree)
            occupations.setdefault(spin, []).append(float(occupation))
    for number, block in UNOCCUPIED.findall(text):
        spin = "beta" if number == "2" else "alpha"
        above = [float(word) * Hartree for word in re.findall(NUMBER, re.sub(r".*[A-Za-z].*", "", block))]
        energies[spin] += above
        occupations[spin] += [0.0] * len(above)
    fermi = re.findall(rf"MO\| E\(Fermi\):\s+({NUMBER}) a\.u\.", text)
    pairs = [sorted(zip(energies[spin], occupations[spin], strict=True)) for spin in sorted(energies)]
    return [[e for e, _ in p] for p in pairs], [[o for _, o in p] for p in pairs], _fermi(text, fermi)


def _fermi(text: str, found: list[str]) -> float | None:
    return float(found[-1]) * Hartree if found and "Smear" in text else None


def _level_blocks(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^ MO\| (.*EIGENVALUES AND OCCUPATION NUMBERS(?! AFTER SCF STEP).*)$", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))
