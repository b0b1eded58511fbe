"""How much charge one side of a contact has given to the other, by several partitions, and whether that is anything.

A side's transfer is counted positive where B has lost electrons. Bader's atoms, the share that each side alone has in
the density of both (Hirshfeld's, of sides), and a plane in the gap part one density in three ways: three numbers. What
the grid cannot resolve, what two partitions disagree on, and what Bader's basins cut off the tails of two sides that
have only been laid over each other, is noise; a transfer below it is zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from interlith.analysis.charge import Partition, bader_charges
from interlith.analysis.coarsening import coarser, fills_layer
from interlith.analysis.cores import core_electrons, with_cores
from interlith.analysis.densities import Density, density_difference, sides_of
from interlith.analysis.profiles import Cut, cut_between, planar
from interlith.analysis.records import Provenance
from interlith.structures.errors import RequestError
from interlith.structures.records import Record

Floats = NDArray[np.float64]

LEAST_NOISE_e = 1e-3
"""What a converged grid may lose: no transfer is known better."""
OTHER_ELECTRONS_e = 0.1
"""A charge-density difference that holds more is of densities that do not belong together."""
NEAR_MIDDLE = 1 / 3
"""Part of the gap, about its middle, over which the plane's place must not matter."""
NM2_A2 = 100.0
NEAR_GRID = "between the weight and the near-grid form of Bader's partition"

DEFINITIONS = {
    "bader": "electrons of side B alone minus those of its Bader atoms in the contact, one geometry",
    "hirshfeld": "−∫ w Δρ, w = ρ(B)/(ρ(A) + ρ(B)) of the sides alone",
    "plane": "∫ Δρ over side A's part of the cell, from the far plane to the middle of the gap: ΔQ of the gap",
}

PartitionName = Literal["bader", "hirshfeld", "plane"]


class Transfer(Record):
    """What B has lost by one partition."""

    partition: PartitionName
    definition: str
    b_lost_e: float = Field(description="positive: B has lost electrons, A has gained them")
    noise_e: float = Field(description="the largest of the parts of the noise")
    noise_parts_e: dict[str, float] = Field(description="where the noise comes from")
    per_nm2: float | None = Field(default=None, description="e/nm²; None without a periodic contact")

    @property
    def zero_within_noise(self) -> bool:
        """Whether nothing can be said of the transfer but that it is small."""
        return abs(self.b_lost_e) <= self.noise_e

    @property
    def words(self) -> str:
        """The transfer as a person may quote it."""
        if self.zero_within_noise:
            return f"zero within noise (±{self.noise_e:.2g} e)"
        who = "B to A" if self.b_lost_e > 0 else "A to B"
        return f"{abs(self.b_lost_e):.3f} ± {self.noise_e:.2g} e from {who}"


class AtomShift(Record):
    """One atom's part in a contact."""

    index: int
    element: str
    side: Literal["A", "B"]
    charge_e: float | None = Field(description="Bader charge in the contact; None if no nuclear charges are known")
    gained_e: float = Field(description="Δρ in the atom's Bader basin")


class LayerProfile(Record):
    """Δρ over the layers of the grid, from the far plane upwards."""

    heights_A: tuple[float, ...]
    delta_e_A: tuple[float, ...] = Field(description="∫∫ Δρ dx dy")
    gained_below_e: tuple[float, ...] = Field(description="ΔQ: electrons gained up to each layer's upper edge")
    contact_A: float = Field(description="height of the plane in the gap")
    a_A: tuple[float, float] = Field(description="heights of side A's lowest and highest atom")
    b_A: tuple[float, float] = Field(description="of side B's")


class ChargeRecord(Record):
    """Charge moved between the sides of a contact."""

    transfers: tuple[Transfer, ...]
    atoms: tuple[AtomShift, ...]
    profile: LayerProfile
    axis: Literal["x", "y", "z"]
    delta_total_e: float = Field(description="∫ Δρ over the cell, 0 where the densities belong together")
    delta_in_basins_e: float = Field(description="Δρ summed over the basins of both sides' atoms")
    unassigned_e: float = Field(description="electrons in the contact that are no atom's: vacuum and free maxima")
    moved_e: float = Field(description="½ ∫ |Δρ|: electrons displaced within the cell, polarisation included")
    area_A2: float = Field(description="of the cell's layer")
    per_area: bool = Field(description="whether an amount per area means something")
    points: tuple[int, int, int]
    coarse_points: tuple[int, int, int] = Field(description="the grid that the noise was told from")
    caveats: tuple[str, ...]
    files: dict[str, str] = Field(default_factory=dict, description="cubes of the densities, beside the job")
    provenance: Provenance | None = Field(default=None, description="None for densities of unknown origin")

    def transfer(self, partition: PartitionName) -> Transfer:
        """Return the transfer by one partition."""
        return {one.partition: one for one in self.transfers}[partition]

    @property
    def signs_agree(self) -> bool | None:
        """Whether Bader's transfer and the gap's point one way; None unless both exceed their noise."""
        bader, plane = self.transfer("bader"), self.transfer("plane")
        if bader.zero_within_noise or plane.zero_within_noise:
            return None
        return bader.b_lost_e * plane.b_lost_e > 0


class ThreeDensities(NamedTuple):
    """The densities of a contact and of its sides alone, on one grid.

    Attributes
    ----------
    whole, a, b
        ρ(A|B), ρ(A), ρ(B).
    reference
        What makes the basins of the whole. None for the whole itself, with spherical cores where it leaves them out.
    """

    whole: Density
    a: Density
    b: Density
    reference: Density | None = None


class _Parted(NamedTuple):
    """One grid's answers."""

    bader_e: float
    hirshfeld_e: float
    plane_e: float
    plane_range_e: float
    basins_e: float
    gained_by_b_e: float
    unassigned_e: float
    atoms: tuple[AtomShift, ...]
    free_maxima: int


def charge_record(
    contact: ThreeDensities,
    *,
    axis: int = 2,
    per_area: bool | None = None,
    net_charge_e: float = 0.0,
    provenance: Provenance | None = None,
) -> ChargeRecord:
    """Return what charge has moved between the sides of a contact.

    Parameters
    ----------
    contact
        Its densities; the sides in the geometry that they have in the whole.
    axis
        Along which the sides are stacked.
    per_area
        Whether the cell's layer is a contact that repeats, not a box about molecules; None: see
        :func:`fills_layer`.
    net_charge_e
        Of the whole contact, for the number of electrons expected.
    provenance
        Of the calculations.

    Raises
    ------
    RequestError
        If grids, cells or atoms do not belong together, Δρ does not integrate to zero even nearly, an atom has no
        maximum of its own, or a side has no atoms.
    """
    delta = density_difference(contact.whole, contact.a, contact.b)
    side = sides_of(contact.whole, contact.a, contact.b)
    _check_electrons(delta)
    cut = cut_between(contact.whole, side, axis)
    per_area = fills_layer(contact.whole, axis) if per_area is None else per_area
    fine = _parted(contact, delta, side, (cut, axis))
    whole, *rest = (None if one is None else coarser(one, contact.whole) for one in contact)
    thinned = ThreeDensities(whole, *rest)  # type: ignore[arg-type]
    coarse, lost = _coarse(thinned, side, (cut, axis))
    if "bader" not in coarse:
        coarse["near-grid"] = _bader_e(contact, side, "near-grid")
    profile = planar(delta, axis)
    told = [*_caveats(contact, delta, net_charge_e), *_caveats_of_parting(fine, cut), *lost]
    return ChargeRecord(
        transfers=_transfers(fine, coarse, delta.total_e, profile.area_A2 if per_area else None),
        atoms=fine.atoms,
        profile=_layers(delta, side, cut, axis),
        axis=("x", "y", "z")[axis],
        delta_total_e=delta.total_e,
        delta_in_basins_e=fine.basins_e,
        unassigned_e=fine.unassigned_e,
        moved_e=float(np.abs(delta.values_e_A3).sum()) * delta.voxel_A3 / 2,
        area_A2=profile.area_A2,
        per_area=per_area,
        points=delta.values_e_A3.shape,
        coarse_points=thinned.whole.values_e_A3.shape,
        caveats=tuple(told),
        provenance=provenance,
    )


def _coarse(
    thinned: ThreeDensities, side: NDArray[np.int64], where: tuple[Cut, int]
) -> tuple[dict[str, float], Sequence[str]]:
    """Return what the coarser grid tells by each partition, and why not by Bader's if it is too coarse for that."""
    delta = thinned.whole.with_values(thinned.whole.values_e_A3 - thinned.a.values_e_A3 - thinned.b.values_e_A3)
    smooth = {"hirshfeld": _hirshfeld_e(thinned, delta), "plane": _through_plane(delta, *where)[0]}
    try:
        return smooth | {"bader": _bader_e(thinned, side)}, ()
    except RequestError as fault:
        return smooth, [f"no second grid for Bader's partition, near-grid instead: on half as many points {fault.what}"]


def _bader_e(contact: ThreeDensities, side: NDArray[np.int64], method: Partition = "weight") -> float:
    """Return what B's atoms have lost."""
    shares = bader_charges(contact.whole, reference=contact.reference or _ground(contact.whole), method=method)
    return contact.b.total_e - shares.electrons([int(i) for i in np.flatnonzero(side == 1)])


def _hirshfeld_e(contact: ThreeDensities, delta: Density) -> float:
    """Return what B has lost by the share of each side alone."""
    return -float((_share_of_b(contact) * delta.values_e_A3).sum()) * delta.voxel_A3


def _parted(contact: ThreeDensities, delta: Density, side: NDArray[np.int64], where: tuple[Cut, int]) -> _Parted:
    """Part one grid's Δρ in three ways."""
    cut, axis = where
    ground = contact.reference or _ground(contact.whole)
    shares, gained = (bader_charges(one, reference=ground) for one in (contact.whole, delta))
    of_b = [int(i) for i in np.flatnonzero(side == 1)]
    plane, plane_range = _through_plane(delta, cut, axis)
    atoms = tuple(
        AtomShift(
            index=one.index,
            element=one.element,
            side=("A", "B")[side[one.index]],
            charge_e=one.charge_e,
            gained_e=more.electrons,
        )
        for one, more in zip(shares.atoms, gained.atoms, strict=True)
    )
    return _Parted(
        bader_e=contact.b.total_e - shares.electrons(of_b),
        hirshfeld_e=_hirshfeld_e(contact, delta),
        plane_e=plane,
        plane_range_e=plane_range,
        basins_e=gained.electrons(range(len(side))),
        gained_by_b_e=gained.electrons(of_b),
        unassigned_e=shares.total_e - shares.electrons(range(len(side))),
        atoms=atoms,
        free_maxima=len(shares.free_maxima),
    )


def _ground(whole: Density) -> Density:
    """Return a density with a maximum at each nucleus, as far as its nuclear charges tell."""
    lacking = whole.nuclear_charges is not None and bool(core_electrons(whole).any())
    return with_cores(whole) if lacking else whole


def _share_of_b(contact: ThreeDensities) -> Floats:
    """Return w = ρ(B)/(ρ(A) + ρ(B)); a half where neither has any."""
    a, b = (np.maximum(one.values_e_A3, 0.0) for one in (contact.a, contact.b))
    both = a + b
    share: Floats = np.divide(b, both, out=np.full_like(both, 0.5), where=both > 0)
    return share


def _through_plane(delta: Density, cut: Cut, axis: int) -> tuple[float, float]:
    """Return what side A's part of the cell has gained, and by how much that depends on the plane's place."""
    profile = planar(delta, axis)
    shifts = np.linspace(-0.5, 0.5, 11) * NEAR_MIDDLE * cut.contact_gap_A
    below, above = cut.below_A, cut.above_A
    found = [profile.between(below, above + s) if cut.a_below else profile.between(below + s, above) for s in shifts]
    return profile.between(below, above), float(np.ptp(found)) / 2


def _transfers(
    fine: _Parted, coarse: Mapping[str, float], total_e: float, area_A2: float | None
) -> tuple[Transfer, ...]:
    apart = {"between Bader's and Hirshfeld's share of Δρ": abs(fine.gained_by_b_e + fine.hirshfeld_e)}
    of_bader = {
        "already in the superposed sides": abs(fine.bader_e + fine.gained_by_b_e),
        "electrons of no atom": abs(fine.unassigned_e),
    } | ({NEAR_GRID: abs(fine.bader_e - coarse["near-grid"])} if "near-grid" in coarse else {})
    own: dict[PartitionName, dict[str, float]] = {
        "bader": apart | of_bader,
        "hirshfeld": apart,
        "plane": {"place of the plane": fine.plane_range_e},
    }
    found = []
    for name, parts in own.items():
        value = float(getattr(fine, f"{name}_e"))
        halved = {"grid, against half as many points": abs(value - coarse[name])} if name in coarse else {}
        noise = {"floor": LEAST_NOISE_e, "∫Δρ": abs(total_e)} | parts | halved
        found.append(
            Transfer(
                partition=name,
                definition=DEFINITIONS[name],
                b_lost_e=value,
                noise_e=max(noise.values()),
                noise_parts_e=noise,
                per_nm2=None if area_A2 is None else value * NM2_A2 / area_A2,
            )
        )
    return tuple(found)


def _layers(delta: Density, side: NDArray[np.int64], cut: Cut, axis: int) -> LayerProfile:
    profile = planar(delta, axis)
    first = round(cut.far_A / profile.step_A) * profile.step_A
    shown = profile.starting_at(cut.far_A)
    heights = (delta.grid_fractions[:, axis] * profile.period_A - first) % profile.period_A
    a, b = (heights[side == k] for k in (0, 1))
    return LayerProfile(
        heights_A=tuple(shown.heights_A.tolist()),
        delta_e_A=tuple(shown.integrals.tolist()),
        gained_below_e=tuple(shown.running().tolist()),
        contact_A=(cut.contact_A - first) % profile.period_A,
        a_A=(float(a.min()), float(a.max())),
        b_A=(float(b.min()), float(b.max())),
    )


def _check_electrons(delta: Density) -> None:
    if abs(delta.total_e) > OTHER_ELECTRONS_e:
        more = "more" if delta.total_e > 0 else "fewer"
        raise RequestError(
            f"A|B holds {abs(delta.total_e):.3f} electrons {more} than A and B together",
            "densities",
            "give the sides charges that add up to the whole's, and all three one grid and one set of cores",
        )


def _caveats(contact: ThreeDensities, delta: Density, net_charge_e: float) -> list[str]:
    told = []
    nuclei = contact.whole.nuclear_charges
    error = 0.0 if nuclei is None else contact.whole.total_e - float(nuclei.sum()) + net_charge_e
    if abs(error) > LEAST_NOISE_e:
        told.append(f"the grid holds {error:+.4f} e more than the electrons expected")
    if abs(delta.total_e) > LEAST_NOISE_e:
        told.append(f"Δρ integrates to {delta.total_e:+.4f} e, not to zero")
    return told


def _caveats_of_parting(fine: _Parted, cut: Cut) -> list[str]:
    told = []
    if fine.free_maxima:
        told.append(f"{fine.free_maxima} maxima of the density belong to no atom")
    if abs(fine.unassigned_e) > LEAST_NOISE_e:
        told.append(f"{fine.unassigned_e:.4f} e of the contact are no atom's")
    if cut.astray:
        told.append(f"the sides interlock: {cut.astray} atoms stand beyond the planes that part them best")
    return told
