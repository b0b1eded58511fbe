import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlith.analysis.levels import Levels, against_vacuum, alignment, level_caveats, order, vertical, work_function
from interlith.structures.errors import ComputationError


def levels(homo, lumo, *, fermi=None, zero="vacuum"):
    energies = (homo - 1.0, homo, lumo) if lumo is not None else (homo - 1.0, homo)
    return Levels(
        homo_eV=homo,
        lumo_eV=lumo,
        fermi_eV=fermi,
        zero=zero,
        eigenvalues_eV=(energies,),
        occupations=((2.0, 2.0, 0.0)[: len(energies)],),
    )


@given(st.floats(-20, 5), st.floats(-10, 20))
def test_levels_of_a_slab_stand_against_its_vacuum_and_keep_their_gap(homo, plateau):
    inside = levels(homo, homo + 3.0, fermi=homo + 0.1, zero="cell average")
    found = against_vacuum(inside, plateau)
    assert found.zero == "vacuum"
    assert found.homo_eV == pytest.approx(homo - plateau)
    assert found.gap_eV == pytest.approx(inside.gap_eV)
    assert work_function(found) == pytest.approx(plateau - homo - 0.1)
    assert found.eigenvalues_eV[0][1] == found.homo_eV
    # shifting potential and levels by the same amount is no physics
    both = against_vacuum(inside.moved(2.5, "cell average"), plateau + 2.5)
    assert both.homo_eV == pytest.approx(found.homo_eV)


def test_levels_on_two_scales_are_not_compared():
    crystal = levels(-1.0, 2.0, fermi=-0.5, zero="cell average")
    molecule = levels(-7.0, 0.3)
    for wrong in (
        lambda: alignment(molecule, crystal),
        lambda: alignment(crystal, levels(-3.0, -2.0, fermi=-2.9)),
        lambda: alignment(molecule, levels(-3.0, -2.0)),
        lambda: order(molecule, crystal),
        lambda: against_vacuum(molecule, 1.0),
        lambda: work_function(crystal),
    ):
        with pytest.raises(ComputationError):
            wrong()


def test_a_molecule_stands_against_the_fermi_level_of_a_metal():
    """DME (B3LYP) beside lithium, work function 2.9 eV: occupied levels below, empty ones above the Fermi level."""
    found = alignment(levels(-6.92, 0.25), levels(-2.95, -2.85, fermi=-2.9))
    assert (found.homo_eV, found.lumo_eV) == (pytest.approx(-4.02), pytest.approx(3.15))
    assert alignment(levels(-6.92, None), levels(-2.95, -2.85, fermi=-2.9)).lumo_eV is None


def test_the_order_of_two_molecules_and_its_reverse():
    first, second = levels(-5.0, -0.5), levels(-4.0, -1.0)
    found, back = order(first, second), order(second, first)
    assert found.lower_homo_and_higher_lumo and found.lumo_means_something
    assert back.lower_homo_and_higher_lumo is False
    assert (found.homo_eV, found.lumo_eV) == (-back.homo_eV, -back.lumo_eV)
    unbound = order(first, levels(-4.0, 0.2))
    assert not unbound.lumo_means_something
    assert order(first, levels(-4.0, None)).lower_homo_and_higher_lumo is None


@given(st.floats(-1e4, 0), st.floats(0, 30), st.floats(-5, 5))
def test_vertical_energies_are_differences_of_total_energies(neutral, ionisation, affinity):
    found = vertical(neutral, neutral + ionisation, neutral - affinity)
    assert found.ionisation_eV == pytest.approx(ionisation, abs=1e-8)
    assert found.affinity_eV == pytest.approx(affinity, abs=1e-8)
    assert bool(found.told) == (neutral - (neutral - affinity) < 0)


def test_what_was_not_solved_is_a_gap_with_its_reason():
    found = vertical(-10.0, None, None, ("one electron more: no self-consistent field",))
    assert (found.ionisation_eV, found.affinity_eV) == (None, None)
    assert found.told == ("one electron more: no self-consistent field",)


def test_levels_above_the_vacuum_are_told_with_their_environment():
    told = level_caveats({"gas": levels(0.4, 3.1), "dme": levels(-5.0, -0.2)})
    assert len(told) == 2 and all(line.startswith("gas: ") for line in told)
    assert "HOMO lies 0.40" in told[0] and "LUMO lies 3.10" in told[1]
