"""`interlith retry`: run the failed jobs again, and what waited for them."""

from __future__ import annotations

from interlith.launchers.options import Json, Workers, Workspace


def retry(workspace: Workspace = None, workers: Workers = None, as_json: Json = False) -> None:
    """Run the failed jobs of a workspace again, and the jobs that waited for them."""
    from interlith.launchers.execution import execute
    from interlith.launchers.local.manager import retry as revive
    from interlith.launchers.output import print_json, say, stray_output_to_stderr
    from interlith.launchers.settings import settings

    chosen = settings(workspace, workers)
    with stray_output_to_stderr():
        keys = revive(chosen.workspace)
        for key in keys:
            execute(None, key, chosen)
    if as_json:
        print_json({"completed": keys})
    else:
        say(*(f"{key}: completed" for key in keys), *([] if keys else ["No job had failed."]))
        say(f"Next: interlith results --workspace {chosen.workspace}")
