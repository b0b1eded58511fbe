from collections import Counter

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from interlith.structures.bonds import pair_name
from interlith.structures.crystals import load_crystal
from interlith.structures.faces import crystal_face
from interlith.structures.shells import (
    bond_strengths,
    framework,
    held_bonds,
    mobile,
    shell_centres,
    undercoordinated,
)

K2ZRCL6 = Structure.from_spacegroup(
    225, Lattice.cubic(10.08), ["K+", "Zr4+", "Cl-"], [[0.25] * 3, [0, 0, 0], [0.242, 0, 0]]
)
KTAO3 = Structure.from_spacegroup(221, Lattice.cubic(3.99), ["K+", "Ta5+", "O2-"], [[0.5] * 3, [0, 0, 0], [0.5, 0, 0]])


def face_of(name, miller=(0, 0, 1)):
    return crystal_face(name if isinstance(name, Structure) else load_crystal(name)[0], miller)


def named(face, mask) -> Counter:
    symbols = face.atoms.symbols
    return Counter(
        pair_name(symbols[i], symbols[j]) for i, j in zip(face.bonds.i[mask], face.bonds.j[mask], strict=True)
    )


@pytest.mark.parametrize("name", ["LLZO_tetragonal_awaka", "LiTi2PO4_3", "Al2O3", "Li2ZrO3", "LiF", K2ZRCL6])
def test_valences_of_a_cation_add_up_to_its_charge(name):
    face = face_of(name, (1, 0, 2))
    sums = np.zeros(len(face.atoms))
    for i, j, s in zip(face.bonds.i, face.bonds.j, bond_strengths(face), strict=True):
        sums[i if face.charges[i] > face.charges[j] else j] += s
    bonded = np.isin(np.arange(len(face.atoms)), np.concatenate([face.bonds.i, face.bonds.j]))
    positive = (face.charges > 0) & bonded
    assert sums[positive] == pytest.approx(face.charges[positive])
    assert not sums[face.charges < 0].any()


def test_equal_bonds_share_equally_and_shorter_ones_take_more():
    assert bond_strengths(face_of("LiF")) == pytest.approx(1 / 6)
    face = face_of("Al2O3")
    strengths, distances = bond_strengths(face), face.bonds.distance
    assert (strengths[distances < 1.9] > 0.5).all()
    assert (strengths[distances > 1.9] < 0.5).all()
    ratio = strengths.max() / strengths.min()
    assert ratio == pytest.approx(np.exp(np.ptp(distances) / 0.37), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "centres"),
    [
        ("LLZO_tetragonal_awaka", {"Zr"}),  # LaO8 shares its oxygen with ZrO6
        ("LiTi2PO4_3", set()),  # TiO6 shares it with PO4
        ("Li2ZrO3", set()),  # edges
        ("Al2O3", set()),
        (KTAO3, set()),  # corners, with its own image
        (K2ZRCL6, {"Zr"}),
        ("Li3PO4_gamma", set()),  # PO4 is a covalent unit
        ("LiF", set()),
        ("Cu", set()),
    ],
    ids=str,
)
def test_shells_that_share_no_anion_with_their_equals_can_stay_whole(name, centres):
    face = face_of(name)
    assert {face.atoms.symbols[k] for k in shell_centres(face)} == centres


@pytest.mark.parametrize("miller", [(0, 0, 1), (1, 1, 0), (2, 1, 1)])
def test_held_bonds_are_those_of_whole_shells_and_units(miller):
    expected = {"LLZO_tetragonal_awaka": {"Zr-O": 6 * 8}, "LiTi2PO4_3": {"P-O": 4 * 6}, "Al2O3": {}}
    for name, bonds in expected.items():
        face = face_of(name, miller)
        assert named(face, held_bonds(face)) == bonds


def test_framework_and_mobile_ions_are_told_by_charge_and_kind():
    face = face_of("LiTi2PO4_3")
    symbols = np.array(list(face.atoms.symbols))
    assert set(symbols[framework(face)]) == {"Ti"}
    assert set(symbols[mobile(face)]) == {"Li"}
    metal = face_of("Li")
    assert not framework(metal).any()
    assert not mobile(metal).any(), "atoms of a metal are no ions"


def test_only_cations_that_lost_bonds_count():
    symbols, charges = ["Zr", "La", "La", "O", "Li"], np.array([4.0, 3, 3, -2, 1])
    whole = np.array([6, 8, 8, 5, 4])
    assert undercoordinated(symbols, charges, whole, whole) == {}
    assert undercoordinated(symbols, charges, whole - [0, 1, 4, 3, 2], whole) == {"La": 2, "Li": 1}
    assert undercoordinated(symbols, charges, whole + 1, whole) == {}
