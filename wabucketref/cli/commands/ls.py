"""``wabucket ls``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, scope
from wabucketref.cli.teaching import TeachingCommand


@click.command(
    "ls",
    cls=TeachingCommand,
    short_help="List artifacts and their versions.",
    examples=("wabucket -p demo ls", "wabucket -p demo ls dataset/cats"),
)
@scope
@command_flags
@pass_invocation
def command(invocation: Invocation, scope: tuple[str | None, str | None]) -> None:
    """List the project's artifacts, one line a version, newest first."""
    from wabucketref.cli.render.artifacts import artifact_table
    from wabucketref.operations.look import list_artifacts

    with invocation.workspace() as workspace:
        found = list_artifacts(workspace, *scope)
    if not found:
        invocation.note_empty("no artifacts")
    invocation.show(lambda: {"items": [one.to_dict() for one in found]}, lambda: artifact_table(found))
