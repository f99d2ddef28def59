"""``wabucket alias``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, reference
from wabucketref.cli.render.text import printable
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import UsageError
from wabucketref.model.names import check_new_alias
from wabucketref.model.reference import ArtifactRef


@click.command(
    "alias",
    cls=TeachingCommand,
    short_help="Give an artifact further names.",
    examples=(
        "wabucket -p demo alias model/cat-finder:v7 prod champion",
        "wabucket -p demo alias --remove model/cat-finder:champion",
    ),
)
@reference
@click.argument("names", metavar="NEW...", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove the name that the reference ends with.")
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef, names: tuple[str, ...], remove: bool) -> None:
    """Point further, movable names at an upload; `download … prod` then follows them.

    Its directory in the bucket keeps the first alias, and nothing is copied. Prints the names it has now.
    """
    if remove == bool(names):
        problem = "--remove takes a reference and nothing else" if remove else "no new name is given"
        raise UsageError(problem, hint=f"write `wabucket alias {ref} NEW…` or `wabucket alias --remove {ref}`")
    from wabucketref.operations.aliases import remove_alias, set_aliases

    checked = tuple(check_new_alias(name) for name in names)
    with invocation.workspace() as workspace:
        artifact = remove_alias(workspace, ref) if remove else set_aliases(workspace, ref, checked)
    owner = f"{artifact.type}/{artifact.name}"
    invocation.show(
        lambda: {"artifact": artifact.to_dict()},
        lambda: [printable(f"{owner}:{name}") for name in artifact.aliases],
    )
