"""Operations that move bytes: their plans go to the data plane; what became of them comes back as records."""

import logging
from dataclasses import dataclass, replace

from wabucketref.contracts.tracker import AliasHeld, Tracker
from wabucketref.errors import WaBucketError
from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact, Standing
from wabucketref.service import convert
from wabucketref.service.wabucket_pb2 import (
    AdoptRecord,
    ArtifactDone,
    ArtifactRecord,
    CommittedRecord,
    FailedRecord,
    FetchedRecord,
    LinkRecord,
    UseArtifactRecord,
)
from wabucketref.service.work.base import Outbox, RunState, Work

log = logging.getLogger(__name__)


@dataclass
class UploadWork(Work):
    """Send files to the bucket as an output of the run."""

    record: ArtifactRecord

    def accept(self, run: RunState) -> None:
        run.xids.add(self.record.xid)

    def process(self, out: Outbox, position: int) -> None:
        out.transfer(convert.upload_from_record(self.record, out.key))

    def __str__(self) -> str:
        return f"upload {self.record.type}/{self.record.name}:{self.record.alias} xid={self.record.xid}"


@dataclass
class LinkWork(Work):
    """Make an artifact out of files in the bucket, as an output of the run."""

    record: LinkRecord

    def accept(self, run: RunState) -> None:
        run.xids.add(self.record.xid)

    def process(self, out: Outbox, position: int) -> None:
        out.transfer(convert.link_from_record(self.record, out.key))

    def __str__(self) -> str:
        return f"link {self.record.type}/{self.record.name}:{self.record.alias} xid={self.record.xid}"


@dataclass
class AdoptWork(Work):
    """Give an upload of an earlier release a manifest; it becomes an output of the run."""

    record: AdoptRecord

    def accept(self, run: RunState) -> None:
        run.xids.add(self.record.xid)

    def process(self, out: Outbox, position: int) -> None:
        out.transfer(convert.adopt_from_record(self.record, out.key))

    def __str__(self) -> str:
        return f"adopt {self.record.type}/{self.record.name}:{self.record.alias} xid={self.record.xid}"


@dataclass
class UseWork(Work):
    """Fetch an artifact as an input of the run."""

    record: UseArtifactRecord

    def accept(self, run: RunState) -> None:
        run.xids.add(self.record.xid)

    def process(self, out: Outbox, position: int) -> None:
        out.transfer(convert.download_from_record(self.record))

    def __str__(self) -> str:
        return f"use {self.record.type}/{self.record.name}:{self.record.alias} xid={self.record.xid}"


@dataclass
class CommittedWork(Work):
    """An upload or link is in the bucket: tell the tracker, then whoever waits."""

    record: CommittedRecord

    def process(self, out: Outbox, position: int) -> None:
        artifact = convert.artifact_from_message(self.record.artifact)
        info = out.track("log the artifact", lambda tracker: record_upload(tracker, artifact, out))
        if info is not None and artifact.is_kept:
            self.record.artifact.uri = info.uri  # which the tracker gives
        out.publish(_done(self.record.xid, info, out, committed=self.record))

    def __str__(self) -> str:
        return f"committed {self.record.artifact.uri} xid={self.record.xid}"


@dataclass
class FetchedWork(Work):
    """A download is in place: tell the tracker, then whoever waits."""

    record: FetchedRecord

    def process(self, out: Outbox, position: int) -> None:
        artifact, xid = convert.artifact_from_message(self.record.artifact), self.record.xid
        info = out.track("record the use", lambda tracker: tracker.use_artifact(out.key, xid, artifact))
        out.publish(_done(xid, info, out, fetched=self.record))

    def __str__(self) -> str:
        return f"fetched {self.record.artifact.uri} xid={self.record.xid}"


@dataclass
class FailedWork(Work):
    """An operation ended without success: tell whoever waits. The tracker has nothing to know."""

    record: FailedRecord

    def process(self, out: Outbox, position: int) -> None:
        out.publish(ArtifactDone(xid=self.record.xid, error=self.record.error))

    def __str__(self) -> str:
        return f"failed xid={self.record.xid}: {self.record.error.message}"


def record_upload(tracker: Tracker, artifact: LoggedArtifact, out: Outbox) -> ArtifactInfo:
    """Record an upload. Where the tracker has another one at its alias, the bucket tells which of them is there now."""
    standing = Standing(current=not out.is_late or _is_there(artifact, out))
    while True:
        try:
            return tracker.log_artifact(out.key, replace(artifact, standing=standing))
        except AliasHeld as other:
            standing = Standing(out.holds(artifact), other.holder)


def _is_there(artifact: LoggedArtifact, out: Outbox) -> bool:
    try:
        return out.holds(artifact)
    except WaBucketError as error:
        log.info("whether %s is still there is not known: %s", artifact.ref, error)
        return True


def _done(
    xid: str,
    info: ArtifactInfo | None,
    out: Outbox,
    *,
    committed: CommittedRecord | None = None,
    fetched: FetchedRecord | None = None,
) -> ArtifactDone:
    return ArtifactDone(
        xid=xid,
        committed=committed,
        fetched=fetched,
        version=(info.version or "") if info else "",
        aliases=info.aliases if info else (),
        tracking=out.tracking,
    )
