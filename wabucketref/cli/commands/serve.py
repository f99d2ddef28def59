"""``wabucket serve``."""

import os
from typing import TYPE_CHECKING

import click

from wabucketref.cli.invocation import Invocation, collect_again, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand

if TYPE_CHECKING:
    from wabucketref.wiring.server import Started


@click.command(
    "serve",
    cls=TeachingCommand,
    short_help="Serve W&B's SDK from the catalog, without an account.",
    examples=(
        "wabucket serve",
        "wabucket serve --port 0 --dev-users",
        "wabucket serve --host 0.0.0.0 --allow-host wandb.intern.org --new-key alice",
    ),
)
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Address to listen on.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, metavar="N", help="0: any free one.  [default: 8080]"
)
@click.option(
    "--dev-users",
    is_flag=True,
    help="Any key that is a valid entity name is the user of that name; loopback only, for tests.",
)
@click.option("--new-key", metavar="NAME", help="Make an API key for the user NAME, and show it once.")
@click.option("--read-only", is_flag=True, help="The new key may only read.")
@click.option(
    "--revoke",
    multiple=True,
    metavar="NAME",
    help="Revoke all API keys of the user NAME first; may be given several times.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    multiple=True,
    metavar="NAME",
    help="A name under which clients reach the server, beside localhost; may be given several times.",
)
@click.option(
    "--files",
    metavar="TEXT",
    help="Bucket for files of runs and artifacts: a name or URL.  [default: served/ in the home]",
)
@command_flags
@pass_invocation
def command(
    invocation: Invocation,
    host: str,
    port: int,
    dev_users: bool,
    new_key: str | None,
    read_only: bool,
    revoke: tuple[str, ...],
    allow_hosts: tuple[str, ...],
    files: str | None,
) -> None:
    """Serve the catalog of this home to an unmodified W&B SDK: set WANDB_BASE_URL to the URL that is printed.

    Runs that scripts log are those that `wabucket runs` shows, and the other way round. The server listens on
    loopback; the first start makes an API key and shows it once. It ends with Ctrl-C or SIGTERM.
    """
    from wabucketref.wiring.server import ServeOptions, run_server

    options = ServeOptions(host, port, dev_users, allow_hosts, files, new_key, read_only, revoke)

    def ready(started: "Started") -> None:
        collect_again()  # a server is no short command: without it the leavings of each request would stay
        document = {"url": started.url, "user": started.user, "api_key": started.key}
        if started.key is not None:
            invocation.note(f"API key of {started.user}, shown only now: {started.key}")
        invocation.show(lambda: document, lambda: [started.url])

    run_server(invocation.settings(), options, ready, dict(os.environ))
