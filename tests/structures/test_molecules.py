"""Molecules from names, SMILES, repeat units and files."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule as named
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from interlith.structures import library
from interlith.structures.checks import check_atoms
from interlith.structures.conformers import faults
from interlith.structures.errors import RequestError
from interlith.structures.graphs import to_mol
from interlith.structures.molecules import conformers, is_molecule, molecule
from interlith.structures.records import MoleculeModel, MoleculeRecipe
from interlith.structures.rings import speared
from interlith.structures.smiles import UNIT, fault_of, multiplicity, parsed

# Formula (Hill), charge and multiplicity, written down by hand from the compounds' names.
LIBRARY = {
    "DME": ("C4H10O2", 0, 1),
    "DOL": ("C3H6O2", 0, 1),
    "TFSI-": ("C2F6NO4S2", -1, 1),
    "FSI-": ("F2NO4S2", -1, 1),
    "TFPAA-": ("C8H4F3O2", -1, 1),
    "PYR14+": ("C9H20N", 1, 1),
    "Li+": ("Li", 1, 1),
    "LiTFSI": ("C2F6LiNO4S2", 0, 1),
    "LiFSI": ("F2LiNO4S2", 0, 1),
    "LiTFPAA": ("C8H4F3LiO2", 0, 1),
    "PYR14FSI": ("C9H20F2N2O4S2", 0, 1),
    "Cu(TFPAA)2": ("C16H8CuF6O4", 0, 2),
    "P-DOL": ("C5H12O3", 0, 1),
    "PEO": ("C10H22O5", 0, 1),
    "PVDF": ("C8H10F8", 0, 1),
    "PVDF-HFP": ("C7H6F10", 0, 1),
    "d-PVDF-HFP": ("C7H5F9", 0, 1),
}


def build(text, **fields):
    return molecule(MoleculeRecipe(molecule=text, **fields))


def near(model, index, reach):
    distance = np.linalg.norm(model.atoms.positions - model.atoms.positions[index], axis=1)
    return [(model.atoms.symbols[k], float(distance[k])) for k in np.argsort(distance) if 0 < distance[k] < reach]


def hold(model):
    """What must hold in every model."""
    facts, atoms = model.facts, model.atoms
    mol = to_mol(model)
    check_atoms(atoms, model.name)
    assert not Chem.DetectChemistryProblems(mol)
    assert facts.formula == atoms.get_chemical_formula()
    assert facts.n_atoms == len(atoms)
    assert facts.charge_e == atoms.arrays["formal_charge"].sum() == atoms.info["charge"]
    assert (atoms.numbers.sum() - facts.charge_e + facts.multiplicity) % 2 == 1
    assert not speared(atoms, facts.bonds)
    assert not faults(mol, atoms.positions)
    assert not atoms.pbc.any()


def test_the_library_is_what_was_asked_for():
    assert set(library.molecule_names()) == set(LIBRARY)
    for name in LIBRARY:
        entry = library.molecule_entry(name)
        assert fault_of(entry["smiles"]) is None
        assert entry["notes"]
        assert all(library.canonical_molecule(alias) == name for alias in entry.get("aliases", ()))
    with pytest.raises(RequestError, match=r"unknown molecule 'DMX'; did you mean DME"):
        library.molecule_entry("DMX")


def test_no_alias_hides_another_name():
    spoken = [n.lower() for n in LIBRARY]
    spoken += [a.lower() for n in LIBRARY for a in library.molecule_entry(n).get("aliases", ())]
    assert max(Counter(spoken).values()) == 1


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_each_molecule_of_the_library_is_sound(name):
    model = build(name)
    hold(model)
    assert (model.facts.formula, model.facts.charge_e, model.facts.multiplicity) == LIBRARY[name]
    assert model.name == model.facts.name == name
    assert model.facts.ranked_by


@pytest.mark.parametrize("name", ["LiTFSI", "LiFSI", "LiTFPAA"])
def test_salts_are_contact_pairs_with_lithium_on_two_oxygens(name):
    found = conformers(MoleculeRecipe(molecule=name), k=4)
    assert len(found) >= 2
    for model in found:
        lithium = int(np.flatnonzero(model.atoms.numbers == 3)[0])
        shell = near(model, lithium, 2.05)
        assert sum(symbol == "O" for symbol, _ in shell) >= 2
        assert all(d > 1.75 for _, d in near(model, lithium, 3.0))
        assert "Li held by O" in model.facts.origin.steps[-1]


def test_copper_lies_in_one_plane_with_four_oxygens():
    model = build("Cu(TFPAA)2")
    copper = int(np.flatnonzero(model.atoms.numbers == 29)[0])
    distance = np.linalg.norm(model.atoms.positions - model.atoms.positions[copper], axis=1)
    four = np.argsort(distance)[1:5]
    assert set(model.atoms.symbols[four]) == {"O"}
    assert distance[four] == pytest.approx(1.98, abs=0.02)
    flat = np.linalg.svd(model.atoms.positions[four] - model.atoms.positions[copper])[1]
    assert flat[2] < 0.05
    assert any("multiplicity 2" in step for step in model.facts.origin.steps)


def test_an_oligomer_knows_its_units():
    model = build("P-DOL", n=2)
    assert model.facts.smiles == "COCCOCOCCOCOC"
    assert model.facts.n_units == 2
    assert Counter(model.atoms.arrays[UNIT].tolist()) == {-1: 9, 0: 11, 1: 11}
    assert any("2 repeat units" in step for step in model.facts.origin.steps)


def test_the_published_fluoropolymers_are_the_defaults():
    assert build("PVDF-HFP").facts.n_atoms == 23
    assert build("d-PVDF-HFP").facts.n_atoms == 21
    hydrogenated, bare = (Chem.MolFromSmiles(build(n).facts.smiles) for n in ("PVDF-HFP", "d-PVDF-HFP"))
    plain = [Chem.MolToSmiles(m, isomericSmiles=False) for m in (hydrogenated, bare)]
    assert plain == ["CC(F)(F)C(F)(F)C(F)(CC(F)F)C(F)(F)F", "CC(F)(F)C(F)(F)C(=CC(F)F)C(F)(F)F"]


def test_the_comonomer_keeps_its_ratio_with_length():
    facts = build("PVDF-HFP", n=6).facts
    assert facts.formula == "C14H10F20"  # H(C2H2F2)4(C3F6)2H
    assert facts.n_units == 6


@pytest.mark.parametrize("text", ["DME", "tfsi", "cu(tfpaa)2", "COCCOC", "CO", "[*]CC([*])C#N", "*CC*", "FSI"])
def test_what_is_a_molecule(text):
    assert is_molecule(text)


@pytest.mark.parametrize(
    "text",
    ["", "Li", "LiF", "Cu", "LAGP", "LLZTO", "Li2CO3", "S8", "CuO", "a b", "POSCAR", "x.cif", "./CO", "C(", "Co"],
)
def test_what_is_none(text):
    assert not is_molecule(text)


def test_crystals_of_the_library_are_not_read_as_smiles():
    names = {*library.crystal_names(), *library.ALIASES}
    assert {name for name in names if is_molecule(name)} == {"PVDF"}


@pytest.mark.parametrize("smiles, spin", [("[CH3]", 2), ("[O][O]", 3), ("[Cu+2]", 2), ("[Cu+]", 1), ("O", 1)])
def test_multiplicity_follows_from_the_electrons(smiles, spin):
    assert multiplicity(Chem.AddHs(parsed(smiles))) == spin


@given(
    unit=st.sampled_from(
        ["[*]CCO[*]", "[*]CC([*])C#N", "[*]CC(F)(F)[*]", "[*]O[Si](C)(C)[*]", "[*]CC([*])S(=O)(=O)[O-]"]
    ),
    n=st.integers(1, 3),
    tacticity=st.sampled_from(["isotactic", "syndiotactic", "atactic"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=8, deadline=None)
def test_random_oligomers_hold(unit, n, tacticity, seed):
    model = build(unit, n=n, tacticity=tacticity, seed=seed)
    hold(model)
    # The handedness that was asked for is that of the geometry: RDKit reads the same SMILES from both.
    assert Chem.MolToSmiles(Chem.RemoveHs(to_mol(model))) == model.facts.smiles


def test_conformers_are_ranked_and_reproducible():
    recipe = MoleculeRecipe(molecule="P-DOL", seed=5)
    found = conformers(recipe, k=3)
    assert [m.facts.conformer for m in found] == [0, 1, 2]
    assert [m.facts.relative_energy_eV for m in found] == sorted(m.facts.relative_energy_eV for m in found)
    assert build("P-DOL", seed=5, conformer=2) == found[2]
    assert MoleculeModel.model_validate_json(found[0].model_dump_json()) == found[0]


def test_a_pair_of_large_ions_is_no_overlap_and_near():
    model = build("PYR14FSI")
    parts = Chem.GetMolFrags(to_mol(model))
    apart = [np.linalg.norm(model.atoms.positions[i] - model.atoms.positions[j]) for i in parts[0] for j in parts[1]]
    assert 1.9 < min(apart) < 3.0


@pytest.mark.parametrize(
    "smiles", ["[Li+].[Li+].[O-]C(=O)[O-]", "[Na+].[O-]C(=O)C", "[Mg+2].[Cl-].[Cl-]", "[Zn+2].[O-]C=O.[O-]C=O"]
)
def test_other_salts(smiles):
    model = build(smiles)
    hold(model)
    assert model.facts.charge_e == 0


class TestFiles:
    @pytest.mark.parametrize("name", ["P-DOL", "PVDF-HFP", "d-PVDF-HFP", "TFSI-", "LiTFSI", "TFPAA-", "PYR14+", "DOL"])
    def test_bonds_come_back_from_the_geometry_alone(self, name, tmp_path):
        model = build(name)
        bare = Atoms(model.atoms.numbers, model.atoms.positions)
        write(tmp_path / "mine.xyz", bare, format="xyz")
        again = build(str(tmp_path / "mine.xyz"), charge_e=model.facts.charge_e)
        hold(again)
        assert again.facts.smiles == model.facts.smiles
        assert {bond[:2] for bond in again.facts.bonds} == {bond[:2] for bond in model.facts.bonds}
        distance = again.atoms.get_all_distances() - bare.get_all_distances()
        assert np.abs(distance).max() < 1e-5, "a person's own geometry is kept"

    def test_a_charge_in_the_comment_is_read(self, tmp_path):
        atoms = build("TFSI-").atoms
        write(tmp_path / "ion.xyz", Atoms(atoms.numbers, atoms.positions, info={"charge": -1}), format="extxyz")
        assert build(str(tmp_path / "ion.xyz")).facts.charge_e == -1

    @pytest.mark.parametrize("charge", [0, 1, -2, None])
    def test_a_charge_that_fits_no_bonds_is_refused(self, charge, tmp_path):
        atoms = build("TFPAA-").atoms
        write(tmp_path / "ion.xyz", Atoms(atoms.numbers, atoms.positions), format="xyz")
        with pytest.raises(RequestError, match=r"ion\.xyz"):
            build(str(tmp_path / "ion.xyz"), charge_e=charge)

    def test_close_sulfurs_are_not_bonded(self, tmp_path):
        model = build("FSI-")
        write(tmp_path / "fsi.xyz", Atoms(model.atoms.numbers, model.atoms.positions), format="xyz")
        facts = build(str(tmp_path / "fsi.xyz"), charge_e=-1).facts
        assert not any({model.atoms.symbols[i], model.atoms.symbols[j]} == {"S"} for i, j, _ in facts.bonds)

    def test_a_mol_block_is_taken_as_drawn(self, tmp_path):
        model = build("P-DOL")
        Path(tmp_path / "mine.sdf").write_text(Chem.MolToMolBlock(to_mol(model)) + "$$$$\n")
        again = build(str(tmp_path / "mine.sdf"))
        assert again.facts.smiles == model.facts.smiles
        assert np.abs(again.atoms.get_all_distances() - model.atoms.get_all_distances()).max() < 1e-3
        flat = Chem.MolFromSmiles("COCCOC")
        Path(tmp_path / "flat.mol").write_text(Chem.MolToMolBlock(flat))
        built = build(str(tmp_path / "flat.mol"))
        hold(built)
        assert any("built anew" in step for step in built.facts.origin.steps)

    def test_unusable_files_are_one_line(self, tmp_path):
        (tmp_path / "empty.xyz").write_text("")
        (tmp_path / "bad.sdf").write_text("nothing\n")
        (tmp_path / "binary.xyz").write_bytes(b"\xff\xfe\x00\x81")
        crystal = named("H2O")
        crystal.set_cell([5, 5, 5])
        crystal.pbc = True
        write(tmp_path / "cell.xyz", crystal, format="extxyz")
        write(tmp_path / "double.xyz", Atoms("O2", [[0, 0, 0], [0, 0, 0.1]]), format="xyz")
        for name in ("empty.xyz", "bad.sdf", "binary.xyz", "cell.xyz", "double.xyz", "absent.xyz"):
            with pytest.raises(RequestError, match=name) as caught:
                build(str(tmp_path / name))
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"molecule": "TFSX"}, "did you mean TFSI-"),
        ({"molecule": "C(C)(C)(C)(C)C"}, "Explicit valence for atom # 0 C, 5"),
        ({"molecule": "DME", "n": 3}, "n = 3 of DME, which is no repeat unit"),
        ({"molecule": "COC", "caps": ("H", "H")}, "which is no repeat unit"),
        ({"molecule": "TFSI-", "charge_e": 0}, "charge_e = 0, but .* carries -1"),
        ({"molecule": "DOL", "conformer": 40}, "conformer 40 of DOL: 1 found"),
        ({"molecule": "PVDF-HFP", "hf_removed": 9}, "9 HF cannot leave"),
        ({"molecule": "[Li+].[Na+]"}, "bare cations only"),
        ({"molecule": "C" * 300}, "has 902 atoms .*take at most 500"),
        ({"molecule": "PEO", "n": 150}, "PEO has 1059 atoms"),
        ({"molecule": "[Fe]"}, r"Fe0 of \[Fe\] is a metal without a charge"),
        ({"molecule": "[Li].CO"}, r"Li0 of \[Li\].CO is a metal without a charge"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_in_one_line(fields, said):
    with pytest.raises(RequestError, match=said) as caught:
        molecule(MoleculeRecipe(**fields))
    assert "\n" not in str(caught.value)
