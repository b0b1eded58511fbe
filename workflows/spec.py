"""What a person asked for: a system from a TOML file, from the library, or from two sides in a line.

The form of the file is the form of the model; what a file may set, a person may set::

    name = "li-lif"
    title = "Lithium on lithium fluoride"

    [side_a]
    crystal = "Li"
    miller = [1, 1, 0]

    [side_b]
    crystal = "LiF"
    miller = [1, 0, 0]

    [interface]            # every other field of InterfaceRecipe
    max_strain = 0.05

    [calculation]          # every field of presets.Calculation
    dispersion = "d3bj"

    [preset.quick.side_b]  # any of the tables above, for one preset only
    thickness_A = 8.0
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from interlith.structures.errors import RequestError, unknown_name
from interlith.structures.library import is_crystal_name, system_path
from interlith.structures.records import InterfaceRecipe, Miller, Record
from interlith.workflows.presets import PRESETS, Calculation

Tables = dict[str, dict[str, Any]]

HEAD = ("name", "title", "kind", "sources", "notes", "candidates")
SIDES = ("side_a", "side_b")
TABLES = (*SIDES, "interface", "calculation")


class FaceCandidate(Record):
    """One cut that was weighed when a system's face was chosen; γ is the mean over its two faces."""

    miller: Miller
    termination: int
    gamma_cut_J_m2: float = Field(description="unrelaxed")
    gamma_J_m2: float | None = Field(default=None, description="relaxed; None where the cut alone ruled it out")
    n_atoms: int
    area_A2: float
    bonds_cut: str = Field(description="on both faces, per surface cell")
    engine: str


class SystemSpec(Record):
    """A named case: two sides, a recipe, and what it changes of a preset."""

    name: str = Field(pattern=r"^[\w.+-]+$")
    title: str = ""
    kind: Literal["interface"] = "interface"
    recipe: InterfaceRecipe
    calculation: Calculation = Calculation()
    presets: dict[str, Tables] = Field(default_factory=dict, description="per preset: tables that replace the above")
    asked: Tables = Field(default_factory=dict, description="what a person changed; stronger than any preset's table")
    sources: tuple[str, ...] = ()
    notes: str = ""
    candidates: tuple[FaceCandidate, ...] = Field(default=(), description="what side B's face was chosen from")

    def resolved(self, preset: str) -> SystemSpec:
        """Return the system as it stands under one preset: its own tables, the preset's, the person's.

        A side whose thickness nobody named takes the preset's.
        """
        tables = _merged(_tables_of(self), self.presets.get(preset, {}), self.asked)
        if preset in PRESETS:
            for side in SIDES:
                if not {"thickness_A", "layers"} & set(tables[side]):
                    tables[side]["thickness_A"] = PRESETS[preset].thickness_A
        return _spec({**_head_of(self), **tables}, f"{self.name}, preset {preset}")

    def changed(self, settings: Mapping[str, Any]) -> SystemSpec:
        """Return the system with a person's settings (nested tables, as in a file) on top.

        Raises
        ------
        RequestError
            For a table, key or value that is not valid.
        """
        asked = _merged(self.asked, _known_tables(settings, "settings"))
        _spec({**_head_of(self), **_merged(_tables_of(self), asked), "preset": self.presets}, "settings")
        return self.model_copy(update={"asked": asked})


def load_system(name_or_path: str) -> SystemSpec:
    """Read a system from the library or from a TOML file.

    Parameters
    ----------
    name_or_path
        Library name, or the path of a file that ends in ``.toml``. Crystals that such a file names by a
        path are looked for beside it first.

    Raises
    ------
    RequestError
        In one line, naming the file and the key at fault.
    """
    path = Path(name_or_path) if name_or_path.endswith(".toml") else system_path(name_or_path)
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as fault:
        raise RequestError(
            f"cannot read {path}: {getattr(fault, 'strerror', None) or fault}", "system file", "check the path"
        ) from None
    except tomllib.TOMLDecodeError as fault:
        raise RequestError(f"not valid TOML: {fault}", str(path), "mend that line") from None
    return _spec({"name": path.stem, **_beside(data, path.parent)}, str(path))


def from_sides(
    a: str,
    b: str,
    miller_a: str | Miller,
    miller_b: str | Miller,
    *,
    settings: Mapping[str, Any] | None = None,
) -> SystemSpec:
    """Return a system of two sides: A below, B above.

    Parameters
    ----------
    a, b
        Library names or paths of crystal files.
    miller_a, miller_b
        Miller indices, as three integers or as a text such as ``110``, ``1-10`` or ``1,1,0``.
    settings
        Nested tables, as in a file.

    Raises
    ------
    RequestError
        For indices that are no three integers, or settings that are not valid.

    Examples
    --------
    >>> from_sides("Li", "LiF", "110", "100").name
    'li110-lif100'
    """
    millers = {"side_a": miller_from(miller_a, "side_a"), "side_b": miller_from(miller_b, "side_b")}
    names = [re.sub(r"[^\w.]+", "_", Path(x).stem.lower()) for x in (a, b)]
    labels = ["".join(map(str, m)) for m in millers.values()]
    sides = {"side_a": {"crystal": a}, "side_b": {"crystal": b}}
    tables = _merged(sides, {s: {"miller": m} for s, m in millers.items()}, _known_tables(settings or {}, "settings"))
    name = "-".join(n + label for n, label in zip(names, labels, strict=True))
    return _spec({"name": name, "title": f"{a} ({labels[0]}) | {b} ({labels[1]})", **tables}, "command line")


def settings_from(assignments: Iterable[str]) -> Tables:
    """Return nested tables from lines such as ``side_a.thickness_A=12`` (values as in TOML; bare words are texts).

    Raises
    ------
    RequestError
        For a line without ``=``, or a key without its table.
    """
    tables: Tables = {}
    for line in assignments:
        key, equals, value = line.partition("=")
        table, dot, field = key.strip().partition(".")
        if not (equals and dot):
            raise RequestError(
                f"{line!r} sets nothing", "settings", "write table.key=value, e.g. side_a.thickness_A=12"
            )
        tables = _merged(tables, {table: _nested(field, _value(value.strip()))})
    return tables


def miller_from(indices: str | Iterable[int], where: str = "miller") -> Miller:
    """Return three Miller indices from a text (``110``, ``1-10``, ``1,1,0``, ``[1 1 0]``) or three integers.

    Raises
    ------
    RequestError
        If they are not three integers, or all zero.
    """
    found = re.findall(r"-?\d+" if re.search(r"[,\s]", str(indices).strip()) else r"-?\d", str(indices))
    foreign = re.sub(r"[\d\s,()\[\]-]", "", str(indices))
    if len(found) != 3 or foreign or not any(int(x) for x in found):
        raise RequestError(f"Miller indices {indices!r} are not three integers, one of them not 0", where, "e.g. 1,1,0")
    h, k, m = (int(x) for x in found)
    return h, k, m


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return dict(value)


def _merged(*layers: Mapping[str, Mapping[str, Any]]) -> Tables:
    whole: Tables = {}
    for layer in layers:
        for table, keys in layer.items():
            whole[table] = {**whole.get(table, {}), **keys}
    return whole


def _tables_of(spec: SystemSpec) -> Tables:
    recipe = spec.recipe.model_dump(exclude_unset=True)
    calculation = spec.calculation.model_dump(exclude_unset=True)
    sides = {side: recipe.pop(side) for side in SIDES}
    return {**sides, "interface": recipe, "calculation": calculation}


def _head_of(spec: SystemSpec) -> dict[str, Any]:
    return spec.model_dump(include=set(HEAD))


def _known_tables(tables: Mapping[str, Any], where: str) -> Tables:
    for name, table in tables.items():
        if name not in TABLES:
            raise unknown_name("table", name, TABLES, where)
        if not isinstance(table, Mapping):
            raise RequestError(f"{name} = {table!r} is not a table", where, f"write {name}.key = value")
    return {name: dict(table) for name, table in tables.items()}


def _beside(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    return data | {side: _anchored(data[side], folder) for side in SIDES if isinstance(data.get(side), dict)}


def _anchored(side: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a side's table with the whole path of its file: jobs run in folders of their own."""
    crystal = side.get("crystal")
    if not isinstance(crystal, str) or is_crystal_name(crystal):
        return dict(side)
    file = folder / Path(crystal).expanduser()
    return {**side, "crystal": str(file.absolute())} if file.is_file() else dict(side)


def _spec(data: Mapping[str, Any], where: str) -> SystemSpec:
    known = {*HEAD, *TABLES, "preset"}
    for key in data:
        if key not in known:
            raise unknown_name("key", key, known, where)
    presets = {
        name: _known_tables(tables, f"{where}, preset.{name}") for name, tables in data.get("preset", {}).items()
    }
    base = _known_tables({name: data[name] for name in TABLES if name in data}, where)
    for name in presets:
        if name not in PRESETS:
            raise unknown_name("preset", name, PRESETS, where)
        _validated(data, _merged(base, presets[name]), {}, f"{where}, preset.{name}")
    return _validated(data, base, presets, where)


def _validated(data: Mapping[str, Any], tables: Tables, presets: dict[str, Tables], where: str) -> SystemSpec:
    head = {key: data[key] for key in HEAD if key in data}
    sides = {side: _anchored(tables[side], Path()) for side in SIDES if side in tables}
    recipe, calculation = {**tables.get("interface", {}), **sides}, tables.get("calculation", {})
    try:
        return SystemSpec.model_validate({**head, "recipe": recipe, "calculation": calculation, "presets": presets})
    except ValidationError as fault:
        raise _condensed(fault, where) from None


def _condensed(fault: ValidationError, where: str) -> RequestError:
    """Say a validation error in one line: each key, what is wrong with it, and the value given."""
    told = []
    for error in fault.errors():
        key = ".".join(str(part) for part in error["loc"])
        key = re.sub(r"^recipe\.(?!side_)", "interface.", key).removeprefix("recipe.")
        given = "" if error["type"] == "missing" else f" (given {error['input']!r})"
        told.append(f"{key}: {error['msg'][:1].lower()}{error['msg'][1:]}{given}")
    return RequestError("; ".join(told), where, "see `interlith systems NAME` for a file that is right")
