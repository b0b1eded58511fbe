"""Pictures of densities as matplotlib figures: where electrons went, along the normal too, and vacuum levels.

Å, e/Å³, e and eV. A figure is returned; whoever asked for it writes it to a file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from interlith.analysis.densities import Density
from interlith.analysis.plots import SIDE_COLOURS, View, dot, draw_atoms, panels, scale_bar, side_view, top_view
from interlith.analysis.profiles import Profile, VacuumLevels
from interlith.analysis.transfers import LayerProfile
from interlith.structures.errors import RequestError

Floats = NDArray[np.float64]

GAINED, LOST = "#d9a400", "#0097a7"
"""Accumulation and depletion: yellow and cyan, as is usual."""
HELD = 0.5
"""Part of ∫|Δρ| that the surfaces enclose unless an isovalue is given."""
LEAST_e_A3 = 1e-6
"""Differences below this everywhere are rounding: no surface is drawn."""
FINEST = 96
"""Grids are thinned to about so many points along an axis for a picture."""
WIDE_A = 8.0
"""Narrower cells are repeated to that."""
OPACITY = 0.45
LIGHT = 0.55
"""Brightness of what faces away from the light."""


class Surface(NamedTuple):
    """A surface of one value as triangles.

    Attributes
    ----------
    fractions
        Corners in fractions of the cell from the grid's first point, shape (n, 3).
    triangles
        Corners of each triangle, shape (m, 3).
    """

    fractions: Floats
    triangles: NDArray[np.int_]


def isovalue(delta: Density) -> float | None:
    """Return a round value (1, 2 or 5 times a power of ten) whose surfaces enclose half of ∫|Δρ|, e/Å³.

    None if the difference is rounding all over.
    """
    sizes = np.sort(np.abs(delta.values_e_A3), axis=None)[::-1]
    if sizes[0] < LEAST_e_A3:
        return None
    held = np.cumsum(sizes)
    level = float(sizes[np.searchsorted(held, HELD * held[-1])])
    power = 10.0 ** np.floor(np.log10(level))
    digit = max(d for d in (1.0, 2.0, 5.0) if d <= level / power * (1 + 1e-9))
    return float(f"{digit * power:.0e}")


def isosurface(field: Density, level: float) -> Surface:
    """Return where a field on a periodic grid crosses a value; around values above it.

    Marching cubes (Lewiner et al., J. Graph. Tools 8, 1 (2003), 10.1080/10867651.2003.10487582), of scikit-image.

    Raises
    ------
    RequestError
        If the field does not cross the value.
    """
    values = field.values_e_A3
    if not values.min() < level < values.max():
        what = f"no point where the field is {level:.3g} e/Å³"
        raise RequestError(what, "isovalue", f"it goes from {values.min():.3g} to {values.max():.3g}")
    closed = np.pad(values, [(0, 1)] * 3, mode="wrap")
    stride = max(1, int(np.ceil(max(values.shape) / FINEST)))
    corners, triangles, _, _ = marching_cubes(closed, level, step_size=stride, allow_degenerate=False)  # type: ignore[no-untyped-call]
    return Surface(corners / np.array(values.shape), triangles)


def difference_figure(
    delta: Density,
    side: NDArray[np.int64],
    *,
    level: float | None = None,
    axis: int = 2,
    start_A: float = 0.0,
    repeated: bool = True,
    labels: tuple[str, str] = ("A", "B"),
    title: str = "",
) -> Figure:
    """Return one figure: the surfaces where Δρ is ±`level`, seen from the side and from above.

    Parameters
    ----------
    delta
        Charge-density difference.
    side
        0 for A, 1 for B, shape (atoms,).
    level
        Isovalue, e/Å³; :func:`isovalue`'s unless given.
    axis
        Of the grid; upwards in the picture.
    start_A
        Height along it at which the picture begins: best in the vacuum.
    repeated
        Whether narrow cells are repeated; False for molecules in a box.
    labels
        What the sides are.
    title
        First line of the figure.
    """
    shown = _upright(delta, side, axis, start_A, repeated=repeated)
    level = isovalue(delta) if level is None else level
    surfaces = {} if level is None else _surfaces(shown, level)
    atoms = shown.atoms
    painted = [_painted(surfaces, shown.cell_A, from_above=above) for above in (False, True)]
    views = [_around(side_view(atoms, width_A=0.0), painted[0]), top_view(atoms, width_A=0.0)]
    figure, axes = panels([[view] for view in views])
    for (ax,), view, paint, name in zip(axes, views, painted, ("side view", "from above"), strict=True):
        draw_atoms(ax, view, atoms, opacity=(1.0, 1.0))
        ax.add_collection(PolyCollection(list(paint.triangles), facecolors=paint.colours, antialiaseds=False, zorder=2))
        ax.set_ylabel(name, fontsize=9)
    scale_bar(axes[0][0], views[0], length_A=5.0 if _wide(views[0]) else 2.0)
    _difference_legend(figure, labels, level, list(surfaces))
    figure.suptitle(title, fontsize=11)
    return figure


def transfer_figure(
    profile: LayerProfile, *, labels: tuple[str, str] = ("side A", "side B"), title: str = ""
) -> Figure:
    """Return one figure: Δρ(z) and its running integral ΔQ(z), both sides tinted, the plane in the gap marked."""
    figure = Figure(figsize=(7.0, 5.5), dpi=150, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    heights, delta = np.array(profile.heights_A), np.array(profile.delta_e_A)
    upper.plot(heights, delta, color="0.2", lw=1.0)
    for sign, colour, word in ((1, GAINED, "gained"), (-1, LOST, "lost")):
        upper.fill_between(heights, 0, np.where(sign * delta > 0, delta, 0), color=colour, lw=0, label=word)
    lower.plot(heights, profile.gained_below_e, color="0.2", lw=1.4)
    upper.set_ylabel("Δρ(z), e/Å")
    lower.set_ylabel("ΔQ(z), e gained below z")
    lower.set_xlabel("height, Å")
    for ax in (upper, lower):
        ax.axhline(0, color="0.6", lw=0.6)
        ax.axvline(profile.contact_A, color="0.3", lw=0.8, ls=(0, (4, 3)))
        for span, colour, name in zip((profile.a_A, profile.b_A), SIDE_COLOURS, labels, strict=True):
            if span[0] <= span[1]:
                ax.axvspan(*_widened(span), color=colour, alpha=0.08, lw=0, label=f"atoms of {name}")
        _plain(ax)
    upper.legend(frameon=False, fontsize=8, ncols=2)
    figure.suptitle(title, fontsize=11)
    return figure


def potential_figure(
    profile: Profile,
    levels: VacuumLevels | None = None,
    *,
    fermi_eV: float | None = None,
    averaged: Profile | None = None,
    title: str = "",
) -> Figure:
    """Return one figure: the planar average of a potential, its macroscopic average, vacuum levels, Fermi level."""
    figure = Figure(figsize=(7.0, 4.0), dpi=150, layout="constrained")
    ax = figure.add_subplot()
    ax.plot(profile.heights_A, profile.means, color="0.2", lw=1.2, label="planar average")
    if averaged is not None:
        ax.plot(averaged.heights_A, averaged.means, color="C2", lw=1.2, label="macroscopic average")
    if fermi_eV is not None:
        ax.axhline(fermi_eV, color="C3", lw=1.0, label=f"Fermi level {fermi_eV:.2f} eV")
    if levels is not None:
        for name, face, colour in (("upper", levels.upper, "C0"), ("lower", levels.lower, "C1")):
            work = "" if face.work_function_eV is None else f", work function {face.work_function_eV:.2f} eV"
            told = f"vacuum, {name} face {face.level_eV:.2f} eV{work}"
            ax.axhline(face.level_eV, color=colour, lw=1.0, ls=(0, (4, 3)), label=told)
    ax.set_xlabel("height, Å")
    ax.set_ylabel("potential of an electron, eV")
    ax.legend(frameon=False, fontsize=8)
    _plain(ax)
    figure.suptitle(title, fontsize=11)
    return figure


def _upright(delta: Density, side: NDArray[np.int64], axis: int, start_A: float, *, repeated: bool) -> Density:
    """Turn a field so that the axis points up, the picture begins at `start_A`, and narrow cells are repeated."""
    order = [(axis + k) % 3 for k in (1, 2, 3)]
    values = np.transpose(delta.values_e_A3, order)
    cell = delta.atoms.cell.array[order]
    height = delta.atoms.get_volume() / float(np.linalg.norm(np.cross(cell[0], cell[1])))
    first = round(start_A / height * values.shape[2])
    fractions = delta.grid_fractions[:, order] - np.array([0.0, 0.0, first / values.shape[2]])
    atoms = delta.atoms.copy()
    atoms.set_array("side", np.array(side))
    atoms.set_cell(atoms.cell.new(cell).standard_form()[0])
    atoms.set_scaled_positions(fractions % 1.0)
    atoms.pbc = True
    wide = WIDE_A if repeated else 0.0
    repeats = [max(1, int(np.ceil(wide / length - 1e-6))) for length in atoms.cell.lengths()[:2]]
    values = np.tile(np.roll(values, -first, axis=2), (*repeats, 1))
    return replace(delta, values_e_A3=values, atoms=atoms.repeat((*repeats, 1)), origin_A=np.zeros(3))


class _Paint(NamedTuple):
    """Triangles on the paper, farthest first, shape (m, 3, 2), and their colours, shape (m, 4)."""

    triangles: Floats
    colours: Floats


def _surfaces(delta: Density, level: float) -> dict[str, Surface]:
    """Return the surfaces of what was gained and what was lost, where there are any."""
    signed = {"gained": delta, "lost": delta.with_values(-delta.values_e_A3)}
    return {name: isosurface(field, level) for name, field in signed.items() if field.values_e_A3.max() > level}


def _painted(surfaces: dict[str, Surface], cell: Floats, *, from_above: bool) -> _Paint:
    """Return what of all surfaces faces the eye."""
    eye = np.array([0.0, 0.0, 1.0]) if from_above else -cell[1] / np.linalg.norm(cell[1])
    parts: list[tuple[Floats, Floats, Floats]] = [(np.zeros((0, 3, 2)), np.zeros((0, 4)), np.zeros(0))]
    for name, surface in surfaces.items():
        first, second, third = (surface.fractions[surface.triangles[:, k]] @ cell for k in range(3))
        normals = np.cross(second - first, third - first)
        facing = normals @ eye / np.maximum(np.linalg.norm(normals, axis=1), 1e-12)
        seen = facing > 0
        paper, nearness = _projected(surface.fractions, cell, from_above=from_above)
        shade = LIGHT + (1 - LIGHT) * facing[seen][:, None]
        colour = np.array(to_rgb(GAINED if name == "gained" else LOST)) * shade
        front = surface.triangles[seen]
        parts.append(
            (paper[front], np.hstack([colour, np.full((len(front), 1), OPACITY)]), nearness[front].mean(axis=1))
        )
    triangles, colours, near = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(near, kind="stable")
    return _Paint(triangles[order], colours[order])


def _around(view: View, paint: _Paint) -> View:
    """Return a side view whose outline is as high as the surfaces, too."""
    heights = np.concatenate([view.outline[:, 1], paint.triangles[:, :, 1].ravel()])
    left, right, low, high = view.outline[0, 0], view.outline[1, 0], heights.min(), heights.max()
    return replace(view, outline=np.array([[left, low], [right, low], [right, high], [left, high]]))


def _projected(fractions: Floats, cell: Floats, *, from_above: bool) -> tuple[Floats, Floats]:
    """Return positions on the paper and how near to the eye they are, as the views of atoms have them."""
    if from_above:
        return fractions[:, :2] @ cell[:2, :2], fractions[:, 2]
    a, b = cell[:2]
    period = np.linalg.norm(np.cross(a, b)) / np.linalg.norm(b)
    return np.column_stack([fractions[:, 0] * period, (fractions @ cell)[:, 2]]), -fractions[:, 1]


def _wide(view: View) -> bool:
    low, high = view.box(margin_A=0.0)
    return bool(high[0] - low[0] > 6.0)


def _difference_legend(figure: Figure, labels: tuple[str, str], level: float | None, drawn: list[str]) -> None:
    handles: list[object] = [dot("white", SIDE_COLOURS[k], f"side {'AB'[k]}: {labels[k]}") for k in (0, 1)]
    words = {"gained": (GAINED, "+"), "lost": (LOST, "−")}
    for name in drawn:
        colour, sign = words[name]
        handles.append(Patch(color=colour, alpha=0.6, label=f"electrons {name}: Δρ = {sign}{level:g} e/Å³"))
    if not drawn:
        limit = LEAST_e_A3 if level is None else level
        handles.append(Patch(color="white", label=f"|Δρ| is nowhere above {limit:g} e/Å³"))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)


def _widened(span: tuple[float, float]) -> tuple[float, float]:
    return span[0] - 0.3, span[1] + 0.3


def _plain(ax: Axes) -> None:
    ax.margins(x=0)
    ax.spines[["top", "right"]].set_visible(False)
