"""Imports go one way: launchers → workflows → analysis → structures, in-function imports included."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("structures", "analysis", "workflows", "launchers")
ONLY_IN = {"typer": {"launchers"}, "jobflow": {"workflows", "launchers"}, "maggma": {"launchers"}}


def imported_modules(path: Path) -> list[str]:
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules += [node.module or ""] + [f"{node.module}.{alias.name}" for alias in node.names]
    return modules


def wrong_arrows(source_room: str, modules: list[str]) -> list[str]:
    rank = ROOMS.index(source_room)
    targets = [m.split(".") for m in modules]
    upwards = [".".join(m) for m in targets if len(m) > 1 and m[0] == "interlith" and m[1] in ROOMS[rank + 1 :]]
    bare = [".".join(m) for m in targets if m[0] in ROOMS]
    foreign = [m[0] for m in targets if m[0] in ONLY_IN and source_room not in ONLY_IN[m[0]]]
    return upwards + bare + foreign


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    faults = {
        str(path.relative_to(ROOT)): wrong
        for path in (ROOT / room).rglob("*.py")
        if (wrong := wrong_arrows(room, imported_modules(path)))
    }
    assert not faults


def test_a_wrong_arrow_is_seen():
    assert wrong_arrows("structures", ["interlith.analysis.units"]) == ["interlith.analysis.units"]
    assert wrong_arrows("analysis", ["jobflow", "structures.slabs"]) == ["structures.slabs", "jobflow"]


def test_every_folder_is_packaged():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {
        "interlith." + ".".join(path.parent.relative_to(ROOT).parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert folders == listed - {"interlith"}


def test_every_folder_with_code_has_an_init():
    bare = {p.parent for room in ROOMS for p in (ROOT / room).rglob("*.py") if not (p.parent / "__init__.py").exists()}
    assert not bare
