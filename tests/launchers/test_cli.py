"""The outer edge: exit statuses, one line per error, one JSON document, quick help, options declared once."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from typer.models import OptionInfo

from interlith.launchers import cli, options
from interlith.launchers.cli import invoke
from interlith.structures.errors import ComputationError, RequestError

ROOT = Path(__file__).parents[2]
VERBS = {command.name: command.callback for command in cli.app.registered_commands} | {
    "results": cli.results.results,
    "show": cli.results.show,
}


pytestmark = pytest.mark.usefixtures("own_home")


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['interlith', '--help']\n"
        "from interlith.launchers.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'pymatgen', 'jobflow', 'ase', 'numpy', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(verb in done.stdout for verb in VERBS if verb != "show")


def test_an_option_means_the_same_in_every_verb():
    meanings: dict[str, set] = {}
    for verb, function in VERBS.items():
        hints = {name: hint for name, hint in get_type_hints(function, include_extras=True).items() if name != "return"}
        flags = 0
        for hint in hints.values():
            for meta in get_args(hint)[1:]:
                if isinstance(meta, OptionInfo):
                    flags += 1
                    # in Annotated, typer takes the first name for the default until it builds the command
                    meanings.setdefault(str(meta.default), set()).add((str(get_args(hint)[0]), meta.help))
        assert flags <= 10, verb
    assert len(meanings) > 15
    # a filter of results by engine is not the choice of one; a density may hold any charge, a molecule a whole one
    assert {flag for flag, meaning in meanings.items() if len(meaning) > 1} == {"--engine", "--charge"}


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "show"])
def test_every_verb_explains_itself_and_takes_json(outcome, verb):
    status, out, err = outcome(verb, "--help")
    assert (status, err) == (0, "")
    assert "--json" in out


def broad_handlers(path) -> int:
    """Count handlers of every exception that do not raise again."""
    handlers = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ExceptHandler)]
    broad = [h for h in handlers if h.type is None or ast.unparse(h.type) in ("Exception", "BaseException")]
    return sum(not any(isinstance(n, ast.Raise) and n.exc is None for n in ast.walk(h)) for h in broad)


def test_there_is_one_broad_except():
    rooms = ("structures", "analysis", "workflows", "launchers")
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    assert {path.name: n for path in files if (n := broad_handlers(path))} == {"cli.py": 1}


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (RequestError("no such thing", "--a", "name another"), 2, "no such thing (--a); name another"),
        (ComputationError("it\nfailed", "job 3"), 1, "it failed (job 3)"),
        (OSError(28, "No space left on device", "state.db"), 1, "No space left on device (state.db); make room"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero (tests"),
    ],
)
def test_an_error_is_one_line_and_a_status(capfd, monkeypatch, error, status, line):
    def fail(*_args, **_kwargs) -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    assert invoke([]) == status
    told = capfd.readouterr()
    assert told.out == "" and told.err.count("\n") == 1
    assert told.err.startswith(f"error: {line}") or "test_cli.py" in told.err
    assert invoke([], debug=True) == status
    assert "Traceback" in capfd.readouterr().err


def test_a_word_that_is_no_command_is_refused(refusal):
    assert "No such command 'rum'" in refusal("rum")
    assert "No such option" in refusal("run", "--colour")


def test_without_arguments_the_help_is_shown(outcome):
    status, out, _ = outcome()
    assert status == 0 and "Usage: interlith" in out


def test_the_process_itself_ends_so(tmp_path):
    command = [str(Path(sys.executable).parent / "interlith"), "systems", "li-lagq", "--debug"]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"HOME": str(tmp_path)}, check=False
    )
    assert done.returncode == 2 and done.stdout == ""
    assert "Traceback" in done.stderr
    assert "error: unknown system 'li-lagq'; did you mean li-lagp" in done.stderr.splitlines()[-1]


def test_systems_are_listed_with_their_published_values(outcome):
    status, out, err = outcome("systems", "--json")
    assert (status, err) == (0, "")
    listed = {document["system"]: document for document in json.loads(out)}
    assert {"li-lagp", "li-lif", "li-li2o", "li-cu", "al-cu"} <= set(listed)
    assert [value["value"] for value in listed["li-lagp"]["published"]] == [-1.14]
    status, out, _ = outcome("systems", "li-lagp")
    assert status == 0 and "10.1039/d4ee02075h" in out and "-1.14" in out


def test_engines_say_what_is_missing_and_how_to_get_it(outcome):
    _, out, _ = outcome("engines", "--json")
    engines = {row["name"]: row for row in json.loads(out)}
    assert engines["emt"]["installed"] and engines["emt"]["surrogate"]
    for name in ("chgnet", "sevennet-0", "sevennet-l3i5"):
        assert engines[name]["installed"] or "pip install" in engines[name]["get"]
    assert {row["tag"] for row in engines["emt"]["surface_energies"]} == {"recalled"}
    status, out, _ = outcome("engines", "emt")
    assert status == 0 and "Surface energies measured with emt" in out and "(111) < (100) < (110): holds" in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["systems", "li-lagq"], "unknown system 'li-lagq'; did you mean li-lagp"),
        (["engines", "chgnett"], "unknown engine 'chgnett'; did you mean chgnet?"),
        (["run"], "no system given"),
        (["run", "li-liff"], "unknown system 'li-liff'; did you mean li-lif"),
        (["run", "al-cu", "--engine", "emu"], "unknown engine 'emu'"),
        (["run", "al-cu", "--engine", "emt+d4"], "dispersion 'd4' is not known (--engine emt+d4)"),
        (["run", "al-cu", "--preset", "quik"], "unknown preset 'quik'; did you mean quick?"),
        (["run", "al-cu", "side_a.thicknes_A=12"], "thicknes_A"),
        (["run", "al-cu", "side_a.thickness_A=-1"], "side_a.thickness_A"),
        (["run", "--a", "Al"], "--b and --miller-a and --miller-b not given"),
        (["run", "nowhere.toml"], "cannot read nowhere.toml"),
        (["retry", "--workers", "0"], "--workers"),
        (["status", "--workspace", "nowhere"], "no workspace here ("),
        (["results", "--workspace", "nowhere"], "no workspace here ("),
    ],
)
def test_a_wrong_request_is_one_line(refusal, arguments, line):
    assert line in refusal(*arguments)


@pytest.mark.parametrize(
    ("miller", "line"),
    [
        ("000", "'000'"),
        ("11", "'11'"),
        ("1a0", "'1a0'"),
        ("1.5,0,0", "'1.5,0,0'"),
        ("1111", "third of four indices must be -2"),
        ("0001", "four indices for Al, whose angles are 90.0 90.0 90.0°"),
    ],
)
def test_a_face_that_is_none_is_refused(refusal, miller, line):
    told = refusal("run", "--a", "Al", "--b", "Cu", "--miller-a", miller, "--miller-b", "100")
    assert line in told and "--miller-a" in told


@pytest.mark.parametrize(
    ("text", "miller", "hexagonal"),
    [
        ("110", (1, 1, 0), False),
        ("1-10", (1, -1, 0), False),
        ("-110", (-1, 1, 0), False),
        ("−1 1 0", (-1, 1, 0), False),
        ("1,-1,0", (1, -1, 0), False),
        ("(1 0 12)", (1, 0, 12), False),
        ("0001", (0, 0, 1), True),
        ("11-20", (1, 1, 0), True),
        ("1,-1,0,2", (1, -1, 2), True),
    ],
)
def test_faces_are_read_as_people_write_them(text, miller, hexagonal):
    assert options.parse_face(text, "--miller-a") == (miller, hexagonal)


def test_settings_come_from_the_line_then_the_environment_then_the_file(tmp_path, monkeypatch):
    from interlith.launchers.settings import settings

    assert settings().workspace == Path("interlith-workspace")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".interlith.yaml").write_text("workspace: from-file\nworkers: 3\n")
    assert (settings().workspace, settings().workers) == (Path("from-file"), 3)
    monkeypatch.setenv("INTERLITH_WORKSPACE", "from-environment")
    assert settings().workspace == Path("from-environment")
    assert settings(Path("from-line")).workspace == Path("from-line")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("worksapce: x\n", "unknown setting 'worksapce' (~/.interlith.yaml); did you mean workspace"),
        ("INTERLITH_WORKER: 2\n", "unknown setting 'INTERLITH_WORKER' (~/.interlith.yaml); did you mean workers"),
        ("colour: red\n", "known: cp2k_command, "),
        ("workers: many\n", "setting workers = 'many'"),
        ("workers: [\n", "cannot read the settings: while parsing"),
        ("- workers\n", "it holds ['workers'], not names and values"),
    ],
)
def test_a_wrong_settings_file_is_one_line(refusal, tmp_path, text, told):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".interlith.yaml").write_text(text)
    line = refusal("status")
    assert told in line and ".interlith.yaml" in line


def test_a_misspelt_setting_in_the_environment_is_refused_with_the_nearest(refusal, monkeypatch):
    monkeypatch.setenv("INTERLITH_WORKSPCE", "x")
    assert "unknown setting 'INTERLITH_WORKSPCE' (environment); did you mean workspace" in refusal("status")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/models", "/dev/null"])
@pytest.mark.parametrize("verb", [("build", "al-cu"), ("scan", "--a", "Al", "--b", "Cu")])
def test_files_are_not_promised_where_none_can_be_written(refusal, tmp_path, verb, place):
    (tmp_path / "file").touch()
    told = refusal(*verb, "-o", place)
    assert told.startswith(f"cannot write into '{place}'") and "(--output)" in told


def test_a_refused_request_leaves_no_folder_behind(refusal, tmp_path):
    assert "unknown system" in refusal("build", "al-cuu", "-o", "new/folder")
    assert not (tmp_path / "new").exists()
