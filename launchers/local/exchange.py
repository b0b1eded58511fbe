"""What passes between the store and a worker: the documents that a job reads, and those that it made."""

from __future__ import annotations

from typing import Any

from jobflow import JobStore

from interlith.launchers.local.ledger import NewJob
from interlith.launchers.local.workspace import Workspace
from interlith.launchers.stores.documents import decode
from interlith.launchers.stores.sqlite import SQLiteStore


def sent_documents(store: JobStore, job: str) -> list[dict[str, Any]]:
    """Return the documents that a job's references lead to, those of the documents' own references too."""
    found = decode(job) if '"OutputReference"' in job else {}
    if found.get("config", {}).get("resolve_references") is False:
        return []
    documents: dict[str, dict[str, Any]] = {}
    wanted = referred(found)
    while wanted:
        uuid = wanted.pop()
        document = store.query_one({"uuid": uuid}, sort={"index": -1}, load=True)
        if document is not None:
            documents[uuid] = document
            wanted |= referred(document["output"]) - documents.keys()
    return list(documents.values())


def referred(value: Any) -> set[str]:
    """Return the uuids of the output references inside a JSON document."""
    if isinstance(value, dict):
        if value.get("@class") == "OutputReference":
            return {value["uuid"]}
        value = value.values()
    elif not isinstance(value, list):
        return set()
    return set().union(*map(referred, value))


def store_result(place: Workspace, store: JobStore, result: dict[str, Any]) -> None:
    """Write a job's documents, its large data before what points to it; the same twice is the same."""
    for name, blobs in result["blobs"].items():
        if name not in store.additional_stores:
            store.additional_stores[name] = SQLiteStore(place.results, name, key="blob_uuid")
            store.additional_stores[name].connect()
        for index in ("job_uuid", "blob_uuid"):
            store.additional_stores[name].ensure_index(index)
        for document in result["documents"]:
            # an earlier attempt's data, which nothing would point to any more
            of = {"job_uuid": document["uuid"], "job_index": document["index"]}
            store.additional_stores[name].remove_docs(of)
        store.additional_stores[name].put(blobs, "blob_uuid")
    store.docs_store.put(result["documents"], ["uuid", "index"])


def new_job(found: dict[str, Any]) -> NewJob:
    """Return a job as the ledger takes it, from `worker.flatten`'s form."""
    return NewJob(**{**found, "parents": tuple(found["parents"])})
