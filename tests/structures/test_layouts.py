import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.checks import check_model, findings
from interlith.structures.crystals import load_crystal
from interlith.structures.errors import RequestError
from interlith.structures.interfaces import build_interface
from interlith.structures.layouts import differences, largest_gap, wrong_charge, wrong_sides
from interlith.structures.records import InterfaceRecipe, SideRecipe

BAD = Path(__file__).parent / "bad"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 19.99), min_size=1, max_size=12), st.floats(-50, 50))
def test_the_largest_gap_does_not_mind_where_the_model_stands(heights, lift):
    atoms = Atoms(f"H{len(heights)}", [[0, 0, z] for z in heights], cell=[3, 3, 20], pbc=True)
    lifted = atoms.copy()
    lifted.positions[:, 2] += lift
    assert largest_gap(lifted) == pytest.approx(largest_gap(atoms), abs=1e-6)
    assert 20 / len(heights) - 1e-9 <= largest_gap(atoms) <= 20 + 1e-9


def test_without_a_periodic_normal_only_gaps_within_count():
    assert largest_gap(Atoms("H3", [[0, 0, 1], [0, 0, 2], [0, 0, 5]], cell=[3, 3, 20], pbc=(1, 1, 0))) == 3.0


@pytest.mark.parametrize(
    ("held", "told"),
    [({"Li": 2, "F": 2}, ""), ({"Li": 1, "F": 2}, "1 Li too few"), ({"F": 3}, "1 F too many, 2 Li too few")],
)
def test_differences_in_words(held, told):
    assert differences({"Li": 2, "F": 2}, held) == told


def charged(n_lithium):
    atoms = bulk("LiF", "rocksalt", a=4.03, cubic=True)
    atoms.set_array("oxidation", np.where(atoms.symbols == "Li", 1.0, -1.0))
    return atoms[[k for k in range(8) if atoms.symbols[k] == "F" or k < 2 * n_lithium]]


def test_charges_that_do_not_cancel_are_summed_by_element():
    assert wrong_charge(charged(4)) == []
    (finding,) = wrong_charge(charged(3))
    assert finding.fault
    assert finding.message == "the model has a charge of -1.00 e (4 F-1, 3 Li+1)"


def test_ions_that_changed_places_are_named():
    atoms = charged(4)
    atoms.symbols[[0, 1]] = "FLi"
    (finding,) = wrong_charge(atoms)
    assert finding.atoms == (0, 1)
    assert finding.message == "atoms 0 (F), 1 (Li) carry a charge of the wrong sign (+1 e)"


def test_two_sides_that_cancel_each_other_are_each_told():
    atoms = charged(3) + charged(4)
    atoms.arrays["oxidation"][7] = 2.0
    atoms.set_array("side", np.repeat([0, 1], [7, 8]))
    assert [f.message.split(" has")[0] for f in wrong_charge(atoms)] == ["side A", "side B"]


def test_metals_have_no_charge_to_check():
    assert wrong_charge(bulk("LiAl", "cesiumchloride", a=3.2)) == []


def test_atoms_within_the_other_side_are_named():
    atoms = Atoms("Li6", [[0, 0, z] for z in range(0, 18, 3)], cell=[4, 4, 30], pbc=True)
    atoms.set_array("side", np.array([0, 0, 0, 1, 1, 0]))
    (finding,) = wrong_sides(atoms)
    assert finding.atoms == (5,)
    assert "5 (Li) of side A lie within B" in finding.message


def test_a_persons_interface_without_labels_passes_with_a_warning():
    sides = [SideRecipe(crystal=c, miller=(1, 0, 0), thickness_A=5.0) for c in ("Li", "LiF")]
    recipe = InterfaceRecipe(side_a=sides[0], side_b=sides[1], max_strain=0.06)
    built = build_interface(*load_crystal("Li"), *load_crystal("LiF"), recipe).atoms
    bare = Atoms(built.numbers, built.positions, cell=built.cell, pbc=True)
    (warning,) = check_model(bare)
    assert warning.message.startswith("charge of the model not checked: no oxidation states are known")
    assert {f.message for f in findings(built)} == set()


@pytest.mark.filterwarnings("ignore:crystal system")
@pytest.mark.parametrize(
    ("name", "fault", "told"),
    [
        ("pvdf_no_hydrogen", True, r"atom 0 \(C\) has 2 single bonds only"),
        ("ligp_asymmetric_unit_as_p1", True, r"atom 4 \(O\) touches no other atom"),
        ("llzo_mo_charge_imbalance", True, r"overlapping atoms: 54 \(Li\) and 88 \(Li\) at 0.72 Å"),
        ("lioh_no_hydrogen", False, r"with the usual ones \(Li\+1, O-2\) it would be -2 e"),
        ("al2o3_rounded", False, "no oxidation states are known$"),
    ],
)
def test_defective_files_as_bare_atoms(name, fault, told):
    """Read by another hand, which keeps neither occupancies nor charges: what the geometry alone can tell."""
    atoms = read(BAD / f"{name}.cif")
    if fault:
        with pytest.raises(RequestError, match=told):
            check_model(atoms, name)
    else:
        (warning,) = check_model(atoms, name)
        assert not warning.fault
        assert re.search(told, warning.message)
