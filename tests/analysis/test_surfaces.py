import pytest

from interlith.analysis import surrogates
from interlith.analysis.records import Method
from interlith.analysis.surfaces import deviations


def method(engine, surrogate=True):
    return Method(
        engine=engine,
        engine_version="1",
        model=engine,
        weights_sha256=None,
        functional="PBE",
        dispersion=None,
        surrogate=surrogate,
    )


def test_a_surrogate_says_its_error_and_a_first_principles_code_has_none():
    assert "-46 to -3 % from PBE" in surrogates.caveat(method("sevennet-0"))
    assert "not known" in surrogates.caveat(method("my.Calculator"))
    assert surrogates.caveat(method("vasp", surrogate=False)) == ""


def test_every_equivalent_face_finds_the_reference():
    for miller in ((1, 0, 0), (0, 0, 1), (0, -1, 0)):
        (found,) = deviations("Cu_fcc", miller, 1.628)
        assert found.percent == pytest.approx(10.0)
        assert found.tag == "recalled"
        assert "10.1038" in found.source


def test_two_sources_give_two_deviations_and_an_unknown_face_none():
    assert len(deviations("LiF", (1, 0, 0), 0.3)) == 2
    assert deviations("LiF", (2, 1, 0), 0.3) == ()
    assert deviations("mine", (1, 0, 0), 0.3) == ()


def test_references_put_the_close_packed_face_of_a_metal_lowest():
    """fcc: (111) < (100) < (110), which holds whatever the recalled digits are worth."""
    for metal in ("Al_fcc", "Cu_fcc"):
        close, square, open_ = (deviations(metal, m, 1.0)[0].value for m in ((1, 1, 1), (1, 0, 0), (1, 1, 0)))
        assert close < square < open_
