"""An in-toto Statement v1 with SLSA provenance v1 on one artifact: https://slsa.dev/spec/v1.0/provenance."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wabucketref.errors import IntegrityError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.finite import finite
from wabucketref.model.run import COMMIT, RunInfo, facts_named
from wabucketref.version import __version__

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD: Final = "urn:wabucketref:run:v1"


def statement(artifact: ArtifactInfo, run: RunInfo | None, inputs: Sequence[ArtifactInfo]) -> dict[str, Any]:
    """Of an artifact, the run that made it (None: no run is known) and what that run used.

    The subject's digest is that of the manifest, which covers type, name, alias and every path, size and digest.
    """
    return {
        "_type": STATEMENT,
        "subject": [{"name": str(artifact.ref), "digest": digest_set(artifact.digest)}],
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": _definition(run, inputs), "runDetails": _details(run)},
    }


def payload(document: Mapping[str, Any]) -> bytes:
    """The statement as the bytes that are signed: strict JSON in ASCII."""
    return json.dumps(finite(document), sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest_set(digest: str | None) -> dict[str, str]:
    """in-toto's form of ``ALGORITHM:HEX``."""
    algorithm, _, value = (digest or "").partition(":")
    return {algorithm: value} if value else {}


def check_subject(body: bytes, artifact: ArtifactInfo) -> Mapping[str, Any]:
    """The statement in `body`, if it is one on this artifact.

    Raises:
        IntegrityError: it is none, or one on other content.
    """
    try:
        found = json.loads(body)
        kind, subjects = found["_type"], [(one["name"], one["digest"]) for one in found["subject"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            "what is signed is no in-toto statement", hint="was it made by wabucket attest?"
        ) from error
    if kind != STATEMENT:
        raise IntegrityError(f"what is signed is a {str(kind)[:100]}, no in-toto statement v1", hint="make it anew")
    wanted = digest_set(artifact.digest)
    if not wanted or not any(isinstance(digest, dict) and wanted.items() <= digest.items() for _, digest in subjects):
        names = ", ".join(str(name)[:200] for name, _ in subjects) or "nothing"
        raise IntegrityError(
            f"the attestation is on other content: {names}, not {artifact.ref} with the digest {artifact.digest}",
            hint="the upload was replaced after it was attested, or the attestation is another artifact's",
        )
    return dict(found)


def _definition(run: RunInfo | None, inputs: Sequence[ArtifactInfo]) -> dict[str, Any]:
    used = [{"name": str(one.ref), "uri": one.uri, "digest": digest_set(one.digest)} for one in inputs]
    if run is None:
        return {"buildType": BUILD, "externalParameters": {}, "resolvedDependencies": used}
    arguments = {key: value for key, value in run.config.items() if key != "job"}
    return {
        "buildType": BUILD,
        "externalParameters": {
            "entity": run.entity,
            "project": run.project,
            **({"jobType": run.job_type} if run.job_type else {}),
            "arguments": arguments,
        },
        "internalParameters": {"job": dict(run.job)},
        "resolvedDependencies": [*_source(run), *used],
    }


def _source(run: RunInfo) -> list[dict[str, Any]]:
    """The commit that the job checked out."""
    repository, commit = run.job.get("vcs.repository.url.full"), next(iter(facts_named(run.job, COMMIT)), None)
    if not repository or not commit:
        return []
    ref = run.job.get("vcs.ref.head.name")
    uri = f"git+{repository}" + (f"@{ref}" if ref else "")
    return [{"uri": uri, "digest": {"gitCommit": commit}}]


def _details(run: RunInfo | None) -> dict[str, Any]:
    if run is None:
        return {"builder": {"id": "urn:wabucketref:builder:unknown", "version": {"wabucketref": __version__}}}
    provider = str(run.job.get("cicd.provider") or "host")
    url = run.job.get("cicd.pipeline.task.run.url.full") or run.job.get("cicd.pipeline.run.url.full")
    metadata = {
        "invocationId": str(url or run.url or f"urn:wabucketref:run:{run.entity}/{run.project}/{run.id}"),
        "startedOn": run.created.isoformat(),
        **({"finishedOn": run.finished.isoformat()} if run.finished else {}),
    }
    builder = {"id": f"urn:wabucketref:builder:{provider}", "version": {"wabucketref": __version__}}
    return {"builder": builder, "metadata": metadata}
