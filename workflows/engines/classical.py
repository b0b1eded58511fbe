"""Engines of few parameters: effective medium theory, and any ASE calculator named by its dotted path."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import packages_distributions, version
from typing import cast, get_args

from ase.calculators.calculator import BaseCalculator

from interlith.analysis.records import Method
from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Capability, Entry, LoadedEngine, Option

EXAMPLE = "ase.calculators.lj.LennardJones"


def load_path(entry: Entry, options: Mapping[str, Option]) -> LoadedEngine:
    """Make the ASE calculator whose dotted path is the entry's model, with these options.

    Raises
    ------
    RequestError
        If the path leads nowhere or the calculator refuses the options.
    """
    calculator = _construct(entry.model, options)
    method = Method(
        engine=entry.name,
        engine_version=_version_of(entry),
        model=entry.model,
        weights_sha256=None,
        functional=entry.functional,
        dispersion=None,
        surrogate=entry.surrogate,
        settings=dict(options),
    )
    return LoadedEngine(entry, calculator, method)


def entry_of_path(path: str, options: Mapping[str, Option]) -> Entry:
    """Return the catalogue's row for an ASE calculator that only its dotted path names.

    Its functional and its error are unknown, so it counts as a surrogate and takes no dispersion.

    Raises
    ------
    RequestError
        If the path cannot be imported or is no ASE calculator.
    """
    made = _imported(path)
    properties = made if hasattr(made, "implemented_properties") else _construct(path, options)
    return Entry(
        name=path,
        loader="interlith.workflows.engines.classical.load_path",
        family="any ASE calculator",
        model=path,
        capabilities=_capabilities(properties),
        elements=None,
        functional=None,
        surrogate=True,
        packages=tuple(packages_distributions().get(path.split(".")[0], ())[:1]),
        extra=None,
        options=None,
        d3_parameters=None,
        includes_dispersion=False,
        ships_weights=False,
        description="an ASE calculator named by its dotted path",
        known_error="unknown to interlith",
    )


def _imported(path: str) -> Callable[..., BaseCalculator]:
    module, _, name = path.rpartition(".")
    try:
        return cast(Callable[..., BaseCalculator], getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise RequestError(
            f"engine {path!r} cannot be imported: {error}", "engine", f"give a dotted path such as {EXAMPLE}"
        ) from error


def _construct(path: str, options: Mapping[str, Option]) -> BaseCalculator:
    # Imported here: atomate2 costs 0.3 s, which listing the catalogue should not pay.
    from atomate2.forcefields.utils import ase_calculator

    _refuse_unknown_options(path, options)
    try:
        calculator = ase_calculator(path, **options)
    except (TypeError, ValueError) as error:
        raise RequestError(f"engine {path!r} refuses {dict(options)}: {error}", "engine options") from error
    if not hasattr(calculator, "implemented_properties"):
        raise RequestError(f"{path!r} makes a {type(calculator).__name__}, not an ASE calculator", "engine")
    return cast(BaseCalculator, calculator)


def _refuse_unknown_options(path: str, options: Mapping[str, Option]) -> None:
    """Many ASE calculators swallow any keyword, so a misspelt one would change nothing, silently."""
    made = _imported(path)
    stated = getattr(made, "default_parameters", None)
    if not stated:
        return
    known = {*stated, *inspect.signature(made).parameters} - {"self", "kwargs", "atoms"}
    unknown = sorted(set(options) - known)
    if unknown:
        raise RequestError(
            f"engine {path!r} has no option {', '.join(unknown)}",
            "engine options",
            f"known: {', '.join(sorted(known))}",
        )


def _capabilities(calculator: object) -> frozenset[Capability]:
    properties = getattr(calculator, "implemented_properties", ())
    return frozenset(c for c in get_args(Capability) if c in properties)


def _version_of(entry: Entry) -> str:
    return version(entry.packages[0]) if entry.packages else "unversioned"
