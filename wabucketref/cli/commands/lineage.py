"""``wabucket lineage``."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, reference
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import UsageError
from wabucketref.model.reference import ArtifactRef

if TYPE_CHECKING:
    from wabucketref.model.run import Lineage


@click.command(
    "lineage",
    cls=TeachingCommand,
    short_help="Show what made an artifact and who used it.",
    examples=(
        "wabucket -p demo lineage model/cat-finder:latest",
        "wabucket -p demo lineage model/cat-finder:latest --format dot | dot -Tsvg > lineage.svg",
    ),
)
@reference
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "dot", "mermaid"]),
    help="How to print it.  [default: text]",
)
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef, form: str | None) -> None:
    """Show the run that made an artifact, the runs that used it, and the artifacts one step up and down."""
    from wabucketref.operations.look import lineage

    if invocation.json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} contradict each other", hint="leave out one of them")
    invocation.json = invocation.json or form == "json"
    with invocation.workspace() as workspace:
        found = lineage(workspace, ref)
    invocation.show(found.to_dict, lambda: _renderer(form)(found))


def _renderer(form: str | None) -> Callable[["Lineage"], Iterable[str]]:
    from wabucketref.cli.render import graph, lineage

    return {"dot": graph.dot, "mermaid": graph.mermaid}.get(form or "text", lineage.lineage_lines)
