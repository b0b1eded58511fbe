"""Oligomers from repeat units: joined, capped, with the stated sequence, direction, tacticity and missing HF."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from rdkit import Chem

from interlith.structures.dehydrofluorination import without_hf
from interlith.structures.errors import RequestError
from interlith.structures.records import MoleculeRecipe
from interlith.structures.smiles import TEMPLATE as TEMPLATE
from interlith.structures.smiles import UNIT as UNIT
from interlith.structures.smiles import canonical, open_ends, parsed
from interlith.structures.tacticity import set_backbone_stereo

DEFAULT_UNITS = 3
LONGEST = 200


@dataclass(frozen=True)
class Oligomer:
    """A capped chain, all hydrogens as atoms, stereo set, not yet embedded.

    Parameters
    ----------
    mol
        The RDKit molecule; each atom has the property ``unit``.
    backbone
        Atom indices along the chain, first unit to last, caps left out.
    sequence
        One letter per unit: A the repeat unit, B the comonomer.
    steps
        What was decided, in words.
    """

    mol: Chem.Mol
    backbone: tuple[int, ...]
    sequence: str
    steps: tuple[str, ...] = field(default=())


def oligomer(recipe: MoleculeRecipe, pattern: str | None = None) -> Oligomer:
    """Build the chain that a recipe asks for.

    Parameters
    ----------
    recipe
        ``molecule`` is a SMILES with two ``[*]``.
    pattern
        The sequence (``"ABA"``) to take instead of one drawn by ``recipe.seed``.

    Raises
    ------
    RequestError
        A unit without exactly two open ends, or with no chain between them; ends of different bond orders; more
        comonomers than units; a cap that cannot be bonded; more HF than can leave.
    """
    units = {"A": _unit(recipe.molecule, "molecule")}
    if recipe.comonomer is not None:
        units["B"] = _unit(recipe.comonomer, "comonomer")
    sequence, drawn = sequence_of(recipe, pattern)
    pieces = [units[letter] for letter in sequence]
    caps = recipe.caps or ("[*][H]", "[*][H]")
    mol = _joined(pieces, [_cap(cap) for cap in caps], recipe.head_to_tail)
    steps = [f"{len(sequence)} repeat units {' '.join(sequence)}: {_named(recipe)}{drawn}"]
    steps.append(f"ends {_bare(caps[0])} and {_bare(caps[1])}")
    if not recipe.head_to_tail:
        steps.append("every second unit turned round (head to head)")
    chain = Oligomer(mol, _backbone(mol, len(sequence)), sequence, tuple(steps))
    return _with_stereo(_with_hf_removed(chain, recipe), recipe)


def sequence_of(recipe: MoleculeRecipe, pattern: str | None = None) -> tuple[str, str]:
    """Return the order of units, one letter each, and how it was drawn, in words.

    Parameters
    ----------
    recipe
        ``n``, ``comonomer_units``, ``sequence`` and ``seed`` are used.
    pattern
        A fixed sequence; its letters are taken as they are.

    Raises
    ------
    RequestError
        More comonomers than units, a comonomer without a number, or a chain above 200 units.

    Examples
    --------
    >>> sequence_of(MoleculeRecipe(molecule="[*]CC[*]", n=3))
    ('AAA', '')
    """
    n = recipe.n or DEFAULT_UNITS
    others = _comonomers(recipe, n)
    if pattern is not None:
        return pattern, ", the library's order"
    draw = random.Random(recipe.seed)
    if recipe.sequence == "blocks":
        start = draw.randint(0, n - others)
        letters = "A" * start + "B" * others + "A" * (n - others - start)
    else:
        letters = "".join(draw.sample("A" * (n - others) + "B" * others, n))
    return letters, f", {recipe.sequence} by seed {recipe.seed}" if 0 < others < n else ""


def _comonomers(recipe: MoleculeRecipe, n: int) -> int:
    """Return how many of the n units are comonomers, or refuse."""
    if n > LONGEST:
        raise RequestError(f"n = {n} repeat units", "n", f"take at most {LONGEST}")
    if recipe.comonomer is None:
        if recipe.comonomer_units:
            raise RequestError(f"comonomer_units = {recipe.comonomer_units} of no comonomer", "comonomer", "name it")
        return 0
    if recipe.comonomer_units is None:
        raise RequestError(
            f"comonomer {recipe.comonomer} without a number", "comonomer_units", f"say how many of the {n} units"
        )
    if recipe.comonomer_units > n:
        raise RequestError(
            f"{recipe.comonomer_units} comonomers in a chain of n = {n} units", "comonomer_units", f"take at most {n}"
        )
    return recipe.comonomer_units


def _unit(text: str, where: str) -> Chem.Mol:
    """Return a repeat unit, its atoms labelled, or refuse."""
    mol = parsed(text, where)
    ends = open_ends(mol)
    if len(ends) != 2 or any(mol.GetAtomWithIdx(end).GetDegree() != 1 for end in ends):
        raise RequestError(
            f"repeat unit {text} has {len(ends)} open ends", where, "mark exactly two, each with one bond: [*]CCO[*]"
        )
    if len(Chem.GetMolFrags(mol)) > 1 or mol.GetBondBetweenAtoms(*ends) is not None:
        raise RequestError(f"repeat unit {text} has no chain between its ends", where, "join the two [*] by atoms")
    if len({_end_bond(mol, end) for end in ends}) > 1:
        raise RequestError(f"the two ends of repeat unit {text} have different bond orders", where, "write both alike")
    for atom in mol.GetAtoms():
        atom.SetIntProp(TEMPLATE, atom.GetIdx())
    return mol


def _cap(text: str) -> Chem.Mol:
    """Return an end cap with one open end; a cap written without ``[*]`` is bonded by its first atom."""
    written = {"H": "[*][H]", "[H]": "[*][H]"}.get(text, text)
    # A SMILES read as a neighbour of `[*]`: valence leaves one hydrogen out of its first atom.
    mol = parsed(written if "*" in written else f"[*]{written}", "caps")
    ends = open_ends(mol)
    if len(ends) != 1 or mol.GetAtomWithIdx(ends[0]).GetDegree() != 1 or len(Chem.GetMolFrags(mol)) > 1:
        raise RequestError(f"cap {text} has {len(ends)} open ends", "caps", "mark the one that is bonded: [*]OC")
    return mol


def _end_bond(mol: Chem.Mol, end: int) -> float:
    """Return the order of the bond to an open end."""
    return float(mol.GetAtomWithIdx(end).GetBonds()[0].GetBondTypeAsDouble())


def _joined(pieces: list[Chem.Mol], caps: list[Chem.Mol], head_to_tail: bool) -> Chem.Mol:
    """Bond cap, units and cap in a row; every hydrogen comes out as an atom with its neighbour's unit."""
    links: list[tuple[Chem.Mol, list[int], int]] = [(caps[0], open_ends(caps[0]), -1)]
    for k, piece in enumerate(pieces):
        ends = open_ends(piece)
        links.append((piece, ends if head_to_tail or k % 2 == 0 else ends[::-1], k))
    links.append((caps[1], open_ends(caps[1]), -1))
    whole = Chem.Mol()
    for k, (piece, ends, unit) in enumerate(links):
        whole = Chem.CombineMols(whole, _labelled(piece, [k, k + 1] if len(ends) == 2 else [max(k, 1)], ends, unit))
    orders = {_end_bond(piece, end) for piece, ends, _ in links for end in ends}
    if len(orders) > 1:
        raise RequestError("units and caps end in different bond orders", "caps", "give caps that end as the unit does")
    return _with_hydrogens(Chem.molzip(whole))


def _labelled(piece: Chem.Mol, numbers: list[int], ends: list[int], unit: int) -> Chem.Mol:
    """Return a copy whose open ends carry the numbers of the joints, and whose atoms name their unit."""
    copy = Chem.Mol(piece)
    for atom in copy.GetAtoms():
        atom.SetAtomMapNum(0)
        atom.SetIntProp(UNIT, unit)
    for end, number in zip(ends, numbers, strict=True):
        copy.GetAtomWithIdx(end).SetAtomMapNum(number)
    return copy


def _with_hydrogens(mol: Chem.Mol) -> Chem.Mol:
    """Return the chain with its hydrogens as atoms, in the unit of the atom that holds them, or refuse."""
    try:
        Chem.SanitizeMol(mol)
    except ValueError as fault:
        raise RequestError(
            f"the joined chain breaks a valence: {fault}", "molecule", "mend the unit or caps"
        ) from fault
    full = Chem.AddHs(mol)
    for atom in full.GetAtoms():
        if not atom.HasProp(UNIT):
            atom.SetIntProp(UNIT, atom.GetNeighbors()[0].GetIntProp(UNIT))
    return full


def _backbone(mol: Chem.Mol, n: int) -> tuple[int, ...]:
    """Return the shortest way through the units, from the atom bonded to the first cap to that at the last."""
    inner = [bond for bond in mol.GetBonds() if _unit_of(bond.GetBeginAtom()) != _unit_of(bond.GetEndAtom())]
    doors: dict[int, list[int]] = {k: [] for k in range(-1, n)}
    for bond in inner:
        for atom in (bond.GetBeginAtom(), bond.GetEndAtom()):
            doors[_unit_of(atom)].append(atom.GetIdx())
    first, last = _outer_doors(mol, doors, n)
    if first == last:
        return (first,)
    return tuple(Chem.GetShortestPath(mol, first, last))


def _outer_doors(mol: Chem.Mol, doors: dict[int, list[int]], n: int) -> tuple[int, int]:
    """Return the atoms of the first and the last unit that hold the caps."""
    held = [a for k in (0, n - 1) for a in dict.fromkeys(doors[k]) if -1 in map(_unit_of, _neighbours(mol, a))]
    return held[0], held[-1]


def _neighbours(mol: Chem.Mol, index: int) -> list[Chem.Atom]:
    return list(mol.GetAtomWithIdx(index).GetNeighbors())


def _unit_of(atom: Chem.Atom) -> int:
    return int(atom.GetIntProp(UNIT))


def _with_hf_removed(chain: Oligomer, recipe: MoleculeRecipe) -> Oligomer:
    """Return the chain with the HF taken out that the recipe asks for, the new double bonds told."""
    if not recipe.hf_removed:
        return chain
    mol, backbone, told = without_hf(chain.mol, recipe.hf_removed, chain.backbone, recipe.seed)
    return replace(chain, mol=mol, backbone=backbone, steps=(*chain.steps, told))


def _with_stereo(chain: Oligomer, recipe: MoleculeRecipe) -> Oligomer:
    """Return the chain with the tacticity of the recipe at the stereo centres of its backbone."""
    told = set_backbone_stereo(chain.mol, chain.backbone, recipe.tacticity, recipe.seed)
    return replace(chain, steps=(*chain.steps, *told))


def _named(recipe: MoleculeRecipe) -> str:
    """Return the units by letter."""
    return f"A {recipe.molecule}" + (f", B {recipe.comonomer}" if recipe.comonomer else "")


def _bare(cap: str) -> str:
    """Return a cap as people write it."""
    mol = _cap(cap)
    return "H" if mol.GetNumAtoms() == 2 and mol.GetAtomWithIdx(1).GetAtomicNum() == 1 else canonical(mol)
