"""Progress is told on standard error, once every few seconds a job, and in full when a job ends."""

import re
from io import StringIO

import pytest
from rich.console import Console

from interlith.launchers.local.states import Event
from interlith.launchers.progress import Progress


def happened(kind, uuid="u1", name="relax slab", done=0, **payload) -> Event:
    return Event(kind, name, uuid, payload, done=done, total=3)


def force_call(call, energy, fmax, stage="relax", uuid="u1") -> Event:
    return happened("progress", uuid, stage=stage, call=call, energy_eV=energy, fmax_eV_A=fmax)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def lines(capsys) -> list[str]:
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.splitlines()


def test_energy_and_force_are_told_as_they_fall(clock, capsys):
    with Progress(live=False, clock=clock) as follow:
        follow(force_call(1, -10.0, 2.5))
        clock.now = 6.0
        follow(force_call(9, -11.5, 0.7))
    first, second = lines(capsys)
    assert first == "0:00 [0/3] relax slab · relax · 1 force calls · E -10.0000 eV · largest force 2.500 eV/Å"
    assert second.startswith("0:06 ") and "9 force calls · E -11.5000 eV · largest force 0.700 eV/Å" in second


def test_one_line_per_job_in_five_seconds(clock, capsys):
    follow = Progress(live=False, clock=clock, every_s=5.0)
    for step in range(100):
        clock.now = step * 0.1
        follow(force_call(step, -1.0, 1.0))
        follow(force_call(step, -1.0, 1.0, uuid="u2"))
    assert len(lines(capsys)) == 4


def test_the_end_of_a_job_is_always_told_and_why_it_failed(clock, capsys):
    follow = Progress(live=False, clock=clock)
    follow(force_call(1, -1.0, 1.0))
    follow(happened("completed", done=1))
    follow(happened("failed", uuid="u2", name="relax B", done=1, error="no\n  luck"))
    _, completed, failed = lines(capsys)
    assert re.search(r"\[1/3\] relax slab · completed · 1 force calls", completed)
    assert failed.endswith("relax B · failed: no luck")


def test_force_calls_add_up_over_stages_and_jobs(clock):
    follow = Progress(live=False, clock=clock)
    for event in (force_call(7, 0, 1), force_call(5, 0, 1, stage="again"), force_call(3, 0, 1, uuid="u2")):
        follow(event)
    assert follow.force_calls == 15


def test_a_terminal_gets_a_table_of_what_runs(clock):
    follow = Progress(live=False, clock=clock)
    follow(happened("started"))
    follow(force_call(4, -3.25, 0.125))
    follow(happened("started", uuid="u2", name="relax B"))
    console = Console(width=120, record=True, file=StringIO())
    console.print(follow.table())
    text = console.export_text()
    assert "0 of 3 jobs · 4 force calls" in text
    assert re.search(r"relax slab +relax +4 +-3\.2500 +0\.125", text)
    assert "relax B" in text


def test_a_flow_s_begin_and_end_are_told_with_what_is_done(clock, capsys):
    follow = Progress(live=False, clock=clock)
    follow(Event("submitted", "my-flow", "", {}, done=0, total=3))
    clock.now = 3725.0
    follow(Event("finished", "my-flow", "", {}, done=3, total=3))
    assert lines(capsys) == [
        "0:00 [0/3] my-flow: submitted, 0 of 3 jobs done",
        "62:05 [3/3] my-flow: finished, 3 of 3 jobs done",
    ]


def test_a_blocked_job_says_why_though_it_never_ran(clock, capsys):
    follow = Progress(live=False, clock=clock)
    follow(happened("blocked", done=2, error="relax B failed"))
    (line,) = lines(capsys)
    assert line == "0:00 [2/3] relax slab · blocked: relax B failed"
    assert follow.force_calls == 0


def test_starts_are_told_until_a_first_job_has_ended(clock, capsys):
    follow = Progress(live=False, clock=clock)
    for k, done in enumerate((0, 0, 1)):
        follow(happened("started", uuid=f"u{k}", name=f"job {k}", done=done))
    assert [line.rsplit("] ", 1)[1] for line in lines(capsys)] == ["job 0 · started", "job 1 · started"]


def test_a_line_without_numbers_keeps_the_last_ones(clock, capsys):
    follow = Progress(live=False, clock=clock)
    follow(force_call(7, -3.5, 0.25))
    for odd in ({}, {"stage": "", "call": None}, {"call": "8", "energy_eV": "low", "fmax_eV_A": None}):
        clock.now += 10
        follow(happened("progress", **odd))
    assert {line.split("] ")[1] for line in lines(capsys)} == {
        "relax slab · relax · 7 force calls · E -3.5000 eV · largest force 0.250 eV/Å"
    }


def test_calls_that_come_late_or_twice_are_not_counted_twice(clock):
    follow = Progress(live=False, clock=clock)
    for call in (3, 5, 4, 5):
        follow(force_call(call, -1.0, 1.0))
    assert follow.force_calls == 5


def test_the_table_shows_what_runs_and_the_last_four_that_ended(clock):
    follow = Progress(live=False, clock=clock)
    for k in range(6):
        follow(happened("failed" if k == 5 else "completed", uuid=f"u{k}", name=f"ended {k}", done=k, error="x"))
    follow(happened("started", uuid="run", name="still running", done=6))
    console = Console(width=120, record=True, file=StringIO())
    console.print(follow.table())
    text = console.export_text()
    shown = [k for k in range(6) if f"ended {k}" in text]
    assert shown == [2, 3, 4, 5] and "failed" in text and text.index("ended 5") < text.index("still running")


def test_a_terminal_s_table_replaces_the_lines(clock, capsys):
    with Progress(live=True, clock=clock) as follow:
        follow(happened("started"))
        follow(force_call(4, -3.25, 0.125))
        follow(happened("completed", done=1))
    told = capsys.readouterr()
    assert told.out == "" and "1 of 3 jobs · 4 force calls" in told.err
    assert "[1/3]" not in told.err
