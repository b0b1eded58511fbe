"""packmol as a process: where it starts molecules, in a folder of its own, whatever their names.

packmol (10.1002/jcc.21224) moves rigid molecules until none overlap. Here it scatters them over a lateral cell of any
shape: each molecule's central atom is held in the cell by planes, the rest may cross its border. The images across
that border are not its affair: its own ``pbc`` (20.15 and later) knows orthogonal boxes only, so it is not used and
every version serves alike (see `crowds` for what follows).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from interlith.structures.errors import ComputationError, RequestError

Floats = NDArray[np.float64]

PROGRAM = "packmol"
TIMEOUT_S = 60.0
CYCLES = 20
"""Rounds of packmol's own search; a start that is not yet perfect does."""
_ENDED, _NOT_PERFECT = 0, 173


@dataclass(frozen=True)
class Space:
    """Where molecules may start.

    Parameters
    ----------
    cell
        Lateral cell, rows (2, 2), Å.
    floor_A, ceiling_A
        Heights that every atom keeps between.
    """

    cell: Floats
    floor_A: float
    ceiling_A: float


def find_packmol() -> str:
    """Return the path of packmol.

    Raises
    ------
    RequestError
        There is none on the PATH: with the commands that install it.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        mend = "install it: apt-get install packmol, or conda install -c conda-forge packmol"
        raise RequestError("no packmol on the PATH", "packed layers need it", mend)
    return found


def scattered(
    kinds: Sequence[tuple[Atoms, int]],
    space: Space,
    *,
    tolerance_A: float,
    seed: int,
    timeout_s: float = TIMEOUT_S,
) -> tuple[list[Floats], str]:
    """Let packmol place molecules.

    Parameters
    ----------
    kinds
        Molecules and how many of each.
    space
        Where their central atoms may be, in the plane, and all their atoms, in height.
    tolerance_A
        Distance that packmol tries to keep between atoms of different molecules; images are not seen.
    seed
        Of packmol, 1 to 2³¹ − 1.
    timeout_s
        Wall time allowed.

    Returns
    -------
    places, version
        Positions (n, 3) of each molecule in the order of `kinds`, every one congruent with its kind; and packmol's
        version. The best placement found where packmol did not end with a perfect one.

    Raises
    ------
    RequestError
        No packmol.
    ComputationError
        packmol did not end in time, stopped with an error (its message is given) or wrote no placement.
    """
    program = find_packmol()
    with tempfile.TemporaryDirectory(prefix="packmol-") as name:
        folder = Path(name)
        for k, (kind, _) in enumerate(kinds):
            (folder / f"{k}.xyz").write_text(_xyz(kind))
        (folder / "packmol.inp").write_text(_input(kinds, space, tolerance_A, seed))
        said = _run(program, folder, timeout_s)
        coarse = _read(folder / "placed.xyz", sum(len(kind) * n for kind, n in kinds), said)
    found = re.search(r"Version (\S+)", said)
    return _congruent(kinds, coarse), found.group(1) if found else "of unknown version"


def _xyz(kind: Atoms) -> str:
    # An empty title line would make packmol stop at the end of the file.
    rows = [f"{s} {x:.8f} {y:.8f} {z:.8f}" for s, (x, y, z) in zip(kind.symbols, kind.positions, strict=True)]
    return "\n".join([str(len(kind)), "molecule", *rows]) + "\n"


def _input(kinds: Sequence[tuple[Atoms, int]], space: Space, tolerance_A: float, seed: int) -> str:
    """Return packmol's input; `over plane a b c d` holds a x + b y + c z ≥ d."""
    lines = [f"tolerance {tolerance_A:.6f}", f"seed {seed}", "filetype xyz", "output placed.xyz", f"nloop {CYCLES}"]
    borders = []
    for normal in np.linalg.inv(space.cell).T:
        height = 1 / float(np.linalg.norm(normal))
        x, y = normal * height
        borders += [f"over plane {x:.9f} {y:.9f} 0. 0.", f"below plane {x:.9f} {y:.9f} 0. {height:.6f}"]
    for k, (kind, n) in enumerate(kinds):
        central = int(np.argmin(np.linalg.norm(kind.positions - kind.positions.mean(axis=0), axis=1)))
        lines += [f"structure {k}.xyz", f"number {n}"]
        lines += [f"over plane 0. 0. 1. {space.floor_A:.6f}", f"below plane 0. 0. 1. {space.ceiling_A:.6f}"]
        lines += [f"atoms {central + 1}", *borders, "end atoms", "end structure"]
    return "\n".join(lines) + "\n"


def _run(program: str, folder: Path, timeout_s: float) -> str:
    """Run packmol in a folder and return what it said."""
    with (folder / "packmol.inp").open("rb") as given:  # a file: packmol rewinds its input, which no pipe can
        try:
            done = subprocess.run(
                [program], stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            mend = "ask for fewer molecules or a larger min_edge_A"
            raise ComputationError(f"packmol did not end in {timeout_s:g} s", program, mend) from None
        except OSError as error:
            raise ComputationError(f"packmol does not run: {error.strerror}", program, "install it again") from None
    said = done.stdout.decode(errors="replace")
    if done.returncode not in (_ENDED, _NOT_PERFECT):
        raise ComputationError(f"packmol stopped with status {done.returncode}: {_complaint(said)}", program)
    return said


def _complaint(said: str) -> str:
    """Return packmol's error line, or the last line that says something."""
    told = [line.strip() for line in said.splitlines() if re.search(r"\w", line)]
    errors = [line for line in told if "ERROR" in line]
    return (errors or told[-1:] or ["it said nothing"])[0]


def _read(path: Path, n_atoms: int, said: str) -> Floats:
    """Return the positions that packmol wrote; (n, 3)."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()[2:]]
        places = np.array([[float(x) for x in row[1:4]] for row in rows if row])
    except (OSError, ValueError):
        places = np.zeros((0, 3))
    if places.shape != (n_atoms, 3) or not np.isfinite(places).all():
        raise ComputationError(f"packmol wrote no placement of {n_atoms} atoms: {_complaint(said)}", PROGRAM)
    return places


def _congruent(kinds: Sequence[tuple[Atoms, int]], coarse: Floats) -> list[Floats]:
    """Return each kind turned and moved onto its copies: the file's six decimals would bend the molecules."""
    shapes = [kind.positions for kind, n in kinds for _ in range(n)]
    ends = np.cumsum([len(s) for s in shapes])
    return [_fitted(shape, rows) for shape, rows in zip(shapes, np.split(coarse, ends[:-1]), strict=True)]


def _fitted(shape: Floats, onto: Floats) -> Floats:
    """Return a shape after the proper rotation and shift of least squares onto other positions (Kabsch)."""
    arms = shape - shape.mean(axis=0)
    left, _, right = np.linalg.svd(arms.T @ (onto - onto.mean(axis=0)))
    left[:, -1] *= np.sign(np.linalg.det(left @ right))
    return np.asarray(arms @ left @ right + onto.mean(axis=0))
