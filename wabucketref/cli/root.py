"""``wabucket`` itself: global options, and the table of commands, each loaded only when it is used."""

from importlib import import_module
from typing import Final

import click

from wabucketref.cli.invocation import Invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.plugin_options import WithPlugins
from wabucketref.cli.teaching import TeachingGroup
from wabucketref.version import __version__

COMMANDS: Final = {
    "upload": "Put a file or directory into the bucket.",
    "download": "Fetch an artifact, verified.",
    "link": "Make an artifact of files that already lie in the bucket.",
    "adopt": "Give uploads of earlier releases a manifest.",
    "ls": "List artifacts and their versions.",
    "show": "Show one artifact.",
    "lineage": "Show what made an artifact and who used it.",
    "runs": "List runs, or show one.",
    "alias": "Give an artifact further names.",
    "verify": "Check an artifact's bytes against its manifest.",
    "attest": "Sign where an artifact comes from.",
    "rm": "Remove an artifact.",
    "gc": "Collect what nothing refers to.",
    "rebuild": "Make the catalog anew from the bucket.",
    "relocate": "Let records follow a bucket that was moved.",
    "sync": "Record what the tracker does not know yet.",
    "service": "Run transfers in a background service.",
    "status": "Show what is under way.",
    "serve": "Serve W&B's SDK from the catalog, without an account.",
    "cache": "Show or empty what this machine keeps to spare work.",
    "config": "Show settings and where they come from.",
    "doctor": "Probe storage, tracker and clock.",
    "plugins": "List what is built in and installed.",
    "completion": "Print a shell completion script.",
}
"""Command name to its short help. The module is ``commands/NAME.py`` and so is its click command's name in it."""

EXIT_CODES: Final = {
    0: "ok",
    1: "internal error",
    2: "usage or configuration",
    3: "not found",
    4: "not authorised",
    5: "transient failure, try again",
    6: "already exists or conflict",
    7: "integrity: bytes differ from the manifest",
    8: "bytes are safe, tracking is pending (wabucket sync)",
    130: "interrupted",
    143: "terminated",
}


class LazyGroup(WithPlugins, TeachingGroup):
    """Knows its commands by name; the short helps above spare ``--help`` from loading any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"wabucketref.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in EXIT_CODES.items()])


def _show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        invocation = ctx.ensure_object(Invocation)
        invocation.show(lambda: {"name": "wabucket", "version": __version__}, lambda: [f"wabucket {__version__}"])
        ctx.exit()


@click.group(
    "wabucket",
    cls=LazyGroup,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=(
        "wabucket -p demo upload ./data -n cats -t dataset -a 2024-06-01",
        "wabucket -p demo download dataset cats 2024-06-01 -d ./data",
        "wabucket -p demo --bucket s3://team-bucket lineage model/cat-finder:latest",
    ),
)
@click.option("-p", "--project-name", metavar="TEXT", help="Project.  [env: WANDB_PROJECT]")
@click.option(
    "--bucket",
    metavar="TEXT",
    help="Bucket: a name under the storage root or a URL (s3://, gs://, az://, file:///, …)."
    "  [env: WABUCKET_BUCKET; default: the project name]",
)
@click.option(
    "--storage",
    metavar="URL",
    help="Root in which bucket names lie.  [env: WABUCKET_STORAGE; default: $WABUCKET_HOME/buckets]",
)
@click.option("--entity", metavar="TEXT", help="Team or user.  [env: WANDB_ENTITY]")
@click.option(
    "--run-name",
    "--run_name",
    metavar="TEXT",
    help="Name of the run that this operation creates.  [env: WANDB_NAME]",
)
@click.option("--job-type", metavar="TEXT", help="Groups similar runs.  [env: WANDB_JOB_TYPE]")
@click.option(
    "--tracker",
    metavar="NAME",
    help="auto, embedded, wandb, disabled or a plugin's name.  [env: WABUCKET_TRACKER; default: auto]",
)
@click.option(
    "--executor",
    metavar="NAME",
    help="By whom files are moved: local, or a plugin's name.  [env: WABUCKET_EXECUTOR; default: local]",
)
@click.option(
    "--trace", metavar="FILE", help="Write the messages between run and service to FILE.  [env: WABUCKET_TRACE]"
)
@command_flags
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Print the version."
)
@click.pass_context
def root(ctx: click.Context, /, **arguments: str | None) -> None:
    """Artifacts in your own bucket, lineage in your experiment tracker.

    Each upload, download and link is recorded as a run with the facts of the CI job around it. Results go to stdout,
    everything else to stderr. Run `wabucket COMMAND --help` for a command's options.
    """
    ctx.ensure_object(Invocation).arguments.update(arguments)
