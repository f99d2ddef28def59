"""``wabucket adopt``."""

from typing import TYPE_CHECKING

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.model.reference import ArtifactRef

if TYPE_CHECKING:
    from wabucketref.model.result import UploadResult


@click.command(
    "adopt",
    cls=TeachingCommand,
    short_help="Give uploads of earlier releases a manifest.",
    examples=(
        "wabucket -p demo --bucket s3://team adopt model/cat-finder:2023-01-01",
        "wabucket -p demo --bucket s3://team adopt model/cat-finder --dry-run",
    ),
)
@click.argument("what", metavar="TYPE[/NAME[:ALIAS]]")
@click.option("--dry-run", is_flag=True, help="Say what would be adopted; read and write nothing.")
@command_flags
@pass_invocation
def command(invocation: Invocation, what: str, dry_run: bool) -> None:
    """Give an upload of an earlier release, which has no manifest, one; or all uploads of a type or name.

    The files are read once where they lie and nothing is copied. From then on downloads are verified; until then, and
    while this runs, they work as before. In W&B it becomes a new version with a reference to each file, which takes
    over the names of the old one. Prints TYPE/NAME:ALIAS of each.
    """
    from wabucketref.operations.adopt import adopt, adopt_all

    if ":" in what or what.count("/") > 1:
        ref = ArtifactRef.parse(what)
        with invocation.workspace() as workspace:
            invocation.deliver(
                lambda: _noted(invocation, adopt(workspace, ref, dry_run=dry_run)),
                lambda result: result.to_dict(),
                lambda result: [result.ref],
            )
        return
    kind, _, name = what.partition("/")
    with invocation.workspace() as workspace:
        invocation.deliver(
            lambda: adopt_all(workspace, kind, name or None, dry_run=dry_run),
            lambda found: found.to_dict(),
            lambda found: [result.ref for result in found.items],
        )


def _noted(invocation: Invocation, result: "UploadResult") -> "UploadResult":
    if result.run is None and result.artifact.digest is not None:
        invocation.note_empty(f"{result.ref} has a manifest already")
    return result
