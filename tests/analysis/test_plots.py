"""The pictures show every atom once, where it is, on the side it belongs to."""

import matplotlib._pylab_helpers
import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba

from interlith.analysis.plots import SIDE_COLOURS, interface_figure, near_contact, scan_figure, side_view, top_view


@pytest.fixture
def contact() -> Atoms:
    """Cu(111) over Al(111) in Al's 2×2 cell, both three layers, 12 Å of vacuum."""
    below, above = fcc111("Al", (2, 2, 3), a=4.05), fcc111("Cu", (2, 2, 3), a=3.61)
    above.set_cell([*below.cell.array[:2], above.cell.array[2]], scale_atoms=True)
    above.positions[:, 2] += below.positions[:, 2].max() + 2.1
    both = below + above
    both.set_cell([*below.cell.array[:2], [0, 0, both.positions[:, 2].max() + 12]])
    both.pbc = True
    both.arrays["side"] = np.repeat([0, 1], [len(below), len(above)])
    return both


@pytest.mark.parametrize("project", [side_view, top_view])
def test_every_atom_is_drawn_and_the_nearest_comes_last(contact, project):
    view = project(contact)
    assert set(view.index) == set(range(len(contact)))
    assert np.all(np.diff(view.depth_A) <= 1e-9)
    assert view.depth_A[-1] == pytest.approx(0)


@pytest.mark.parametrize("project", [side_view, top_view])
def test_lattice_translations_do_not_change_the_picture(contact, project):
    moved = contact.copy()
    rng = np.random.default_rng(0)
    moved.positions += rng.integers(-2, 3, (len(contact), 3)) * [1, 1, 0] @ contact.cell.array

    def sheet(view):
        return sorted(zip(view.index, *np.round(view.xy.T, 5), strict=True))

    assert sheet(project(moved)) == sheet(project(contact))


def test_the_view_along_b_keeps_heights_and_the_period(contact):
    view = side_view(contact, width_A=0.1)
    assert view.xy[:, 1] == pytest.approx(contact.positions[view.index, 2])
    a = contact.cell.array[0]
    assert np.ptp(view.outline[:, 0]) == pytest.approx(np.linalg.norm(a) * np.sin(np.pi / 3))
    again = side_view(contact, width_A=30)
    assert len(again.index) > 3 * len(view.index)


def test_a_small_step_over_the_edge_stays_a_small_step_on_paper(contact):
    after = contact.copy()
    after.positions -= [0.05, 0.05, 0]
    for project in (side_view, top_view):
        start, end = project(contact), project(after, anchor=contact)
        first = {(i, *np.round(p, 3)) for i, p in zip(start.index, start.xy, strict=True)}
        for i, p in zip(end.index, end.xy, strict=True):
            assert min(np.hypot(*(p - q[1:])) for q in first if q[0] == i) < 0.12


def test_a_full_cell_shows_its_height_and_a_slab_does_not_show_its_vacuum(contact):
    assert side_view(contact).outline[:, 1].max() == pytest.approx(contact.positions[:, 2].max())
    full = contact.copy()
    full.cell[2, 2] = np.ptp(full.positions[:, 2]) + 2
    assert side_view(full).outline[:, 1].max() == pytest.approx(full.cell[2, 2])


def test_the_contact_is_the_two_faces_that_meet(contact):
    heights, side = contact.positions[:, 2], contact.arrays["side"]
    near = near_contact(contact, depth_A=0.5)
    assert np.allclose(heights[near & (side == 0)], heights[side == 0].max())
    assert np.allclose(heights[near & (side == 1)], heights[side == 1].min())
    assert near.sum() == 8
    alone = contact[side == 0]
    assert near_contact(alone).all()


def balls(ax) -> EllipseCollection:
    return next(c for c in ax.collections if isinstance(c, EllipseCollection))


def test_two_views_before_and_after_with_sides_told_apart(contact, tmp_path):
    after = contact.copy()
    after.rattle(0.1, seed=1)
    figure = interface_figure(contact, after, labels=("Al(111)", "Cu(111)"), title="al-cu")
    assert len(figure.axes) == 4
    rims = {tuple(rim) for ax in figure.axes[2:] for rim in np.round(balls(ax).get_edgecolors(), 3)}
    assert len(rims) > 1
    nearest = balls(figure.axes[0]).get_edgecolors()[-1]
    assert min(np.abs(nearest - to_rgba(colour)).max() for colour in SIDE_COLOURS) < 1e-9
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["side A: Al(111)", "side B: Cu(111)", "Al", "Cu"]
    file = tmp_path / "both.png"
    figure.savefig(file)
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 20_000


def test_one_scale_in_every_panel(contact):
    figure = interface_figure(contact, contact)
    figure.draw_without_rendering()
    scales = [ax.bbox.width / np.ptp(ax.get_xlim()) for ax in figure.axes]
    assert scales == pytest.approx([scales[0]] * 4, rel=0.02)


def test_no_display_and_no_global_figure_are_needed(contact, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    interface_figure(contact)
    scan_figure([10.0], [0.01], ["(100)|(100)"])
    assert not matplotlib._pylab_helpers.Gcf.get_all_fig_managers()


def test_atoms_without_sides_are_one_side():
    slab = fcc111("Al", (1, 1, 3), a=4.05, vacuum=6)
    figure = interface_figure(slab, labels=("Al(111)", ""))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["side A: Al(111)", "Al"]


def test_the_scan_draws_every_pair_in_its_units(tmp_path):
    figure = scan_figure([30.0, 60.0, 90.0], [0.01, 0.02, 0.05], ["(100)|(100)", "(110)|(100)", "(100)|(100)"])
    (points,) = figure.axes[0].collections
    np.testing.assert_allclose(points.get_offsets(), [[30, 1], [60, 2], [90, 5]])
    assert {text.get_text() for text in figure.axes[0].texts} == {"(100)|(100)", "(110)|(100)"}
    figure.savefig(tmp_path / "scan.png")


def test_the_scan_by_energy_has_its_scale_and_an_empty_one_is_drawn():
    figure = scan_figure([30.0, 60.0], [0.01, 0.02], ["a", "b"], [-0.5, None])
    assert figure.axes[1].get_ylabel() == "E_form, J/m²"
    assert not scan_figure([], [], []).axes[0].collections
