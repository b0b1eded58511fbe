"""Measure what it costs to part LiTFSI, bare and at hosts, by B3LYP-D3(BJ)/6-31+G*; see README.md beside this file."""

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ase.units import Hartree

from interlith.analysis.dissociation import Part
from interlith.analysis.salts import Search
from interlith.structures.geometry import from_text
from interlith.structures.records import MoleculeRecipe
from interlith.structures.salts import shell
from interlith.workflows.dissociation import Methods, dock, pair, search
from interlith.workflows.engines.catalogue import find
from interlith.workflows.engines.contract import EngineChoice
from interlith.workflows.engines.dispersion import dispersion_energy
from interlith.workflows.engines.treatment import Treatment

TABLE = Path(__file__).with_suffix(".toml")
HEAD = "# Written by tests/recorded/dissociation.py; what the fields mean stands in README.md beside it.\n"
HOSTS = ("P-DOL", "PVDF-HFP", "d-PVDF-HFP")
IONS: dict[Part, str] = {"cation": "Li+", "anion": "TFSI-"}
CHARGES: dict[Part, int] = {"cation": 1, "anion": -1, "host+cation": 1, "host+anion": -1}
"""Of the parts that have one; a molecule's own is in its facts."""
LEVELS = ("DOL", "DME", "TFPAA-")
"""Molecules whose HOMO and LUMO stand beside those of the salt's ions."""
SCREENING = EngineChoice(name="gfn2-xtb")
METHODS = Methods(engine=EngineChoice(name="pyscf", dispersion="d3bj"), screening=SCREENING, starts=24)
ROUGH_GRID, ROUGH_HA = 0, 1e-5
VERSIONS = ("pyscf", "tblite", "dftd3", "rdkit")

Row = dict[str, Any]


def measured(part: Part, name: str, found: Search, rank: int = 0) -> Row:
    """Return the row of one conformer.

    The field is made self-consistent on PySCF's grid of level 0 to 1e-5 Ha, the energy is that of this density on the
    engine's own grid: 0.6 meV above the full solution for DOL, at a third of its time.
    """
    model = found.models[rank]
    charge = CHARGES.get(part, model.facts.charge_e)
    treatment = Treatment.asked("pyscf", {"charge": charge})
    molecule = treatment.molecule(model.atoms)
    rough, fine = treatment.mean_field(molecule), treatment.mean_field(molecule)
    rough.grids.level, rough.conv_tol, rough.conv_tol_grad = ROUGH_GRID, ROUGH_HA, 1e-2
    rough.kernel()
    density = rough.make_rdm1()
    fine.with_df = rough.with_df
    core, overlap, field = fine.get_hcore(), fine.get_ovlp(), fine.get_veff(molecule, density)
    levels, orbitals = fine.eig(fine.get_fock(core, overlap, field, density), overlap)
    occupied = fine.get_occ(levels, orbitals) > 0
    return {
        "part": part,
        "name": name,
        "charge": charge,
        "scf_Ha": float(fine.energy_tot(density, core, field)),
        "dispersion_eV": dispersion_energy(model.atoms, find(METHODS.engine), "d3bj"),
        "homo_eV": float(levels[occupied].max() * Hartree),
        "lumo_eV": float(levels[~occupied].min() * Hartree),
        "converged": bool(rough.converged),
        "started": found.n_started,
        "conformers_eV": [round(model.facts.relative_energy_eV or 0.0, 4) for model in found.models],
        "screened_eV": round(found.energies_eV[rank], 5),
        "shell": shell(model, model.atoms.positions),
        "xyz": plain(model.xyz),
        "versions": {package: version(package) for package in VERSIONS},
    }


def plain(xyz: str) -> str:
    """Return a geometry to 1e-4 Å, elements and positions alone."""
    atoms = from_text(xyz)
    lines = (f"{s} " + " ".join(f"{x:.4f}" for x in p) for s, p in zip(atoms.symbols, atoms.positions, strict=True))
    return "\n".join([str(len(atoms)), "", *lines]) + "\n"


def rows() -> dict[str, Row]:
    """Return what has been recorded, by name."""
    return (
        {row["name"]: row for row in tomllib.loads(TABLE.read_text(encoding="utf-8"))["row"]} if TABLE.exists() else {}
    )


def write(found: dict[str, Row]) -> None:
    """Write every row."""
    tables = ("".join(f"{key} = {_toml(value)}\n" for key, value in row.items()) for row in found.values())
    text = "\n".join(f"[[row]]\n{table}" for table in tables)
    TABLE.write_text(HEAD + "\n" + text, encoding="utf-8")


def searches(hosts: tuple[str, ...]) -> dict[str, tuple[Part, Search]]:
    """Return the conformers of every part, the cheap ones first."""
    found: dict[str, tuple[Part, Search]] = {
        name: (part, search(part, MoleculeRecipe(molecule=name), METHODS)) for part, name in IONS.items()
    }
    found["LiTFSI"] = ("salt", pair(MoleculeRecipe(molecule="LiTFSI"), found["TFSI-"][1], found["Li+"][1], METHODS))
    for name in LEVELS:
        found[name] = ("molecule", search("molecule", MoleculeRecipe(molecule=name), METHODS))
    for name in hosts:
        host = search("host", MoleculeRecipe(molecule=name), METHODS)
        found[name] = ("host", host)
        for guest, part in (("Li+", "host+cation"), ("LiTFSI", "host+salt")):
            found[f"{name}+{guest}"] = (part, dock(part, host, found[guest][1], METHODS))
    return found


def main(hosts: tuple[str, ...]) -> None:
    """Record what is not there yet, a row as it ends."""
    for name, (part, found) in searches(hosts).items():
        if name not in rows():
            write(rows() | {name: measured(part, name, found)})


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'''\n{value}'''" if "\n" in value else f'"{value}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_toml(each)}' for key, each in value.items()) + " }" if value else "{}"
    return str(value)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or HOSTS)
