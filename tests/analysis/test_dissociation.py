import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlith.analysis.dissociation import (
    BALANCES,
    REACTIONS,
    binding_energy,
    boltzmann_average,
    counterpoise_corrected,
    default_definition,
    dissociation_energies,
    identities,
    in_dielectric,
    spread_over_conformers,
)

PARTS = ("cation", "anion", "salt", "host", "host+cation", "host+salt", "host+anion")
IDENTITY_EV = 1e-6
ENERGIES = st.fixed_dictionaries({part: st.floats(-1e5, 0.0) for part in PARTS})
# Binding energies of the size of LiTFSI at an ether: of the ions to each other, and of each to the host.
LIKE_LITFSI = {
    **{"cation": -198.2, "anion": -49722.8, "salt": -49926.7, "host": -12000.0},
    **{"host+cation": -12201.2, "host+salt": -61928.2, "host+anion": -61723.4},
}


@given(ENERGIES)
def test_the_definitions_are_bound_to_each_other_by_binding_energies(energies):
    found = dissociation_energies(energies)
    for name, value in identities(energies).items():
        assert found[name] == pytest.approx(value, abs=IDENTITY_EV)


@given(ENERGIES, st.floats(-100, 100))
def test_the_zero_of_energy_of_each_molecule_drops_out(energies, shift):
    """Every atom on the left is on the right: moving a molecule's zero, wherever it stands, moves no definition."""
    before = dissociation_energies(energies)
    for moved in ("cation", "anion", "host"):
        held = {"cation": ("cation", "salt"), "anion": ("anion", "salt"), "host": ("host",)}[moved]
        changed = {
            part: energy
            + shift * any(part in (one, f"host+{one}") or (moved == "host" and "host" in part) for one in held)
            for part, energy in energies.items()
        }
        after = dissociation_energies(changed)
        assert all(after[name] == pytest.approx(before[name], abs=1e-6) for name in before)


def test_each_definition_is_computed_as_far_as_its_parts_are_there():
    bare = {part: LIKE_LITFSI[part] for part in ("cation", "anion", "salt")}
    assert dissociation_energies(bare) == {"D0": pytest.approx(5.7)}
    assert set(dissociation_energies(LIKE_LITFSI)) == {"D0", "D1", "D2", "D3", "D4"}
    assert set(dissociation_energies({**bare, "host": 0.0, "host+cation": 0.0})) == {"D0", "D4"}
    assert set(BALANCES) == set(REACTIONS) == {f"D{k}" for k in range(6)}


def test_what_a_host_does_to_each_definition_follows_from_what_it_binds():
    found = dissociation_energies(LIKE_LITFSI)
    salt, cation = binding_energy(LIKE_LITFSI, "salt"), binding_energy(LIKE_LITFSI, "cation")
    assert (salt, cation) == (pytest.approx(1.5), pytest.approx(3.0))
    assert found["D3"] > found["D0"]
    assert found["D4"] < found["D1"] < found["D0"]
    assert found["D1"] == pytest.approx(4.2)


def test_a_host_that_binds_nothing_changes_nothing():
    idle = dict(LIKE_LITFSI)
    for guest in ("cation", "anion", "salt"):
        idle[f"host+{guest}"] = idle["host"] + idle[guest]
    assert list(dissociation_energies(idle).values()) == pytest.approx([5.7] * 5)


def test_the_default_is_d0_bare_and_d1_at_a_host():
    assert (default_definition(hosted=False), default_definition(hosted=True)) == ("D0", "D1")


@given(st.lists(st.tuples(st.floats(-10, 0), st.floats(0, 1)), min_size=1, max_size=3))
def test_counterpoise_lowers_a_dissociation_energy_by_what_the_larger_basis_gives(fragments):
    pairs = [(own, own - gain) for own, gain in fragments]
    assert counterpoise_corrected(5.0, pairs) == pytest.approx(5.0 - sum(gain for _, gain in fragments))


def test_a_dielectric_that_does_nothing_gives_the_bare_energy_and_born_ions_are_lowered():
    """Born: an ion of radius a gains (1 − 1/ε) e²/(8πε₀a) = 7.2 (1 − 1/ε)/a eV Å; the pair, a dipole, far less."""
    bare = {part: LIKE_LITFSI[part] for part in ("cation", "anion", "salt")}
    assert in_dielectric(bare) == pytest.approx(dissociation_energies(bare)["D0"])
    born = {"cation": 7.2 * (1 - 1 / 7.2) / 1.6, "anion": 7.2 * (1 - 1 / 7.2) / 4.0, "salt": 0.4}
    wet = {part: energy - born[part] for part, energy in bare.items()}
    assert in_dielectric(wet) == pytest.approx(5.7 - born["cation"] - born["anion"] + 0.4)
    assert in_dielectric(wet) < 1.0


def test_the_spread_is_over_every_combination_of_conformers_and_never_of_fewer_than_three():
    ladders = {"cation": [0.0], "anion": [0.0, 0.1], "salt": [-5.0, -4.8]}
    spread = spread_over_conformers(ladders, "D0")
    values = [5.0, 4.8, 5.1, 4.9]
    assert (spread.kind, spread.n, spread.minimum, spread.maximum) == ("conformers", 4, 4.8, 5.1)
    assert spread.std == pytest.approx(np.std(values, ddof=1))
    assert spread_over_conformers({**ladders, "anion": [0.0]}, "D0") is None


@given(st.lists(st.floats(0, 2), min_size=1, max_size=8), st.floats(1, 2000))
def test_an_average_lies_between_the_lowest_and_the_mean(energies, temperature):
    average = boltzmann_average(energies, temperature)
    assert min(energies) - 1e-12 <= average <= np.mean(energies) + 1e-12


def test_averages_in_the_limits_of_temperature():
    energies = [-49722.79, -49722.69, -49722.39]
    assert boltzmann_average(energies, 1.0) == pytest.approx(energies[0], abs=1e-9)
    assert boltzmann_average(energies, 1e9) == pytest.approx(np.mean(energies), abs=1e-6)
    two = boltzmann_average([0.0, 0.05], 298.15)
    factor = np.exp(-0.05 / 0.0256926)
    assert two == pytest.approx(0.05 * factor / (1 + factor), rel=1e-4)
