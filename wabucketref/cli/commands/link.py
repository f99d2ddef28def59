"""``wabucket link``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, identity
from wabucketref.cli.teaching import TeachingCommand


@click.command(
    "link",
    cls=TeachingCommand,
    short_help="Make an artifact of files that already lie in the bucket.",
    examples=(
        "wabucket -p demo --bucket s3://team link raw/2024-06 -n raw -t dataset -a 2024-06",
        "wabucket -p demo --bucket s3://team link s3://team/raw/2024-06 -n raw -t dataset",
    ),
)
@click.argument("bucket_path", metavar="BUCKET_PATH")
@identity
@command_flags
@pass_invocation
def command(
    invocation: Invocation,
    /,
    bucket_path: str,
    name: str,
    kind: str,
    alias: str | None,
    pairs: dict[str, str],
    suffix: str | None,
    outputs: str | None,
    outputs_file: str | None,
) -> None:
    """Make an artifact of the files below BUCKET_PATH, a path inside the bucket or its full URL.

    Nothing is copied, and `wabucket rm` will never delete these files. Their digests are recorded, so that a later
    change is noticed. Prints TYPE/NAME:ALIAS.
    """
    from wabucketref.operations.link import link

    with invocation.workspace(outputs, outputs_file) as workspace:
        invocation.deliver(
            lambda: link(workspace, bucket_path, name, kind, alias, metadata=pairs, suffix=suffix),
            lambda result: result.to_dict(),
            lambda result: [result.ref],
        )
