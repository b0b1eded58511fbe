"""The bookkeeping of a molecule on a slab, with energies chosen so that every answer is known by hand."""

import numpy as np
import pytest
from adlayer_cases import ETHER, SLABS, model_of, recipe_of
from ase import Atoms, units
from evidence_cases import provenance, relaxation, static
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.analysis.adlayers import DEFINITIONS, answer, covered_part
from interlith.analysis.coordination import bonds_across, contact, coordination_of_touching
from interlith.analysis.evidence import Dispersion, Evidence, Question
from interlith.analysis.placements import Batch, Screened, fingerprint, ranked
from interlith.analysis.records import AdlayerRecord
from interlith.structures.adlayers import adlayers
from interlith.structures.counterparts import with_counterpart
from interlith.structures.errors import ComputationError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.interfaces import side_alone
from interlith.structures.records import AdlayerModel, Origin, SlabFacts

J_M2 = units._e * 1e20
ENERGIES = {"slab": (-100.0, -100.2, -99.9), "molecule": (-20.0, -20.1, -19.7), "complex": (-121.0, -120.9, -120.5)}
"""Slab and molecule: from their own start, from the complex, frozen in it; three placements."""

DISTANCES = ("largest_displacement", "min_distance_before", "min_distance_after")


@pytest.fixture(scope="module")
def models() -> list[AdlayerModel]:
    """Three placements of each of two conformers of an ether on Al(100)."""
    slab = SLABS["square"]
    facts = SlabFacts(
        crystal="Al", miller=(1, 0, 0), termination=0, termination_label="", formula="Al3", n_atoms=3, thickness_A=9.0,
        n_layers=3, vacuum_A=15, area_A2=8.2, tasker=None, dipole_eA=None, symmetric=True, stoichiometric=True,
        broken_bonds={}, origin=Origin(source="by hand", sha256="0"),
    )  # fmt: skip
    conformers = [model_of(ETHER, conformer=k) for k in range(2)]
    return adlayers(slab, facts, conformers, recipe_of(candidates=6, conformers=2, clearance_A=4.0), seed=0)


def screened(model: AdlayerModel, energy: float) -> Screened:
    return Screened(model=model, xyz=model.xyz, energy_eV=energy, n_calls=1)


def evidence_of(models, *, energies=None, ended=(True, True, True), dispersion=None, atoms=None) -> Evidence:
    own = ENERGIES | (energies or {})
    chosen = [screened(model, -10.0 + k) for k, model in enumerate(models[: len(own["complex"])])]
    slab, molecule = (side_alone(models[0].atoms, k) for k in (0, 1))
    final = atoms or models[0].atoms
    return Evidence(
        ranking=ranked([Batch(screened=chosen, provenance=provenance())], len(chosen)),
        relaxed=[
            None if e is None else relaxation(final, e, c) for e, c in zip(own["complex"], ended, strict=True)
        ],
        bulk=relaxation(slab, -1.0),
        slab_cut=relaxation(slab, own["slab"][0]),
        slab_rejoined=relaxation(slab, own["slab"][1]),
        slab_frozen=static(slab, own["slab"][2]),
        conformers=[relaxation(molecule, own["molecule"][0] + up) for up in (0.3, 0.0)],
        molecule_rejoined=relaxation(molecule, own["molecule"][1]),
        molecule_frozen=static(molecule, own["molecule"][2]),
        dispersion=dispersion,
    )  # fmt: skip


def ask(evidence: Evidence, **changes) -> AdlayerRecord:
    question = Question(
        system="al-ether", preset="quick", recipe=recipe_of(), settings={"placements": len(evidence.relaxed)},
        floor_A=8.0,
    )  # fmt: skip
    return answer(question.model_copy(update=changes), evidence)


def values(record: AdlayerRecord) -> dict[str, float]:
    return {q.quantity: q.value for q in record.quantities}


def test_every_quantity_by_hand(models):
    record = ask(evidence_of(models, dispersion=Dispersion(complex_eV=-3.0, slab_eV=-2.0, molecule_eV=-0.6)))
    found = values(record)
    by_hand = {
        "binding_energy": -121.0 + 100.2 + 20.1,
        "interaction_energy": -121.0 + 99.9 + 19.7,
        "deformation_energy_slab": 0.3,
        "deformation_energy_molecule": 0.4,
        "dispersion_interaction": -0.4,
        "interaction_energy_without_dispersion": -1.4 + 0.4,
        "reference_gain_slab": 0.2,
        "reference_gain_molecule": 0.1,
    }
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand)
    covered = covered_part(models[0].atoms) * models[0].area_A2
    assert found["binding_energy_per_covered_area"] == pytest.approx(-0.7 / covered * J_M2)
    assert all(q.definition == DEFINITIONS[q.quantity] for q in record.quantities)
    assert record.energies_eV["dispersion_slab"] == -2.0
    assert record.provenance.n_force_calls == 3 * (3 + 4 + 2 + 2)
    assert record.screening.n_force_calls == 3, "told apart: no energy rests on it"


def on_both(models, **more) -> tuple[Evidence, list[AdlayerModel]]:
    """What two molecules on two faces would give were they as independent as on two slabs."""
    faced = [with_counterpart(one) for one in models]
    (slab, slab_again, slab_frozen), (own, left, frozen) = ENERGIES["slab"], ENERGIES["molecule"]
    twice = {
        "slab": (slab, slab_again, slab_again + 2 * (slab_frozen - slab_again)),
        "molecule": (own, 2 * left, 2 * frozen),
        "complex": tuple(slab_again + 2 * (e - slab_again) for e in ENERGIES["complex"]),
    }
    return evidence_of(faced, energies=twice, **more), faced


def test_a_molecule_on_each_face_gives_what_one_on_one_face_gives(models):
    """[E(slab+2 mol) − E(slab) − 2 E(mol)]/2, the cell's area met twice: every energy but the slab's own gain."""
    dispersion = Dispersion(complex_eV=-3.0, slab_eV=-2.0, molecule_eV=-0.6)
    twice = Dispersion(complex_eV=-4.0, slab_eV=-2.0, molecule_eV=-1.2)
    one = ask(evidence_of(models, dispersion=dispersion))
    evidence, faced = on_both(models, dispersion=twice)
    both = ask(evidence)
    same = {name: value for name, value in values(both).items() if name not in ("reference_gain_slab", *DISTANCES)}
    assert same == pytest.approx({name: values(one)[name] for name in same})
    assert values(both)["reference_gain_slab"] == pytest.approx(values(one)["reference_gain_slab"] / 2)
    assert [p.binding_energy_eV for p in both.placements] == pytest.approx(
        [p.binding_energy_eV for p in one.placements]
    )
    assert covered_part(faced[0].atoms) == covered_part(models[0].atoms), "the shadow of one face"
    told = {q.quantity: q.definition for q in both.quantities}
    assert "per molecule" in told["binding_energy"] and "per molecule" not in told["min_distance_after"]
    assert any("2 equivalent molecules, one on each face" in c for c in both.caveats)


def test_each_of_two_molecules_drifts_by_itself(models):
    """Both come down by 0.5 Å, each towards its own face: as bodies they have not moved."""
    _, (first, *_) = on_both(models)
    before, after = first.atoms, first.atoms
    for k, way in ((0, -0.5), (1, 0.5)):
        after.positions[after.arrays["molecule"] == k, 2] += way
    assert contact(before, after).largest_displacement_A == pytest.approx(0, abs=1e-6)


energy = st.floats(-50, 50)


@settings(deadline=None)
@given(st.tuples(energy, energy, energy), st.tuples(energy, energy, energy), energy)
def test_binding_is_interaction_and_deformation_whatever_the_energies(slab, molecule, whole):
    """E_bind = E_int + E_def(slab) + E_def(mol), and deformation is never negative for parts at rest."""
    small = [_model_of_two_atoms()]
    at_rest = {"slab": (*slab[:2], max(slab)), "molecule": (*molecule[:2], max(molecule)), "complex": (whole,)}
    found = values(ask(evidence_of(small, energies=at_rest, ended=(True,))))
    deformations = [found[f"deformation_energy_{part}"] for part in ("slab", "molecule")]
    assert found["binding_energy"] == pytest.approx(found["interaction_energy"] + sum(deformations), abs=1e-9)
    assert found["interaction_energy"] <= found["binding_energy"] + 1e-9
    assert min(deformations) >= 0


def _model_of_two_atoms() -> AdlayerModel:
    atoms = Atoms("LiO", [[0, 0, 5], [0, 0, 7]], cell=[6, 6, 20], pbc=True)
    atoms.set_array("side", np.array([0, 1]))
    atoms.set_array("molecule", np.array([-1, 0]))
    return AdlayerModel(
        name="two", xyz=to_text(atoms), slab=_FACTS, cells_a=((1, 0), (0, 1)),
        molecules=[model_of(Atoms("O", [[0, 0, 0]])).facts.model_copy(update={"n_units": 2})], area_A2=36.0,
        pose={"index": 0, "conformer": 0, "site_A": (0, 0), "quaternion": (1, 0, 0, 0), "height_A": 2, "gap_A": 2},
        image_distance_A=6.0, covers=True, origin=_FACTS.origin,
    )  # fmt: skip


_FACTS = SlabFacts(
    crystal="Li_bcc", miller=(1, 0, 0), termination=0, termination_label="", formula="Li", n_atoms=1, thickness_A=1.0,
    n_layers=1, vacuum_A=15, area_A2=36.0, tasker=None, dipole_eA=None, symmetric=True, stoichiometric=True,
    broken_bonds={}, origin=Origin(source="by hand", sha256="0"),
)  # fmt: skip


def test_a_layer_that_covers_has_an_energy_per_area_and_per_unit():
    two = _model_of_two_atoms()
    record = ask(evidence_of([two], energies={"complex": (-121.0,)}, ended=(True,)))
    found = values(record)
    assert found["interfacial_formation_energy"] == pytest.approx(-0.7 / 36 * J_M2)
    assert found["interfacial_formation_energy_frozen"] == pytest.approx(-1.4 / 36 * J_M2)
    assert found["binding_energy_per_unit"] == pytest.approx(-0.35)
    assert found["lithium_contacts"] == found["lithium_coordination"] == 1 and record.bonds_across == {"Li-O": 1}
    assert "binding_energy_per_covered_area" not in found
    both = ask(
        evidence_of([two.model_copy(update={"n_interfaces": 2})], energies={"complex": (-121.0,)}, ended=(True,))
    )
    assert values(both)["interfacial_formation_energy"] == pytest.approx(-0.35 / 36 * J_M2)


def test_a_layer_that_spreads_as_it_relaxes_covers_the_cell():
    """Twelve atoms under one shadow cover little; spread over the cell they cover it."""
    grid = [[x, y, 8.0] for x in (1, 3, 5) for y in (0.75, 2.25, 3.75, 5.25)]
    atoms = Atoms("LiO12", [[0, 0, 5], *grid], cell=[6, 6, 20], pbc=True)
    atoms.set_array("side", np.array([0] + [1] * 12))
    assert covered_part(atoms) > 0.9
    heaped = atoms.copy()
    heaped.positions[1:, :2] = [3, 3]
    heaped.positions[1:, 2] = 8 + 1.5 * np.arange(12)
    assert covered_part(heaped) < 0.3
    for each in (atoms, heaped):
        each.set_array("molecule", np.array([-1] + [0] * 12))
    placed = _model_of_two_atoms().model_copy(update={"covers": False, "xyz": to_text(heaped)})
    for final, name in (
        (atoms, "interfacial_formation_energy"),
        (heaped, "binding_energy_per_covered_area"),
    ):
        found = values(ask(evidence_of([placed], energies={"complex": (-121.0,)}, ended=(True,), atoms=final)))
        other = {"interfacial_formation_energy", "binding_energy_per_covered_area"} - {name}
        assert name in found and not other & set(found)


def test_a_chain_says_how_it_was_made_to_fit(models):
    for percent, told in ((2.0, "stretched by 2.0 %"), (-3.0, "compressed by 3.0 %")):
        chain = models[0].model_copy(update={"chain_mismatch_percent": percent})
        assert any(told in caveat for caveat in ask(evidence_of([chain, *models[1:]])).caveats)


def test_the_lowest_converged_placement_answers(models):
    record = ask(evidence_of(models, ended=(False, True, True)))
    assert values(record)["binding_energy"] == pytest.approx(-120.9 + 120.3)
    assert [p.converged for p in record.placements] == [False, True, True], "lowest energy first"
    assert record.quantity("binding_energy").spread is None, "two are no spread"
    assert any("1 placements did not converge (largest force 0.40" in told for told in record.caveats)
    fewer = ask(evidence_of(models, energies={"complex": (-121.0, None, -120.0)}))
    assert any("2 distinct placements were left after screening, 3 asked for" in told for told in fewer.caveats)
    with pytest.raises(ComputationError, match="no candidate was relaxed"):
        ask(evidence_of(models, energies={"complex": (None, None, None)}))


def test_the_spread_is_over_placements(models):
    spread = ask(evidence_of(models)).quantity("binding_energy").spread
    assert (spread.kind, spread.n) == ("placements", 3)
    assert (spread.minimum, spread.maximum) == pytest.approx((-0.7, -0.2))
    assert spread.std == pytest.approx(np.std([-0.7, -0.6, -0.2], ddof=1))


def test_the_spread_over_conformers_takes_the_best_of_each(models):
    three = [
        model.model_copy(update={"pose": model.pose.model_copy(update={"conformer": k})})
        for k, model in zip((0, 0, 1, 2), models, strict=False)
    ]
    evidence = evidence_of(three, energies={"complex": (-121.0, -120.9, -120.5, -120.7)}, ended=(True,) * 4)
    one = ask(evidence).quantity("binding_energy_of_conformers")
    assert (one.spread.kind, one.spread.n) == ("conformers", 3)
    assert one.value == pytest.approx(np.mean([-0.7, -0.2, -0.4]))
    assert "binding_energy_of_conformers" not in values(ask(evidence_of(models)))


def test_a_relaxed_energy_below_the_frozen_one_is_told(models):
    """A frozen part below its part at rest cannot be: some relaxation ended in the wrong place."""
    record = ask(evidence_of(models, energies={"slab": (-100.0, -100.0, -100.5)}))
    assert "0.100 eV below the frozen value" in record.quantity("binding_energy").caveat


def test_methods_are_never_mixed(models):
    mixed = evidence_of(models).model_copy(update={"bulk": relaxation(models[0].atoms, -1.0, engine="chgnet")})
    with pytest.raises(ComputationError, match="2 methods cannot be combined"):
        ask(mixed)


def test_what_a_person_must_know_is_said(models):
    told = " | ".join(ask(evidence_of(models), floor_A=10.0).caveats)
    assert "not known here" in told and "no dispersion was added" in told
    assert "9.0 Å thick, thinner than the preset's 10.0 Å" in told
    assert f"covers {100 * covered_part(models[0].atoms):.0f} % of the cell" in told
    lost = models[0].atoms
    lost.positions[lost.arrays["side"] == 1, 2] += 4.0
    assert any("it left the surface" in told for told in ask(evidence_of(models, atoms=lost)).caveats)
    unbound = ask(evidence_of(models, energies={"complex": (-119.0, -118.0, -117.0)}))
    assert any("is not bound" in told for told in unbound.caveats)
    gains = ask(evidence_of(models, energies={"slab": (-99.0, -100.0, -99.0)}))
    assert any("the slab alone relaxes 1.00 eV lower from the complex" in told for told in gains.caveats)
    open_ends = evidence_of(models).model_copy(update={"molecule_rejoined": relaxation(models[0].atoms, -30.0, False)})
    assert any("molecule alone did not converge" in told for told in ask(open_ends).caveats)
    assert not ask(open_ends).quantity("binding_energy").converged


def test_a_broken_molecule_is_a_reaction(models):
    broken = models[0].atoms
    oxygen = next(k for k in np.flatnonzero(broken.arrays["side"] == 1) if broken.symbols[k] == "O")
    broken.positions[oxygen, 2] += 3.0
    record = ask(evidence_of(models, atoms=broken))
    assert record.contact.reacted
    assert "contains a reaction: " in record.quantity("binding_energy").caveat
    assert any("a reaction took place" in told for told in record.caveats)


def test_bonds_across_name_the_slab_first(models):
    atoms = models[0].atoms
    oxygen = next(k for k in np.flatnonzero(atoms.arrays["side"] == 1) if atoms.symbols[k] == "O")
    top = int(np.argmax(np.where(atoms.arrays["side"] == 0, atoms.positions[:, 2], -np.inf)))
    assert bonds_across(atoms).get("Al-O", 0) == 0
    atoms.positions[oxygen] = atoms.positions[top] + [0, 0, 1.9]
    assert bonds_across(atoms)["Al-O"] == 1
    assert not any(kind.startswith(("O-", "C-", "H-")) for kind in bonds_across(atoms))


def test_lithium_that_touches_the_molecule_is_coordinated_from_both_sides():
    """Li on two O of its own side, under one O and one H of the other: three; a second Li that touches nothing."""
    places = [[5, 5, 5], [3.2, 5, 4.5], [6.8, 5, 4.5], [5, 5, 6.9], [5, 6.2, 6.3], [1, 1, 5], [1, 1, 3.2]]
    atoms = Atoms("LiOOOHLiO", places, cell=[10, 10, 20], pbc=True)
    atoms.set_array("side", np.array([0, 0, 0, 1, 1, 0, 0]))
    assert coordination_of_touching(atoms, "Li") == 3
    assert coordination_of_touching(atoms, "La") == 0
    assert bonds_across(atoms)["Li-O"] == 1


def test_lithium_on_top_of_rock_salt_gets_back_the_neighbour_that_the_cut_took():
    """Five fluorines around a lithium of LiF(100), and an oxygen above it where the sixth was."""
    half = 4.026 / 2
    sites = [[i, j, k] for i in range(4) for j in range(4) for k in range(3)]
    atoms = Atoms(["F" if sum(s) % 2 else "Li" for s in sites], half * np.array(sites, dtype=float))
    atoms.set_cell([4 * half, 4 * half, 30])
    atoms.pbc = True
    top = next(k for k, s in enumerate(sites) if s[2] == 2 and sum(s) % 2 == 0)
    atoms += Atoms("O", [atoms.positions[top] + [0, 0, half]])
    atoms.set_array("side", np.array([0] * len(sites) + [1]))
    assert coordination_of_touching(atoms, "Li") == 6
    assert bonds_across(atoms) == {"Li-O": 1}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_contacts_are_those_that_every_pair_and_image_gives(seed):
    """By hand, with Cordero's radii (10.1039/b801115j): 1.2 times their sum, a non-metal at one end."""
    radii = {"Li": 1.28, "O": 0.66, "H": 0.31, "Al": 1.21}
    draw = np.random.default_rng(seed)
    cell = np.array([[5.0, 0, 0], [1.3, 5.5, 0], [0, 0, 20]])
    symbols = [str(s) for s in draw.choice(list(radii), 14)]
    atoms = Atoms(symbols, draw.random((14, 3)) @ cell * [1, 1, 0.3], cell=cell, pbc=True)
    atoms.set_array("side", np.repeat([0, 1], 7))
    shifts = [i * cell[0] + j * cell[1] for i in (-2, -1, 0, 1, 2) for j in (-2, -1, 0, 1, 2)]
    by_hand: dict[str, int] = {}
    for i in range(7):
        for j in range(7, 14):
            near = [np.linalg.norm(atoms.positions[j] + s - atoms.positions[i]) for s in shifts]
            n = sum(d < 1.2 * (radii[symbols[i]] + radii[symbols[j]]) for d in near)
            if n and {symbols[i], symbols[j]} & {"O", "H"}:
                kind = f"{symbols[i]}-{symbols[j]}"
                by_hand[kind] = by_hand.get(kind, 0) + n
    assert bonds_across(atoms) == by_hand


def test_the_record_survives_its_json(models):
    record = ask(evidence_of(models))
    assert AdlayerRecord.model_validate_json(record.model_dump_json()) == record


def test_alike_candidates_are_one_and_the_lowest_of_it_stays(models):
    first, other = models[:2]
    moved = first.atoms
    moved.positions[moved.arrays["side"] == 1, :2] += _surface_vector(first)
    twin = Screened(model=first, xyz=to_text(moved), energy_eV=-9.999, n_calls=1)
    batches = [
        Batch(screened=(twin, screened(other, -9.0)), provenance=provenance()),
        Batch(screened=(screened(first, -10.0),), provenance=provenance()),
    ]
    found = ranked(batches, 5)
    assert [one.energy_eV for one in found.chosen] == [-10.0, -9.0]
    assert (found.n_candidates, found.n_alike, found.provenance.n_force_calls) == (3, 1, 6)


def _surface_vector(model: AdlayerModel) -> np.ndarray:
    """The slab's first surface vector in the frame of the model, Å."""
    return np.linalg.solve(np.array(model.cells_a, dtype=float), model.atoms.cell.array[:2, :2])[0]


def test_ranking_keeps_the_best_of_every_conformer_where_there_is_room(models):
    conformers = [model.pose.conformer for model in models]
    assert conformers == [0, 1, 0, 1, 0, 1]
    ups = {0: 0.0, 2: 1.0, 4: 2.0, 1: 3.0, 3: 4.0, 5: 5.0}
    batch = Batch(screened=tuple(screened(models[k], up) for k, up in ups.items()), provenance=provenance())
    chosen = {k: [one.energy_eV for one in ranked([batch], k).chosen] for k in (1, 3, 4, 9)}
    assert chosen == {1: [0.0], 3: [0.0, 1.0, 2.0], 4: [0.0, 1.0, 2.0, 3.0], 9: [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}
    tight = Batch(
        screened=tuple(screened(models[k], up) for k, up in {**ups, 1: 9.0, 3: 9.5}.items()), provenance=provenance()
    )
    assert [one.energy_eV for one in ranked([tight], 4).chosen] == [0.0, 1.0, 2.0, 5.0]


def test_a_fingerprint_knows_no_translation_turn_or_order(models):
    atoms = models[0].atoms
    mark = fingerprint(atoms)
    moved = atoms.copy()
    above = moved.arrays["side"] == 1
    moved.positions[above, :2] += _surface_vector(models[0])
    assert fingerprint(moved) == pytest.approx(mark, abs=1e-6)
    molecule = np.flatnonzero(above)
    shuffled = atoms[[*np.flatnonzero(~above), *molecule[::-1]]]
    assert fingerprint(shuffled) == pytest.approx(mark, abs=1e-6)
    assert np.abs(fingerprint(models[2].atoms) - mark).max() > 0.2
    assert mark[len(molecule) :].min() == pytest.approx(models[0].pose.gap_A, abs=1e-6)
    assert from_text(models[0].xyz).cell.volume > 0
