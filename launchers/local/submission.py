"""Enter a flow into a workspace, once: the same flow again goes on where it stopped."""

from __future__ import annotations

import copy
import re

from jobflow import Flow, Job
from jobflow.core.flow import get_flow
from monty.json import jsanitize

from interlith.launchers.local.exchange import new_job
from interlith.launchers.local.ledger import Ledger
from interlith.launchers.local.worker import flatten
from interlith.launchers.stores.documents import encode
from interlith.structures.errors import RequestError, unknown_name

UNREACHABLE = re.compile(r'"@module": "__main__"|"@callable": "[^"]*<(?:locals|lambda)>')


def submitted(ledger: Ledger, flow: Flow | Job | list[Job] | None, key: str | None) -> str:
    """Enter a flow and its jobs, those that are new; return its key.

    Parameters
    ----------
    ledger
        Of the workspace, which is locked.
    flow
        None for the one that is stored under the key.
    key
        None for the flow's own uuid.

    Raises
    ------
    RequestError
        If the key is unknown, or another flow's; if the flow lacks a job that it refers to, or holds one
        that no other process can import.
    """
    if flow is None:
        if key is None or ledger.flow(key) is None:
            raise unknown_name("flow", str(key), ledger.keys(), "workspace")
        return key
    key = key or (flow[0].uuid if isinstance(flow, list) else flow.uuid)
    try:
        whole = get_flow(_unhosted(flow))
        jobs = [new_job(found) for found in flatten(whole)]
    except ValueError as error:
        raise RequestError(f"cannot run this flow: {error}", "flow", "give it all the jobs that it needs") from error
    for job in jobs:
        if found := UNREACHABLE.search(job.job):
            raise RequestError(
                f"job {job.name!r} holds {found.group()}, which no other process can import",
                "flow",
                "put it in a module",
            )
    strangers = {job.uuid for job in jobs} - {job.uuid for job in ledger.jobs("WHERE flow = ?", key)}
    if strangers and ledger.flow(key) is not None:
        raise RequestError(
            f"another flow is stored under the key {key!r}", "key", "give another key, or no flow to go on"
        )
    ledger.add_flow(key, encode(jsanitize(whole, strict=True, enum_values=True, allow_bson=True)), jobs)
    return key


def _unhosted(flow: Flow | Job | list[Job]) -> Flow | list[Job]:
    if isinstance(flow, Flow):
        return flow
    # a job belongs to the flow that it was first put in: copies leave the caller's as they were
    jobs = [copy.deepcopy(job) for job in (flow if isinstance(flow, list) else [flow])]
    for job in jobs:
        job.hosts = []
    return jobs
