"""Random requests for models, by seed: pairs of library crystals, and repeat units of polymers."""

from __future__ import annotations

import numpy as np

from interlith.launchers.candidates import candidates
from interlith.launchers.requested import Plan
from interlith.structures.checks import check_model
from interlith.structures.errors import RequestError
from interlith.structures.library import crystal_names
from interlith.structures.molecules import conformers
from interlith.structures.records import MoleculeRecipe
from interlith.workflows.presets import preset
from interlith.workflows.spec import from_sides
from interlith.workflows.study import engine_for

LARGEST_MILLER = 2
GENEROUS = {
    "interface": {"max_strain": 0.1, "max_atoms": 600},
    "side_a": {"reconstruct": True},
    "side_b": {"reconstruct": True},
}
"""So that most pairs give a model: strain, size and reconstruction as no default allows."""
LINKS = ("C", "CC", "O", "C(C)", "C(F)", "C(F)(F)", "C(=O)O", "c1ccc(cc1)", "C(C#N)", "N(C)", "S", "C(OC)", "C=C")
"""Pieces of a backbone; a unit is two to four of them."""


def random_pair(seed: int) -> tuple[str, str, tuple[int, int, int], tuple[int, int, int]]:
    """Return two crystals of the library and a face of each."""
    rng = np.random.default_rng(seed)
    names = crystal_names()
    a, b = (names[int(k)] for k in rng.integers(len(names), size=2))
    return a, b, _face(rng), _face(rng)


def build_pair(seed: int) -> str:
    """Build and check the interface of a random pair; return how many atoms it has, or the line why there is none."""
    a, b, face_a, face_b = random_pair(seed)
    method = preset("quick")
    try:
        spec = from_sides(a, b, face_a, face_b, settings=GENEROUS)
        (model,) = candidates(Plan(spec, method, engine_for(spec, method)), screen=False)
        check_model(model.model)
    except RequestError as refusal:
        return _one_line(refusal)
    return f"{len(model.model.atoms)} atoms"


def random_unit(seed: int) -> str:
    """Return a repeat unit."""
    rng = np.random.default_rng(seed)
    pieces = [LINKS[int(k)] for k in rng.integers(len(LINKS), size=int(rng.integers(2, 5)))]
    return f"[*]{''.join(pieces)}[*]"


def build_unit(seed: int) -> str:
    """Build and check an oligomer of a random unit; return how many atoms it has, or the line why there is none."""
    n = int(np.random.default_rng(seed).integers(1, 6))
    try:
        found = conformers(MoleculeRecipe(molecule=random_unit(seed), n=n, seed=seed), k=2)
        for model in found:
            check_model(model)
    except RequestError as refusal:
        return _one_line(refusal)
    return f"{len(found[0].atoms)} atoms"


def _face(rng: np.random.Generator) -> tuple[int, int, int]:
    while True:
        h, k, m = (int(x) for x in rng.integers(-LARGEST_MILLER, LARGEST_MILLER + 1, size=3))
        if h or k or m:
            return h, k, m


def _one_line(refusal: RequestError) -> str:
    told = str(refusal)
    assert "\n" not in told, f"an error of more than one line: {told}"
    assert len(told) > 20, f"an error that says nothing: {told}"
    return told
