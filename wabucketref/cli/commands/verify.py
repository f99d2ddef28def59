"""``wabucket verify``."""

from typing import TYPE_CHECKING, Any

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, follow_references, optional_reference
from wabucketref.cli.render.text import count
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import IntegrityError, TrackingPending, UsageError
from wabucketref.model.reference import ArtifactRef

if TYPE_CHECKING:
    from wabucketref.model.audit import VerifyAllResult


@click.command(
    "verify",
    cls=TeachingCommand,
    short_help="Check an artifact's bytes against its manifest.",
    examples=(
        "wabucket -p demo verify dataset/cats:latest --deep",
        "wabucket -p demo verify --all",
        "wabucket -p demo verify model/cat-finder:latest --attestation cat-finder.json --key key.pub",
    ),
)
@optional_reference
@click.option("--all", "everything", is_flag=True, help="Check all versions; compare bucket, tracker and journal.")
@click.option("--deep", is_flag=True, help="Read every byte; without it, presence and sizes are checked.")
@follow_references
@click.option("--attestation", metavar="FILE", help="Check this attestation first: see `wabucket attest`.")
@click.option("--key", metavar="FILE", help="Public key in PEM that must have signed the attestation.")
@command_flags
@pass_invocation
def command(
    invocation: Invocation,
    ref: ArtifactRef | None,
    everything: bool,
    deep: bool,
    follow_references: bool,
    attestation: str | None,
    key: str | None,
) -> None:
    """Check what lies in the bucket against the manifest; any damage is listed and ends with exit code 7.

    With --all every version of the project in this bucket is checked, and bucket, tracker and journal are compared:
    exit code 7 when bytes or digests differ or a version is gone, 8 when something only waits to be recorded, 0 when
    all agree. Uploads that nobody finishes and objects that nobody needs are listed too.

    With --attestation an attestation must have been signed with the key and be on this very content, else exit code 7.
    """
    if (attestation is None) != (key is None):
        raise UsageError("--attestation and --key need each other", hint="give both, or neither")
    if attestation is not None and everything:
        raise UsageError("--all and --attestation exclude each other", hint="an attestation is on one artifact")
    if everything == (ref is not None):
        problem = "--all and an artifact exclude each other" if everything else "nothing to verify is given"
        raise UsageError(problem, hint="wabucket verify TYPE/NAME:ALIAS, or wabucket verify --all")
    if ref is not None:
        signed = {"signed": (attestation, key)} if attestation and key else {}
        _verify_one(invocation, ref, deep, {**signed, **({"follow_references": True} if follow_references else {})})
    else:
        _verify_all(invocation, deep)


def _verify_one(invocation: Invocation, ref: ArtifactRef, deep: bool, more: dict[str, Any]) -> None:
    from wabucketref.cli.render.artifacts import verify_lines
    from wabucketref.operations.verify import verify

    with invocation.workspace() as workspace:
        result = verify(workspace, ref, deep, invocation.progress(), **more)
    if not result.damage:
        invocation.show(result.to_dict, lambda: verify_lines(result))
        return
    invocation.keep(result.to_dict, lambda: verify_lines(result))
    again = f"upload it again from its source: wabucket upload SRC -n {ref.name} -t {ref.type} --overwrite …"
    raise IntegrityError(
        f"{ref} is damaged: {count(len(result.damage), 'file')} of {result.files}",
        hint="log it again from its source" if result.artifact.is_kept else again,
    )


def _verify_all(invocation: Invocation, deep: bool) -> None:
    from wabucketref.cli.render.audit import verify_all_lines
    from wabucketref.operations.verify_all import verify_all

    with invocation.workspace() as workspace:
        result = verify_all(workspace, deep, invocation.progress())
    if not result.differing and not result.pending:
        invocation.show(result.to_dict, lambda: verify_all_lines(result))
        return
    invocation.keep(result.to_dict, lambda: verify_all_lines(result))
    _refuse(result)


def _refuse(result: "VerifyAllResult") -> None:
    differing = result.differing
    if differing:
        raise IntegrityError(
            f"{count(len(differing), 'version')} of {len(result.items)} differ from what was recorded",
            hint="upload again what is damaged (--overwrite); `wabucket rm` ends what is gone",
        )
    raise TrackingPending(
        f"nothing is damaged, but {result.pending} of the versions and runs are not recorded as they are",
        hint="run `wabucket sync` in the home that made them, or `wabucket rebuild` if that is lost",
    )
