import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import cells
import numpy as np
import pytest
from ase import Atoms

from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.engines import catalogue, learned
from interlith.workflows.engines.contract import EngineChoice

LEARNED = ("chgnet", "sevennet-0", "sevennet-l3i5")


def engine(name):
    return catalogue.load(EngineChoice(name=name))


def package_calculator(name):
    """Return the calculator as its own package makes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "chgnet":
            from chgnet.model.dynamics import CHGNetCalculator

            return CHGNetCalculator(use_device="cpu")
        from sevenn.calculator import SevenNetCalculator

        return SevenNetCalculator(name.replace("sevennet", "7net"), device="cpu")


@pytest.mark.parametrize("name", LEARNED)
def test_numbers_are_those_of_the_package(name):
    atoms = cells.lithium_fluoride()
    found = []
    for calculator in (engine(name).calculator(), package_calculator(name)):
        atoms.calc = calculator
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append((atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()))
    ours, theirs = found
    assert ours[0] == pytest.approx(float(theirs[0]), abs=2e-5)
    assert ours[1] == pytest.approx(theirs[1], abs=1e-5)
    assert ours[2] == pytest.approx(theirs[2], abs=1e-6)


@pytest.mark.parametrize("name", ["chgnet", "sevennet-0"])
def test_energies_are_smooth_to_a_microelectronvolt_per_atom(name):
    """A fourth-order polynomial through 13 points over 0.02 Å leaves only the rounding."""
    start = cells.lithium().repeat(2)
    along = np.random.default_rng(3).normal(size=start.positions.shape)
    steps = np.linspace(-0.01, 0.01, 13)
    energies = []
    for step in steps:
        atoms = Atoms(start)
        atoms.positions += step * along / np.linalg.norm(along)
        atoms.calc = engine(name).calculator()
        energies.append(atoms.get_potential_energy())
    residual = np.array(energies) - np.polyval(np.polyfit(steps, energies, 4), steps)
    assert residual.std() < 1e-6 * len(start)


@pytest.mark.parametrize("name", LEARNED)
def test_the_weights_are_hashed(name):
    package, inside = learned.WEIGHTS[name]
    weights = Path(sys.modules[package].__file__).parent / inside
    assert engine(name).method().weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_the_elements_of_sevennet_are_those_it_was_trained_on():
    from ase.data import atomic_numbers

    for name in ("sevennet-0", "sevennet-l3i5"):
        known = engine(name).calculator().type_map
        assert {atomic_numbers[e] for e in catalogue.ENTRIES[name].elements} == set(known)


def test_chgnet_says_that_an_atom_is_alone():
    atoms = Atoms("LiF", [[0, 0, 0], [7, 7, 7]], cell=[14, 14, 14], pbc=True)
    atoms.calc = engine("chgnet").calculator()
    with pytest.raises(ComputationError, match=r"FLi.*2 isolated"):
        atoms.get_potential_energy()


def test_weights_that_are_not_there_are_told(monkeypatch):
    monkeypatch.setitem(learned.WEIGHTS, "chgnet", ("chgnet", "pretrained/9.9.9/none.pth.tar"))
    with pytest.raises(RequestError, match=r"9\.9\.9.*pip install 'interlith\[chgnet\]'"):
        learned.load_chgnet(catalogue.ENTRIES["chgnet"], {})


@pytest.mark.parametrize("name", ["chgnet", "sevennet-0"])
def test_loading_says_nothing_even_where_warnings_are_errors(name):
    """Standard output belongs to `--json`."""
    code = f"""
from ase.build import bulk
from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
atoms = bulk("Li", "bcc", a=3.4)
atoms.calc = load(EngineChoice(name={name!r})).calculator()
atoms.get_forces()
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
