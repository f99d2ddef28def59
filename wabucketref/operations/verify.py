"""Verify: compare what lies in the bucket with the manifest."""

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import VerifyResult
from wabucketref.operations.attest import check_attestation
from wabucketref.operations.replaced import explained
from wabucketref.operations.resolve import resolve_files
from wabucketref.operations.workspace import Workspace


def verify(
    ws: Workspace,
    ref: ArtifactRef,
    deep: bool = False,
    progress: Progress | None = None,
    *,
    signed: tuple[str, str] | None = None,
) -> VerifyResult:
    """Every damage found: missing files and wrong sizes; with `deep` every byte is read and hashed.

    `signed`: files with an attestation and a public key; it is checked first, as ``check_attestation`` does.

    Raises:
        NotFound, UnfinishedUpload: there is nothing to verify.
        IntegrityError: the manifest itself is damaged, or is not the one the tracker recorded.
        ReplacedWhileReading: another upload took its place, which the tracker may not know yet.
    """
    artifact = resolve_files(ws, ref)
    known = artifact.digest if ref.digest is not None or artifact.version else None
    attested = check_attestation(artifact, *signed) if signed else None
    try:
        seen = ws.plane.verify(
            artifact.bucket,
            artifact.ref,
            deep=deep,
            expected=attested.digest if attested else known,
            progress=progress or SilentProgress(),
            cancel=Cancel(),
        )
    except WaBucketError as error:
        raise explained(ws, artifact, error)  # noqa: B904 - it has its cause
    return VerifyResult(artifact, deep, seen.files, seen.bytes, seen.damage, seen.extra, attested)
