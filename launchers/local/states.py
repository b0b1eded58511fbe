"""What the launcher tells while it runs, and what it says at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["WAITING", "READY", "RUNNING", "COMPLETED", "FAILED", "BLOCKED", "STOPPED"]
Kind = Literal["submitted", "started", "progress", "completed", "failed", "blocked", "finished"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Parameters
    ----------
    kind
        What happened. "submitted" and "finished" are about the flow, the others about one job.
    name, uuid
        Of the job; for a flow its key, and an empty uuid.
    payload
        For "progress" the line that the job wrote; for "failed" and "blocked" ``{"error": …}``.
    done, total
        Jobs that have ended, and jobs known so far (a job may add others).
    folder
        Where the job runs or ran.
    """

    kind: Kind
    name: str
    uuid: str
    payload: dict[str, Any] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    folder: Path | None = None


@dataclass(frozen=True)
class JobState:
    """Where one job stands.

    Parameters
    ----------
    folder
        Its last run's folder; None if it never ran.
    name, uuid, index
        Of the job; the index counts its replacements from 1.
    flow
        Key of the flow that it belongs to.
    state
        Where it stands.
    why
        One line: why it failed, is blocked, or was interrupted; empty otherwise.
    attempts
        How often it was started.
    started, ended
        Unix times of the last attempt; None if it has not.
    """

    folder: Path | None
    name: str
    uuid: str
    index: int
    flow: str
    state: State
    why: str
    attempts: int
    started: float | None
    ended: float | None


@dataclass(frozen=True)
class Summary:
    """How a flow ended.

    Parameters
    ----------
    key
        Of the flow.
    counts
        Number of jobs in each state.
    failed
        The jobs that failed, with the reason and folder of each.
    wall_s
        Duration of this run, in seconds.
    """

    key: str
    counts: Mapping[State, int]
    failed: tuple[JobState, ...]
    wall_s: float

    @property
    def ok(self) -> bool:
        """Whether every job completed, or was stopped by a job on purpose."""
        return not self.counts.keys() - {"COMPLETED", "STOPPED"}


Listener = Callable[[Event], None]
