"""Options and arguments that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from wabucketref.cli.invocation import Invocation
from wabucketref.errors import UsageError
from wabucketref.model.names import check_component, check_new_alias
from wabucketref.model.reference import ArtifactRef

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

CONFIG_HASH = "!run-config-hash"


def command_flags(function: Decorated) -> Decorated:
    """The global flags that are also accepted after the command."""
    for decorate in reversed(
        (
            _flag("--json", "json", "Print one JSON document on stdout."),
            _flag("-q/--quiet", "quiet", "Nothing on stderr unless it fails."),
            _flag("-v/--verbose", "verbose", "Log what happens; show tracebacks."),
            _flag("--no-progress", "no_progress", "Show no progress."),
        )
    ):
        function = decorate(function)
    return function


def _flag(spellings: str, name: str, text: str) -> Callable[[Decorated], Decorated]:
    def note(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(ctx.ensure_object(Invocation), name, True)

    return click.option(*spellings.split("/"), name, is_flag=True, expose_value=False, callback=note, help=text)


def reference(function: Decorated) -> Decorated:
    """The argument REF."""
    return click.argument("ref", metavar="TYPE/NAME:ALIAS", callback=_parse_reference)(function)


def scope(function: Decorated) -> Decorated:
    """The argument TYPE or TYPE/NAME, which may be left out: (type, name)."""
    argument = click.argument("scope", metavar="[TYPE[/NAME]]", required=False, callback=_parse_scope)
    return argument(function)


def _parse_scope(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    kind, slash, name = value.partition("/")
    if "/" in name or ":" in value:
        parts = value.replace(":", "/").split("/")
        raise UsageError(f"{value!r} is not TYPE or TYPE/NAME", hint=f"write {parts[0]}/{parts[1]}")
    return check_component(kind, "type"), check_component(name, "name") if slash else None


def optional_reference(function: Decorated) -> Decorated:
    """The argument REF, which may be left out."""
    argument = click.argument("ref", metavar="[TYPE/NAME:ALIAS]", required=False, callback=_parse_reference)
    return argument(function)


def _parse_reference(ctx: click.Context, parameter: click.Parameter, value: str | None) -> ArtifactRef | None:
    return ArtifactRef.parse(value) if value is not None else None


def identity(function: Decorated) -> Decorated:
    """What an upload or link will be called and carry."""
    for decorate in reversed(
        (
            click.option("-n", "--name", required=True, callback=_component, help="Name of the artifact."),
            click.option(
                "-t", "--type", "kind", required=True, callback=_component, help="Its type: dataset, model, …"
            ),
            click.option(
                "-a",
                "--alias",
                callback=_alias,
                help=f"Its alias, given once and never reused; {CONFIG_HASH}: the SHA-256 of the run's arguments."
                "  [default: a UUID4]",
            ),
            click.option(
                "-m",
                "--metadata",
                "pairs",
                metavar="KEY=VALUE",
                multiple=True,
                callback=_pairs,
                help="Metadata; may be given several times.",
            ),
            click.option("-s", "--suffix", help="Appended as _SUFFIX to the names of the outputs for later CI steps."),
            click.option(
                "--outputs",
                metavar="NAME",
                help="How later CI steps learn of the artifact: apolo, github, gitlab, buildkite, azure, json, "
                "properties.  [default: detected]",
            ),
            click.option(
                "--outputs-file",
                metavar="FILE",
                help="Write what later CI steps need to know to this file too: Java properties where its name ends in "
                ".properties or .env, else JSON.",
            ),
        )
    ):
        function = decorate(function)
    return function


def filters(function: Decorated) -> Decorated:
    """``--include`` and ``--exclude``."""
    text = "{} files that match this gitignore pattern; may be given several times."
    function = click.option("--exclude", metavar="GLOB", multiple=True, help=text.format("Leave out"))(function)
    return click.option("--include", metavar="GLOB", multiple=True, help=text.format("Take only"))(function)


def follow_references(function: Decorated) -> Decorated:
    """``--follow-references``."""
    return click.option(
        "--follow-references",
        is_flag=True,
        help="Of an artifact that another program logged: also read what its references name out of its bucket.",
    )(function)


def _component(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return check_component(value, "type" if parameter.name == "kind" else "name") if value is not None else None


def _alias(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Checked here too, so that a wrong alias fails before anything is opened."""
    return value if value in (None, CONFIG_HASH) else check_new_alias(value)


def _pairs(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    from wabucketref.model.runargs import parse_metadata

    return parse_metadata(value) if value else {}
