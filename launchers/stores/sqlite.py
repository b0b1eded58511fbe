"""A maggma store in one SQLite file: JSON documents, an index of values, and mongomock to decide.

SQL picks a superset of candidates by the index; `mongomock`, which is what maggma's own in-memory store
runs on, decides on each, sorts and projects. So a filter means here exactly what it means there.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import mongomock_ng
from maggma.core import Sort, Store, StoreError
from maggma.stores import MemoryStore
from mongomock_ng.filtering import NOTHING, filter_applies, iter_key_candidates, resolve_sort_key
from monty.json import jsanitize

from interlith.launchers.stores.databases import Layout, open_database, told, transaction
from interlith.launchers.stores.documents import decode, encode
from interlith.launchers.stores.narrowing import Clause, index_rows, narrow
from interlith.structures.errors import RequestError

Document = dict[str, Any]

STORE = Layout(
    "store of results",
    mark=0x494C5453,
    version=1,
    tables="CREATE TABLE IF NOT EXISTS fields (collection TEXT, field TEXT, PRIMARY KEY (collection, field))",
)
TABLES = """
CREATE TABLE IF NOT EXISTS "docs_{0}" (id INTEGER PRIMARY KEY, doc TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS "index_{0}" (field TEXT, kind TEXT, value, doc INTEGER,
    PRIMARY KEY (field, kind, value, doc)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS "index_{0}_doc" ON "index_{0}" (doc)
"""
BATCH = 200


class SQLiteStore(Store):
    """Documents in one SQLite file (WAL): one process writes, any number read.

    Every acknowledged update has reached the disk (``synchronous = FULL``): a job's result may stand for
    hours of computing, the commit costs milliseconds.

    Parameters
    ----------
    path
        The file; made on connection where its folder exists.
    collection
        Name of the set of documents: one file holds several, for instance a `JobStore`'s additional stores.
    **kwargs
        maggma's own: ``key``, ``last_updated_field``, ``last_updated_type``, ``validator``.

    Raises
    ------
    RequestError
        If the file is foreign or damaged (on connection), or a filter holds ``$where``.
    ComputationError
        If the disk is full: the update that met it has left nothing behind.
    """

    def __init__(self, path: str | Path, collection: str = "outputs", **kwargs: Any) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", collection):
            raise RequestError(f"collection {collection!r} is no plain name", str(path), "use letters, digits and _")
        self.path = str(path)
        self.collection = collection
        self.kwargs = kwargs
        self._database: sqlite3.Connection | None = None
        self._indexed: set[str] = set()
        super().__init__(**kwargs)

    @property
    def name(self) -> str:
        """Name of the store, for people."""
        return f"sqlite://{self.path}#{self.collection}"

    @property
    def _collection(self) -> sqlite3.Connection:
        if self._database is None:
            raise StoreError(f"{self.name} is not connected: call connect() first")
        return self._database

    def connect(self, force_reset: bool = False) -> None:
        """Open the file, and make it or this collection where they are new."""
        if self._database is not None and not force_reset:
            return
        self.close()
        database = open_database(self.path, STORE, synchronous="FULL")
        with told(self.path):
            if f"docs_{self.collection}" not in _tables(database):
                with transaction(database):
                    for statement in TABLES.format(self.collection).split(";"):
                        database.execute(statement)
            self._indexed = _fields(database, self.collection)
        self._database = database

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def count(self, criteria: dict | None = None) -> int:
        """Return the number of documents that match."""
        if criteria:
            return sum(1 for _ in self._matching(criteria))
        with told(self.path):
            return int(self._collection.execute(f'SELECT count(*) FROM "docs_{self.collection}"').fetchone()[0])

    def query(
        self,
        criteria: dict | None = None,
        properties: dict | list | None = None,
        sort: dict[str, Sort | int] | None = None,
        skip: int = 0,
        limit: int = 0,
    ) -> Iterator[Document]:
        """Yield the documents that match, in Mongo's query language.

        Parameters
        ----------
        criteria
            A Mongo filter; None matches all.
        properties
            Fields to keep (dotted names reach inside), or a Mongo projection.
        sort
            Field → 1 or −1, most important first.
        skip, limit
            Leave out so many first documents; yield at most so many (0: all).
        """
        found: Iterable[Document] = (doc for _, doc in self._matching(criteria or {}))
        if sort:
            found = _sorted(found, sort)
        projection = dict.fromkeys(properties, 1) if isinstance(properties, list | tuple) else properties
        for doc in islice(found, skip, skip + limit if limit else None):
            yield _projected(doc, projection) if projection else doc

    def distinct(self, field: str, criteria: dict | None = None, all_exist: bool = False) -> list:  # noqa: ARG002
        """Return the distinct values of a field, members of lists one by one."""
        values: dict[str, Any] = {}
        for _, doc in self._matching(criteria or {}):
            for found in iter_key_candidates(field, doc):
                if found is not NOTHING:
                    members = found if isinstance(found, list) else [found]
                    values.update((encode(v), v) for v in members)
        return list(values.values())

    # written over `query`, as every maggma store's: one text serves both
    groupby = MemoryStore.groupby

    def update(self, docs: list[Document] | Document, key: list | str | None = None) -> None:
        """Replace the documents that have the same key, insert the others; all or none.

        Parameters
        ----------
        docs
            One document or several.
        key
            Field or fields that identify a document (default: the store's own).
        """
        docs = docs if isinstance(docs, list) else [docs]
        clean = [jsanitize(doc, allow_bson=True, recursive_msonable=True) for doc in docs]
        self.put([doc for doc in clean if self._valid(doc)], key)

    def put(self, docs: list[Document], key: list | str | None = None) -> None:
        """Do what `update` does with documents that are plain already."""
        keys: list[str] = list(key) if isinstance(key, list | tuple) else [key or self.key]
        for field in keys:
            self.ensure_index(field)
        texts = [encode(doc) for doc in docs]
        with told(self.path), transaction(self._collection):
            # another process may have asked for an index since
            self._indexed = _fields(self._collection, self.collection)
            for doc, text in zip(docs, texts, strict=True):
                self._replace({k: doc[k] for k in keys}, doc, text)

    def ensure_index(self, key: str, unique: bool = False) -> bool:  # noqa: ARG002
        """Index a field, now and for all later documents; ``unique`` is left to the keys of `update`."""
        if key not in self._indexed:
            with told(self.path), transaction(self._collection):
                self._collection.execute("INSERT OR IGNORE INTO fields VALUES (?, ?)", (self.collection, key))
                for number, doc in self._matching({}):
                    self._index(number, doc, [key])
            self._indexed.add(key)
        return True

    def remove_docs(self, criteria: dict) -> None:
        """Remove the documents that match."""
        with told(self.path), transaction(self._collection):
            for number in [number for number, _ in self._matching(criteria)]:
                self._collection.execute(f'DELETE FROM "index_{self.collection}" WHERE doc = ?', (number,))
                self._collection.execute(f'DELETE FROM "docs_{self.collection}" WHERE id = ?', (number,))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SQLiteStore) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.path, self.collection))

    def _valid(self, doc: Document) -> bool:
        if self.validator is None or self.validator.is_valid(doc):
            return True
        if self.validator.strict:
            raise ValueError(self.validator.validation_errors(doc))
        self.logger.error(self.validator.validation_errors(doc))
        return False

    def _matching(self, criteria: Mapping[str, Any]) -> Iterator[tuple[int, Document]]:
        _refuse_code(criteria)
        clause = narrow(criteria, self._indexed, f'"index_{self.collection}"')
        for number, text in self._candidates(clause):
            doc = decode(text)
            if filter_applies(criteria, doc):
                yield number, doc

    def _candidates(self, clause: Clause | None) -> Iterator[tuple[int, str]]:
        where, values = ("", ()) if clause is None else (f"WHERE {clause.sql}", clause.values)
        table = f'"docs_{self.collection}"'
        with told(self.path):
            # ids first, then few documents at a time: a caller may write between two of them
            numbers = [n for (n,) in self._collection.execute(f"SELECT id FROM {table} {where} ORDER BY id", values)]
            for first, last in pairwise([*range(0, len(numbers), BATCH), len(numbers)]):
                batch = numbers[first:last]
                marks = ", ".join("?" * len(batch))
                yield from self._collection.execute(
                    f"SELECT id, doc FROM {table} WHERE id IN ({marks}) ORDER BY id", batch
                ).fetchall()

    def _replace(self, identity: Document, doc: Document, text: str) -> None:
        number = next((number for number, _ in self._matching(identity)), None)
        cursor = self._collection.execute(
            f'INSERT OR REPLACE INTO "docs_{self.collection}" (id, doc) VALUES (?, ?)', (number, text)
        )
        if number is not None:
            self._collection.execute(f'DELETE FROM "index_{self.collection}" WHERE doc = ?', (number,))
        self._index(int(cursor.lastrowid or 0), doc, sorted(self._indexed))

    def _index(self, number: int, doc: Document, fields: list[str]) -> None:
        rows = [(field, kind, value, number) for field in fields for kind, value in index_rows(doc, field)]
        self._collection.executemany(f'INSERT OR IGNORE INTO "index_{self.collection}" VALUES (?, ?, ?, ?)', rows)


def collections(path: str | Path) -> list[str]:
    """Return the names of the collections in a store's file."""
    database = open_database(path, STORE, synchronous="FULL")
    with told(path):
        names = sorted(t.removeprefix("docs_") for t in _tables(database) if t.startswith("docs_"))
    database.close()
    return names


def _tables(database: sqlite3.Connection) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _fields(database: sqlite3.Connection, collection: str) -> set[str]:
    return {field for (field,) in database.execute("SELECT field FROM fields WHERE collection = ?", (collection,))}


def _sorted(docs: Iterable[Document], sort: dict[str, Sort | int]) -> list[Document]:
    ordered = list(docs)
    for field, direction in reversed(sort.items()):
        ordered.sort(key=lambda doc: resolve_sort_key(field, doc), reverse=Sort(direction).value < 0)
    return ordered


def _projected(doc: Document, projection: Mapping[str, Any]) -> Document:
    fields = {field: wanted for field, wanted in projection.items() if field != "_id"}
    if fields and all(wanted is True or wanted == 1 for wanted in fields.values()):
        return _kept(doc, _tree(fields))
    # mongomock offers its projection only behind an insertion, ten times dearer; a test holds the two together
    return mongomock_ng.MongoClient().db.any._copy_only_fields(doc, dict(projection), dict)


def _tree(fields: Iterable[str]) -> Document:
    tree: Document = {}
    for field in fields:
        branch = tree
        for part in field.split("."):
            branch = branch.setdefault(part, {})
    return tree


def _kept(value: Any, tree: Document) -> Any:
    # mongomock's own inclusion fails on a list that holds scalars; Mongo drops them
    if not tree:
        return value
    if isinstance(value, list):
        return [_kept(member, tree) for member in value if isinstance(member, dict | list)]
    kept = ((name, member, tree[name]) for name, member in value.items() if name in tree)
    return {n: _kept(member, sub) for n, member, sub in kept if not sub or isinstance(member, dict | list)}


def _refuse_code(criteria: Any) -> None:
    if isinstance(criteria, Mapping):
        if "$where" in criteria:
            raise RequestError(f"$where runs code: {criteria['$where']!r}", "filter", "use Mongo's other operators")
        criteria = list(criteria.values())
    if isinstance(criteria, list | tuple):
        for part in criteria:
            _refuse_code(part)
