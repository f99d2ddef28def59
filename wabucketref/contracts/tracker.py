"""The tracker contract: where runs and artifact records live.

Every write is idempotent by client-made ids (run id, history index, xid), so that a replay after a crash or a lost
answer changes nothing. Implementations are safe to call from many threads and raise only :class:`WaBucketError` kinds;
``TransientError`` means "not now, keep it in the journal".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import ConsoleLine, HistoryRow, Lineage, RunFilter, RunInfo, RunKey, RunState, RunUpdate


@dataclass(frozen=True, slots=True)
class TrackerCapabilities:
    """What varies between trackers."""

    queries: bool = True
    """It can answer ls, show, lineage, runs and resolve."""
    records: bool = True
    """It keeps anything at all (False: disabled)."""
    stores_bytes: bool = False
    """It can hold artifact files itself (``--no-reff``), and is a :class:`StoringTracker`."""
    refuses_version_aliases: bool = False
    """Aliases of the form ``vN`` cannot be used with it."""
    keeps_files: bool = False
    """Artifacts of other programs have files that it keeps itself, or refers to; it is a :class:`KeepingTracker`."""
    references: bool = False
    """It refers to the files of an upload one by one, and is a :class:`ReferringTracker`."""
    settles_at_end: bool = False
    """That it has the records of a run is known for certain when ``finish_run`` has returned: until then the journal
    keeps them all."""
    rebuilds: bool = False
    """It can be filled from what lies in a bucket, and is a :class:`RebuildableTracker`."""
    relocates: bool = False
    """Its records can follow a bucket to another URL, and it is a :class:`RelocatableTracker`."""
    keeps_removed: bool = True
    """A removed version is remembered: it is said that it was removed, and a replay does not bring it back."""
    latest_is_newest: bool = True
    """``latest`` is the highest version; False: the one logged last, if only again."""
    max_metadata_keys: int | None = None
    """Keys that an artifact's metadata may have."""
    reserved_metadata: str = ""
    """A key of metadata that is the tracker's own."""


class AliasHeld(Exception):
    """The tracker has another upload at the alias: only the bucket can tell which of the two is there now."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder
        """Opaque; another one after each record that concerns what the alias holds."""


class Tracker(Protocol):
    """See the module's text for the promises."""

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> TrackerCapabilities: ...

    def default_entity(self) -> str | None:
        """The entity of a user who names none; None: the operating system's name of the user."""

    def check_artifact(self, key: RunKey, type: str, name: str, alias: str) -> None:
        """Refuse, before a byte is sent, what :meth:`log_artifact` would never accept.

        Raises:
            UsageError: a rule of this tracker forbids it.
            Conflict: the name is taken by another type, where the tracker allows one type a name.
        """

    def upsert_run(self, update: RunUpdate) -> RunInfo:
        """Create the run or change it; later calls merge. The run becomes ``running`` when it is created."""

    def append_history(self, key: RunKey, rows: Sequence[HistoryRow]) -> None:
        """Store rows; a row with an index seen before is ignored. The summary is not touched."""

    def append_console(self, key: RunKey, lines: Sequence[ConsoleLine]) -> None:
        """Store console lines; an index seen before is ignored."""

    def log_artifact(self, key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        """Record a committed upload as output of the run.

        The first log of a (bucket, digest) makes the next version; ``latest`` and the artifact's alias then name it.
        Logging the same xid, or equal content (bucket and digest) again, yields the existing version and adds this
        run's output.

        Records come in any order. With a ``standing``, an artifact takes its alias only from the holder named there;
        one that is not current takes no name: it is recorded as replaced by what the alias names, or as removed.

        Raises:
            AliasHeld: the alias names other content than the standing knows; nothing is recorded.
        """

    def use_artifact(self, key: RunKey, xid: str, artifact: LoggedArtifact) -> ArtifactInfo:
        """Record an input of the run; idempotent by `xid`.

        An artifact the tracker does not know yet (another catalog made it) is recorded first, without a producer.
        """

    def finish_run(self, key: RunKey, state: RunState, exit_code: int) -> None:
        """End the run; the first end counts, save that any end replaces ``crashed``."""

    def set_aliases(self, key: ArtifactRef, project: tuple[str, str], bucket: str, add: Sequence[str]) -> ArtifactInfo:
        """Point the names in `add` at the version that `key` resolves to; they move. `project`: (entity, project).

        Raises:
            NotFound: `key` resolves to nothing.
            Conflict: a name is the first alias (the directory) of another version.
        """

    def remove_alias(self, key: ArtifactRef, project: tuple[str, str], bucket: str) -> ArtifactInfo:
        """Remove the movable name ``key.alias``.

        Raises:
            NotFound: no such name.
            Conflict: it is ``latest``, a version number, or the upload's first alias.
        """

    def remove_artifact(self, ref: ArtifactRef, project: tuple[str, str], bucket: str) -> None:
        """Mark the version deleted: it resolves no more, its number is not given again, lineage still names it.

        With ``ref.digest``, only a version of that digest: what took its alias meanwhile stays as it is. ``latest``
        moves to the newest version left. Idempotent.
        """

    def resolve(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> ArtifactInfo:
        """The version `ref` names: as an alias first, then as ``latest``, then as a version number ``vN``.

        With `bucket`, only versions in that bucket count.

        Raises:
            NotFound: nothing; the hint names the nearest alias. A removed version says so ("v3 was removed").
        """

    def list_artifacts(
        self, project: tuple[str, str], type: str | None = None, name: str | None = None
    ) -> Sequence[ArtifactInfo]:
        """All versions, newest first."""

    def lineage(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> Lineage:
        """Raises NotFound as :meth:`resolve`."""

    def list_runs(self, project: tuple[str, str], wanted: RunFilter | None = None) -> Sequence[RunInfo]:
        """The runs of the project, newest first: all, or those `wanted`."""

    def get_run(self, key: RunKey) -> RunInfo:
        """Raises NotFound, with the nearest id as a hint."""

    def history(self, key: RunKey) -> Sequence[HistoryRow]:
        """All rows in order of index."""

    def check(self) -> None:
        """Look for damage in what is kept, as far as that is quick.

        Raises:
            WaBucketError: what is damaged, with what to do.
        """

    def close(self) -> None:
        """Give connections back; idempotent."""
