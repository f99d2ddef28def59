"""``wabucket gc``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, scope
from wabucketref.cli.teaching import TeachingCommand


@click.command(
    "gc",
    cls=TeachingCommand,
    short_help="Collect what nothing refers to.",
    examples=(
        "wabucket -p demo gc",
        "wabucket -p demo gc --apply",
        "wabucket -p demo gc model/net --keep-last 5 --apply",
    ),
)
@scope
@click.option(
    "--keep-last", metavar="N", type=click.IntRange(min=1), help="Also all versions but the newest N of each artifact."
)
@click.option("--apply", is_flag=True, help="Remove it; without this, only say what would be removed.")
@command_flags
@pass_invocation
def command(invocation: Invocation, scope: tuple[str | None, str | None], keep_last: int | None, apply: bool) -> None:
    """Find what takes room in the bucket and nothing refers to: uploads that nobody finishes, parts of large files,
    files below an alias that its manifest does not name, and objects of ours that killed processes left.

    Only what shows no sign of life for 24 hours by the store's clock counts, and nothing that a live writer holds. Each
    piece is looked at again before it goes. An interrupted collection goes on when it is repeated.

    --keep-last takes versions of the project from tracker and bucket as `rm` does. Never those that have a further name
    (`wabucket alias`), whose files a link refers to, that are being written or downloaded, or that a run which has not
    ended uses. The alias that an upload was given does not protect it, and neither does `latest`.
    """
    from wabucketref.cli.render.gc import gc_lines
    from wabucketref.operations.gc import gc

    with invocation.workspace() as workspace:
        result = gc(
            workspace,
            *scope,
            apply=apply,
            keep_last=keep_last,
            progress=invocation.progress(),
            failed=lambda known: invocation.keep(known.to_dict, lambda: gc_lines(known)),
        )
    invocation.show(result.to_dict, lambda: gc_lines(result))
    if result.items and not apply:
        invocation.note_empty("nothing was removed: run it again with --apply")
