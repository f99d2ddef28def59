"""``wabucket attest``."""

import json

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, reference
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.model.reference import ArtifactRef


@click.command(
    "attest",
    cls=TeachingCommand,
    short_help="Sign where an artifact comes from.",
    examples=(
        "wabucket -p demo attest model/cat-finder:latest --key key.pem -o cat-finder.json",
        "wabucket -p demo verify model/cat-finder:latest --attestation cat-finder.json --key key.pub",
    ),
)
@reference
@click.option(
    "--key",
    required=True,
    metavar="FILE",
    help="Private key in PEM, Ed25519 or ECDSA.  [env for the password of an encrypted one: WABUCKET_KEY_PASSWORD]",
)
@click.option("-o", "--output", metavar="FILE", help="Write the attestation there.  [default: stdout]")
@command_flags
@pass_invocation
def command(invocation: Invocation, ref: ArtifactRef, key: str, output: str | None) -> None:
    """Sign a statement on what an artifact is and where it comes from.

    It is an in-toto statement with SLSA provenance: the digest of the artifact's manifest, which covers every byte, the
    run that made it with the facts of its job, the commit, and what it used. It comes in a DSSE envelope, which
    `wabucket verify --attestation` checks. Needs `pip install 'wabucketref[attest]'`.
    """
    from wabucketref.operations.attest import attest

    with invocation.workspace() as workspace:
        result = attest(workspace, ref, key, output)
    invocation.show(result.to_dict, lambda: [output or json.dumps(result.envelope, indent=2)])
