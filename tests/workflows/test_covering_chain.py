"""An infinite chain that covers its cell, run whole: PEO along Cu(100) with EMT, every number taken again by hand.

EMT's parameters for C, H and O are for trying things out: the arithmetic is what is looked at.
"""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.data import vdw_alvarez
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from interlith.analysis.records import AdlayerRecord
from interlith.structures.geometry import from_text
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import from_sides
from interlith.workflows.study import study

QUICK = PRESETS["quick"]


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> AdlayerRecord:
    settings = {
        "side_a": {"layers": 2},
        "adlayer": {"chain": "periodic", "clearance_A": 2.0, "candidates": 4, "conformers": 1},
        "calculation": {"placements": 2, "max_calls": 40, "screening_calls": 4},
    }
    spec = from_sides("Cu", "PEO", "100", settings=settings)
    flow = study(spec, QUICK, EngineChoice(name="ase.calculators.emt.EMT"))
    folder = tmp_path_factory.mktemp("chain")
    outputs = run_locally(
        flow, store=JobStore(MemoryStore()), create_folders=True, root_dir=folder, ensure_success=True, log=False
    )
    return outputs[flow.output.uuid][1].output


def energy(atoms: Atoms) -> float:
    alone = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=EMT())
    return float(alone.get_potential_energy())


def test_an_energy_per_area_comes_out_and_none_per_covered_part(record):
    names = {q.quantity for q in record.quantities}
    assert {"interfacial_formation_energy", "interfacial_formation_energy_frozen"} <= names
    assert "binding_energy_per_covered_area" not in names
    assert record.model.covers
    assert not any("% of the cell" in caveat for caveat in record.caveats)


def test_it_is_the_binding_energy_over_the_area_of_the_cell(record):
    a, b, _ = from_text(record.relaxed_xyz).cell.array
    area_m2 = abs(a[0] * b[1] - a[1] * b[0]) * 1e-20
    kept = record.energies_eV
    parts = min(kept["slab_cut"], kept["slab_rejoined"]) + min(kept["conformer_0"], kept["molecule_rejoined"])
    per_area = (kept["complex"] - parts) * units._e / area_m2
    assert record.quantity("interfacial_formation_energy").value == pytest.approx(per_area, rel=1e-6)


def test_a_cell_twice_as_wide_has_the_same_frozen_energy_per_area(record):
    final = from_text(record.relaxed_xyz)
    wide = final.repeat((1, 2, 1))
    side = wide.arrays["side"]
    bound = energy(wide) - energy(wide[side == 0]) - energy(wide[side == 1])
    area_m2 = np.linalg.det(wide.cell.array[:2, :2]) * 1e-20
    frozen = record.quantity("interfacial_formation_energy_frozen").value
    assert frozen == pytest.approx(bound * units._e / area_m2, rel=1e-5)


def test_repeat_units_are_counted_from_the_atoms(record):
    """One oxygen in each unit of PEO."""
    model = record.model
    oxygens = sum(symbol == "O" for symbol in model.atoms.symbols[list(model.side_b)])
    assert model.molecules[0].n_units == oxygens
    binding = record.quantity("binding_energy").value
    assert record.quantity("binding_energy_per_unit").value == pytest.approx(binding / oxygens)


def test_the_chain_is_as_long_as_the_cell_says(record):
    """3.6 Å of a unit of stretched PEO (C-O 1.42, C-C 1.52, angles of 110 to 112°): mismatch by hand within 1 %."""
    model = record.model
    step = model.atoms.cell.lengths()[0] / model.molecules[0].n_units
    free = step / (1 + model.chain_mismatch_percent / 100)
    assert free == pytest.approx(3.6, abs=0.1)
    assert any(f"by {abs(model.chain_mismatch_percent):.1f} %" in caveat for caveat in record.caveats)


def test_what_covers_is_wide_enough_to_cover(record):
    """The outline of the chain's discs along its axis is at least the covered part of the cell's width."""
    model = record.model
    chain = model.atoms[list(model.side_b)]
    radii = vdw_alvarez.vdw_radii[chain.numbers]
    a = model.atoms.cell.array[0, :2]
    across = chain.positions[:, :2] @ np.array([-a[1], a[0]]) / np.linalg.norm(a)
    width = (across + radii).max() - (across - radii).min()
    assert width >= 0.7 * model.area_A2 / np.linalg.norm(a)
