"""Docking: what point charges, circles of donors and slides must do, whatever the molecules."""

import numpy as np
import pytest
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from interlith.structures import docking
from interlith.structures.conformers import generate
from interlith.structures.docking import Body, body

LITHIUM_OXYGEN = covalent_radii[3] + covalent_radii[8]


def made(smiles):
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    return body(mol, generate(mol).positions[0])


@pytest.fixture(scope="module")
def bodies():
    """Return bodies by what they are."""
    known = {"formate": "[O-]C=O", "water": "O", "lithium": "[Li+]", "chloride": "[Cl-]", "ammonium": "[NH4+]"}
    known |= {"phosphate": "F[P-](F)(F)(F)(F)F", "methane": "C", "glyme": "COCCOC"}
    return {name: made(smiles) for name, smiles in known.items()}


@pytest.mark.parametrize(
    "name, charge",
    [("formate", -1), ("water", 0), ("lithium", 1), ("chloride", -1), ("ammonium", 1), ("phosphate", -1), ("glyme", 0)],
)
def test_point_charges_sum_to_the_charge(bodies, name, charge):
    assert bodies[name].charges.sum() == pytest.approx(charge, abs=1e-9)
    assert len(bodies[name].charges) == len(bodies[name].numbers) == len(bodies[name].positions)


def test_equivalent_atoms_have_equal_charges(bodies):
    fluorines = bodies["phosphate"].charges[bodies["phosphate"].numbers == 9]
    assert np.ptp(fluorines) < 1e-9
    oxygens = bodies["formate"].charges[bodies["formate"].numbers == 8]
    assert np.ptp(oxygens) < 1e-9
    assert oxygens[0] < -0.5


def test_two_unit_charges_attract_by_coulombs_law(bodies):
    for apart in (2.0, 4.0, 10.0):
        cation = bodies["lithium"].moved(np.array([[apart, 0, 0]]))
        anion = bodies["chloride"].moved(np.zeros((1, 3)))
        assert docking.coulomb_eV(cation, anion) == pytest.approx(-14.399645 / apart)
        assert docking.coulomb_eV(cation, cation.moved(np.zeros((1, 3)))) == pytest.approx(14.399645 / apart)


@given(turn=st.tuples(*[st.floats(-3, 3)] * 3), shift=st.tuples(*[st.floats(-20, 20)] * 3))
@settings(max_examples=15, deadline=None)
def test_energies_do_not_change_when_all_is_moved(bodies, turn, shift):
    one, two = bodies["formate"], bodies["water"].moved(np.add(bodies["water"].positions, (0, 0, 5)))
    rotation = Rotation.from_rotvec(turn)
    there = [b.moved(rotation.apply(b.positions) + shift) for b in (one, two)]
    assert docking.coulomb_eV(*there) == pytest.approx(docking.coulomb_eV(one, two), abs=1e-9)
    assert docking.coulomb_eV(two, one) == pytest.approx(docking.coulomb_eV(one, two))


def test_joined_bodies_keep_atoms_charges_and_donors(bodies):
    first, second = bodies["water"], bodies["formate"].moved(bodies["formate"].positions + 9)
    both = first.joined(second)
    assert both.charges.sum() == pytest.approx(-1)
    assert both.numbers.tolist() == [*first.numbers, *second.numbers]
    assert [both.numbers[k] for k in both.donors] == [8, 8, 8]
    assert both.positions[both.donors[-1]] == pytest.approx(second.positions[second.donors[-1]])
    assert len(Chem.GetMolFrags(both.mol)) == 2


def test_the_energy_with_two_bodies_is_the_sum_of_both(bodies):
    first, second = bodies["water"], bodies["chloride"].moved(np.array([[0.0, 6, 0]]))
    cation = bodies["lithium"].moved(np.array([[3.0, 3, 0]]))
    apart = docking.coulomb_eV(cation, first) + docking.coulomb_eV(cation, second)
    assert docking.coulomb_eV(cation, first.joined(second)) == pytest.approx(apart)


def test_only_bare_metals_are_metals_and_bare_anions_donors(bodies):
    assert bodies["lithium"].metals == [0]
    assert bodies["lithium"].donors == ()
    assert bodies["chloride"].donors == (0,)
    assert bodies["ammonium"].metals == bodies["chloride"].metals == []
    assert made("C[Si](C)(C)C").metals == []


def test_lithium_goes_between_the_oxygens_of_formate(bodies):
    host = bodies["formate"]
    site = docking.cation_sites(host, 3, 1)[0]
    reach = np.linalg.norm(host.positions[list(host.donors)] - site, axis=1)
    assert reach == pytest.approx(LITHIUM_OXYGEN, abs=1e-6)
    plane = np.linalg.svd(np.vstack([host.positions, site]) - host.positions.mean(axis=0))[1]
    assert plane[2] < 0.05, "on the axis of the carboxylate, in its plane"


def test_sites_are_apart_from_each_other_and_from_the_rest(bodies):
    host = bodies["glyme"]
    sites = np.array(docking.cation_sites(host, 3, 20))
    assert len(sites) >= 1
    assert cdist(sites, sites)[np.triu_indices(len(sites), 1)].min(initial=9) > docking.APART_A
    assert cdist(sites, host.positions[host.numbers == 1]).min() > 1.9
    assert cdist(sites, host.positions[host.numbers == 6]).min() > 2.0
    potential = [(host.charges / np.linalg.norm(host.positions - s, axis=1)).sum() for s in sites]
    assert potential == sorted(potential)
    assert np.allclose(docking.cation_sites(host, 3, 1), sites[:1])


def test_one_donor_alone_is_reached_on_a_sphere(bodies):
    host = bodies["water"]
    for site in docking.cation_sites(host, 3, 3):
        assert np.linalg.norm(site - host.positions[host.numbers == 8]) == pytest.approx(LITHIUM_OXYGEN)


def test_what_has_no_donor_holds_no_cation(bodies):
    assert docking.cation_sites(bodies["methane"], 3, 5) == []


def test_a_second_cation_keeps_its_distance(bodies):
    host = bodies["formate"]
    first = docking.cation_sites(host, 3, 1)[0]
    held = host.joined(bodies["lithium"].moved(first[None]))
    for site in docking.cation_sites(held, 3, 5):
        assert np.linalg.norm(site - first) > 2 * covalent_radii[3] - 1e-6


def test_an_anion_turned_about_a_cation_keeps_its_shape_and_clears_the_host(bodies):
    host = bodies["glyme"]
    place = docking.cation_sites(host, 3, 1)[0]
    holder = host.joined(bodies["lithium"].moved(place[None]))
    guest = bodies["formate"]
    site = docking.cation_sites(guest, 3, 1)[0]
    placed = docking.attached(holder, len(host.positions), guest, site, seed=0)
    assert placed is not None
    assert cdist(placed.positions, placed.positions) == pytest.approx(cdist(guest.positions, guest.positions))
    donors = placed.positions[list(placed.donors)]
    assert np.linalg.norm(donors - place, axis=1) == pytest.approx(LITHIUM_OXYGEN, abs=1e-6)
    assert cdist(placed.positions, host.positions).min() > 1.8
    again = docking.attached(holder, len(host.positions), guest, site, seed=0)
    assert np.array_equal(again.positions, placed.positions)


def test_a_guest_that_finds_only_clashes_is_none(bodies):
    guest, site = bodies["formate"], docking.cation_sites(bodies["formate"], 3, 1)[0]
    cage = Rotation.random(200, rng=np.random.default_rng(1)).as_matrix()[:, 0] * 2.2
    atoms = Chem.RWMol()
    for symbol in ["Li"] + ["Ar"] * len(cage):
        atoms.AddAtom(Chem.Atom(symbol))
    walls = Body(atoms.GetMol(), np.vstack([np.zeros(3), cage]), np.zeros(len(cage) + 1), ())
    assert docking.attached(walls, 0, guest, site, seed=0) is None


@pytest.mark.parametrize("names", [("water", "methane"), ("ammonium", "chloride"), ("phosphate", "glyme")])
@pytest.mark.parametrize("seed", [0, 7])
def test_what_is_slid_beside_touches_and_does_not_overlap(bodies, names, seed):
    host, guest = (bodies[name] for name in names)
    placed = docking.beside(host, guest, seed)
    apart = cdist(host.positions, placed.positions)
    reach = docking.CLEAR * np.add.outer(*(docking.vdw_radii[b.numbers] for b in (host, guest)))
    assert (apart / reach).min() == pytest.approx(1.0, abs=2e-3), "in contact, never nearer"
    turned = cdist(placed.positions, placed.positions)
    assert turned == pytest.approx(cdist(guest.positions, guest.positions))


def test_opposite_charges_meet_at_the_side_that_attracts(bodies):
    pair = docking.beside(bodies["ammonium"], bodies["chloride"], seed=0)
    assert docking.coulomb_eV(bodies["ammonium"], pair) < -3
    water = docking.beside(bodies["water"], bodies["chloride"], seed=0)
    near = int(np.argmin(np.linalg.norm(bodies["water"].positions - water.positions[0], axis=1)))
    assert bodies["water"].numbers[near] == 1, "an anion sits at a hydrogen of water"
