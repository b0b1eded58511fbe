"""Reactions from the library and from text, by real engines."""

import pytest
from jobflow import run_locally

from interlith.structures.errors import RequestError
from interlith.structures.library import reactions
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.reactions import ReactionMaker, balanced, equation_of, nominal


def answer(reaction, engine, **settings):
    flow = ReactionMaker(EngineChoice(**engine), **settings).make(reaction)
    return run_locally(flow, ensure_success=True, log=False)[flow.output.uuid][1].output


@pytest.mark.parametrize("name", sorted(reactions()))
def test_every_reaction_of_the_library_balances(name):
    equation = equation_of(name)
    counts = {species: nominal(species)[1] for species in equation.names}
    coefficients = balanced(equation, counts)
    assert all(coefficients[one.name] < 0 for one in equation.reactants)
    assert all(coefficients[one.name] > 0 for one in equation.products)
    assert reactions()[name]["title"]


def test_alloying_of_metals_by_a_classical_engine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = answer("Cu -> Cu_fcc", {"name": "emt"})
    assert record.quantity("reaction_energy").value == pytest.approx(0.0, abs=1e-6)
    assert record.quantity("volume_change").value == pytest.approx(0.0, abs=1e-6)
    assert record.quantity("volume_change_percent").unit == "%"


def test_lithium_alloys_with_aluminium(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = answer("Al + Li -> LiAl", {"name": "chgnet"}, fmax_eV_A=0.05)
    assert -0.8 < record.quantity("reaction_energy").value < -0.1
    assert -10 > record.quantity("volume_change_percent").value > -30
    assert record.quantity("reaction_energy").converged
    assert any("surrogate" in caveat for caveat in record.caveats)


@pytest.mark.nightly
def test_lithium_takes_the_fluorine_of_copper(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = answer("cuf2-li", {"name": "chgnet"})
    assert record.equation == "CuF2 + 2 Li -> 2 LiF + Cu"
    energy = record.quantity("reaction_energy").value
    assert energy == pytest.approx(record.deviation.value, abs=1.0)
    assert record.quantity("reaction_energy_per_lithium").value == pytest.approx(energy / 2)
    names = {term.name for term in record.terms}
    assert names == {"CuF2", "Li", "LiF", "Cu"} and all(term.volume_A3 > 10 for term in record.terms)


def test_ions_and_molecules_react_by_an_engine_of_molecules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = answer("Li+ + [F-] -> [Li]F", {"name": "gfn2-xtb"}, conformers=1)
    assert record.quantity("reaction_energy").value < -6.0
    assert [term.formula for term in record.terms] == ["Li+", "F-", "FLi"]
    assert not any("volume" in q.quantity for q in record.quantities)


def test_an_engine_of_molecules_takes_the_free_atom_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = answer("2 Li + FF -> 2 [Li]F", {"name": "gfn2-xtb"}, conformers=1)
    assert "Li: a free atom, not the metal: its cohesion is left out" in record.caveats
    energy = record.quantity("reaction_energy").value
    assert record.quantity("reaction_energy_per_lithium").value == pytest.approx(energy / 2)
    assert energy < -6.0


@pytest.mark.parametrize(
    ("reaction", "engine", "told"),
    [
        ("cuf2-lithium", "chgnet", "unknown reaction 'cuf2-lithium'; did you mean cuf2-li"),
        ("CuF2 + Li -> LiF + Unobtainium", "chgnet", "unknown species 'Unobtainium'"),
        ("CuF2 + Li -> LiF", "chgnet", "no coefficients balance it"),
        ("1 CuF2 + 1 Li -> 2 LiF + 1 Cu", "chgnet", r"not balanced: Li by \+1"),
        ("cuf2-li", "nowhere", "unknown engine 'nowhere'"),
        ("cuf2-li", "emt", "does not know"),
        ("cuf2-li", "gfn2-xtb", "treats molecules only, CuF2 is a crystal"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_anything_runs(reaction, engine, told):
    with pytest.raises(RequestError, match=told):
        ReactionMaker(EngineChoice(name=engine)).make(reaction)
