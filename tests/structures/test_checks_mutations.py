"""One thing is made wrong in a sound model: the check says what, and names the atoms."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as known
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlith.structures.adlayers import adlayers
from interlith.structures.checks import check_model, findings
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.structures.interfaces import build_interface
from interlith.structures.molecules import molecule
from interlith.structures.records import AdlayerRecipe, InterfaceRecipe, MoleculeRecipe, SideRecipe
from interlith.structures.slabs import cut_slab

SLOW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)
ELEMENTS = ("H", "Li", "C", "O", "F", "S", "Cu", "Ge")


def side(crystal, miller=(1, 0, 0), thickness_A=5.0):
    return SideRecipe(crystal=crystal, miller=miller, thickness_A=thickness_A)


@pytest.fixture(scope="module")
def interface():
    recipe = InterfaceRecipe(side_a=side("Li"), side_b=side("LiF"), max_strain=0.06, vacuum_A=12.0)
    return build_interface(*load_crystal("Li"), *load_crystal("LiF"), recipe)


@pytest.fixture(scope="module")
def closed():
    recipe = InterfaceRecipe(side_a=side("Li"), side_b=side("LiF"), max_strain=0.06, vacuum_A=0.0)
    return build_interface(*load_crystal("Li"), *load_crystal("LiF"), recipe)


@pytest.fixture(scope="module")
def guest():
    return molecule(MoleculeRecipe(molecule="DOL"))


@pytest.fixture(scope="module")
def adlayer(guest):
    recipe = AdlayerRecipe(side_a=side("LiF"), side_b=MoleculeRecipe(molecule="DOL"), candidates=1, clearance_A=4.0)
    slab, facts = cut_slab(*load_crystal("LiF"), recipe.side_a, vacuum_A=15.0)
    (model,) = adlayers(slab, facts, [guest], recipe, seed=3)
    return model


@pytest.fixture(params=["interface", "closed", "adlayer", "guest"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["interface", "adlayer"])
def layered(request):
    return request.getfixturevalue(request.param)


def changed(model, edit, **update):
    """Return the record with its atoms edited in place: its claims stay, as in a file written by another hand."""
    atoms = model.atoms
    atoms.set_constraint()
    edit(atoms)
    return model.model_copy(update={"xyz": to_text(atoms)} | update)


def kinds(model):
    return {f.kind for f in findings(model) if f.fault}


def named(model):
    return {k for f in findings(model) if f.fault for k in f.atoms}


def test_sound_models_pass_without_a_word(model):
    assert check_model(model) == []


@SLOW
@given(k=st.integers(0, 2**16))
def test_an_atom_less_is_told(model, k):
    lost = k % len(model.atoms)
    symbol = model.atoms.symbols[lost]
    with pytest.raises(RequestError, match=f"1 {symbol} too few"):
        check_model(changed(model, lambda atoms: atoms.__delitem__(lost)))


@SLOW
@given(k=st.integers(0, 2**16), element=st.sampled_from(ELEMENTS))
def test_another_element_is_told(model, k, element):
    at = k % len(model.atoms)
    if model.atoms.symbols[at] == element:
        return
    wrong = changed(model, lambda atoms: atoms.symbols.__setitem__(at, element))
    with pytest.raises(RequestError, match=rf"1 {element} too many|1 {model.atoms.symbols[at]} too few"):
        check_model(wrong)


@SLOW
@given(k=st.integers(0, 2**16), j=st.integers(0, 2**16), away=st.floats(0.0, 0.4))
def test_an_atom_on_another_is_named(model, k, j, away):
    n = len(model.atoms)
    moved, at = k % n, (k + 1 + j % (n - 1)) % n

    def edit(atoms):
        atoms.positions[moved] = atoms.positions[at] + [0, 0, away]

    wrong = changed(model, edit)
    assert "distance" in kinds(wrong)
    assert {moved, at} <= named(wrong)


@SLOW
@given(seed=SEEDS)
def test_an_atom_flown_away_is_named(guest, adlayer, seed):
    draw = np.random.default_rng(seed)
    for model in (guest, adlayer):
        own = model.side_b if model is adlayer else range(len(model.atoms))
        k = int(draw.choice(own))
        wrong = changed(
            model, lambda atoms, k=k: atoms.positions.__setitem__((k, 2), atoms.positions[:, 2].max() + 4.0)
        )
        assert "molecule" in kinds(wrong)
        assert k in named(wrong)


def test_labels_of_the_sides_swapped(layered):
    wrong = changed(layered, lambda atoms: atoms.set_array("side", 1 - atoms.arrays["side"]))
    with pytest.raises(RequestError, match="labels are swapped"):
        check_model(wrong)


@SLOW
@given(k=st.integers(0, 2**16))
def test_one_label_wrong(layered, k):
    at = k % len(layered.atoms)
    wrong = changed(layered, lambda atoms: atoms.arrays["side"].__setitem__(at, 1 - atoms.arrays["side"][at]))
    assert {"sides", "molecule"} & kinds(wrong)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_side(layered, label):
    wrong = changed(layered, lambda atoms: atoms.arrays["side"].__setitem__(5, label))
    with pytest.raises(
        RequestError, match=rf"atoms 5 \({layered.atoms.symbols[5]}\) belong to no side: `side` is {label}"
    ):
        check_model(wrong)


def test_no_labels(layered):
    with pytest.raises(RequestError, match="no array `side`"):
        check_model(changed(layered, lambda atoms: atoms.arrays.pop("side")))


def test_an_inverted_cell(layered, closed):
    for model in (layered, closed):
        with pytest.raises(RequestError, match="left-handed"):
            check_model(changed(model, lambda atoms: atoms.set_cell(-atoms.cell.array)))


def test_a_tilted_model_and_a_stretched_one(layered):
    def tilt(atoms):
        atoms.rotate(20, "x", rotate_cell=True)

    assert "cell" in kinds(changed(layered, tilt))
    wider = changed(layered, lambda atoms: atoms.set_cell(atoms.cell.array * [[1.01], [1], [1]], scale_atoms=True))
    assert "cell" in kinds(wider)


@SLOW
@given(left=st.floats(3.0, 4.9))
def test_a_vacuum_that_is_not_there(layered, left):
    def squeeze(atoms):
        atoms.cell[2, 2] = np.ptp(atoms.positions[:, 2]) + left

    wrong = changed(layered, squeeze)
    (finding,) = [f for f in findings(wrong) if f.kind == "vacuum"]
    assert f"{left:.2f} Å" in finding.message


def test_a_shorter_vacuum_than_told(interface):
    def squeeze(atoms):
        atoms.cell[2, 2] -= 2.0

    with pytest.raises(RequestError, match=r"needs a vacuum of 12 Å, the largest empty slab is 10\.00 Å"):
        check_model(changed(interface, squeeze))


def test_a_layer_with_less_vacuum_than_its_slab_is_warned_of(adlayer):
    def squeeze(atoms):
        atoms.cell[2, 2] = np.ptp(atoms.positions[:, 2]) + 8.0

    (warning,) = check_model(changed(adlayer, squeeze))
    assert not warning.fault
    assert "a vacuum of 15 Å, the largest empty slab is 8.00 Å" in warning.message


def test_an_atom_that_left_its_slab(layered):
    top = int(np.argmax(np.where(layered.atoms.arrays["side"] == 0, layered.atoms.positions[:, 2], -np.inf)))
    low = int(np.argmin(layered.atoms.positions[:, 2]))
    wrong = changed(layered, lambda atoms: atoms.positions.__setitem__((low, 2), atoms.positions[low, 2] - 2.5))
    assert any(f.kind == "sides" and f.atoms == (low,) and "has left it" in f.message for f in findings(wrong))
    assert not kinds(
        changed(layered, lambda atoms: atoms.positions.__setitem__((top, 2), atoms.positions[top, 2] + 0.1))
    )


def test_a_vacuum_where_none_is_told(closed, interface):
    assert "vacuum" in kinds(changed(closed, lambda atoms: atoms.set_cell([*atoms.cell.array[:2], [0, 0, 60.0]])))
    assert "vacuum" in kinds(interface.model_copy(update={"n_interfaces": 2}))
    assert "vacuum" in kinds(closed.model_copy(update={"n_interfaces": 1}))


@SLOW
@given(k=st.integers(0, 2**16))
def test_an_ion_lost_from_a_neutral_slab(layered, k):
    charges = layered.atoms.arrays["oxidation"]
    ions = np.flatnonzero(charges)
    at = ions[k % len(ions)]
    wrong = changed(layered, lambda atoms: atoms.__delitem__(int(at)))
    assert {"charge", "sides"} <= kinds(wrong)
    with pytest.raises(RequestError, match=re.escape(f"has a charge of {-charges[at]:+.2f} e")):
        check_model(wrong)


@SLOW
@given(seed=SEEDS)
def test_a_molecule_torn_by_wrapping(adlayer, seed):
    """Atoms moved by whole vectors of the cell are the same model; by vectors of another cell they are torn apart."""
    draw = np.random.default_rng(seed)
    own = np.array(adlayer.side_b)
    cell = adlayer.atoms.cell.array
    some = draw.permutation(own)[: draw.integers(1, len(own))]
    steps = np.column_stack([draw.integers(-1, 2, (len(some), 2)), np.zeros(len(some))])
    wrapped = changed(adlayer, lambda atoms: atoms.positions.__setitem__(some, atoms.positions[some] + steps @ cell))
    assert not kinds(wrapped)

    def tear(atoms):
        atoms.positions[some] += 0.5 * cell[0]

    torn = changed(adlayer, tear)
    assert "molecule" in kinds(torn)
    assert named(torn) <= set(own.tolist()) | named_by_distance(torn)
    assert any("not whole" in f.message for f in findings(torn))


def named_by_distance(model):
    return {k for f in findings(model) if f.kind == "distance" for k in f.atoms}


def test_a_molecule_wrapped_where_the_model_is_open(adlayer):
    def cut(atoms):
        atoms.pbc = (False, True, True)
        shift = np.zeros(3)
        shift[0] = -np.median(atoms.positions[atoms.arrays["side"] == 1, 0])
        atoms.positions += shift
        inside = atoms.get_scaled_positions(wrap=False)
        atoms.set_scaled_positions(inside - np.floor(inside))

    assert any("not whole" in f.message for f in findings(changed(adlayer, cut)))


@pytest.mark.parametrize("change", [-1, 1])
def test_a_charge_that_the_atoms_do_not_make(guest, change):
    wrong = guest.model_copy(update={"facts": guest.facts.model_copy(update={"charge_e": change})})
    with pytest.raises(
        RequestError, match=re.escape(f"is told to have {change:+d} e, its atoms' formal charges sum to +0")
    ):
        check_model(wrong)


def test_a_bond_that_is_no_valence(guest):
    i, j, _ = guest.facts.bonds[0]
    bonds = ((i, j, 2.0), *guest.facts.bonds[1:])
    wrong = guest.model_copy(update={"facts": guest.facts.model_copy(update={"bonds": bonds})})
    assert {"valence"} <= kinds(wrong)
    assert {i, j} & named(wrong)


def test_a_bond_through_a_ring():
    benzene = known("C6H6")
    speared = benzene + Atoms("H2", [[0, 0, -0.37], [0, 0, 0.37]])
    (finding,) = [f for f in findings(speared) if f.kind == "ring"]
    assert set(finding.atoms) == {0, 1, 2, 3, 4, 5, 12, 13}
    speared.positions[-2:] += [0, 0, 3]
    assert not findings(speared)


def test_molecules_that_share_a_bond_are_told(adlayer, guest):
    """A record that takes one hydrogen of the molecule for a molecule of its own."""
    last = len(guest.atoms) - 1
    assert guest.atoms.symbols[last] == "H"
    bonds = tuple(b for b in guest.facts.bonds if last not in b[:2])
    rest = guest.facts.model_copy(update={"formula": "C3H5O2", "n_atoms": last, "bonds": bonds, "charge_e": -1})
    proton = guest.facts.model_copy(update={"formula": "H", "n_atoms": 1, "bonds": (), "charge_e": 1})
    wrong = changed(
        adlayer, lambda atoms: atoms.arrays["molecule"].__setitem__(adlayer.side_b[last], 1), molecules=(rest, proton)
    )
    (finding,) = [f for f in findings(wrong) if "of two" in f.message]
    assert adlayer.side_b[last] in finding.atoms


def test_ions_that_do_not_cancel_are_a_warning():
    recipe = AdlayerRecipe(side_a=side("LiF"), side_b=MoleculeRecipe(molecule="Li+"), candidates=1, clearance_A=4.0)
    slab, facts = cut_slab(*load_crystal("LiF"), recipe.side_a, vacuum_A=15.0)
    (model,) = adlayers(slab, facts, [molecule(recipe.side_b)], recipe, seed=0)
    (warning,) = check_model(model)
    assert not warning.fault
    assert "+1 e in a periodic cell" in warning.message


def test_one_message_names_the_first_few_and_counts_the_rest(interface):
    wrong = changed(interface, lambda atoms: atoms.__delitem__(slice(0, len(atoms), 2)), n_interfaces=2)
    with pytest.raises(RequestError) as refusal:
        check_model(wrong, "mine.xyz")
    assert "(mine.xyz); " in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.mend
