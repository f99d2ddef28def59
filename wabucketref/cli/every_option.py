"""Every option of every command, which no plugin's option may be."""

from collections.abc import Iterator

import click


def every_option(context: click.Context) -> frozenset[str]:
    """The spellings; loads all commands."""
    return frozenset(_spellings(context.find_root().command, context.find_root()))


def _spellings(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _spellings(inner, context)
