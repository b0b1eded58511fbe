from pathlib import Path

import cells
import contract
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import read
from ase.units import Bohr, Hartree

from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.tightbinding import load_tblite

HAMILTONIANS = ("gfn1-xtb", "gfn2-xtb")
RECORDED = {
    atoms.info["name"]: atoms for atoms in read(Path(__file__).parents[2] / "recorded" / "xtb.extxyz", index=":")
}


def engine(name="gfn2-xtb", **options):
    return catalogue.load(EngineChoice(name=name, options=options))


def energy(atoms, name="gfn2-xtb", **options) -> float:
    return contract.energy(engine(name, **options), atoms)


@pytest.mark.parametrize("name", HAMILTONIANS)
@pytest.mark.parametrize("which", RECORDED)
def test_numbers_are_those_of_the_xtb_program(which, name):
    theirs = RECORDED[which]
    ours = Atoms(theirs.symbols, theirs.positions)
    ours.calc = engine(
        name, charge=int(theirs.info["charge"]), multiplicity=int(theirs.info["multiplicity"])
    ).calculator()
    key = name[:4]
    assert ours.get_potential_energy() / Hartree == pytest.approx(theirs.info[f"{key}_Eh"], abs=1e-6)
    assert -ours.get_forces() / (Hartree / Bohr) == pytest.approx(theirs.arrays[f"{key}_gradient"], abs=2e-6)
    assert ours.get_charges() == pytest.approx(theirs.arrays[f"{key}_charges"], abs=1e-4)


@pytest.mark.parametrize("name", HAMILTONIANS)
def test_an_ion_keeps_the_contract(name):
    anion = cells.rattled(RECORDED["2,4,5-trifluorophenylacetate"], amplitude_A=0.04)
    loaded = engine(name, charge=-1)
    contract.forces_are_the_energys_slope(loaded, anion, n=2)
    contract.charges_sum_to_the_total(loaded, anion)
    contract.same_input_same_number(engine(name), cells.methanol())


@pytest.mark.parametrize("name", HAMILTONIANS)
def test_electrons_are_held(name):
    """An electron costs water (12.6 eV in nature) and lithium (5.4 eV) 4 to 8 eV too much, as the catalogue says."""
    for atoms, measured in ((molecule("H2O"), 12.6), (Atoms("Li"), 5.4)):
        assert 3.5 < energy(atoms, name, charge=1) - energy(atoms, name) - measured < 8.5
    assert energy(molecule("H2O"), name, multiplicity=3) > energy(molecule("H2O"), name) + 5


def test_unset_multiplicity_is_the_lowest_for_every_molecule_the_engine_sees():
    """One warm engine, an even and an odd number of electrons in turn; also for lanthanides, three electrons each."""
    for atoms, lowest in ((molecule("CH3"), 2), (molecule("CH4"), 1), (molecule("CH3"), 2), (Atoms("Ce"), 2)):
        assert energy(atoms) == energy(atoms, multiplicity=lowest)


def test_charges_and_spins_on_the_atoms_are_not_looked_at():
    water = molecule("H2O")
    neutral = energy(water)
    water.set_initial_charges([-1.0, 0.5, 0.5 + 1])
    water.set_initial_magnetic_moments([2.0, 0, 0])
    assert energy(water) == neutral


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        ("Li", {"charge": 2}, "charge \\+2 leaves -1 valence electrons for 4 orbitals.*from -7 to \\+1"),
        ("H", {"charge": -3}, "charge -3 leaves 4 valence electrons for 1 orbitals"),
        ("LiF", {"multiplicity": 2}, "multiplicity 2 does not go with 8 valence electrons.*lowest is 1; is the charge"),
        ("LiF", {"charge": 1, "multiplicity": 1}, "multiplicity 1 does not go with 7 valence electrons at charge \\+1"),
        ("H2", {"multiplicity": 5}, "multiplicity 5 does not go with 2"),
        ("LiF", {"charge": 0.5}, "charge = 0.5 is no whole number"),
        ("LiF", {"charge": True}, "charge = True is no whole number"),
        ("LiF", {"charge": "minus one"}, "'minus one' is no whole number"),
        ("LiF", {"multiplicity": 0}, "multiplicity 0: the least is 1"),
        ("LiF", {"spin": 1}, "no option spin.*known: charge, multiplicity"),
    ],
)
def test_electrons_that_cannot_be_are_refused_before_anything_runs(formula, options, words):
    """tblite itself ends the process for the first, and drops electrons for the second."""
    with pytest.raises(RequestError, match=words):
        engine("gfn2-xtb", **options).check(Atoms(formula))


def test_without_a_check_the_calculator_refuses_too():
    with pytest.raises(RequestError, match="leaves -1 valence electrons"):
        energy(Atoms("Li"), charge=2)


def test_no_solution_is_a_failed_computation():
    stretched = Atoms("Fe4O4", positions=4.0 * np.indices((2, 2, 2)).reshape(3, -1).T)
    with pytest.raises(ComputationError, match=r"GFN2-xTB finds no solution.*Fe4O4") as caught:
        energy(stretched)
    assert caught.value.exit_status == 1


@pytest.mark.parametrize("name", HAMILTONIANS)
def test_what_needs_more_than_a_molecule_is_refused_while_building(name):
    with pytest.raises(RequestError, match=f"'{name}' cannot compute stress"):
        catalogue.require(EngineChoice(name=name), "energy", "forces", "stress")
    with pytest.raises(RequestError, match=f"'{name}': it describes dispersion already"):
        catalogue.require(EngineChoice(name=name, dispersion="d3bj"))
    assert catalogue.require(EngineChoice(name=name), "energy", "forces", "charges").functional is None


def test_the_method_tells_charge_and_spin():
    said = engine(charge=-1, multiplicity=2).method()
    assert (said.settings["charge"], said.settings["multiplicity"]) == (-1, 2)
    assert (said.surrogate, said.level) == (True, "GFN2-xTB")
    assert engine().method().settings["multiplicity"] == "lowest"


def test_several_threads_change_the_last_digits_at_most(monkeypatch):
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("INTERLITH_THREADS", threads)
        found.append(contract.energy(load_tblite(catalogue.ENTRIES["gfn2-xtb"], {}), molecule("C6H6")))
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    monkeypatch.delenv("INTERLITH_THREADS")
    assert found[0] == contract.energy(load_tblite(catalogue.ENTRIES["gfn2-xtb"], {}), molecule("C6H6"))
