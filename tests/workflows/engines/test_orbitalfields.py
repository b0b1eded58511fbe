import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from interlith.analysis.densities import check_density, density_difference
from interlith.structures.errors import RequestError
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.electronic import Wanted, electronic
from interlith.workflows.engines.orbitalfields import Frame

SMALL = EngineChoice(name="pyscf", options={"functional": "pbe", "basis": "sto-3g", "grid_level": 1})
COULOMB_EV_A = 14.399645


def turned(atoms, degrees=70):
    atoms = atoms.copy()
    atoms.rotate(degrees, (1, 2, 3))
    atoms.positions += [3.0, -2.0, 5.0]
    return atoms


@pytest.fixture(scope="module")
def water():
    wanted = Wanted(density=True, spin=True, orbitals=True, spacing_A=0.18)
    return electronic(turned(molecule("H2O")), SMALL, wanted)


def test_the_grid_holds_every_electron(water):
    """Oxygen's core is narrower than the grid: its points carry averages over their voxels."""
    assert water.density.total_e == pytest.approx(10, abs=1e-3)
    assert (water.homo.total_e, water.lumo.total_e) == pytest.approx((1, 1), abs=1e-2)
    assert np.all(water.spin.values_e_A3 == 0)
    check_density(water.density, "water")
    assert water.density.nuclear_charges.tolist() == [8, 1, 1]


def test_electrons_stand_around_the_atoms_as_these_were_given(water):
    """The molecule is computed along its own axes: the density must be turned back."""
    density = water.density
    distances = np.linalg.norm(density.atoms.positions - turned(molecule("H2O")).positions, axis=1)
    assert distances == pytest.approx(np.zeros(3), abs=1e-12)
    steps = density.cell_A / np.array(density.values_e_A3.shape)[:, None]
    highest = np.array(np.unravel_index(density.values_e_A3.argmax(), density.values_e_A3.shape)) @ steps
    assert np.linalg.norm(highest + density.origin_A - density.atoms.positions[0]) < 0.15


def test_far_away_the_potential_is_the_dipoles():
    """Of a neutral molecule: −e² p·r/r³ for an electron, up to the quadrupole; at a nucleus an electron is held."""
    atoms = turned(molecule("H2O"))
    potential = electronic(atoms, SMALL, Wanted(potential=True, spacing_A=0.4)).potential
    dipole = load(SMALL).calculator().get_property("dipole", atoms)
    shape = potential.values_e_A3.shape
    steps = np.diag(potential.cell_A) / shape
    away = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) * steps + potential.origin_A
    away = away - atoms.positions[0]
    lengths = np.linalg.norm(away, axis=-1)
    far = lengths > 4.8
    expected = -COULOMB_EV_A * (away[far] @ dipole) / lengths[far] ** 3
    assert far.sum() > 50
    assert np.corrcoef(expected, potential.values_e_A3[far])[0, 1] > 0.97
    assert np.vdot(expected, potential.values_e_A3[far]) / np.vdot(expected, expected) == pytest.approx(1, abs=0.2)
    assert potential.values_e_A3.min() < -100


def test_sides_on_the_grid_of_the_whole_transfer_what_they_must():
    """Far apart nothing moves; ∫Δρ = 0 in any case."""
    pair = Atoms("HeHe", [[0, 0, 0], [0, 0, 5.0]])
    whole = electronic(pair, SMALL, Wanted(density=True, spacing_A=0.2)).density
    sides = [electronic(pair[k : k + 1], SMALL, Wanted(density=True, frame=whole)).density for k in (0, 1)]
    assert [side.values_e_A3.shape for side in sides] == [whole.values_e_A3.shape] * 2
    difference = density_difference(whole, *sides)
    assert difference.total_e == pytest.approx(0, abs=1e-5)
    assert np.abs(difference.values_e_A3).max() < 1e-3 * whole.values_e_A3.max()


def test_a_heavy_core_is_counted_too():
    """Chlorine's K shell lies within 0.03 Å, a fifth of a step."""
    chloride = EngineChoice(name="pyscf", options=dict(SMALL.options) | {"charge": -1})
    found = electronic(Atoms("Cl", [[0.03, 0.05, 0.11]]), chloride, Wanted(density=True, spacing_A=0.15)).density
    assert found.total_e == pytest.approx(18, abs=4e-3)


def test_a_grid_beyond_all_memory_is_refused():
    for spacing in (1e-3, 0.0, -0.1):
        with pytest.raises(RequestError, match="a grid of"):
            electronic(molecule("H2"), SMALL, Wanted(density=True, spacing_A=spacing))


def test_a_molecules_own_axes_turn_with_it():
    atoms = molecule("CH3OH")
    here, there = Frame.of(atoms), Frame.of(turned(atoms))
    assert here.inside(atoms.positions) == pytest.approx(there.inside(turned(atoms).positions), abs=1e-9)
    assert np.linalg.det(here.axes) == pytest.approx(1)
    assert here.outside(here.inside(atoms.positions)) + here.centre_A == pytest.approx(atoms.positions, abs=1e-9)
