"""``wabucket verify``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, reference
from wabucketref.cli.render.text import count
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import IntegrityError
from wabucketref.model.reference import ArtifactRef


@click.command(
    "verify",
    cls=TeachingCommand,
    short_help="Check an artifact's bytes against its manifest.",
    examples=("wabucket -p demo verify dataset/cats:latest --deep",),
)
@reference
@click.option("--deep", is_flag=True, help="Read every byte; without it, presence and sizes are checked.")
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef, deep: bool) -> None:
    """Check what lies in the bucket against the manifest; any damage is listed and ends with exit code 7."""
    from wabucketref.cli.render.artifacts import verify_lines
    from wabucketref.operations.verify import verify

    with invocation.workspace() as workspace:
        result = verify(workspace, ref, deep, invocation.progress())
    if not result.damage:
        invocation.show(result.to_dict, lambda: verify_lines(result))
        return
    invocation.keep(result.to_dict, lambda: verify_lines(result))
    raise IntegrityError(
        f"{ref} is damaged: {count(len(result.damage), 'file')} of {result.files}",
        hint=f"upload it again from its source: wabucket upload SRC -n {ref.name} -t {ref.type} --overwrite …",
    )
