import numpy as np
import pytest
from ase import Atoms
from density_cases import gaussian_density
from finished_cases import ENERGIES, contact, cp2k_folder, espresso_folder, parts, vasp_folder

from interlith.analysis.adoption import AdoptedRecord, interfaces_in, sides_by_place
from interlith.analysis.units import EV_A2_IN_J_M2
from interlith.structures.errors import ComputationError, RequestError
from interlith.workflows.adoption import adopt
from interlith.workflows.engines.finished import code_of, read_finished
from interlith.workflows.engines.finished_cp2k import parse_input
from interlith.workflows.engines.volumetric import write_cube

MAKERS = {"vasp": vasp_folder, "cp2k": cp2k_folder, "espresso": espresso_folder}
FORMED = (ENERGIES["AB"] - ENERGIES["A"] - ENERGIES["B"]) / 16.0 * EV_A2_IN_J_M2
every_code = pytest.mark.parametrize("code", MAKERS)


def three(place, code, **of_parts):
    """Write AB, A and B; options for one part stand under its name."""
    folders = [MAKERS[code](place / n, a, ENERGIES[n], **of_parts.get(n, {})) for n, a in parts().items()]
    return [str(folder) for folder in folders]


@every_code
def test_frozen_sides_give_the_work_of_separation(code, tmp_path):
    record = adopt("mine", *three(tmp_path, code))
    assert isinstance(record, AdoptedRecord)
    assert record.quantity("interfacial_formation_energy_frozen").value == pytest.approx(FORMED, abs=1e-6)
    assert record.quantity("work_of_separation").value == pytest.approx(-FORMED, abs=1e-6)
    assert record.quantity("interaction_energy").value == pytest.approx(-0.8, abs=1e-6)
    assert "interfacial_formation_energy" not in {q.quantity for q in record.quantities}
    assert record.frozen
    assert record.model.formulas == ("F2Li2", "H2F2")
    assert record.provenance.method.engine == code
    assert record.provenance.method.functional == "PBE"
    assert not record.provenance.method.surrogate
    assert record.charge is None


@every_code
def test_the_atoms_are_read_where_they_stand(code, tmp_path):
    found = read_finished(MAKERS[code](tmp_path / "AB", contact(), -1.0)).atoms
    side, away = sides_by_place(contact(), found[:0] + found, Atoms(cell=contact().cell, pbc=True))
    assert set(side) == {0}
    assert away.max() < 1e-4
    assert found.cell.lengths() == pytest.approx([4, 4, 20], abs=1e-4)


@every_code
def test_what_did_not_converge_is_refused(code, tmp_path):
    folders = three(tmp_path, code, B={"scsteps": 60} if code == "vasp" else {"done": False})
    with pytest.raises(ComputationError, match=r"did not converge.*/B/"):
        adopt("mine", *folders)


@pytest.mark.parametrize(
    ("code", "of_b", "words"),
    [
        ("vasp", {"ENCUT": 400.0}, "cutoff_eV of A.B and B differ: 520.0 and 400.0"),
        ("vasp", {"GGA": "PS"}, "functional of A.B and B differ: PBE and PBEsol"),
        ("vasp", {"IVDW": 12}, r"dispersion of A.B and B differ: None and D3\(BJ\)"),
        ("vasp", {"mesh": "5 5 1"}, "kpoints of A.B and B differ: 3 3 1 and 5 5 1"),
        ("vasp", {"SIGMA": 0.2}, "smearing of A.B and B differ: ISMEAR 0 SIGMA 0.05 eV and ISMEAR 0 SIGMA 0.2 eV"),
        ("vasp", {"LDAU": True, "LDAUU": [4.0, 0.0]}, "hubbard_U of A.B and B differ: none and H=4"),
        ("cp2k", {"cutoff_Ry": 500.0}, "cutoff_Ry of A.B and B differ: 400.0 and 500.0"),
        ("cp2k", {"functional": "PBEsol"}, "functional of A.B and B differ: PBE and PBEsol"),
        ("cp2k", {"smearing_K": 300.0}, "smearing of A.B and B differ: none and"),
        ("cp2k", {"basis": "SZV-MOLOPT-SR-GTH"}, "pseudopotential or basis of F of A.B and B differ: GTH-PBE-q7 DZVP"),
        ("espresso", {"cutoff_Ry": 100.0}, "cutoff_Ry of A.B and B differ: 200.0 and 100.0"),
        ("espresso", {"kpoints": "4 4 1"}, "kpoints of A.B and B differ: 3 3 1 0 0 0 and 4 4 1 1 1 0"),
    ],
)
def test_other_methods_are_refused_with_both_values(code, of_b, words, tmp_path):
    with pytest.raises(RequestError, match=words):
        adopt("mine", *three(tmp_path, code, B=of_b))


def test_two_codes_are_refused(tmp_path):
    one, two = three(tmp_path / "one", "vasp"), three(tmp_path / "two", "cp2k")
    with pytest.raises(RequestError, match=r"engine of A.B and B differ: vasp and cp2k"):
        adopt("mine", *one[:2], two[2])


def test_other_cells_are_refused_with_both(tmp_path):
    folders = three(tmp_path, "vasp")
    wide = parts()["B"]
    wide.set_cell([4.1, 4.0, 20.0])
    vasp_folder(tmp_path / "B", wide, -1.0)
    with pytest.raises(RequestError, match=r"cells of A.B and B differ: 4.0000 x 4.0000.*4.1000 x 4.0000"):
        adopt("mine", *folders)


def test_sides_that_are_not_the_whole_are_refused(tmp_path):
    folders = three(tmp_path, "vasp")
    with pytest.raises(RequestError, match=r"F2Li2 and F2Li2 together are not"):
        adopt("mine", folders[0], folders[1], folders[1])


@pytest.mark.parametrize("code", ["vasp", "cp2k"])
def test_relaxed_sides_give_the_formation_energy(code, tmp_path):
    ends, folders = parts(gap=1.8), []
    ends["A"].positions[2, 2] += 0.1
    for name, start in parts().items():
        folders.append(str(MAKERS[code](tmp_path / name, start, ENERGIES[name], end=ends[name])))
    record = adopt("mine", *folders)
    assert not record.frozen
    assert record.quantity("interfacial_formation_energy").value == pytest.approx(FORMED, abs=1e-6)
    assert "one start" in record.quantity("interfacial_formation_energy").caveat
    # The upper side came 0.2 Å nearer as a body, which is no displacement of its atoms.
    assert record.quantity("largest_displacement").value == pytest.approx(0.0, abs=1e-6)
    assert record.contact.min_distance_after_A == pytest.approx(record.contact.min_distance_before_A - 0.2)


def test_a_side_neither_frozen_nor_relaxed_is_refused(tmp_path):
    folders, moved = three(tmp_path, "vasp"), parts()["B"]
    moved.positions[0, 2] += 0.5
    vasp_folder(tmp_path / "B", moved, -1.0)
    with pytest.raises(RequestError, match=r"side B was not relaxed; it stands 0.50 Å"):
        adopt("mine", folders[0], folders[1], folders[2])


def test_an_unfinished_relaxation_is_refused(tmp_path):
    folders = three(tmp_path, "vasp", B={"end": parts()["B"], "NSW": 2})
    with pytest.raises(ComputationError, match="did not reach EDIFFG in NSW = 2"):
        adopt("mine", *folders)


def test_a_truncated_file_and_an_empty_folder_are_told(tmp_path):
    folder = vasp_folder(tmp_path / "AB", contact(), -1.0)
    text = (folder / "vasprun.xml").read_text()
    (folder / "vasprun.xml").write_text(text[: len(text) // 2])
    with pytest.raises(RequestError, match=r"not a whole vasprun.xml.*vasprun.xml"):
        read_finished(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="no output of VASP"):
        code_of(tmp_path / "empty")
    with pytest.raises(RequestError, match="no folder"):
        read_finished(tmp_path / "nowhere")


def test_an_input_that_includes_others_is_refused():
    with pytest.raises(RequestError, match="@INCLUDE is not understood"):
        parse_input("&GLOBAL\n@INCLUDE other.inc\n&END\n", "mine.inp")
    with pytest.raises(RequestError, match="do not close"):
        parse_input("&GLOBAL\n&PRINT\n&END PRINT\n", "mine.inp")


def test_periodic_pairs_are_found_across_the_cell():
    whole = contact()
    shifted = whole.copy()
    shifted.positions += [3.99, 0, 0.01]
    shifted.wrap()
    lower = whole.arrays["side"] == 0
    side, away = sides_by_place(whole, shifted[lower], shifted[~lower])
    assert (side == whole.arrays["side"]).all()
    assert away == pytest.approx(np.hypot(0.01, 0.01))


def test_two_interfaces_are_counted_without_vacuum():
    assert interfaces_in(contact()) == 1
    thin = contact()
    thin.cell[2, 2] = 10.0
    assert interfaces_in(thin) == 2


def test_densities_in_the_folders_give_the_transfer(tmp_path):
    """Densities of Gaussians: B gives 0.2 e to A. What is asked of charges is asked elsewhere."""
    folders = three(tmp_path, "cp2k")
    valence = {"Li": 3.0, "F": 7.0, "H": 1.0}
    for name, atoms in parts().items():
        electrons = np.array([valence[s] for s in atoms.symbols])
        if name == "AB":
            electrons += np.where(atoms.arrays["side"] == 0, 0.05, -0.05)
        density = gaussian_density(atoms, electrons, [0.35] * len(atoms), step_A=0.25)
        write_cube(density, tmp_path / name / "density.cube", name)
    record = adopt("mine", *folders)
    assert record.charge is not None
    assert record.charge.transfer("plane").b_lost_e == pytest.approx(0.2, abs=0.03)
