"""One record for a person: what is printed, what JSON says, and which files are written, whole or not at all."""

import json

import pytest
from ase.io import read

from interlith.analysis.records import InterfaceRecord
from interlith.launchers.answers import answer, print_answer, write_files, write_whole
from interlith.launchers.output import print_json
from interlith.launchers.results import StoredRecord

UUID = "abcdef12-3456"


@pytest.fixture
def stored(handmade_record):
    def make(**kwargs) -> StoredRecord:
        return StoredRecord(UUID, "2026-01-01", handmade_record(**kwargs))

    return make


def changed(stored: StoredRecord, **fields) -> StoredRecord:
    return stored._replace(record=stored.record.model_copy(update=fields))


def printed(stored, capsys, files=()) -> str:
    print_answer(stored, list(files))
    return capsys.readouterr().out


def test_json_holds_the_whole_record(stored, capsys, tmp_path):
    one = stored()
    print_json(answer(one, [tmp_path / "record.json"]))
    said = json.loads(capsys.readouterr().out)
    assert (said["system"], said["record"], said["converged"]) == ("li-lagp", UUID, True)
    assert said["files"] == [str(tmp_path / "record.json")]
    record = one.record
    assert said["caveats"] == list(record.caveats)
    assert said["relaxed_xyz"] == record.relaxed_xyz
    assert [row["value"] for row in said["results"]] == [q.value for q in record.quantities]
    assert [row["n_force_calls"] for row in said["registries"]] == [42]
    for name, kind in (("contact", type(record.contact)), ("model", type(record.model))):
        assert kind.model_validate(said[name]) == getattr(record, name)
    assert {row["doi"] for row in said["published"]}, "li-lagp has published values"


def test_a_system_that_nobody_published_stands_alone(stored, capsys):
    one = stored(system="my-own")
    assert answer(one, [])["published"] == []
    assert "Published" not in printed(one, capsys)


@pytest.mark.parametrize("converged", [True, False])
@pytest.mark.parametrize("surrogate", [True, False])
def test_how_far_to_trust_it_is_said_first(stored, capsys, converged, surrogate):
    text = printed(stored(surrogate=surrogate, converged=converged), capsys)
    second = text.strip().splitlines()[1]
    assert ("a surrogate, not first principles" in second) == surrogate
    assert ("NOT CONVERGED" in second) != converged
    assert "preset quick, 42 force calls" in second


def test_numbers_stand_with_unit_spread_and_definition(stored, capsys):
    text = printed(stored(), capsys)
    row = next(line for line in text.splitlines() if "interfacial_formation_energy" in line)
    for part in ("-0.82", "J/m²", "-0.820 … 0.310 (5 registries)", "yes", "relaxed sides [one ordering]"):
        assert part in row
    assert "Registries relaxed: 1, from -0.820 to -0.820 J/m²" in text
    assert "no reaction: no bond changed." in text and "2.2 → 2.1 Å; largest displacement 0.3 Å" in text
    assert "Caveat: a surrogate" in text


def test_a_reaction_is_told_once_in_full(stored, capsys):
    one = stored()
    reason = "2 P-O bonds broken"
    contact = one.record.contact.model_copy(update={"reacted": True, "why": reason})
    quantities = tuple(q.model_copy(update={"caveat": f"contains a reaction: {reason}"}) for q in one.record.quantities)
    text = printed(changed(one, contact=contact, quantities=quantities), capsys)
    assert text.count(reason) == 1 and f"a reaction took place: {reason}." in text
    assert text.count("contains a reaction, see below") == len(quantities)


def test_a_caveat_of_the_whole_record_is_not_repeated_in_each_row(stored, capsys):
    one = stored()
    quantities = tuple(q.model_copy(update={"caveat": "too thin; a surrogate"}) for q in one.record.quantities)
    text = printed(changed(one, quantities=quantities), capsys)
    assert text.count("[too thin]") == len(quantities) and text.count("a surrogate") - text.count("a surrogate,") == 1


def test_files_are_named_at_the_end(stored, capsys, tmp_path):
    assert printed(stored(), capsys, [tmp_path / "interface.png"]).endswith(f"Files:\n  {tmp_path}/interface.png\n")
    assert "Files" not in printed(stored(), capsys)


def test_files_hold_the_record_and_its_geometries(stored, tmp_path):
    one = stored()
    files = write_files(one, tmp_path / "new")
    assert {path.parent for path in files} == {tmp_path / "new" / "li-lagp-abcdef12"}
    found = {path.name: path for path in files}
    assert set(found) == {"interface.png", "before.extxyz", "relaxed.extxyz", "record.json"}
    assert InterfaceRecord.model_validate_json(found["record.json"].read_text()) == one.record
    assert set(read(found["relaxed.extxyz"]).arrays["side"]) == {0, 1}
    assert found["interface.png"].read_bytes().startswith(b"\x89PNG")
    again = write_files(one, tmp_path / "new")
    assert again == files
    assert {path.name for path in files[0].parent.iterdir()} == set(found), "no drafts are left"


def test_two_records_of_one_system_do_not_overwrite_each_other(stored, tmp_path):
    one = stored()
    first, second = (write_files(one._replace(uuid=uuid), tmp_path) for uuid in ("11111111-x", "22222222-x"))
    assert not set(first) & set(second)


def test_a_file_that_cannot_be_written_keeps_what_it_held(tmp_path):
    path = tmp_path / "record.json"
    assert write_whole(path, "first") == path
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "second \ud800")
    assert path.read_text() == "first"
    assert [each.name for each in tmp_path.iterdir()] == ["record.json"]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "none" / "record.json", "third")
