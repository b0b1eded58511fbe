"""Programs of the machine that some tests run: skipped, with the command that installs them, where they are not."""

from shutil import which

import pytest

needs_cp2k = pytest.mark.skipif(
    not (which("cp2k") or which("cp2k.psmp")), reason="no CP2K here: apt-get install cp2k cp2k-data"
)
