"""Weigh the low-index faces of LAGP for li-lagp: every whole cut as it is, the best of each face relaxed.

Prints the `[[candidates]]` of `structures/library/systems/li-lagp.toml`; see README.md beside this file.
"""

import os
import sys
import tempfile
from collections.abc import Iterator

from interlith.analysis.surfaces import Candidate, candidate
from interlith.structures.errors import RequestError
from interlith.structures.records import Miller, SideRecipe
from interlith.structures.terminations import terminations
from interlith.workflows.efforts import Bulk, Effort, relax_bulk
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import PRESETS
from interlith.workflows.surfaces import relax_slab

# Every member of a family: the ordered cell has lost the symmetry that made them one face.
FACES: tuple[Miller, ...] = (
    (0, 0, 1), (0, 1, 2), (1, -1, 2), (1, 0, -2), (1, 0, 4), (-1, 1, 4), (0, -1, 4), (1, 1, 0), (1, -2, 0), (2, -1, 0),
    (1, 0, 0), (0, 1, 0), (1, -1, 0), (1, 1, 3), (1, -2, 3), (1, 0, 1), (0, 1, -1), (1, -1, -1),
)  # fmt: skip
MARGIN_J_M2 = 0.5
"""A cut that is worse than the best by more than this, as cut, is not relaxed."""


def weighed(bulk: Bulk, side: SideRecipe, effort: Effort) -> Iterator[Candidate]:
    """Every cut that is neither polar nor breaks a covalent unit."""
    for miller in FACES:
        for cut in terminations(bulk.structure, miller):
            recipe = side.model_copy(update={"miller": miller, "termination": cut.index})
            if not (cut.polar or cut.units_cut):
                try:
                    yield candidate(relax_slab(bulk, recipe, effort), bulk.relaxed)
                except RequestError as fault:
                    print(f"# ({miller}) {cut.index}: {fault}", file=sys.stderr)


def main(engine: str) -> None:
    """Print the table, one row as soon as it is known."""
    effort = Effort(engine=EngineChoice(name=engine), fmax_eV_A=0.05, max_calls=400)
    side = SideRecipe(crystal="LAGP", miller=(0, 1, 2), thickness_A=8, ordering_atoms=40)
    bulk = relax_bulk(side, effort.finer(2.5))
    as_cut = sorted(weighed(bulk, side, effort.model_copy(update={"max_calls": 1})), key=lambda c: c.gamma_J_m2)
    for cut in as_cut:
        relaxed = None
        if cut.gamma_J_m2 <= as_cut[0].gamma_J_m2 + MARGIN_J_M2:
            recipe = side.model_copy(update={"miller": cut.facts.miller, "termination": cut.facts.termination})
            rested = candidate(relax_slab(bulk, recipe, effort), bulk.relaxed)
            relaxed = rested.gamma_J_m2 if rested.converged else None
        bonds = ", ".join(f"{n} {pair}" for pair, n in sorted(cut.facts.broken_bonds.items()))
        print(f"\n[[candidates]]\nmiller = {list(cut.facts.miller)}\ntermination = {cut.facts.termination}")
        print(f"gamma_cut_J_m2 = {cut.gamma_J_m2:.3f}", *([f"gamma_J_m2 = {relaxed:.3f}"] if relaxed else []), sep="\n")
        print(f"n_atoms = {cut.facts.n_atoms}\narea_A2 = {cut.facts.area_A2:.1f}\nbonds_cut = {bonds!r}")
        print(f"engine = {engine!r}", flush=True)


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())
    main(*(sys.argv[1:] or [PRESETS["default"].engine]))
