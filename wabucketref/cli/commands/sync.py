"""``wabucket sync``."""

from typing import TYPE_CHECKING

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand

if TYPE_CHECKING:
    from wabucketref.operations.sync import SyncResult


@click.command(
    "sync",
    cls=TeachingCommand,
    short_help="Record what the tracker does not know yet.",
    examples=("wabucket sync", "wabucket sync --to wandb"),
)
@click.option("--to", metavar="TRACKER", help="Record there instead of in the tracker of the settings.")
@command_flags
@pass_invocation
def command(invocation: Invocation, to: str | None) -> None:
    """Replay the journal: what was done offline, while the tracker was away, or before a crash.

    Each run, artifact and use ends in the tracker exactly once, however often this is repeated. Prints one line a run.
    """
    from wabucketref.cli.render.sync import sync_lines
    from wabucketref.operations.sync import sync

    if to is not None:
        invocation.arguments["tracker"] = to

    def call() -> "SyncResult":
        result = sync(workspace)
        if not result.items:
            invocation.note_empty("nothing to sync")
        return result

    with invocation.workspace() as workspace:
        invocation.deliver(call, lambda result: result.to_dict(), sync_lines)
