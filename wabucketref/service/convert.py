"""Values of the program to messages of the protocol, and back."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.plan import (
    AdoptPlan,
    Committed,
    DownloadPlan,
    Fetched,
    KeptIn,
    LinkPlan,
    RunFacts,
    TransferFigures,
    UploadPlan,
    WritePlan,
)
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.service import wabucket_pb2 as pb

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""Made once: ``json.dumps`` would make one at each call. What comes here is normalized, so it has no circles."""


def to_json(value: Any) -> str:
    """Compact ASCII JSON of a plain value; NaN and infinities as Python's json module writes them."""
    return _ENCODER.encode(value)


def from_json(text: str) -> Any:
    return json.loads(text) if text else {}


def moment(seconds: float) -> datetime:
    """A UTC time from seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def key_to_message(key: RunKey) -> pb.RunKey:
    return pb.RunKey(entity=key.entity, project=key.project, run_id=key.run_id)


def run_to_record(update: RunUpdate, *, single_operation: bool = False, shared_id: bool = False) -> pb.RunRecord:
    """The changes of `update` but removed keys, which travel in config and summary records."""
    record = pb.RunRecord(
        key=key_to_message(update.key),
        name=update.name,
        job_type=update.job_type,
        group=update.group,
        notes=update.notes,
        single_operation=single_operation,
        shared_id=shared_id,
    )
    if update.tags is not None:
        record.tags.tag.extend(update.tags)
        record.tags.SetInParent()
    if update.config is not None:
        record.config_json = to_json(dict(update.config))
    if update.job is not None:
        record.job_json = to_json(dict(update.job))
    if update.created is not None:
        record.created = update.created.timestamp()
    return record


def run_from_record(record: pb.RunRecord, key: RunKey) -> RunUpdate:
    return RunUpdate(
        key=key,
        name=record.name if record.HasField("name") else None,
        job_type=record.job_type if record.HasField("job_type") else None,
        group=record.group if record.HasField("group") else None,
        notes=record.notes if record.HasField("notes") else None,
        tags=tuple(record.tags.tag) if record.HasField("tags") else None,
        config=from_json(record.config_json) if record.HasField("config_json") else None,
        job=from_json(record.job_json) if record.HasField("job_json") else None,
        created=moment(record.created) if record.HasField("created") else None,
    )


def upload_to_record(plan: UploadPlan) -> pb.ArtifactRecord:
    return pb.ArtifactRecord(
        source=plan.source,
        include=plan.include,
        exclude=plan.exclude,
        overwrite=plan.overwrite,
        replaces=plan.replaces,
        earlier=plan.earlier,
        find_earlier=plan.earlier is None,
        **_plan_to_fields(plan),
    )


def upload_from_record(record: pb.ArtifactRecord, key: RunKey) -> UploadPlan:
    return UploadPlan(
        source=record.source,
        include=tuple(record.include),
        exclude=tuple(record.exclude),
        overwrite=record.overwrite,
        replaces=record.replaces,
        earlier=None if record.find_earlier else tuple(record.earlier),
        **_plan_from_fields(record, key),
    )


def link_to_record(plan: LinkPlan) -> pb.LinkRecord:
    return pb.LinkRecord(base=plan.base, **_plan_to_fields(plan))


def link_from_record(record: pb.LinkRecord, key: RunKey) -> LinkPlan:
    return LinkPlan(base=record.base, **_plan_from_fields(record, key))


def adopt_to_record(plan: AdoptPlan) -> pb.AdoptRecord:
    return pb.AdoptRecord(**_plan_to_fields(plan))


def adopt_from_record(record: pb.AdoptRecord, key: RunKey) -> AdoptPlan:
    return AdoptPlan(**_plan_from_fields(record, key))


def download_to_record(plan: DownloadPlan) -> pb.UseArtifactRecord:
    return pb.UseArtifactRecord(
        xid=plan.xid,
        destination=plan.destination,
        bucket=plan.bucket,
        type=plan.type,
        name=plan.name,
        alias=plan.alias,
        digest=plan.digest or "",
        include=plan.include,
        exclude=plan.exclude,
        kept=None if plan.kept is None else _kept_to_message(plan.kept),
        deep=plan.deep,
    )


def _kept_to_message(kept: KeptIn) -> pb.KeptIn:
    return pb.KeptIn(entity=kept.entity, project=kept.project, inside=kept.inside, follow=kept.follow)


def _kept_from_message(message: pb.KeptIn) -> KeptIn:
    return KeptIn(message.entity, message.project, message.inside, message.follow)


def download_from_record(record: pb.UseArtifactRecord) -> DownloadPlan:
    return DownloadPlan(
        xid=record.xid,
        destination=record.destination,
        bucket=record.bucket,
        type=record.type,
        name=record.name,
        alias=record.alias,
        digest=record.digest or None,
        include=tuple(record.include),
        exclude=tuple(record.exclude),
        kept=_kept_from_message(record.kept) if record.HasField("kept") else None,
        deep=record.deep,
    )


def artifact_to_message(artifact: LoggedArtifact) -> pb.Artifact:
    return pb.Artifact(
        xid=artifact.xid,
        type=artifact.type,
        name=artifact.name,
        alias=artifact.alias,
        digest=artifact.digest,
        uri=artifact.uri,
        bucket=artifact.bucket,
        files=artifact.files,
        bytes=artifact.bytes,
        created=artifact.created.timestamp(),
        metadata_json=to_json(dict(artifact.metadata)),
        linked=artifact.linked,
        adopted=artifact.adopted,
        overwrites=artifact.overwrites,
    )


def artifact_from_message(message: pb.Artifact) -> LoggedArtifact:
    return LoggedArtifact(
        xid=message.xid,
        type=message.type,
        name=message.name,
        alias=message.alias,
        digest=message.digest,
        uri=message.uri,
        bucket=message.bucket,
        files=message.files,
        bytes=message.bytes,
        created=moment(message.created),
        metadata=from_json(message.metadata_json),
        linked=message.linked,
        adopted=message.adopted,
        overwrites=message.overwrites,
    )


def figures_to_message(figures: TransferFigures) -> pb.Figures:
    return pb.Figures(
        bytes_moved=figures.bytes_moved,
        bytes_reused=figures.bytes_reused,
        files_moved=figures.files_moved,
        files_reused=figures.files_reused,
        seconds=figures.seconds,
    )


def figures_from_message(message: pb.Figures) -> TransferFigures:
    return TransferFigures(
        bytes_moved=message.bytes_moved,
        bytes_reused=message.bytes_reused,
        files_moved=message.files_moved,
        files_reused=message.files_reused,
        seconds=message.seconds,
    )


def committed_to_record(xid: str, committed: Committed) -> pb.CommittedRecord:
    return pb.CommittedRecord(
        xid=xid,
        artifact=artifact_to_message(committed.artifact),
        figures=figures_to_message(committed.figures),
        already_there=committed.already_there,
    )


def fetched_to_record(plan: DownloadPlan, fetched: Fetched) -> pb.FetchedRecord:
    artifact = pb.Artifact(
        xid=plan.xid,
        type=plan.type,
        name=plan.name,
        alias=plan.alias,
        digest=fetched.digest or "",
        uri=fetched.uri,
        bucket=plan.bucket,
        files=fetched.files,
        bytes=fetched.bytes,
        created=fetched.created.timestamp() if fetched.created else 0.0,
        metadata_json=to_json(dict(fetched.metadata)),
    )
    return pb.FetchedRecord(
        xid=plan.xid,
        artifact=artifact,
        figures=figures_to_message(fetched.figures),
        path=fetched.path,
        verified=fetched.verified,
    )


def _plan_to_fields(plan: WritePlan) -> dict[str, Any]:
    """What the records of all writes have."""
    return {
        "xid": plan.xid,
        "bucket": plan.bucket,
        "type": plan.type,
        "name": plan.name,
        "alias": plan.alias,
        "created": plan.created.timestamp(),
        "metadata_json": to_json(dict(plan.metadata)),
    }


def _plan_from_fields(record: pb.ArtifactRecord | pb.LinkRecord | pb.AdoptRecord, key: RunKey) -> dict[str, Any]:
    return {
        "xid": record.xid,
        "bucket": record.bucket,
        "type": record.type,
        "name": record.name,
        "alias": record.alias,
        "run": RunFacts(key.run_id, key.project, key.entity),
        "created": moment(record.created),
        "metadata": from_json(record.metadata_json),
    }
