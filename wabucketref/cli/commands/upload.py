"""``wabucket upload``."""

from typing import TYPE_CHECKING

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, filters, identity
from wabucketref.cli.render.text import size
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import UsageError

if TYPE_CHECKING:
    from wabucketref.model.plan import TransferFigures
    from wabucketref.model.result import UploadResult


@click.command(
    "upload",
    cls=TeachingCommand,
    short_help="Put a file or directory into the bucket.",
    examples=(
        "wabucket -p demo upload ./data -n cats -t dataset -a 2024-06-01",
        "wabucket -p demo --bucket s3://team upload model.pt -n cat-finder -t model -m accuracy=0.93",
        "wabucket -p demo upload . -n code -t source -a '!run-config-hash' --exclude .git/",
    ),
)
@click.argument("source", metavar="SRC")
@identity
@filters
@click.option("--overwrite", is_flag=True, help="Replace what the alias holds; without it that is an error.")
@click.option(
    "--reff/--no-reff",
    "as_reference",
    default=True,
    help="Record a reference to the bytes in the bucket, or store the bytes in the tracker itself.  [default: --reff]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, at most; read no file and send nothing.")
@click.option("--no-wait", is_flag=True, help="Leave the transfer to the running service and return at once.")
@command_flags
@pass_invocation
def command(
    invocation: Invocation,
    /,
    source: str,
    name: str,
    kind: str,
    alias: str | None,
    pairs: dict[str, str],
    suffix: str | None,
    outputs: str | None,
    outputs_file: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    overwrite: bool,
    as_reference: bool,
    dry_run: bool,
    no_wait: bool,
) -> None:
    """Put the file or directory SRC into the bucket, recorded as the output of a new run.

    The files lie at <bucket>/TYPE/NAME/ALIAS/ under their own names, readable by any tool. An alias is given once:
    uploading equal content again sends nothing, other content is refused. Prints TYPE/NAME:ALIAS.

    With --no-reff the tracker itself keeps the files: W&B, or the catalog of this home. They are copied into the home
    first and removed from there once the tracker has them.

    With --no-wait the background service (`wabucket service start`) sends the files: this returns once its journal has
    the upload, and `wabucket status` shows how far it is.
    """
    if no_wait and dry_run:
        raise UsageError("--no-wait and --dry-run exclude each other", hint="leave out one of them")
    if no_wait:
        from wabucketref.operations.upload import leave_upload as send
    else:
        from wabucketref.operations.upload import upload as send

    more = {} if no_wait else {"dry_run": dry_run}
    with invocation.workspace(outputs, outputs_file) as workspace:

        def call() -> "UploadResult":
            result = send(
                workspace,
                source,
                name,
                kind,
                alias,
                metadata=pairs,
                suffix=suffix,
                include=include,
                exclude=exclude,
                overwrite=overwrite,
                as_reference=as_reference,
                **more,
            )
            if result.dry_run and not invocation.json:
                invocation.note(_forecast(result.transfer))
            if result.xid:
                invocation.note(f"left to the service: `wabucket status {result.xid}` shows how far it is")
            return result

        invocation.deliver(call, lambda result: result.to_dict(), lambda result: [result.ref])


def _forecast(figures: "TransferFigures") -> str:
    """What a dry run found."""
    there = f"; {size(figures.bytes_reused)} in {figures.files_reused:,} files are in the bucket already"
    sent = f"would send {size(figures.bytes_moved)} in {figures.files_moved:,} files"
    return sent + (there if figures.files_reused else "")
