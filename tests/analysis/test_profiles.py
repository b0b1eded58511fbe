"""Profiles of fields whose integrals, planes and plateaus are known."""

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.analysis.densities import Density
from interlith.analysis.profiles import cut_between, macroscopic, planar, vacuum_levels
from interlith.structures.errors import RequestError

OBLIQUE = [[4.0, 0.0, 0.0], [1.3, 3.7, 0.0], [0.0, 0.0, 10.0]]


def field(values_of_height, cell=OBLIQUE, heights=(2.0, 4.0), n=100):
    """Return a field that depends on the height alone, with an atom at each given height."""
    z = np.arange(n) * np.array(cell)[2, 2] / n
    atoms = Atoms("He" * len(heights), [(1.0, 1.0, h) for h in heights], cell=cell, pbc=True)
    values = np.broadcast_to(values_of_height(z), (6, 5, n)).copy()
    return Density(values, atoms, np.zeros(3))


def stacked(heights, sides, height_A=20.0):
    """Return a field with atoms at such heights, and their sides."""
    cell = [3.0, 3.0, height_A]
    atoms = Atoms(f"He{len(heights)}", [(0, 0, h) for h in heights], cell=cell, pbc=True)
    return Density(np.ones((2, 2, 40)), atoms, np.zeros(3)), np.array(sides)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_profile_integrates_to_the_density(axis):
    density = gaussian_density(Atoms("LiF", [(1, 1, 3), (2, 2, 5)], cell=OBLIQUE, pbc=True), [3.0, 9.0], [0.5, 0.6])
    profile = planar(density, axis)
    assert profile.running()[-1] == pytest.approx(density.total_e, abs=1e-9)
    assert profile.area_A2 * profile.period_A == pytest.approx(density.atoms.get_volume())
    assert profile.between(0.0, 0.4) + profile.between(0.4, 0.0) == pytest.approx(density.total_e, abs=1e-9)


def test_a_plane_between_two_gaussians_parts_them():
    atoms = Atoms("LiF", [(1, 1, 2.0), (2, 2, 7.0)], cell=OBLIQUE, pbc=True)
    profile = planar(gaussian_density(atoms, [3.0, 9.0], [0.4, 0.4]))
    assert profile.between(-0.5, 4.5) == pytest.approx(3.0, abs=2e-3)
    assert profile.between(4.5, -0.5) == pytest.approx(9.0, abs=2e-3)
    assert profile.between(4.5, 9.5) == pytest.approx(9.0, abs=2e-3)


@given(st.floats(0.0, 30.0))
@settings(max_examples=30, deadline=None)
def test_a_profile_counted_from_elsewhere_holds_the_same(height):
    profile = planar(field(lambda z: 1 + np.sin(2 * np.pi * z / 10)))
    moved = profile.starting_at(height)
    assert moved.running()[-1] == pytest.approx(profile.running()[-1])
    assert sorted(moved.means) == pytest.approx(sorted(profile.means))


def test_averaging_over_a_layer_removes_the_layers():
    wavy = planar(field(lambda z: np.where(z < 5.0, 1.0, 3.0) + np.cos(2 * np.pi * z / 1.25)))
    smooth = macroscopic(wavy, (1.25,))
    inner = (smooth.heights_A > 1.5) & (smooth.heights_A < 3.5)
    assert smooth.means[inner] == pytest.approx(1.0, abs=0.05)
    assert smooth.means.mean() == pytest.approx(wavy.means.mean())


@pytest.mark.parametrize("width", [0.0, -1.0, 11.0])
def test_a_window_that_is_none_is_refused(width):
    with pytest.raises(RequestError, match=f"a window of {width:g} Å"):
        macroscopic(planar(field(lambda z: z)), (width,))


@pytest.mark.parametrize(
    ("heights", "sides", "contact", "far", "a_below"),
    [
        ((1, 2, 4, 5), (0, 0, 1, 1), 3.0, 13.0, True),
        ((1, 2, 4, 5), (1, 1, 0, 0), 3.0, 13.0, False),
        ((18, 19, 1, 2), (0, 0, 1, 1), 0.0, 10.0, True),
        ((1, 6, 11, 16), (0, 0, 1, 1), 8.5, 18.5, True),
    ],
    ids=["B above", "A above", "over the cell's edge", "no vacuum"],
)
def test_the_planes_lie_in_contact_and_vacuum(heights, sides, contact, far, a_below):
    cut = cut_between(*stacked(heights, sides))
    assert (cut.contact_A, cut.far_A, cut.a_below, cut.astray) == (contact, far, a_below, 0)


def test_interlocking_sides_are_parted_as_well_as_can_be():
    cut = cut_between(*stacked((1, 2, 3, 4, 5, 6), (0, 0, 1, 0, 1, 1)))
    assert cut.astray == 1
    assert cut.contact_A in (2.5, 4.5)


def test_sides_side_by_side_have_no_plane():
    with pytest.raises(RequestError, match="all atoms stand at one height"):
        cut_between(*stacked((1, 1), (0, 1)))
    with pytest.raises(RequestError, match="need atoms"):
        cut_between(*stacked((1, 2), (0, 0)))


def slab_potential(step_eV=0.0, ramp_eV_A=0.0, jump_A=12.0):
    """Return −8 eV within a slab from 2 to 6 Å, 5 eV above it; a dipole's step is taken back at `jump_A` of 20 Å."""

    def values(z):
        inside = (z > 1.5) & (z < 6.5)
        above = (z >= 6.5) & (z < jump_A)
        smeared = step_eV / (1 + np.exp((z - jump_A) / 0.05)) * (z >= 6.5)
        return np.where(inside, -8.0, 5.0 + np.where(above | (z >= 6.5), smeared, 0.0)) + ramp_eV_A * z

    cell = [[4.0, 0, 0], [1.3, 3.7, 0], [0, 0, 20.0]]
    return field(values, cell=cell, heights=(2.0, 6.0), n=200)


def test_both_faces_of_a_symmetric_slab_have_one_work_function():
    levels = vacuum_levels(slab_potential(), fermi_eV=1.5)
    assert levels.upper.work_function_eV == levels.lower.work_function_eV == pytest.approx(3.5)
    assert levels.step_eV == pytest.approx(0.0, abs=1e-12)
    assert levels.upper.flat and levels.lower.flat and not levels.caveats
    assert levels.vacuum_A == pytest.approx(16.0)


@pytest.mark.parametrize("jump_A", [12.6, 14.0, 15.0])
@pytest.mark.parametrize("step", [-2.0, 0.3, 1.1])
def test_a_dipole_gives_each_face_its_own_level(step, jump_A):
    levels = vacuum_levels(slab_potential(step, jump_A=jump_A), fermi_eV=0.0)
    assert levels.upper.work_function_eV == pytest.approx(5.0 + step, abs=1e-3)
    assert levels.lower.work_function_eV == pytest.approx(5.0, abs=1e-3)
    assert levels.step_eV == pytest.approx(step, abs=2e-3)
    assert levels.upper.flat and levels.lower.flat


def test_a_field_across_the_vacuum_is_told():
    levels = vacuum_levels(slab_potential(ramp_eV_A=0.05))
    assert not levels.upper.flat
    assert len(levels.caveats) == 2
    assert "upper face is not flat" in levels.caveats[0]


def test_a_crystal_has_no_vacuum_level():
    with pytest.raises(RequestError, match=r"a vacuum of 4\.00 Å"):
        vacuum_levels(field(lambda z: z, heights=(0.0, 3.0, 6.0)))
