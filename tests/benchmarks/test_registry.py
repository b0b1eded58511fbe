"""The rigid registry search against Bayesian optimisation and a dense grid.

The peer is what InterOptimus does: a Gaussian process over (x, y, gap), here scikit-optimize's `gp_minimize`, given as
many energies as our search used, the same irreducible cell of displacements, and a range of 2 Å around the gap that our
search starts from. Three seeds; its best is compared.
"""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from interlith.structures.crystals import load_crystal
from interlith.structures.interfaces import build_interface, displaced, side_alone
from interlith.structures.records import InterfaceModel, InterfaceRecipe, SideRecipe
from interlith.structures.registries import displacement_cell
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.registries import TOUCH, Contact, engine_slope, rigid_search

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]
PEER_SEEDS = 3
BELOW_A, ABOVE_A = 0.5, 1.5
SAME_MEV_A2 = 0.02
"""What our search takes for the same energy: 0.3 mJ/m²."""


def build(a: tuple, b: tuple) -> InterfaceModel:
    sides = [SideRecipe(crystal=crystal, miller=miller, thickness_A=8.0) for crystal, miller in (a, b)]
    recipe = InterfaceRecipe(side_a=sides[0], side_b=sides[1], max_area_A2=60, strain_on="shared")
    return build_interface(*load_crystal(a[0]), *load_crystal(b[0]), recipe)


class Energies:
    """Energy per area (meV/Å²) over fractions (u, v) of the irreducible cell and the gap; calls are counted."""

    def __init__(self, model: InterfaceModel, choice: EngineChoice):
        self.model, self.calculator, self.calls = model, load(choice).calculator(), 0
        self.cell = displacement_cell(side_alone(model, 0), side_alone(model, 1))

    def __call__(self, place) -> float:
        self.calls += 1
        shift = np.array(self.model.shift) + np.array(place[:2]) @ self.cell
        atoms = displaced(self.model, tuple(shift % 1.0), float(place[2])).atoms
        atoms.calc = self.calculator
        return 1000 * float(atoms.get_potential_energy()) / self.model.area_A2


def dense_grid(energies: Energies, n: int, gap_A: float) -> float:
    """The lowest of n × n displacements, each at its own best gap by Brent's method near `gap_A`."""
    lowest = np.inf
    for u, v in np.ndindex(n, n):
        best = minimize_scalar(
            lambda gap, at=(u / n, v / n): energies([*at, gap]),
            bounds=(gap_A - BELOW_A, gap_A + BELOW_A),
            method="bounded",
            options={"xatol": 0.01},
        )
        lowest = min(lowest, float(best.fun))
    return lowest


def bayesian(energies: Energies, touching_A: float, calls: int, seed: int) -> float:
    """Energies beyond 300 meV/Å² above the first are cut off for it: overlaps would spoil its length scales."""
    from skopt import gp_minimize  # an extra of its own: `benchmark`

    space = [(0.0, 1.0), (0.0, 1.0), (touching_A - BELOW_A, touching_A + ABOVE_A)]
    level = energies([0.25, 0.25, touching_A])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = gp_minimize(
            lambda place: min(energies(place), level + 300), space, n_calls=calls, random_state=seed, acq_func="EI"
        )
    return float(found.fun)


@pytest.mark.parametrize(
    ("a", "b", "engine", "n_grid"),
    [
        (("Al", (1, 1, 1)), ("Cu", (1, 1, 1)), "emt", 12),
        (("Al", (1, 0, 0)), ("Cu", (1, 0, 0)), "emt", 12),
        (("Cu", (1, 1, 1)), ("Cu", (1, 1, 1)), "emt", 12),
        (("Li", (1, 1, 0)), ("LiF", (1, 0, 0)), "chgnet", 6),
    ],
    ids=["Al111-Cu111", "Al100-Cu100", "Cu111-Cu111", "Li110-LiF100"],
)
def test_as_low_as_bayesian_optimisation_and_a_dense_grid(a, b, engine, n_grid, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, choice = build(a, b), EngineChoice(name=engine)
    found = rigid_search(model, choice, n_start=8, k=5)
    ours, calls = 1000 * found[0].energy_eV / model.area_A2, sum(one.calls for one in found)
    touching = Contact(model, engine_slope(model, choice)).least_gap_A(np.zeros(3), TOUCH)
    peer = Energies(model, choice)
    # The level that its energies are cut at is not counted against it.
    peers = [bayesian(peer, touching, max(calls, 11), seed) for seed in range(PEER_SEEDS)]
    grid = Energies(model, choice)
    lowest = dense_grid(grid, n_grid, found[0].gap_A)
    print(f"\n{model.name}, {engine}, {len(model.atoms)} atoms, {model.area_A2:.1f} Å²; meV/Å² above the dense grid")
    print(f"interlith {ours - lowest:+.3f} ({calls} calls, gap {found[0].gap_A:.2f} Å, touching {touching:.2f} Å)")
    print(f"gp_minimize {' '.join(f'{p - lowest:+.3f}' for p in peers)} ({max(calls, 11)} calls each)")
    print(f"dense grid {n_grid}×{n_grid}: {grid.calls} calls; interlith/grid calls {calls / grid.calls:.3f}")
    assert ours <= min(peers) + SAME_MEV_A2
    assert ours <= lowest + 1
