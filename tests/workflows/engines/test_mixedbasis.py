"""CP2K without the program where none is needed; the shortest calculations where it is."""

import os
import signal
import subprocess
import sys
import time

import cells
import numpy as np
import psutil
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from programs import needs_cp2k
from recorded.cp2k_cases import QUICK, hydrogen, lif, lif_slab, lithium_hydride, lithium_slab, oligomer

from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.geometry import from_text, to_text
from interlith.workflows.engines import catalogue, cp2k_input
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.cp2k_elements import VALENCE, kind_of
from interlith.workflows.engines.cp2k_input import Output, input_text, render
from interlith.workflows.engines.cp2k_options import (
    DIPOLE_VACUUM_A,
    MixedBasisOptions,
    has_dipole,
    has_metal,
    plan_for,
)
from interlith.workflows.engines.cp2k_run import ladder
from interlith.workflows.engines.electronic import Wanted, electronic
from interlith.workflows.engines.mixedbasis import task_of
from interlith.workflows.engines.programs import find_program
from interlith.workflows.relaxations import relax

pytestmark = needs_cp2k
CHOICE = EngineChoice(name="cp2k", options=QUICK)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(atoms, **options):
    return plan_for(atoms, np.zeros(len(atoms), bool), MixedBasisOptions.asked(options))


def text_of(atoms, ghosts=(), output=None, **options):
    mask = np.isin(np.arange(len(atoms)), ghosts)
    task, _ = task_of(atoms, mask, MixedBasisOptions.asked(options), output or Output())
    rung = ladder(task, warm=False)[0]
    return [input_text(task, step, last=step is rung.steps[-1]) for step in rung.steps]


def test_sections_nest_and_keywords_repeat():
    tree = {"A": {"B ON": {"N": 2, "F": 1e-10, "T": True}, "S": ["one", "two"], "": ["plain line"]}}
    assert render(tree).splitlines() == [
        "&A", "  &B ON", "    N 2", "    F 1e-10", "    T TRUE", "  &END B", "  S one", "  S two", "  plain line",
        "&END A",
    ]  # fmt: skip


def layered(below: Atoms, above: Atoms, gap_A: float = 2.5) -> Atoms:
    """One slab on another, whatever the strain."""
    tall = below.copy()
    tall.cell[2, 2] = 40.0
    raised = above.copy()
    raised.positions[:, 2] += below.positions[:, 2].max() + gap_A - raised.positions[:, 2].min()
    return tall + raised


@pytest.mark.parametrize(
    ("atoms", "metal"),
    [
        (bulk("Li", "bcc", a=3.44), True),
        (cells.copper_gold(), True),
        (lithium_slab(5, 3.44), True),
        (layered(lif_slab(3), lithium_slab(5, 2.89)), True),
        (oligomer("whole").atoms, True),
        (lif(4.03), False),
        (lif_slab(3), False),
        (bulk("OLi2", "fluorite", a=4.6), False),
        (molecule("LiH"), False),
        (Atoms("Li", cell=[9, 9, 9], pbc=True), False),
        (molecule("CH3OH"), False),
    ],
)
def test_a_metal_is_told_by_its_inside(atoms, metal):
    assert has_metal(atoms) is metal
    found = plan(atoms)
    assert (found.smearing_K > 0) is metal
    assert ("smeared at 300 K" in found.words) is metal


@pytest.mark.parametrize(
    ("atoms", "asked", "mesh"),
    [
        (lif(4.08), {}, (3, 3, 3)),
        (lif_slab(5), {}, (4, 4, 1)),
        (lif_slab(5), {"kpoints": "0.3"}, (8, 8, 1)),
        (lif_slab(5), {"kpoints": "2 3 1"}, (2, 3, 1)),
        (bulk("Li", "bcc", a=3.44, cubic=True), {}, (7, 7, 7)),
        (molecule("H2O", cell=[12, 12, 12], pbc=True), {}, (1, 1, 1)),
        (molecule("H2O"), {}, (1, 1, 1)),
    ],
)
def test_the_mesh_follows_the_cell_and_the_vacuum(atoms, asked, mesh):
    found = plan(atoms, **asked)
    assert found.kpoints == mesh
    assert found.scheme == ("ot" if mesh == (1, 1, 1) else "diagonalisation")


def polar_slab() -> Atoms:
    slab = lif_slab(4)
    slab.positions[0, 2] -= 0.3
    return slab


def test_only_a_layer_with_two_faces_has_its_dipole_corrected():
    assert not has_dipole(lif_slab(4)) and has_dipole(polar_slab())
    assert not has_dipole(molecule("H2O", vacuum=9.0, pbc=True)) and not has_dipole(molecule("H2O"))
    thin = polar_slab()
    thin.cell[2, 2] -= 14.0 - DIPOLE_VACUUM_A + 1.0
    assert not has_dipole(thin)
    first, last = text_of(polar_slab())
    assert "SURFACE_DIPOLE_CORRECTION" not in first and "SURFACE_DIPOLE_CORRECTION TRUE" in last
    assert "SCF_GUESS RESTART" in last and "job-RESTART.kp" in last
    assert len(text_of(polar_slab(), dipole="off")) == 1


def test_a_corrected_layer_stands_inside_the_cell_and_its_frame_says_where():
    crossing = polar_slab()
    crossing.positions[:, 2] -= 8.0
    crossing.wrap()
    task, origin = task_of(crossing, np.zeros(len(crossing), bool), MixedBasisOptions(), Output())
    heights = task.atoms.get_scaled_positions()[:, 2] * task.atoms.cell[2, 2]
    assert heights.min() == pytest.approx((task.atoms.cell[2, 2] - np.ptp(heights)) / 3)
    assert task.atoms.positions + origin == pytest.approx(crossing.positions)


def test_a_molecule_by_itself_gets_a_box():
    water = molecule("H2O")
    task, origin = task_of(water, np.zeros(3, bool), MixedBasisOptions(), Output())
    assert "PERIODIC NONE" in text_of(water)[0] and "WAVELET" in text_of(water)[0]
    assert task.atoms.cell.array == pytest.approx(np.eye(3) * task.atoms.cell[0, 0])
    assert task.atoms.positions + origin == pytest.approx(water.positions)
    assert (task.atoms.positions.min(axis=0) >= 6 - 1e-9).all()
    with pytest.raises(RequestError, match="less than three axes"):
        task_of(Atoms("Li", pbc=True), np.zeros(1, bool), MixedBasisOptions(), Output())


def test_ghosts_keep_their_basis_and_lose_their_core():
    (text,) = text_of(lithium_hydride(), ghosts=[0], output=Output(charges=True), kpoints="1 1 1")
    ghost = text[text.index("&KIND Li_ghost") : text.index("&KIND H")]
    assert "BASIS_SET DZVP-MOLOPT-SR-GTH" in ghost and "GHOST TRUE" in ghost and "POTENTIAL" not in ghost
    assert "HIRSHFELD" not in text and "UKS TRUE" in text and "MULTIPLICITY 2" in text


def test_what_is_wanted_is_asked_for_in_the_last_run_alone():
    output = Output(True, True, True, True, True, True, True)
    first, last = text_of(polar_slab(), output=output)
    words = ["&FORCES ON", "&STRESS_TENSOR ON", "&E_DENSITY_CUBE", "&V_HARTREE_CUBE", "&MULLIKEN ON", "&MO ON"]
    assert all(word in last for word in words) and not any(word in first for word in words)
    assert "ENERGY_FORCE" in last and "RUN_TYPE ENERGY\n" in first


def test_large_models_start_on_a_coarse_grid_at_the_same_level():
    slab = lif_slab(6).repeat((3, 3, 1))
    coarse, fine = text_of(slab, kpoints="1 1 1")
    assert "CUTOFF 200" in coarse and "CUTOFF 400" in fine and "SCF_GUESS RESTART" in fine
    assert len(text_of(lif_slab(6), kpoints="1 1 1")) == 1


def data_folder():
    return find_program("cp2k.psmp", "cp2k") and os.environ.get("CP2K_DATA_DIR", "/usr/share/cp2k")


def test_every_element_has_its_basis_and_pseudopotential_in_the_data_files():
    found = {}
    for name in ("BASIS_MOLOPT", "BASIS_MOLOPT_LnPP1", "GTH_POTENTIALS", "LnPP1_POTENTIALS"):
        with open(f"{data_folder()}/{name}") as file:  # noqa: PTH123
            found[name] = {(w[0], other) for line in file if (w := line.split()) for other in w[1:]}
    assert len(VALENCE) == 72
    for symbol in VALENCE:
        for basis in ("DZVP-MOLOPT-SR-GTH", "TZV2P-MOLOPT-GTH") if symbol in ("H", "O") else ("DZVP-MOLOPT-SR-GTH",):
            kind = kind_of(symbol, basis)
            assert (symbol, kind.basis) in found[kind.basis_file]
            assert (symbol, kind.potential) in found[kind.potential_file]
            if symbol != "La":
                assert (symbol, f"{kind.basis}-q{kind.valence}") in found[kind.basis_file]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cutoff_Ry": 20.0}, "cutoff_Ry = 20"),
        ({"functional": "b3lyp"}, "functional = 'b3lyp'"),
        ({"basis": "6-31G"}, "'6-31G'"),
        ({"kpoints": "2 2"}, "'2 2'"),
        ({"kpoints": "0 1 1"}, "'0 1 1'"),
        ({"charge": 0.5}, "charge = 0.5"),
        ({"multiplicity": 0}, "multiplicity = 0"),
        ({"scf": "ot", "smearing_K": 300.0}, "cannot smear"),
    ],
)
def test_options_that_are_none_are_refused_by_value(options, words):
    with pytest.raises(RequestError) as caught:
        catalogue.load(EngineChoice(name="cp2k", options=options))
    assert words in str(caught.value) and caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("atoms", "options", "words"),
    [
        (Atoms("Fr"), {}, "does not know Fr"),
        (bulk("UO", "rocksalt", a=5.0), {}, "does not know U"),
        (Atoms("LaH3", np.eye(4, 3) * 2), {"basis": "TZVP-MOLOPT-GTH"}, "La has no basis TZVP"),
        (hydrogen(), {"multiplicity": 2}, "multiplicity 2 does not go with 2 valence electrons"),
        (hydrogen(), {"charge": 2}, "leaves 0 valence electrons"),
        (lif(4.0), {"scf": "ot", "kpoints": "2 2 2"}, "orbital transformation at k-points"),
    ],
)
def test_atoms_that_cannot_be_are_refused_before_anything_runs(atoms, options, words, here):
    with pytest.raises(RequestError, match=words):
        catalogue.load(EngineChoice(name="cp2k", options=options)).check(atoms)
    assert not list(here.iterdir())


def test_a_missing_program_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RequestError, match=r"'cp2k' needs the program cp2k.*apt-get install cp2k cp2k-data"):
        catalogue.require(CHOICE, "energy")
    row = {row["name"]: row for row in catalogue.describe()}["cp2k"]
    assert (row["installed"], row["get"]) == (False, "apt-get install cp2k cp2k-data")
    monkeypatch.setenv("INTERLITH_CP2K_COMMAND", "/nowhere/cp2k.popt")
    with pytest.raises(RequestError, match="cp2k"):
        catalogue.require(CHOICE, "energy")


def test_the_method_says_what_is_chosen_and_which_dispersion():
    method = catalogue.load(EngineChoice(name="cp2k", options={"functional": "PBEsol"}, dispersion="d3bj")).method()
    assert (method.functional, method.dispersion, method.model) == ("PBEsol", "D3(BJ)", "CP2K")
    assert method.settings["d3_parameters"] == "pbesol" and method.settings["cutoff_Ry"] == 400.0
    assert "where there is a metal" in str(method.settings["scf"])


def test_fields_levels_and_charges_of_one_calculation_agree(here):
    """LiH: every electron is on the grid, the potential draws electrons to nuclei, charges sum to none."""
    pair = lithium_hydride()
    wanted = Wanted(density=True, spin=True, potential=True, orbitals=True, charges=True)
    found = electronic(pair, CHOICE, wanted)
    assert found.density.total_e == pytest.approx(4.0, abs=1e-3)
    assert found.density.nuclear_charges == pytest.approx([3, 1])
    assert found.spin.total_e == 0 and found.homo.total_e == pytest.approx(1) == found.lumo.total_e
    values = found.potential.values_e_A3
    lowest = np.array(np.unravel_index(values.argmin(), values.shape)) / values.shape
    assert np.abs(pair.get_scaled_positions() - lowest).max(axis=1).min() < 0.02  # at a nucleus
    assert values.min() < -20 < 0 < values[0, 0, 0] and abs(values.mean()) < 1e-3
    assert found.levels.homo_eV < found.levels.lumo_eV and found.levels.zero == "cell average"
    assert sum(found.levels.occupations[0]) == pytest.approx(4.0)
    for charges in found.charges_e.values():
        assert sum(charges) == pytest.approx(0, abs=2e-3)
    assert set(found.charges_e) == {"mulliken", "hirshfeld"}
    assert "orbital transformation, Γ; DIIS from atoms" in found.rung
    (folder,) = here.iterdir()
    assert not list(folder.glob("*.cube")) and (folder / "result.json").is_file()


def test_a_ghost_lowers_the_energy_and_holds_no_charge(here):
    """Hydrogen alone and with lithium's basis: the variational principle, and the spin of the doublet."""
    pair = lithium_hydride()
    wanted = Wanted(density=True, spin=True, charges=True, ghosts=np.array([True, False]))
    with_ghost = electronic(pair, CHOICE, wanted)
    alone = electronic(pair[[1]], CHOICE, Wanted(density=True, frame=with_ghost.density))
    assert -1.5 < with_ghost.energy_eV - alone.energy_eV < 0  # much, in a cell of 4 Å
    assert with_ghost.density.nuclear_charges == pytest.approx([0, 1])
    assert with_ghost.density.total_e == pytest.approx(1, abs=1e-3) == with_ghost.spin.total_e
    assert sum(with_ghost.charges_e["mulliken"]) == pytest.approx(0, abs=1e-4)
    assert with_ghost.caveats


def test_a_relaxation_starts_from_the_last_wavefunction_and_keeps_what_is_fixed(here):
    from ase.constraints import FixAtoms

    start = hydrogen()
    start.positions[1, 2] += 0.25
    start.set_constraint(FixAtoms([0]))
    found = relax(to_text(start), CHOICE, fmax=0.2)
    end = from_text(found.xyz)
    assert found.converged and end.positions[0] == pytest.approx(start.positions[0])
    assert found.energies_eV[-1] < found.energies_eV[0] and 0.7 < end.get_distance(0, 1) < 0.9
    assert sorted(p.name for p in here.glob("cp2k-*/*.out"))[-1] == "warm.out"
    assert len(list(here.glob("cp2k-*/*.wfn"))) == 1
    assert (here / "progress.jsonl").read_text().count("\n") >= found.provenance.n_force_calls


def test_what_does_not_converge_fails_with_every_rung_and_its_folder(here, monkeypatch):
    monkeypatch.setattr(cp2k_input, "OUTER_LOOPS", 1)
    monkeypatch.setattr(cp2k_input, "INNER_STEPS", 2)
    with pytest.raises(ComputationError) as caught:
        electronic(hydrogen(), CHOICE, Wanted())
    assert all(
        word in str(caught.value) for word in ("DIIS from atoms", "conjugate gradients", str(here / "cp2k-0001"))
    )


CHILD = """
import os
from recorded.cp2k_cases import QUICK, lithium_hydride
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
pair = lithium_hydride()
pair.calc = load(EngineChoice(name="cp2k", options=QUICK | {"cutoff_Ry": 900.0})).calculator()
pair.get_potential_energy()
"""


def test_a_killed_job_leaves_no_calculation_behind(here):
    path = os.pathsep.join([str(p) for p in sys.path if p])
    environment = os.environ | {"PYTHONPATH": path}
    job = subprocess.Popen([sys.executable, "-W", "ignore", "-c", CHILD], start_new_session=True, env=environment)
    running = []
    until = time.monotonic() + 60
    while not running and time.monotonic() < until:
        time.sleep(0.2)
        running = [p for p in psutil.Process(job.pid).children(recursive=True) if p.name().startswith("cp2k")]
    assert running, "the calculation never began"
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    _, alive = psutil.wait_procs(running, timeout=20)
    assert not alive
