"""``wabucket show``."""

from itertools import chain

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, reference
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.model.reference import ArtifactRef


@click.command(
    "show",
    cls=TeachingCommand,
    short_help="Show one artifact.",
    examples=("wabucket -p demo show dataset/cats:latest --files",),
)
@reference
@click.option("--files", is_flag=True, help="List its files with sizes and digests.")
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef, files: bool) -> None:
    """Show one artifact: version, aliases, size, digest, place and metadata."""
    from wabucketref.cli.document import encode_long
    from wabucketref.cli.render.artifacts import artifact_fields, file_lines
    from wabucketref.operations.look import show

    with invocation.workspace() as workspace:
        shown = show(workspace, ref, files)
    artifact, listed = shown.artifact, shown.files
    if listed is None:
        invocation.show(lambda: {"artifact": artifact.to_dict()}, lambda: artifact_fields(artifact))
        return
    invocation.console.lines(
        encode_long({"artifact": artifact.to_dict()}, "files", (entry.to_dict() for entry in listed))
        if invocation.json
        else chain(artifact_fields(artifact), [""], file_lines(listed))
    )
