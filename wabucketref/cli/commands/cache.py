"""``wabucket cache``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand, TeachingGroup
from wabucketref.errors import UsageError


@click.group(
    "cache",
    cls=TeachingGroup,
    short_help="Show or empty what this machine keeps to spare work.",
    no_args_is_help=False,
    examples=("wabucket cache ls", "wabucket cache prune --keep 5GiB", "wabucket cache prune --all --dry-run"),
)
def command() -> None:
    """What lies in the home to spare work: digests of files that did not change, and contents that were downloaded.

    Contents are kept where WABUCKET_CONTENT_CACHE says how many bytes may be. Nothing here is ever believed where it
    could be wrong, and losing it costs time only.
    """


@command.command(
    "ls",
    cls=TeachingCommand,
    short_help="Show what is kept.",
    examples=("wabucket cache ls", "wabucket cache ls --json"),
)
@command_flags
@pass_invocation
def ls(invocation: Invocation) -> None:
    """Show what is kept, how much room it takes, and how much it may take."""
    from wabucketref.cli.render.cache import kept_lines
    from wabucketref.operations.cache import kept

    result = kept(invocation.settings())
    invocation.show(result.to_dict, lambda: kept_lines(result))


@command.command(
    "prune",
    cls=TeachingCommand,
    short_help="Throw away what was not used for longest.",
    examples=("wabucket cache prune", "wabucket cache prune --keep 5GiB", "wabucket cache prune --all"),
)
@click.option(
    "--keep",
    metavar="SIZE",
    callback=lambda ctx, parameter, value: _size(value),
    help="How much may be left of contents.  [default: WABUCKET_CONTENT_CACHE]",
)
@click.option("--all", "everything", is_flag=True, help="Throw away all contents, and all digests too.")
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
@command_flags
@pass_invocation
def prune(invocation: Invocation, keep: int | None, everything: bool, dry_run: bool) -> None:
    """Throw away contents, those not used for longest first, until no more is left than may be.

    Other commands may run meanwhile. Prints what went.
    """
    from wabucketref.cli.render.cache import pruned_lines
    from wabucketref.operations.cache import prune_kept

    if everything and keep is not None:
        raise UsageError("--keep and --all exclude each other", hint="leave out one of them")
    result = prune_kept(invocation.settings(), keep=keep, everything=everything, dry_run=dry_run)
    invocation.show(result.to_dict, lambda: pruned_lines(result))


def _size(value: str | None) -> int | None:
    from wabucketref.settings.checks import check_size

    try:
        return None if value is None else int(check_size(value))
    except ValueError as error:
        raise UsageError(f"--keep {value!r} {error}", hint="write it as 5GiB") from error
