"""Commands whose help teaches by example, and that refuse what click would silently accept."""

from collections.abc import Sequence
from typing import Any

import click

from wabucketref.cli.invocation import Invocation
from wabucketref.cli.usage import unknown_command
from wabucketref.errors import UsageError


class _Teaching(click.Command):
    """Shared by commands and groups."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            if not ctx.resilient_parsing:
                self._refuse_repeated(ctx, args)
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # the parser of options forgets it, and the hint needs it
            raise

    def _refuse_repeated(self, ctx: click.Context, args: list[str]) -> None:
        """An option given twice has two values of which click keeps the last: more likely a slip than a wish."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        seen = set()
        for parameter in order:
            if not isinstance(parameter, click.Option) or parameter.multiple or _is_plain_flag(parameter):
                continue
            if parameter in seen:
                name = max(parameter.opts, key=len)
                raise UsageError(f"option {name} is given more than once", hint=f"give {name} one value")
            seen.add(parameter)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
        super().format_epilog(ctx, formatter)


class TeachingCommand(_Teaching):
    """A command."""


class TeachingGroup(_Teaching, click.Group):
    """A group of commands."""

    command_class = TeachingCommand

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not args[0].startswith("-") and not ctx.resilient_parsing and args[0] not in self.list_commands(ctx):
            raise unknown_command(ctx.command_path, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def _is_plain_flag(option: click.Option) -> bool:
    return option.is_flag and not option.secondary_opts


def _show_help(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    invocation = ctx.ensure_object(Invocation)
    if invocation.json:
        raise UsageError("--help prints text, which --json cannot carry", hint="leave out one of them")
    invocation.console.data(ctx.get_help())
    ctx.exit()
