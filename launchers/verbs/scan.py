"""`interlith scan`: pairs of faces ranked by area, strain and misorientation."""

from __future__ import annotations

from pathlib import Path

from interlith.launchers.options import Engine, Json, MaxArea, MaxMiller, MaxStrain, Output, SideA, SideB


def scan(
    a: SideA = None,
    b: SideB = None,
    max_miller: MaxMiller = 2,
    max_area: MaxArea = 200.0,
    max_strain: MaxStrain = 0.05,
    engine: Engine = None,
    output: Output = Path("interlith-scan"),
    as_json: Json = False,
) -> None:
    """Rank pairs of faces of two crystals by area, strain and misorientation; with --engine, by energy too."""
    raise NotImplementedError
