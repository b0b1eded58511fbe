import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene, molecule
from ase.collections import g2
from hypothesis import given, settings
from hypothesis import strategies as st

from interlith.structures.checks import findings
from interlith.structures.crystals import load_crystal
from interlith.structures.molecules import molecule as build
from interlith.structures.records import MoleculeRecipe
from interlith.structures.valences import (
    charged_centres,
    covalent_bonds,
    missing_neighbours,
    molecular,
    order_sums,
    possible_charges,
    total_charges,
    wrong_orders,
)

# Radicals and carbenes: an atom does lack a bond.
OPEN = {"CH3CO", "HCO", "C2H3", "CH", "CH2_s1A1d", "CH3O", "CH3CH2O", "CH2_s3B1d"}
ORGANIC = ("DME", "DOL", "TFSI-", "TFPAA-", "PYR14+", "LiTFSI", "P-DOL", "PVDF-HFP", "d-PVDF-HFP", "Cu(TFPAA)2")


def faults(atoms):
    return missing_neighbours(atoms, covalent_bonds(atoms))


@pytest.fixture(scope="module")
def built():
    return {name: build(MoleculeRecipe(molecule=name)) for name in ORGANIC}


def test_of_the_g2_molecules_only_radicals_lack_a_bond():
    assert {name for name in g2.names if faults(molecule(name))} == OPEN


@pytest.mark.parametrize("name", ORGANIC)
def test_orders_of_built_molecules_give_their_charge(built, name):
    facts, atoms = built[name].facts, built[name].atoms
    assert not wrong_orders(atoms, facts.bonds)
    assert facts.charge_e in total_charges(atoms.get_chemical_symbols(), facts.bonds)
    assert not faults(atoms)


@pytest.mark.parametrize("name", ["DME", "DOL", "TFPAA-", "PYR14+", "P-DOL", "PVDF-HFP", "d-PVDF-HFP"])
def test_each_atom_that_is_taken_from_a_molecule_is_missed(built, name):
    whole = built[name].atoms
    for k in range(len(whole)):
        rest = whole.copy()
        del rest[k]
        assert faults(rest), f"{k} ({whole.symbols[k]})"


@pytest.mark.parametrize("name", ORGANIC)
def test_an_order_more_or_less_is_no_valence_of_carbon(built, name):
    facts, atoms = built[name].facts, built[name].atoms
    k, (i, j, order) = next(
        (k, b) for k, b in enumerate(facts.bonds) if "C" in (atoms.symbols[b[0]], atoms.symbols[b[1]])
    )
    for change in (-1, 1):
        bonds = [*facts.bonds[:k], (i, j, order + change), *facts.bonds[k + 1 :]]
        named = {f.atoms[0] for f in wrong_orders(atoms, bonds)}
        assert named & {i, j}


@settings(max_examples=20, deadline=None)
@given(name=st.sampled_from(["DME", "DOL", "PVDF-HFP", "PYR14+"]), seed=st.integers(0, 2**32 - 1))
def test_heat_is_no_lost_atom(built, name, seed):
    warm = built[name].atoms
    warm.positions += np.random.default_rng(seed).normal(0, 0.05, warm.positions.shape)
    assert not faults(warm)


@pytest.mark.parametrize(
    ("add", "on", "told"),
    [("H", "C", "5 neighbours"), ("H", "O", "3 neighbours"), ("F", "H", "2 neighbours")],
)
def test_too_many_neighbours_are_named(built, add, on, told):
    atoms = built["DME"].atoms
    k = int(np.flatnonzero(atoms.symbols == on)[0])
    outwards = atoms.positions[k] - atoms.positions.mean(axis=0)
    atoms += Atoms(add, [atoms.positions[k] + outwards / np.linalg.norm(outwards)])
    assert any(f.atoms == (k,) and told in f.message for f in faults(atoms))


def test_an_atom_alone_touches_nothing():
    atoms = molecule("CH4") + Atoms("H", [[5, 5, 5]])
    (finding,) = faults(atoms)
    assert finding.message == "atom 5 (H) touches no other atom"
    assert not faults(Atoms("Li"))


@pytest.mark.parametrize("name", ["Li2CO3", "LiNO3", "LiOH", "Li3PO4", "PVDF", "S8", "LiF", "Ge"])
def test_crystals_pass(name):
    structure, _ = load_crystal(name)
    structure.remove_oxidation_states()
    assert not faults(structure.to_ase_atoms(msonable=False))


@pytest.mark.parametrize("solid", [bulk("C"), graphene(vacuum=8.0), bulk("Si"), molecule("C60")])
def test_carbon_and_frameworks_are_let_be(solid):
    assert not faults(solid)


def test_layers_are_no_molecules_and_chains_are():
    sheet = graphene(vacuum=8.0)
    sheet.pbc = True
    assert not molecular(sheet, covalent_bonds(sheet)).any()
    chain, _ = load_crystal("PVDF")
    atoms = chain.to_ase_atoms(msonable=False)
    assert molecular(atoms, covalent_bonds(atoms)).all()


def test_a_metal_on_oxygen_stands_for_its_hydrogen():
    methanol = molecule("CH3OH")
    lost = next(k for k in range(6) if methanol.symbols[k] == "H" and methanol.get_distance(1, k) < 1.1)
    alkoxide = methanol[[k for k in range(6) if k != lost]]
    assert faults(alkoxide)
    assert not faults(
        alkoxide + Atoms("Li", [methanol.positions[1] + 1.8 * (methanol.positions[lost] - methanol.positions[1])])
    )


@pytest.mark.parametrize(
    ("symbol", "total", "charges"),
    [
        ("C", 4, {0}), ("C", 3, set()), ("C", 5, set()), ("C", 4.5, {0}), ("N", 3, {0}), ("N", 2, {-1}),
        ("N", 4, {0, 1}), ("O", 1, {-1}), ("O", 1.5, {0, -1}), ("S", 6, {0}), ("S", 5, set()), ("P", 6, {-1}),
        ("F", 2, set()), ("H", 2, set()), ("Li", 0, {1}), ("Cu", 0, {1, 2}), ("Xe", 0, {0}),
    ],
)  # fmt: skip
def test_formal_charges(symbol, total, charges):
    assert possible_charges(symbol, total) == charges


def test_bonds_to_metals_are_ionic():
    assert order_sums(["Li", "O", "H"], [(0, 1, 1.0), (1, 2, 1.0)]).tolist() == [0, 1, 1]
    assert total_charges(["Li", "O", "H"], [(0, 1, 1.0), (1, 2, 1.0)]) == {0}


@pytest.mark.parametrize(
    ("symbols", "orders", "charge"),
    [("CO", [(0, 1, 3.0)], 0), ("CN", [(0, 1, 3.0)], -1), ("CNC", [(0, 1, 3.0), (1, 2, 1.0)], None)],
)
def test_a_carbon_with_one_triple_bond_alone_has_a_lone_pair(symbols, orders, charge):
    """Carbon monoxide, cyanide; of methyl isonitrile the methyl lacks its hydrogens, the other carbon nothing."""
    atoms = Atoms(symbols, np.arange(3 * len(symbols)).reshape(-1, 3))
    wrong = [k for finding in wrong_orders(atoms, orders) for k in finding.atoms]
    assert wrong == ([] if charge is not None else [2])
    assert charge is None or charge in total_charges(list(symbols), orders)


CENTRED = {
    "[CH2-]C(=O)C": -1, "C[C-](C#N)C#N": -1, "[C-](C#N)(C#N)C#N": -1, "c1cc[cH-]c1": -1, "c1ccc[cH+]cc1": 1,
    "C[C+](C)C": 1, "[SiH3-]": -1, "[O-][Cl](=O)(=O)=O": -1, "[O-][Cl](=O)=O": -1, "[H-]": -1, "[C-]#N": -1,
    "[CH2-][N+](C)(C)C": 0, "[CH-]=C": -1,
}  # fmt: skip


@pytest.mark.parametrize("smiles", CENTRED)
def test_carbanions_carbocations_and_oxoanions_lost_nothing(smiles):
    model = build(MoleculeRecipe(molecule=smiles))
    assert model.facts.charge_e == CENTRED[smiles]
    assert not [f.message for f in findings(model) if f.fault]


@pytest.mark.parametrize("smiles", ["[CH2-]C(=O)C", "C[C+](C)C", "CC[O-]", "CC(=O)C", "c1cc[cH-]c1"])
def test_each_hydrogen_that_is_taken_from_an_ion_is_missed(smiles):
    """Neither of a carbanion nor beside one: there are as many centres as charges."""
    facts = build(MoleculeRecipe(molecule=smiles)).facts
    symbols = build(MoleculeRecipe(molecule=smiles)).atoms.get_chemical_symbols()
    for lost in (k for k, s in enumerate(symbols) if s == "H"):
        kept = [k for k in range(len(symbols)) if k != lost]
        bonds = [(kept.index(i), kept.index(j), o) for i, j, o in facts.bonds if lost not in (i, j)]
        atoms = Atoms([symbols[k] for k in kept])
        centres = charged_centres(list(atoms.symbols), bonds, facts.charge_e)
        assert {f.atoms[0] for f in wrong_orders(atoms, bonds)} - centres


def test_a_wrong_charge_is_no_centre():
    for symbols, bonds, charge in ((["C", *"HHHH"], [(0, k, 1.0) for k in range(1, 5)], -1), (["O"], [], -1)):
        assert not charged_centres(symbols, bonds, charge)
