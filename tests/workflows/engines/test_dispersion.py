from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import cells
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.units import Bohr, Hartree
from dftd3.interface import DispersionModel, RationalDampingParam
from dftd4.interface import DampingParam
from dftd4.interface import DispersionModel as ChargedDispersion

from interlith.structures.errors import RequestError
from interlith.workflows.engines import catalogue, dispersion
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.dispersion import add_dispersion, dispersion_energy, refuse_dispersion

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
    assert dispersion_energy(atoms, entry) == pytest.approx(difference(atoms)[0], abs=1e-6)
    with pytest.raises(RequestError, match="functional behind it is unknown"):
        dispersion_energy(atoms, catalogue.find(EngineChoice(name="emt")))


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


MOLECULAR = {"functional": "b3lyp", "basis": "sto-3g", "grid_level": 1}


@pytest.mark.parametrize("functional", ["b3lyp", "pbe0", "r2scan"])
def test_a_first_principles_engine_is_damped_as_its_functional(functional):
    """The same molecule, not periodic, by simple-dftd3's and dftd4's own tables."""
    atoms = molecule("CH3OH")
    choice = EngineChoice(name="pyscf", options=MOLECULAR | {"functional": functional})
    entry, positions = catalogue.find(choice), atoms.positions / Bohr
    two_body = RationalDampingParam(method=functional, atm=False)
    d3 = DispersionModel(atoms.numbers, positions).get_dispersion(two_body, grad=False)["energy"] * Hartree
    assert dispersion_energy(atoms, entry) == pytest.approx(d3, rel=1e-9)
    for charge in (0, -1):
        model = ChargedDispersion(atoms.numbers, positions, charge)
        d4 = model.get_dispersion(DampingParam(method=functional), grad=False)["energy"] * Hartree
        assert dispersion_energy(atoms, entry, "d4", charge) == pytest.approx(d4, rel=1e-9)
        engine = catalogue.load(
            choice.model_copy(update={"dispersion": "d4", "options": choice.options | {"charge": charge}})
        )
        assert engine.added_energy(atoms) == pytest.approx(d4, rel=1e-9)


def test_a_missing_package_of_dispersion_is_told_with_its_cure(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    # The one thing set aside is the interpreter's list of what is installed.
    monkeypatch.setattr(dispersion, "version", absent)
    with pytest.raises(RequestError, match=r"d4 needs dftd4, not installed here.*pip install dftd4"):
        catalogue.require(EngineChoice(name="pyscf", dispersion="d4"))
