"""Atoms as one line-based text: what crosses a job boundary, a file and a hash.

A nested structure of 160 atoms costs jobflow about 100 ms a job, because every float is visited; one
string costs none of that, and a person can read it. The text is extended XYZ (positions to 1e-8 Å).
"""

from __future__ import annotations

import hashlib
from io import StringIO

from ase import Atoms
from ase.io import read, write


def to_text(atoms: Atoms) -> str:
    """Return `atoms` as extended XYZ, per-atom arrays and ``info`` included, no calculator.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from_text(to_text(bulk("Cu"))).get_chemical_formula()
    'Cu'
    """
    plain = atoms.copy()
    plain.calc = None
    text = StringIO()
    write(text, plain, format="extxyz", write_results=False)
    return text.getvalue()


def from_text(text: str) -> Atoms:
    """Return the atoms of an extended-XYZ text made by :func:`to_text`."""
    atoms = read(StringIO(text), format="extxyz")
    assert isinstance(atoms, Atoms)
    return atoms


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal: the identity of an input in provenance."""
    return hashlib.sha256(text.encode()).hexdigest()
