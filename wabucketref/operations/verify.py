"""Verify: compare what lies in the bucket with the manifest."""

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.transfer import Cancel
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
    seen = ws.plane.verify(
        artifact.bucket,
        artifact.ref,
        deep=deep,
        expected=artifact.digest,
        progress=progress or SilentProgress(),
        cancel=Cancel(),
    )
    return VerifyResult(artifact, deep, seen.files, seen.bytes, seen.damage, seen.extra)
