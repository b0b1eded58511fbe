"""What must be true of an interface's energies, whatever the engine: checked with EMT, which is fast."""

import contextlib

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.emt import EMT

from interlith.analysis.energies import interfacial_formation_energy, per_area, surface_energy
from interlith.analysis.interfaces import Start, Starts
from interlith.structures.crystals import load_crystal
from interlith.structures.geometry import from_text
from interlith.structures.interfaces import build_interface, displaced, side_alone
from interlith.structures.records import InterfaceModel, InterfaceRecipe, SideRecipe
from interlith.structures.slabs import oriented_bulk
from interlith.workflows.crystals import ordered
from interlith.workflows.efforts import Bulk, Effort, searched
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.interfaces import relax_side, relax_start, relax_strained
from interlith.workflows.registries import rigid_search

EMT_CHOICE = EngineChoice(name="emt")


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Searches write their progress where they run."""
    with contextlib.chdir(tmp_path_factory.mktemp("interfaces")):
        yield


def energy(atoms: Atoms) -> float:
    atoms = atoms.copy()
    atoms.calc = EMT()
    return float(atoms.get_potential_energy())


def frozen_formation(model: InterfaceModel, atoms: Atoms | None = None) -> float:
    atoms = atoms or model.atoms
    a, b = (energy(side_alone(atoms, side)) for side in (0, 1))
    area = float(np.linalg.norm(np.cross(*atoms.cell[:2])))
    return interfacial_formation_energy(energy(atoms), a, b, area, model.n_interfaces)


def recipe(a="Al", b="Cu", thickness_A=8.0, **changes) -> InterfaceRecipe:
    sides = {"side_a": a, "side_b": b}
    return InterfaceRecipe(
        **{s: SideRecipe(crystal=c, miller=(1, 1, 1), thickness_A=thickness_A) for s, c in sides.items()},
        **{"max_area_A2": 130, "strain_on": "shared", **changes},
    )


def build(request: InterfaceRecipe, gap_A=2.2, shift=(0.0, 0.0)) -> InterfaceModel:
    sides = (load_crystal(s.crystal) for s in (request.side_a, request.side_b))
    return build_interface(*(x for side in sides for x in side), request, shift=shift, gap_A=gap_A)


@pytest.fixture(scope="module")
def al_cu() -> InterfaceModel:
    return build(recipe())


@pytest.fixture(scope="module")
def self_contact() -> InterfaceModel:
    """Cu(111) on Cu(111), at its best registry: the crystal continued."""
    model = build(recipe("Cu", "Cu", max_area_A2=8, vacuum_A=20))
    best = rigid_search(model, EMT_CHOICE, n_start=6, k=1)[0]
    return displaced(model, best.shift, best.gap_A)


def gamma_unrelaxed(slab: Atoms) -> float:
    """γ of copper's slab as cut, its bulk as one lattice constant gives it."""
    unit = oriented_bulk(load_crystal("Cu")[0], (1, 1, 1))
    area = float(np.linalg.norm(np.cross(*slab.cell[:2])))
    return surface_energy(energy(slab), energy(unit) / len(unit) * len(slab), area)


def test_a_crystal_on_itself_gains_both_its_surfaces(self_contact):
    gamma = gamma_unrelaxed(side_alone(self_contact, 0))
    assert gamma > 0.5
    assert frozen_formation(self_contact) == pytest.approx(-2 * gamma, rel=0.02)


def test_a_crystal_on_itself_has_no_interface_energy(self_contact):
    whole, parts = self_contact.atoms, [side_alone(self_contact, side) for side in (0, 1)]
    unit = oriented_bulk(load_crystal("Cu")[0], (1, 1, 1))
    excess = per_area(energy(whole) - energy(unit) / len(unit) * len(whole), self_contact.area_A2)
    assert excess - sum(gamma_unrelaxed(part) for part in parts) == pytest.approx(0, abs=0.01)


def test_doubling_the_lateral_cell_changes_nothing(al_cu):
    once = frozen_formation(al_cu)
    assert frozen_formation(al_cu, al_cu.atoms.repeat((2, 1, 1))) == pytest.approx(once, rel=1e-3)
    assert frozen_formation(al_cu, al_cu.atoms.repeat((1, 2, 1))) == pytest.approx(once, rel=1e-3)


def test_the_sides_may_be_named_the_other_way_round(al_cu):
    other = build(recipe("Cu", "Al"))
    assert other.area_A2 == pytest.approx(al_cu.area_A2, rel=1e-3)
    best = [rigid_search(model, EMT_CHOICE, n_start=6, k=1)[0] for model in (al_cu, other)]
    forms = [frozen_formation(displaced(m, b.shift, b.gap_A)) for m, b in zip((al_cu, other), best, strict=True)]
    assert forms[0] == pytest.approx(forms[1], rel=1e-3)


def test_upside_down_is_the_same_interface(al_cu):
    turned = al_cu.atoms
    turned.positions *= [1, -1, -1]
    turned.set_cell(turned.cell.array * [1, -1, -1] * [[1], [-1], [-1]])
    turned.set_array("side", 1 - turned.arrays["side"])
    assert frozen_formation(al_cu, turned) == pytest.approx(frozen_formation(al_cu), rel=1e-6)


def test_more_vacuum_changes_nothing(al_cu):
    more = build(recipe(vacuum_A=25))
    assert frozen_formation(more) == pytest.approx(frozen_formation(al_cu), rel=0.01)


def test_far_apart_there_is_no_interface(al_cu):
    gaps = (2.2, 3.5, 5.0, 9.0)
    forms = [frozen_formation(displaced(al_cu, al_cu.shift, gap)) for gap in gaps]
    assert forms[0] < forms[1] < forms[2] < 0.0
    assert forms[3] == pytest.approx(0, abs=1e-3)


def test_a_periodic_sandwich_counts_two_interfaces():
    """Without vacuum both contacts are between the same faces: per interface the same."""
    one, two = build(recipe(), gap_A=2.4), build(recipe(vacuum_A=0), gap_A=2.4)
    assert (one.n_interfaces, two.n_interfaces) == (1, 2)
    assert frozen_formation(two) == pytest.approx(frozen_formation(one), rel=1e-3)


def test_a_crystal_survives_the_way_through_text():
    for name in ("Cu", "LiF", "Li2O"):
        structure, facts = load_crystal(name)
        back = ordered(SideRecipe(crystal=name, miller=(1, 0, 0))).structure()
        assert back.composition.reduced_formula == structure.composition.reduced_formula
        assert back.lattice.abc == pytest.approx(structure.lattice.abc)
        states = {s.specie.symbol: s.specie.oxi_state for s in back} if facts.oxidation_states else None
        assert states == facts.oxidation_states


def test_a_registry_beyond_the_last_is_nothing(al_cu):
    start = Start(model=al_cu, energy_eV=0.0)
    effort = Effort(engine=EMT_CHOICE, fmax_eV_A=0.1, max_calls=100)
    found = Starts(starts=(start,), provenance=searched(EMT_CHOICE, al_cu.xyz, 0.0, 7))
    assert relax_start(found, 1, effort) is None
    assert found.provenance.n_force_calls == 7
    assert found.provenance.method.engine == "emt"


@pytest.mark.parametrize(("side", "metal"), [(0, "Al"), (1, "Cu")])
def test_the_strained_bulk_is_the_inside_of_the_strained_slab(side, metal):
    """A strained slab grows by the strained bulk's energy per atom, not by the free bulk's."""
    effort = Effort(engine=EMT_CHOICE, fmax_eV_A=0.005, max_calls=200)
    crystal = ordered(SideRecipe(crystal=metal, miller=(1, 1, 1)))
    bulk = Bulk(crystal=crystal, relaxed=effort.relax(crystal.xyz, "bulk"))
    models = [build(recipe(thickness_A=thickness, strain_on="ab"[side])) for thickness in (8.0, 16.0)]
    thin, thick = (relax_side(model.xyz, side, effort) for model in models)
    strained = relax_strained(bulk, models[0], side, effort)
    n_thin, n_thick, n_strained = (len(from_text(one.xyz)) for one in (thin, thick, strained))
    grown = (thick.energy_eV - thin.energy_eV) / (n_thick - n_thin)
    assert grown == pytest.approx(strained.energy_eV / n_strained, abs=3e-4)
    assert abs(grown - bulk.relaxed.energy_eV / 4) > 1.5e-3
