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

That is ``kind = "interface"``. A molecule on a slab is ``kind = "adlayer"``: its ``[side_b]`` names a ``molecule``
(a library name, a SMILES, a repeat unit or a file) and ``[adlayer]`` has the other fields. ``kind = "packed"`` has
``[[components]]`` (``molecule``, ``count``) and ``[packed]``; ``kind = "molecules"`` has ``[[molecules]]`` alone.
"""

from __future__ import annotations

import os.path
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from interlith.structures.errors import RequestError, unknown_name
from interlith.structures.library import ALIASES, crystal_names, is_crystal_name, molecule_names, system_path
from interlith.structures.records import Miller, Record
from interlith.workflows.forms import FORMS, Form, Kind, Recipe, Tables, anchored, form_of, numbered
from interlith.workflows.presets import PRESETS, Calculation

HEAD = ("name", "title", "kind", "sources", "notes", "candidates")
MEND = "see `interlith systems NAME` for a file that is right"


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
    kind: Kind = "interface"
    recipe: Recipe
    calculation: Calculation = Calculation()
    presets: dict[str, Tables] = Field(default_factory=dict, description="per preset: tables that replace the above")
    asked: Tables = Field(default_factory=dict, description="what a person changed; stronger than any preset's table")
    sources: tuple[str, ...] = ()
    notes: str = ""
    candidates: tuple[FaceCandidate, ...] = Field(default=(), description="what side B's face was chosen from")

    @model_validator(mode="after")
    def _recipe_is_of_its_kind(self) -> Self:
        if not isinstance(self.recipe, self.form.recipe):
            raise ValueError(f"a system of kind {self.kind!r} has no {type(self.recipe).__name__}")
        return self

    @property
    def form(self) -> Form:
        """How its file is laid out."""
        return FORMS[self.kind]

    def resolved(self, preset: str) -> SystemSpec:
        """Return the system as it stands under one preset: its own tables, the preset's, the person's.

        A side whose thickness nobody named takes the preset's; so do the numbers of an adlayer's candidates.
        """
        tables = _merged(_tables_of(self), self.presets.get(preset, {}), self.asked)
        if preset in PRESETS:
            for side in self.form.crystals:
                if not {"thickness_A", "layers"} & set(tables[side]):
                    tables[side]["thickness_A"] = PRESETS[preset].thickness_A
            if self.kind == "adlayer":
                tables["adlayer"] = PRESETS[preset].candidates_of_adlayers() | tables["adlayer"]
        return _spec({**_head_of(self), **tables}, f"{self.name}, preset {preset}")

    def changed(self, settings: Mapping[str, Any]) -> SystemSpec:
        """Return the system with a person's settings (nested tables, as in a file) on top.

        Raises
        ------
        RequestError
            For a table, key or value that is not valid.
        """
        asked = _merged(self.asked, _known_tables(numbered(settings, self.form), self.form, "settings"))
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
    miller_b: str | Miller | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
) -> SystemSpec:
    """Return a system of two sides: A below, B above.

    Parameters
    ----------
    a
        Library name or path of a crystal file.
    b
        The same; or a molecule: library name, SMILES, repeat unit or file. A crystal's name wins.
    miller_a, miller_b
        Miller indices, as three integers or as a text such as ``110``, ``1-10`` or ``1,1,0``; none for a molecule.
    settings
        Nested tables, as in a file.

    Raises
    ------
    RequestError
        For indices that are no three integers, a face of a molecule, none of a crystal, or settings that are not
        valid.

    Examples
    --------
    >>> from_sides("Li", "LiF", "110", "100").name
    'li110-lif100'
    >>> from_sides("Li", "DME", "100").kind
    'adlayer'
    """
    if names_molecule(a):
        raise RequestError(f"side A is the crystal below, {a!r} is a molecule", "--a", "give the molecule as side B")
    kind = "adlayer" if names_molecule(b) else "interface"
    sides: Tables = {"side_a": {"crystal": a, "miller": miller_from(miller_a, "side_a")}}
    if kind == "adlayer":
        if miller_b is not None:
            raise RequestError(f"a molecule has no face, {b!r} was given {miller_b}", "--miller-b", "leave it out")
        sides["side_b"] = {"molecule": b}
    else:
        sides["side_b"] = {"crystal": b, "miller": miller_from(miller_b or "", "side_b")}
    known = _known_tables(numbered(settings or {}, FORMS[kind]), FORMS[kind], "settings")
    labels = ["".join(map(str, side.get("miller", ()))) for side in sides.values()]
    name = "-".join(_stem(n) + label for n, label in zip((a, b), labels, strict=True))
    title = " | ".join(n + (f" ({label})" if label else "") for n, label in zip((a, b), labels, strict=True))
    return _spec({"name": name, "title": title, "kind": kind, **_merged(sides, known)}, "command line")


def from_molecules(name: str, members: Iterable[Mapping[str, Any]]) -> SystemSpec:
    """Return a system of molecules alone.

    Parameters
    ----------
    name
        Of the system.
    members
        Per molecule the keys of a file's ``[[molecules]]``.

    Raises
    ------
    RequestError
        For a key or value that is not valid.

    Examples
    --------
    >>> from_molecules("levels-dme", [{"molecule": "DME"}]).kind
    'molecules'
    """
    return _spec({"name": name, "kind": "molecules", "molecules": [dict(one) for one in members]}, "command line")


def names_molecule(text: str) -> bool:
    """Return whether a side, as typed, is a molecule; a crystal's name or an existing file of a crystal wins."""
    from interlith.structures.molecule_files import is_molecule_file
    from interlith.structures.molecules import is_molecule

    if is_crystal_name(text):
        return False
    file = os.path.expanduser(text)  # noqa: PTH111 a long SMILES is no path, and Path.is_file() raises for it
    if not os.path.isfile(file):  # noqa: PTH113
        return is_molecule_file(text) or is_molecule(text)
    return is_molecule_file(file) and "lattice=" not in Path(file).read_text(errors="replace").lower()


def refuse_unnamed(text: str, where: str) -> None:
    """Refuse a side, as typed, that is no crystal, no file and no molecule.

    Raises
    ------
    RequestError
        With the nearest names, and why it is no SMILES.
    """
    from interlith.structures.smiles import fault_of

    if is_crystal_name(text) or names_molecule(text) or os.path.isfile(text):  # noqa: PTH113
        return
    near = unknown_name("name", text, {*crystal_names(), *ALIASES, *molecule_names()}).mend
    raise RequestError(f"{text!r} is no crystal, no file and no molecule (as a SMILES: {fault_of(text)})", where, near)


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
    plain = str(indices).strip().strip("()[]").strip()
    between = r"(?:\s*,\s*|\s+)"
    found = re.fullmatch(r"(-?[1-9]|0)" * 3, plain) or re.fullmatch(between.join([r"(-?[1-9]\d*|0)"] * 3), plain)
    if not found or not any(int(x) for x in found.groups()):
        raise RequestError(f"Miller indices {indices!r} are not three integers, one of them not 0", where, "e.g. 1,1,0")
    h, k, m = (int(x) for x in found.groups())
    return h, k, m


def _stem(named: str) -> str:
    """Return what a side is called in the name of its system."""
    stem = Path(named).stem if Path(named).suffix[1:].isalpha() else named
    return re.sub(r"[^\w.]+", "_", stem.lower()).strip("_") or "molecule"


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _nested(dotted: str, value: Any) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return dict(value)


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested tables, later ones on top."""
    whole: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = whole.get(key)
            nested = isinstance(value, Mapping)
            whole[key] = _merged(below if isinstance(below, Mapping) else {}, value) if nested else value
    return whole


def _tables_of(spec: SystemSpec) -> Tables:
    return {**spec.form.split(spec.recipe), "calculation": spec.calculation.model_dump(exclude_unset=True)}


def _head_of(spec: SystemSpec) -> dict[str, Any]:
    return spec.model_dump(include=set(HEAD))


def _known_tables(tables: Mapping[str, Any], form: Form, where: str) -> Tables:
    known = (*form.tables, "calculation")
    for name, table in tables.items():
        if name not in known:
            raise unknown_name("table", name, known, where)
        if not isinstance(table, Mapping):
            mend = f"write [[{name}]] above each" if name == form.members else f"write {name}.key = value"
            raise RequestError(f"{name} = {table!r} is not a table", where, mend)
    return {name: dict(table) for name, table in tables.items()}


def _beside(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a file's document with the whole paths of the files that lie beside it."""
    tables = {name: anchored(table, folder) for name, table in data.items() if isinstance(table, Mapping)}
    lists = {
        name: [anchored(one, folder) for one in listed]
        for name, listed in data.items()
        if isinstance(listed, list) and name in ("components", "molecules")
    }
    return data | tables | lists


def _spec(data: Mapping[str, Any], where: str) -> SystemSpec:
    form = form_of(data.get("kind", "interface"), where)
    data, tables = numbered(data, form), (*form.tables, "calculation")
    for key in data:
        if key not in (known := {*HEAD, *tables, "preset"}):
            raise unknown_name("key", key, known, where)
    base = _known_tables({name: data[name] for name in tables if name in data}, form, where)
    presets = {}
    for name, changes in data.get("preset", {}).items():
        if name not in PRESETS:
            raise unknown_name("preset", name, PRESETS, where)
        presets[name] = _known_tables(numbered(changes, form), form, f"{where}, preset.{name}")
        _validated(data, _merged(base, presets[name]), {}, f"{where}, preset.{name}")
    return _validated(data, base, presets, where)


def _validated(data: Mapping[str, Any], tables: Tables, presets: dict[str, Tables], where: str) -> SystemSpec:
    form = form_of(data.get("kind", "interface"), where)
    head = {key: data[key] for key in HEAD if key in data}
    faults = []
    try:
        recipe = form.recipe.model_validate(form.data(tables))
    except ValidationError as fault:
        faults += _told(fault, form)
    try:
        calculation = Calculation.model_validate(tables.get("calculation", {}))
    except ValidationError as fault:
        faults += [f"calculation.{told}" for told in _told(fault)]
    if faults:
        raise RequestError("; ".join(faults), where, MEND)
    try:
        return SystemSpec.model_validate({**head, "recipe": recipe, "calculation": calculation, "presets": presets})
    except ValidationError as fault:
        raise RequestError("; ".join(_told(fault)), where, MEND) from None


def _told(fault: ValidationError, form: Form | None = None) -> list[str]:
    """Say a validation error: each key as its file has it, what is wrong with it, and the value given."""
    # A list that lost its faulty members is told to be too short as well.
    inner = {error["loc"][0] for error in fault.errors() if len(error["loc"]) > 1}
    told = []
    for error in fault.errors():
        if error["type"] != "too_short" or error["loc"][0] not in inner:
            loc, said = _said(dict(error))
            key = ".".join(str(part) for part in loc)
            told.append(f"{form.place(key) if form else key}: {said}")
    return list(dict.fromkeys(told))  # a tuple that is too short is told once for each value that it lacks


def _said(error: dict[str, Any]) -> tuple[tuple[int | str, ...], str]:
    """Return where an error is, and what is wrong there in words."""
    loc, given = error["loc"], f" (given {error['input']!r})"
    if error["type"] == "too_short":
        return loc, "none is given, at least one is needed"
    if error["type"] == "missing":
        return (loc[:-1], f"too few values{given}") if isinstance(loc[-1], int) else (loc, "field required")
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return loc, f"not a table{given}"
    return loc, f"{error['msg'][:1].lower()}{error['msg'][1:]}{given}"
