"""Molecules moved as rigid bodies: energies against their slopes, minima that are known, what must not change."""

import json
from pathlib import Path

import numpy as np
import pytest
from adlayer_cases import ETHER, SLABS, model_of, recipe_of
from ase import Atoms
from ase.build import fcc100
from ase.calculators.emt import EMT
from scipy.spatial.distance import pdist

from interlith.structures.adlayers import adlayers
from interlith.structures.geometry import to_text
from interlith.structures.records import AdlayerModel, MoleculeRecipe, Origin, SlabFacts
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.optimisers import Counted, Outcome, settle
from interlith.workflows.poses import Poses, rigid_rest

EMT_OF_ALL = EngineChoice(name="ase.calculators.emt.EMT")
FACTS = SlabFacts(
    crystal="Al", miller=(1, 0, 0), termination=0, termination_label="", formula="Al3", n_atoms=3, thickness_A=9.0,
    n_layers=3, vacuum_A=15, area_A2=8.2, tasker=None, dipole_eA=None, symmetric=True, stoichiometric=True,
    broken_bonds={}, origin=Origin(source="by hand", sha256="0"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def models() -> list[AdlayerModel]:
    """An ether on Al(100)."""
    return adlayers(SLABS["square"], FACTS, [model_of(ETHER)], recipe_of(candidates=4, conformers=1), seed=0)


@pytest.fixture(scope="module")
def chain() -> AdlayerModel:
    """An infinite chain on Al(100)."""
    recipe = recipe_of(candidates=1, chain="periodic").model_copy(update={"side_b": MoleculeRecipe(molecule="PEO")})
    return adlayers(SLABS["square"], FACTS, [], recipe, seed=0)[0]


def effort(calls: int, fmax: float = 0.01) -> Effort:
    return Effort(engine=EMT_OF_ALL, fmax_eV_A=fmax, max_calls=calls)


def poses_of(atoms: Atoms, axis: np.ndarray | None = None) -> Poses:
    atoms.calc = EMT()
    return Poses.of(atoms, axis)


def square_on_copper(*, turned: float = 0.0, aside: tuple[float, float] = (0.0, 0.0), up: float = 0.3) -> Atoms:
    """Four copper atoms over the hollows of Cu(100), as its next plane would have them, but turned and moved."""
    slab = fcc100("Cu", (4, 4, 3), vacuum=8.0, periodic=True)
    side = slab.cell.lengths()[0] / 4
    plane, height = slab.positions[:, 2].max(), np.ptp(slab.positions[:, 2]) / 2
    corner = slab.positions[-1, :2] - 2.5 * side
    square = Atoms("Cu4", [[*corner + side * np.array(ij), plane + height] for ij in ((0, 0), (1, 0), (0, 1), (1, 1))])
    square.rotate(turned, (1, 2, 3), center=square.positions.mean(axis=0))
    square.positions += [*aside, up]
    whole = slab + square
    whole.set_array("molecule", np.repeat([-1, 0], [len(slab), 4]))
    return whole


def rested(atoms: Atoms, calls: int = 60) -> Outcome:
    atoms.calc = counted = Counted(EMT(), calls)
    return settle(Poses.of(atoms), counted, 0.005)


@pytest.mark.parametrize("which", ["ether", "two", "chain"])
def test_the_slope_is_that_of_the_energy(models, chain, which):
    """Forces and torques against central differences, far from where the bodies came from."""
    atoms = {"ether": models[0].atoms, "two": two_ethers(models[0]), "chain": chain.atoms}[which]
    poses = poses_of(atoms, np.asarray(atoms.cell[0]) if which == "chain" else None)
    place, h = np.random.default_rng(3).uniform(-0.6, 0.6, poses.place.shape), 1e-4
    poses.go(place)
    _, slope = poses.look()
    differences = np.zeros_like(slope)
    for row, column in np.ndindex(slope.shape):
        step = np.zeros_like(slope)
        step[row, column] = h
        ends = []
        for sign in (1, -1):
            poses.go(place + sign * step)
            ends.append(poses.look()[0])
        differences[row, column] = (ends[0] - ends[1]) / (2 * h)
    assert np.abs(slope).max() > 0.1
    assert slope == pytest.approx(differences, abs=2e-5 * np.abs(slope).max())


def two_ethers(model: AdlayerModel) -> Atoms:
    """A second molecule above the first."""
    atoms = model.atoms
    more = atoms[atoms.arrays["molecule"] == 0]
    more.positions[:, 2] += 4.0
    more.arrays["molecule"][:] = 1
    return atoms + more


def test_molecules_stay_rigid_and_the_slab_stays(models):
    for model in models:
        start, outcome = model.atoms, rigid_rest(model, effort(8), "screening")
        molecule = start.arrays["side"] == 1
        after, before = outcome.atoms.positions, start.positions
        assert np.abs(pdist(after[molecule]) - pdist(before[molecule])).max() < 1e-9
        assert (after[~molecule] == before[~molecule]).all()
        assert np.abs(after - before)[molecule].max() > 0.05
        assert (outcome.atoms.arrays["side"] == start.arrays["side"]).all()
        assert [c.todict() for c in outcome.atoms.constraints] == [c.todict() for c in start.constraints]


def test_the_energy_is_that_of_the_geometry_and_never_above_the_start(models):
    for calls in (1, 2, 5):
        outcome = rigid_rest(models[0], effort(calls), "screening")
        kept = outcome.atoms.copy()
        kept.calc = EMT()
        assert outcome.energy_eV == pytest.approx(kept.get_potential_energy(), abs=1e-6)
        start = models[0].atoms
        start.calc = EMT()
        assert outcome.energy_eV <= start.get_potential_energy() + 1e-9
        assert outcome.n_calls == calls
        assert not outcome.converged
    lines = [json.loads(line) for line in Path("progress.jsonl").read_text().splitlines()]
    assert len(lines) == 8
    assert {line["stage"] for line in lines} == {"screening"}


def test_a_plane_is_continued_from_where_it_was_turned_and_moved():
    best = rested(square_on_copper(up=0.0))
    for turned, aside in ((10.0, (0.3, 0.2)), (-15.0, (-0.5, 0.3)), (0.0, (0.6, 0.6))):
        outcome = rested(square_on_copper(turned=turned, aside=aside))
        assert outcome.converged
        assert outcome.energy_eV == pytest.approx(best.energy_eV, abs=2e-3)
        found, known = (o.atoms.positions[-4:] for o in (outcome, best))
        assert found == pytest.approx(known, abs=0.03)


def test_a_symmetry_of_the_whole_changes_nothing():
    start = square_on_copper(turned=12.0, aside=(0.4, 0.1))
    turned = start.copy()
    turned.rotate(90, "z", rotate_cell=True)
    moved = start.copy()
    moved.positions += [1.3, -0.4, 0.7]
    first, *others = (rested(atoms, 9) for atoms in (start, turned, moved))
    assert len(first.energies_eV) == 9
    for other in others:
        assert other.energies_eV == pytest.approx(first.energies_eV, abs=1e-5)


def test_an_infinite_chain_keeps_its_direction_and_its_bonds_over_the_boundary(chain):
    start = chain.atoms
    outcome = rigid_rest(chain, effort(10), "screening")
    molecule = start.arrays["side"] == 1
    before, after = (x.positions[molecule] - x.positions[molecule].mean(axis=0) for x in (start, outcome.atoms))
    assert after[:, 0] == pytest.approx(before[:, 0], abs=1e-9)
    assert np.abs(after - before).max() > 0.02, "it turns about itself"
    for i, j, _ in chain.molecules[0].bonds:
        lengths = [a[molecule].get_distance(i, j, mic=True) for a in (start, outcome.atoms)]
        assert lengths[0] == pytest.approx(lengths[1], abs=1e-9)


def test_an_atom_finds_its_hollow():
    slab = fcc100("Cu", (3, 3, 3), vacuum=8.0, periodic=True)
    side = slab.cell.lengths()[0] / 3
    on_top = slab.positions[-1]
    whole = slab + Atoms("Cu", [on_top - [0.75 * side / 2, 0.9 * side / 2, -1.9]])
    whole.set_array("molecule", np.repeat([-1, 0], [len(slab), 1]))
    outcome = rested(whole)
    assert outcome.converged
    assert outcome.atoms.positions[-1, :2] == pytest.approx(on_top[:2] - side / 2, abs=0.02)


def test_a_model_goes_through_its_text(models):
    outcome = rigid_rest(models[0], effort(3), "screening")
    again = models[0].model_copy(update={"xyz": to_text(outcome.atoms)})
    assert rigid_rest(again, effort(3), "screening").energy_eV <= outcome.energy_eV + 1e-6
