"""What a check found in a model: one line that names the atoms, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, SupportsInt

from ase import Atoms

Kind = Literal["position", "cell", "distance", "charge", "valence", "molecule", "sides", "vacuum", "ring"]
NAMED = 3
"""Atoms, pairs or findings that one message names before it counts the rest."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a model, or could not be checked.

    Parameters
    ----------
    kind
        What was looked at.
    message
        What is wrong, in one line, atoms by index and element.
    mend
        What a person can do about it.
    atoms
        Indices of the atoms at fault; empty where the whole model is.
    fault
        False for a warning: the model can be computed, the person should know.
    """

    kind: Kind
    message: str
    mend: str
    atoms: tuple[int, ...] = ()
    fault: bool = True


def named(atoms: Atoms, indices: Iterable[SupportsInt], most: int = NAMED) -> str:
    """Return atoms by index and element, the first few of many.

    Examples
    --------
    >>> named(Atoms("LiF"), [0, 1])
    '0 (Li), 1 (F)'
    >>> named(Atoms("H5"), range(5))
    '0 (H), 1 (H), 2 (H) and 2 more'
    """
    return listed([f"{i} ({atoms.symbols[i]})" for i in map(int, indices)], most)


def listed(words: Sequence[str], most: int = NAMED, rest: str = "more") -> str:
    """Return the first few words, and how many are left."""
    left = f" and {len(words) - most} {rest}" if len(words) > most else ""
    return ", ".join(words[:most]) + left
