"""A rigid search: its gradient, its minima, and that the same interface is not found twice."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from jobflow import run_locally

from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.interfaces import build_interface, displaced
from interlith.structures.records import InterfaceModel, InterfaceRecipe, SideRecipe
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.registries import (
    Contact,
    Images,
    engine_slope,
    least_gap_A,
    rigid_search,
    rigid_search_job,
)

CHOICE = EngineChoice(name="emt")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def build(a: str, b: str, area: float, **changes) -> InterfaceModel:
    sides = [SideRecipe(crystal=name, miller=(1, 1, 1), thickness_A=6.0) for name in (a, b)]
    recipe = InterfaceRecipe(
        side_a=sides[0], side_b=sides[1], max_area_A2=area, **{"strain_on": "shared", "vacuum_A": 10.0, **changes}
    )
    return build_interface(*load_crystal(a), *load_crystal(b), recipe)


@pytest.fixture(scope="module")
def copper() -> InterfaceModel:
    return build("Cu", "Cu", 8)


@pytest.fixture(scope="module")
def al_cu() -> InterfaceModel:
    return build("Al", "Cu", 30)


def energy(model: InterfaceModel) -> float:
    atoms = model.atoms
    atoms.calc = EMT()
    return float(atoms.get_potential_energy())


def test_a_crystal_on_itself_is_continued_and_its_stacking_fault_is_next(copper):
    first, second = rigid_search(copper, CHOICE, n_start=6, k=2)
    assert first.minimum
    assert second.minimum
    # Planes of Cu(111) are 3.615/√3 Å apart; EMT's copper is 0.7 % smaller, its free faces smaller still.
    assert first.gap_A == pytest.approx(3.615 / np.sqrt(3), abs=0.05)
    # Stacking fault of copper: 1 to 5 meV/Å² measured (45 mJ/m² is 2.8); EMT makes it nearly free.
    assert 0 < second.energy_eV - first.energy_eV < 0.005 * copper.area_A2
    apart = np.abs(np.subtract(first.shift, second.shift))
    assert np.allclose(apart, [1 / 3, 1 / 3], atol=0.03) or np.allclose(apart, [2 / 3, 2 / 3], atol=0.03)


def test_entries_are_what_they_say(al_cu):
    found = rigid_search(al_cu, CHOICE, n_start=5, k=5)
    told = [json.loads(line) for line in Path("progress.jsonl").read_text().splitlines()]
    assert sum(one.calls for one in found) == len(told)
    for one in found:
        assert energy(displaced(al_cu, one.shift, one.gap_A)) == pytest.approx(one.energy_eV, abs=1e-5)
        assert all(0 <= s < 1 for s in one.shift)
    minima = [one.energy_eV for one in found if one.minimum]
    assert minima == sorted(minima)
    assert found[0].energy_eV == min(one.energy_eV for one in found)
    assert found[0].energy_eV == min(line["energy_eV"] for line in told)


@pytest.mark.parametrize("vacuum_A", [0.0, 10.0])
def test_the_slope_is_that_of_the_energy(vacuum_A):
    model = build("Al", "Cu", 30, vacuum_A=vacuum_A)
    contact = Contact(model, engine_slope(model, CHOICE))
    place, step = np.array([0.4, 0.7, 2.3]), 1e-3
    for axis, direction in enumerate(np.eye(3)):
        ahead, behind = (contact.at(place + sign * step * direction).energy for sign in (1, -1))
        assert contact.at(place).slope[axis] == pytest.approx((ahead - behind) / (2 * step), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("vacuum_A", [0.0, 10.0])
def test_minima_are_at_rest(vacuum_A):
    model = build("Al", "Cu", 30, vacuum_A=vacuum_A)
    best = rigid_search(model, CHOICE, n_start=4, k=1)[0]
    _, slope = engine_slope(model, CHOICE)(displaced(model, best.shift, best.gap_A))
    # A slope of 1 meV/Å³ on a stiffness of 0.02 eV/Å⁴ is 0.025 meV/Å² from the minimum.
    assert np.linalg.norm(slope) / model.area_A2 < 1.5e-3


def test_where_the_model_stood_does_not_matter(al_cu):
    moved = displaced(al_cu, (0.37, 0.61), 3.4)
    lowest = [rigid_search(model, CHOICE, n_start=6, k=1)[0] for model in (al_cu, moved)]
    assert lowest[0].energy_eV == pytest.approx(lowest[1].energy_eV, abs=5e-4 * al_cu.area_A2)


def test_too_few_minima_are_filled_with_starts_and_say_so(copper):
    found = rigid_search(copper, CHOICE, n_start=6, k=5)
    kinds = [one.minimum for one in found]
    assert kinds == sorted(kinds, reverse=True)
    assert kinds.count(True) == 2
    images = Images.of(copper)
    places = [np.array([*(np.array(f.shift) @ copper.atoms.cell.array[:2, :2]), f.gap_A]) for f in found]
    assert not any(images.same(one, other) for i, one in enumerate(places) for other in places[:i])
    # The top site is a maximum in the plane: it may fill up, never be a minimum.
    assert max(found, key=lambda f: f.energy_eV).minimum is False


def test_as_a_job_it_returns_the_same(copper):
    job = rigid_search_job(copper, CHOICE, n_start=2, k=2)
    found = run_locally(job, ensure_success=True)[job.uuid][1].output
    assert [one if isinstance(one, dict) else one.model_dump() for one in found] == [
        one.model_dump() for one in rigid_search(copper, CHOICE, n_start=2, k=2)
    ]


def test_an_element_the_engine_lacks_is_refused():
    model = build("Li", "Li", 25)
    with pytest.raises(RequestError, match="Li"):
        rigid_search(model, CHOICE)
    assert not Path("progress.jsonl").exists()


def random_body(rng: np.random.Generator, cell: np.ndarray) -> Atoms:
    places = rng.random((4, 2)) @ cell
    heights = rng.uniform(0, 2, 4)
    return Atoms(rng.choice(["Li", "O", "Cu"], 4), np.column_stack([places, heights]))


@given(seed=st.integers(0, 10_000), contact=st.floats(0.6, 1.2))
@settings(max_examples=40, deadline=None)
def test_at_the_least_gap_the_closest_pair_just_touches(seed, contact):
    rng = np.random.default_rng(seed)
    cell = np.array([[4.0, 0.0], [rng.uniform(-1, 1), 5.0]])
    lower, upper = random_body(rng, cell), random_body(rng, cell)
    aside = rng.uniform(-9, 9, 2)
    gap = least_gap_A(lower, upper, aside, contact, cell)
    lift = gap + lower.positions[:, 2].max() - upper.positions[:, 2].min()
    lifted = upper.positions + np.array([*aside, lift])
    images = np.array([[*(np.array([i, j]) @ cell), 0] for i in range(-5, 6) for j in range(-5, 6)])
    apart = lifted[None, :, None] + images - lower.positions[:, None, None]
    sums = covalent_radii[lower.numbers][:, None] + covalent_radii[upper.numbers]
    closest = (np.linalg.norm(apart, axis=-1).min(-1) / sums).min()
    assert closest >= contact - 1e-9
    assert gap == 0 or closest == pytest.approx(contact)


def test_images_of_a_place_are_the_same_interface(copper):
    images, cell = Images.of(copper), copper.atoms.cell.array[:2, :2]
    place = np.array([0.5, 0.2, 2.1])
    for rotation, translation in images.operations:
        image = np.array([*(place[:2] @ rotation + translation + [3, -2] @ cell), 2.1])
        assert images.same(place, image)
        assert energy_at(copper, image) == pytest.approx(energy_at(copper, place), abs=1e-4)
    assert not images.same(place, place + np.array([0, 0, 0.5]))
    assert not images.same(place, place + np.array([0.4, 0, 0]))


def energy_at(model: InterfaceModel, place: np.ndarray) -> float:
    x, y = np.array(model.shift) + place[:2] @ np.linalg.inv(model.atoms.cell.array[:2, :2])
    return energy(displaced(model, (x, y), place[2]))
