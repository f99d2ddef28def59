"""Writes ``docs/reference/cli.md`` from ``--help``: ``python -m tests.tools.cli_reference [--check]``."""

import sys
from collections.abc import Iterator

import click

from tests.tools.generate import run
from wabucketref.cli.invocation import Invocation
from wabucketref.cli.root import root
from wabucketref.cli.streams import Console

PAGE = "reference/cli.md"
WIDTH = 100
HEAD = """\
# Command line

Written from `--help` by `python -m tests.tools.cli_reference`; do not edit.

Result data goes to stdout; progress, notes and errors go to stderr. An error is two lines, `error: WHAT` and
`hint: WHAT TO DO`; with `--json` it is the document `{"error": {"code", "kind", "message", "hint"}}` on stdout. When a
result is known in spite of an error (exit code 8, or damage found by `verify`), the document holds both. The documents
of `--json` are described in [json.md](json.md).

Global options go before the command; `--json`, `-q`, `-v` and `--no-progress` also after it. Each can be set by the
environment variable named in its help, or in `wabucket.toml` under its name with underscores. A name that starts with
`-` goes after `--`.
"""


def commands(group: click.Group, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Every command below `group`, depth first, with its context."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH)
        yield command, inner
        if isinstance(command, click.Group):
            yield from commands(command, inner)


def top() -> click.Context:
    """The context of ``wabucket`` itself."""
    return click.Context(
        root, info_name="wabucket", terminal_width=WIDTH, obj=Invocation(Console(None, None)), **root.context_settings
    )


def page() -> str:
    """The whole page."""
    context = top()
    parts = [HEAD, section("wabucket", root, context)]
    parts += [section(inner.command_path, command, inner) for command, inner in commands(root, context)]
    return "\n".join(parts)


def section(path: str, command: click.Command, context: click.Context) -> str:
    """One command's help under its name."""
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {path}\n\n```text\n{help_text}\n```\n"


if __name__ == "__main__":
    sys.exit(run(PAGE, page()))
