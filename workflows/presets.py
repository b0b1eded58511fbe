"""Methods by name: how much work goes into an answer, from minutes to a day.

Every preset is honest in the same way: all relaxations run to the stated threshold, several registries are
relaxed and their spread is kept. They differ in engine, threshold, thickness and number of registries.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field

from interlith.structures.errors import unknown_name
from interlith.structures.records import Record
from interlith.workflows.engines.contract import EngineChoice, Option


class Calculation(Record):
    """What a system or a person may set of the method; None leaves it to the preset."""

    engine: str | None = None
    engine_options: dict[str, Option] | None = None
    dispersion: Literal["none", "d3bj"] | None = None
    fmax_eV_A: float | None = Field(default=None, gt=0, description="of slabs and interfaces")
    fmax_bulk_eV_A: float | None = Field(default=None, gt=0, description="of bulk cells, stress included")
    max_calls: int | None = Field(default=None, ge=1, description="force calls a relaxation may take")
    registries: int | None = Field(default=None, ge=1, description="how many are relaxed, best rigid ones first")
    rigid_starts: int | None = Field(default=None, ge=1, description="shifts from which the rigid search starts")
    placements: int | None = Field(
        default=None, ge=1, description="of a molecule: how many are relaxed, best first; of a layer: how many packings"
    )
    screening: str | None = Field(default=None, description="engine that ranks placements; None: a cheap one")
    screening_calls: int | None = Field(default=None, ge=1, description="force calls a placement is ranked by")
    refined: int | None = Field(default=None, ge=1, description="conformers of each molecule that the engine computes")
    starts: int | None = Field(default=None, ge=1, description="geometries of each molecule that screening relaxes")
    geometry: str | None = Field(default=None, description="engine that brings conformers to rest; None: screening's")
    geometry_options: dict[str, Option] | None = None
    solvent: str | None = Field(default=None, description="name or dielectric constant; 'none': the gas phase alone")


SETTINGS_OF_KIND: Mapping[str, set[str]] = MappingProxyType(
    {
        "interface": {"registries", "rigid_starts"},
        "adlayer": {"placements", "screening_calls"},
        "packed": {"placements", "conformers"},
    }
)


class Preset(Record):
    """A named method."""

    name: str
    about: str
    engine: str
    engine_options: dict[str, Option] = Field(default_factory=dict)
    dispersion: Literal["none", "d3bj"] = "none"
    fmax_eV_A: float = Field(gt=0)
    fmax_bulk_eV_A: float = Field(gt=0)
    max_calls: int = Field(ge=1)
    registries: int = Field(ge=1)
    rigid_starts: int = Field(ge=1)
    thickness_A: float = Field(gt=0, description="of a side whose recipe names none")
    floor_A: float = Field(gt=0, description="a thinner side is reported as too thin")
    candidates: int = Field(ge=1, description="placements of a molecule that are built")
    conformers: int = Field(ge=1, description="of a molecule: how many are placed")
    placements: int = Field(ge=1)
    screening: str | None = Field(default=None, description="engine that ranks placements; None: the one that answers")
    screening_calls: int = Field(ge=1)
    refined: int = Field(ge=1, description="conformers of a molecule by itself that the engine computes")
    starts: int = Field(ge=1, description="geometries of a molecule by itself that screening relaxes")
    geometry: str | None = None
    geometry_options: dict[str, Option] = Field(default_factory=dict)
    solvent: str | None = None

    def of_kind(self, kind: str) -> Preset:
        """Return this preset for one kind of system.

        What holds a molecule on a slab is to a good part dispersion, which the engines were not trained on: D3(BJ)
        belongs to the method of an adlayer or a packed layer, and the former's screening is by an engine of a third of
        the cost. Binding energies are some tenths of an eV, and a slab left at 0.10 eV/Å is off by 0.02 eV: the
        threshold is half of that.

        Ions have no energy for an engine that knows no charges: molecules by themselves are computed by B3LYP-D3(BJ) in
        6-31+G* at the geometries of GFN2-xTB.
        """
        if kind == "molecules":
            method = {"engine": "pyscf", "dispersion": "d3bj", "screening": "gfn2-xtb", "solvent": "dme"}
            return self.model_copy(update={**method, "fmax_eV_A": self.fmax_eV_A / 2})
        if kind not in ("adlayer", "packed"):
            return self
        screening = {"screening": "sevennet-0"} if kind == "adlayer" else {}
        return self.model_copy(update={"dispersion": "d3bj", "fmax_eV_A": self.fmax_eV_A / 2, **screening})

    def candidates_of_adlayers(self) -> dict[str, int]:
        """Return what an adlayer's recipe takes from the preset where nobody named it."""
        return self.model_dump(include={"candidates", "conformers"})

    def adjusted(self, calculation: Calculation) -> Preset:
        """Return this preset with what `calculation` sets."""
        return self.model_copy(update=calculation.model_dump(exclude_none=True, exclude={"schema_version"}))

    @property
    def choice(self) -> EngineChoice:
        """The engine, as a job carries it."""
        return EngineChoice(name=self.engine, options=self.engine_options, dispersion=self.dispersion)

    def settings(self, kind: str = "interface") -> dict[str, str | float | int | bool]:
        """Return what goes into the record of a run on a system of one kind."""
        of_all = {"fmax_eV_A", "fmax_bulk_eV_A", "max_calls"}
        return self.model_dump(include=of_all | SETTINGS_OF_KIND[kind])


# Of the engines whose weights come with their package, sevennet-l3i5 is the nearest to PBE on surfaces
# (analysis/surfaces_measured.toml); with the fused convolution it keeps even the time of `quick`.
_ALL = (
    Preset(
        name="quick",
        about="minutes on two cores: three registries, coarse forces, thin slabs",
        engine="sevennet-l3i5",
        fmax_eV_A=0.10,
        fmax_bulk_eV_A=0.03,
        max_calls=400,
        registries=3,
        rigid_starts=6,
        thickness_A=8.0,
        floor_A=8.0,
        candidates=36,
        conformers=6,
        placements=3,
        screening_calls=8,
        refined=1,
        starts=12,
    ),
    Preset(
        name="default",
        about="a quarter of an hour on two cores: six registries, fine forces, thicker slabs",
        engine="sevennet-l3i5",
        fmax_eV_A=0.05,
        fmax_bulk_eV_A=0.02,
        max_calls=800,
        registries=6,
        rigid_starts=16,
        thickness_A=12.0,
        floor_A=10.0,
        candidates=54,
        conformers=6,
        placements=6,
        screening_calls=12,
        refined=3,
        starts=24,
    ),
    Preset(
        name="paper",
        about="a night: thick slabs, tight forces, ten registries",
        engine="sevennet-l3i5",
        fmax_eV_A=0.02,
        fmax_bulk_eV_A=0.01,
        max_calls=2000,
        registries=10,
        rigid_starts=36,
        thickness_A=16.0,
        floor_A=12.0,
        candidates=108,
        conformers=8,
        placements=10,
        screening_calls=20,
        refined=5,
        starts=60,
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})


def preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises
    ------
    RequestError
        For an unknown name, with the nearest ones suggested.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]
