"""What B3LYP-D3(BJ)/6-31+G* gave for LiTFSI, bare and at hosts: arithmetic, bands, and what is cheap to do again."""

import numpy as np
import pytest
import recorded.dissociation as recorded
from ase.units import Hartree

from interlith.analysis.compare import published_values
from interlith.analysis.dissociation import dissociation_energies, identities
from interlith.structures.geometry import from_text
from interlith.workflows.engines.catalogue import find
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.dispersion import dispersion_energy
from interlith.workflows.relaxations import static

ROWS = recorded.rows()
SALT = {"cation": "Li+", "anion": "TFSI-", "salt": "LiTFSI"}
HOSTS = [host for host in recorded.HOSTS if f"{host}+LiTFSI" in ROWS]
SYSTEMS = {"P-DOL": "litfsi-pdol", "PVDF-HFP": "litfsi-pvdfhfp", "d-PVDF-HFP": "litfsi-dpvdfhfp"}
NOT_ITERATED_EV = 2e-3
"""The recorded energies are of a density from a coarser grid: 0.6 meV above the full solution for DOL."""


def energy(name):
    return ROWS[name]["scf_Ha"] * Hartree + ROWS[name]["dispersion_eV"]


def lowest(name):
    """Return the energy of the lowest conformer of a part that was recorded."""
    return min(energy(row) for row in ROWS if row == name or row.startswith(f"{name}, conformer"))


def values(host=None, of=lowest):
    """Return D0 to D4 as far as recorded."""
    names = dict(SALT)
    if host:
        names |= {"host": host, "host+cation": f"{host}+Li+", "host+salt": f"{host}+LiTFSI"}
    return dissociation_energies({part: of(name) for part, name in names.items() if name in ROWS})


def atoms_of(name):
    return from_text(ROWS[name]["xyz"])


def test_everything_recorded_converged_and_names_its_versions():
    assert {"Li+", "TFSI-", "LiTFSI"} <= set(ROWS) and "P-DOL" in HOSTS
    assert all(row["converged"] for row in ROWS.values())
    assert all(set(row["versions"]) == set(recorded.VERSIONS) for row in ROWS.values())


def test_bare_litfsi_costs_what_the_band_says():
    assert 5.2 < values()["D0"] < 6.0


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_lowers_the_cost_and_its_value_is_near_the_published_one(host):
    found = values(host)
    assert found["D1"] < values()["D0"]
    published = published_values(SYSTEMS[host], "dissociation_energy")[0].value
    assert found["D1"] == pytest.approx(published, abs=0.3)


def test_pdol_lowers_it_most():
    lowered = {host: values(host)["D1"] for host in HOSTS}
    assert min(lowered, key=lowered.get) == "P-DOL"


def test_without_dispersion_the_order_and_the_sign_stay():
    plain = {host: values(host, of=lambda name: ROWS[name]["scf_Ha"] * Hartree)["D1"] for host in HOSTS}
    assert min(plain, key=plain.get) == "P-DOL"
    assert all(plain[host] < values(host)["D1"] for host in HOSTS)


@pytest.mark.parametrize("host", [host for host in HOSTS if host in ROWS])
def test_with_the_host_alone_the_other_definitions_follow(host):
    found = values(host)
    ladder = {
        **{part: lowest(name) for part, name in SALT.items()},
        **{"host": lowest(host), "host+cation": lowest(f"{host}+Li+"), "host+salt": lowest(f"{host}+LiTFSI")},
        "host+anion": 0.0,
    }
    assert {k: found[k] for k in ("D1", "D3", "D4")} == pytest.approx(
        {k: v for k, v in identities(ladder).items() if k != "D2"}, abs=1e-6
    )
    assert found["D4"] < found["D1"] < found["D0"] < found["D3"]


@pytest.mark.parametrize("name", ROWS)
def test_dispersion_and_the_shell_of_lithium_come_out_again(name):
    atoms, row = atoms_of(name), ROWS[name]
    entry = find(EngineChoice(name="pyscf", dispersion="d3bj"))
    # positions are recorded to 1e-4 Å
    assert dispersion_energy(atoms, entry, "d3bj") == pytest.approx(row["dispersion_eV"], abs=2e-4)
    lithium = np.flatnonzero(atoms.symbols == "Li")
    for centre in lithium if len(atoms) > 1 else ():
        near = atoms.get_distances(centre, range(len(atoms)))
        held = [s for s, d in zip(atoms.symbols, near, strict=True) if 0 < d < 2.4 and s in "NOF"]
        assert {s: held.count(s) for s in set(held)} == row["shell"]


@pytest.mark.parametrize("name", ["TFSI-", "LiTFSI", "P-DOL+Li+"])
def test_the_geometry_is_at_rest_at_the_level_that_ranked_it(name):
    choice = EngineChoice(name="gfn2-xtb", options={"charge": ROWS[name]["charge"]})
    found = static(ROWS[name]["xyz"], choice)
    assert found.fmax_eV_A < 0.06
    assert found.energy_eV == pytest.approx(ROWS[name]["screened_eV"], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "homo", "lumo"),
    [("LiTFSI", -8.81, -1.05), ("DOL", -7.13, 0.22), ("DME", -6.92, 0.25), ("TFPAA-", -1.72, 2.43)],
)
def test_levels_agree_with_those_computed_while_planning(name, homo, lumo):
    """B3LYP/6-31+G* at GFN2 geometries by another script; 0.05 eV, for the geometries and grids differ a little."""
    row = ROWS[name]
    assert (row["homo_eV"], row["lumo_eV"]) == (pytest.approx(homo, abs=0.05), pytest.approx(lumo, abs=0.05))


def test_what_a_paper_claims_of_tfpaa_against_tfsi_does_not_hold_in_the_gas_phase():
    """The claim: TFPAA- has the lower HOMO and the higher LUMO (10.1002/eem2.12836). Found: the reverse of both."""
    tfpaa, tfsi = ROWS["TFPAA-"], ROWS["TFSI-"]
    assert tfpaa["homo_eV"] > tfsi["homo_eV"] + 1.0
    assert tfpaa["lumo_eV"] < tfsi["lumo_eV"]
    assert min(tfpaa["lumo_eV"], tfsi["lumo_eV"]) > 0  # both unbound: their order means nothing


@pytest.mark.live
@pytest.mark.parametrize("name", ["DOL", "P-DOL+Li+"])
def test_the_engine_gives_the_recorded_energy_again(name, tmp_path, monkeypatch):
    from interlith.workflows.engines.electronic import Wanted, electronic

    monkeypatch.chdir(tmp_path)
    row = ROWS[name]
    choice = EngineChoice(name="pyscf", options={"charge": row["charge"]}, dispersion="d3bj")
    found = electronic(atoms_of(name), choice, Wanted(orbitals=True))
    assert found.energy_eV == pytest.approx(energy(name), abs=NOT_ITERATED_EV)
    assert found.levels.homo_eV == pytest.approx(row["homo_eV"], abs=0.01)
