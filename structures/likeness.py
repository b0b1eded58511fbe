"""How alike two geometries of one molecule are, whatever the numbering of its equivalent atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]


class Likeness:
    """How far apart two geometries of one molecule are, whatever the numbering of equivalent atoms.

    Terminal atoms (the F of a CF2 or CF3, both O of a carboxylate) are exchanged freely by the best assignment, the
    rest of the heavy atoms by the symmetries of the molecule without them. Hydrogens do not count. Without a stereo
    centre, mirror images are one too.
    """

    def __init__(self, mol: Chem.Mol) -> None:
        heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
        inner = [i for i in heavy if _heavy_degree(mol.GetAtomWithIdx(i)) != 1]
        self._frame = np.array(inner if len(inner) >= 3 else heavy or list(range(mol.GetNumAtoms())))
        self._achiral = all(atom.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED for atom in mol.GetAtoms())
        self._symmetries = _symmetries(mol, self._frame)
        ranks = np.array(Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False))
        rest = np.array([i for i in heavy if i not in set(self._frame.tolist())], dtype=int)
        self._classes = [rest[ranks[rest] == rank] for rank in np.unique(ranks[rest])]

    def rmsd(self, one: Floats, two: Floats) -> float:
        """Return the smallest root mean square distance of the heavy atoms, Å, after the best rotation.

        Tried are the numbering as it is and, for every symmetry of the inner atoms, the assignment of the outer ones
        that is best once the inner ones are fitted.
        """
        as_numbered = np.concatenate([self._frame, *self._classes])
        images = (two, -two) if self._achiral else (two,)
        orders = [(image, self._matched(one, image, symmetry)) for symmetry in self._symmetries for image in images]
        return min(_fitted(one[as_numbered], two[order]) for two, order in [(two, as_numbered), *orders])

    def _matched(self, one: Floats, two: Floats, symmetry: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the atoms of `two` that stand for those of `one`, inner atoms first, classes after them."""
        centre_one, centre_two = one[self._frame].mean(axis=0), two[symmetry].mean(axis=0)
        a, b = one - centre_one, two - centre_two
        turned = b @ _rotation(b[symmetry], a[self._frame])
        costs = [cdist(a[members], turned[members], "sqeuclidean") for members in self._classes]
        assigned = [m[linear_sum_assignment(cost)[1]] for m, cost in zip(self._classes, costs, strict=True)]
        return np.concatenate([symmetry, *assigned])


def _fitted(one: Floats, two: Floats) -> float:
    """Return the root mean square distance of matched points, Å, after the best rotation."""
    a, b = one - one.mean(axis=0), two - two.mean(axis=0)
    return float(np.sqrt(((b @ _rotation(b, a) - a) ** 2).sum(axis=1).mean()))


def _heavy_degree(atom: Chem.Atom) -> int:
    return sum(neighbour.GetAtomicNum() > 1 for neighbour in atom.GetNeighbors())


def _symmetries(mol: Chem.Mol, frame: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the orders in which the frame can lie on itself, at most 64 of them, each shape (len(frame),)."""
    edit = Chem.RWMol(mol)
    for index in sorted(set(range(mol.GetNumAtoms())) - set(frame.tolist()), reverse=True):
        edit.RemoveAtom(index)
    query = Chem.AdjustQueryParameters.NoAdjustments()
    skeleton = Chem.AdjustQueryProperties(edit.GetMol(), query)
    matches = edit.GetMol().GetSubstructMatches(skeleton, uniquify=False, maxMatches=64)
    ranks = np.array(Chem.CanonicalRankAtoms(mol, breakTies=False, includeChirality=False))[frame]
    fitting = [np.array(m) for m in matches if (ranks[list(m)] == ranks).all()]
    return [frame[m] for m in fitting] or [frame]


def _rotation(moving: Floats, fixed: Floats) -> Floats:
    """Return the rotation R with ``moving @ R`` closest to ``fixed`` (Kabsch, 10.1107/S0567739476001873)."""
    u, _, v = np.linalg.svd(moving.T @ fixed)
    u[:, -1] *= np.sign(np.linalg.det(u @ v))
    return np.asarray(u @ v)
