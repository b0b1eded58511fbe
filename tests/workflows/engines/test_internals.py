import cells
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from interlith.structures.geometry import to_text
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.internals import minimise_internally
from interlith.workflows.engines.optimisers import minimise
from interlith.workflows.relaxations import relax

CHEAP = EngineChoice(name="pyscf", options={"functional": "pbe", "basis": "sto-3g", "grid_level": 0})
TIGHT_BINDING = EngineChoice(name="gfn2-xtb")


def start(atoms, choice=TIGHT_BINDING):
    atoms = cells.rattled(atoms)
    atoms.calc = load(choice).calculator()
    return atoms


def test_it_ends_where_cartesian_steps_end():
    atoms = start(molecule("CH3OH"))
    seen = []
    ours = minimise_internally(atoms, fmax=0.01, on_step=lambda *line: seen.append(line))
    theirs = minimise(atoms, fmax=0.02)
    assert ours.converged and ours.fmax_eV_A <= 0.01
    assert ours.energy_eV == pytest.approx(theirs.energy_eV, abs=1e-3)
    assert ours.n_calls == len(seen) == len(ours.energies_eV) < 30
    assert atoms.positions == pytest.approx(start(molecule("CH3OH")).positions), "the start is left untouched"
    assert np.abs(ours.atoms.get_all_distances() - theirs.atoms.get_all_distances()).max() < 0.05


def test_an_unfinished_one_says_so_and_gives_the_lowest():
    found = minimise_internally(start(molecule("CH3OH")), fmax=1e-3, max_calls=3)
    assert (found.converged, found.n_calls) == (False, 3)
    assert found.energy_eV == min(found.energies_eV)


@pytest.mark.parametrize("atoms", [Atoms("Li"), molecule("H2"), molecule("CO2")])
def test_atoms_pairs_and_rods_come_to_rest(atoms):
    atoms = atoms.copy()
    atoms.calc = load(TIGHT_BINDING).calculator()
    found = minimise_internally(atoms, fmax=0.02)
    assert found.converged and len(found.atoms) == len(atoms)


def test_molecular_dft_is_relaxed_so(tmp_path, monkeypatch):
    """On the coarsest grid too: forces are its energy's own slope."""
    monkeypatch.chdir(tmp_path)
    found = relax(to_text(cells.rattled(molecule("H2O"))), CHEAP, fmax=0.02, stage="water")
    assert found.converged and found.optimizer.startswith("geomeTRIC")
    assert found.provenance.n_force_calls == len((tmp_path / "progress.jsonl").read_text().splitlines()) < 12
    assert [file.name for file in tmp_path.iterdir()] == ["progress.jsonl"]
