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
@click.pass_context
def command(ctx: click.Context, invocation: Invocation) -> None:
    """List storages, trackers, job contexts and outputs: built in or from plugins, and why a plugin cannot be used.

    Plugins are installed packages with an entry point such as `wabucketref.storage`; they run with full trust. The
    options of each can be set by the variable, the option (before the command) or in wabucket.toml under
    [plugins.NAME].
    """
    from wabucketref.cli.every_option import every_option
    from wabucketref.cli.render.plugins import plugin_document, plugin_lines
    from wabucketref.registry import described
    from wabucketref.wiring import registries

    found = described(registries(reserved=every_option(ctx)))
    invocation.show(lambda: plugin_document(found), lambda: plugin_lines(found))
