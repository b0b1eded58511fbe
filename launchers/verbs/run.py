"""`interlith run`: build, compute and store, on this machine; the same command goes on where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interlith.launchers.options import (
    DryRun,
    Engine,
    InputsOnly,
    Json,
    MillerA,
    MillerB,
    Preset,
    SideA,
    SideB,
    Systems,
    Workspace,
)
from interlith.structures.errors import ComputationError

if TYPE_CHECKING:
    from interlith.launchers.requested import Plan
    from interlith.launchers.settings import Settings


def run(
    systems: Systems = None,
    a: SideA = None,
    b: SideB = None,
    miller_a: MillerA = None,
    miller_b: MillerB = None,
    engine: Engine = None,
    preset: Preset = "default",
    dry_run: DryRun = False,
    inputs_only: InputsOnly = False,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Compute what systems are asked for: formation or binding energy; the same command goes on where it stopped."""
    from interlith.launchers.output import note, print_json, stray_output_to_stderr
    from interlith.launchers.requested import Sides, requested_plans
    from interlith.launchers.settings import settings

    chosen = settings(workspace)
    with stray_output_to_stderr():
        plans = requested_plans(systems or [], Sides(a, b, miller_a, miller_b), preset, engine)
        for plan in [] if inputs_only else plans:
            plan.check()
    if inputs_only:
        _write_inputs(plans, as_json)
        return
    documents, failed = [], []
    for plan in plans:
        try:
            documents.append(_shown(plan, as_json) if dry_run else computed(plan, chosen, as_json))
        except ComputationError as error:
            if len(plans) == 1:
                raise
            note(f"{plan.spec.name}: {error}")
            failed.append(plan.spec.name)
    if as_json:
        print_json(documents)
    if failed:
        raise ComputationError(
            f"{len(failed)} of {len(plans)} systems failed: {', '.join(failed)}", str(chosen.workspace)
        )


def _write_inputs(plans: list[Plan], as_json: bool) -> None:
    """Write the inputs of each system and say where they are; nothing is computed here."""
    from interlith.launchers.inputs import written_inputs
    from interlith.launchers.output import print_json, say, stray_output_to_stderr

    with stray_output_to_stderr():
        written = [written_inputs(plan) for plan in plans]
    if as_json:
        print_json(written)
        return
    for one in written:
        say(f"{one['system']}: {one['folder']}, geometry {one['geometry']}", *(f"  {file}" for file in one["files"]))
    say("", "Next: the commands in each README")


def _shown(plan: Plan, as_json: bool) -> dict[str, Any]:
    """Say what would be computed."""
    from interlith.launchers.output import say, stray_output_to_stderr
    from interlith.workflows.study import drawn

    with stray_output_to_stderr():
        flow = plan.flow()
    graph = flow.graph
    names = {uuid: str(data["label"]) for uuid, data in graph.nodes(data=True)}
    jobs = [{"job": names[u], "needs": sorted({names[v] for v in graph.predecessors(u)})} for u in flow.job_uuids]
    mermaid = drawn(flow)
    if not as_json:
        needs = (f" after {', '.join(job['needs'])}" if job["needs"] else "" for job in jobs)
        say(f"{plan.spec.name}: {len(jobs)} jobs with {plan.engine.name}, preset {plan.preset.name}")
        say(*(f"  {job['job']}{after}" for job, after in zip(jobs, needs, strict=True)))
        say("Nothing was computed. The graph as Mermaid text: the same with --json")
    return {
        "system": plan.spec.name,
        "engine": plan.engine.model_dump(),
        "preset": plan.preset.model_dump(exclude={"schema_version"}),
        "recipe": plan.spec.recipe.model_dump(mode="json"),
        "key": plan.key,
        "jobs": jobs,
        "mermaid": mermaid,
    }


def computed(plan: Plan, chosen: Settings, as_json: bool) -> dict[str, Any]:
    """Compute one system, or go on with it, and say what came out."""
    from interlith.launchers.answers import answer, print_answer, write_files
    from interlith.launchers.output import say, stray_output_to_stderr
    from interlith.launchers.results import stored_records

    with stray_output_to_stderr():
        uuid = _executed(plan, chosen)
        (stored,) = stored_records(chosen.workspace, uuid=uuid)
        files = write_files(stored, chosen.workspace / "answers")
    if not as_json:
        print_answer(stored, files)
        say("", f"Next: interlith results --workspace {chosen.workspace}")
    return answer(stored, files)


def _executed(plan: Plan, chosen: Settings) -> str:
    """Run the jobs of a plan, those that are done left alone; return the uuid of the job that answers."""
    from interlith.launchers.execution import execute
    from interlith.launchers.local.manager import stored_flow

    flow = stored_flow(chosen.workspace, plan.key) or plan.flow()
    execute(flow, plan.key, chosen)
    return str(flow.output.uuid)
