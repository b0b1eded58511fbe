"""Implicit solvents for molecules: a dielectric around a cavity, by name or by constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from interlith.structures.errors import RequestError, unknown_name
from interlith.workflows.engines.contract import Option

DIELECTRIC_CONSTANTS = {
    "acetonitrile": 35.69,
    "dec": 2.805,
    "diglyme": 7.23,
    "dmc": 3.107,
    "dme": 7.2,
    "dmso": 46.83,
    "dol": 7.1,
    "ec": 89.78,
    "emc": 2.958,
    "gbl": 39.0,
    "pc": 64.92,
    "tetraglyme": 7.79,
    "thf": 7.4,
    "water": 78.36,
}
"""Of pure liquids near room temperature (EC: at 40 °C); electrolyte solvents after Xu 2004,
https://doi.org/10.1021/cr030203g, tables 1 and 2."""
MODELS = {"iefpcm": "IEF-PCM", "cpcm": "C-PCM", "smd": "SMD"}


@dataclass(frozen=True)
class Solvent:
    """A solvent and the model that stands for it.

    Attributes
    ----------
    name
        As it was asked for.
    model
        "IEF-PCM", "C-PCM" or "SMD".
    dielectric_constant
        None where the model has its own (SMD).
    """

    name: str
    model: str
    dielectric_constant: float | None

    @property
    def label(self) -> str:
        """For tables and records."""
        constant = "" if self.dielectric_constant is None else f", ε = {self.dielectric_constant:g}"
        return f"{self.model} {self.name}{constant}"

    def around(self, mean_field: Any) -> Any:
        """Return a mean field of PySCF in this solvent (cavity of 1.2 times Bondi's radii)."""
        if self.dielectric_constant is None:
            inside = mean_field.SMD()
            inside.with_solvent.solvent = self.name
            return inside
        inside = mean_field.PCM()
        inside.with_solvent.method, inside.with_solvent.eps = self.model, self.dielectric_constant
        return inside


def asked_solvent(engine: str, solvent: Option | None, model: Option) -> Solvent | None:
    """Return the solvent that options name; None for none.

    Parameters
    ----------
    engine
        For messages.
    solvent
        A name of :data:`DIELECTRIC_CONSTANTS`, a dielectric constant, or (for SMD) a name that SMD knows.
    model
        A key of :data:`MODELS`.

    Raises
    ------
    RequestError
        For an unknown solvent or model, or a constant below 1.
    """
    where = f"{engine} solvent"
    if solvent is None or solvent in ("none", "gas"):
        return None
    kind = str(model).lower().replace("-", "")
    if kind not in MODELS:
        raise unknown_name("solvent model", str(model), MODELS, where)
    if kind == "smd":
        return _smd(str(solvent).lower(), where)
    constant = _constant(solvent, where)
    if not 1.0 < constant < float("inf"):
        raise RequestError(f"dielectric constant {constant:g}", where, "vacuum has 1, solvents more")
    return Solvent(str(solvent).lower(), MODELS[kind], constant)


def _constant(solvent: Option, where: str) -> float:
    try:
        return float(solvent)
    except ValueError:
        name = str(solvent).lower()
    if name not in DIELECTRIC_CONSTANTS:
        near = unknown_name("solvent", name, DIELECTRIC_CONSTANTS, where)
        raise RequestError(near.what, where, f"{near.mend}, or give its dielectric constant")
    return DIELECTRIC_CONSTANTS[name]


def _smd(name: str, where: str) -> Solvent:
    from pyscf.solvent.smd import solvent_db

    if name not in solvent_db:
        raise unknown_name("SMD solvent", name, solvent_db, where)
    return Solvent(name, MODELS["smd"], None)
