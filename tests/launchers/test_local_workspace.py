"""A folder that is no workspace, or a damaged one, is refused in one line and left as it was."""

import os
import sqlite3

import pytest

from interlith.launchers.local.manager import status
from interlith.launchers.local.workspace import Workspace
from interlith.structures.errors import RequestError


def refused(path, **kwargs):
    with pytest.raises(RequestError) as caught:
        Workspace(path, **kwargs)
    assert "\n" not in str(caught.value) and caught.value.exit_status == 2
    return str(caught.value)


def test_a_new_one_holds_its_files_and_opens_again(tmp_path):
    for _ in range(2):
        place = Workspace(tmp_path / "deep" / "w")
    assert sorted(p.name for p in place.path.iterdir()) == ["interlith.db", "runs", "state.db"]
    with place.store as store:
        assert store.count() == 0 and set(store.additional_stores) == {"data"}
    assert status(place.path) == []


def test_a_half_made_one_is_completed(tmp_path):
    (tmp_path / "w" / "runs").mkdir(parents=True)
    assert Workspace(tmp_path / "w").ledger().keys() == []


def test_a_foreign_folder_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear")
    assert "thesis.tex" in refused(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_looking_does_not_make_one(tmp_path):
    assert "no workspace here" in refused(tmp_path / "w", create=False)
    with pytest.raises(RequestError, match="no workspace here"):
        status(tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "Not a directory" in refused(tmp_path / "file" / "w")
    assert "cannot write here" in refused("/proc/interlith-workspace")


def foreign(path):
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()


@pytest.mark.parametrize("name", ["state.db", "interlith.db"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"not a database at all" * 100), "no SQLite file"),
        (foreign, "foreign"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged|malformed|image"),
        (lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xa5" * (path.stat().st_size - 4096)), "dama|malf"),
    ],
    ids=["text", "foreign", "half", "garbled"],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_damaged_file_is_refused(tmp_path, name, spoil, words):
    with Workspace(tmp_path).store as store:
        store.docs_store.update([{"uuid": str(i), "index": 1, "output": "x" * 3000} for i in range(20)])
    path = tmp_path / name
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(RequestError, match=words) as caught, Workspace(tmp_path).store as store:
        list(store.query({}))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_one_manager_at_a_time(tmp_path):
    second = Workspace(tmp_path).locked()
    with Workspace(tmp_path).locked(), pytest.raises(RequestError, match="another interlith"), second:
        pass
    with Workspace(tmp_path).locked():
        pass
