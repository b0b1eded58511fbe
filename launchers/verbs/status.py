"""`interlith status`: which jobs run, which failed, why, and where their folders are."""

from __future__ import annotations

from interlith.launchers.options import Json, Workspace


def status(workspace: Workspace = None, as_json: Json = False) -> None:
    """Show the jobs by state: what runs, what failed, why, and where its folder is."""
    from dataclasses import asdict

    from interlith.launchers.local.manager import status as job_states
    from interlith.launchers.output import print_json, print_table, say
    from interlith.launchers.settings import settings

    folder = settings(workspace).workspace
    jobs = job_states(folder)
    if as_json:
        print_json([asdict(job) | {"folder": str(job.folder) if job.folder else None} for job in jobs])
        return
    flows = list(dict.fromkeys(job.flow for job in jobs))
    states = list(dict.fromkeys(job.state for job in jobs))
    counts = [[flow, *(sum(j.flow == flow and j.state == s for j in jobs) for s in states)] for flow in flows]
    print_table(f"Jobs in {folder}", ["run", *(state.lower() for state in states)], counts)
    told = [job for job in jobs if job.state in ("RUNNING", "FAILED", "BLOCKED")]
    if told:
        rows = [[j.name, j.state.lower(), j.why, str(j.folder) if j.folder else None] for j in told]
        print_table("", ["job", "state", "why", "folder"], rows)
    if any(job.state == "FAILED" for job in jobs):
        say(f"Next: interlith retry --workspace {folder}")
