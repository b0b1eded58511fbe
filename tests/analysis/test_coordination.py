from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bcc100, bulk, fcc111
from ase.io import read

import interlith.structures.library as library
from interlith.analysis.coordination import closest_approach, contact, coordination_numbers, displacements, neighbours
from interlith.structures.errors import RequestError

NASICON = Path(library.__file__).parent / "crystals/nasicon/LiGe2PO4_3.cif"


@pytest.fixture(scope="module")
def lithium_under_phosphate() -> Atoms:
    """LiGe2(PO4)3 as it is in the crystal, on two layers of stretched Li: a contact made by hand."""
    oxide = read(NASICON)
    oxide.positions[:, 2] += 6.0
    side = np.concatenate([np.zeros(18, int), np.ones(len(oxide), int)])
    frame = [((i + 0.5 * (k % 2)) / 3, (j + 0.5 * (k % 2)) / 3) for k in range(2) for i in range(3) for j in range(3)]
    height = np.repeat([1.0, 3.2], 9)
    metal = Atoms("Li18", positions=np.c_[np.array(frame) @ oxide.cell.array[:2, :2], height])
    whole = metal + oxide
    whole.set_cell([*oxide.cell.array[:2], [0, 0, oxide.cell[2, 2] + 21.0]])
    whole.set_pbc((True, True, False))
    whole.set_array("side", side)
    return whole


def bonded(atoms: Atoms, first: str, second: str) -> tuple[int, int]:
    pairs = neighbours(atoms, 1.2)
    return next((i, j) for i, j in pairs.ends if {first, second} == {*atoms.symbols[[i, j]]})


def test_every_phosphorus_has_four_oxygens_and_every_germanium_six(lithium_under_phosphate):
    oxide = lithium_under_phosphate[lithium_under_phosphate.arrays["side"] == 1]
    oxide.set_cell(read(NASICON).cell)
    oxide.pbc = True
    pairs = neighbours(oxide, 1.2)
    kinds = ["".join(sorted(oxide.symbols[[i, j]])) for i, j in pairs.ends]
    assert kinds.count("OP") == 4 * oxide.get_chemical_symbols().count("P")
    assert kinds.count("GeO") == 6 * oxide.get_chemical_symbols().count("Ge")


def test_nothing_happened_to_what_did_not_move(lithium_under_phosphate):
    silent = contact(lithium_under_phosphate, lithium_under_phosphate)
    assert not silent.reacted
    assert (silent.bonds_broken, silent.bonds_formed, silent.crossed) == ((), (), ())
    assert silent.largest_displacement_A == 0
    assert silent.coordination_before == silent.coordination_after


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("amplitude_A", [0.05, 0.1])
def test_a_rattled_copy_raises_nothing(lithium_under_phosphate, seed, amplitude_A):
    rattled = lithium_under_phosphate.copy()
    rattled.rattle(amplitude_A, seed=seed)
    found = contact(lithium_under_phosphate, rattled)
    assert not found.reacted, found.why
    assert not found.bonds_broken


def test_a_cut_phosphorus_oxygen_bond_is_raised(lithium_under_phosphate):
    after = lithium_under_phosphate.copy()
    i, j = bonded(after, "P", "O")
    oxygen, phosphorus = (i, j) if after.symbols[i] == "O" else (j, i)
    outwards = after.get_distance(phosphorus, oxygen, mic=True, vector=True)
    after.positions[oxygen] += outwards / np.linalg.norm(outwards) * 1.2
    found = contact(lithium_under_phosphate, after)
    assert found.reacted
    assert any(f"O{oxygen}" in told and f"P{phosphorus}" in told for told in found.bonds_broken)
    assert "P-O bonds broken: 1" in found.why
    assert found.coordination_after["P"] < found.coordination_before["P"]


def test_a_lithium_oxygen_exchange_is_raised_and_both_are_named(lithium_under_phosphate):
    after = lithium_under_phosphate.copy()
    oxygens = np.flatnonzero((after.symbols == "O") & (after.positions[:, 2] > 12) & (after.positions[:, 2] < 14))
    lithium, oxygen = 4, int(oxygens[0])
    after.positions[[lithium, oxygen]] = after.positions[[oxygen, lithium]]
    found = contact(lithium_under_phosphate, after)
    assert found.reacted
    assert {f"Li{lithium}", f"O{oxygen}"} <= set(found.crossed)


def test_an_exchange_at_the_very_contact_is_raised(lithium_under_phosphate):
    after = lithium_under_phosphate.copy()
    lowest = int(np.argmin(np.where(after.symbols == "O", after.positions[:, 2], np.inf)))
    highest = 17
    after.positions[[highest, lowest]] = after.positions[[lowest, highest]]
    assert contact(lithium_under_phosphate, after).reacted


def test_a_side_that_slides_as_a_body_has_not_reacted(lithium_under_phosphate):
    after = lithium_under_phosphate.copy()
    after.positions[after.arrays["side"] == 1] += (1.7, -0.9, 0.0)
    after.wrap(pbc=(True, True, False))
    found = contact(lithium_under_phosphate, after)
    assert not found.reacted, found.why
    assert found.largest_displacement_A == pytest.approx(0, abs=1e-9)


def test_mixing_of_two_metals_is_seen_as_a_crossing():
    slab = fcc111("Al", (3, 3, 6), vacuum=8.0)
    slab.set_array("side", (slab.positions[:, 2] > slab.positions[:, 2].mean()).astype(int))
    slab.symbols[slab.arrays["side"] == 1] = "Cu"
    mixed = slab.copy()
    low, high = 4, len(slab) - 5
    mixed.positions[[low, high]] = mixed.positions[[high, low]]
    found = contact(slab, mixed)
    assert set(found.crossed) == {f"Al{low}", f"Cu{high}"}
    assert found.reacted
    assert found.coordination_before == {}


def test_the_closest_approach_is_periodic():
    atoms = Atoms("AlCu", positions=[(0.1, 0, 0), (9.9, 0, 3)], cell=(10, 10, 20), pbc=(True, True, False))
    atoms.set_array("side", np.array([0, 1]))
    assert closest_approach(atoms) == pytest.approx(np.hypot(0.2, 3))


def test_rock_salt_has_six_neighbours():
    assert coordination_numbers(bulk("LiF", "rocksalt", a=4.03, cubic=True)) == {"F": 6.0, "Li": 6.0}


def test_another_cell_or_another_order_is_refused(lithium_under_phosphate):
    other = lithium_under_phosphate.copy()
    other.set_cell(other.cell * 1.01)
    with pytest.raises(RequestError, match="cannot be compared"):
        displacements(lithium_under_phosphate, other)
    with pytest.raises(RequestError, match="cannot be compared"):
        displacements(lithium_under_phosphate, lithium_under_phosphate[::-1])


@pytest.mark.parametrize(("leaves", "crossed"), [(False, ()), (True, ("F19",))])
def test_a_fluorine_that_touches_lithium_has_crossed_only_without_its_carbon(leaves, crossed):
    """A terminal atom has one neighbour of its own: two of the other side outvote it, and it may still be bonded."""
    slab = bcc100("Li", (3, 3, 2), a=3.44, vacuum=9.0)
    top = slab.positions[:, 2].max()
    bridge = slab.positions[-1] / 2 + slab.positions[-2] / 2
    fluoromethane = Atoms("CFH3", [(0, 0, 1.40), (0, 0, 0), (1.03, 0, 1.75), (-0.5, 0.9, 1.75), (-0.5, -0.9, 1.75)])
    before = slab + fluoromethane
    before.set_array("side", np.repeat([0, 1], [len(slab), 5]))
    after = before.copy()
    before.positions[len(slab) :] += (bridge[0] + 1.4, bridge[1] + 0.9, top + 3.0)
    after.positions[len(slab) :] += (bridge[0], bridge[1], top + 1.0)
    if leaves:
        after.positions[[len(slab), *range(len(slab) + 2, len(after))], 2] += 1.5
        after.positions[len(slab) + 2, 0] += 0.5
    found = contact(before, after)
    assert found.crossed == crossed
    assert found.reacted == leaves
