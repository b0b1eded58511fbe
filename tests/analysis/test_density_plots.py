"""Surfaces lie where the density says, and pictures say what they show."""

import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from interlith.analysis.density_plots import (
    GAINED,
    LOST,
    difference_figure,
    isosurface,
    isovalue,
    potential_figure,
    transfer_figure,
)
from interlith.analysis.profiles import macroscopic, planar, vacuum_levels
from interlith.analysis.transfers import ThreeDensities, charge_record
from interlith.structures.errors import RequestError

CELL = [[5.0, 0.0, 0.0], [1.2, 4.8, 0.0], [0.0, 0.0, 9.0]]
WIDTH = 0.6


def moved(electrons=0.4, cell=CELL, heights=(3.0, 6.0)):
    """Return Δρ of two atoms, the upper of which gives electrons to the lower."""
    atoms = Atoms("OMg", [(2.5, 2.0, heights[0]), (2.5, 2.0, heights[1])], cell=cell, pbc=True)
    return gaussian_density(atoms, [electrons, -electrons], [WIDTH, WIDTH], step_A=0.2)


def surfaces_of(figure):
    """Return, per panel, the triangles and their colours."""
    found = []
    for ax in figure.axes:
        (collection,) = [c for c in ax.collections if isinstance(c, PolyCollection)]
        found.append((collection.get_paths(), collection.get_facecolors()))
    return found


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_the_surface_of_a_gaussian_is_a_sphere(level):
    delta = moved()
    surface = isosurface(delta, level)
    radii = np.linalg.norm(surface.fractions @ delta.cell_A - delta.atoms.positions[0], axis=1)
    peak = 0.4 / (2 * np.pi * WIDTH**2) ** 1.5
    assert radii == pytest.approx(WIDTH * np.sqrt(2 * np.log(peak / level)), abs=0.05)


def test_a_surface_over_the_cells_edge_is_closed():
    delta = moved(heights=(0.0, 4.5))
    surface = isosurface(delta, 0.02)
    edges = np.sort(np.concatenate([surface.triangles[:, [i, j]] for i, j in ((0, 1), (1, 2), (2, 0))]), axis=1)
    once = np.unique(edges, axis=0, return_counts=True)
    open_ends = surface.fractions[once[0][once[1] == 1]][..., 2].ravel()
    assert set(np.round(open_ends, 6)) <= {0.0, 1.0}


def test_a_value_that_is_nowhere_is_refused():
    with pytest.raises(RequestError, match=r"no point where the field is 10 e/Å³"):
        isosurface(moved(), 10.0)


@pytest.mark.parametrize("electrons", [0.4, 4.0, 1e-4])
def test_the_isovalue_is_round_and_holds_half(electrons):
    delta = moved(electrons)
    level = isovalue(delta)
    assert float(f"{level:.0e}") == level and f"{level:.0e}"[0] in "125"
    sizes = np.abs(delta.values_e_A3)
    assert sizes[sizes >= level].sum() >= 0.5 * sizes.sum()
    assert sizes[sizes >= 2.5 * level].sum() < 0.5 * sizes.sum()


def test_nothing_moved_has_no_isovalue_and_no_surface():
    nothing = moved(1e-9)
    assert isovalue(nothing) is None
    figure = difference_figure(nothing, np.array([0, 1]))
    assert all(not len(paths) for paths, _ in surfaces_of(figure))
    assert "|Δρ| is nowhere above 1e-06 e/Å³" in [t.get_text() for t in figure.legends[0].get_texts()]


@pytest.mark.parametrize("axis", [2, 0])
def test_both_colours_stand_where_electrons_went(axis):
    cell = CELL if axis == 2 else [[9.0, 0, 0], [0, 5.0, 0], [0, 1.2, 4.8]]
    delta = moved()
    if axis == 0:
        atoms = Atoms("OMg", [(3.0, 2.5, 2.0), (6.0, 2.5, 2.0)], cell=cell, pbc=True)
        delta = gaussian_density(atoms, [0.4, -0.4], [WIDTH, WIDTH], step_A=0.2)
    figure = difference_figure(delta, np.array([0, 1]), axis=axis, level=0.03, repeated=False, labels=("MgO", "Mg"))
    paths, colours = surfaces_of(figure)[0]
    heights = np.array([path.vertices[:, 1].mean() for path in paths])
    gained = is_shade_of(colours, GAINED)
    assert gained.any() and (~gained).any() and is_shade_of(colours[~gained], LOST).all()
    assert heights[gained].mean() == pytest.approx(3.0, abs=0.1)
    assert heights[~gained].mean() == pytest.approx(6.0, abs=0.1)
    told = [t.get_text() for t in figure.legends[0].get_texts()]
    assert told[:2] == ["side A: MgO", "side B: Mg"]
    assert "electrons gained: Δρ = +0.03 e/Å³" in told and "electrons lost: Δρ = −0.03 e/Å³" in told


def is_shade_of(colours, base):
    """Return which colours are the base colour, darker or not."""
    unit = np.array(to_rgb(base)) / np.linalg.norm(to_rgb(base))
    return colours[:, :3] @ unit / np.linalg.norm(colours[:, :3], axis=1) > 1 - 1e-6


def test_a_narrow_cell_is_repeated_with_its_surfaces():
    one, many = (difference_figure(moved(), np.array([0, 1]), level=0.03, repeated=r) for r in (False, True))
    assert len(surfaces_of(many)[0][0]) == 4 * len(surfaces_of(one)[0][0])


def test_the_picture_begins_in_the_vacuum():
    delta = moved(heights=(8.5, 1.5))
    figure = difference_figure(delta, np.array([0, 1]), level=0.03, start_A=5.0, repeated=False)
    paths, colours = surfaces_of(figure)[0]
    heights = np.array([path.vertices[:, 1].mean() for path in paths])
    assert heights[is_shade_of(colours, GAINED)].mean() == pytest.approx(3.5, abs=0.15)
    assert heights[is_shade_of(colours, LOST)].mean() == pytest.approx(5.5, abs=0.15)


def test_profiles_are_drawn_as_they_are():
    atoms = Atoms("MgO", [(2.5, 2.0, 3.0), (2.5, 2.0, 6.0)], cell=CELL, pbc=True)
    whole, a, b = (
        gaussian_density(atoms[part], electrons, [0.45] * len(electrons), step_A=0.2)
        for part, electrons in (([0, 1], [6.3, 5.7]), ([0], [6.0]), ([1], [6.0]))
    )
    profile = charge_record(ThreeDensities(whole, a, b)).profile
    figure = transfer_figure(profile, title="Mg on O")
    upper, lower = figure.axes
    assert upper.lines[0].get_ydata() == pytest.approx(profile.delta_e_A)
    assert lower.lines[0].get_ydata() == pytest.approx(profile.gained_below_e)
    assert {"gained", "lost"} <= {t.get_text() for t in upper.get_legend().get_texts()}


def test_vacuum_levels_and_work_functions_are_named():
    atoms = Atoms("Li", [(2.5, 2.0, 1.0)], cell=CELL, pbc=True)
    potential = gaussian_density(atoms, [-40.0], [0.5], step_A=0.3)
    profile, levels = planar(potential), vacuum_levels(potential, fermi_eV=-3.0)
    figure = potential_figure(profile, levels, fermi_eV=-3.0, averaged=macroscopic(profile, (2.0,)))
    told = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert "Fermi level -3.00 eV" in told
    assert "vacuum, upper face -0.00 eV, work function 3.00 eV" in told
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(profile.means)
