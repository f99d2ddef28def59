"""``wabucket status``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand


@click.command(
    "status",
    cls=TeachingCommand,
    short_help="Show what is under way.",
    examples=("wabucket status", "wabucket status 3f9c2a1b"),
)
@click.argument("which", metavar="[RUN|XID]", required=False)
@command_flags
@pass_invocation
def command(invocation: Invocation, which: str | None) -> None:
    """Show the runs of this home that are under way or wait for `wabucket sync`, with their transfers.

    Also what the background service has done and nobody has asked for yet. With an argument only the run of that id,
    or that has a transfer of that id.
    """
    from wabucketref.cli.render.service import status_lines
    from wabucketref.operations.status import status

    result = status(invocation.settings(), which)
    if not result.items:
        invocation.note_empty("nothing is under way")
    invocation.show(result.to_dict, lambda: status_lines(result.items))
