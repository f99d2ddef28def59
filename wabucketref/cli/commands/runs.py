"""``wabucket runs``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand


@click.command(
    "runs",
    cls=TeachingCommand,
    short_help="List runs, or show one.",
    examples=("wabucket -p demo runs", "wabucket -p demo runs 3f9c2a1b"),
)
@click.argument("run_id", metavar="[RUN_ID]", required=False)
@command_flags
@pass_invocation
def command(invocation: Invocation, run_id: str | None) -> None:
    """List the project's runs, newest first, or show one with its config, summary, inputs and outputs."""
    from wabucketref.cli.render.runs import run_fields, run_table
    from wabucketref.operations.look import get_run, list_runs

    if run_id is not None:
        with invocation.workspace() as workspace:
            run = get_run(workspace, run_id)
        invocation.show(lambda: {"run": run.to_dict()}, lambda: run_fields(run))
        return
    with invocation.workspace() as workspace:
        found = list_runs(workspace)
    if not found:
        invocation.note_empty("no runs")
    invocation.show(lambda: {"items": [one.to_dict() for one in found]}, lambda: run_table(found))
