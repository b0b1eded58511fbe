"""The command `interlith`: one verb a file, one place where an error becomes one line and an exit status."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from interlith.launchers.verbs import (
    adopt,
    bader,
    build,
    cdd,
    dissociate,
    engines,
    levels,
    results,
    retry,
    run,
    scan,
    status,
    systems,
)
from interlith.structures.errors import InterlithError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="interlith",
    help="What happens where two battery materials touch: models, energies, reactions.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS: dict[str, Callable[..., None]] = {
    "systems": systems.systems,
    "engines": engines.engines,
    "build": build.build,
    "scan": scan.scan,
    "run": run.run,
    "status": status.status,
    "retry": retry.retry,
    "adopt": adopt.adopt,
    "bader": bader.bader,
    "cdd": cdd.cdd,
    "levels": levels.levels,
    "dissociate": dissociate.dissociate,
}
for name, verb in VERBS.items():
    app.command(name)(verb)
app.add_typer(results.app, name="results")


@app.callback(invoke_without_command=True)
def _outer(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show an error's traceback, too.")] = False,  # noqa: ARG001
) -> None:
    if show_version:
        print(f"interlith {version('interlith')}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line: exit status 0 done, 1 the computation failed, 2 the request was wrong."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if not debug:
        warnings.simplefilter("ignore")
    sys.exit(invoke([argument for argument in arguments if argument != "--debug"], debug=debug))


def invoke(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command and return its exit status; an error is one line on standard error.

    Parameters
    ----------
    arguments
        What follows ``interlith``.
    debug
        Print the traceback as well.
    """
    try:
        status = int(app(arguments, prog_name="interlith", standalone_mode=False) or 0)
        if status == INTERRUPTED:
            print("interrupted: the same command goes on from here", file=sys.stderr)
        return status
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:  # noqa: BLE001 the one outer edge
        if debug:
            traceback.print_exc()
        print(f"error: {_line(error)}", file=sys.stderr)
        return _status(error)


def _line(error: Exception) -> str:
    """Return the error in one line: what, where, how to mend it."""
    if isinstance(error, InterlithError):
        return str(error)
    if isinstance(error, typer.TyperException):
        return f"{' '.join(error.format_message().split())} (command line); see `interlith --help`"
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{place}; make room or permission for it, then run the same command again"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(str(error).split())[:300]
    where = f"{frame.filename.rpartition('interlith/')[2]}:{frame.lineno}"
    return f"{type(error).__name__}: {what} ({where}); a defect: run it again with --debug and report what it prints"


def _status(error: Exception) -> int:
    if isinstance(error, InterlithError):
        return error.exit_status
    return 2 if isinstance(error, typer.TyperException) else 1
