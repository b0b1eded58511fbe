"""Judge the search for placements against one of ten times its size; see README.md beside this file."""

import fcntl
import json
import math
import os
import statistics
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interlith.structures.geometry import from_text
from interlith.structures.records import AdlayerRecipe, MoleculeRecipe, SideRecipe
from interlith.workflows.adlayers import BATCHES, RestedSlab, place, rank, relax_placement, rest_slab, screen, shape
from interlith.workflows.efforts import Effort, relax_bulk
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import PRESETS
from interlith.workflows.relaxations import static

TABLE = Path(__file__).with_suffix(".toml")
HEAD = "# Written by tests/recorded/placements.py; what the fields mean stands in README.md beside it.\n"
PRESET = PRESETS["quick"].of_kind("adlayer")
ENGINE = EngineChoice(name="sevennet-0", dispersion="d3bj")
FMAX_EV_A = 0.10
"""Coarser than the preset's 0.05 eV/Å, to afford several seeds."""
TIMES = 10
"""How much larger the search is that the others are held against: candidates, conformers and placements kept."""
SEEDS = range(10)
SEED_OF_LARGE = 100
NEAR_EV = 0.1
SYSTEMS: dict[str, tuple[SideRecipe, str, float]] = {
    "Li(100)|DME": (SideRecipe(crystal="Li", miller=(1, 0, 0), layers=3), "DME", 3.5),
    "LiF(100)|methanol": (SideRecipe(crystal="LiF", miller=(1, 0, 0), layers=2), "CO", 3.5),
}
"""Slab, molecule and least distance of its images, Å: as small as keeps a call cheap."""

Row = dict[str, Any]


def recipe_of(system: str, seed: int, times: int) -> AdlayerRecipe:
    """Return the recipe of a search."""
    side, molecule, clearance = SYSTEMS[system]
    return AdlayerRecipe(
        side_a=side,
        side_b=MoleculeRecipe(molecule=molecule, seed=seed),
        candidates=PRESET.candidates * times,
        conformers=PRESET.conformers * times,
        clearance_A=clearance,
        vacuum_A=10.0,
    )


def effort_of(calls: int) -> Effort:
    """Return how hard something is relaxed."""
    return Effort(engine=ENGINE, fmax_eV_A=FMAX_EV_A, max_calls=calls)


def slab_of(system: str) -> RestedSlab:
    """Return the slab that all searches of a system share, at rest."""
    recipe, effort = recipe_of(system, 0, 1), effort_of(PRESET.max_calls).finer(5)
    return rest_slab(recipe, relax_bulk(recipe.side_a, effort), effort)


def search(system: str, slab: RestedSlab, seed: int, times: int) -> Row:
    """Search as the flow of an adlayer does, with its functions."""
    recipe, effort = recipe_of(system, seed, times), effort_of(PRESET.max_calls)
    molecules = shape(recipe, effort)
    models = place(recipe, slab, molecules)
    batches = [screen(models, batch, effort_of(PRESET.screening_calls)) for batch in range(BATCHES)]
    ranking = rank(batches, PRESET.placements * times)
    relaxed = [one for k in range(len(ranking.chosen)) if (one := relax_placement(ranking, k, effort)) is not None]
    return {
        "system": system,
        "seed": seed,
        "times": times,
        "atoms": len(models[0].atoms),
        "slab_eV": static(slab.xyz, ENGINE).energy_eV * len(models[0].side_a) / len(from_text(slab.xyz)),
        "conformers": len(molecules),
        "candidates": len(models),
        "alike": ranking.n_alike,
        "calls_screening": ranking.provenance.n_force_calls,
        "calls_relaxing": sum(one.provenance.n_force_calls for one in relaxed),
        "unconverged": sum(not one.provenance.converged for one in relaxed),
        "conformer_of": [one.model.molecules[0].conformer for one in ranking.chosen],
        "screened_eV": [one.energy_eV for one in ranking.chosen],
        "relaxed_eV": [one.energy_eV for one in relaxed],
    }


def expected_hits(large: Row) -> float:
    r"""Return how often random tenths of a large search would have hit, at least.

    .. math:: 1 - \sum_{c \notin H} \binom{q_c}{k-1} \binom{N-1-c}{m-k} / \binom{N}{m}

    of N distinct candidates in the order of screening, m are drawn and the k best relaxed; c is the worst of these, H
    the ranks that hit and q_c the ranks before c that do not. Ranks that were not relaxed count as misses.
    """
    n, drawn, kept = large["candidates"] - large["alike"], PRESET.candidates, PRESET.placements
    limit = min(large["relaxed_eV"]) + NEAR_EV
    miss = [energy > limit for energy in large["relaxed_eV"]] + [True] * (n - len(large["relaxed_eV"]))
    missed = sum(
        math.comb(sum(miss[:worst]), kept - 1) * math.comb(n - 1 - worst, drawn - kept)
        for worst in range(n)
        if miss[worst]
    )
    return 1 - missed / math.comb(n, drawn)


def lowest(row: Row) -> float:
    """Return the lowest energy that a search relaxed, less that of the slab: longer conformers ask for larger cells."""
    return float(min(row["relaxed_eV"]) - row["slab_eV"])


def judged(rows: Sequence[Row]) -> list[Row]:
    """Return, for each system whose large search is there, how often and how dearly the others found its minimum."""
    found = []
    for large in (row for row in rows if row["times"] == TIMES):
        small = [row for row in rows if row["system"] == large["system"] and row["times"] == 1]
        if small:
            above = [lowest(row) - lowest(large) for row in small]
            calls = [row["calls_screening"] + row["calls_relaxing"] for row in small]
            verdict = {
                "system": large["system"],
                "engine": f"{ENGINE.name}+{ENGINE.dispersion}",
                "fmax_eV_A": FMAX_EV_A,
                "screening_calls": PRESET.screening_calls,
                "seeds": [row["seed"] for row in small],
                "above_eV": above,
                "hit_fraction": sum(one <= NEAR_EV for one in above) / len(above),
                "hit_fraction_of_tenths": expected_hits(large),
                "calls_median": statistics.median(calls),
                "calls_of_large": large["calls_screening"] + large["calls_relaxing"],
            }
            found.append(verdict)
    return found


def written(rows: Sequence[Row]) -> str:
    """Return the table as TOML: what JSON writes of texts, numbers and their lists is valid there."""
    blocks = [("verdict", row) for row in judged(rows)] + [("search", row) for row in rows]
    lines = [[f"[[{kind}]]", *(f"{key} = {_value(value)}" for key, value in row.items())] for kind, row in blocks]
    return HEAD + "".join("\n" + "\n".join(block) + "\n" for block in lines)


def _value(value: Any) -> str:
    exact = [
        round(one, 4) if isinstance(one, float) else one for one in (value if isinstance(value, list) else [value])
    ]
    return json.dumps(exact if isinstance(value, list) else exact[0], ensure_ascii=False)


def recorded() -> list[Row]:
    """Return the searches that are recorded."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8")).get("search", []) if TABLE.exists() else []


def record(row: Row) -> None:
    """Put a search in the table in place of an older one; systems may be measured side by side."""
    with (Path(tempfile.gettempdir()) / "interlith-placements.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = {(one["system"], -one["times"], one["seed"]): one for one in [*recorded(), row]}
        TABLE.write_text(written([rows[key] for key in sorted(rows)]), encoding="utf-8")
        TABLE.write_text(written(recorded()), encoding="utf-8")  # verdicts of the numbers as they stand there


def main(systems: Sequence[str]) -> None:
    """Run the large search of each system, then the small ones; each is recorded as it ends."""
    for system in systems or SYSTEMS:
        slab = slab_of(system)
        for seed, times in [(SEED_OF_LARGE, TIMES), *((seed, 1) for seed in SEEDS)]:
            row = search(system, slab, seed, times)
            record(row)
            calls = row["calls_screening"] + row["calls_relaxing"]
            print(f"{system} seed {seed} x{times}: {min(row['relaxed_eV']):.3f} eV after {calls} calls", flush=True)


if __name__ == "__main__":
    os.chdir(tempfile.mkdtemp())
    main(sys.argv[1:])
