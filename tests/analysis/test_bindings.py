import pytest

from interlith.analysis.bindings import binding_caveat, binding_errors, family_of
from interlith.analysis.records import Method


def method(engine="sevennet-l3i5", surrogate=True) -> Method:
    return Method(
        engine=engine, engine_version="1", model=engine, weights_sha256=None, functional="PBE", dispersion="D3(BJ)",
        surrogate=surrogate,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("formulas", "family"),
    [
        (["C5H12O3"], "ether"),
        (["C5H8F4"], "fluoropolymer"),
        (["C2F6LiNO4S2"], None),
        (["C5H12O3", "C2F6LiNO4S2"], None),
        (["H2O"], None),
        (["C6H14"], None),
    ],
)
def test_what_errors_are_known_of(formulas, family):
    assert family_of(formulas) == family


def test_the_measured_error_of_the_very_contact_is_told():
    told = binding_caveat(method(), "Li_bcc", ["C5H12O3"])
    assert "+0.14 eV from PBE-D3(BJ) for an ether on Li (-0.71 eV)" in told
    assert "rank" not in told
    told = binding_caveat(method(), "LLZTO_Ta0.6_orderable", ["C6H9F5"])
    assert "-1.17 eV" in told and "no counterpoise" in told and "do not rank fluoropolymers against ethers" in told


def test_a_contact_that_was_not_measured_is_not_given_another_ones_error():
    told = binding_caveat(method(), "LAGP_x0.5_nominal", ["C5H12O3"])
    assert "was not measured on such a contact" in told and "on Li" in told and "on LLZTO" in told
    assert "not known here" in binding_caveat(method("emt"), "Li_bcc", ["C5H12O3"])
    assert binding_caveat(method(surrogate=False), "Li_bcc", ["C5H12O3"]) == ""


def test_errors_are_of_one_reference_and_stand_in_an_order():
    """For every contact l3i5 is nearest to first principles, CHGNet farthest."""
    by_engine = [binding_errors(name) for name in ("sevennet-l3i5", "sevennet-0", "chgnet")]
    assert [len(rows) for rows in by_engine] == [3, 3, 3]
    for contact in zip(*by_engine, strict=True):
        assert len({(one.slab, one.family, one.reference_eV) for one in contact}) == 1
        sizes = [abs(one.error_eV) for one in contact]
        assert sizes == sorted(sizes)
        assert all(one.level == "PBE-D3(BJ)" and one.source for one in contact)
