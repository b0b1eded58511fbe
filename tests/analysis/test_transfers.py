"""Charge between two sides: Gaussians of known transfer, and what must vanish."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density

from interlith.analysis.densities import Density
from interlith.analysis.transfers import NEAR_GRID, ThreeDensities, charge_record
from interlith.structures.errors import RequestError

CELL = [[5.0, 0.0, 0.0], [1.5, 4.6, 0.0], [0.0, 0.0, 14.0]]


def pair(symbols="MgO", heights=(4.0, 8.0), cell=CELL):
    """Return two atoms above one another."""
    return Atoms(symbols, [(2.5, 2.0, h) for h in heights], cell=cell, pbc=True)


def contact(moved_e=0.3, *, atoms=None, electrons=(6.0, 6.0), widths=(0.45, 0.45), step_A=0.16):
    """Return the densities of two atoms, the second of which gives `moved_e` to the first."""
    both = pair() if atoms is None else atoms
    whole = gaussian_density(both, [electrons[0] + moved_e, electrons[1] - moved_e], widths, step_A=step_A)
    a = gaussian_density(both[:1], electrons[:1], widths[:1], step_A=step_A)
    b = gaussian_density(both[1:], electrons[1:], widths[1:], step_A=step_A)
    return ThreeDensities(whole, a, b)


@pytest.mark.parametrize("moved", [0.3, -0.3, 0.02])
def test_gaussians_return_the_charge_that_was_moved(moved):
    record = charge_record(contact(moved))
    for transfer in record.transfers:
        assert transfer.b_lost_e == pytest.approx(moved, rel=0.01, abs=1e-4)
        assert not transfer.zero_within_noise
        assert transfer.per_nm2 == pytest.approx(transfer.b_lost_e * 100 / (5.0 * 4.6))
    assert record.signs_agree is True
    assert record.delta_total_e == pytest.approx(0.0, abs=1e-6)
    assert record.delta_in_basins_e == pytest.approx(0.0, abs=1e-3)
    assert record.moved_e == pytest.approx(abs(moved), rel=0.01)
    assert [one.gained_e for one in record.atoms] == pytest.approx([moved, -moved], rel=0.01, abs=1e-4)
    assert [one.side for one in record.atoms] == ["A", "B"]


def test_exchanging_the_sides_changes_the_sign():
    given = contact(0.3)
    one = charge_record(given)
    other = charge_record(ThreeDensities(given.whole, given.b, given.a))
    for name in ("bader", "hirshfeld", "plane"):
        assert other.transfer(name).b_lost_e == pytest.approx(-one.transfer(name).b_lost_e, abs=1e-4)


@pytest.mark.parametrize("steps", [(0, 0, 20), (0, 0, 60), (7, 11, 0)])
def test_moving_everything_changes_nothing(steps):
    given = contact(0.3)
    moved = ThreeDensities(*(shifted(one, steps) for one in given[:3]))
    one, other = charge_record(given), charge_record(moved)
    for name in ("bader", "hirshfeld", "plane"):
        assert other.transfer(name).b_lost_e == pytest.approx(one.transfer(name).b_lost_e, abs=1e-6)
    assert other.profile.contact_A == pytest.approx(one.profile.contact_A)
    assert other.profile.delta_e_A == pytest.approx(one.profile.delta_e_A, abs=1e-9)


def shifted(density, steps):
    """Return a density moved by whole steps of its grid."""
    atoms = density.atoms.copy()
    atoms.positions += np.array(steps) / density.values_e_A3.shape @ density.cell_A
    return Density(np.roll(density.values_e_A3, steps, axis=(0, 1, 2)), atoms, density.origin_A)


def test_side_a_above_side_b_counts_the_same_way():
    record = charge_record(contact(0.3, atoms=pair(heights=(8.0, 4.0))))
    assert [t.b_lost_e for t in record.transfers] == pytest.approx([0.3] * 3, rel=0.01)
    assert record.profile.gained_below_e[len(record.profile.heights_A) // 2] == pytest.approx(-0.3, rel=0.01)


def test_a_sandwich_between_equal_faces_gives_nothing_across_its_middle():
    atoms = Atoms("OMgO", [(2.5, 2.0, h) for h in (3.0, 6.0, 9.0)], cell=CELL, pbc=True)
    given = [6.2, 5.6, 6.2], [6.0, 6.0, 6.0]
    whole, alone = (gaussian_density(atoms, e, [0.45] * 3, step_A=0.16) for e in given)
    a, b = (atoms[[0, 2]], atoms[[1]])
    sides = [gaussian_density(part, [6.0] * len(part), [0.45] * len(part), step_A=0.16) for part in (a, b)]
    record = charge_record(ThreeDensities(whole, *sides))
    assert record.transfer("bader").b_lost_e == pytest.approx(0.4, rel=0.01)
    assert record.transfer("plane").b_lost_e == pytest.approx(0.4, rel=0.01)
    gained = [one.gained_e for one in record.atoms]
    assert gained == pytest.approx([0.2, -0.4, 0.2], rel=0.01)
    untouched = charge_record(ThreeDensities(alone, *sides))
    assert untouched.transfer("bader").words.startswith("zero within noise")


def test_what_has_not_moved_is_zero_within_noise():
    record = charge_record(contact(0.0))
    assert all(t.zero_within_noise and t.words == "zero within noise (±0.001 e)" for t in record.transfers)
    assert record.signs_agree is None


def test_what_superposed_tails_give_to_a_basin_is_zero_within_noise():
    near = contact(-0.01, atoms=pair(heights=(5.0, 7.0)), widths=(0.4, 0.9))
    bader = charge_record(near).transfer("bader")
    assert abs(bader.b_lost_e) > 0.05, "the wide tail must fall into the other's basin"
    assert bader.zero_within_noise


def test_the_noise_of_a_coarse_grid_is_larger():
    fine, coarse = (
        charge_record(contact(0.1, atoms=pair(heights=(5.0, 7.2)), step_A=h)).transfer("bader").noise_parts_e
        for h in (0.1, 0.25)
    )
    name = "grid, against half as many points"
    assert fine[name] < coarse[name]


def test_a_grid_too_coarse_to_be_halved_is_checked_by_near_grid():
    record = charge_record(contact(0.3, widths=(0.2, 0.2), atoms=pair(heights=(4.1, 5.4)), step_A=0.45))
    assert any("near-grid instead" in caveat for caveat in record.caveats)
    bader, plane = (record.transfer(name).noise_parts_e for name in ("bader", "plane"))
    halved = "grid, against half as many points"
    assert halved not in bader and halved in plane
    assert NEAR_GRID in bader and NEAR_GRID not in plane


def test_densities_of_different_electrons_are_refused():
    given = contact(0.0)
    richer = given.whole.with_values(given.whole.values_e_A3 * 13 / 12)
    with pytest.raises(RequestError, match=r"A\|B holds 1\.000 electrons more than A and B together"):
        charge_record(ThreeDensities(richer, given.a, given.b))


def test_a_record_survives_its_document():
    record = charge_record(contact(0.3), per_area=False)
    assert type(record).model_validate_json(record.model_dump_json()) == record
    assert record.transfer("bader").per_nm2 is None


def test_molecules_in_a_box_have_no_charge_per_area():
    box = pair(cell=[9.0, 9.0, 14.0])
    assert charge_record(contact(0.3)).per_area
    assert not charge_record(contact(0.3, atoms=box, step_A=0.2)).per_area


def test_the_electrons_expected_are_those_of_nuclei_and_net_charge():
    given = contact(0.3)
    nuclei = replace(given.whole, nuclear_charges=np.array([6.0, 7.0]))
    ion = ThreeDensities(nuclei, given.a, given.b, given.whole)
    assert charge_record(ion, net_charge_e=1.0).caveats == ()
    assert charge_record(ion).caveats == ("the grid holds -1.0000 e more than the electrons expected",)


def test_a_valence_density_is_parted_by_its_cores():
    atoms = Atoms("LiF", [(2.5, 2.0, 4.0), (2.5, 2.0, 6.0)], cell=CELL, pbc=True)
    flat = contact(0.2, atoms=atoms, electrons=(1.0, 7.0), widths=(0.9, 0.9))
    nuclei = replace(flat.whole, nuclear_charges=np.array([1.0, 7.0]))
    record = charge_record(ThreeDensities(nuclei, flat.a, flat.b))
    assert [atom.element for atom in record.atoms] == ["Li", "F"]
    assert record.delta_in_basins_e == pytest.approx(0.0, abs=1e-3)
    with pytest.raises(RequestError, match="no maximum at atom 0"):
        charge_record(flat)
