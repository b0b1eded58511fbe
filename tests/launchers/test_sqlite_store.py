"""The store answers as maggma's in-memory store does, survives kills and full disks, and refuses foreign files."""

import datetime
import json
import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobflow import JobStore
from maggma.stores import MemoryStore
from monty.json import MontyDecoder

from interlith.launchers.stores.documents import decode, encode
from interlith.launchers.stores.narrowing import narrow
from interlith.launchers.stores.sqlite import SQLiteStore, collections
from interlith.structures.errors import ComputationError, RequestError

MOMENT = datetime.datetime(2026, 11, 21, 12, 30)
DOCS = [
    {"uuid": "a", "index": 1, "v": 5, "name": "relax Li", "tags": ["li", "bulk"], "out": {"e": -1.5, "steps": [3, 9]}},
    {"uuid": "a", "index": 2, "v": 5.0, "name": "relax LiF", "tags": [], "out": {"e": -4, "steps": []}},
    {"uuid": "b", "index": 1, "v": True, "name": "static", "tags": ["lif"], "out": {"e": None}},
    {"uuid": "c", "index": 1, "v": "5", "name": "x" * 500, "tags": "li", "out": {"e": "low"}},
    {"uuid": "d", "index": 1, "v": None, "name": "x" * 300 + "y", "parts": [{"n": 1, "k": "Li"}, {"n": 4, "k": "F"}]},
    {"uuid": "e", "index": 1, "name": "", "parts": [{"n": 9}, 7, [4]], "v": [5, "5", None, [6]], "when": MOMENT},
    {"uuid": "f", "index": 1, "v": {"a": 1}, "out": [1, 2], "big": 2**62, "odd": "a\x00b'\""},
    {"uuid": "g", "index": 1, "v": 2**53 + 1, "big": 2**63 - 1, "out": {"e": float("nan")}, "name": "Übergang"},
    {"uuid": "h", "index": 1, "v": float("inf"), "big": -(2**63), "out": {"e": -0.0}, "name": "relax"},
]
INDEXED = ["uuid", "v", "name", "tags", "out.e", "out.steps", "parts.n", "parts.k", "big", "parts.0.n"]
FILTERS = [
    {},
    {"uuid": "a"},
    {"uuid": "a", "index": 2},
    {"v": 5},
    {"v": 1},
    {"v": True},
    {"v": "5"},
    {"v": None},
    {"v": {"a": 1}},
    {"v": [6]},
    {"v": {"$ne": 5}},
    {"v": {"$in": [5, "5"]}},
    {"v": {"$in": [None, True]}},
    {"v": {"$in": []}},
    {"v": {"$nin": [5]}},
    {"v": {"$gt": 4}},
    {"v": {"$gt": 2**53}},
    {"v": {"$gte": 5, "$lt": 6}},
    {"v": {"$lt": "6"}},
    {"v": {"$gt": True}},
    {"v": {"$exists": False}},
    {"v": {"$exists": True}},
    {"v": {"$not": {"$gt": 4}}},
    {"v": {"$gt": 1, "a": 1}},
    {"name": "x" * 500},
    {"name": {"$gt": "x" * 300}},
    {"name": {"$lte": "x" * 300}},
    {"name": {"$regex": "^relax"}},
    {"name": re.compile("LI", re.I)},
    {"name": {"$in": ["static", "Übergang"]}},
    {"tags": "li"},
    {"tags": []},
    {"tags": {"$all": ["li", "bulk"]}},
    {"tags": {"$size": 2}},
    {"tags": {"$ne": "li"}},
    {"tags.0": "li"},
    {"out.e": {"$lt": 0}},
    {"out.e": {"$gte": 0}},
    {"out.e": 0},
    {"out.e": float("nan")},
    {"out.e": {"$type": "string"}},
    {"out.steps": {"$gt": 4, "$lt": 8}},
    {"out": 2},
    {"parts.n": 4},
    {"parts.0.n": {"$gt": 0}},
    {"parts.k": {"$exists": True}},
    {"parts": {"$elemMatch": {"n": 4, "k": "F"}}},
    {"parts": {"$elemMatch": {"n": 4, "k": "Li"}}},
    {"big": 2**62},
    {"big": {"$gt": 2**63 - 2}},
    {"big": {"$gt": 2.0**62}},
    {"big": {"$lt": -1e308}},
    {"odd": "a\x00b'\""},
    {"when": {"$gt": datetime.datetime(2026, 1, 1)}},
    {"$or": [{"v": 5}, {"name": "static"}]},
    {"$or": [{"v": 5}, {"when": MOMENT}]},
    {"$and": [{"uuid": {"$gte": "b"}}, {"$or": [{"v": {"$gt": 5}}, {"tags": "lif"}]}]},
    {"$nor": [{"v": 5}, {"uuid": "b"}]},
    {"uuid": "a", "$or": [{"index": 1}, {"tags": "none"}]},
]


def plain(docs):
    return [{k: v for k, v in doc.items() if k != "_id"} for doc in docs]


def same(found, expected):
    assert encode(plain(found)) == encode(plain(expected))


@pytest.fixture
def memory():
    store = MemoryStore(key="uuid")
    store.connect()
    store.update([dict(d) for d in DOCS], key=["uuid", "index"])
    return store


@pytest.fixture
def store(tmp_path):
    with SQLiteStore(tmp_path / "results.db", key="uuid") as store:
        store.update(DOCS[:4], key=["uuid", "index"])
        for field in INDEXED:
            store.ensure_index(field)
        store.update(DOCS[4:], key=["uuid", "index"])
        yield store


@pytest.mark.parametrize("criteria", FILTERS, ids=lambda criteria: repr(criteria)[:40])
def test_a_filter_means_what_it_means_in_memory(store, memory, criteria):
    same(store.query(criteria), memory.query(criteria))
    assert store.count(criteria) == memory.count(criteria)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**62, 2**64, -(2**65), 2**2000, 0.5, -0.0, float("inf"), 1e-320]),
    st.sampled_from(["", "a", "b", "é", "a" * 250, "a" * 260]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2))
COMPARISONS = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
SEARCHES = st.one_of(
    VALUES,
    st.dictionaries(COMPARISONS, SCALARS, min_size=1, max_size=2),
    st.builds(lambda values: {"$in": values}, st.lists(SCALARS, max_size=3)),
)
CLAUSES = st.dictionaries(st.sampled_from(["v", "w.a", "w.0"]), SEARCHES, min_size=1, max_size=2)
CRITERIA = st.one_of(
    CLAUSES, st.builds(lambda w, parts: {w: parts}, st.sampled_from(["$or", "$and"]), st.lists(CLAUSES, min_size=1))
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.fixed_dictionaries({}, optional={"v": VALUES, "w": VALUES}), max_size=6), CRITERIA)
def test_the_index_never_hides_a_document(docs, criteria):
    docs = [{"uuid": str(i), **doc} for i, doc in enumerate(docs)]
    with SQLiteStore(":memory:", key="uuid") as indexed, SQLiteStore(":memory:", key="uuid") as bare:
        for field in ("v", "w.a", "w.0"):
            indexed.ensure_index(field)
        for store in (indexed, bare):
            store.update(docs)
        same(indexed.query(criteria), bare.query(criteria))


@pytest.mark.parametrize(
    ("criteria", "most"),
    [
        ({"uuid": "7"}, 1),
        ({"n": {"$gte": 90}, "kind": "even"}, 5),
        ({"$or": [{"n": 3}, {"n": {"$gt": 97}}]}, 4),
        ({"n": {"$in": [1, 2, 500]}}, 2),
    ],
)
def test_the_index_spares_reading_the_rest(criteria, most):
    with SQLiteStore(":memory:", key="uuid") as store:
        for field in ("n", "kind"):
            store.ensure_index(field)
        store.update([{"uuid": str(i), "n": i, "kind": ["odd", "even"][i % 2 == 0]} for i in range(100)])
        clause = narrow(criteria, store._indexed, '"index_outputs"')
        assert len(list(store._candidates(clause))) <= most


@pytest.mark.parametrize("properties", [["out.e"], ["parts.n", "uuid"], {"v": 0}, {"out": 1, "_id": 0}])
def test_projection_is_mongo_s(store, memory, properties):
    criteria = {"uuid": {"$nin": ["e", "f"]}}  # mongomock's projection fails on lists that hold scalars
    same(store.query(criteria, properties), memory.query(criteria, properties))


def test_projection_drops_scalars_beside_dictionaries(store):
    projected = store.query({"uuid": {"$in": ["e", "f"]}}, ["parts.n", "out.e"])
    assert list(projected) == [{"parts": [{"n": 9}, []]}, {"out": []}]


@pytest.mark.parametrize("sort", [{"uuid": -1, "index": 1}, {"v": 1}, {"out.e": -1}, {"name": 1}])
def test_sort_skip_and_limit_are_mongo_s(store, memory, sort):
    same(store.query({}, sort=sort, skip=1, limit=4), memory.query({}, sort=sort, skip=1, limit=4))


@pytest.mark.parametrize("field", ["uuid", "tags", "out.steps", "parts.k"])
def test_distinct_values(store, memory, field):
    assert sorted(store.distinct(field)) == sorted(memory.distinct(field))
    assert store.distinct("index", {"uuid": "b"}) == [1]


def test_groupby(store, memory):
    criteria = {"uuid": {"$in": ["a", "b"]}}
    ours, theirs = (list(s.groupby("uuid", criteria, ["index"])) for s in (store, memory))
    assert [key for key, _ in ours] == [key for key, _ in theirs] == [{"uuid": "a"}, {"uuid": "b"}]
    same(ours[0][1], theirs[0][1])


def test_an_update_replaces_and_the_index_follows(store):
    store.update({"uuid": "a", "index": 1, "v": 77}, key=["uuid", "index"])
    assert store.count() == len(DOCS)
    assert store.count({"v": 77}) == 1
    assert store.count({"tags": "bulk"}) == 0
    store.remove_docs({"v": 77})
    assert store.count() == len(DOCS) - 1
    assert store.query_one({"uuid": "a"})["index"] == 2


def test_an_index_made_by_another_connection_is_kept(store):
    with SQLiteStore(store.path, key="uuid") as other:
        other.ensure_index("late")
        store.update({"uuid": "z", "late": 3})
        assert other.count({"late": 3}) == 1


def test_documents_come_back_as_they_were(store):
    doc = {"uuid": "t", "when": MOMENT, "raw": b"\x00\xff", "nan": [math.nan, math.inf, -math.inf], "text": "é\n'"}
    store.update(doc)
    found = store.query_one({"uuid": "t"})
    assert math.isnan(found["nan"].pop(0))
    assert found == {**doc, "nan": [math.inf, -math.inf]}
    assert json.loads(encode(doc), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_text_that_is_no_unicode_is_refused_before_anything_is_written(store):
    with pytest.raises(RequestError, match="udcff"):
        store.update([{"uuid": "ok"}, {"uuid": "bad", "name": "a\udcffb"}])
    assert store.count({"uuid": "ok"}) == 0


def test_code_in_a_filter_is_refused(store):
    with pytest.raises(RequestError, match=r"this\.v"):
        list(store.query({"$or": [{"v": 1}, {"$where": "this.v == 1"}]}))


def test_serialises_and_compares(store):
    again = MontyDecoder().process_decoded(store.as_dict())
    assert again == store and hash(again) == hash(store)
    assert again.key == "uuid"
    assert again != SQLiteStore(store.path, "other", key="uuid")
    with again:
        assert again.count() == len(DOCS)


def test_one_file_holds_several_collections(store):
    with SQLiteStore(store.path, "data", key="blob_uuid") as data:
        data.update({"blob_uuid": "1", "data": list(range(1000))})
        assert data.count() == 1
    assert store.count() == len(DOCS)
    assert collections(store.path) == ["data", "outputs"]
    with pytest.raises(RequestError, match="drop table"):
        SQLiteStore(store.path, '"; drop table')


@pytest.mark.parametrize("spec", ["type", "class"])
def test_jobflow_opens_it_by_name(tmp_path, spec):
    path = tmp_path / "results.db"
    if spec == "type":
        made = JobStore.from_dict_spec({"docs_store": {"type": "SQLiteStore", "path": str(path)}})
    else:
        (tmp_path / "jobflow.yaml").write_text(
            "JOB_STORE:\n  '@module': jobflow.core.store\n  '@class': JobStore\n  docs_store:\n"
            "    '@module': interlith.launchers.stores.sqlite\n    '@class': SQLiteStore\n"
            f"    path: {path}\n"
        )
        code = (
            "from jobflow import SETTINGS; s = SETTINGS.JOB_STORE; s.connect();"
            "s.update({'uuid': 'a', 'index': 1, 'output': 4}); print(s.get_output('a'))"
        )
        environment = os.environ | {"JOBFLOW_CONFIG_FILE": str(tmp_path / "jobflow.yaml")}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["4"]
        made = JobStore(SQLiteStore(path))
    with made:
        made.update({"uuid": "b", "index": 1, "output": 5})
        assert made.get_output("b") == 5


def foreign_database(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()


def later_version(path):
    SQLiteStore(path).connect()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def half_a_store(path):
    with SQLiteStore(path, key="uuid") as store:
        store.update([{"uuid": str(i), "x": "y" * 3000} for i in range(50)])
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text("no database " * 200), "no SQLite file"),
        (foreign_database, "foreign SQLite file"),
        (later_version, "version 99"),
        (half_a_store, "malformed"),
        (lambda path: path.mkdir(), "unable to open"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_that_is_not_ours_or_damaged_is_refused_in_one_line(tmp_path, spoil, words):
    path = tmp_path / "results.db"
    spoil(path)
    with pytest.raises(RequestError) as caught, SQLiteStore(path, key="uuid") as store:
        list(store.query({"x": "y"}))
    assert words in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_store_as_it_was(small_disk):
    with SQLiteStore(small_disk / "results.db", key="uuid") as store:
        written = 0
        with pytest.raises(ComputationError, match="disk is full"):
            while True:
                batch = [{"uuid": f"{written + i}", "x": "y" * 20_000} for i in range(4)]
                store.update(batch)
                written += len(batch)
        assert store.count() == written
        assert store.query_one({"uuid": str(written)}) is None
    with SQLiteStore(small_disk / "results.db", key="uuid") as store:
        assert store.count() == written
        assert store._collection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


WRITER = """
    import sys
    from interlith.launchers.stores.sqlite import SQLiteStore
    store = SQLiteStore(sys.argv[1], key="uuid")
    store.connect()
    for i in range(100_000):
        store.update([{"uuid": f"{i}-{k}", "v": i, "x": "y" * 2000} for k in range(3)])
        print(i, flush=True)
"""


def test_kill_9_of_the_writer_loses_nothing_acknowledged_and_readers_see_whole_batches(tmp_path):
    path = tmp_path / "results.db"
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(WRITER), path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "0\n"
    with SQLiteStore(path, key="uuid") as reader:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            assert reader.count() % 3 == 0
    writer.send_signal(signal.SIGKILL)
    acknowledged = 1 + int(writer.stdout.read().split()[-1])
    writer.wait()
    writer.stdout.close()
    with SQLiteStore(path, key="uuid") as store:
        assert store.count() in (3 * acknowledged, 3 * acknowledged + 3)
        assert store.count({"uuid": f"{acknowledged - 1}-2"}) == 1
        assert acknowledged > 10


def test_encoding_round_trips():
    doc = {"a": [1, 2.5, None, True, {"b": "ü"}], "empty": {}}
    assert decode(encode(doc)) == doc
