"""Attest: a signed statement on what an artifact is and where it comes from; and its check."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wabucketref.ci.attestation import dsse, keys
from wabucketref.ci.attestation.statement import check_subject, payload, statement
from wabucketref.ci.files import replace as write_file
from wabucketref.errors import NotFound, Unsupported
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import Attestation
from wabucketref.model.run import Lineage
from wabucketref.operations.resolve import resolve_files
from wabucketref.operations.workspace import Workspace
from wabucketref.store.receiving.download import check_digest_known


@dataclass(frozen=True)
class Attested:
    """An artifact and the envelope with the signed statement on it."""

    artifact: ArtifactInfo
    keyid: str
    envelope: Mapping[str, Any]
    path: Path | None = None
    """Where it was written."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "artifact": self.artifact.to_dict(),
            "keyid": self.keyid,
            "path": str(self.path) if self.path else None,
            "envelope": dict(self.envelope),
        }


def attest(ws: Workspace, ref: ArtifactRef, key: str, output: str | None = None) -> Attested:
    """Sign what is known of the artifact with the private key in the file `key`; write the envelope to `output`.

    The manifest in the bucket must be the one that the tracker recorded; the files themselves are not read.

    Raises:
        NotFound, UnfinishedUpload: there is no such artifact, or no such file.
        IntegrityError: the manifest is another than the tracker recorded.
        UsageError, SettingsError, NotAuthorised, LocalIOError: the key cannot be used, or `output` not be written.
    """
    signer = keys.private_key(key, ws.environ)
    artifact = resolve_files(ws, ref)
    header = ws.plane.find(artifact.bucket, artifact.ref)
    check_digest_known(artifact.ref, artifact.digest if artifact.version else None, header)
    if header is None:
        raise Unsupported(f"{ref} has no manifest to attest", hint="an earlier release uploaded it")
    artifact = replace(artifact, digest=header.digest)
    lineage = _lineage(ws, artifact)
    found = statement(artifact, lineage.produced_by if lineage else None, lineage.upstream if lineage else ())
    envelope = dsse.envelope(payload(found), signer)
    if output is None:
        return Attested(artifact, signer.keyid, envelope)
    path = Path(output)
    write_file(path, json.dumps(envelope, indent=2) + "\n", "--output")
    return Attested(artifact, signer.keyid, envelope, path)


def check_attestation(artifact: ArtifactInfo, attestation: str, key: str) -> Attestation:
    """What the statement in the file `attestation` says of `artifact`, when the public key in the file `key` signed it.

    Raises:
        NotFound: there is no such file.
        IntegrityError: another key signed it, it was changed, or it is on other content.
        UsageError, SettingsError, NotAuthorised, LocalIOError: a file cannot be read, or holds no key.
    """
    verifier = keys.public_key(key)
    body = dsse.opened(keys.read_file(attestation, dsse.MAX_BYTES), verifier)
    found = check_subject(body, artifact)
    return Attestation(verifier.keyid, str(found.get("predicateType", "")), artifact.digest or "")


def _lineage(ws: Workspace, artifact: ArtifactInfo) -> Lineage | None:
    """What the tracker knows of its origin; None when it knows nothing."""
    try:
        return ws.tracker.lineage(artifact.ref, ws.project, artifact.bucket)
    except (NotFound, Unsupported):
        return None
