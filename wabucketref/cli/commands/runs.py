"""``wabucket runs``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import UsageError


@click.command(
    "runs",
    cls=TeachingCommand,
    short_help="List runs, or show one.",
    examples=(
        "wabucket -p demo runs",
        "wabucket -p demo runs 3f9c2a1b",
        "wabucket -p demo runs --commit 4f1c0ff --tag ref:main",
    ),
)
@click.argument("run_id", metavar="[RUN_ID]", required=False)
@click.option("--job-id", metavar="ID", help="Only runs of this CI or cluster job.")
@click.option(
    "--tag", "tags", metavar="TAG", multiple=True, help="Only runs with this tag; may be given several times."
)
@click.option("--commit", metavar="SHA", help="Only runs of this commit; four digits of it are enough.")
@command_flags
@pass_invocation
def command(
    invocation: Invocation, run_id: str | None, job_id: str | None, tags: tuple[str, ...], commit: str | None
) -> None:
    """List the project's runs, newest first, or show one with its config, summary, inputs and outputs.

    What is known of the job around a run can be asked for: its id, its commit, and all else by tags.
    """
    from wabucketref.cli.render.runs import run_fields, run_table
    from wabucketref.operations.look import get_run, list_runs

    if run_id is not None and (job_id is not None or tags or commit is not None):
        raise UsageError("RUN_ID and conditions on runs exclude each other", hint="leave out one of them")
    if run_id is not None:
        with invocation.workspace() as workspace:
            run = get_run(workspace, run_id)
        invocation.show(lambda: {"run": run.to_dict()}, lambda: run_fields(run))
        return
    with invocation.workspace() as workspace:
        found = list_runs(workspace, job_id=job_id, tags=tags, commit=commit)
    if not found:
        invocation.note_empty("no runs")
    invocation.show(lambda: {"items": [one.to_dict() for one in found]}, lambda: run_table(found))
