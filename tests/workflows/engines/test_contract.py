"""Every engine of the catalogue keeps the physical contract; a missing package fails, none is skipped."""

from typing import NamedTuple

import cells
import contract
import pytest
from ase import Atoms

from interlith.workflows.engines import catalogue
from interlith.workflows.engines.contract import EngineChoice


class Case(NamedTuple):
    """An engine, the atoms it is tried on, and an element it must refuse (None: it knows all, or cannot tell)."""

    choice: EngineChoice
    atoms: Atoms
    stranger: str | None


LENNARD_JONES = {"sigma": 2.5, "epsilon": 0.4, "rc": 6.0, "smooth": True}
CASES = {
    "emt": Case(EngineChoice(name="emt"), cells.copper_gold(), "O"),
    "chgnet": Case(EngineChoice(name="chgnet"), cells.lithium_fluoride(), "Po"),
    "sevennet-0": Case(EngineChoice(name="sevennet-0"), cells.lithium_fluoride(), "Rn"),
    "sevennet-l3i5": Case(EngineChoice(name="sevennet-l3i5"), cells.lithium(), "Cm"),
    "sevennet-0+d3bj": Case(EngineChoice(name="sevennet-0", dispersion="d3bj"), cells.lithium(), "Fr"),
    "gfn1-xtb": Case(EngineChoice(name="gfn1-xtb"), cells.methanol(), "Fr"),
    "gfn2-xtb": Case(EngineChoice(name="gfn2-xtb"), cells.methanol(), "U"),
    "by dotted path": Case(
        EngineChoice(name="ase.calculators.lj.LennardJones", options=LENNARD_JONES), cells.copper_gold(), None
    ),
}
LONG_RANGED = {"sevennet-0+d3bj"}
CLAUSES = [
    pytest.param(clause, name, id=f"{name}-{clause.__name__}")
    for name, case in CASES.items()
    for clause in contract.clauses(catalogue.find(case.choice).capabilities)
]


@pytest.mark.parametrize(("clause", "name"), CLAUSES)
def test_engine_keeps(clause, name):
    if clause is contract.far_parts_do_not_feel_each_other and name in LONG_RANGED:
        clause = contract.far_parts_attract_faintly
    clause(catalogue.load(CASES[name].choice), CASES[name].atoms)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.stranger])
def test_engine_names_the_elements_it_refuses(name):
    case = CASES[name]
    contract.unknown_elements_are_named(catalogue.load(case.choice), case.atoms, case.stranger)


@pytest.mark.parametrize("name", CASES)
def test_engine_says_how_its_numbers_are_made(name):
    contract.method_says_how(catalogue.load(CASES[name].choice))


def test_every_built_in_engine_is_tried():
    """First-principles engines are tried by their own tests, on cells that they can afford."""
    surrogates = {name for name, entry in catalogue.BUILT_IN.items() if entry.surrogate}
    assert surrogates <= {case.choice.name for case in CASES.values()}
