import re

import numpy as np
import pytest
from ase.constraints import FixAtoms
from finished_cases import contact
from programs import needs_cp2k
from pymatgen.io.vasp import Incar, Kpoints, Poscar
from pymatgen.io.vasp.inputs import BadPoscarWarning

from interlith.structures.errors import RequestError
from interlith.structures.geometry import to_text
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.finished_cp2k import atoms_of, parse_input
from interlith.workflows.engines.vasp_input import Relaxing
from interlith.workflows.inputs import WRITERS, calculations, write_calculations

every_code = pytest.mark.parametrize(
    "code", [pytest.param(code, marks=needs_cp2k) if code == "espresso" else code for code in WRITERS]
)


def laid(code, relaxing=None, dispersion="none", **options):
    atoms = contact()
    atoms.set_constraint(FixAtoms([0, 1]))
    choice = EngineChoice(name=code, options=options, dispersion=dispersion)
    return {one.name: one for one in calculations(to_text(atoms), choice, relaxing)}


def last(one):
    return list(one.files.values())[-1]


@every_code
def test_all_three_are_written_or_none(code, tmp_path):
    found = list(laid(code).values())
    written = write_calculations(found, tmp_path / "new" / "mine", "as built")
    assert {path.name for path in written} == {"README", "AB", "A", "B"}
    readme = written[0].read_text()
    assert "Geometry: as built" in readme
    assert "interlith adopt AB A B" in readme
    assert all(command in readme for one in found for command in one.commands)
    with pytest.raises(RequestError, match="is there already"):
        write_calculations(found, tmp_path / "new" / "mine", "as built")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine"]


def test_vasp_is_told_of_dispersion_dipole_charges_and_what_is_held():
    found = laid("vasp", Relaxing(0.03, 50), "d3bj")
    incar = Incar.from_str(found["AB"].files["INCAR"])
    told = {"IVDW": 12, "LDIPOL": True, "IDIPOL": 3, "LAECHG": True, "LCHARG": True, "NSW": 50, "EDIFFG": -0.03}
    assert {name: incar[name] for name in told} == told
    assert "GGA" not in incar
    with pytest.warns(BadPoscarWarning, match="Fluorine"):  # pymatgen's: F is also a word of selective dynamics
        poscar = Poscar.from_str(found["AB"].files["POSCAR"])
    assert poscar.site_symbols == ["Li", "F", "H"]
    held = np.array(poscar.selective_dynamics)
    assert sorted(np.flatnonzero(~held.any(axis=1))) == [0, 2]
    assert found["A"].files["POTCAR.spec"].split() == ["Li_sv", "F"]


def test_vasp_frozen_is_one_geometry():
    incar = Incar.from_str(laid("vasp")["A"].files["INCAR"])
    assert incar["NSW"] == 0
    assert "IBRION" not in incar or incar["IBRION"] == -1


def test_vasp_orders_moments_and_u_as_its_poscar_does():
    incar = Incar.from_str(laid("vasp", magmom="H=1", hubbard_U="F=2")["B"].files["INCAR"])
    assert incar["ISPIN"] == 2
    assert incar["MAGMOM"] == [1.0, 1.0, 0.0, 0.0]
    assert (incar["LDAUL"], incar["LDAUU"]) == ([-1, 2], [0.0, 2.0])


def test_all_parts_have_one_mesh_smearing_and_dipole():
    found = laid("vasp", dipole="off", kpoints="0.4")
    meshes = {tuple(Kpoints.from_str(one.files["KPOINTS"]).kpts[0]) for one in found.values()}
    assert len(meshes) == 1
    assert meshes.pop()[2] == 1
    smearings = {(i["ISMEAR"], i["SIGMA"]) for one in found.values() if (i := Incar.from_str(one.files["INCAR"]))}
    assert len(smearings) == 1
    assert not any("LDIPOL" in one.files["INCAR"] for one in found.values())


def test_cp2ks_parts_stand_where_the_contact_has_them():
    """The dipole's correction raises atoms in the cell: all by one shift."""
    atoms = {name: atoms_of(parse_input(last(one), name), name) for name, one in laid("cp2k").items()}
    both = np.vstack([atoms["A"].positions, atoms["B"].positions])
    assert both == pytest.approx(atoms["AB"].positions)


def test_cp2k_relaxes_in_its_last_run_only():
    found = laid("cp2k", Relaxing(0.03, 50), "d3bj")["AB"]
    kinds = [re.search(r"RUN_TYPE (\S+)", text).group(1) for text in found.files.values()]
    assert kinds[-1] == "GEO_OPT"
    assert set(kinds[:-1]) <= {"ENERGY"}
    assert "LIST 1 2" in last(found)
    assert all("DFTD3(BJ)" in text for text in found.files.values())
    assert len(found.commands) == len(found.files)


@needs_cp2k
def test_espresso_holds_atoms_and_brings_its_pseudopotentials():
    found = laid("espresso", Relaxing(0.03, 50), "d3bj")["AB"]
    text = found.files["pw.in"]
    assert "calculation      = 'relax'" in text
    assert "dftd3_version    = 4" in text
    assert text.count("   0 0 0\n") == 2
    assert {"Li.gth", "F.gth", "H.gth"} <= set(found.files)
    frozen = laid("espresso")["AB"]
    assert "plot_num = 0" in frozen.files["pp.in"]


def test_other_engines_and_d4_are_refused():
    with pytest.raises(RequestError, match="no inputs can be written for engine 'emt'"):
        laid("emt")
    with pytest.raises(RequestError, match="d4 is not in every code"):
        laid("vasp", dispersion="d4")
