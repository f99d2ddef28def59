"""Trackers whose records can be made anew from a bucket, or follow it to another place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wabucketref.contracts.tracker import AliasHeld, Tracker
from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact
from wabucketref.model.run import RunKey


@dataclass(frozen=True, slots=True)
class FoundUpload:
    """An upload as its bucket tells of it."""

    artifact: LoggedArtifact
    """Its ``xid`` is the manifest's write id; without a manifest it and ``digest`` are empty."""
    project: tuple[str, str]
    """(entity, project)."""
    run: RunKey | None
    """That made it; None: nobody knows."""
    committed: datetime
    under_way: bool = False
    """The run has not ended as far as this home knows: something else will tell how it does."""


@dataclass(frozen=True, slots=True)
class Added:
    """What a tracker did not know of an upload."""

    version: bool
    run: bool


class RebuildableTracker(Tracker, Protocol):
    """A tracker with the capability ``rebuilds``."""

    def add_found(self, uploads: Sequence[FoundUpload]) -> Sequence[Added | AliasHeld]:
        """Record uploads in the order given, as :meth:`log_artifact` does, in one transaction; idempotent.

        A run that is not known is recorded as finished when the upload was committed, with a note that says where it is
        known from. A version that was removed is there again if its upload is. Of each upload what was new; where the
        alias names other content than its standing knows, nothing is recorded of it, and the refusal is returned.
        """


@dataclass(frozen=True, slots=True)
class RecordedAt:
    """A version and where it is recorded."""

    project: tuple[str, str]
    """(entity, project)."""
    artifact: ArtifactInfo


class RelocatableTracker(Tracker, Protocol):
    """A tracker with the capability ``relocates``."""

    def recorded_in(self, bucket: str) -> Sequence[RecordedAt]:
        """The versions of all projects whose files are in `bucket`, newest first."""

    def relocate(self, old: str, new: str, seen: Sequence[RecordedAt]) -> None:
        """Record in `new` all that is recorded in `old`, in one transaction; versions keep their numbers and names.

        What was recorded in both places with the same content is one version afterwards.

        Raises:
            TransientError: what is recorded in `old` is not what was `seen`.
            Conflict: a name means other content in `new`.
        """
