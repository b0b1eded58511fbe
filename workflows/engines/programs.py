"""Programs beside Python: where they are, and which version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from tempfile import TemporaryDirectory

SECONDS = 60.0
"""A program that says its version takes less."""


def find_program(*names: str) -> str | None:
    """Return the path of the first of some programs that is there; None where there is none."""
    return next((path for name in names if (path := shutil.which(name))), None)


@cache
def program_version(path: str, argument: str = "--version") -> str | None:
    """Return the version that a program prints of itself: the first number with a point.

    Parameters
    ----------
    path
        The program.
    argument
        What makes it say so.
    """
    try:
        # Quantum ESPRESSO takes what it does not know for a wish to compute: it reads, and leaves files where it runs.
        with TemporaryDirectory() as folder:
            done = subprocess.run(
                [os.path.abspath(shutil.which(path) or path), argument],  # noqa: PTH100 a link's own name counts
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
                cwd=folder,
                stdin=subprocess.DEVNULL,
            )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d[\w.]*", done.stdout + done.stderr)
    return found.group() if found else None
