"""Results on standard output, all else on standard error; numbers as a person reads them, JSON as a program does."""

import ctypes
import json
import math
import os
import sys
from contextlib import redirect_stdout
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.launchers.output import note, print_json, print_table, say, shown, stray_output_to_stderr


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (0.0, "0"),
        (-0.82, "-0.82"),
        (999.95, "1000"),
        (123456.7, "123457"),
        (1.23456e-7, "1.235e-07"),
        (float("nan"), "nan"),
        ("a|b", "a|b"),
        ((1, 0), "(1, 0)"),
    ],
)
def test_cells_read_as_people_write(cell, text):
    assert shown(cell) == text


@given(st.floats(-1e6, 1e6))
def test_a_shown_number_is_within_its_last_digit(value):
    assert float(shown(value)) == pytest.approx(value, rel=5.1e-4, abs=1e-12) or abs(float(shown(value)) - value) <= 0.5


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def without_infinities(value):
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_infinities(item) for key, item in value.items()}
    return [without_infinities(item) for item in value] if isinstance(value, list) else value


@given(document=DOCUMENTS)
@settings(max_examples=40, deadline=None)
def test_json_is_strict_and_says_the_same(document):
    stream = StringIO()
    with redirect_stdout(stream):
        print_json(document)

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    assert json.loads(stream.getvalue(), parse_constant=refuse) == without_infinities(document)


def test_a_table_in_a_file_is_as_wide_as_it_needs_and_takes_brackets_as_they_are(capsys):
    long = "interfacial_formation_energy_of_a_very_long_name" * 2
    print_table("Title [1]", ["name", "value"], [[long, 1.0], ["[bold]not markup[/bold]", None]])
    text = capsys.readouterr().out
    assert long in text and "[bold]not markup[/bold]" in text and "Title" in text
    assert text.index("value") > text.index("name")


def test_numbers_stand_to_the_right_and_words_to_the_left(capsys):
    print_table("", ["word", "number"], [["a", 1.5], ["longer", -20.25]])
    first, second = (line for line in capsys.readouterr().out.splitlines() if line.strip().startswith(("a", "longer")))
    assert first.rstrip().endswith("1.5") and second.rstrip().endswith("-20.25")
    assert len(first.rstrip()) == len(second.rstrip())
    assert first.index("a") == second.index("longer")


def test_an_empty_table_still_has_its_headings(capsys):
    print_table("Nothing", ["one", "two"], [])
    assert "one" in capsys.readouterr().out


def test_results_and_remarks_go_their_own_ways(capsys):
    say("a result", "another")
    note("a remark")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("a result\nanother\n", "a remark\n")


def test_what_libraries_print_never_meets_the_results(capfd):
    """From Python, from the operating system's calls, and from C."""
    with stray_output_to_stderr():
        print("from Python")
        os.write(1, b"from a call\n")
        libc = ctypes.CDLL(None)
        libc.puts(b"from C")
        libc.fflush(None)
    say("the result")
    told = capfd.readouterr()
    assert told.out == "the result\n"
    for stray in ("from Python", "from a call", "from C"):
        assert stray in told.err


def test_standard_output_is_back_even_after_an_error(capfd):
    stream = sys.stdout
    with pytest.raises(ZeroDivisionError), stray_output_to_stderr():
        _ = 1 / 0
    assert sys.stdout is stream
    os.write(1, b"still here\n")
    assert capfd.readouterr().out == "still here\n"
