import pytest

from interlith.analysis.references import Statement, deviations, face_name, statements

METALS = ("Li_bcc", "Al_fcc", "Cu_fcc")


def pbe(crystal, miller):
    (found,) = [one for one in deviations(crystal, miller, 1.0) if one.functional == "PBE"]
    return found.value


def test_every_equivalent_face_finds_the_reference():
    for miller in ((1, 0, 0), (0, 0, 1), (0, -1, 0)):
        found = deviations("Cu_fcc", miller, 1.628)[0]
        assert found.percent == pytest.approx(10.0)
        assert found.tag == "recalled"
        assert "10.1038" in found.source
    assert {face_name(m) for m in ((1, 1, 0), (0, -1, 1), (-1, 0, -1))} == {"110"}


def test_each_source_gives_a_deviation_and_an_unknown_face_none():
    assert len(deviations("LiF", (1, 0, 0), 0.3)) == 2
    assert deviations("LiF", (2, 1, 0), 0.3) == deviations("mine", (1, 0, 0), 0.3) == ()


def test_an_average_over_faces_is_compared_with_each_of_them():
    for metal in METALS:
        for miller in ((1, 0, 0), (1, 1, 1), (2, 1, 0)):
            experiment = deviations(metal, miller, 1.0)[-1]
            assert "liquid" in experiment.source and experiment.functional is None
    # What the reference sheet says of PBE: 15 to 30 % below experiment; of the three faces' mean, so of Li too.
    for metal in ("Al_fcc", "Cu_fcc"):
        mean = sum(pbe(metal, m) for m in ((1, 0, 0), (1, 1, 0), (1, 1, 1))) / 3
        assert -30 < deviations(metal, (2, 1, 0), mean)[-1].percent < -15


def test_the_pbe_values_keep_what_is_stated_of_them():
    for statement in statements():
        faces = {"100": (1, 0, 0), "110": (1, 1, 0), "111": (1, 1, 1)}
        assert statement.holds({name: pbe(statement.crystal, miller) for name, miller in faces.items()}), statement.text


def test_a_statement_fails_by_any_of_its_parts():
    gammas = {"100": 0.50, "110": 0.46, "111": 0.55}

    def holds(**parts):
        return Statement(crystal="Li_bcc", text="", **parts).holds(gammas)

    assert holds() and holds(within_J_m2=(0.46, 0.55)) and holds(spread_percent=19)
    assert not holds(within_J_m2=(0.47, 0.60)) and not holds(within_J_m2=(0.40, 0.54)) and not holds(spread_percent=17)
    assert holds(order=("110", "100", "111")) and holds(order=("100", "110"), slack_J_m2=0.041)
    assert not holds(order=("100", "110"), slack_J_m2=0.039)
