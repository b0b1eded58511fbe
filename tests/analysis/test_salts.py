import pytest

from interlith.analysis.dissociation import Conformer, LongerChain, identities
from interlith.analysis.records import Method, Provenance
from interlith.analysis.salts import Findings, Question, Refined, Search, Solvated, Superposition, answer, level_of
from interlith.structures.errors import ComputationError
from interlith.structures.molecules import molecule
from interlith.structures.records import MoleculeRecipe

ENERGIES = {
    **{"cation": [-198.2], "anion": [-722.8, -722.75], "salt": [-926.7, -926.6]},
    **{"host": [-120.0, -119.9], "host+cation": [-321.2, -321.0], "host+salt": [-1048.2, -1048.0]},
    **{"host+anion": [-843.4, -843.3]},
}
BARE = ("cation", "anion", "salt")


def method(**changes):
    fields = {"engine": "pyscf", "engine_version": "2.14", "model": "PySCF", "weights_sha256": None}
    fields |= {"functional": "B3LYP", "dispersion": "D3(BJ)", "surrogate": False}
    return Method(**fields | {"settings": {"basis": "6-31+G*", "charge": 0, "multiplicity": 1}} | changes)


def provenance(of):
    return Provenance(method=of, input_sha256=("0",), software={}, wall_s=1.0, n_force_calls=1, converged=True)


CHEAP = method(
    engine="gfn2-xtb", model="GFN2-xTB", functional=None, dispersion=None, surrogate=True, settings={"charge": 0}
)


def search(part, shift=0.0):
    dme = molecule(MoleculeRecipe(molecule="DME"))
    models = tuple(
        dme.model_copy(
            update={"facts": dme.facts.model_copy(update={"relative_energy_eV": energy - ENERGIES[part][0]})}
        )
        for energy in ENERGIES[part]
    )
    return Search(
        part=part,
        models=models,
        energy_eV=ENERGIES[part][0] + shift,
        n_started=5,
        told="5 geometries",
        provenance=provenance(CHEAP),
    )


def refined(part, energy, charge=0):
    conformer = Conformer(xyz="", energy_eV=energy, screened_eV=energy, shell={}, shortest_hold_A=None)
    settings = {"basis": "6-31+G*", "charge": charge, "multiplicity": 1}
    return Refined(part=part, conformer=conformer, provenance=provenance(method(settings=settings)))


def record(parts=tuple(ENERGIES), host="P-DOL", **more):
    found = [refined(part, e, charge=k) for part in parts for k, e in enumerate(ENERGIES[part])]
    findings = {"searches": tuple(map(search, parts)), "refined": (*found, None)} | more
    question = Question(
        system="s", preset="quick", salt="LiTFSI", host=host, geometry="GFN2-xTB", settings={"conformers": 2}
    )
    return answer(question, Findings(**findings))


def test_a_record_at_a_host_answers_by_d1_and_holds_every_definition_with_its_words():
    found = record()
    assert (found.definition, found.level) == ("D1", "B3LYP-D3(BJ)/6-31+G*//GFN2-xTB")
    lowest = {part: energies[0] for part, energies in ENERGIES.items()}
    assert {k: v for k, v in found.values_eV.items() if k != "D0"} == pytest.approx(identities(lowest), abs=1e-6)
    assert found.quantity("dissociation_energy").value == found.quantity("D1").value == pytest.approx(4.2)
    assert all(
        q.definition.startswith(("D0:", "D1:", "D2:", "D3:", "D4:")) and q.unit == "eV" for q in found.quantities
    )
    assert "D1 is one of several definitions" in found.caveats[0]
    assert found.energies_eV["host+salt, conformer 2"] == -1048.0
    assert found.part("anion").energy_eV == -722.8
    assert found.screened_eV == pytest.approx(found.boltzmann_eV, abs=0.05)
    assert found.provenance.n_force_calls == 13


def test_a_bare_salt_answers_by_d0_and_says_what_was_left_out():
    found = record(BARE, host=None)
    assert found.definition == "D0" and set(found.values_eV) == {"D0"}
    spread = found.quantity("D0").spread
    assert (spread.n, spread.minimum, spread.maximum) == (4, pytest.approx(5.6), pytest.approx(5.75))
    told = " ".join(found.caveats)
    assert "no counterpoise" in told and "D5 was not computed" in told and "0 K" in told
    assert "several definitions" not in told


def test_counterpoise_solvent_and_a_longer_chain_stand_beside_the_answer():
    wet = tuple(
        Solvated(part=p, energy_eV=ENERGIES[p][0] - e, solvent="ε = 7.2") for p, e in zip(BARE, (4, 2, 1), strict=True)
    )
    longer = LongerChain(n=2, level="GFN2-xTB", value_eV=5.0, value_here_eV=6.3, energies_eV={})
    ghosts = (None, Superposition(definition="D1", fragments_eV=((-1.0, -1.05), (-2.0, -2.1))))
    found = record(superpositions=ghosts, solvated=wet, longer=longer)
    assert found.quantity("D5").value == pytest.approx(5.7 - 5.0)
    assert "ε = 7.2" in found.quantity("D5").definition and found.solvent == "ε = 7.2"
    assert found.quantity("D1_counterpoise").value == pytest.approx(4.2 - 0.15)
    assert found.quantity("dissociation_energy").value == pytest.approx(4.2)
    told = " ".join(found.caveats)
    assert "with 2 repeat units D1 changes by -1.30 eV" in told
    assert "no counterpoise" not in told and "D5 was not" not in told


def test_energies_of_two_methods_are_not_subtracted_but_those_of_two_charges_are():
    other = Refined(
        part="anion",
        conformer=refined("anion", -1.0).conformer,
        provenance=provenance(method(functional="PBE")),
    )
    parts = [refined("cation", -1.0, charge=1), refined("salt", -2.0)]
    question = Question(system="s", preset="quick", salt="x", host=None, geometry="GFN2-xTB", settings={})
    with pytest.raises(ComputationError, match="2 methods"):
        answer(question, Findings(searches=tuple(map(search, BARE)), refined=(*parts, other)))


@pytest.mark.parametrize(
    ("of", "geometry", "level"),
    [
        (method(), None, "B3LYP-D3(BJ)/6-31+G*"),
        (method(), "GFN2-xTB", "B3LYP-D3(BJ)/6-31+G*//GFN2-xTB"),
        (method(dispersion=None), "B3LYP/6-31+G*", "B3LYP/6-31+G*"),
        (CHEAP, "GFN2-xTB", "GFN2-xTB"),
    ],
)
def test_a_level_is_written_as_chemists_write_it(of, geometry, level):
    assert level_of(of, geometry) == level
