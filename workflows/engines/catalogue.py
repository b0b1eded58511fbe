"""The engines by name: what each can do before anything is loaded, and one warm engine per choice.

Another package adds engines by entry points of group ``interlith.engines``, each naming an
:class:`~interlith.workflows.engines.contract.Entry`. Importing this module imports no numerical library.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from typing import Any, cast

from ase.data import chemical_symbols

from interlith.analysis.surrogates import surface_error
from interlith.structures.errors import RequestError, unknown_name
from interlith.workflows.engines.classical import EXAMPLE, entry_of_path
from interlith.workflows.engines.contract import Capability, Engine, EngineChoice, Entry, Loader
from interlith.workflows.engines.cp2k_elements import VALENCE
from interlith.workflows.engines.cp2k_options import MixedBasisOptions
from interlith.workflows.engines.dispersion import add_dispersion, with_dispersion
from interlith.workflows.engines.functionals import told_functional
from interlith.workflows.engines.planewave_input import PlaneWaveOptions
from interlith.workflows.engines.programs import find_program, program_version
from interlith.workflows.engines.settings import engine_settings

GROUP = "interlith.engines"
MECHANICS: frozenset[Capability] = frozenset({"energy", "forces", "stress"})
EMT_METALS = frozenset({"Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au"})
# The 89 elements of the Materials Project trajectories.
MPTRJ_ELEMENTS = frozenset(chemical_symbols[1:95]) - {"Po", "At", "Rn", "Fr", "Ra"}


def _learned(name: str, model: str, package: str, description: str, known_error: str) -> Entry:
    """Return the row of a potential trained on the Materials Project trajectories."""
    extra = {"sevenn": "sevennet"}.get(package, package)
    return Entry(
        name=name,
        loader=f"interlith.workflows.engines.learned.load_{extra}",
        family="learned",
        model=model,
        capabilities=MECHANICS,
        elements=MPTRJ_ELEMENTS,
        functional="PBE/PBE+U (MPtrj)",
        surrogate=True,
        packages=(package, "torch"),
        extra=extra,
        options=frozenset({"device"}),
        d3_parameters="pbe",
        includes_dispersion=False,
        ships_weights=True,
        description=description,
        known_error=known_error,
    )


_EMT = Entry(
    name="emt",
    loader="interlith.workflows.engines.classical.load_path",
    family="classical",
    model="ase.calculators.emt.EMT",
    capabilities=MECHANICS,
    # ASE's parameters for H, C, N and O are, in its own words, not for any serious use.
    elements=EMT_METALS,
    functional=None,
    surrogate=True,
    packages=("ase",),
    extra=None,
    options=frozenset(),
    d3_parameters=None,
    includes_dispersion=False,
    ships_weights=True,
    description="effective medium theory for seven fcc metals: immediate, for trying things out",
    known_error="fitted to bulk metals; for demonstrations, not for results",
)


def _tight_binding(model: str, dispersion: str, known_error: str) -> Entry:
    """Return the row of an xTB Hamiltonian."""
    return Entry(
        name=model.lower(),
        loader="interlith.workflows.engines.tightbinding.load_tblite",
        family="tight binding",
        model=model,
        capabilities=frozenset({"energy", "forces", "charges"}),
        elements=frozenset(chemical_symbols[1:87]),
        functional=None,
        surrogate=True,
        packages=("tblite", "threadpoolctl"),
        extra="xtb",
        options=frozenset({"charge", "multiplicity"}),
        d3_parameters=None,
        includes_dispersion=True,
        ships_weights=True,
        description=f"extended tight binding with {dispersion} dispersion, 86 elements; molecules, not crystals",
        known_error=known_error,
    )


_CP2K = Entry(
    name="cp2k",
    loader="interlith.workflows.engines.mixedbasis.load_cp2k",
    family="mixed Gaussian and plane waves",
    model="CP2K",
    capabilities=MECHANICS | {"density", "orbitals", "charges"},
    elements=frozenset(VALENCE),
    functional="PBE",
    surrogate=False,
    packages=(),
    extra=None,
    options=frozenset(MixedBasisOptions.model_fields),
    d3_parameters="pbe",
    includes_dispersion=False,
    ships_weights=True,
    description="density-functional theory for crystals, slabs and molecules on them, 72 elements",
    known_error="",
    programs=("cp2k.psmp", "cp2k"),
    debian="cp2k cp2k-data",
)

_ESPRESSO = Entry(
    name="espresso",
    loader="interlith.workflows.engines.planewave.load_espresso",
    family="plane waves",
    model="Quantum ESPRESSO",
    capabilities=MECHANICS | {"density"},
    elements=frozenset(VALENCE),
    functional="PBE",
    surrogate=False,
    packages=(),
    extra=None,
    options=frozenset(PlaneWaveOptions.model_fields),
    d3_parameters="pbe",
    includes_dispersion=False,
    ships_weights=True,
    description="density-functional theory in plane waves, with CP2K's pseudopotentials: to hold CP2K against",
    known_error="LiF: energy over volume within 5 meV of CP2K's, with 400 Ry",
    programs=("pw.x",),
    debian="quantum-espresso cp2k-data",
)

_PYSCF = Entry(
    name="pyscf",
    loader="interlith.workflows.engines.molecular.load_pyscf",
    family="molecular DFT",
    model="PySCF",
    capabilities=frozenset({"energy", "forces", "density", "orbitals", "charges"}),
    elements=None,
    functional="B3LYP (VWN-RPA)",
    surrogate=False,
    packages=("pyscf", "geometric", "threadpoolctl"),
    extra="pyscf",
    options=frozenset(
        {"functional", "basis", "charge", "multiplicity", "density_fit", "grid_level", "solvent", "solvent_model"}
        | {"conv_tol", "max_cycle", "memory_MB", "stability"}
    ),
    d3_parameters="b3lyp",
    includes_dispersion=False,
    ships_weights=True,
    description="density-functional theory of molecules and ions in Gaussian functions (6-31+G* unless told)",
    known_error="of the functional and the basis",
)

# MACE takes its place here with the issue that brings its family.
BUILT_IN: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        _EMT,
        _learned(
            "chgnet",
            "CHGNet 0.3.0",
            "chgnet",
            "invariant graph network of 0.4 million parameters, 89 elements",
            "with D3(BJ) binds P-DOL 0.8 to 1.8 eV, PVDF-HFP 2.2 eV too strongly",
        ),
        _learned(
            "sevennet-0",
            "SevenNet-0 (11Jul2024)",
            "sevenn",
            "equivariant network up to l = 2, 89 elements: the fastest learned engine",
            "with D3(BJ) binds P-DOL 0.2 eV, PVDF-HFP 1.5 eV too strongly",
        ),
        _learned(
            "sevennet-l3i5",
            "SevenNet-l3i5",
            "sevenn",
            "equivariant network up to l = 3, 89 elements: the most accurate here, twice SevenNet-0's cost",
            "with D3(BJ) binds P-DOL within 0.14 eV, PVDF-HFP 1.2 eV too strongly",
        ),
        _tight_binding("GFN1-xTB", "D3", "takes 6 to 8 eV too much for an electron (Li, H2O)"),
        _tight_binding(
            "GFN2-xTB",
            "D4",
            "binds Li+ to TFSI- by 7.8 eV (B3LYP-D3: 5.7 eV), Li-O 0.1 to 0.2 Å short; takes 4 to 6 eV too much for an "
            "electron (Li, H2O)",
        ),
        _PYSCF,
        _CP2K,
        _ESPRESSO,
    )
}


class _Catalogue(Mapping[str, Entry]):
    """The built-in engines and those that other packages add, looked up when asked for."""

    def __getitem__(self, name: str) -> Entry:
        return BUILT_IN[name] if name in BUILT_IN else _entry_of_plugin(_plugins()[name])

    def __iter__(self) -> Iterator[str]:
        return iter((*BUILT_IN, *_plugins()))

    def __len__(self) -> int:
        return len(BUILT_IN) + len(_plugins())


ENTRIES: Mapping[str, Entry] = _Catalogue()


def find(choice: EngineChoice) -> Entry:
    """Return the catalogue's row for a choice, without its dispersion.

    Raises
    ------
    RequestError
        If there is no engine of that name (the nearest are suggested), or it has not such options.
    """
    if choice.name in ENTRIES:
        entry = ENTRIES[choice.name]
    elif "." in choice.name:
        entry = entry_of_path(choice.name, choice.options)
    else:
        raise unknown_name("engine", choice.name, ENTRIES, f"or a dotted path such as {EXAMPLE}")
    wrong = sorted(set(choice.options) - entry.options) if entry.options is not None else []
    if wrong:
        known = ", ".join(sorted(entry.options or ())) or "none"
        raise RequestError(
            f"engine {entry.name!r} has no option {', '.join(wrong)}", "engine options", f"known: {known}"
        )
    return told_functional(entry, choice.options)


def require(choice: EngineChoice, *capabilities: Capability) -> Entry:
    """Return the row of an engine that is here and can do what is asked; for use while a flow is built.

    Raises
    ------
    RequestError
        If the engine is unknown, its package is missing, it lacks a capability, or the dispersion
        that is asked for does not go with it.
    """
    entry = find(choice)
    missing = missing_packages(entry)
    if missing:
        raise RequestError(
            f"engine {entry.name!r} needs {' and '.join(missing)}, not installed here", "engine", how_to_get(entry)
        )
    if choice.dispersion != "none":
        entry = with_dispersion(entry, choice.dispersion)
    lacking = [c for c in capabilities if c not in entry.capabilities]
    if lacking:
        raise RequestError(
            f"engine {choice.name!r} cannot compute {', '.join(lacking)}",
            "engine",
            f"it computes {', '.join(sorted(entry.capabilities)) or 'nothing'}; choose another",
        )
    return entry


def load(choice: EngineChoice) -> Engine:
    """Return the engine, loaded at the first call of this process and warm from then on.

    Raises
    ------
    RequestError
        See :func:`require`; or if its weights or device are not there.
    """
    return _loaded(json.dumps(choice.model_dump(), sort_keys=True))


@cache
def _loaded(choice_json: str) -> Engine:
    choice = EngineChoice.model_validate_json(choice_json)
    require(choice)
    entry = find(choice)
    module, _, function = entry.loader.rpartition(".")
    try:
        engine = cast(Loader, getattr(import_module(module), function))(entry, choice.options)
    except ImportError as error:
        raise RequestError(
            f"engine {entry.name!r} is installed but cannot be imported: {error}", "engine", how_to_get(entry)
        ) from error
    return engine if choice.dispersion == "none" else add_dispersion(engine, choice.dispersion)


def missing_packages(entry: Entry) -> list[str]:
    """Return the distributions and the program that an engine needs and that are not installed."""
    missing = [name for name in entry.packages if _version(name) is None]
    if entry.programs and program_of(entry) is None:
        missing.append(f"the program {entry.programs[-1]}")
    return missing


def program_of(entry: Entry) -> str | None:
    """Return the path of the program that an engine runs, the person's own first; None where there is none."""
    told = getattr(engine_settings(), f"{entry.name}_command", None)
    return find_program(*([shlex.split(told)[0]] if told else entry.programs))


def how_to_get(entry: Entry) -> str:
    """Return the command that installs an engine."""
    if entry.programs and program_of(entry) is None:
        return entry.way_to_get or f"apt-get install {entry.debian}"
    return f"pip install 'interlith[{entry.extra}]'" if entry.extra else f"pip install {' '.join(entry.packages)}"


def describe() -> list[dict[str, Any]]:
    """Return one row per engine for `interlith engines`; nothing is loaded.

    Keys: name, family, description, capabilities (list), functional, surrogate, elements (how many; None
    where only the calculator knows), dispersion (whether D3(BJ) may be added), installed, version, get,
    weights_shipped, known_error.
    """
    return [_row(entry) for entry in ENTRIES.values()]


def _row(entry: Entry) -> dict[str, Any]:
    installed = not missing_packages(entry)
    return {
        "name": entry.name,
        "family": entry.family,
        "description": entry.description,
        "capabilities": sorted(entry.capabilities),
        "functional": entry.functional,
        "surrogate": entry.surrogate,
        "elements": len(entry.elements) if entry.elements is not None else None,
        "dispersion": entry.d3_parameters is not None and not entry.includes_dispersion,
        "installed": installed,
        "version": _version_here(entry) if installed else None,
        "get": "" if installed else how_to_get(entry),
        "weights_shipped": entry.ships_weights,
        "known_error": "; ".join(text for text in (surface_error(entry.name), entry.known_error) if text),
    }


def _version_here(entry: Entry) -> str | None:
    program = program_of(entry) if entry.programs else None
    if program:
        return program_version(program)
    return _version(entry.packages[0]) if entry.packages else None


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _plugins() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in BUILT_IN or point.name in found:
            raise RequestError(
                f"engine {point.name!r} is named twice", f"entry point {point.value}", "uninstall one of the packages"
            )
        found[point.name] = point
    return found


def _entry_of_plugin(point: EntryPoint) -> Entry:
    try:
        entry = point.load()
    except (ImportError, AttributeError) as error:
        raise RequestError(
            f"engine {point.name!r} cannot be loaded: {error}", f"entry point {point.value}", "mend or uninstall it"
        ) from error
    if not isinstance(entry, Entry) or entry.name != point.name:
        raise RequestError(
            f"entry point {point.name!r} gives {entry!r}, not an engine's Entry of that name", point.value
        )
    return entry
