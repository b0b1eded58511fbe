"""`interlith systems`: what is built in, with sources and published values."""

from __future__ import annotations

from typing import Any

from interlith.launchers.options import Json, Name

SHOWN = ("formula", "space_group", "source", "doi", "note")


def systems(name: Name = None, as_json: Json = False) -> None:
    """List the built-in systems; show one with its recipe, sources and published values."""
    from interlith.launchers.output import print_json, print_table
    from interlith.structures.library import system_names

    documents = [_document(each) for each in ([name] if name else system_names())]
    if as_json:
        print_json(documents)
    elif name:
        _show(documents[0])
    else:
        rows = [[d["system"], d["side_a"], d["side_b"], d["title"]] for d in documents]
        print_table("Built-in systems", ["system", "side A, below", "side B, above", ""], rows)


def _document(name: str) -> dict[str, Any]:
    from interlith.analysis.compare import published_claims, published_values
    from interlith.launchers.pictures import miller_name
    from interlith.workflows.forms import crystals_of, molecules_of
    from interlith.workflows.spec import load_system

    spec = load_system(name)
    faces = [f"{side.crystal}{miller_name(side.miller)}" for side in crystals_of(spec.recipe)]
    molecules = [one.molecule for one in molecules_of(spec.recipe)]
    return {
        "system": spec.name,
        "title": spec.title,
        "kind": spec.kind,
        "side_a": faces[0] if faces else None,
        "side_b": " + ".join(faces[1:] or molecules),
        "recipe": spec.recipe.model_dump(mode="json", exclude_unset=True),
        "calculation": spec.calculation.model_dump(mode="json", exclude_unset=True),
        "presets": spec.presets,
        "sources": list(spec.sources),
        "notes": spec.notes,
        "candidates": [one.model_dump(mode="json") for one in spec.candidates],
        "crystals": {side.crystal: _crystal_source(side.crystal) for side in crystals_of(spec.recipe)},
        "molecules": {one: _molecule_entry(one) for one in molecules},
        "published": [value.model_dump(mode="json") for value in published_values(spec.name)],
        "claims": [claim.model_dump(mode="json") for claim in published_claims(spec.name)],
    }


def _crystal_source(crystal: str) -> dict[str, Any] | str:
    from interlith.structures.errors import RequestError
    from interlith.structures.library import crystal_source

    try:
        return crystal_source(crystal)
    except RequestError:
        return "a file of the person's own"


def _molecule_entry(molecule: str) -> dict[str, Any] | str:
    from interlith.structures.library import canonical_molecule, molecule_entry

    known = canonical_molecule(molecule)
    return molecule_entry(known) if known else "a SMILES, a repeat unit or a file of the person's own"


def _show(document: dict[str, Any]) -> None:
    from interlith.launchers.output import print_table, say

    below = [f"  side A, below: {document['side_a']}"] if document["side_a"] else []
    above = "side B, above" if below else "molecules"
    say(f"{document['system']}: {document['title']}", *below, f"  {above}: {document['side_b']}")
    say(*(f"  source: {source}" for source in document["sources"]))
    say(*([f"  {document['notes']}"] if document["notes"] else []))
    for crystal, source in document["crystals"].items():
        told = source if isinstance(source, str) else "; ".join(str(source[key]) for key in SHOWN if source.get(key))
        say(f"  crystal {crystal}: {told}")
    for molecule, entry in document["molecules"].items():
        say(f"  molecule {molecule}: {entry if isinstance(entry, str) else entry['notes']}")
    for table in ("recipe", "calculation", "presets"):
        settings = [[key, str(value)] for key, value in sorted(_flat(document[table]).items())]
        if settings:
            print_table(f"\n{table}", ["setting", "value"], settings)
    if document["candidates"]:
        columns = ["face", "cut", "γ as cut, J/m²", "γ relaxed, J/m²", "atoms", "Å²", "bonds cut", "engine"]
        print_table("\nFaces weighed for side B", columns, [_weighed(one) for one in document["candidates"]])
    values = [[v["quantity"], v["value"], v["unit"], v["source"]["doi"], v["tag"]] for v in document["published"]]
    if values:
        print_table("\nPublished values", ["quantity", "value", "unit", "doi", "tag"], values)
    say(*(f"  claimed: {claim['statement']} ({claim['source']['doi']})" for claim in document["claims"]))


def _weighed(one: dict[str, Any]) -> list[object]:
    keys = ("termination", "gamma_cut_J_m2", "gamma_J_m2", "n_atoms", "area_A2", "bonds_cut", "engine")
    return [" ".join(map(str, one["miller"])), *(one[key] for key in keys)]


def _flat(tables: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif key != "schema_version":
            flat[f"{prefix}{key}"] = value
    return flat
