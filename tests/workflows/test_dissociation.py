import numpy as np
import pytest
from jobflow import run_locally

from interlith.analysis.dissociation import identities
from interlith.analysis.records import Method
from interlith.structures.errors import RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.structures.molecules import molecule
from interlith.structures.records import Member, MoleculeRecipe, MoleculesRecipe
from interlith.workflows.dissociation import Methods, dock, energy_of, refine, salt_of, search, superpose, told_part
from interlith.workflows.efforts import Effort
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.presets import PRESETS
from interlith.workflows.spec import from_molecules, load_system
from interlith.workflows.study import check, study

GFN2 = EngineChoice(name="gfn2-xtb")
# Hartree-Fock, which binds the electrons of F-: functions of a ghost would else draw them off.
SMALL_DFT = EngineChoice(name="pyscf", options={"functional": "hf", "basis": "6-31g", "grid_level": 0})
QUICK = PRESETS["quick"]
CHEAP = Methods(engine=GFN2, screening=GFN2, conformers=2, starts=4)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def recipe(*members) -> MoleculesRecipe:
    """Return molecules given as ``role:text``."""
    pairs = [member.partition(":") for member in members]
    return MoleculesRecipe(
        molecules=tuple(Member(recipe=MoleculeRecipe(molecule=text), role=role) for role, _, text in pairs)
    )


def answered(members, engine, **changes):
    """Return the record of a salt, computed in this process."""
    spec = from_molecules("salt", members).changed({"calculation": {"solvent": "none", "starts": 4} | changes})
    flow = study(spec, QUICK, engine)
    return run_locally(flow, ensure_success=True)[flow.output.uuid][1].output


@pytest.fixture(scope="module")
def at_water(tmp_path_factory):
    """LiF at a water molecule, by GFN2-xTB; two conformers of each part where there are two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("water"))
        members = [{"molecule": "[Li+].[F-]", "role": "salt"}, {"molecule": "O", "role": "host"}]
        return answered(members, GFN2, refined=2)


def test_a_hosted_salt_answers_by_every_definition_and_the_identities_hold(at_water):
    lowest = {part.part: part.energy_eV for part in at_water.parts}
    assert set(lowest) == {"cation", "anion", "salt", "host", "host+cation", "host+salt", "host+anion"}
    for name, value in identities(lowest).items():
        assert at_water.quantity(name).value == pytest.approx(value, abs=1e-6)
    assert (at_water.definition, at_water.level) == ("D1", "GFN2-xTB")
    assert at_water.screened_eV == pytest.approx(at_water.values_eV, abs=1e-3)
    # water binds the pair and the ions: what leaves it costs more, what takes it with it less
    values = at_water.values_eV
    assert values["D4"] < values["D1"] < values["D0"] < values["D3"]
    assert at_water.counterpoise_eV == {} and at_water.solvent is None and at_water.longer_chain is None


def test_each_part_keeps_its_atoms_and_says_what_holds_the_cation(at_water):
    held = {part.part: part.conformers[0].shell for part in at_water.parts}
    assert held["host+cation"] == {"O": 1} and held["salt"] == {"F": 1}
    assert held["host+salt"].get("F") == 1 and held["host"] == {}
    for part in at_water.parts:
        sizes = {len(from_text(conformer.xyz)) for conformer in part.conformers}
        assert sizes == {part.facts.n_atoms}
        energies = [conformer.energy_eV for conformer in part.conformers]
        assert energies == sorted(energies) and part.n_found >= len(energies)


def test_everything_that_the_search_did_is_told(at_water):
    assert len(at_water.searched) == len(at_water.parts)
    assert all("relaxed by gfn2-xtb" in line for line in at_water.searched)
    assert at_water.screening.converged and at_water.settings["starts"] == 4
    assert "D1 is one of several definitions" in at_water.caveats[0]


def test_a_tiny_salt_by_dft_has_counterpoise_and_the_basis_in_its_level():
    pytest.importorskip("pyscf")
    found = answered([{"molecule": "[Li+].[F-]", "role": "salt"}], SMALL_DFT)
    assert found.level == "Hartree–Fock/6-31G//GFN2-xTB"
    assert found.definition == "D0" and found.host is None
    lowest = {part.part: part.energy_eV for part in found.parts}
    assert found.quantity("D0").value == pytest.approx(lowest["cation"] + lowest["anion"] - lowest["salt"], abs=1e-6)
    # the partner's functions lower each ion: the corrected value is the smaller one
    assert found.counterpoise_eV["D0"] < found.quantity("D0").value - 0.01
    assert found.quantity("D0_counterpoise").value == found.counterpoise_eV["D0"]
    assert not any("no counterpoise" in caveat for caveat in found.caveats)
    assert any("minima of GFN2-xTB, not of the level" in caveat for caveat in found.caveats)


def test_ghosts_that_are_far_away_give_nothing():
    pytest.importorskip("pyscf")
    salt = search("salt", MoleculeRecipe(molecule="[Li+].[F-]"), CHEAP)
    atoms = salt.models[0].atoms
    atoms.positions[1] = atoms.positions[0] + [0.0, 0.0, 40.0]
    apart = refine(salt, 0, Methods(engine=SMALL_DFT, screening=GFN2))
    apart = apart.model_copy(update={"conformer": apart.conformer.model_copy(update={"xyz": to_text(atoms)})})
    found = superpose("D0", salt, [apart], SMALL_DFT)
    assert [own - whole for own, whole in found.fragments_eV] == pytest.approx([0.0, 0.0], abs=1e-4)
    assert superpose("D0", salt, [apart], GFN2) is None


def test_a_geometry_engine_brings_each_conformer_to_its_own_rest():
    pytest.importorskip("pyscf")
    salt = search("salt", MoleculeRecipe(molecule="[Li+].[F-]"), CHEAP)
    rest = Effort(engine=SMALL_DFT, fmax_eV_A=0.02, max_calls=100)
    own, other = (refine(salt, 0, CHEAP.model_copy(update={"geometry": geometry})) for geometry in (None, rest))
    # at another engine's minimum the energy is higher: each is the lowest at its own
    assert other.conformer.energy_eV > own.conformer.energy_eV
    assert other.conformer.shortest_hold_A != pytest.approx(own.conformer.shortest_hold_A, abs=1e-3)
    assert refine(salt, len(salt.models), CHEAP) is None


def test_complexes_are_docked_from_several_pairs_and_named_alike():
    host, salt = (
        search(part, MoleculeRecipe(molecule=text), CHEAP) for part, text in (("host", "COC"), ("salt", "[Li+].[F-]"))
    )
    found = dock("host+salt", host, salt, CHEAP)
    assert found.n_started <= CHEAP.starts and len(found.models) >= 1
    assert found.models[0].facts.formula == "C2H6FLiO"
    assert found.energies_eV == sorted(found.energies_eV)
    assert found.energy_eV < host.energy_eV + salt.energy_eV


def test_an_energy_is_that_of_the_molecules_own_charge():
    ion = molecule(MoleculeRecipe(molecule="[Li+]"))
    energy, provenance = energy_of(ion, GFN2)
    assert isinstance(provenance.method, Method) and provenance.method.settings["charge"] == 1
    assert np.isfinite(energy)


def test_a_built_in_system_names_its_parts_and_takes_the_engines_of_its_kind():
    spec = load_system("litfsi-pdol")
    salt = salt_of(spec.recipe)
    assert (salt.salt.molecule, salt.cation.molecule, salt.anion.molecule) == ("LiTFSI", "Li+", "TFSI-")
    assert salt.host.n == 1 and salt.longer.n == 2
    assert told_part("host+salt", salt) == "P-DOL with LiTFSI" and told_part("cation", salt) == "Li+"
    assert salt_of(load_system("litfsi").recipe).longer is None
    flow = study(spec, QUICK, GFN2)
    names = [job.name for job in flow.jobs]
    assert {"conformers of P-DOL with Li+", "one unit more", "counterpoise of D1", "record"} <= set(names)
    assert names.count("LiTFSI, conformer 1") == 1


def test_ions_are_found_where_nobody_names_them_for_any_salt():
    salt = salt_of(recipe("salt:LiFSI", "host:CC#N"))
    assert (salt.cation.molecule, salt.anion.molecule) == ("Li+", "FSI-")


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (("host:DME",), "0 molecules of role 'salt'"),
        (("salt:LiTFSI", "host:DME", "host:DOL"), "2 molecules of role 'host'"),
        (("salt:LiTFSI", "molecule:DME"), "1 molecules of role 'molecule'"),
        (("salt:DME",), "does not split"),
        (("salt:Cu(TFPAA)2",), "does not split"),
        (("salt:LiTFSI", "anion:FSI-"), "FSI- is not the anion of LiTFSI, which is TFSI-"),
        (("salt:LiTFSI", "cation:[Na+]"), r"\[Na\+\] is not the cation"),
        (("salt:LiTFSI", "host:LiFSI"), "host LiFSI is several fragments"),
        (("salt:LiTFSX",), "LiTFSX"),
        (("salt:LiTFSI", "host:no-such"), "no-such"),
    ],
)
def test_what_is_no_salt_with_one_host_is_refused(members, told):
    with pytest.raises(RequestError, match=told):
        salt_of(recipe(*members))


@pytest.mark.parametrize(
    ("system", "engine", "told"),
    [
        ("litfsi", "sevennet-0", "computes periodic cells"),
        ("litfsi", "emt", "does not know|periodic cells"),
        ("levels-electrolyte", "gfn2-xtb", "cannot compute orbitals"),
    ],
)
def test_engines_that_cannot_are_refused_before_anything_runs(system, engine, told):
    with pytest.raises(RequestError, match=told):
        check(load_system(system), QUICK, EngineChoice(name=engine))
