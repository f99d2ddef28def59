"""Telling later CI steps what an upload or link made."""

from wabucketref.ci.emit import emit
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.model.result import UploadResult
from wabucketref.operations.workspace import Workspace


def hand_over(ws: Workspace, result: UploadResult, suffix: str | None) -> None:
    """Write the outputs of the CI system around us, or those chosen.

    Raises:
        LocalIOError: a file to write cannot be written; the artifact is committed all the same.
    """
    artifact = result.artifact
    facts = OutputFacts(
        artifact_name=artifact.name,
        artifact_type=artifact.type,
        artifact_alias=artifact.alias,
        version=artifact.version,
        uri=artifact.uri,
        digest=artifact.digest or "",
        suffix=suffix,
        metadata=artifact.metadata,
        run=result.run.name if result.run else "",
        inputs=tuple(ws.inputs),
    )
    emit(ws.outputs, facts, ws.outputs_environ, ws.echo)
