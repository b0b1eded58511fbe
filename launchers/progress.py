"""What is going on, on standard error: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from interlith.launchers.local.states import Event


@dataclass
class JobLine:
    """Where one job stands."""

    name: str
    started: float
    stage: str = ""
    energy_eV: float | None = None
    fmax_eV_A: float | None = None
    calls: dict[str, int] = field(default_factory=dict)
    state: str = "running"
    told: float | None = None

    @property
    def force_calls(self) -> int:
        """Force calls of all its stages so far."""
        return sum(self.calls.values())

    def take(self, payload: Mapping[str, object]) -> None:
        """Read one line of progress: stage, call, energy_eV, fmax_eV_A."""
        self.stage = str(payload.get("stage") or self.stage)
        call, energy, fmax = payload.get("call"), payload.get("energy_eV"), payload.get("fmax_eV_A")
        if isinstance(call, int):
            self.calls[self.stage] = max(call, self.calls.get(self.stage, 0))
        self.energy_eV = float(energy) if isinstance(energy, int | float) else self.energy_eV
        self.fmax_eV_A = float(fmax) if isinstance(fmax, int | float) else self.fmax_eV_A

    def numbers(self) -> tuple[str, str, str]:
        """Return force calls, energy and largest force as text, empty where there is none."""
        calls = str(self.force_calls) if self.calls else ""
        energy = "" if self.energy_eV is None else f"{self.energy_eV:.4f}"
        return calls, energy, "" if self.fmax_eV_A is None else f"{self.fmax_eV_A:.3f}"


class Progress:
    """Follows the events of a run and tells a person.

    Parameters
    ----------
    live
        Draw a table that renews itself; by default where standard error is a terminal.
    every_s
        Without it: the least time between two lines about one job, seconds.
    clock
        Gives the time in seconds.
    """

    def __init__(
        self, *, live: bool | None = None, every_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.jobs: dict[str, JobLine] = {}
        self.done = self.total = 0
        self._every_s, self._clock = every_s, clock
        self._start = clock()
        self._wants_live = sys.stderr.isatty() if live is None else live
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._wants_live:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(get_renderable=self.table, console=Console(stderr=True), refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self.done, self.total = event.done, event.total
        now = self._clock()
        if event.kind in ("submitted", "finished"):
            self._tell(f"{event.name}: {event.kind}, {event.done} of {event.total} jobs done")
            return
        job = self.jobs.setdefault(event.uuid, JobLine(event.name, now))
        if event.kind == "started" and not self.done:
            self._tell(f"{job.name} · started")
        elif event.kind == "progress":
            job.take(event.payload)
            if job.told is None or now - job.told >= self._every_s:
                job.told = now
                self._tell(self._line(job))
        elif event.kind in ("completed", "failed", "blocked"):
            job.state = event.kind
            why = event.payload.get("error")
            self._tell(self._line(job) + (f": {' '.join(str(why).split())[:300]}" if why else ""))

    @property
    def force_calls(self) -> int:
        """Force calls seen so far, over all jobs."""
        return sum(job.force_calls for job in self.jobs.values())

    def table(self) -> Table:
        """Return what a terminal shows: the running jobs, and the last few that ended."""
        from rich.box import SIMPLE_HEAD
        from rich.table import Table

        title = f"{self.done} of {self.total} jobs · {self.force_calls} force calls · {self._elapsed()}"
        table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
        for column in ("job", "stage", "force calls", "energy, eV", "largest force, eV/Å"):
            table.add_column(column, justify="left" if column in ("job", "stage") else "right")
        ended = [job for job in self.jobs.values() if job.state != "running"][-4:]
        for job in ended + [job for job in self.jobs.values() if job.state == "running"]:
            stage = job.stage if job.state == "running" else job.state
            style = {"running": "bold", "failed": "red", "blocked": "yellow"}.get(job.state, "dim")
            table.add_row(job.name, stage, *job.numbers(), style=style)
        return table

    def _line(self, job: JobLine) -> str:
        calls, energy, fmax = job.numbers()
        parts = [job.name, job.stage if job.state == "running" else job.state]
        parts += [f"{calls} force calls" if calls else "", f"E {energy} eV" if energy else ""]
        parts += [f"largest force {fmax} eV/Å" if fmax else ""]
        return " · ".join(part for part in parts if part)

    def _tell(self, line: str) -> None:
        if self._live is None:
            print(f"{self._elapsed()} [{self.done}/{self.total}] {line}", file=sys.stderr, flush=True)

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(self._clock() - self._start), 60)
        return f"{minutes:d}:{seconds:02d}"
