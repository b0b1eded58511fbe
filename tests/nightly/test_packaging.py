"""The package as others get it: from the folder, and from a wheel built from the sdist; data files included."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("structures", "analysis", "workflows", "launchers")
pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

PROBE = """
import interlith, pathlib
from interlith.structures.library import crystal_names, crystal_path, system_names
assert len(crystal_names()) > 30 and crystal_path("LAGP").is_file() and "li-lagp" in system_names()
from interlith.analysis.compare import published_values
assert published_values("li-lagp")
print(pathlib.Path(interlith.__file__).resolve().parent)
"""


def run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist_copy(tmp_path_factory) -> Path:
    """A clean copy of what git tracks, so that no build leaves anything in the checkout."""
    folder = tmp_path_factory.mktemp("clone")
    run("git", "clone", "-q", str(ROOT), str(folder / "interlith"), cwd=folder)
    return folder / "interlith"


def test_wheel_from_the_sdist_holds_every_tracked_file(sdist_copy, tmp_path):
    run(sys.executable, "-m", "build", "--outdir", str(tmp_path), cwd=sdist_copy)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name.removeprefix("interlith/") for name in zipfile.ZipFile(wheel).namelist()}
    missing = {f for f in run("git", "ls-files", *ROOMS, cwd=sdist_copy).split() if f not in packed}
    assert not missing
    target = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel), cwd=tmp_path)
    assert run(sys.executable, "-c", PROBE, cwd=tmp_path, PYTHONPATH=str(target)).strip() == str(target / "interlith")


def test_plain_install_into_another_folder(sdist_copy, tmp_path):
    target = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), ".", cwd=sdist_copy)
    assert run(sys.executable, "-c", PROBE, cwd=tmp_path, PYTHONPATH=str(target)).strip() == str(target / "interlith")
