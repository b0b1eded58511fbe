"""What flows share: how hard to relax, the relaxed bulk, a named job, and what a preset says of all these."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobflow import Job, Maker, job
from pymatgen.core import Structure

from interlith.analysis.records import Provenance, Relaxation
from interlith.structures.geometry import digest
from interlith.structures.records import Record, SideRecipe
from interlith.workflows.crystals import OrderedCrystal, ordered
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.optimisers import Cell
from interlith.workflows.presets import Preset
from interlith.workflows.relaxations import SOFTWARE, relax


class Effort(Record):
    """How hard a relaxation is tried, and with what."""

    engine: EngineChoice
    fmax_eV_A: float
    max_calls: int

    def relax(self, xyz: str, stage: str, cell: Cell = "fixed") -> Relaxation:
        """Relax `xyz` so; see `workflows.relaxations.relax`."""
        return relax(xyz, self.engine, fmax=self.fmax_eV_A, max_calls=self.max_calls, cell=cell, stage=stage)

    def finer(self, times: float) -> Effort:
        """Return the same effort with a threshold that many times lower."""
        return self.model_copy(update={"fmax_eV_A": self.fmax_eV_A / times})


class Bulk(Record):
    """A relaxed bulk crystal."""

    crystal: OrderedCrystal
    relaxed: Relaxation

    @property
    def structure(self) -> Structure:
        """The relaxed crystal, charges on its species where they are known."""
        return self.crystal.structure(self.relaxed.xyz)


def relax_bulk(side: SideRecipe, effort: Effort) -> Bulk:
    """Order a side's crystal and relax its atoms and cell."""
    crystal = ordered(side)
    return Bulk(crystal=crystal, relaxed=effort.relax(crystal.xyz, f"bulk {Path(side.crystal).name}", "full"))


def searched(engine: EngineChoice, xyz: str, began: float, n_calls: int) -> Provenance:
    """Return the provenance of a search that took `n_calls` evaluations since `began` (`time.perf_counter`)."""
    return Provenance(
        method=load(engine).method(),
        input_sha256=(digest(xyz),),
        software={name: version(name) for name in SOFTWARE},
        wall_s=time.perf_counter() - began,
        n_force_calls=n_calls,
        converged=True,
    )


def named_job(function: Callable[..., Any], name: str, *arguments: Any) -> Job:
    """Return the job that calls a plain function, under a name for people."""
    one = job(function)(*arguments)
    one.name = name
    return one


@dataclass
class PresetMaker(Maker):
    """What makers of flows take from a preset and an engine.

    Attributes
    ----------
    preset
        Thresholds, caps and numbers.
    engine
        What computes all energies that the answer rests on.
    """

    preset: Preset
    engine: EngineChoice

    @property
    def effort(self) -> Effort:
        """Of slabs, molecules and what they make together."""
        return Effort(engine=self.engine, fmax_eV_A=self.preset.fmax_eV_A, max_calls=self.preset.max_calls)

    @property
    def fine(self) -> Effort:
        """Of bulk crystals."""
        return self.effort.model_copy(update={"fmax_eV_A": self.preset.fmax_bulk_eV_A})

    def bulk(self, side: SideRecipe) -> Job:
        """Return the job that relaxes a side's crystal."""
        return named_job(relax_bulk, f"bulk {Path(side.crystal).name}", side, self.fine)

    def asked(self, system: str, recipe: Record, kind: str) -> dict[str, Any]:
        """Return what the record says of the question, by the names of its fields.

        Parameters
        ----------
        system
            Its name.
        recipe
            Of its geometry.
        kind
            Of system, as :meth:`Preset.settings` takes it.
        """
        return {
            "system": system,
            "preset": self.preset.name,
            "recipe": recipe,
            "settings": self.preset.settings(kind),
            "floor_A": self.preset.floor_A,
        }
