import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk, fcc100
from ase.io import write
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from interlith.structures import faults
from interlith.structures.crystals import formula_units, load_crystal, reduced_formula
from interlith.structures.errors import RequestError
from interlith.structures.library import crystal_path

BAD = Path(__file__).parent / "bad"

# What each defective file must be refused for; the one that can be repaired has its own test.
REFUSED = {
    "lagp_full_split_li": ["overlapping atoms: Li", r"\+33.00 e"],
    "ligp_asymmetric_unit_as_p1": ["density 0.195", r"says LiGe2\(PO4\)3.*LiGePO2", "R-3c"],
    "lioh_no_hydrogen": [r"-2.00 e per cell", "hydrogen"],
    "pvdf_no_hydrogen": ["2 carbon atoms", "hydrogen is missing"],
    "llzo_mo_charge_imbalance": ["do not balance: -5.13 e", "_atom_type_oxidation_number"],
}


def test_every_bad_file_has_its_test():
    assert set(json.loads((BAD / "bad.json").read_text())) == {*REFUSED, "al2o3_rounded"}


@pytest.mark.parametrize("name", REFUSED)
def test_defective_files_are_refused_with_the_reason(name):
    with pytest.raises(RequestError) as refusal:
        load_crystal(str(BAD / f"{name}.cif"))
    for reason in [*REFUSED[name], name]:
        assert refusal.match(reason)
    assert "\n" not in str(refusal.value)


def test_rounded_coordinates_are_symmetrised_and_it_is_said():
    structure, facts = load_crystal(str(BAD / "al2o3_rounded.cif"))
    exact, _ = load_crystal("Al2O3")
    assert facts.space_group == "R-3c"
    assert "symmetrised from C2/c to R-3c within 0.150 Å" in facts.origin.steps[0]
    assert structure.lattice.parameters == pytest.approx(exact.lattice.parameters, abs=1e-3)
    assert structure.density == pytest.approx(exact.density, rel=1e-4)


def test_a_file_with_all_its_digits_is_left_alone():
    structure, facts = load_crystal("CuF2")
    assert not [step for step in facts.origin.steps if "symmetrised" in step]
    direct = Structure.from_file(crystal_path("CuF2"))
    assert np.allclose(structure.frac_coords, direct.frac_coords)


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("LAGP", {"Li": 1, "Al": 3, "Ge": 4, "P": 5, "O": -2}),
        ("LLZTO", {"Li": 1, "La": 3, "Zr": 4, "Ta": 5, "O": -2}),
        ("Cu2O", {"Cu": 1, "O": -2}),
        ("CuO", {"Cu": 2, "O": -2}),
        ("CuF2", {"Cu": 2, "F": -1}),
        ("Li2CO3", {"Li": 1, "C": 4, "O": -2}),
        ("LiNO3", {"Li": 1, "N": 5, "O": -2}),
        ("Li3P", {"Li": 1, "P": -3}),
        ("LiOH", {"Li": 1, "O": -2, "H": 1}),
        ("Li", None),
        ("S8", None),
        ("LiAl", None),
        ("Li15Ge4", None),
        ("PVDF", None),
    ],
)
def test_oxidation_states(name, states):
    structure, facts = load_crystal(name)
    assert facts.oxidation_states == states
    assert "oxidation states:" in facts.origin.steps[-1]
    if states is None:
        assert not any(getattr(species, "oxi_state", None) for species in structure.composition)
    else:
        charge = sum(species.oxi_state * n for species, n in structure.composition.items())
        assert abs(charge) < 0.1


def written(structure, path):
    CifWriter(structure).write_file(path)
    return str(path)


def caesium_chloride_type(cation, anion, a):
    return Structure(Lattice.cubic(a), [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


def test_the_files_own_charges_win(tmp_path):
    structure = caesium_chloride_type("Fe", "O", 2.7).add_oxidation_state_by_element({"Fe": 2, "O": -2})
    _, facts = load_crystal(written(structure, tmp_path / "FeO.cif"))
    assert facts.oxidation_states == {"Fe": 2, "O": -2}
    assert facts.origin.steps[-1] == "oxidation states: from the file"


def test_charges_of_the_file_that_do_not_balance_are_refused(tmp_path):
    structure = caesium_chloride_type("Fe", "O", 2.7).add_oxidation_state_by_element({"Fe": 3, "O": -2})
    with pytest.raises(RequestError, match=r"sum to \+1.00 e per cell \(Fe\+3, O-2\)"):
        load_crystal(written(structure, tmp_path / "FeO.cif"))


def test_peroxide_needs_an_oxygen_pair(tmp_path):
    cell = Lattice.orthorhombic(4.0, 4.0, 5.0)
    places = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.85], [0.5, 0.5, 0.15]]
    peroxide = Structure(cell, ["Li", "Li", "O", "O"], places)
    apart = Structure(cell, ["Li", "Li", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5]])
    assert load_crystal(written(peroxide, tmp_path / "a.cif"))[1].oxidation_states == {"Li": 1, "O": -1}
    with pytest.raises(RequestError, match="do not balance"):
        load_crystal(written(apart, tmp_path / "b.cif"))


def test_a_disordered_alloy_loads_without_charges(tmp_path):
    alloy = Structure(Lattice.cubic(3.7), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    _, facts = load_crystal(written(alloy, tmp_path / "CuAu.cif"))
    assert not facts.ordered
    assert facts.oxidation_states is None


@pytest.mark.parametrize("file", ["LiF.cif", "POSCAR", "CONTCAR_LiF", "LiF.vasp", "LiF.xyz", "LiF.extxyz"])
def test_a_persons_own_file_in_any_format(tmp_path, file):
    path = tmp_path / file
    reference, facts = load_crystal("LiF")
    atoms = bulk("LiF", "rocksalt", a=4.0262, cubic=True)
    if path.suffix == ".cif":
        shutil.copy(crystal_path("LiF"), path)
    else:
        write(path, atoms, format="vasp" if "xyz" not in file else "extxyz")
    structure, read = load_crystal(str(path))
    assert read.model_dump(exclude={"name", "origin"}) == {
        **facts.model_dump(exclude={"name", "origin"}),
        "density_g_cm3": pytest.approx(facts.density_g_cm3),
    }
    assert structure.volume == pytest.approx(reference.volume)
    assert read.origin.source == file


def test_a_cell_without_atoms_far_or_near_is_refused(tmp_path):
    path = tmp_path / "molecule.xyz"
    path.write_text("2\n\nO 0 0 0\nO 0 0 1.2\n")
    with pytest.raises(RequestError, match="no cell periodic"):
        load_crystal(str(path))
    slab = fcc100("Al", (1, 1, 3), vacuum=8)
    slab.info = {}
    write(tmp_path / "slab.xyz", slab, format="extxyz")
    with pytest.raises(RequestError, match="no cell periodic"):
        load_crystal(str(tmp_path / "slab.xyz"))


def test_a_poscar_that_names_no_elements_is_refused(tmp_path):
    (tmp_path / "POSCAR").write_text("none\n1.0\n4 0 0\n0 4 0\n0 0 4\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n")
    with pytest.raises(RequestError, match="names no elements"):
        load_crystal(str(tmp_path / "POSCAR"))


def test_a_left_handed_cell_becomes_right_handed_and_keeps_its_atoms(tmp_path):
    structure = Structure(Lattice(np.diag([3.0, 4.0, -5.0])), ["Mg", "O"], [[0, 0, 0], [0.4, 0.5, 0.6123456]])
    path = tmp_path / "left.xyz"
    write(path, structure.to_ase_atoms(), format="extxyz")
    read, facts = load_crystal(str(path))
    assert np.linalg.det(read.lattice.matrix) > 0
    assert np.allclose(read.distance_matrix, structure.distance_matrix)
    assert any("left-handed" in step for step in facts.origin.steps)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("empty.cif", b"", "cannot read"),
        ("words.cif", b"no crystal at all\n", "cannot read"),
        ("bytes.cif", b"\xff\xfe\x00\x81", "not a text file"),
        ("POSCAR", b"x\n1.0\n", "cannot read"),
        ("empty.xyz", b"", "cannot read"),
        ("notes.md", b"# notes", "cannot read"),
    ],
)
def test_unreadable_files(tmp_path, file, content, reason):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(RequestError, match=reason) as refusal:
        load_crystal(str(tmp_path / file))
    assert file in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(RequestError, match=r"'gone\.cif': no such file"):
        load_crystal("gone.cif")
    with pytest.raises(RequestError, match="is a folder"):
        load_crystal(str(tmp_path))


def test_a_dummy_site_is_refused(tmp_path):
    structure = Structure(Lattice.cubic(4.0), ["X", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    structure.to(filename=str(tmp_path / "dummy.json"))
    with pytest.raises(RequestError, match="no element"):
        load_crystal(str(tmp_path / "dummy.json"))


@given(bond=st.floats(0.5, 3.0))
@settings(max_examples=30, deadline=None)
def test_overlaps_are_found_below_the_shortest_bond_only(bond):
    cell = Structure(Lattice.cubic(9.0), ["Fe", "O"], [[0, 0, 0], [0, 0, bond / 9.0]])
    assert bool(faults.overlaps(cell)) == (bond < faults.SHORTEST_UNLIKE * (1.32 + 0.66))
    half = Structure(Lattice.cubic(9.0), [{"Fe": 0.5}, {"O": 0.5}], [[0, 0, 0], [0, 0, bond / 9.0]])
    assert not faults.overlaps(half)


@pytest.mark.parametrize("name", ["LAGP", "LLZTO", "LLZTO_Ta0.6", "LLZO_cubic_RT"])
def test_split_sites_are_no_overlaps(name):
    structure, _ = load_crystal(name)
    assert not faults.overlaps(structure)


@pytest.mark.parametrize(("name", "units"), [("LAGP", 6), ("LLZTO", 8), ("LiF", 4), ("Li", 2), ("S8", 128)])
def test_formula_units(name, units):
    assert formula_units(load_crystal(name)[0]) == units


def test_formulas_of_disordered_crystals():
    assert reduced_formula(load_crystal("LAGP")[0]) == "Li1.5Al0.5Ge1.5P3O12"
    assert reduced_formula(load_crystal("LLZTO")[0]) == "Li6.4La3Zr1.4Ta0.6O12"
