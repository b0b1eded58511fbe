"""The README's commands and code run as they stand there; version, changelog and citation agree."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from interlith.launchers.cli import invoke

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, block in BLOCKS if kind == "bash" for line in block.splitlines()]
INSTALLING = [line for line in COMMANDS if line.startswith("pip install")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def shell(command, folder) -> subprocess.CompletedProcess:
    """Run a line of the README in a folder, with this Python's `interlith` first on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def test_a_first_result_is_within_thirty_lines():
    first = "\n".join(README.splitlines()[:30])
    assert "&& interlith run li-lagp --preset quick" in first
    assert "interlith run al-cu" in first


def test_every_block_says_what_it_is():
    assert {kind for kind, _ in BLOCKS} == {"bash", "python"}
    assert README.count("```") == 2 * len(BLOCKS)


def test_the_install_lines_name_extras_that_exist_and_the_checks_run_the_tests():
    asked = [re.search(r"'\.\[(\w+)\]'", line).group(1) for line in INSTALLING]
    assert asked == ["sevennet", "test"]
    assert set(asked) <= set(PROJECT["optional-dependencies"])
    pattern = re.search(r"grep -m1 -E \"(.+?)\" README.md", (ROOT / ".ci" / "run").read_text()).group(1)
    assert [bool(re.search(pattern, line)) for line in INSTALLING] == [False, True]


def test_the_main_command_can_be_planned(tmp_path):
    main = INSTALLING[0].split("&&")[1].strip()
    done = shell(f"{main} --dry-run", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("li-lagp: ")


def test_the_other_commands_run_in_an_empty_folder(tmp_path):
    for line in COMMANDS:
        if line not in INSTALLING:
            done = shell(line, tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
            assert done.stdout.strip(), line


@pytest.mark.parametrize("code", [block for kind, block in BLOCKS if kind == "python"])
def test_the_code_runs(code, tmp_path):
    (tmp_path / "readme.py").write_text(code)
    done = shell(f"{sys.executable} readme.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_the_commands_of_the_table_exist(capsys):
    named = set(re.findall(r"`interlith (\w+)", README))
    assert {"systems", "engines", "build", "scan", "run", "status", "retry", "results"} <= named
    for verb in named:
        assert invoke([verb, "--help"]) == 0, verb


def test_version_changelog_and_citation_agree():
    released = re.findall(
        r"^## \[(\d[^\]]*)\] - (\d{4}-\d{2}-\d{2})$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    citation = (ROOT / "CITATION.cff").read_text()
    assert released[0][0] == PROJECT["version"]
    assert f"\nversion: {released[0][0]}\n" in citation
    assert f'date-released: "{released[0][1]}"' in citation


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/recorded/README.md"])
def test_links_lead_somewhere(page):
    links = re.findall(r"\[[^\]]+\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text())
    dead = [link for link in links if not link.startswith("https://") and not ((ROOT / page).parent / link).exists()]
    assert not dead
