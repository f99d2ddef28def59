"""``wabucket config``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand, TeachingGroup


@click.group(
    "config",
    cls=TeachingGroup,
    short_help="Show settings and where they come from.",
    no_args_is_help=False,
    examples=("wabucket config list --show-origin",),
)
def command() -> None:
    """Settings come from arguments, the environment, files and defaults; see where each one is from."""


@command.command(
    "list",
    cls=TeachingCommand,
    short_help="List every setting.",
    examples=("wabucket config list --show-origin", "wabucket --bucket s3://team config list --json"),
)
@click.option("--show-origin", is_flag=True, help="Say which source each value came from and what it overrode.")
@command_flags
@pass_invocation
def list_settings(invocation: Invocation, show_origin: bool) -> None:
    """List every setting with the value that counts; secrets are masked."""
    from wabucketref.cli.render.settings import setting_lines

    origins = invocation.settings().origins()
    invocation.show(
        lambda: {"items": [origin.to_dict() for origin in origins]},
        lambda: setting_lines(origins, show_origin=show_origin),
    )
