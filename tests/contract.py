"""The physical contract of every engine. Importable: a package that adds an engine runs these on its own.

Each function takes an engine and atoms (rattled, so that nothing vanishes by symmetry) and asserts one
consequence of there being an energy E(positions, cell) in eV. Tolerances are physical:

- single precision: a potential of torch evaluates each atom's energy, some 10 eV, to 2⁻²⁴ of it. Over the
  0.02 Å between two points of a central difference that is 1e-4 eV/Å of force for eight atoms; truncation adds
  d³E/dx³ h²/6, about 1e-3 eV/Å in a stiff crystal at the 0.01 Å used here. Relaxations end at 0.01 to 0.05 eV/Å.
- invariances hold to rounding: 1e-5 eV per atom and 1e-4 eV/Å.
"""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.stress import full_3x3_to_voigt_6_stress

from interlith.structures.errors import RequestError

STEP_A = 0.01
STRAIN = 0.003
FORCE_EV_A = 3e-3
STRESS_EV_A3 = 2e-4  # 0.03 GPa
ENERGY_EV_ATOM = 1e-5
ROUNDING_EV_A = 2e-4
FAR_A = 100.0


def energy(engine, atoms: Atoms) -> float:
    atoms = atoms.copy()
    atoms.calc = engine.calculator()
    return float(atoms.get_potential_energy())


def forces(engine, atoms: Atoms) -> np.ndarray:
    atoms = atoms.copy()
    atoms.calc = engine.calculator()
    return np.array(atoms.get_forces())


def stress(engine, atoms: Atoms) -> np.ndarray:
    atoms = atoms.copy()
    atoms.calc = engine.calculator()
    return np.array(atoms.get_stress())


def everything(engine, atoms: Atoms) -> list[np.ndarray]:
    """Return energy, forces and, where the engine computes it, stress."""
    found = [np.asarray(energy(engine, atoms)), forces(engine, atoms)]
    return [*found, stress(engine, atoms)] if "stress" in engine.capabilities else found


def strained(atoms: Atoms, strain: np.ndarray) -> Atoms:
    atoms = atoms.copy()
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    return atoms


def forces_are_the_energys_slope(engine, atoms: Atoms, n: int = 4) -> None:
    """F = −dE/dx along `n` random directions, by central difference."""
    found, rng = forces(engine, atoms), np.random.default_rng(0)
    assert np.abs(found).max() > 0.05, "the fixture must not be at rest"
    for _ in range(n):
        along = rng.normal(size=found.shape)
        along /= np.linalg.norm(along)
        ahead, behind = atoms.copy(), atoms.copy()
        ahead.positions += STEP_A * along
        behind.positions -= STEP_A * along
        slope = (energy(engine, ahead) - energy(engine, behind)) / (2 * STEP_A)
        assert -np.vdot(found, along) == pytest.approx(slope, abs=FORCE_EV_A)


def stress_is_the_energys_strain_slope(engine, atoms: Atoms) -> None:
    """σ = (1/V) dE/dε for each of the six symmetric strains, by central difference."""
    expected = np.zeros((3, 3))
    for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        strain = np.zeros((3, 3))
        strain[i, j] += STRAIN / 2
        strain[j, i] += STRAIN / 2
        slope = (energy(engine, strained(atoms, strain)) - energy(engine, strained(atoms, -strain))) / (2 * STRAIN)
        expected[i, j] = expected[j, i] = slope / atoms.get_volume()
    found = stress(engine, atoms)
    assert np.abs(found).max() > 5 * STRESS_EV_A3, "the fixture must not be free of stress"
    assert found == pytest.approx(full_3x3_to_voigt_6_stress(expected), abs=STRESS_EV_A3)


def compression_is_negative_stress(engine, atoms: Atoms) -> None:
    """ASE's sign: squeezed by 5 % along each axis, the crystal pushes outwards; stretched, it pulls."""
    squeezed, stretched = (stress(engine, strained(atoms, s * np.eye(3))) for s in (-0.05, 0.05))
    assert squeezed[:3].mean() < 0 < stretched[:3].mean()


def energy_is_extensive(engine, atoms: Atoms) -> None:
    """E(2×1×1) = 2E, and the forces repeat."""
    double = atoms.repeat((2, 1, 1))
    assert energy(engine, double) == pytest.approx(2 * energy(engine, atoms), abs=ENERGY_EV_ATOM * len(double))
    assert forces(engine, double) == pytest.approx(np.tile(forces(engine, atoms), (2, 1)), abs=ROUNDING_EV_A)


def energy_ignores_position_in_space(engine, atoms: Atoms) -> None:
    """A shift changes nothing; a rotation turns forces and stress with the crystal; forces sum to zero."""
    start_energy, start_forces = energy(engine, atoms), forces(engine, atoms)
    shifted = atoms.copy()
    shifted.positions += [0.31, -2.7, 5.3]
    shifted.wrap()
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    turned = atoms.copy()
    turned.set_cell(atoms.cell[:] @ turn.T, scale_atoms=True)
    for moved, rotation in ((shifted, np.eye(3)), (turned, turn)):
        assert energy(engine, moved) == pytest.approx(start_energy, abs=ENERGY_EV_ATOM * len(atoms))
        assert forces(engine, moved) == pytest.approx(start_forces @ rotation.T, abs=ROUNDING_EV_A)
    assert start_forces.sum(axis=0) == pytest.approx(np.zeros(3), abs=ROUNDING_EV_A)


def energy_ignores_the_order_of_atoms(engine, atoms: Atoms) -> None:
    """A permutation leaves the energy and takes the forces along."""
    order = np.random.default_rng(2).permutation(len(atoms))
    assert energy(engine, atoms[order]) == pytest.approx(energy(engine, atoms), abs=ENERGY_EV_ATOM * len(atoms))
    assert forces(engine, atoms[order]) == pytest.approx(forces(engine, atoms)[order], abs=ROUNDING_EV_A)


def same_input_same_number(engine, atoms: Atoms) -> None:
    """A warm calculator that has seen other atoms, of this size and another, gives the same numbers to the last bit."""
    first = everything(engine, atoms)
    near = strained(atoms, 0.01 * np.eye(3))
    for other in (near.repeat((1, 1, 2)), near):
        assert energy(engine, other) != first[0]
        again = everything(engine, atoms)
        assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))


def input_is_untouched(engine, atoms: Atoms) -> None:
    """Atoms, cell, periodicity and arrays are what they were."""
    before, given = atoms.copy(), atoms.copy()
    engine.check(given)
    given.calc = engine.calculator()
    given.get_potential_energy(), given.get_forces()
    if "stress" in engine.capabilities:
        given.get_stress()
    assert given == before
    assert given.arrays.keys() == before.arrays.keys()


def results_are_double_and_shaped(engine, atoms: Atoms) -> None:
    """A float, (n, 3) and (6,) in double precision, all finite, and handed out as copies."""
    found = everything(engine, atoms)
    assert [f.shape for f in found] == [(), (len(atoms), 3), (6,)][: len(found)]
    assert all(f.dtype == np.float64 and np.isfinite(f).all() for f in found)
    atoms = atoms.copy()
    atoms.calc = engine.calculator()
    atoms.get_forces()[:] = 0.0
    assert np.abs(atoms.get_forces()).max() > 0


def interaction_of_far_parts(engine, atoms: Atoms) -> float:
    """E(A and B) − E(A) − E(B) in eV, for two slabs of other compositions with 12 Å of vacuum between them."""
    lower = atoms.copy()
    lower.center(vacuum=6.0, axis=2)
    upper = lower.copy()
    upper.symbols[:] = upper.symbols[0]
    tall = lower.cell[:] * np.array([[1.0], [1.0], [2.0]])
    for part in (lower, upper):
        part.set_cell(tall)
    upper.positions += tall[2] / 2
    return energy(engine, lower + upper) - energy(engine, lower) - energy(engine, upper)


def far_parts_do_not_feel_each_other(engine, atoms: Atoms) -> None:
    """E(A and B far apart) = E(A) + E(B): what every formation energy rests on."""
    assert interaction_of_far_parts(engine, atoms) == pytest.approx(0.0, abs=2 * ENERGY_EV_ATOM * len(atoms))


def far_parts_attract_faintly(engine, atoms: Atoms) -> None:
    """With dispersion the parts attract, by some meV per atom at most at 12 Å."""
    assert -5e-3 * len(atoms) < interaction_of_far_parts(engine, atoms) < 0


def far_molecules_do_not_feel_each_other(engine, atoms: Atoms) -> None:
    """E(A and B far apart) = E(A) + E(B), at a distance where dipoles no longer count."""
    water = molecule("H2O")
    water.positions += atoms.positions.max(axis=0) + FAR_A
    apart = energy(engine, atoms) + energy(engine, water)
    assert energy(engine, atoms + water) == pytest.approx(apart, abs=2 * ENERGY_EV_ATOM * len(atoms))


def charges_sum_to_the_total(engine, atoms: Atoms) -> None:
    """No electron is lost: the atoms' charges add up to the molecule's."""
    atoms = atoms.copy()
    atoms.calc = engine.calculator()
    assert atoms.get_charges().sum() == pytest.approx(engine.method().settings["charge"], abs=1e-6)
    assert np.abs(atoms.get_charges()).max() > 0.01


def periodic_atoms_are_refused(engine, atoms: Atoms) -> None:
    """Before anything runs, and by the calculator too where nobody asked first."""
    crystal = bulk("LiF", "rocksalt", a=4.03, cubic=True)
    for refuses in (engine.check, lambda atoms: energy(engine, atoms)):
        with pytest.raises(RequestError, match=r"molecules only.*Li4") as caught:
            refuses(crystal)
        assert caught.value.exit_status == 2


def unknown_elements_are_named(engine, atoms: Atoms, stranger: str) -> None:
    """Refused before anything runs, by the name of the element and of the engine."""
    strange = atoms.copy()
    strange.symbols[0] = stranger
    with pytest.raises(RequestError) as caught:
        engine.check(strange)
    assert stranger in str(caught.value)
    assert engine.method().engine in str(caught.value)
    assert caught.value.exit_status == 2


def method_says_how(engine) -> None:
    """Enough is known to compute a number again."""
    method = engine.method()
    assert method.engine_version[0].isdigit()
    assert method.model
    assert method.weights_sha256 is None or len(method.weights_sha256) == 64


MECHANICS = (
    forces_are_the_energys_slope,
    energy_is_extensive,
    energy_ignores_position_in_space,
    energy_ignores_the_order_of_atoms,
    same_input_same_number,
    input_is_untouched,
    results_are_double_and_shaped,
)
CRYSTALS = (stress_is_the_energys_strain_slope, compression_is_negative_stress, far_parts_do_not_feel_each_other)
MOLECULES = (far_molecules_do_not_feel_each_other, charges_sum_to_the_total, periodic_atoms_are_refused)


def clauses(capabilities: frozenset[str]) -> tuple:
    """Return what an engine of these capabilities must keep; one without stress treats molecules only."""
    return MECHANICS + (CRYSTALS if "stress" in capabilities else MOLECULES)
