import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB, so that it can be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def marks(tmp_path):
    """A folder in which each run of a job leaves a mark."""
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


@pytest.fixture
def jobs(monkeypatch):
    """The tests' jobs, in a module that worker processes can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import launcher_jobs

    return launcher_jobs
