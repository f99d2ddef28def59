"""click's own usage errors in our words: lower case, a hint, the nearest name."""

from collections.abc import Iterable

import click

from wabucketref.errors import UsageError
from wabucketref.model.nearest import nearest


def from_click(error: click.ClickException) -> UsageError:
    """The same error as one of ours."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption):
        return _unknown_option(error.option_name, context)
    message = error.message if isinstance(error, click.UsageError) and type(error) is click.UsageError else ""
    message = (message or error.format_message()).strip().removesuffix(".")
    return UsageError(message[:1].lower() + message[1:], hint=_help_of(context))


def unknown_command(path: str, name: str, known: Iterable[str]) -> UsageError:
    """There is no command `name` below `path`."""
    meant = nearest(name, known)
    hint = f"did you mean `{path} {meant}`?" if meant else f"`{path} --help` lists the commands"
    return UsageError(f"no such command {name!r}", hint=hint)


def _unknown_option(name: str, context: click.Context | None) -> UsageError:
    message = f"no such option {name!r}"
    if context is None:
        return UsageError(message)
    above = context.parent
    if above is not None and name in _options(above.command):
        example = f"`{above.command_path} {name} … {context.info_name} …`"
        return UsageError(message, hint=f"{name} is a global option and goes before the command: {example}")
    meant = nearest(name, _options(context.command))
    guess = f"did you mean {meant}? " if meant else ""
    return UsageError(message, hint=f"{guess}{_help_of(context)}; a name that starts with - goes after --")


def _options(command: click.Command) -> list[str]:
    found = [*(option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts])]
    return [option for option in found if option.startswith("-")] + ["--help"]


def _help_of(context: click.Context | None) -> str:
    return f"see `{context.command_path} --help`" if context is not None else "see `wabucket --help`"
