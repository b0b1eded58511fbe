"""Run a flow and tell a person about it: progress while it runs, one line if it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interlith.launchers.local.manager import run
from interlith.launchers.progress import Progress
from interlith.launchers.settings import Settings
from interlith.structures.errors import ComputationError

if TYPE_CHECKING:
    from jobflow import Flow


def execute(flow: Flow | None, key: str, chosen: Settings) -> None:
    """Run a flow, or go on with the one stored under the key (None), and follow it on standard error.

    Raises
    ------
    ComputationError
        If a job failed: which one, why, and where its folder is.
    """
    with Progress() as progress:
        summary = run(flow, chosen.workspace, key=key, workers=chosen.workers, on_event=progress)
    if summary.failed:
        first, *others = summary.failed
        more = f" (and {len(others)} more)" if others else ""
        mend = f"mend the cause, then: interlith retry --workspace {chosen.workspace}"
        raise ComputationError(f"job {first.name!r} failed: {first.why}{more}", str(first.folder), mend)
    if not summary.ok:
        left = ", ".join(f"{number} {state.lower()}" for state, number in summary.counts.items())
        raise ComputationError(f"not every job completed: {left}", key, "see: interlith status")
