"""From the words of a command line to specifications: which systems, which method, under which key."""

from __future__ import annotations

import json
import os.path
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jobflow import Flow

from interlith.launchers.options import Face, parse_face
from interlith.structures.errors import RequestError
from interlith.structures.geometry import digest
from interlith.structures.library import canonical_molecule, system_names
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.forms import materials
from interlith.workflows.presets import Preset, preset
from interlith.workflows.spec import (
    SystemSpec,
    from_molecules,
    from_sides,
    load_system,
    names_molecule,
    refuse_unnamed,
    settings_from,
)
from interlith.workflows.study import check, engine_for, screening_for, study

VERSIONS_IN_KEY = (
    *("interlith", "ase", "atomate2", "jobflow", "pymatgen", "rdkit"),
    *("chgnet", "sevenn", "torch", "tblite", "dftd3", "pyscf"),
)


@dataclass(frozen=True)
class Sides:
    """Two sides as typed: crystals and faces, or a molecule as B; each may be missing."""

    a: str | None
    b: str | None
    miller_a: str | None
    miller_b: str | None

    def options(self) -> dict[str, str | None]:
        """Return the options by which they are given."""
        return {"--a": self.a, "--b": self.b, "--miller-a": self.miller_a, "--miller-b": self.miller_b}

    def complete(self) -> bool:
        """Return whether everything was given, a face of B only if B is a crystal; False if nothing was.

        Raises
        ------
        RequestError
            If some were given and some were not, or one is empty.
        """
        given = self.options()
        empty = [name for name, value in given.items() if value is not None and not value.strip()]
        if empty:
            raise RequestError(
                f"{' and '.join(empty)} is empty", "command line", "name a crystal, a molecule or a face"
            )
        if not any(given.values()):
            return False
        faceless = self.b is not None and names_molecule(self.b)
        if self.b and self.miller_b is None and not faceless:
            refuse_unnamed(self.b, "--b")
        missing = [name for name, value in given.items() if value is None and not (faceless and name == "--miller-b")]
        if missing:
            needed = "a slab and a molecule need the first three" if faceless else "two crystals need all four"
            raise RequestError(f"{' and '.join(missing)} not given", "command line", needed)
        return True


IN_WORDS = ("title", "notes", "sources", "candidates")
"""What a system says for people: a change of it is no other run."""


@dataclass(frozen=True)
class Plan:
    """One system and how it will be computed."""

    spec: SystemSpec
    preset: Preset
    engine: EngineChoice

    @property
    def key(self) -> str:
        """Identity of the run: the same command on the same inputs, with the same software, goes on with it."""
        files = [Path(named) for named in materials(self.spec.recipe) if os.path.isfile(named)]  # noqa: PTH113 SMILES
        whole: dict[str, Any] = {
            "spec": self.spec.resolved(self.preset.name).model_dump(mode="json", exclude=set(IN_WORDS)),
            "preset": self.preset.model_dump(mode="json"),
            "engine": self.engine.model_dump(mode="json"),
            "screening": screening_for(self.spec, self.preset, self.engine).model_dump(mode="json"),
            "files": [digest(file.read_text()) for file in files],
            "versions": {name: _version(name) for name in VERSIONS_IN_KEY},
        }
        return f"{self.spec.name}-{digest(json.dumps(whole, sort_keys=True))[:16]}"

    def check(self) -> None:
        """Refuse what could not be computed, before anything is written; see `workflows.study.check`."""
        check(self.spec, self.preset, self.engine)

    def flow(self) -> Flow:
        """Return the graph of jobs."""
        return study(self.spec, self.preset, self.engine)


def run_command(words: Sequence[str], sides: Sides, preset_name: str, engine: str | None) -> str:
    """Return the command line that computes what these words ask for.

    Examples
    --------
    >>> run_command([], Sides("my Al.cif", "Cu", "111", "100"), "default", None)
    "interlith run --a 'my Al.cif' --b Cu --miller-a 111 --miller-b 100"
    """
    options = {**sides.options(), "--preset": None if preset_name == "default" else preset_name, "--engine": engine}
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    return shlex.join(["interlith", "run", *words, *given])


def requested_plans(words: Sequence[str], sides: Sides, preset_name: str, engine: str | None) -> list[Plan]:
    """Return what a command line asks to be computed; see :func:`requested_specs` and :func:`requested_engine`."""
    chosen = preset(preset_name)
    specs = requested_specs(words, sides)
    return [Plan(spec, chosen, requested_engine(engine) if engine else engine_for(spec, chosen)) for spec in specs]


def requested_specs(words: Sequence[str], sides: Sides, everything: Sequence[str] = ()) -> list[SystemSpec]:
    """Return the systems that a command line asks for, settings applied.

    Parameters
    ----------
    words
        Names of systems, paths of TOML files, and settings ``table.key=value``.
    sides
        A pair on the command line, which counts as one more system.
    everything
        Further names (``--all``).

    Raises
    ------
    RequestError
        If nothing is asked for, or if a name, file, face or setting is wrong.
    """
    names = [*(word for word in words if "=" not in word), *everything]
    specs = [load_system(name) for name in dict.fromkeys(names)]
    if sides.complete():
        specs.append(spec_of_sides(sides))
    if not specs:
        raise RequestError("no system given", "command line", "name one: see `interlith systems`, or give --a and --b")
    settings = settings_from(word for word in words if "=" in word)
    return [spec.changed(settings) for spec in specs] if settings else specs


def stem(text: str) -> str:
    """Return what a molecule is called in the name of its system: letters and digits of its library name.

    Examples
    --------
    >>> stem("P-DOL"), stem("pdol"), stem("d-PVDF-HFP")
    ('pdol', 'pdol', 'dpvdfhfp')
    """
    known = canonical_molecule(text) or (Path(text).stem if os.path.isfile(text) else text)  # noqa: PTH113 SMILES
    return re.sub(r"[^a-z0-9]+", "", known.lower())[:40] or "molecule"


def plan_of_molecules(
    name: str, members: Sequence[Mapping[str, Any]], preset_name: str, engine: str | None, *, solvent: str | None
) -> Plan:
    """Return how a system of molecules is computed: the built-in one of that name if it says the same, else a new one.

    Parameters
    ----------
    name
        Of the system.
    members
        Per molecule the keys of a file's `[[molecules]]`; None leaves a key out.
    preset_name, engine
        As typed.
    solvent
        As typed; None for the preset's.

    Raises
    ------
    RequestError
        If a value is wrong.
    """
    told = [{key: value for key, value in member.items() if value is not None} for member in members]
    named = [canonical_molecule(str(member["molecule"])) or str(member["molecule"]) for member in members]
    spec = built_in(name, named) if all(set(member) <= {"molecule", "role"} for member in told) else None
    if spec is None:
        spec = from_molecules(name, told)
    if solvent is not None:
        spec = spec.changed({"calculation": {"solvent": solvent}})
    chosen = preset(preset_name)
    return Plan(spec, chosen, requested_engine(engine) if engine else engine_for(spec, chosen))


def built_in(name: str, molecules: Sequence[str]) -> SystemSpec | None:
    """Return the built-in system of a name if it is of these molecules; None otherwise."""
    if name not in system_names():
        return None
    spec = load_system(name)
    return spec if set(molecules) <= set(materials(spec.recipe)) else None


def spec_of_sides(sides: Sides) -> SystemSpec:
    """Return the system of two complete sides."""
    a, b = str(sides.a), str(sides.b)
    faces = [_face(a, str(sides.miller_a), "--miller-a")]
    if sides.miller_b is not None:
        faces.append(_face(b, sides.miller_b, "--miller-b"))
    return from_sides(a, b, *(face.miller for face in faces))


def requested_engine(text: str) -> EngineChoice:
    """Return the engine as typed: ``NAME`` or ``NAME+d3bj``.

    Raises
    ------
    RequestError
        If something other than d3bj is added.
    """
    name, plus, dispersion = text.partition("+")
    if plus and dispersion != "d3bj":
        raise RequestError(f"dispersion {dispersion!r} is not known", f"--engine {text}", f"write {name}+d3bj")
    return EngineChoice(name=name, dispersion="d3bj" if plus else "none")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _face(crystal: str, text: str, where: str) -> Face:
    """Read a face; four indices are for hexagonal crystals only."""
    from interlith.structures.crystals import load_crystal

    face = parse_face(text, where)
    if not face.hexagonal:
        return face
    lattice = load_crystal(crystal)[0].lattice
    if not lattice.is_hexagonal():
        angles = reduce(lambda text, angle: f"{text} {angle:.1f}", lattice.angles, "")
        raise RequestError(f"four indices for {crystal}, whose angles are{angles}°", where, "write three")
    return face
