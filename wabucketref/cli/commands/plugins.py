"""``wabucket plugins``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand


@click.command(
    "plugins",
    cls=TeachingCommand,
    short_help="List what is built in and installed.",
    examples=("wabucket plugins", "wabucket plugins --json"),
)
@command_flags
@pass_invocation
def command(invocation: Invocation) -> None:
    """List storages, trackers, job contexts and outputs: built in or from plugins, and why a plugin cannot be used.

    Plugins are installed packages with an entry point such as `wabucketref.storage`; they run with full trust.
    """
    from wabucketref.cli.render.plugins import listed, plugin_lines
    from wabucketref.wiring import registries

    found = listed(registries())
    invocation.show(lambda: {"items": [one.to_dict() for one in found]}, lambda: plugin_lines(found))
