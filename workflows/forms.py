"""The forms of a system's file: which tables each kind has, and how they become a recipe.

A file holds tables; a recipe is a record. One row of :data:`FORMS` says, for each kind of system, which tables
are crystals, which are molecules, and where every other field of its recipe stands.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from interlith.structures.errors import RequestError, unknown_name
from interlith.structures.library import is_crystal_name
from interlith.structures.records import (
    AdlayerRecipe,
    InterfaceRecipe,
    MoleculeRecipe,
    MoleculesRecipe,
    PackedRecipe,
    SideRecipe,
)

Kind = Literal["interface", "adlayer", "packed", "molecules"]
Recipe = InterfaceRecipe | AdlayerRecipe | PackedRecipe | MoleculesRecipe
Tables = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Form:
    """How the file of one kind of system is laid out.

    Attributes
    ----------
    recipe
        The recipe that its tables make.
    table
        Table of the recipe's own fields; empty where it has none.
    crystals, molecules
        Tables of one side each.
    members
        List of tables, one a molecule, and the recipe's field of that name; empty where there is none. Within
        this package the list is a table by number, from "1", so that a setting can name ``components.2.count``.
    """

    recipe: type[InterfaceRecipe] | type[AdlayerRecipe] | type[PackedRecipe] | type[MoleculesRecipe]
    table: str
    crystals: tuple[str, ...] = ()
    molecules: tuple[str, ...] = ()
    members: str = ""

    @property
    def sides(self) -> tuple[str, ...]:
        """Tables of one side each."""
        return self.crystals + self.molecules

    @property
    def tables(self) -> tuple[str, ...]:
        """Every table that describes the recipe."""
        return self.sides + tuple(name for name in (self.table, self.members) if name)

    def data(self, tables: Tables) -> dict[str, Any]:
        """Return what the recipe is validated from; files in the current folder get their whole path."""
        own = tables.get(self.table, {})
        sides = {side: anchored(tables[side], Path()) for side in self.sides if side in tables}
        if not self.members:
            return {**own, **sides}
        listed = tables.get(self.members, {})
        _refuse_gaps(self.members, listed)
        members = [_member(anchored(listed[number], Path())) for number in sorted(listed, key=_position)]
        return {**own, **sides, self.members: members}

    def split(self, recipe: Recipe) -> Tables:
        """Return the tables of a recipe, fields that nobody set left out: the reverse of :meth:`data`."""
        own = recipe.model_dump(exclude_unset=True)
        tables = {side: own.pop(side) for side in self.sides}
        if self.members:
            members = own.pop(self.members)
            tables[self.members] = {str(k): m.pop("recipe") | m for k, m in enumerate(members, start=1)}
        return tables | ({self.table: own} if self.table else {})

    def place(self, key: str) -> str:
        """Return where in the file a key of the recipe stands."""
        first, _, rest = key.partition(".")
        if first in self.sides:
            return key
        if first != self.members:
            return f"{self.table}.{key}" if self.table else key
        number, _, field = rest.partition(".")
        numbers = [str(int(number) + 1)] if number else []
        return ".".join([first, *numbers, *([field.removeprefix("recipe.")] if field else [])])


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "interface": Form(InterfaceRecipe, "interface", crystals=("side_a", "side_b")),
        "adlayer": Form(AdlayerRecipe, "adlayer", crystals=("side_a",), molecules=("side_b",)),
        "packed": Form(PackedRecipe, "packed", crystals=("side_a",), members="components"),
        "molecules": Form(MoleculesRecipe, "", members="molecules"),
    }
)


def form_of(kind: Any, where: str) -> Form:
    """Return the form of a kind of system.

    Raises
    ------
    RequestError
        If there is no such kind.
    """
    if kind not in FORMS:
        raise unknown_name("kind", str(kind), FORMS, where)
    return FORMS[kind]


def numbered(tables: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Return tables with the list of members, as a file has it, as a table by number."""
    listed = tables.get(form.members)
    if not isinstance(listed, list):
        return dict(tables)
    return {**tables, form.members: {str(number): member for number, member in enumerate(listed, start=1)}}


def _refuse_gaps(members: str, listed: Mapping[str, Any]) -> None:
    """Refuse a list of members whose numbers do not follow each other: a number too high names none."""
    for place, number in enumerate(sorted(listed, key=_position), start=1):
        if _position(number) != place:
            raise RequestError(f"there is no {members}.{number}: {place - 1} given", "settings", f"next is {place}")


def anchored(table: Any, folder: Path) -> Any:
    """Return a side's table with the whole path of the file it names: jobs run in folders of their own.

    Parameters
    ----------
    table
        Has `crystal` or `molecule`: a name, a SMILES, a repeat unit or a file; anything else is returned as it is.
    folder
        Where a file's path begins.
    """
    if not isinstance(table, Mapping):
        return table
    for key in ("crystal", "molecule"):
        named = table.get(key)
        if isinstance(named, str) and not is_crystal_name(named):
            file = folder / Path(named).expanduser()
            if os.path.isfile(file):  # noqa: PTH113 a long SMILES is no file; Path.is_file() raises for it
                return {**table, key: str(file.absolute())}
    return dict(table)


def crystals_of(recipe: Recipe) -> tuple[SideRecipe, ...]:
    """Return the sides of a recipe that are crystals, the lower first."""
    sides = (getattr(recipe, name, None) for name in ("side_a", "side_b"))
    return tuple(side for side in sides if isinstance(side, SideRecipe))


def molecules_of(recipe: Recipe) -> tuple[MoleculeRecipe, ...]:
    """Return the molecules of a recipe, in the order of its file."""
    if isinstance(recipe, AdlayerRecipe):
        return (recipe.side_b,)
    if isinstance(recipe, PackedRecipe):
        return tuple(component.recipe for component in recipe.components)
    return tuple(member.recipe for member in recipe.molecules) if isinstance(recipe, MoleculesRecipe) else ()


def materials(recipe: Recipe) -> tuple[str, ...]:
    """Return every crystal and molecule that a recipe names, as it names them."""
    named = [side.crystal for side in crystals_of(recipe)] + [one.molecule for one in molecules_of(recipe)]
    return tuple(dict.fromkeys(named))


def _member(table: Any) -> Any:
    """Return a member's table with the fields of its molecule apart from its own."""
    if not isinstance(table, Mapping):
        return table
    of_molecule = {key: value for key, value in table.items() if key not in ("count", "role")}
    return {**{key: value for key, value in table.items() if key in ("count", "role")}, "recipe": of_molecule}


def _position(number: str) -> int:
    if not number.isdecimal():
        raise RequestError(
            f"{number!r} is not the number of a molecule in the list",
            "settings",
            "count from 1; in a file, write [[name]] above each",
        )
    return int(number)
