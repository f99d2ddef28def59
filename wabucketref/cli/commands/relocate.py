"""``wabucket relocate``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.render.text import count
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import IntegrityError, NotFound
from wabucketref.model.relocation import DIFFERS


@click.command(
    "relocate",
    cls=TeachingCommand,
    short_help="Let records follow a bucket that was moved.",
    examples=(
        "wabucket relocate s3://old-bucket gs://new-bucket/artifacts",
        "wabucket relocate s3://old-bucket gs://new-bucket/artifacts --apply",
    ),
)
@click.argument("old", metavar="OLD_BUCKET")
@click.argument("new", metavar="NEW_BUCKET")
@click.option("--apply", is_flag=True, help="Change the records; without this, only look.")
@command_flags
@pass_invocation
def command(invocation: Invocation, old: str, new: str, apply: bool) -> None:
    """After a bucket was copied to another URL with any tool: check that each version that the catalog has in the old
    bucket lies in the new one with the same manifest, and with --apply record it there.

    All projects and all records change at once, or nothing does. The old bucket is not touched, and need not exist any
    more. The exit code is 7 when something else lies in the place of an upload, 3 when one is missing.
    """
    from wabucketref.cli.render.relocate import relocate_lines
    from wabucketref.operations.relocate import relocate

    with invocation.workspace() as workspace:
        result = relocate(workspace, old, new, apply=apply, progress=invocation.progress())
    if not result.troubles:
        invocation.show(result.to_dict, lambda: relocate_lines(result))
        if not apply:
            invocation.note_empty("nothing was changed: run it again with --apply")
        return
    invocation.keep(result.to_dict, lambda: relocate_lines(result))
    differ = [one for one in result.troubles if one.state in DIFFERS]
    what = count(len(result.troubles), "version")
    if differ:
        raise IntegrityError(f"{what} of {len(result.items)} differ in {result.new}", hint="copy the bucket again")
    raise NotFound(
        f"{what} of {len(result.items)} missing in {result.new}",
        hint="copy the rest of the bucket; `wabucket rm` ends versions that are gone",
    )
