from dataclasses import replace

import cells
import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr, Hartree
from dftd3.interface import DispersionModel, RationalDampingParam

from interlith.structures.errors import RequestError
from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.dispersion import add_dispersion, d3bj_energy, refuse_dispersion

PLAIN = EngineChoice(name="sevennet-0")
WITH = EngineChoice(name="sevennet-0", dispersion="d3bj")
# PBE-D3(BJ): Grimme, Ehrlich, Goerigk, J. Comput. Chem. 32, 1456 (2011), table 2.
S8, A1, A2_BOHR = 0.7875, 0.4289, 4.4407


def difference(atoms):
    found = []
    for choice in (PLAIN, WITH):
        atoms.calc = catalogue.load(choice).calculator()
        found.append((atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    return [new - old for old, new in zip(*found, strict=True)]


def test_dispersion_binds_and_squeezes():
    atoms = cells.lithium()
    energy, forces, stress = difference(atoms)
    # The C6 of neutral lithium is large: some tenths of an eV per atom, which is why it is never silent.
    assert -0.4 < energy / len(atoms) < -0.02
    assert np.abs(forces).max() < 0.5
    assert stress[:3].mean() > 0, "an attraction pulls the cell together: tension"


def test_the_damping_is_two_body_d3bj_of_pbe():
    """The parameters written out, from the paper, give the same energy of an argon pair and of a trimer."""
    trimer = Atoms("Ar3", [[0, 0, 0], [0, 0, 4.0], [0, 3.5, 2.0]])
    explicit = RationalDampingParam(s6=1.0, s8=S8, s9=0.0, a1=A1, a2=A2_BOHR)
    for atoms in (trimer[:2], trimer):
        expected = DispersionModel(atoms.numbers, atoms.positions / Bohr).get_dispersion(explicit, grad=False)
        atoms.calc = catalogue.load(WITH).calculator().mixer.calcs[1]
        assert atoms.get_potential_energy() == pytest.approx(expected["energy"] * Hartree, rel=1e-6)


def test_the_energy_alone_is_what_is_added():
    atoms = cells.lithium()
    entry = catalogue.find(PLAIN)
    assert d3bj_energy(atoms, entry) == pytest.approx(difference(atoms)[0], abs=1e-6)
    with pytest.raises(RequestError, match="functional behind it is unknown"):
        d3bj_energy(atoms, catalogue.find(EngineChoice(name="emt")))


def test_the_method_says_that_dispersion_was_added():
    plain, added = catalogue.load(PLAIN).method(), catalogue.load(WITH).method()
    assert (plain.dispersion, added.dispersion) == (None, "D3(BJ)")
    assert added.settings["d3_parameters"] == "pbe" and added.settings["dftd3"]
    assert added.weights_sha256 == plain.weights_sha256
    assert added.level.endswith("D3(BJ)")


@pytest.mark.parametrize("name", ["emt", "ase.calculators.lj.LennardJones"])
def test_dispersion_is_refused_while_building_where_the_functional_is_unknown(name):
    with pytest.raises(RequestError, match="functional behind it is unknown") as caught:
        catalogue.require(EngineChoice(name=name, dispersion="d3bj"), "energy")
    assert repr(name) in str(caught.value)


def test_dispersion_is_never_added_twice():
    with pytest.raises(RequestError, match="already"):
        refuse_dispersion(replace(catalogue.ENTRIES["chgnet"], includes_dispersion=True))
    with pytest.raises(RequestError, match="already"):
        add_dispersion(catalogue.load(WITH))


def test_what_dispersion_does_not_reach_is_lost():
    able = replace(
        catalogue.load(PLAIN), entry=replace(catalogue.ENTRIES["chgnet"], capabilities=frozenset({"energy", "density"}))
    )
    assert add_dispersion(able).capabilities == {"energy"}
