"""Pictures as matplotlib figures: pure functions of atoms and arrays, no display, no global state.

Lengths in Å, angles in degrees. A figure is returned; whoever asked for it writes it to a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from interlith.structures.layouts import bodies

Floats = NDArray[np.float64]

SIDE_COLOURS = ("#1f5fbf", "#d9480f")
"""Rims of sides A and B: told apart by people who do not see red against green, too."""

CONTACT_DEPTH_A = 4.0
"""How far from its side's face an atom is still drawn in the view from above, Å."""

LEGEND_CHARACTERS = 32
"""Longest line of a label: longer ones are broken, so that the legend stays within the page."""

FADE_A = 15.0
"""Depth behind the nearest atom at which the colours have faded the most, Å."""


@dataclass(frozen=True)
class View:
    """Atoms projected on a plane, nearest to the eye last.

    Attributes
    ----------
    xy
        (n, 2) positions on the paper, Å.
    depth_A
        (n,) distance behind the nearest atom, Å.
    index
        (n,) the atom that each image stands for.
    outline
        (m, 2) corners of the periodic cell on the paper, Å.
    """

    xy: Floats
    depth_A: Floats
    index: NDArray[np.int_]
    outline: Floats

    def box(self, margin_A: float = 1.5) -> Floats:
        """Return the lower left and the upper right corner of what is drawn, (2, 2), Å."""
        points = np.vstack([self.xy, self.outline])
        return np.array([points.min(axis=0) - margin_A, points.max(axis=0) + margin_A])


def side_view(atoms: Atoms, *, anchor: Atoms | None = None, width_A: float = 12.0) -> View:
    """Return the atoms seen along **b**, the normal up; narrow cells are repeated to `width_A`.

    Seen along **b** every image along **b** falls on the same point, so the paper's period is
    |**a** × **b**| / |**b**|, whatever the cell's angle. The images drawn are those of `anchor`
    (the atoms themselves unless given): an atom that moves over the cell's edge stays where it moved to.
    """
    a, b, _ = atoms.cell.array
    period = float(np.linalg.norm(np.cross(a, b)) / np.linalg.norm(b))
    chosen, moved = _fractions(atoms, anchor or atoms)
    repeats = max(1, int(np.ceil((width_A - 1e-6) / period)))
    shift, index = _images(chosen[:, :1], [repeats])
    across = (moved[index, 0] + shift[:, 0]) * period
    heights = _heights(atoms)
    low, high = (0.0, atoms.cell[2, 2]) if _fills_cell(atoms) else (heights.min(), heights.max())
    outline = np.array([[0, low], [period, low], [period, high], [0, high]])
    xy = np.column_stack([across, heights[index]])
    return _sorted_view(xy, -moved[index, 1] * float(np.linalg.norm(b)), index, outline)


def top_view(
    atoms: Atoms, keep: NDArray[np.bool_] | None = None, *, anchor: Atoms | None = None, width_A: float = 8.0
) -> View:
    """Return the atoms seen from above; `keep` (n,) leaves out atoms that would hide the contact."""
    plane = atoms.cell.array[:2, :2]
    chosen, moved = _fractions(atoms, anchor or atoms)
    repeats = [max(1, int(np.ceil((width_A - 1e-6) / length))) for length in np.linalg.norm(plane, axis=1)]
    shift, index = _images(chosen, repeats)
    if keep is not None:
        shift, index = shift[keep[index]], index[keep[index]]
    outline = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ plane
    return _sorted_view((moved[index] + shift) @ plane, _heights(atoms)[index], index, outline)


def near_contact(atoms: Atoms, depth_A: float = CONTACT_DEPTH_A) -> NDArray[np.bool_]:
    """Return which atoms lie within `depth_A` of their own side's face at the contact, (n,); of two, the upper."""
    heights, side = _heights(atoms), _sides(atoms)
    body = bodies(atoms) if len(set(side)) > 1 else side
    if not (body == 1).any() or len(set(side)) < 2:
        return np.ones(len(atoms), dtype=bool)
    top_a, bottom_b = heights[body == 0].max(), heights[body == 1].min()
    near: NDArray[np.bool_] = np.where(side == 0, heights > top_a - depth_A, heights < bottom_b + depth_A)
    return near & (body < 2)


def interface_figure(
    before: Atoms, after: Atoms | None = None, *, labels: tuple[str, str] = ("A", "B"), title: str = ""
) -> Figure:
    """Return one figure: side and top view, before and (if given) after relaxation, all to one scale.

    Parameters
    ----------
    before, after
        Atoms with the per-atom array ``side`` (0 below, 1 above; without it all belong to A).
        Fill is the element's colour (paler farther from the eye), the rim the side's.
    labels
        What the sides are, e.g. ``("LAGP(012)", "Li(110)")``.
    title
        First line of the figure.
    """
    shown = [before] if after is None else [before, after]
    keep = near_contact(before)
    rows = [
        [side_view(atoms, anchor=before) for atoms in shown],
        [top_view(atoms, keep, anchor=before) for atoms in shown],
    ]
    figure, axes = panels(rows)
    for row, (views, line) in enumerate(zip(rows, axes, strict=True)):
        for column, (view, ax) in enumerate(zip(views, line, strict=True)):
            if row == 0:
                _bands(ax, shown[column])
            draw_atoms(ax, view, shown[column], opacity=(1.0, 1.0) if row == 0 else (1.0, 0.75))
    for ax, name in zip(axes[0], ("before relaxation", "after relaxation"), strict=False):
        ax.set_title(name if after is not None else "", fontsize=10)
    views_named = ("side view, along b", f"contact from above (±{CONTACT_DEPTH_A:g} Å)")
    for line, name in zip(axes, views_named, strict=True):
        line[0].set_ylabel(name, fontsize=9)
    scale_bar(axes[0][0], rows[0][0])
    _legend(figure, before, labels)
    figure.suptitle(title, fontsize=11)
    return figure


def molecule_figure(atoms: Atoms, bonds: Sequence[tuple[int, int]] = (), *, title: str = "") -> Figure:
    """Return one figure: a molecule seen along its shortest and along its middle principal axis.

    Parameters
    ----------
    atoms
        The molecule; not periodic.
    bonds
        Pairs of atoms joined by a line.
    title
        First line of the figure.
    """
    centred = atoms.positions - atoms.positions.mean(axis=0)
    axes_of = np.linalg.svd(centred, full_matrices=True)[2] if len(atoms) > 1 else np.eye(3)
    turned = centred @ axes_of.T
    views = [
        _sorted_view(turned[:, plane], turned[:, eye], np.arange(len(atoms)), turned[:1, plane])
        for plane, eye in (([0, 1], 2), ([0, 2], 1))
    ]
    figure, axes = panels([[view] for view in views])
    plain = Atoms(atoms.numbers, atoms.positions)
    for (ax,), view, plane in zip(axes, views, ([0, 1], [0, 2]), strict=True):
        for i, j in bonds:
            ax.plot(*turned[[i, j]][:, plane].T, color="0.55", lw=2.0, zorder=0.5)
        draw_atoms(ax, view, plain, opacity=(1.0, 1.0))
    scale_bar(axes[0][0], views[0], length_A=2.0)
    handles = [dot(tuple(jmol_colors[z]), "0.4", chemical_symbols[z]) for z in sorted(set(atoms.numbers))]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5), frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=11)
    return figure


def scan_figure(
    areas_A2: Sequence[float],
    strains: Sequence[float],
    labels: Sequence[str],
    energies_J_m2: Sequence[float | None] | None = None,
) -> Figure:
    """Return area against largest strain, one point a pair of faces; the best of each face pair is named.

    Parameters
    ----------
    areas_A2
        Area of the common cell, Å².
    strains
        Largest principal strain of either side, a fraction (drawn in %).
    labels
        The pair of faces, e.g. ``"(110)|(100)"``; pairs of one name share a colour.
    energies_J_m2
        Interfacial formation energies, J/m²; where given they are the colour instead.
    """
    x, y = np.asarray(areas_A2, dtype=float), 100 * np.asarray(strains, dtype=float)
    figure = Figure(figsize=(7.5, 5.0), dpi=150, layout="constrained")
    ax = figure.add_subplot()
    ax.set_xlabel("area of the common cell, Å²")
    ax.set_ylabel("largest principal strain, %")
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if len(x):
        _scan_points(figure, ax, np.column_stack([x, y]), list(labels), energies_J_m2)
    return figure


def _fractions(atoms: Atoms, anchor: Atoms) -> tuple[Floats, Floats]:
    """Surface fractions (n, 2) of the anchor, in [0, 1), and of the atoms, each next to its anchor."""
    chosen = anchor.get_scaled_positions(wrap=False)[:, :2] % 1.0
    chosen = np.where(chosen > 1 - 1e-6, 0.0, chosen)
    step = atoms.get_scaled_positions(wrap=False)[:, :2] - chosen
    return chosen, chosen + step - np.round(step)


def _images(fractions: Floats, repeats: list[int]) -> tuple[Floats, NDArray[np.int_]]:
    """Shifts (m, d) and atoms (m,) of the images in `repeats` cells; atoms on an edge are drawn on both."""
    grid = np.stack(np.meshgrid(*[np.arange(-1, n + 1) for n in repeats], indexing="ij"), axis=-1)
    shifts = np.tile(grid.reshape(-1, len(repeats)), (len(fractions), 1)).astype(float)
    index = np.repeat(np.arange(len(fractions)), len(shifts) // max(len(fractions), 1))
    place = fractions[index] + shifts
    drawn = np.all((place > -0.02) & (place < np.array(repeats) + 0.02), axis=1)
    return shifts[drawn], index[drawn]


def _heights(atoms: Atoms) -> Floats:
    return np.asarray(atoms.positions[:, 2], dtype=float)


def _sides(atoms: Atoms) -> NDArray[np.int_]:
    return np.asarray(atoms.arrays.get("side", np.zeros(len(atoms), dtype=int)), dtype=int)


def _fills_cell(atoms: Atoms) -> bool:
    """Whether the cell is periodic along the normal without a vacuum: then its height is part of the picture."""
    return bool(atoms.pbc[2] and np.ptp(_heights(atoms)) > atoms.cell[2, 2] - 6.0)


def _sorted_view(xy: Floats, nearness: Floats, index: NDArray[np.int_], outline: Floats) -> View:
    order = np.argsort(nearness, kind="stable")
    return View(xy[order], nearness.max(initial=0.0) - nearness[order], index[order], outline)


def panels(rows: list[list[View]]) -> tuple[Figure, list[list[Axes]]]:
    """Return one figure whose panels, one a view, share one scale, as large as a page allows."""
    boxes = [np.array([view.box() for view in views]) for views in rows]
    corners = [(box[:, 0].min(axis=0), box[:, 1].max(axis=0)) for box in boxes]
    width = max(high[0] - low[0] for low, high in corners)
    heights = [high[1] - low[1] for low, high in corners]
    inches = min(0.35, 8.0 / (width * len(rows[0])), 9.0 / sum(heights))
    size = (max(inches * width * len(rows[0]) + 1.0, 5.0), inches * sum(heights) + 2.0)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    grid = figure.add_gridspec(len(rows), len(rows[0]), height_ratios=heights)
    axes = [[figure.add_subplot(grid[i, j]) for j in range(len(rows[0]))] for i in range(len(rows))]
    for line, (low, high) in zip(axes, corners, strict=True):
        middle = (low[0] + high[0]) / 2
        for ax in line:
            ax.set(xlim=(middle - width / 2, middle + width / 2), ylim=(low[1], high[1]), aspect="equal")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    return figure, axes


def _bands(ax: Axes, atoms: Atoms) -> None:
    """Tint the heights that each side takes up, B's on both faces of A by themselves."""
    heights, side = _heights(atoms), _sides(atoms)
    body = bodies(atoms) if len(set(side)) > 1 else side
    for i in sorted(set(body)):
        low, high = heights[body == i].min() - 0.6, heights[body == i].max() + 0.6
        ax.axhspan(low, high, color=SIDE_COLOURS[min(i, 1)], alpha=0.08, lw=0)


def draw_atoms(ax: Axes, view: View, atoms: Atoms, opacity: tuple[float, float]) -> None:
    """Draw a view of atoms: fill by element, rim by side, paler with depth; one `opacity` a side."""
    closed = np.vstack([view.outline, view.outline[:1]])
    ax.plot(*closed.T, color="0.45", lw=0.8, ls=(0, (4, 3)), zorder=0)
    numbers, side = atoms.numbers[view.index], _sides(atoms)[view.index]
    paleness = 0.6 * np.minimum(view.depth_A / FADE_A, 1.0)[:, None]
    colours = jmol_colors[numbers] * (1 - paleness) + paleness
    rims = np.array([to_rgb(colour) for colour in SIDE_COLOURS])[side]
    rims = rims * (1 - paleness) + paleness
    alpha = np.asarray(opacity)[side][:, None]
    # Radii are compressed: a fluorine behind a lithium of twice its covalent radius must still be seen.
    diameters = 2 * (0.38 + 0.25 * covalent_radii[numbers])
    balls = EllipseCollection(
        diameters,
        diameters,
        np.zeros(len(numbers)),
        units="xy",
        offsets=view.xy,
        transOffset=ax.transData,
        facecolors=np.hstack([colours, alpha]),
        edgecolors=np.hstack([rims, np.ones_like(alpha)]),
        linewidths=1.3,
        zorder=1,
    )
    ax.add_collection(balls, autolim=False)


def scale_bar(ax: Axes, view: View, length_A: float = 5.0) -> None:
    """Draw a bar of that length under a view."""
    left, low = view.box(margin_A=0.0)[0]
    y = low - 1.4
    ax.plot([left, left + length_A], [y, y], color="black", lw=2.0, solid_capstyle="butt", clip_on=False)
    ax.annotate(
        f"{length_A:g} Å", (left + length_A / 2, y), (0, -3), textcoords="offset points", ha="center", va="top", size=8
    )


def _legend(figure: Figure, atoms: Atoms, labels: tuple[str, str]) -> None:
    present = sorted(set(_sides(atoms)))
    named = {i: fill(f"side {'AB'[i]}: {labels[i]}", LEGEND_CHARACTERS) for i in present}
    handles = [dot("white", SIDE_COLOURS[i], named[i]) for i in present]
    handles += [dot(tuple(jmol_colors[z]), "0.4", chemical_symbols[z]) for z in sorted(set(atoms.numbers))]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), frameon=False, fontsize=8)


def dot(inner: str | tuple[float, float, float], rim: str, label: str) -> Line2D:
    """Return a ball for a legend."""
    look = {"ls": "", "marker": "o", "ms": 8, "mew": 1.6}
    return Line2D([], [], markerfacecolor=inner, markeredgecolor=rim, label=label, **look)  # type: ignore[arg-type]


def _scan_points(
    figure: Figure, ax: Axes, points: Floats, labels: list[str], energies: Sequence[float | None] | None
) -> None:
    if energies is None:
        names = list(dict.fromkeys(labels))
        colours = [f"C{names.index(label) % 10}" for label in labels]
        ax.scatter(points[:, 0], points[:, 1], s=36, c=colours, edgecolors="white", linewidths=0.6)
    else:
        values = np.array([np.nan if e is None else e for e in energies], dtype=float)
        look = {"cmap": "viridis", "edgecolors": "0.3", "linewidths": 0.6, "plotnonfinite": True}
        drawn = ax.scatter(points[:, 0], points[:, 1], s=36, c=values, **look)  # type: ignore[arg-type]
        figure.colorbar(drawn, ax=ax, label="E_form, J/m²")
    ax.margins(0.12)
    for row in _named_points(points, labels):
        ax.annotate(labels[row], points[row], (5, 4), textcoords="offset points", fontsize=8)


def _named_points(points: Floats, labels: list[str], most: int = 12) -> list[int]:
    """Points to name: the first of each label, as they are ranked, that keeps clear of the names before it."""
    span = np.ptp(points, axis=0)
    scaled = points / np.where(span > 0, span, 1.0)
    chosen: list[int] = []
    for row in (labels.index(label) for label in dict.fromkeys(labels)):
        apart = np.abs(scaled[chosen] - scaled[row]) if chosen else np.ones((1, 2))
        if len(chosen) < most and not np.any((apart[:, 0] < 0.16) & (apart[:, 1] < 0.05)):
            chosen.append(row)
    return chosen
