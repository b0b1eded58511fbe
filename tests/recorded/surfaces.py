"""Measure the surface energies that each engine's stated error rests on; see README.md beside this file."""

import json
import os
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.records import SurfaceRecord
from interlith.analysis.surrogates import MeasuredSurface, measured_surface
from interlith.structures.records import Miller, SideRecipe
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.surfaces import SurfaceMaker

TABLE = Path(__file__).parents[2] / "analysis" / "surfaces_measured.toml"
HEAD = "# Written by tests/recorded/surfaces.py; the fields are those of analysis.surrogates.MeasuredSurface.\n"
THICKNESSES_A = (8.0, 12.0, 16.0, 20.0, 24.0)
FMAX_EV_A = 0.02
LOW_INDEX: tuple[Miller, ...] = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
METALS = {"Li": LOW_INDEX, "Al": LOW_INDEX, "Cu": LOW_INDEX}
SALTS: dict[str, tuple[Miller, ...]] = {"LiF": ((1, 0, 0),), "Li2O": ((1, 1, 1),)}
FACES = {
    "emt": {"Al": LOW_INDEX, "Cu": LOW_INDEX},
    "chgnet": METALS | SALTS,
    "sevennet-0": METALS | SALTS,
    "sevennet-l3i5": METALS | SALTS,
}
DIGITS = {"n_atoms": 0, "thicknesses_A": 2, "gamma_J_m2": 4, "gamma_by_start_J_m2": 4, "residual_eV": 6}


def surface_of(
    engine: str, crystal: str, miller: Miller, thicknesses_A: Sequence[float] = THICKNESSES_A
) -> SurfaceRecord:
    """Run the slab flow of one face in a folder of its own."""
    maker = SurfaceMaker(engine=EngineChoice(name=engine), fmax_eV_A=FMAX_EV_A, thicknesses_A=thicknesses_A)
    flow = maker.make(SideRecipe(crystal=crystal, miller=miller))
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            outputs = run_locally(flow, store=JobStore(MemoryStore()), ensure_success=True, log=False)
        finally:
            os.chdir(here)
    return outputs[flow.output.uuid][1].output


def written(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table as TOML: what JSON writes of texts, numbers and their lists is valid there."""
    blocks = ["\n".join(f"{key} = {_value(key, value)}" for key, value in row.items()) for row in rows]
    return HEAD + "".join(f"\n[[surface]]\n{block}\n" for block in blocks)


def _value(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {json.dumps(version)}" for name, version in value.items()) + " }"
    digits = DIGITS.get(key, 4)
    if isinstance(value, list):
        return json.dumps([round(one, digits) if isinstance(one, float) else one for one in value])
    return json.dumps(round(value, digits) if isinstance(value, float) else value, ensure_ascii=False)


def recorded() -> list[dict[str, Any]]:
    """Return the table as it is."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8")).get("surface", [])


def record(row: MeasuredSurface) -> None:
    """Put a row in the table, in place of an older one of the same engine and face."""
    new = row.model_dump(mode="json", exclude={"schema_version"}, exclude_none=True)
    rows = {(r["engine"], r["crystal"], tuple(r["miller"])): r for r in [*recorded(), new]}
    TABLE.write_text(written([rows[key] for key in sorted(rows)]), encoding="utf-8")


def main(engines: Sequence[str]) -> None:
    for engine in engines or FACES:
        for crystal, millers in FACES[engine].items():
            for miller in millers:
                row = measured_surface(surface_of(engine, crystal, miller), fmax_eV_A=FMAX_EV_A)
                record(row)
                told = "" if row.converged else "  NOT CONVERGED"
                print(f"{engine} {row.crystal} {miller}: {row.gamma_J_m2:.4f} J/m²{told}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
