"""packmol as a process: real runs for what it places, broken programs for how it fails."""

import shutil

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as ase_molecule

from interlith.structures import packmol
from interlith.structures.errors import ComputationError, RequestError
from interlith.structures.packmol import Space, scattered

needs_packmol = pytest.mark.skipif(shutil.which("packmol") is None, reason="packmol is not installed")

OBLIQUE = np.array([[11.0, 0.0], [5.5, 9.5]])
SPACE = Space(OBLIQUE, 3.0, 18.0)
LITHIUM = Atoms("Li", [[5.0, -3.0, 40.0]])
# four different substituents: a reflection would show
CHIRAL = Atoms("CHFClBr", [[0, 0, 0], [0, 0, 1.1], [1.3, 0, -0.4], [-0.8, 1.4, -0.5], [-0.8, -1.6, -0.6]])


def a_program(folder, text, monkeypatch):
    """Put an executable named packmol alone on the PATH."""
    program = folder / "packmol"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def handedness(places):
    return np.sign(np.linalg.det(places[2:5] - places[0]))


@needs_packmol
def test_molecules_start_inside_whole_and_never_reflected():
    kinds = [(CHIRAL, 5), (LITHIUM, 3), (ase_molecule("CO2"), 4)]
    placed, version = scattered(kinds, SPACE, tolerance_A=2.0, seed=7)
    assert [len(p) for p in placed] == [5] * 5 + [1] * 3 + [3] * 4
    assert version[0].isdigit()
    every = np.concatenate(placed)
    assert every[:, 2].min() > 2.95
    assert every[:, 2].max() < 18.05
    for kind, places in zip([k for k, n in kinds for _ in range(n)], placed, strict=True):
        spans = Atoms(kind.numbers, places).get_all_distances()
        np.testing.assert_allclose(spans, kind.get_all_distances(), atol=1e-9)
        centre = places[np.linalg.norm(kind.positions - kind.positions.mean(axis=0), axis=1).argmin()]
        inside = centre[:2] @ np.linalg.inv(OBLIQUE)
        assert -0.02 < inside.min() <= inside.max() < 1.02  # packmol's own precision is 0.1 Å
    assert {handedness(p) for p in placed[:5]} == {handedness(CHIRAL.positions)}


@needs_packmol
def test_a_seed_gives_the_same_placement_and_another_a_different_one():
    first, again, other = (scattered([(CHIRAL, 4)], SPACE, tolerance_A=2.0, seed=s)[0] for s in (1, 1, 2**31 - 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.array(first) - np.array(other)).max() > 0.5


@needs_packmol
def test_a_start_that_cannot_be_perfect_is_still_a_start():
    narrow = Space(np.eye(2) * 4.0, 0.0, 6.0)
    placed, _ = scattered([(ase_molecule("H2O"), 30)], narrow, tolerance_A=2.5, seed=1)
    assert len(placed) == 30


@needs_packmol
def test_too_little_time_is_told():
    with pytest.raises(ComputationError, match=r"packmol did not end in 0.0001 s"):
        scattered([(CHIRAL, 40)], SPACE, tolerance_A=2.0, seed=1, timeout_s=1e-4)


@needs_packmol
def test_an_error_of_packmol_is_passed_on():
    # the seed of 2³² is no integer of packmol's
    with pytest.raises(ComputationError, match=r"status 171: ERROR: .*seed"):
        scattered([(CHIRAL, 1)], SPACE, tolerance_A=2.0, seed=2**32)


def test_no_packmol_names_the_commands_that_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestError, match=r"no packmol .*apt-get install packmol, or conda install"):
        scattered([(CHIRAL, 1)], SPACE, tolerance_A=2.0, seed=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("#!/bin/sh\necho all is well\n", r"wrote no placement of 5 atoms: all is well"),
        ("#!/bin/sh\n", r"wrote no placement of 5 atoms: it said nothing"),
        ("#!/bin/sh\nprintf '1\\n\\nC 0 0 0\\n' > placed.xyz\n", r"wrote no placement of 5 atoms"),
        ("#!/bin/sh\nyes 'C 0 0 NaN' | head -7 > placed.xyz\n", r"wrote no placement of 5 atoms"),
        ("#!/bin/sh\necho ERROR: out of luck; echo bye; exit 9\n", r"stopped with status 9: ERROR: out of luck"),
        ("not a program\x00\x01", r"does not run: Exec format error"),
    ],
)
def test_a_broken_packmol_is_told_in_one_line(text, told, monkeypatch, tmp_path):
    a_program(tmp_path, text, monkeypatch)
    with pytest.raises(ComputationError, match=told) as caught:
        scattered([(CHIRAL, 1)], SPACE, tolerance_A=2.0, seed=1)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_behind(monkeypatch, tmp_path):
    kept, bin_ = tmp_path / "kept", tmp_path / "bin"
    for folder in (kept, bin_):
        folder.mkdir()
    a_program(bin_, "#!/bin/sh\nexit 3\n", monkeypatch)
    monkeypatch.setattr(packmol.tempfile, "tempdir", str(kept))
    with pytest.raises(ComputationError, match="status 3"):
        scattered([(CHIRAL, 1)], SPACE, tolerance_A=2.0, seed=1)
    assert not list(kept.iterdir())
