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
    type=click.Choice(["text", "json", "dot", "mermaid", "openlineage", "prov"]),
    help="How to print it.  [default: text]",
)
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef, form: str | None) -> None:
    """Show the run that made an artifact, the runs that used it, and the artifacts one step up and down.

    For other tools: openlineage is a JSON list of OpenLineage events, prov a document of W3C PROV-JSON.
    """
    from wabucketref.operations.look import lineage

    if invocation.json and form not in (None, "json"):
        raise UsageError(f"--json and --format {form} contradict each other", hint="leave out one of them")
    invocation.json = invocation.json or form == "json"
    with invocation.workspace() as workspace:
        found = lineage(workspace, ref)
        namespace = workspace.settings.openlineage_namespace if form == "openlineage" else None
    invocation.show(found.to_dict, lambda: _renderer(form, namespace)(found))


def _renderer(form: str | None, namespace: str | None) -> Callable[["Lineage"], Iterable[str]]:
    if form in ("openlineage", "prov"):
        from wabucketref.cli.render import exchange

        return exchange.prov if form == "prov" else lambda found: exchange.openlineage(found, namespace)
    from wabucketref.cli.render import graph, lineage

    return {"dot": graph.dot, "mermaid": graph.mermaid}.get(form or "text", lineage.lineage_lines)
