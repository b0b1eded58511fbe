import subprocess
from pathlib import Path

import pytest

from interlith.launchers.cli import invoke


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


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    """No settings of the person who runs the tests; an empty folder to work in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("INTERLITH_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def outcome(capfd):
    """Run one command line; return its exit status, standard output and standard error."""

    def run(*arguments) -> tuple[int, str, str]:
        status = invoke([str(argument) for argument in arguments])
        told = capfd.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def refusal(outcome):
    """Return the one line of a request that is refused; nothing else is printed, unless something was computed."""

    def run(*arguments, status=2) -> str:
        ended, out, err = outcome(*arguments)
        assert (ended, out) == (status, ""), err
        *before, last = err.splitlines()
        assert last.startswith("error: ") and not any(line.startswith("error: ") for line in before), err
        assert status == 1 or not before, err
        return last.removeprefix("error: ").strip()

    return run
