"""``wabucket rebuild``."""

from typing import TYPE_CHECKING

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.render.text import count
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import IntegrityError, UpgradeRequired

if TYPE_CHECKING:
    from wabucketref.model.rebuilt import RebuildResult


@click.command(
    "rebuild",
    cls=TeachingCommand,
    short_help="Make the catalog anew from the bucket.",
    examples=("wabucket -p demo rebuild", "wabucket --bucket s3://team-bucket rebuild --json"),
)
@command_flags
@pass_invocation
def command(invocation: Invocation) -> None:
    """Record every upload that lies in the bucket and that the catalog does not know, whatever its project.

    A damaged catalog file is moved aside first. What the catalog knows is kept, and doing it again changes nothing.
    Versions are numbered in the order in which uploads were asked for. Uploads of releases without manifests are
    recorded for the project that is given, unverified. The runs are known as far as manifests name them.

    Uploads whose manifests are damaged are named and left out; then the exit code is 7 (2 when only a later release can
    read them).
    """
    from wabucketref.cli.render.rebuild import rebuild_lines
    from wabucketref.operations.rebuild import rebuild

    with invocation.workspace(mend=True) as workspace:
        result = rebuild(workspace, invocation.progress())
    damaged, newer = result.problems("damaged"), result.problems("newer")
    if not damaged and not newer:
        invocation.show(result.to_dict, lambda: rebuild_lines(result))
        return
    invocation.keep(result.to_dict, lambda: rebuild_lines(result))
    raise _refusal(result)


def _refusal(result: "RebuildResult") -> IntegrityError | UpgradeRequired:
    damaged, newer = result.problems("damaged"), result.problems("newer")
    if not damaged:
        made = "was made" if len(newer) == 1 else "were made"
        return UpgradeRequired(f"{count(len(newer), 'upload')} {made} by a later release", hint="upgrade wabucket")
    have = "has a manifest that is" if len(damaged) == 1 else "have manifests that are"
    return IntegrityError(
        f"{count(len(damaged), 'upload')} {have} damaged, and could not be recorded",
        hint="upload them again with --overwrite, or end them with `wabucket rm`; all others are recorded",
    )
