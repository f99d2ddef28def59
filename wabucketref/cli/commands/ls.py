"""``wabucket ls``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import UsageError
from wabucketref.model.names import check_component


@click.command(
    "ls",
    cls=TeachingCommand,
    short_help="List artifacts and their versions.",
    examples=("wabucket -p demo ls", "wabucket -p demo ls dataset/cats"),
)
@click.argument("scope", metavar="[TYPE[/NAME]]", required=False)
@command_flags
@pass_invocation
def command(invocation: Invocation, scope: str | None) -> None:
    """List the project's artifacts, one line a version, newest first."""
    from wabucketref.cli.render.artifacts import artifact_table
    from wabucketref.operations.look import list_artifacts

    kind, name = _parse_scope(scope)
    with invocation.workspace() as workspace:
        found = list_artifacts(workspace, kind, name)
    if not found:
        invocation.note_empty("no artifacts")
    invocation.show(lambda: {"items": [one.to_dict() for one in found]}, lambda: artifact_table(found))


def _parse_scope(scope: str | None) -> tuple[str | None, str | None]:
    if scope is None:
        return None, None
    kind, slash, name = scope.partition("/")
    if "/" in name or ":" in scope:
        parts = scope.replace(":", "/").split("/")
        raise UsageError(f"{scope!r} is not TYPE or TYPE/NAME", hint=f"write {parts[0]}/{parts[1]}")
    return check_component(kind, "type"), check_component(name, "name") if slash else None
