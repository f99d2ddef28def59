"""``wabucket rm``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, reference
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.model.reference import ArtifactRef


@click.command(
    "rm",
    cls=TeachingCommand,
    short_help="Remove an artifact.",
    examples=("wabucket -p demo rm dataset/cats:2024-06-01",),
)
@reference
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef) -> None:
    """Remove an upload from the bucket and mark its version removed; lineage still names it.

    It does not ask. Files that were linked are never deleted, only their record; while a link refers to an upload's
    own files, the upload is kept (exit code 6). Prints what was removed.
    """
    from wabucketref.operations.remove import remove

    with invocation.workspace() as workspace:
        artifact = remove(workspace, ref)
    invocation.show(lambda: {"artifact": artifact.to_dict()}, lambda: [str(artifact.ref)])
