"""Verify: compare what lies in the bucket with the manifest."""

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import VerifyResult
from wabucketref.operations.attest import check_attestation
from wabucketref.operations.replaced import explained
from wabucketref.operations.resolve import kept_in, resolve_readable
from wabucketref.operations.workspace import Workspace


def verify(
    ws: Workspace,
    ref: ArtifactRef,
    deep: bool = False,
    progress: Progress | None = None,
    *,
    signed: tuple[str, str] | None = None,
    follow_references: bool = False,
) -> VerifyResult:
    """Every damage found: missing files and wrong sizes; with `deep` every byte is read and hashed.

    `signed`: files with an attestation and a public key; it is checked first, as ``check_attestation`` does.

    Raises:
        NotFound, UnfinishedUpload: there is nothing to verify.
        IntegrityError: the manifest itself is damaged, or is not the one the tracker recorded.
        ReplacedWhileReading: another upload took its place, which the tracker may not know yet.
        UsageError: another program logged it, with references out of its bucket, and they are not to be followed.
    """
    artifact = resolve_readable(ws, ref)
    kept = kept_in(ws, artifact, follow=follow_references)
    if kept is not None:
        watched = progress or SilentProgress()
        found = ws.plane.verify_kept(artifact.ref, kept, deep=deep, progress=watched, cancel=Cancel())
        return VerifyResult(artifact, deep, found.files, found.bytes, found.damage)
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
