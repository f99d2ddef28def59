"""``wabucket completion``."""

import click
from click.shell_completion import get_completion_class

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import Unsupported

SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    cls=TeachingCommand,
    short_help="Print a shell completion script.",
    examples=(
        'eval "$(wabucket completion bash)"',
        "wabucket completion fish > ~/.config/fish/completions/wabucket.fish",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
@command_flags
@pass_invocation
def command(invocation: Invocation, shell: str) -> None:
    """Print the script that completes commands and options in SHELL: bash, zsh or fish."""
    made = get_completion_class(shell)
    if made is None:
        raise Unsupported(f"no completion for {shell}", hint=f"choose one of {', '.join(SHELLS)}")
    script = made(click.get_current_context().find_root().command, {}, "wabucket", "_WABUCKET_COMPLETE").source()
    invocation.show(lambda: {"shell": shell, "script": script}, lambda: [script.rstrip("\n")])
