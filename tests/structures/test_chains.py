import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii

from interlith.structures.chains import straight_chain
from interlith.structures.errors import RequestError
from interlith.structures.molecules import completed
from interlith.structures.records import MoleculeRecipe
from interlith.structures.valences import wrong_orders

HFP = "[*]C(F)(F)C(F)(C(F)(F)F)[*]"
UNITS = {
    "PE": MoleculeRecipe(molecule="[*]CC[*]"),
    "PEO": MoleculeRecipe(molecule="[*]CCO[*]"),
    "P-DOL": completed(MoleculeRecipe(molecule="P-DOL")),
    "PVDF": MoleculeRecipe(molecule="[*]CC(F)(F)[*]"),
    "PVDF turned": MoleculeRecipe(molecule="[*]CC(F)(F)[*]", head_to_tail=False),
    "PVDF-HFP": MoleculeRecipe(molecule="[*]CC(F)(F)[*]", n=3, comonomer=HFP, comonomer_units=1),
    "PPE": MoleculeRecipe(molecule="[*]c1ccc([*])cc1"),
    "PP": MoleculeRecipe(molecule="[*]CC([*])C", tacticity="syndiotactic"),
}
CHAINS = {name: straight_chain(recipe) for name, recipe in UNITS.items()}


def periodic(chain, times=1):
    atoms = Atoms(chain.atoms, cell=[chain.period_A, 30, 30], pbc=[True, False, False])
    return atoms.repeat((times, 1, 1))


@pytest.mark.parametrize(
    ("name", "period", "tolerance"),
    [
        ("PVDF", 2.56, 0.06),  # form I (β), 10.1295/polymj.3.600, as in the library's PVDF_beta
        ("PE", 2.55, 0.03),  # orthorhombic polyethylene; recalled, unverified
        ("PEO", 7.12, 0.15),  # planar zigzag of stretched poly(ethylene oxide); recalled, unverified
    ],
)
def test_periods_are_those_of_crystals(name, period, tolerance):
    assert CHAINS[name].period_A == pytest.approx(period, abs=tolerance)


@pytest.mark.parametrize("name", UNITS)
def test_the_period_is_whole_units_neutral_and_closed(name):
    chain = CHAINS[name]
    degrees = np.zeros(len(chain.atoms))
    for i, j, _, _ in chain.bonds:
        degrees[[i, j]] += 1
    usual = {"H": {1}, "F": {1}, "O": {2}, "C": {3, 4} if name == "PPE" else {4}}
    assert all(d in usual[s] for d, s in zip(degrees, chain.atoms.symbols, strict=True))
    assert sum(wraps for *_, wraps in chain.bonds) == 1
    model = chain.laid(name, 2, 2 * chain.period_A)
    assert not wrong_orders(model.atoms, model.facts.bonds)
    assert len(model.facts.bonds) == 2 * len(chain.bonds)


@pytest.mark.parametrize("name", UNITS)
def test_bonds_are_bonds_and_nothing_else_is_near(name):
    chain = CHAINS[name]
    many = periodic(chain, 5)
    apart = many.get_all_distances(mic=True)
    radii = covalent_radii[many.numbers]
    near = np.triu(apart < 1.2 * np.add.outer(radii, radii), 1)
    n = len(chain.atoms)
    told = {frozenset((i + k * n, (j + (k + w) * n) % len(many))) for k in range(5) for i, j, _, w in chain.bonds}
    assert {frozenset(p) for p in np.argwhere(near).tolist()} == told


@pytest.mark.parametrize("name", ["PE", "PVDF", "PEO", "P-DOL"])
def test_the_backbone_is_a_flat_zigzag(name):
    chain = CHAINS[name]
    backbone = chain.atoms[[a.symbol in "CO" for a in chain.atoms]]
    flat = backbone.positions[:, 1:] - backbone.positions[:, 1:].mean(axis=0)
    thin, wide = np.sqrt(np.linalg.eigvalsh(flat.T @ flat) / len(flat))
    assert thin < 0.05
    assert 0.3 < wide < 0.5, "half the height of a zigzag of C-C"


def test_a_unit_of_an_odd_number_of_backbone_atoms_is_taken_twice():
    assert {name: c.n_units for name, c in CHAINS.items()} == {
        "PE": 1, "PEO": 2, "P-DOL": 2, "PVDF": 1, "PVDF turned": 2, "PVDF-HFP": 3, "PPE": 1, "PP": 2,
    }  # fmt: skip


def test_a_comonomer_is_in_every_period():
    assert CHAINS["PVDF-HFP"].atoms.get_chemical_formula() == "C7H4F10"
    assert any("isotactic" in step for step in CHAINS["PVDF-HFP"].steps)
    assert not any("isotactic" in step for step in CHAINS["PVDF"].steps)


def test_periods_in_a_row_are_stretched_evenly():
    chain = CHAINS["PEO"]
    model = chain.laid("PEO", 3, 3.3 * chain.period_A)
    atoms, n = model.atoms, len(chain.atoms)
    assert atoms.positions.mean(axis=0) == pytest.approx(0, abs=1e-6)
    step = atoms.positions[n : 2 * n] - atoms.positions[:n]
    assert step == pytest.approx(np.tile([1.1 * chain.period_A, 0, 0], (n, 1)), abs=1e-6)
    assert np.ptp(atoms.positions[:n, 0]) == pytest.approx(1.1 * np.ptp(chain.atoms.positions[:, 0]), abs=1e-6)
    assert model.facts.n_units == 6
    assert model.facts.formula == "C12H24O6"


def test_the_same_recipe_gives_the_same_chain():
    again = straight_chain(UNITS["P-DOL"])
    assert (again.atoms.positions == CHAINS["P-DOL"].atoms.positions).all()


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (MoleculeRecipe(molecule="[*]CC(F)(F)[*]", hf_removed=1), "hf_removed = 1"),
        (MoleculeRecipe(molecule="[*]CC[N+](C)(C)[*]"), r"\[N\+\]"),
        (MoleculeRecipe(molecule="COC"), "0 open ends"),
    ],
)
def test_what_cannot_be_an_infinite_chain_is_refused(recipe, told):
    with pytest.raises(RequestError, match=told):
        straight_chain(recipe)
