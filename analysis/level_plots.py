"""Level diagrams: what each molecule holds and what it could take up, on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlith.analysis.levels import Levels, LevelsRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, GAP = 0.36, 0.05
OCCUPIED, EMPTY, UNBOUND = "#1f4e79", "#b5541c", "#9a9a9a"
RANGE_eV = (-16.0, 5.0)
"""Levels farther from the vacuum than this are left out of the picture, never out of the record."""


def level_figure(record: LevelsRecord) -> Figure:
    """Return one figure: HOMO and LUMO of each molecule with the levels next to them, in the gas phase and the solvent.

    Levels above the vacuum are grey: they are states of the basis. A triangle marks the vertical −IP, and −EA where
    the electron is held.

    Parameters
    ----------
    record
        Levels of one or more molecules.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 + 1.5 * len(record.molecules), 5.0), layout="constrained", dpi=150)
    axes = figure.add_subplot()
    for place, one in enumerate(record.molecules):
        draw_ladder(axes, place - WIDTH / 2 - GAP / 2, one.gas)
        if one.solvated:
            draw_ladder(axes, place + WIDTH / 2 + GAP / 2, one.solvated)
        ions = one.vertical
        if ions and ions.ionisation_eV is not None:
            axes.plot(place - WIDTH, -ions.ionisation_eV, ">", color=OCCUPIED, markersize=5)
        if ions and ions.affinity_eV is not None and ions.affinity_eV > 0:
            axes.plot(place - WIDTH, -ions.affinity_eV, ">", color=EMPTY, markersize=5)
    axes.axhline(0.0, color="black", linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(record.molecules)), [one.name for one in record.molecules])
    axes.set_xlim(-0.7, len(record.molecules) - 0.3)
    axes.set_ylabel("energy against the vacuum, eV")
    beside = f"left gas phase, right {record.solvent}" if record.solvent else "gas phase"
    axes.set_title(f"{record.system} · {record.level}\n{beside}; triangles −IP, −EA; grey: unbound", fontsize=9)
    return figure


def draw_ladder(axes: Axes, centre: float, levels: Levels) -> None:
    """Draw the levels of one calculation as lines, HOMO and LUMO heavier and with their energies.

    Parameters
    ----------
    axes
        Energies upwards, eV.
    centre
        Where along the other axis.
    levels
        Against the vacuum.
    """
    left, right = centre - WIDTH / 2, centre + WIDTH / 2
    for energies, occupations in zip(levels.eigenvalues_eV, levels.occupations, strict=True):
        for energy, electrons in zip(energies, occupations, strict=True):
            if RANGE_eV[0] < energy < RANGE_eV[1]:
                colour = UNBOUND if energy > 0 else OCCUPIED if electrons > 0 else EMPTY
                axes.hlines(energy, left, right, colors=colour, linewidth=0.6)
    frontier = {OCCUPIED: levels.homo_eV} | ({} if levels.lumo_eV is None else {EMPTY: levels.lumo_eV})
    for colour, edge in frontier.items():
        axes.hlines(edge, left, right, colors=UNBOUND if edge > 0 else colour, linewidth=2.0)
        axes.annotate(f"{edge:.2f}", (centre, edge), ha="center", va="bottom", fontsize=7)
