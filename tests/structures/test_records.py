"""Facts cannot be altered, misspelt or left half-said, and come back from JSON as they were."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from interlith.structures.geometry import to_text
from interlith.structures.records import CrystalFacts, InterfaceRecipe, MatchFacts, MoleculeRecipe, Origin, SideRecipe

SIDE = SideRecipe(crystal="Li", miller=(1, 1, 0))


def test_a_fact_cannot_be_altered_or_misspelt():
    with pytest.raises(ValidationError, match="frozen"):
        SIDE.crystal = "Cu"
    with pytest.raises(ValidationError, match="thicknes_A"):
        SideRecipe(crystal="Li", miller=(1, 1, 0), thicknes_A=9)
    with pytest.raises(ValidationError, match="schema_version"):
        SideRecipe(crystal="Li", miller=(1, 1, 0), schema_version=2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"thickness_A": 0},
        {"thickness_A": -3},
        {"layers": 0},
        {"stiffness_GPa": 0},
        {"ordering_atoms": 0},
        {"miller": (1, 1)},
    ],
)
def test_a_side_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        SideRecipe(**{"crystal": "Li", "miller": (1, 1, 0), **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"max_strain": 0}, {"max_strain": 0.5}, {"max_area_A2": 0}, {"gap_A": 0}, {"vacuum_A": -1}, {"match": -1},
     {"max_atoms": 1}, {"strain_on": "c"}],
)  # fmt: skip
def test_an_interface_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        InterfaceRecipe(side_a=SIDE, side_b=SIDE, **wrong)


def test_steps_are_added_in_order_and_the_first_origin_stays():
    first = Origin(source="a.cif", sha256="0")
    last = first.then("cut").then("turned")
    assert (first.steps, last.steps, last.source) == ((), ("cut", "turned"), "a.cif")


@given(strains=st.tuples(*[st.floats(-0.1, 0.1)] * 4))
def test_the_largest_strain_is_of_either_side_and_sign(strains):
    facts = MatchFacts(
        cells_a=((1, 0), (0, 1)), cells_b=((1, 0), (0, 1)), area_A2=9.0, strain_a=strains[:2], strain_b=strains[2:],
        twist_deg=0.0, strain_rule="",
    )  # fmt: skip
    assert facts.max_strain == np.abs(strains).max()


def test_a_model_knows_its_sides_area_and_identity(handmade_record):
    model = handmade_record().model
    assert (model.side_a, model.side_b) == ((0, 1), (2, 3))
    assert model.area_A2 == model.match.area_A2
    again = type(model).model_validate_json(model.model_dump_json())
    assert again == model
    assert again.sha256 == model.sha256
    moved = model.atoms
    moved.positions[0, 2] += 0.01
    assert model.model_copy(update={"xyz": to_text(moved)}).sha256 != model.sha256


def test_a_model_with_one_side_only_is_none(handmade_record):
    model = handmade_record().model
    lone = model.atoms
    lone.set_array("side", np.zeros(len(lone), int))
    with pytest.raises(ValidationError, match="atoms on both sides"):
        type(model).model_validate(model.model_dump() | {"xyz": to_text(lone)})


def test_charges_are_said_or_said_to_be_unknown():
    with pytest.raises(ValidationError, match="oxidation_states"):
        CrystalFacts(
            name="x", formula="X", n_sites=1, space_group="P1", density_g_cm3=1.0, ordered=True,
            origin=Origin(source="x", sha256="0"),
        )  # fmt: skip


def test_a_negative_seed_is_refused_before_anything_is_drawn():
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        MoleculeRecipe(molecule="DME", seed=-5)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        SideRecipe(crystal="LLZTO", miller=(0, 0, 1), ordering_seed=-1)
