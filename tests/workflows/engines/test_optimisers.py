"""What must hold wherever a minimisation starts: at rest, lower, nothing counted twice or moved unasked."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.fd import calculate_numerical_forces
from ase.constraints import FixAtoms
from ase.optimize import BFGSLineSearch
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.errors import ComputationError
from interlith.workflows.engines import optimisers
from interlith.workflows.engines.optimisers import (
    CapReachedError,
    Counted,
    damped,
    largest_force,
    learned,
    longest,
    minimise,
    trust_step,
)
from interlith.workflows.engines.springs import closest_contact

FMAX = 0.03


def with_emt(atoms: Atoms) -> Atoms:
    atoms.calc = EMT()
    return atoms


def rattled_slab(stdev=0.15, seed=2) -> Atoms:
    slab = fcc111("Al", (3, 3, 3), vacuum=7)
    slab.rattle(stdev, seed=seed)
    return with_emt(slab)


@pytest.fixture(scope="module")
def slab_outcome():
    return minimise(rattled_slab(), fmax=FMAX)


def test_ends_at_rest_and_lower(slab_outcome):
    final = with_emt(slab_outcome.atoms.copy())
    assert slab_outcome.converged
    assert largest_force(final, final.get_forces()) == pytest.approx(slab_outcome.fmax_eV_A, abs=1e-9)
    assert slab_outcome.fmax_eV_A <= FMAX
    assert final.get_potential_energy() == pytest.approx(slab_outcome.energy_eV, abs=1e-9)
    assert slab_outcome.energies_eV[0] == pytest.approx(rattled_slab().get_potential_energy(), abs=1e-9)
    assert slab_outcome.energies_eV[-1] == slab_outcome.energy_eV < slab_outcome.energies_eV[0]


class Shifted(EMT):
    """EMT with a constant added, as the cores add to an all-electron energy."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        for name in ("energy", "free_energy"):
            self.results[name] -= 50_000.0


def test_a_constant_in_the_energy_changes_no_step():
    """All-electron totals are 1e4 times those of learned engines: what counts as noise must not grow with them."""
    ways = []
    for calculator in (EMT(), Shifted()):
        start = fcc111("Al", (2, 2, 2), vacuum=7)
        start.rattle(0.1, seed=4)
        start.calc = calculator
        ways.append(minimise(start, fmax=0.005))
    plain, shifted = ways
    assert shifted.converged and len(shifted.energies_eV) == len(plain.energies_eV)
    assert shifted.atoms.positions == pytest.approx(plain.atoms.positions, abs=1e-4)
    assert np.array(shifted.energies_eV) + 50_000 == pytest.approx(np.array(plain.energies_eV), abs=1e-6)


def test_energy_falls_at_each_accepted_step(slab_outcome):
    assert max(np.diff(slab_outcome.energies_eV)) < 1e-3


def test_fewer_calls_than_a_line_search(slab_outcome):
    peer = rattled_slab()
    peer.calc = counted = Counted(EMT(), 300)
    BFGSLineSearch(peer, logfile=None).run(fmax=FMAX)
    assert slab_outcome.n_calls <= 0.8 * counted.calls
    assert slab_outcome.energy_eV <= counted.last[0] + 0.02


def test_the_start_is_left_as_it_was_and_a_run_can_be_repeated(slab_outcome):
    start = rattled_slab()
    before = start.positions.copy()
    again = minimise(start, fmax=FMAX)
    assert np.array_equal(start.positions, before)
    assert again.energies_eV == slab_outcome.energies_eV


def test_every_call_is_told_and_counted_once():
    told: list[tuple[int, float, float]] = []
    outcome = minimise(rattled_slab(), fmax=FMAX, on_step=lambda *step: told.append(step))
    assert [call for call, _, _ in told] == list(range(1, outcome.n_calls + 1))
    assert len({energy for _, energy, _ in told}) == outcome.n_calls
    assert told[-1][1:] == (outcome.energy_eV, outcome.fmax_eV_A)


def test_atoms_at_rest_cost_one_call():
    outcome = minimise(with_emt(bulk("Cu", a=3.59)), fmax=FMAX)
    assert (outcome.n_calls, outcome.converged) == (1, True)


def test_a_capped_run_says_so_and_keeps_its_lowest():
    outcome = minimise(rattled_slab(), fmax=1e-9, max_calls=6)
    assert not outcome.converged
    assert outcome.n_calls == 6 == len(outcome.energies_eV)
    assert outcome.energy_eV == min(outcome.energies_eV)
    assert with_emt(outcome.atoms.copy()).get_potential_energy() == pytest.approx(outcome.energy_eV, abs=1e-9)


def test_fixed_atoms_stay_and_do_not_count():
    start = rattled_slab()
    start.set_constraint(FixAtoms(indices=range(9)))
    outcome = minimise(start, fmax=FMAX)
    final = with_emt(outcome.atoms.copy())
    assert np.array_equal(final.positions[:9], start.positions[:9])
    assert outcome.converged
    assert longest(final.get_forces(apply_constraint=False)[9:]) <= FMAX
    assert longest(final.get_forces(apply_constraint=False)) > FMAX


def test_all_strains_find_the_lattice_constant():
    cell = bulk("Cu", cubic=True)
    strained = np.array([[1.04, 0.02, 0], [0.02, 0.97, 0.01], [0, 0.01, 1.05]])
    cell.set_cell(cell.cell.array @ strained, scale_atoms=True)
    outcome = minimise(with_emt(cell), fmax=0.005, cell="full")
    assert outcome.converged
    # EMT's own minimum, to which its bulk modulus of 134 GPa and the stress left over (0.02 GPa) bring it.
    assert outcome.atoms.get_volume() ** (1 / 3) == pytest.approx(3.590, abs=0.003)
    stress = with_emt(outcome.atoms.copy()).get_stress()
    assert np.abs(stress).max() < 0.005 * 0.02 * 1.001


def test_only_c_moves_when_only_c_may():
    cell = bulk("Cu", cubic=True)
    cell.set_cell(cell.cell.array * [[1.04], [1.04], [1.0]], scale_atoms=True)
    outcome = minimise(with_emt(cell), fmax=0.005, cell="c")
    change = outcome.atoms.cell.array - cell.cell.array
    stress = with_emt(outcome.atoms.copy()).get_stress()
    assert np.abs(np.delete(change.ravel(), 8)).max() < 1e-12
    assert change[2, 2] < -0.03
    assert abs(stress[2]) < 0.005 * 0.02 * 1.001 < abs(stress[0])


@pytest.mark.parametrize("distance", [1.3, 1.8, 3.4])
def test_a_pair_too_close_or_too_far_comes_to_rest(distance):
    outcome = minimise(with_emt(Atoms("Cu2", [[0, 0, 0], [0, 0, distance]])), fmax=0.01, max_calls=40)
    assert outcome.converged
    assert outcome.atoms.get_distance(0, 1) == pytest.approx(2.2, abs=0.15)


class Broken(Calculator):
    implemented_properties = ("energy", "forces")

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results = {"energy": np.nan, "forces": np.zeros((len(self.atoms), 3))}


def test_an_engine_that_gives_no_number_is_an_error():
    atoms = bulk("Cu")
    atoms.calc = Broken()
    with pytest.raises(ComputationError, match="energy nan"):
        minimise(atoms, fmax=FMAX)


def test_a_counter_stops_at_its_cap():
    atoms = bulk("Cu")
    atoms.calc = Counted(EMT(), 1)
    atoms.get_forces()
    atoms.get_potential_energy()
    atoms.rattle(0.1)
    with pytest.raises(CapReachedError):
        atoms.get_forces()


def positive(rng: np.random.Generator, n: int) -> np.ndarray:
    root = rng.normal(size=(n, n))
    return root @ root.T + 0.1 * np.eye(n)


@given(seed=st.integers(0, 10_000), radius=st.floats(0.01, 2.0))
@settings(max_examples=40, deadline=None)
def test_a_trust_step_is_newtons_or_ends_at_the_radius(seed, radius):
    rng = np.random.default_rng(seed)
    curvature, slope = positive(rng, 9), rng.normal(size=(3, 3))
    step = trust_step(curvature, slope, radius)
    newton = -np.linalg.solve(curvature, slope.ravel()).reshape(3, 3)
    assert longest(step) <= radius * (1 + 1e-9)
    assert np.allclose(step, newton) if longest(newton) <= radius else longest(step) >= 0.95 * radius * (1 - 1e-9)
    assert np.sum(step * slope) < 0


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_what_is_learned_holds_and_stays_convex(seed):
    rng = np.random.default_rng(seed)
    first, true = positive(rng, 6), positive(rng, 6)
    steps = [rng.normal(size=6) for _ in range(4)]
    rises = [true @ s for s in steps]
    hessian = learned(first, steps, rises)
    assert np.allclose(hessian, hessian.T)
    assert np.linalg.eigvalsh(hessian).min() > 0
    assert np.allclose(hessian @ steps[-1], rises[-1])
    one_by_one = first
    for s, y in zip(steps, rises, strict=True):
        pushed = one_by_one @ s
        one_by_one = one_by_one + np.outer(y, y) / (s @ y) - np.outer(pushed, pushed) / (s @ pushed)
    assert np.allclose(hessian, one_by_one, rtol=1e-6, atol=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_damping_keeps_the_curvature_positive(seed):
    rng = np.random.default_rng(seed)
    curvature, step, rise = positive(rng, 5), rng.normal(size=5), rng.normal(size=5)
    assert step @ damped(curvature, step, rise) >= 0.2 * step @ curvature @ step * (1 - 1e-9)


class Morse(Calculator):
    """Morse bonds between named pairs: depth (eV), steepness (1/Å), length (Å) each."""

    implemented_properties = ("energy", "forces")

    def __init__(self, bonds):
        super().__init__()
        self.i, self.j, self.depth, self.steep, self.length = (np.array(x) for x in zip(*bonds, strict=True))

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        apart = self.atoms.positions[self.j] - self.atoms.positions[self.i]
        lengths = np.linalg.norm(apart, axis=1)
        decay = np.exp(-self.steep * (lengths - self.length))
        pull = (2 * self.depth * self.steep * (1 - decay) * decay / lengths)[:, None] * apart
        forces = np.zeros_like(self.atoms.positions)
        np.add.at(forces, self.i, pull)
        np.add.at(forces, self.j, -pull)
        self.results = {"energy": float((self.depth * (1 - decay) ** 2).sum()), "forces": forces}


def phosphates(rattle_A: float, seed: int) -> Atoms:
    """Three PO4 in a row: bonds of 160 eV/Å², angles of 4.5, and 0.6 between the units."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 1.55 / np.sqrt(3)
    unit = Atoms("PO4", np.vstack([np.zeros(3), corners]))
    row, bonds = Atoms(), []
    for k in range(3):
        first = len(row)
        row += Atoms(unit.symbols, unit.positions + np.array([4.2 * k, 0, 0]))
        bonds += [(first, first + n, 5.0, 4.0, 1.55) for n in range(1, 5)]
        bonds += [(first + m, first + n, 1.0, 1.5, 1.55 * np.sqrt(8 / 3)) for m in range(1, 5) for n in range(1, m)]
        bonds += [(5 * m, first, 0.3, 1.0, 4.0 * (k - m)) for m in range(k)]
    row.rattle(rattle_A, seed=seed)
    row.calc = Morse(bonds)
    return row


def test_the_toys_forces_are_its_slopes():
    toy = phosphates(0.1, 0)
    slopes = calculate_numerical_forces(toy, eps=1e-5)
    assert toy.get_forces() == pytest.approx(slopes, abs=1e-5)


@pytest.mark.parametrize(("rattle_A", "seed"), [(0.05, 0), (0.1, 1), (0.25, 2)])
def test_stiff_bonds_beside_soft_ones_come_to_rest(rattle_A, seed):
    outcome = minimise(phosphates(rattle_A, seed), fmax=FMAX, max_calls=120)
    assert outcome.converged
    assert outcome.energy_eV == pytest.approx(0, abs=0.01)
    bonds = [outcome.atoms.get_distance(5 * k, 5 * k + n) for k in range(3) for n in range(1, 5)]
    assert bonds == pytest.approx([1.55] * 12, abs=2e-3)


def test_stiff_bonds_need_a_radius_far_below_a_hundredth(monkeypatch):
    """Where a change of 0.01 Å is worth 1.6 eV/Å, a radius that may not get below it does not rest (300 calls)."""
    assert minimise(phosphates(0.1, 2), fmax=FMAX, max_calls=60).converged
    monkeypatch.setattr(optimisers, "LEAST_STEP_A", 0.01)
    assert not minimise(phosphates(0.1, 2), fmax=FMAX, max_calls=60).converged


@given(radius=st.floats(0.001, 0.4), part=st.floats(0.01, 1.0), told=st.floats(-5, 5))
def test_the_radius_shrinks_where_the_model_lies_and_grows_only_where_it_was_met(radius, part, told):
    length = part * radius
    after = optimisers._next_radius(radius, length, told)
    assert optimisers.LEAST_STEP_A <= after <= optimisers.LONGEST_STEP_A
    if told < 0.25:
        assert after == max(length / 2, optimisers.LEAST_STEP_A)
    else:
        assert radius <= after <= 1.5 * radius
        assert after == radius or part > 0.9


@pytest.mark.parametrize("seed", [0, 1])
def test_atoms_thrown_together_are_kept_apart_and_come_to_rest(seed):
    """A start no interface has: contacts at half of what bonds are."""
    slab = fcc111("Al", (2, 2, 3), vacuum=7)
    slab.positions += np.random.default_rng(seed).normal(scale=0.5, size=slab.positions.shape)
    nearest = closest_contact(slab)
    seen: list[float] = []
    slab = with_emt(slab)
    outcome = minimise(slab, fmax=0.05, max_calls=200, on_step=lambda _, energy, __: seen.append(energy))
    assert nearest < 0.8
    assert outcome.converged
    assert closest_contact(outcome.atoms) > 0.8
    assert outcome.energy_eV <= min(seen) + 1e-3
