"""Trackers that have to do with the files of artifacts: they keep them, or refer to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import Tracker
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.reference import ArtifactRef


@dataclass(frozen=True, slots=True)
class FileReference:
    """One object of an upload, for trackers that refer to files one by one."""

    path: str
    """Inside the artifact; ``.wabucket/manifest.json`` for the manifest."""
    url: str
    """Of the object, without secrets; percent-encoded only where it is a ``file://`` URL."""
    size: int
    digest: str
    """``blake3:<hex>``; empty for the manifest."""
    etag: str | None = None
    version: str | None = None
    """The store's version id or generation, when it keeps one."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """One file of an artifact that another program logged."""

    path: str
    """Inside the artifact, as that program gave it: to be checked."""
    size: int | None
    digest: str
    """``md5:<base64>`` or ``blake3:<hex>`` of the bytes; empty when the tracker knows none."""
    url: str | None = None
    """Of what it refers to, literally as it was logged; None: the tracker has the bytes."""
    etag: str | None = None
    """Of the object at `url` when it was logged."""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """One file of an upload that the tracker shall keep: a copy in this home, which nobody changes."""

    path: str
    """Inside the artifact."""
    size: int
    md5: str
    """Base64."""
    place: str
    """Absolute path of the copy."""


class Copies(Protocol):
    """The copies of files that wait to be given to a tracker."""

    def files(self, xid: str) -> Sequence[CopiedFile]:
        """Those of the upload `xid` in order of path.

        Raises:
            CopiesGone: they are gone.
        """

    def drop(self, xid: str) -> None:
        """The tracker has them, or will never: remove the copies. Idempotent."""

    def open(self, bucket: str) -> Storage:
        """A bucket to keep files in."""


class StoringTracker(Tracker, Protocol):
    """A tracker with the capability ``stores_bytes``: ``log_artifact`` of an artifact that ``is_kept`` takes its files.

    The same content again is the version that has it, and an alias that names other content is refused (``AliasTaken``)
    unless the artifact ``overwrites``.
    """

    def attach_copies(self, copies: Copies) -> None:
        """Where files wait; called once, before the first record."""

    def kept_bucket(self, project: tuple[str, str]) -> str:
        """What stands for the bucket of artifacts whose files it keeps: begins with ``wandb-artifact:``."""


class KeepingTracker(Tracker, Protocol):
    """A tracker with the capability ``keeps_files``."""

    def kept_files(self, ref: ArtifactRef, project: tuple[str, str]) -> Sequence[KeptFile]:
        """The files of a version that lies in no bucket of ours.

        Raises:
            NotFound: there is no such version.
        """

    def kept_urls(self, ref: ArtifactRef, project: tuple[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        """Where the bytes of files without a reference can be had now, by path, without any credentials but those for
        a bucket. They may hold for minutes only. Raises NotFound."""


class ArtifactFiles(Protocol):
    """The bucket, as a tracker sees it."""

    def references(self, artifact: LoggedArtifact) -> Sequence[FileReference]:
        """The objects of an upload, the manifest last: no request an object.

        Raises:
            NotFound: it is not there any more.
            IntegrityError: another upload is there, or it is damaged.
        """


class ReferringTracker(Tracker, Protocol):
    """A tracker with the capability ``references``."""

    def attach(self, files: ArtifactFiles) -> None:
        """Where files of artifacts are looked up; called once, before the first record."""
