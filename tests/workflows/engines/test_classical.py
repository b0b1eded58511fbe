import cells
import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones

from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice


def test_emt_is_ases_own():
    atoms = cells.copper_gold()
    atoms.calc = catalogue.load(EngineChoice(name="emt")).calculator()
    ours = atoms.get_forces()
    atoms.calc = EMT()
    assert np.array_equal(ours, atoms.get_forces())


def test_emt_of_a_side_does_not_depend_on_what_lies_far_away():
    """EMT's cut-off must not follow the largest atom present, or E(A|B) − E(A) − E(B) would compare two potentials."""
    slab = cells.aluminium_copper_slab()
    slab.cell[2, 2] += 40.0
    slab.positions[slab.arrays["side"] == 1, 2] += 25.0
    energies = []
    for part in (slab, slab[slab.arrays["side"] == 0], slab[slab.arrays["side"] == 1]):
        part.calc = catalogue.load(EngineChoice(name="emt")).calculator()
        energies.append(part.get_potential_energy())
    assert energies[0] == pytest.approx(energies[1] + energies[2], abs=1e-9)


def test_options_reach_a_calculator_named_by_its_path():
    options = {"sigma": 2.5, "epsilon": 0.4, "rc": 6.0}
    engine = catalogue.load(EngineChoice(name="ase.calculators.lj.LennardJones", options=options))
    atoms = cells.copper_gold()
    atoms.calc = engine.calculator()
    ours = atoms.get_potential_energy()
    atoms.calc = LennardJones(**options)
    assert ours == atoms.get_potential_energy()
    assert engine.method().settings == options
    assert engine.method().surrogate and engine.method().functional is None
