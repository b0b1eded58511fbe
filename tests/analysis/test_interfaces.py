"""The bookkeeping, with energies chosen so that every answer is known by hand."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111

from interlith.analysis.energies import dupre_work, per_area
from interlith.analysis.interfaces import (
    DEFINITIONS,
    Evidence,
    Question,
    SideEvidence,
    Start,
    Starts,
    answer,
    lowest,
    registry_outcomes,
    registry_spread,
)
from interlith.analysis.records import Method, Provenance, Relaxation, Static
from interlith.structures.errors import ComputationError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.records import InterfaceModel, InterfaceRecipe, MatchFacts, Origin, SideRecipe, SlabFacts

SQUARE = ((1, 0), (0, 1))
ORIGIN = Origin(source="by hand", sha256="0")


def provenance(converged=True, engine="emt"):
    method = Method(
        engine=engine,
        engine_version="1",
        model=engine,
        weights_sha256=None,
        functional="PBE",
        dispersion=None,
        surrogate=True,
    )
    return Provenance(method=method, input_sha256=("0",), software={}, wall_s=1.0, n_force_calls=3, converged=converged)


def relaxation(atoms: Atoms, energy: float, converged=True):
    text = to_text(atoms)
    return Relaxation(
        xyz=text,
        energy_eV=energy,
        fmax_eV_A=0.01 if converged else 0.4,
        fmax_target_eV_A=0.05,
        energies_eV=(energy + 1, energy),
        start_xyz=text,
        optimizer="none",
        provenance=provenance(converged),
    )


def slab_facts(crystal: str, atoms: Atoms, symmetric=True):
    return SlabFacts(
        crystal=crystal,
        miller=(1, 1, 1),
        termination=0,
        termination_label="",
        formula=atoms.get_chemical_formula(),
        n_atoms=len(atoms),
        thickness_A=9.0,
        n_layers=4,
        vacuum_A=15,
        area_A2=1.0,
        tasker=None,
        dipole_eA=None,
        symmetric=symmetric,
        stoichiometric=True,
        broken_bonds={},
        origin=ORIGIN,
    )


@pytest.fixture
def pair() -> Atoms:
    """Four layers of Al under four of Cu, in one cell."""
    whole = fcc111("Al", (2, 2, 8), vacuum=8.0)
    whole.info.clear()
    upper = whole.positions[:, 2] > whole.positions[:, 2].mean()
    whole.symbols[upper] = "Cu"
    whole.set_array("side", upper.astype(int))
    return whole


def model_of(whole: Atoms, n_interfaces=1, symmetric=True, shift=(0.0, 0.0)) -> InterfaceModel:
    area = float(np.linalg.norm(np.cross(*whole.cell[:2])))
    match = MatchFacts(
        cells_a=SQUARE, cells_b=SQUARE, area_A2=area, strain_a=(0, 0), strain_b=(0, 0), twist_deg=0, strain_rule=""
    )
    sides = [whole[whole.arrays["side"] == k] for k in (0, 1)]
    return InterfaceModel(
        name="al-cu",
        xyz=to_text(whole),
        slab_a=slab_facts("Al", sides[0]),
        slab_b=slab_facts("Cu", sides[1], symmetric),
        match=match,
        n_interfaces=n_interfaces,
        shift=shift,
        gap_A=2.0,
        origin=ORIGIN,
    )


def side_evidence(atoms: Atoms, *, cut=-10.0, rejoined=-10.0, frozen=-9.5, per_atom=-0.7, free=-0.71):
    unit = bulk(atoms[0].symbol)
    return SideEvidence(
        bulk=relaxation(unit, free),
        strained=relaxation(unit, per_atom),
        cut=relaxation(atoms, cut),
        rejoined=relaxation(atoms, rejoined),
        frozen=Static(xyz=to_text(atoms), energy_eV=frozen, fmax_eV_A=1.0, provenance=provenance()),
    )


def evidence_of(whole: Atoms, interfaces=(-21.0, -20.8, -20.5), *, sides=None, model=None) -> Evidence:
    a, b = (whole[whole.arrays["side"] == k] for k in (0, 1))
    starts = [
        Start(model=(model or model_of(whole, shift=(0.1 * k, 0.0))), energy_eV=-20.0 + 0.1 * k)
        for k in range(len(interfaces))
    ]
    given = sides or {}
    return Evidence(
        registries=Starts(starts=tuple(starts), provenance=provenance()),
        relaxed=tuple(relaxation(whole, e) if isinstance(e, float) else e for e in interfaces),
        side_a=side_evidence(a, **given.get("a", {})),
        side_b=side_evidence(b, **given.get("b", {})),
    )


def ask(evidence: Evidence, **changes):
    sides = {f"side_{s}": SideRecipe(crystal=c, miller=(1, 1, 1)) for s, c in (("a", "Al"), ("b", "Cu"))}
    question = Question(
        system="al-cu",
        preset="quick",
        recipe=InterfaceRecipe(**sides),
        settings={"registries": len(evidence.relaxed)},
        floor_A=8.0,
    )
    return answer(question.model_copy(update=changes), evidence)


def test_every_quantity_by_hand(pair):
    record = ask(evidence_of(pair))
    area = record.model.area_A2
    value = {q.quantity: q.value for q in record.quantities}
    assert value["interfacial_formation_energy"] == pytest.approx(per_area(-21.0 + 20.0, area))
    assert value["interfacial_formation_energy_frozen"] == pytest.approx(per_area(-21.0 + 19.0, area))
    assert value["work_of_adhesion"] == -value["interfacial_formation_energy"]
    assert value["work_of_separation"] == -value["interfacial_formation_energy_frozen"]
    assert value["surface_energy_a"] == pytest.approx(per_area(-10.0 + 16 * 0.7, 2 * area))
    assert value["strain_energy_b"] == pytest.approx(per_area(16 * 0.01, area))
    assert value["reference_gain_a"] == 0
    sigma = per_area(-21.0 + 32 * 0.7, area) - value["surface_energy_a"] - value["surface_energy_b"]
    assert value["interface_energy_bulk_referenced"] == pytest.approx(sigma)
    assert all(q.converged and q.definition for q in record.quantities)
    assert record.energies_eV["interface"] == -21.0
    assert record.provenance.n_force_calls == 3 * 14


def test_dupre_closes_with_the_lower_references(pair):
    record = ask(evidence_of(pair, sides={"b": {"cut": -10.0, "rejoined": -10.4}}))
    gammas = [record.quantity(f"surface_energy_{s}").value for s in "ab"]
    sigma = record.quantity("interface_energy_bulk_referenced").value
    assert dupre_work(*gammas, sigma) == pytest.approx(record.quantity("work_of_adhesion").value, abs=1e-12)


def test_the_lower_reference_answers_and_the_difference_is_stored(pair):
    record = ask(evidence_of(pair, sides={"b": {"cut": -10.0, "rejoined": -10.4}}))
    area = record.model.area_A2
    assert record.quantity("interfacial_formation_energy").value == pytest.approx(per_area(-21.0 + 20.4, area))
    assert record.quantity("reference_gain_b").value == pytest.approx(per_area(0.4, area))
    assert any("lower from the interface" in told for told in record.caveats)


def test_two_interfaces_halve_and_need_no_free_faces(pair):
    one, two = (ask(evidence_of(pair, model=model_of(pair, n_interfaces=n))) for n in (1, 2))
    name = "interfacial_formation_energy"
    assert two.quantity(name).value == pytest.approx(one.quantity(name).value / 2)
    sigma = two.quantity("interface_energy_bulk_referenced").value
    assert sigma == pytest.approx(per_area(-21.0 + 32 * 0.7, 2 * two.model.area_A2))


def test_relaxed_below_frozen_is_flagged(pair):
    record = ask(evidence_of(pair, sides={"a": {"cut": -9.0, "rejoined": -9.1, "frozen": -9.9}}))
    formation = record.quantity("interfacial_formation_energy")
    assert formation.value < record.quantity("interfacial_formation_energy_frozen").value
    assert not formation.converged
    assert "impossible" in formation.caveat


def test_the_lowest_converged_registry_answers_and_the_others_make_the_spread(pair):
    wild = relaxation(pair, -25.0, converged=False)
    record = ask(evidence_of(pair, (-20.5, wild, -21.0, -20.0)))
    assert record.energies_eV["interface"] == -21.0
    assert record.model.shift == (0.2, 0.0)
    assert [o.relaxed_energy_eV for o in record.registries] == [-25.0, -21.0, -20.5, -20.0]
    spread = record.quantity("interfacial_formation_energy").spread
    assert spread.n == 3
    assert spread.minimum == pytest.approx(record.quantity("interfacial_formation_energy").value)
    assert spread.maximum - spread.minimum == pytest.approx(per_area(1.0, record.model.area_A2))
    assert any("1 registries did not converge" in told for told in record.caveats)
    mirrored = record.quantity("work_of_adhesion").spread
    assert (mirrored.minimum, mirrored.maximum) == (-spread.maximum, -spread.minimum)


def test_no_spread_from_two_and_missing_registries_are_told(pair):
    evidence = evidence_of(pair, (-21.0, -20.0, None))
    assert registry_spread(registry_outcomes(evidence)) is None
    assert any("2 distinct registries were found, 3 asked for" in told for told in ask(evidence).caveats)


def test_nothing_relaxed_is_an_error_and_unconverged_is_flagged(pair):
    with pytest.raises(ComputationError, match="no candidate was relaxed"):
        lowest([None])
    record = ask(evidence_of(pair, (relaxation(pair, -21.0, converged=False),)))
    assert not record.quantity("interfacial_formation_energy").converged
    assert not record.provenance.converged


def test_an_unbalanced_side_has_no_bulk_referenced_numbers_and_says_why(pair):
    evidence = evidence_of(pair)
    alloy = relaxation(bulk("CuAu", "cesiumchloride", a=3.0), -1.0)
    side_b = evidence.side_b.model_copy(update={"strained": alloy, "bulk": alloy})
    record = ask(evidence.model_copy(update={"side_b": side_b}))
    names = {q.quantity for q in record.quantities}
    assert {"surface_energy_a", "interfacial_formation_energy"} <= names
    assert not {"surface_energy_b", "strain_energy_b", "interface_energy_bulk_referenced"} & names
    assert any("Cu +16" in told for told in record.caveats)


def test_thin_sides_differing_faces_and_reactions_are_told(pair):
    moved = pair.copy()
    low, high = 5, len(pair) - 6
    moved.positions[[low, high]] = moved.positions[[high, low]]
    evidence = evidence_of(pair, (relaxation(moved, -21.0),), model=model_of(pair, symmetric=False))
    record = ask(evidence, floor_A=10.0)
    assert record.contact.reacted
    assert any("a reaction took place" in told for told in record.caveats)
    assert "contains a reaction" in record.quantity("interfacial_formation_energy").caveat
    assert sum("thinner than the preset's 10.0" in told for told in record.caveats) == 2
    assert "faces that differ" in record.quantity("surface_energy_b").caveat
    assert record.quantity("surface_energy_a").caveat is None


def test_energies_of_two_methods_do_not_mix(pair):
    evidence = evidence_of(pair)
    foreign = evidence.side_a.cut.model_copy(update={"provenance": provenance(engine="chgnet")})
    side_a = evidence.side_a.model_copy(update={"cut": foreign})
    with pytest.raises(ComputationError, match=r"2 methods.*chgnet.*emt"):
        ask(evidence.model_copy(update={"side_a": side_a}))


def test_the_record_survives_its_own_json(pair):
    record = ask(evidence_of(pair))
    assert type(record).model_validate_json(record.model_dump_json()) == record


def test_a_contact_that_is_not_bound_says_so(pair):
    told = "the contact is not bound"
    assert any(told in caveat for caveat in ask(evidence_of(pair, (-19.9,))).caveats)
    assert not any(told in caveat for caveat in ask(evidence_of(pair)).caveats)


def every_part(evidence: Evidence, change, names) -> Evidence:
    """Change every relaxed interface and the named parts of both sides."""
    sides = {
        key: side.model_copy(update={name: change(getattr(side, name)) for name in names})
        for key, side in (("side_a", evidence.side_a), ("side_b", evidence.side_b))
    }
    return evidence.model_copy(update={"relaxed": tuple(change(r) for r in evidence.relaxed), **sides})


def converged_names(record) -> set[str]:
    return {q.quantity for q in record.quantities if q.converged}


def side_changed(evidence: Evidence, **parts) -> Evidence:
    return evidence.model_copy(update={"side_a": evidence.side_a.model_copy(update=parts)})


LENGTHS = {"largest_displacement", "min_distance_before", "min_distance_after"}
OF_CONTACT = {"interfacial_formation_energy", "work_of_adhesion"}
OF_FROZEN = {"interfacial_formation_energy_frozen", "work_of_separation"}
REFERENCED = {"interface_energy_bulk_referenced"}


@pytest.mark.parametrize(
    ("part", "spoiled"),
    [
        ("bulk", {"strain_energy_a"}),
        ("strained", {"strain_energy_a", "surface_energy_a", *REFERENCED}),
        ("cut", {"reference_gain_a", "surface_energy_a", *OF_CONTACT, *REFERENCED}),
    ],
)
def test_an_unconverged_part_spoils_the_numbers_that_rest_on_it_and_no_other(pair, part, spoiled):
    evidence = evidence_of(pair, sides={"a": {"rejoined": -9.9}})
    whole = getattr(evidence.side_a, part)
    loose = whole.model_copy(update={"provenance": provenance(converged=False)})
    record = ask(side_changed(evidence, **{part: loose}))
    assert {q.quantity for q in record.quantities} - converged_names(record) == spoiled
    assert not record.provenance.converged
    words = {"bulk": "the bulk", "strained": "the strained bulk", "cut": "the reference"}[part]
    assert any(f"side A: {words} did not converge" in told for told in record.caveats)


def test_a_reference_that_is_not_the_lower_one_spoils_only_the_gain(pair):
    evidence = evidence_of(pair, sides={"a": {"cut": -10.0, "rejoined": -10.2}})
    loose = evidence.side_a.cut.model_copy(update={"provenance": provenance(converged=False)})
    record = ask(side_changed(evidence, cut=loose))
    assert {q.quantity for q in record.quantities} - converged_names(record) == {"reference_gain_a"}


def test_an_unconverged_interface_spoils_all_that_the_contact_decides(pair):
    record = ask(evidence_of(pair, (relaxation(pair, -21.0, converged=False),)))
    spoiled = {q.quantity for q in record.quantities} - converged_names(record)
    assert spoiled == OF_CONTACT | OF_FROZEN | REFERENCED | LENGTHS


def test_a_side_without_a_strained_bulk_keeps_what_does_not_need_it(pair):
    record = ask(side_changed(evidence_of(pair), strained=None))
    names = {q.quantity for q in record.quantities}
    assert "side_a_strained" not in record.energies_eV
    assert not {"strain_energy_a", "surface_energy_a", *REFERENCED} & names
    assert {"strain_energy_b", "surface_energy_b", "reference_gain_a", *OF_CONTACT, *OF_FROZEN} <= names
    assert any("reconstructed in a larger cell" in told for told in record.caveats)


def test_a_bulk_of_many_atoms_counts_as_so_many_formula_units(pair):
    """The same crystal in a cell of four atoms, four times the energy: nothing changes."""
    evidence = evidence_of(pair)
    big = {name: relaxation(bulk("Al", cubic=True), 4 * e) for name, e in (("bulk", -0.71), ("strained", -0.7))}
    one, other = ask(evidence), ask(side_changed(evidence, **big))
    for q in one.quantities:
        assert other.quantity(q.quantity).value == pytest.approx(q.value), q.quantity


def test_a_cell_of_twice_the_area_changes_no_number_per_area(pair):
    def doubled(one):
        return one.model_copy(
            update={"xyz": to_text(from_text(one.xyz).repeat((2, 1, 1))), "energy_eV": 2 * one.energy_eV}
        )

    evidence = evidence_of(pair, sides={"b": {"cut": -10.0, "rejoined": -10.4}})
    wide = model_of(pair.repeat((2, 1, 1)))
    starts = [s.model_copy(update={"model": wide}) for s in evidence.registries.starts]
    registries = evidence.registries.model_copy(update={"starts": tuple(starts)})
    large = every_part(evidence, doubled, ("cut", "rejoined", "frozen")).model_copy(update={"registries": registries})
    once, twice = ask(evidence), ask(large)
    assert twice.model.area_A2 == pytest.approx(2 * once.model.area_A2)
    for q in once.quantities:
        assert twice.quantity(q.quantity).value == pytest.approx(q.value, abs=1e-6), q.quantity
    spreads = [r.quantity("interfacial_formation_energy").spread for r in (once, twice)]
    assert spreads[0].std == pytest.approx(spreads[1].std)


def test_an_energy_zero_that_counts_atoms_changes_nothing_but_totals(pair):
    """Shift every energy by 3 eV an atom: references cancel it exactly."""

    def shifted(one):
        return one.model_copy(update={"energy_eV": one.energy_eV + 3.0 * len(from_text(one.xyz))})

    evidence = evidence_of(pair)
    one = ask(evidence)
    other = ask(every_part(evidence, shifted, ("bulk", "strained", "cut", "rejoined", "frozen")))
    for q in one.quantities:
        assert other.quantity(q.quantity).value == pytest.approx(q.value, abs=1e-9), q.quantity
    assert other.energies_eV["interface"] == pytest.approx(one.energies_eV["interface"] + 96)


def test_without_vacuum_strain_and_surface_keep_their_area_and_gains_are_per_interface(pair):
    sides = {"b": {"cut": -10.0, "rejoined": -10.4}}
    one, two = (ask(evidence_of(pair, sides=sides, model=model_of(pair, n_interfaces=n))) for n in (1, 2))
    for name in ("strain_energy_a", "strain_energy_b", "surface_energy_a", "surface_energy_b"):
        assert two.quantity(name).value == pytest.approx(one.quantity(name).value)
    assert two.quantity("reference_gain_b").value == pytest.approx(one.quantity("reference_gain_b").value / 2)
    # Dupré's relation holds per contact: two contacts take the place of two faces of each side.
    gammas = [two.quantity(f"surface_energy_{s}").value for s in "ab"]
    sigma = two.quantity("interface_energy_bulk_referenced").value
    assert dupre_work(*gammas, sigma) == pytest.approx(two.quantity("work_of_adhesion").value, abs=1e-12)


def test_the_contact_on_record_is_between_the_start_and_the_end_of_the_registry_that_answers(pair):
    far = pair.copy()
    far.positions[0, 2] -= 0.4
    record = ask(evidence_of(pair, (-20.5, relaxation(far, -21.0), -20.0)))
    assert record.relaxed_xyz == to_text(far)
    assert record.contact.largest_displacement_A == pytest.approx(0.4, abs=1e-6)
    assert record.quantity("largest_displacement").value == record.contact.largest_displacement_A
    assert not record.contact.reacted


def test_every_number_carries_its_definition_unit_and_surrogate_caveat(pair):
    record = ask(evidence_of(pair))
    for q in record.quantities:
        key = q.quantity if q.quantity in DEFINITIONS else q.quantity[:-2]
        assert q.definition == DEFINITIONS[key]
        assert q.unit == ("Å" if q.quantity in LENGTHS else "J/m^2")
    assert set(DEFINITIONS) == {q.quantity for q in record.quantities if q.quantity in DEFINITIONS} | {
        q.quantity[:-2] for q in record.quantities if q.quantity not in DEFINITIONS
    }
    told = record.quantity("interfacial_formation_energy").caveat
    assert told
    assert told in record.caveats
