"""Force calls to bring rattled interfaces to rest, against ASE's optimisers in the same run."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.io import read
from ase.optimize import FIRE2, LBFGS, BFGSLineSearch

from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.optimisers import CapReachedError, Counted, minimise

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
STARTS = Path(__file__).parent / "relaxations"
FMAX = 0.03
CAP = 400


def rattled(name: str, stdev: float, seed: int) -> Atoms:
    """The start of seed 0 with its own rattle taken back and another put on."""
    atoms = read(STARTS / f"{name}-0.extxyz")
    atoms.set_positions(atoms.positions - np.random.RandomState(0).normal(scale=stdev, size=(len(atoms), 3)))
    atoms.rattle(stdev, seed=seed)
    return atoms


def ours(atoms: Atoms, calculator: BaseCalculator) -> tuple[float, int]:
    atoms.calc = calculator
    outcome = minimise(atoms, fmax=FMAX, max_calls=CAP)
    return outcome.energy_eV if outcome.converged else np.nan, outcome.n_calls


def theirs(optimiser: type, atoms: Atoms, calculator: BaseCalculator) -> tuple[float, int]:
    atoms.calc = counted = Counted(calculator, CAP)
    try:
        optimiser(atoms, logfile=None).run(fmax=FMAX, steps=CAP)
    except CapReachedError:
        return np.nan, CAP
    return counted.last[0], counted.calls


def compare(name: str, stdev: float, seeds: int, engine: str, peers: tuple[type, ...]) -> dict[str, np.ndarray]:
    """Energies and calls (seeds, 2) of each optimiser; the table is printed."""
    calculator = load(EngineChoice(name=engine)).calculator()
    starts = [rattled(name, stdev, seed) for seed in range(seeds)]
    runs = {"interlith": np.array([ours(start.copy(), calculator) for start in starts])}
    runs |= {peer.__name__: np.array([theirs(peer, start.copy(), calculator) for start in starts]) for peer in peers}
    base = np.median(runs["BFGSLineSearch"][:, 1])
    print(f"\n{name}, {engine}, {seeds} rattles, fmax {FMAX} eV/Å")
    for who, found in runs.items():
        median = np.median(found[:, 1])
        calls = " ".join(f"{n:.0f}" for n in found[:, 1])
        energies = " ".join(f"{e:.3f}" for e in found[:, 0])
        print(f"{who:16s} median {median:5.1f} ratio {median / base:.2f} mean E {found[:, 0].mean():.4f} eV")
        print(f"{'':16s} calls {calls}; E {energies}")
    return runs


@pytest.mark.parametrize(
    ("name", "stdev", "seeds", "engine", "peers"),
    [
        ("al-cu-emt", 0.1, 12, "emt", (BFGSLineSearch, LBFGS, FIRE2)),
        ("li-lif-chgnet", 0.05, 6, "chgnet", (BFGSLineSearch,)),
    ],
)
def test_calls_and_energy_against_bfgs_line_search(name, stdev, seeds, engine, peers):
    runs = compare(name, stdev, seeds, engine, peers)
    mine, peer = runs["interlith"], runs["BFGSLineSearch"]
    assert np.median(mine[:, 1]) <= 0.8 * np.median(peer[:, 1])
    assert mine[:, 0].mean() <= peer[:, 0].mean()


def test_the_rattles_are_those_of_the_stored_starts():
    for name, stdev, seed in (("al-cu-emt", 0.1, 1), ("al-cu-emt", 0.1, 2), ("li-lif-chgnet", 0.05, 0)):
        stored = read(STARTS / f"{name}-{seed}.extxyz")
        assert np.abs(rattled(name, stdev, seed).positions - stored.positions).max() < 3e-8
