"""What CP2K's recorded calculations say, held to published numbers; the same calculations again, live."""

import tomllib

import cells
import contract
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.units import GPa, Hartree, J, m
from programs import needs_cp2k
from recorded.cp2k_cases import FOLDER, LIF_A, LIF_SLAB_A, VOLUMES, Case, cases, lithium_hydride
from recorded.cp2k_runs import choice_of, compute, key_of

from interlith.workflows.engines.catalogue import load
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.electronic import Wanted, electronic

pytestmark = needs_cp2k
JOULE_PER_M2 = J / m**2
# Computed before this engine was, from inputs written by hand; D3(BJ) was CP2K's own, 0.04 mHa lower on the slab.
BY_HAND_HA = {
    "lif-bulk": -127.4052447,
    "lif-tetragonal": -63.70279575,
    "lif-slab-5": -159.24251477,
    "li100-pdol-whole": -561.59350783,
    "li100-pdol-slab": -477.95207731,
    "li100-pdol-molecule": -83.61527394,
}
BOUND_BY_HAND_EV = -0.7118
SHORT = ("h2", "lih")


def kept(name):
    return tomllib.loads((FOLDER / f"{name}.toml").read_text())


def total_eV(name):
    found = kept(name)
    return (found["energy_Ha"] + found["dispersion_Ha"]) * Hartree


def pressure_eV_A3(name):
    return -np.trace(np.array(kept(name)["stress_eV_A3"])) / 3


RECORDED = sorted(path.stem for path in FOLDER.glob("*.toml"))


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_of_the_calculation_that_it_is_named_after(name):
    case, found = cases()[name], kept(name)
    assert found["input_sha256"] == key_of(case), "computed of another geometry or at another level"
    assert found["version"][0].isdigit() and found["energy_Ha"] < 0
    assert found["options"] == case.options


@pytest.mark.parametrize("name", [name for name in BY_HAND_HA if name in RECORDED])
def test_energies_of_inputs_written_by_hand_come_out_again(name):
    assert total_eV(name) / Hartree == pytest.approx(BY_HAND_HA[name], abs=1e-3)


@pytest.mark.parametrize("name", SHORT)
def test_the_shortest_records_come_out_again(name, tmp_path, monkeypatch):
    again(name, tmp_path, monkeypatch)


@pytest.mark.live
@pytest.mark.parametrize("name", [name for name in RECORDED if name not in SHORT])
@pytest.mark.timeout(7200)
def test_records_come_out_again(name, tmp_path, monkeypatch):
    again(name, tmp_path, monkeypatch)


def again(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found, before = compute(cases()[name]), kept(name)
    assert found["energy_Ha"] == pytest.approx(before["energy_Ha"], abs=1e-5)
    if "forces_eV_A" in before:
        assert np.array(found["forces_eV_A"]) == pytest.approx(np.array(before["forces_eV_A"]), abs=1e-3)
    assert found["mulliken_e"] == pytest.approx(before["mulliken_e"], abs=1e-3)


def test_the_face_of_lithium_fluoride_has_its_surface_energy():
    """γ(100) as cut of five layers; published with PBE: 0.34 to 0.37 J/m², relaxed faces a few per cent lower."""
    area = LIF_SLAB_A**2 / 2
    gamma = (total_eV("lif-slab-5") - 2.5 * total_eV("lif-tetragonal")) / (2 * area) / JOULE_PER_M2
    assert gamma == pytest.approx(0.355, rel=0.15)


@pytest.mark.parametrize(
    ("name", "a", "bulk_modulus_GPa", "published", "within"),
    [
        ("lif-volume+0", 4.08, 67, 4.065, 0.01),
        # 1.1 % long: at 6 × 6 × 6 k-points 1.3 %, so that denser ones may still bring it nearer.
        ("li-bulk-3.47", 3.47, 13.9, 3.44, 0.015),
    ],
)
def test_lattices_are_at_rest_where_they_are_published_to_be(name, a, bulk_modulus_GPa, published, within):
    """From the pressure at a record, by the published bulk modulus: Δa/a = p/3B. All by PBE."""
    rest = a * (1 + pressure_eV_A3(name) / GPa / (3 * bulk_modulus_GPa))
    assert abs(rest / a - 1) < 0.005, "too far from the record for a straight line"
    assert rest == pytest.approx(published, rel=within)


@pytest.mark.skipif(not {f"lif-volume{v:+d}" for v in VOLUMES} <= {*RECORDED}, reason="not all volumes recorded")
def test_lithium_fluoride_is_at_rest_where_it_is_published_to_be():
    """E(V) of four pairs over 12 % of volume: a parabola's rest point, and its curvature as the bulk modulus."""
    volumes = np.array([abs(cases()[f"lif-volume{v:+d}"].atoms.cell.volume) for v in VOLUMES])
    fit = np.polynomial.Polynomial.fit(volumes, [total_eV(f"lif-volume{v:+d}") for v in VOLUMES], 3)
    rest = min(fit.deriv().roots(), key=lambda v: abs(v - LIF_A**3)).real
    assert rest ** (1 / 3) == pytest.approx(4.065, rel=0.01)
    assert rest * fit.deriv(2)(rest) / GPa == pytest.approx(67, rel=0.1)  # GPa, published with PBE


@pytest.mark.skipif(not {"li-slab-5", "li-slab-7"} <= {*RECORDED}, reason="not all slabs recorded")
def test_the_face_of_lithium_has_its_surface_energy():
    """γ(100) as cut, the bulk energy from the slope over two thicknesses; published with PBE: 0.46 J/m²."""
    thin, thick = total_eV("li-slab-5"), total_eV("li-slab-7")
    gamma = (thin - 5 * (thick - thin) / 2) / (2 * 3.44**2) / JOULE_PER_M2
    assert gamma == pytest.approx(0.46, rel=0.15)


PARTS = ("whole", "slab", "molecule")


@pytest.mark.skipif(not {f"li100-pdol-{p}" for p in PARTS} <= {*RECORDED}, reason="not all parts recorded")
def test_the_binding_of_an_oligomer_comes_out_again():
    """With counterpoise: each side in the basis of both."""
    whole, slab, oligomer = (total_eV(f"li100-pdol-{part}") for part in PARTS)
    assert whole - slab - oligomer == pytest.approx(BOUND_BY_HAND_EV, abs=0.01)


SAME = {"restart": False, "eps_scf": 1e-7}
LONG = [
    pytest.param(Case(cells.rattled(lithium_hydride()), SAME | {"cutoff_Ry": 300.0, "kpoints": "1 1 1"}), id="LiH, OT"),
    pytest.param(Case(cells.lithium(), SAME | {"kpoints": "2 2 2"}), id="Li, smeared, k-points"),
]
CLAUSES = (
    contract.forces_are_the_energys_slope,
    contract.stress_is_the_energys_strain_slope,
    contract.energy_ignores_the_order_of_atoms,
    contract.same_input_same_number,
    contract.input_is_untouched,
    contract.results_are_double_and_shaped,
)


@pytest.mark.live
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("clause", CLAUSES)
@pytest.mark.parametrize("case", LONG)
def test_the_engine_keeps_the_contract(case, clause, tmp_path, monkeypatch):
    """Not that a shift leaves the energy: grids of plane waves break that by a few meV at these cut-offs."""
    monkeypatch.chdir(tmp_path)
    clause(load(choice_of(case)), case.atoms)


@pytest.mark.live
def test_vacuum_is_flat_on_both_sides_of_a_corrected_layer(tmp_path, monkeypatch):
    """A layer of LiH: two plateaus apart by its dipole over ε0 and the area, and none of the field between images."""
    monkeypatch.chdir(tmp_path)
    layer = Atoms("LiH", [[2, 2, 2], [2, 2, 3.6]], cell=[4, 4, 16], pbc=True)
    choice = EngineChoice(name="cp2k", options={"cutoff_Ry": 200.0, "kpoints": "1 1 1"})
    found = electronic(layer, choice, Wanted(density=True, potential=True))
    assert "surface dipole corrected" in found.rung
    profile = found.potential.values_e_A3.mean(axis=(0, 1))
    heights = found.potential.origin_A[2] + np.arange(len(profile)) / len(profile) * 16
    above, below = (profile[np.abs(heights - z) < 1] for z in (3.6 + 3.7, -3.0))
    assert np.ptp(above) < 0.02 and np.ptp(below) < 0.02
    electrons = found.density.values_e_A3.sum(axis=(0, 1)) * found.density.voxel_A3
    dipole_eA = 3 * 2.0 + 1 * 3.6 - electrons @ heights
    coulomb_eV_A = 14.3996
    assert above.mean() - below.mean() == pytest.approx(-4 * np.pi * coulomb_eV_A * dipole_eA / 16, rel=0.03)


@pytest.mark.live
def test_the_level_of_a_molecule_is_the_same_alone_and_in_a_cell(tmp_path, monkeypatch):
    """Water's HOMO by PBE is at −7.2 eV against vacuum; in a cell, against the potential at its edge."""
    monkeypatch.chdir(tmp_path)
    choice = EngineChoice(name="cp2k", options={"cutoff_Ry": 250.0})
    water = molecule("H2O")
    alone = electronic(water, choice, Wanted(orbitals=True)).levels
    water.set_cell([9, 9, 9])
    water.center()
    water.pbc = True
    found = electronic(water, choice, Wanted(orbitals=True, potential=True))
    assert (alone.zero, found.levels.zero) == ("vacuum", "cell average")
    assert alone.homo_eV == pytest.approx(-7.2, abs=0.15)
    assert found.levels.homo_eV - found.potential.values_e_A3[0, 0, 0] == pytest.approx(alone.homo_eV, abs=0.1)
