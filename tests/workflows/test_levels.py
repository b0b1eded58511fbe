import pytest
from jobflow import run_locally
from programs import needs_cp2k

from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text
from interlith.structures.records import MoleculeRecipe
from interlith.workflows.dissociation import Methods, search
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.levels import ionise, solve
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import from_molecules, load_system
from interlith.workflows.study import check, study

pytest.importorskip("pyscf")

GFN2 = EngineChoice(name="gfn2-xtb")
SMALL = EngineChoice(name="pyscf", options={"functional": "pbe", "basis": "sto-3g", "grid_level": 0})
DIFFUSE = EngineChoice(name="pyscf", options={"functional": "b3lyp", "basis": "6-31+g*", "grid_level": 1})
QUICK = PRESETS["quick"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def methods(engine, **changes) -> Methods:
    return Methods(engine=engine, screening=GFN2, starts=2, **changes)


def found(text):
    return search("molecule", MoleculeRecipe(molecule=text), methods(SMALL))


def test_water_and_hydroxide_by_a_flow_have_levels_and_energies_of_one_electron():
    spec = from_molecules("levels", [{"molecule": "O"}, {"molecule": "[OH-]"}])
    flow = study(spec.changed({"calculation": {"solvent": "none"}}), QUICK, SMALL)
    record = run_locally(flow, ensure_success=True)[flow.output.uuid][1].output
    assert [one.name for one in record.molecules] == ["O", "[OH-]"]
    assert (record.level.upper(), record.solvent) == ("PBE/STO-3G//GFN2-XTB", None)
    water, hydroxide = record.molecules
    for one in record.molecules:
        assert one.gas.gap_eV > 0 and one.solvated is None
        assert record.quantity(f"HOMO of {one.name}").value == one.gas.homo_eV
        assert one.facts.n_atoms == len(from_text(one.xyz))
    # a charge of −1 lifts every level and makes the electron easier to remove
    assert hydroxide.gas.homo_eV > water.gas.homo_eV
    assert hydroxide.vertical.ionisation_eV < water.vertical.ionisation_eV
    assert water.vertical.affinity_eV < 0
    assert any("not held" in caveat for caveat in record.caveats)
    assert any("Kohn-Sham eigenvalues are no ionisation energies" in caveat for caveat in record.caveats)


def test_a_dielectric_binds_the_electrons_of_an_anion_and_its_unbound_lumo_is_flagged():
    solved = solve(found("[F-]"), methods(DIFFUSE, solvent="dme"))
    assert solved.solvent == "IEF-PCM dme, ε = 7.2"
    # Born's reaction potential in a cavity of 1.2 · 1.47 Å: 14.4 (1 − 1/7.2)/1.76 = 7.0 V, less for what leaks out
    assert 5.6 < solved.gas.homo_eV - solved.solvated.homo_eV < 7.0
    assert solved.gas.lumo_eV > 0
    assert any("gas: the LUMO lies" in caveat and "do not rank it" in caveat for caveat in solved.caveats)


def test_the_ionisation_energy_of_helium_is_that_of_experiment_and_it_takes_no_electron():
    """IP 24.59 eV (NIST); B3LYP's within 0.5 eV, its eigenvalue 6 eV off."""
    solved = solve(found("[He]"), methods(DIFFUSE))
    ions = ionise(solved, DIFFUSE)
    assert ions.ionisation_eV == pytest.approx(24.59, abs=0.5)
    assert -solved.gas.homo_eV < ions.ionisation_eV - 5.0
    assert ions.affinity_eV < 0 and ions.told


def test_the_built_in_system_asks_for_orbitals_in_the_gas_and_a_solvent():
    spec = load_system("levels-electrolyte")
    flow = study(spec, QUICK)
    names = [job.name for job in flow.jobs]
    assert [name.removeprefix("levels of ") for name in names if name.startswith("levels of")] == [
        *("DME", "DOL", "TFSI-", "TFPAA-")
    ]
    assert names[-1] == "record" and len(names) == 13
    with pytest.raises(RequestError, match="'gfn2-xtb' cannot compute orbitals"):
        check(spec, QUICK, GFN2)


@needs_cp2k
def test_levels_of_molecules_are_no_task_of_a_code_of_periodic_cells():
    spec = load_system("levels-electrolyte")
    with pytest.raises(RequestError, match="computes periodic cells"):
        check(spec, QUICK, EngineChoice(name="cp2k"))
