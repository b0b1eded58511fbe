import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule as ase_molecule
from ase.units import Hartree
from jobflow import run_locally
from rdkit import Chem
from scipy.spatial.transform import Rotation

from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import to_text
from interlith.structures.graphs import to_model
from interlith.structures.molecules import conformers
from interlith.structures.records import MoleculeModel, MoleculeRecipe, Origin
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.molecules import charged, ranked, ranked_job, relaxed
from interlith.workflows.relaxations import static

GFN2 = EngineChoice(name="gfn2-xtb")
ORIGIN = Origin(source="by hand", sha256="0" * 64)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def found(text, k=3) -> list[MoleculeModel]:
    return conformers(MoleculeRecipe(molecule=text), k=k)


def by_hand(smiles, positions) -> MoleculeModel:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    return to_model(mol, np.asarray(positions, dtype=float), smiles, ORIGIN)


def moved(model: MoleculeModel, *, push_A=0.0, turn_deg=0.0) -> MoleculeModel:
    """Return a model turned about an axis and shifted, every coordinate pushed by a normal deviate."""
    atoms = model.atoms
    turn = Rotation.from_rotvec(np.deg2rad(turn_deg) * np.array([0.6, 0.0, 0.8])).as_matrix()
    push = np.random.default_rng(1).normal(0.0, push_A, atoms.positions.shape)
    atoms.positions = atoms.positions @ turn.T + push + [3.0, -1.0, 2.0]
    return model.model_copy(update={"xyz": to_text(atoms)})


def energy(model: MoleculeModel, engine=GFN2) -> float:
    return static(model.xyz, charged(engine, model.facts)).energy_eV


def test_conformers_come_back_at_rest_and_lowest_first():
    start = found("DME", k=3)
    kept = ranked(list(reversed(start)), GFN2, fmax=0.03)
    assert [model.facts.conformer for model in kept] == list(range(len(kept)))
    assert {model.facts.ranked_by for model in kept} == {"GFN2-xTB"}
    energies = [energy(model) for model in kept]
    assert energies == sorted(energies)
    assert [e - energies[0] for e in energies] == pytest.approx([m.facts.relative_energy_eV for m in kept], abs=1e-6)
    assert all(static(model.xyz, GFN2).fmax_eV_A < 0.0301 for model in kept)
    assert all(energy(model) < energy(other) for model, other in zip(kept[:1], start, strict=False))
    assert kept[0].facts.origin.steps[-1] == "relaxed by GFN2-xTB to 0.03 eV/Å"
    assert (kept[0].facts.smiles, kept[0].facts.bonds) == (start[0].facts.smiles, start[0].facts.bonds)


def test_the_lowest_anion_is_no_higher_than_the_lowest_known():
    """TFSI−, −58.62865 Eh by xtb 6.5.1 from a search of its own; without its charge it would be some 4 eV elsewhere."""
    lowest = ranked(found("TFSI-"), GFN2)[0]
    assert lowest.facts.charge_e == -1
    assert energy(lowest) / Hartree < -58.62865 + 5e-5


def test_what_falls_into_one_minimum_is_one_conformer():
    start = found("DOL", k=1)[0]
    kept = ranked([start, moved(start, turn_deg=70), moved(start, push_A=0.05)], GFN2)
    assert len(kept) == 1
    assert kept[0].facts.relative_energy_eV == 0.0


def test_a_conformer_that_is_not_at_rest_is_left_out_and_told():
    start = found("DOL", k=1)[0]
    rested = ranked([start], GFN2, fmax=0.02)[0]
    kept = ranked([moved(rested, push_A=0.1), rested], GFN2, fmax=0.05, max_calls=2)
    assert len(kept) == 1
    assert "left out: conformer 1: not at rest after 2 force calls" in kept[0].facts.origin.steps[-1]
    assert energy(kept[0]) == pytest.approx(energy(rested), abs=1e-4)
    with pytest.raises(ComputationError, match=r"no conformer came to rest whole: not at rest after 2.*DOL"):
        ranked([moved(rested, push_A=0.1)], GFN2, fmax=0.05, max_calls=2)


def test_a_conformer_that_breaks_is_left_out():
    """Hydrogen peroxide pulled to 5.8 Å stays two hydroxyl radicals."""
    whole = found("OO", k=1)[0]
    atoms = whole.atoms
    axis = atoms.positions[1] - atoms.positions[0]
    far = [0.0 if atoms.get_distance(i, 0) < atoms.get_distance(i, 1) else 1.0 for i in range(4)]
    atoms.positions += np.outer(far, 3 * axis)
    broken = whole.model_copy(update={"xyz": to_text(atoms)})
    kept = ranked([broken, whole], GFN2, fmax=0.1)
    assert len(kept) == 1
    assert "left out: conformer 1: bond O0-O1 of" in kept[0].facts.origin.steps[-1]


def test_charge_and_multiplicity_reach_an_engine_that_can_be_told():
    anion, radical = found("TFSI-", k=1)[0].facts, by_hand("[CH3]", ase_molecule("CH3").positions).facts
    assert charged(GFN2, anion).options == {"charge": -1, "multiplicity": 1}
    assert charged(GFN2, radical).options == {"charge": 0, "multiplicity": 2}
    assert charged(EngineChoice(name="gfn1-xtb", options={"charge": -1}), anion).options["charge"] == -1
    with pytest.raises(RequestError, match=r"'gfn2-xtb' is set to charge 1, but TFSI- has charge -1"):
        charged(EngineChoice(name="gfn2-xtb", options={"charge": 1}), anion)


@pytest.mark.parametrize("name", ["chgnet", "sevennet-0", "emt", "ase.calculators.lj.LennardJones"])
def test_an_ion_by_itself_is_refused_by_an_engine_that_cannot_be_told(name):
    ion, molecule = (found(text, k=1)[0] for text in ("TFSI-", "DOL"))
    with pytest.raises(RequestError, match=rf"'{name}' cannot be told that TFSI- has charge -1.*take gfn2-xtb"):
        ranked([ion], EngineChoice(name=name))
    assert charged(EngineChoice(name=name), molecule.facts) == EngineChoice(name=name)


def test_an_engine_of_crystals_gets_a_box_that_leaves_no_trace():
    """Copper's dimer by EMT: periodic inside, a molecule outside; the same energy as without a box."""
    dimer = by_hand("[Cu][Cu]", [[0, 0, 0], [0, 0, 2.4]])
    done = relaxed(dimer, EngineChoice(name="emt"), fmax=0.01, max_calls=50)
    plain = static(dimer.xyz, EngineChoice(name="emt"))
    for text in (done.xyz, done.start_xyz):
        assert 'pbc="F F F"' in text and "Lattice" not in text
    assert done.converged and done.energies_eV[0] == pytest.approx(plain.energy_eV, abs=1e-9)
    assert done.energy_eV < plain.energy_eV


def test_models_of_two_molecules_are_not_ranked_together():
    one, other = (found(text, k=1)[0] for text in ("DME", "CCOCO"))
    assert one.atoms.get_chemical_formula() == "C4H10O2"
    with pytest.raises(RequestError, match=r"CCOCO \(CCOCO\) is no conformer of DME \(COCCOC\)"):
        ranked([one, other], GFN2)
    with pytest.raises(RequestError, match="no conformers"):
        ranked([], GFN2)


def test_the_job_says_what_it_does_and_gives_the_same():
    start = found("DOL", k=1)
    job = ranked_job(start, GFN2)
    answer = run_locally(job, ensure_success=True, log=False)[job.uuid][1].output
    lines = [json.loads(line) for line in Path("progress.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in lines} == {"conformer 1 of 1"}
    assert [MoleculeModel.model_validate(one).xyz for one in answer] == [one.xyz for one in ranked(start, GFN2)]
