"""Engines learned from DFT: CHGNet and SevenNet, with the weights that their packages ship."""

from __future__ import annotations

import ctypes
import io
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from hashlib import file_digest
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from ase.calculators.calculator import BaseCalculator

from interlith.analysis.records import Method
from interlith.structures.errors import RequestError
from interlith.workflows.engines.contract import Entry, LoadedEngine, Option
from interlith.workflows.engines.settings import EngineSettings, engine_settings

WEIGHTS = {
    "chgnet": ("chgnet", "pretrained/0.3.0/chgnet_0.3.0_e29f68s314m37.pth.tar"),
    "sevennet-0": ("sevenn", "pretrained_potentials/SevenNet_0__11Jul2024/checkpoint_sevennet_0.pth"),
    "sevennet-l3i5": ("sevenn", "pretrained_potentials/SevenNet_l3i5/checkpoint_l3i5.pth"),
}
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # glibc's malloc.h


def load_chgnet(entry: Entry, options: Mapping[str, Option]) -> LoadedEngine:
    """Load CHGNet 0.3.0 (Deng et al. 2023, https://doi.org/10.1038/s42256-023-00716-3)."""
    return _load(entry, options, "interlith.workflows.engines.invariant.InvariantCalculator")


def load_sevennet(entry: Entry, options: Mapping[str, Option]) -> LoadedEngine:
    """Load a SevenNet model (Park et al. 2024, https://doi.org/10.1021/acs.jctc.4c00190)."""
    return _load(entry, options, "interlith.workflows.engines.equivariant.EquivariantCalculator")


def _load(entry: Entry, options: Mapping[str, Option], calculator_path: str) -> LoadedEngine:
    settings = engine_settings()
    device = str(options.get("device", settings.device))
    weights = _weights(entry)
    _prepare_torch(settings, device)
    calculator = _calculator(calculator_path, weights, device)
    with weights.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    method = Method(
        engine=entry.name,
        engine_version=version(entry.packages[0]),
        model=entry.model,
        weights_sha256=digest,
        functional=entry.functional,
        dispersion=None,
        surrogate=entry.surrogate,
        settings={"device": device, "torch": version("torch")},
    )
    return LoadedEngine(entry, calculator, method)


def _weights(entry: Entry) -> Path:
    package, inside = WEIGHTS[entry.name]
    path = Path(str(files(package))) / inside
    if not path.is_file():
        raise RequestError(
            f"the weights of engine {entry.name!r} are not in package {package} {version(package)}",
            str(path),
            f"install the version that ships them: pip install 'interlith[{entry.extra}]'",
        )
    return path


def _calculator(path: str, weights: Path, device: str) -> BaseCalculator:
    # atomate2 takes a dotted path; its own names are not used, because "CHGNet" turns into matgl's
    # other model where the package is missing, and "SevenNet" goes through a deprecated module.
    with _hushed():
        from atomate2.forcefields.utils import ase_calculator

        return ase_calculator(path, weights=weights, device=device)


@contextmanager
def _hushed() -> Iterator[None]:
    """Hold back what loading is known to say: e3nn's use of TorchScript, and greetings on standard output."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        warnings.filterwarnings("ignore", "No tensor product accelerator", UserWarning)
        yield


def _prepare_torch(settings: EngineSettings, device: str) -> None:
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise RequestError(f"device {device!r} is not available to torch here", "engine settings", "use device cpu")
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    if settings.keep_memory and device == "cpu":
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of handing it back and faulting it in again at each force call.

    Measured with 96 atoms of MgO on one thread, CPU seconds a call: CHGNet 1.3 → 1.0; SevenNet-l3i5 by e3nn's own
    convolution 8.1 → 5.1, all of it page faults (780 000 → 0 a call; 30 000 → 0 with the fused one).
    """
    malloc_settings = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if malloc_settings is not None:
        malloc_settings(M_MMAP_MAX, 0)
        malloc_settings(M_TRIM_THRESHOLD, 2**31 - 1)
