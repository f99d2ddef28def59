"""Verify: compare what lies in the bucket with the manifest."""

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import IntegrityError
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import VerifyResult
from wabucketref.operations.resolve import resolve
from wabucketref.operations.workspace import Workspace


def verify(ws: Workspace, ref: ArtifactRef, deep: bool = False, progress: Progress | None = None) -> VerifyResult:
    """Every damage found: missing files and wrong sizes; with `deep` every byte is read and hashed.

    Raises:
        NotFound, UnfinishedUpload: there is nothing to verify.
        IntegrityError: the manifest itself is damaged, or is not the one the tracker recorded.
    """
    artifact = resolve(ws, ref)
    header = ws.plane.find(artifact.bucket, artifact.ref)
    if header is not None and artifact.digest is not None and header.digest != artifact.digest:
        raise IntegrityError(
            f"{artifact.ref} was replaced behind the tracker's back: the bucket has {header.digest}, "
            f"the tracker {artifact.digest}",
            hint="find out who wrote to the bucket; upload the artifact again under a new alias",
        )
    seen = ws.plane.verify(
        artifact.bucket, artifact.ref, deep=deep, progress=progress or SilentProgress(), cancel=Cancel()
    )
    return VerifyResult(artifact, deep, seen.files, seen.bytes, seen.damage, seen.extra)
