import pytest

from interlith.structures.errors import RequestError
from interlith.workflows.presets import PRESETS, Calculation, preset


def test_every_preset_promises_a_spread_and_says_its_engine():
    for name, one in PRESETS.items():
        assert one.name == name
        assert one.registries >= 3, "a spread is never made from fewer than three"
        assert one.rigid_starts >= one.registries
        assert one.thickness_A >= one.floor_A
        assert one.choice.name == one.engine


def test_the_default_relaxes_five_registries_and_quick_keeps_eight_angstrom():
    assert PRESETS["default"].registries >= 5
    assert PRESETS["quick"].floor_A >= 8


def test_presets_go_from_cheap_to_dear():
    order = [PRESETS[name] for name in ("quick", "default", "paper")]
    assert [p.fmax_eV_A for p in order] == sorted((p.fmax_eV_A for p in order), reverse=True)
    assert [p.registries for p in order] == sorted(p.registries for p in order)
    assert [p.thickness_A for p in order] == sorted(p.thickness_A for p in order)


def test_a_calculation_changes_only_what_it_sets():
    quick = PRESETS["quick"]
    changed = quick.adjusted(Calculation(engine="emt", dispersion="d3bj", fmax_eV_A=0.07))
    assert (changed.engine, changed.dispersion, changed.fmax_eV_A) == ("emt", "d3bj", 0.07)
    assert changed.choice.dispersion == "d3bj"
    assert changed.model_copy(update={k: getattr(quick, k) for k in ("engine", "dispersion", "fmax_eV_A")}) == quick
    assert quick.adjusted(Calculation()) == quick


def test_settings_are_plain_numbers_for_the_record():
    assert PRESETS["quick"].settings()["fmax_eV_A"] == 0.10


def test_an_unknown_preset_gets_the_nearest():
    with pytest.raises(RequestError, match=r"'quik'.*quick"):
        preset("quik")
    assert preset("paper") is PRESETS["paper"]
