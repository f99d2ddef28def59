"""Between our words for artifacts and runs, and W&B's."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact
from wabucketref.model.run import RunInfo, RunKey, RunState, RunUpdate
from wabucketref.trackers.wandb.rules import METADATA_KEY

STATE_KEY: Final = "_wabucket"
"""Of the summary: how the run ended, in words that W&B has none for."""
_STATES: Final = {"running": RunState.RUNNING, "finished": RunState.FINISHED, "crashed": RunState.CRASHED}
_LATEST: Final = "latest"


def metadata_of(artifact: LoggedArtifact, job: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The user's metadata, and ours under one key: all that is needed to find the upload again, and `more`."""
    facts: dict[str, Any] = {
        **more,
        "bucket": artifact.bucket,
        "uri": artifact.uri,
        "alias": artifact.alias,
        "digest": artifact.digest,
        "files": artifact.files,
        "bytes": artifact.bytes,
        "created": artifact.created.astimezone(UTC).isoformat(),
        "linked": artifact.linked,
        "xid": artifact.xid,
    }
    return dict(artifact.metadata) | {METADATA_KEY: facts | ({"job": dict(job)} if job else {})}


def facts_of(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Our part of an artifact's metadata; None when another program logged it."""
    found = metadata.get(METADATA_KEY)
    return found if isinstance(found, Mapping) and isinstance(found.get("uri"), str) else None


def artifact_info(found: Any, foreign_bucket: str) -> ArtifactInfo:
    """One version out of the SDK's ``Artifact``; one that another program logged lies in `foreign_bucket`."""
    metadata = dict(found.metadata or {})
    facts = facts_of(metadata)
    name = found.collection_name if hasattr(found, "collection_name") else found.name.partition(":")[0]
    aliases = tuple(found.aliases)
    if facts is None:
        return _foreign(found, name, aliases, metadata, foreign_bucket)
    metadata.pop(METADATA_KEY)
    alias = str(facts.get("alias"))
    return ArtifactInfo(
        type=found.type,
        name=name,
        alias=alias,
        version=found.version,
        uri=facts["uri"],
        bucket=str(facts.get("bucket")),
        digest=str(facts["digest"]) if facts.get("digest") else None,
        files=int(facts.get("files", 0)),
        bytes=int(facts.get("bytes", 0)),
        created=moment(facts.get("created")),
        metadata=metadata,
        aliases=tuple(sorted(aliases, key=lambda one: (one != alias, one == _LATEST, one))),
        linked=bool(facts.get("linked")),
    )


def _foreign(
    found: Any, name: str, aliases: tuple[str, ...], metadata: Mapping[str, Any], foreign_bucket: str
) -> ArtifactInfo:
    return ArtifactInfo(
        type=found.type,
        name=name,
        alias=found.version,
        version=found.version,
        uri=f"{foreign_bucket}/{found.type}/{name}/{found.version}",
        bucket=foreign_bucket,
        digest=found.digest or None,
        files=found.file_count or 0,
        bytes=found.size or 0,
        created=moment(found.created_at),
        metadata=metadata,
        aliases=tuple(sorted(aliases, key=lambda one: (one == _LATEST, one))),
    )


def legacy_info(info: ArtifactInfo, url: str) -> ArtifactInfo | None:
    """`info` where its bytes lie, when the one reference at `url` is a directory in the layout of earlier releases."""
    bucket, _, rest = url.rstrip("/").rpartition(f"/{info.type}/{info.name}/")
    if not bucket or not rest or "/" in rest:
        return None
    return replace(info, alias=rest, uri=url.rstrip("/"), bucket=bucket, digest=None)


def moment(text: Any) -> datetime:
    """A time as W&B or we wrote it; the epoch when it is none."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def run_info(run: Any, key: RunKey, url: str | None = None) -> RunInfo:
    """One run out of the public API's ``Run``."""
    summary = {name: value for name, value in dict(run.summary_metrics).items() if not name.startswith("_")}
    said = run.summary_metrics.get(STATE_KEY)
    ended = said if isinstance(said, Mapping) and run.state != "running" else {}
    config = dict(run.config)
    job = config.get("job")
    return RunInfo(
        id=key.run_id,
        name=run.name or key.run_id,
        project=key.project,
        entity=key.entity,
        state=RunState(ended["state"]) if ended.get("state") in set(RunState) else _state(run.state),
        created=moment(ended.get("created") or run.created_at),
        job_type=run.job_type or None,
        group=run.group or None,
        notes=run.notes or None,
        finished=moment(ended["finished"]) if ended.get("finished") else None,
        exit_code=ended.get("exit_code"),
        url=url or run.url,
        config=config,
        summary=summary,
        tags=tuple(run.tags or ()),
        job=job if isinstance(job, dict) else {},
    )


def _state(word: str) -> RunState:
    return _STATES.get(word, RunState.FAILED)


def overlaid(info: RunInfo, said: RunUpdate) -> RunInfo:
    """What this process told of a run under way counts, though the server may not show it yet."""
    return replace(
        info,
        name=said.name or info.name,
        job_type=said.job_type or info.job_type,
        group=said.group or info.group,
        notes=said.notes if said.notes is not None else info.notes,
        tags=said.tags if said.tags is not None else info.tags,
        config={**info.config, **(said.config or {})},
        summary={**info.summary, **(said.summary or {})},
        job=said.job if said.job is not None else info.job,
    )
