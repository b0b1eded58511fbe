import cells
import contract
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.units import Bohr, Hartree
from pyscf import dft, gto

from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.electronic import Wanted, electronic
from interlith.workflows.engines.electrons import charged

SMALL = {"functional": "pbe", "basis": "sto-3g", "grid_level": 1}
HYDROXIDE = Atoms("OH", [[0, 0, 0], [0, 0, 0.97]])


def choice(dispersion="none", **options):
    return EngineChoice(name="pyscf", options=options, dispersion=dispersion)


def answer(atoms, wanted=None, dispersion="none", **options):
    return electronic(atoms, choice(dispersion, **options), wanted or Wanted())


def energy(atoms, dispersion="none", **options):
    return answer(atoms, None, dispersion, **options).energy_eV


def lithium_hydride():
    atoms = cells.rattled(Atoms("LiH", [[0, 0, 0], [0, 0, 1.9]]))
    atoms.set_cell([200.0] * 3)
    return atoms


@pytest.mark.parametrize("clause", contract.MECHANICS + contract.MOLECULES)
def test_the_engine_keeps_the_contract(clause):
    """Two molecules stand otherwise than one alone: only a fine grid keeps their energies to 1e-5 eV then."""
    far = clause in (contract.energy_is_extensive, contract.far_molecules_do_not_feel_each_other)
    clause(catalogue.load(choice(**(SMALL | {"grid_level": 4 if far else 1}))), lithium_hydride())


def test_elements_that_the_basis_lacks_are_named():
    contract.unknown_elements_are_named(catalogue.load(choice()), cells.methanol(), "I")
    catalogue.load(choice(basis="def2-svp")).check(Atoms("I", positions=[[0, 0, 0]]))


@pytest.mark.parametrize("options", [SMALL | {"charge": 1}, SMALL | {"functional": "r2scan", "solvent": "water"}])
def test_forces_are_the_slope_on_a_coarse_grid_too(options):
    """Open shells, meta-GGAs and solvents: the grid's and the cavity's response are within."""
    engine, atoms = catalogue.load(choice(**options)), lithium_hydride()
    contract.forces_are_the_energys_slope(engine, atoms, n=1)
    assert contract.forces(engine, atoms).sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-6)


def test_the_default_is_pyscfs_own_b3lyp():
    """The same calculation written out in PySCF's words."""
    water = molecule("H2O")
    plain = gto.M(
        atom=list(zip(water.symbols, water.positions / Bohr, strict=True)), unit="B", basis="6-31+g*", verbose=0
    )
    field = dft.RKS(plain).density_fit(auxbasis="def2-universal-jkfit")
    field._chkfile.close()
    field.xc, field.grids.level, field.chkfile = "b3lypg", 2, None
    found = answer(water, Wanted(orbitals=True, charges=True))
    assert found.energy_eV == pytest.approx(field.kernel() * Hartree, abs=1e-3)  # the grid stands otherwise
    gap = field.mo_energy[5] - field.mo_energy[4]
    assert found.levels.gap_eV == pytest.approx(gap * Hartree, abs=1e-3)
    assert found.levels.eigenvalues_eV[0] == pytest.approx(field.mo_energy[:17] * Hartree, abs=1e-3)
    assert found.levels.occupations == ((2.0,) * 5 + (0.0,) * 12,)
    assert found.charges_e["mulliken"] == pytest.approx(field.mulliken_pop(verbose=0)[1], abs=1e-4)
    dipole = np.linalg.norm(contract_dipole(water))
    assert dipole == pytest.approx(np.linalg.norm(field.dip_moment(unit="AU", verbose=0)) * Bohr, abs=1e-4)


def contract_dipole(atoms):
    """Return the dipole, and see that it turns with the molecule."""
    calculator = catalogue.load(choice()).calculator()
    turned = atoms.copy()
    turned.rotate(70, (1, 2, 3))
    back = np.linalg.lstsq(turned.positions - turned.positions[0], atoms.positions - atoms.positions[0], rcond=None)[0]
    there, here = (calculator.get_property("dipole", a) for a in (turned, atoms))
    assert there @ back == pytest.approx(here, abs=1e-5)
    return here


RECORDED_HA = [
    ("H2O", "none", {}, -76.42118162),
    ("LiF", "d3bj", {"functional": "pbe", "basis": "def2-svp"}, -107.20771880),
]
"""PySCF 2.14.0, dftd3 1.7.0."""


@pytest.mark.parametrize(("name", "dispersion", "options", "recorded"), RECORDED_HA)
def test_energies_that_were_recorded_come_again(name, dispersion, options, recorded):
    atoms = molecule("H2O") if name == "H2O" else Atoms("LiF", [[0, 0, 0], [0, 0, 1.6]])
    assert energy(atoms, dispersion, **options) / Hartree == pytest.approx(recorded, abs=1e-5)


def test_lithium_gives_up_its_electron_for_what_was_measured():
    """B3LYP/6-31+G*: 5.62 eV; 5.39 eV in nature."""
    lithium = Atoms("Li")
    assert energy(lithium, charge=1) - energy(lithium) == pytest.approx(5.62, abs=0.01)


def test_hydrogen_is_a_doublet_whose_electron_is_all_spin():
    hydrogen = answer(Atoms("H"), Wanted(density=True, spin=True, orbitals=True, charges=True, spacing_A=0.2))
    assert hydrogen.energy_eV == pytest.approx(-13.6, abs=0.1)
    assert hydrogen.spin.values_e_A3 == pytest.approx(hydrogen.density.values_e_A3)
    assert hydrogen.homo.values_e_A3 == pytest.approx(hydrogen.density.values_e_A3)
    assert len(hydrogen.levels.eigenvalues_eV) == 2
    assert [sum(spin) for spin in hydrogen.levels.occupations] == [1, 0]
    assert hydrogen.charges_e["mulliken"] == pytest.approx((0.0,), abs=1e-6)


def test_a_proton_has_no_energy_and_no_levels():
    proton = answer(Atoms("H"), Wanted(orbitals=True), **SMALL, charge=1)
    assert (proton.energy_eV, proton.levels) == (0.0, None)


def test_parting_the_ions_closes_with_ionisation_and_affinity():
    """LiF → Li + F, then an electron from one to the other: the same as LiF → Li+ + F−."""
    pair = Atoms("LiF", [[0, 0, 0], [0, 0, 1.6]])
    li, f = pair[:1], pair[1:]
    neutral = energy(li, **SMALL) + energy(f, **SMALL) - energy(pair, **SMALL)
    ions = energy(li, **SMALL, charge=1) + energy(f, **SMALL, charge=-1) - energy(pair, **SMALL)
    ionisation = energy(li, **SMALL, charge=1) - energy(li, **SMALL)
    affinity = energy(f, **SMALL) - energy(f, **SMALL, charge=-1)
    assert ions == pytest.approx(neutral + ionisation - affinity, abs=1e-6)
    assert ionisation > 4 and ions > neutral


def test_another_charge_is_the_same_engine_in_its_lowest_spin():
    water = choice(**SMALL, multiplicity=3, charge=0)
    cation = charged(water, 1)
    assert cation.options == SMALL | {"charge": 1}
    assert charged(cation, 0, 3) == water


def test_ghosts_lower_the_energy_and_bring_no_electrons():
    two = molecule("H2O")
    two.extend(Atoms("H2O", molecule("H2O").positions[[1, 2, 0]] + [0, 0, 2.8]))
    ghosts = np.arange(6) > 2
    wanted = Wanted(ghosts=ghosts, charges=True, density=True, spacing_A=0.2)
    lent, alone = answer(two, wanted, "d3bj", **SMALL), energy(two[:3], "d3bj", **SMALL)
    assert -1.0 < lent.energy_eV - alone < -1e-4
    assert lent.density.nuclear_charges.tolist() == [8, 1, 1, 0, 0, 0]
    assert lent.density.total_e == pytest.approx(10, abs=5e-3)
    assert sum(lent.charges_e["mulliken"]) == pytest.approx(0, abs=1e-6)


def test_a_solvent_holds_an_anion_the_better_the_more_polar_it_is():
    ions = [energy(HYDROXIDE, **SMALL, charge=-1, solvent=s) for s in ("none", "dmc", "dme", "water", 1e6)]
    assert ions == sorted(ions, reverse=True)
    assert ions[0] - ions[-1] == pytest.approx(14.4 / 2 / 1.9, rel=0.4), "Born: a charge in a sphere of some 1.9 Å"
    assert energy(HYDROXIDE, **SMALL, charge=-1, solvent="dme", solvent_model="cpcm") < ions[0] - 2
    assert energy(HYDROXIDE, **SMALL, charge=-1, solvent="water", solvent_model="smd") < ions[0] - 2


@pytest.mark.parametrize(("dispersion", "label"), [("d3bj", "D3(BJ)"), ("d4", "D4")])
def test_dispersion_is_added_to_energy_and_forces_and_to_nothing_else(dispersion, label):
    methane = molecule("CH4")
    plain, added = (catalogue.load(choice(d, **SMALL)) for d in ("none", dispersion))
    more = contract.energy(added, methane) - contract.energy(plain, methane)
    assert -0.5 < more < -0.005
    assert contract.forces(added, methane) == pytest.approx(contract.forces(plain, methane), abs=0.1)
    assert answer(methane, Wanted(), dispersion, **SMALL).energy_eV == contract.energy(added, methane)
    assert added.calculator().get_property("charges", methane) == pytest.approx(
        plain.calculator().get_property("charges", methane), abs=1e-12
    )
    assert added.method().dispersion == label and added.method().level == f"PySCF, PBE/STO-3G, {label}"
    assert "density" in catalogue.require(choice(dispersion, **SMALL), "energy", "density", "orbitals").capabilities


def test_every_rung_of_the_ladder_finds_the_same_field():
    """Few iterations each: what plain DIIS does not reach, the next rungs do."""
    found = {n: answer(molecule("H2O"), None, basis="sto-3g", grid_level=1, max_cycle=n) for n in (50, 4, 2)}
    rungs = [one.rung for one in found.values()]
    assert rungs == ["DIIS from atomic densities", "damping and level shift, then DIIS", "second order"]
    assert [found[n].energy_eV for n in (4, 2)] == pytest.approx([found[50].energy_eV] * 2, abs=1e-6)


def test_what_no_rung_solves_is_a_failed_computation():
    with pytest.raises(
        ComputationError, match=r"no self-consistent field within 1 iterations each of DIIS.*H2O"
    ) as caught:
        energy(molecule("H2O"), **SMALL, max_cycle=1)
    assert caught.value.exit_status == 1


def test_an_unstable_solution_is_left_where_that_is_asked():
    """C2+ in its doublet: plain DIIS ends on a saddle of its own orbitals."""
    carbon = Atoms("C2", [[0, 0, 0], [0, 0, 1.4]])
    plain, tested = (answer(carbon, None, **SMALL, charge=1, stability=s) for s in (False, True))
    assert tested.energy_eV < plain.energy_eV - 0.3
    assert ("instability" in tested.rung, "instability" in plain.rung) == (True, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"basis": "6-31+h*"}, r"unknown basis '6-31\+h\*'.*did you mean 6-31\+G\*"),
        ({"basis": "def2-svpp"}, "did you mean def2-SVP"),
        ({"functional": "b3lpy"}, "unknown functional 'b3lpy'.*did you mean B3LYP"),
        ({"functional": "b97-3c"}, "'b97-3c' names more than a functional.*own basis"),
        ({"functional": "b3lyp-d3bj"}, "write functional = b3lyp; dispersion"),
        ({"functional": "wb97x-d3"}, "'wb97x-d3' names more than a functional"),
        ({"solvent": "dmw"}, "unknown solvent 'dmw'.*did you mean dm"),
        ({"solvent": "dol", "solvent_model": "smd"}, "unknown SMD solvent 'dol'"),
        ({"solvent": "water", "solvent_model": "cosmo"}, "unknown solvent model 'cosmo'"),
        ({"solvent": 0.5}, "dielectric constant 0.5"),
        ({"charge": 20}, r"charge \+20 leaves -10 electrons"),
        ({"charge": -60}, "charge -60 leaves 70 electrons for 7 orbitals"),
        ({"multiplicity": 2}, "multiplicity 2 does not go with 10 electrons at charge \\+0.*lowest is 1"),
        ({"charge": 0.5}, "charge = 0.5 is no whole number"),
        ({"grid_level": 12}, "grid_level = 12.*from 0 to 9"),
        ({"density_fit": "no"}, "density_fit = 'no' is neither true nor false"),
        ({"conv_tol": 0}, "conv_tol = 0"),
        ({"colour": 1}, "no option colour.*known: basis, charge"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, words):
    with pytest.raises(RequestError, match=words) as caught:
        catalogue.load(choice(**(SMALL | options))).check(molecule("H2O"))
    assert caught.value.exit_status == 2 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("functional", "dispersion", "words"),
    [
        ("wb97x_v", "d3bj", "it describes dispersion already"),
        ("wb97x", "d3bj", r"no D3\(BJ\) damping parameters for WB97X"),
        ("m06-2x", "d4", "no D4 damping parameters for M06-2X"),
    ],
)
def test_dispersion_that_does_not_go_with_the_functional_is_refused(functional, dispersion, words):
    with pytest.raises(RequestError, match=words):
        catalogue.require(choice(dispersion, functional=functional))


def test_the_method_says_everything_that_the_energy_depends_on():
    method = catalogue.load(choice(solvent="dme", charge=-1, functional="pbe0")).method()
    assert method.level == "PySCF, PBE0/6-31+G*"
    assert (method.functional, method.surrogate, method.engine_version[:2]) == ("PBE0", False, "2.")
    expected = {"basis": "6-31+G*", "auxiliary_basis": "def2-universal-jkfit", "grid_level": 2, "charge": -1}
    assert method.settings.items() >= (expected | {"solvent": "IEF-PCM dme, ε = 7.2", "multiplicity": "lowest"}).items()
    assert catalogue.load(choice()).method().functional == "B3LYP (VWN-RPA)"


def test_no_file_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    energy(molecule("H2O"), **SMALL, memory_MB=100)
    assert not list(tmp_path.iterdir())
