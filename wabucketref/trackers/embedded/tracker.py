"""The embedded tracker: the contract, each method one transaction on the catalog.

What few commands need is loaded by them, SQLAlchemy included.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from wabucketref.contracts.tracker import AliasHeld, TrackerCapabilities
from wabucketref.errors import AliasTaken, NotFound
from wabucketref.model.artifact import SERVED, ArtifactInfo, LoggedArtifact
from wabucketref.model.names import check_component, check_new_alias
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import ConsoleLine, HistoryRow, Lineage, RunFilter, RunInfo, RunKey, RunState, RunUpdate
from wabucketref.retry import RetryPolicy, retry
from wabucketref.trackers.embedded import artifacts, runs
from wabucketref.trackers.embedded.links import Links
from wabucketref.trackers.embedded.records import read_artifact
from wabucketref.trackers.embedded.resolve import find_version

if TYPE_CHECKING:
    from wabucketref.contracts.tracker_buckets import Added, FoundUpload, RecordedAt
    from wabucketref.contracts.tracker_files import Copies, KeptFile

_OPENING: Final = RetryPolicy(attempts=4, first_delay=0.1, deadline=5.0)
"""A server that restarts is back in a moment. A file's lock has been waited for already, for longer than this."""


class EmbeddedTracker:
    """Keeps everything in the catalog. Thread-safe, and many processes may have one catalog open."""

    name = "embedded"
    capabilities = TrackerCapabilities(rebuilds=True, relocates=True, keeps_files=True, stores_bytes=True)

    def __init__(
        self, url: str, *, create: bool = True, busy_seconds: float = 30.0, files: Callable[[], str] = str
    ) -> None:
        """Open the catalog at `url` (``sqlite:////path`` or ``postgresql://…``); make or migrate it when needed.

        `files`: URL of the bucket in which a server over this catalog keeps files.

        Raises:
            SettingsError: the URL is of no use.
            NotFound: there is no such file and `create` is False.
            UpgradeRequired: a newer release wrote it.
            NotAuthorised, TransientError, WaBucketError: it cannot be opened, is locked, or is damaged.
        """
        self._files = files
        self._copies: Copies | None = None
        self._links = Links(url, create=create, busy_seconds=busy_seconds)
        try:
            self.made_anew = retry(self._ensure_schema, _OPENING, what=f"opening {self._links.where}")
        except BaseException:
            self._links.close()
            raise

    def _ensure_schema(self) -> bool:
        """Whether the catalog was empty and has been made anew."""
        if self._links.is_current():
            return False
        from wabucketref.trackers.embedded.migrate import ensure_schema

        made = ensure_schema(self._links.catalog)
        self._links.rest()
        return made

    def attach_copies(self, copies: "Copies") -> None:
        self._copies = copies

    def kept_bucket(self, project: tuple[str, str]) -> str:
        return SERVED

    def default_entity(self) -> str | None:
        return None

    def check_artifact(self, key: RunKey, type: str, name: str, alias: str) -> None:
        check_component(type, "type")
        check_component(name, "name")
        check_new_alias(alias)

    def upsert_run(self, update: RunUpdate) -> RunInfo:
        with self._links.write() as link:
            return runs.upsert(link, update)

    def check(self) -> None:
        self._links.catalog.check()

    def append_history(self, key: RunKey, rows: Sequence[HistoryRow]) -> None:
        with self._links.write() as link:
            runs.add_history(link, key, rows)

    def append_console(self, key: RunKey, lines: Sequence[ConsoleLine]) -> None:
        with self._links.write() as link:
            runs.add_console(link, key, lines)

    def log_artifact(self, key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        if artifact.is_kept:
            return self._keep(key, artifact)
        with self._links.write() as link:
            pk = artifacts.log(link, key, artifact)
            return read_artifact(link, pk)

    def _keep(self, key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        from wabucketref.trackers.embedded import keeping

        assert self._copies is not None
        try:
            pk = keeping.log(self._links.catalog, key, artifact, self._copies, self._files())
        except AliasTaken:
            self._copies.drop(artifact.xid)
            raise
        self._copies.drop(artifact.xid)
        with self._links.read() as link:
            return read_artifact(link, pk)

    def use_artifact(self, key: RunKey, xid: str, artifact: LoggedArtifact) -> ArtifactInfo:
        with self._links.write() as link:
            pk = artifacts.use(link, key, xid, artifact)
            return read_artifact(link, pk)

    def add_found(self, uploads: "Sequence[FoundUpload]") -> "Sequence[Added | AliasHeld]":
        from wabucketref.trackers.embedded import rebuilding

        with self._links.catalog.write() as connection:
            return rebuilding.add(connection, uploads)

    def recorded_in(self, bucket: str) -> "Sequence[RecordedAt]":
        from wabucketref.trackers.embedded import relocating

        with self._links.catalog.read() as connection:
            return relocating.recorded_in(connection, bucket)

    def relocate(self, old: str, new: str, seen: "Sequence[RecordedAt]") -> None:
        from wabucketref.trackers.embedded import relocating

        with self._links.catalog.write_in_turn() as connection:
            relocating.relocate(connection, old, new, seen)

    def kept_files(self, ref: ArtifactRef, project: tuple[str, str]) -> "Sequence[KeptFile]":
        from wabucketref.trackers.embedded import kept

        with self._links.catalog.read() as connection:
            return kept.kept_files(connection, ref, project)

    def kept_urls(self, ref: ArtifactRef, project: tuple[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        from wabucketref.trackers.embedded import kept

        with self._links.catalog.read() as connection:
            return kept.kept_urls(connection, ref, project, paths, self._files())

    def finish_run(self, key: RunKey, state: RunState, exit_code: int) -> None:
        with self._links.write() as link:
            runs.finish(link, key, state, exit_code)

    def set_aliases(self, key: ArtifactRef, project: tuple[str, str], bucket: str, add: Sequence[str]) -> ArtifactInfo:
        from wabucketref.trackers.embedded import aliases

        with self._links.write() as link:
            pk = aliases.add(link, key, project, bucket, add)
            return read_artifact(link, pk)

    def remove_alias(self, key: ArtifactRef, project: tuple[str, str], bucket: str) -> ArtifactInfo:
        from wabucketref.trackers.embedded import aliases

        with self._links.write() as link:
            pk = aliases.drop(link, key, project, bucket)
            return read_artifact(link, pk)

    def remove_artifact(self, ref: ArtifactRef, project: tuple[str, str], bucket: str) -> None:
        from wabucketref.trackers.embedded import aliases

        if bucket == SERVED:
            self._remove_kept(ref, project)
            return
        with self._links.write() as link:
            aliases.remove_upload(link, ref, project, bucket)

    def _remove_kept(self, ref: ArtifactRef, project: tuple[str, str]) -> None:
        from wabucketref.trackers.embedded.sdk import dropping

        with self._links.catalog.write() as connection:
            try:
                found = find_version(connection, ref, project, SERVED)
            except NotFound:
                return
            keys = dropping.delete_all(connection, [found.id])
        if keys and self._copies is not None:
            storage = self._copies.open(self._files())
            for key in keys:
                storage.delete(key)

    def resolve(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> ArtifactInfo:
        with self._links.read() as link:
            found = find_version(link, ref, project, bucket)
            return read_artifact(link, found.id)

    def list_artifacts(
        self, project: tuple[str, str], type: str | None = None, name: str | None = None
    ) -> Sequence[ArtifactInfo]:
        """All versions whose files are there, newest first: removed and replaced ones are left out."""
        from wabucketref.trackers.embedded import looking

        with self._links.catalog.read() as connection:
            return looking.artifacts(connection, project, type, name)

    def lineage(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> Lineage:
        from wabucketref.trackers.embedded.lineage import read_lineage

        with self._links.catalog.read() as connection:
            return read_lineage(connection, find_version(connection, ref, project, bucket).id)

    def list_runs(self, project: tuple[str, str], wanted: RunFilter | None = None) -> Sequence[RunInfo]:
        from wabucketref.trackers.embedded import looking

        with self._links.catalog.read() as connection:
            return looking.runs(connection, project, wanted or RunFilter())

    def get_run(self, key: RunKey) -> RunInfo:
        from wabucketref.trackers.embedded import looking

        with self._links.catalog.read() as connection:
            return looking.run(connection, key)

    def history(self, key: RunKey) -> Sequence[HistoryRow]:
        from wabucketref.trackers.embedded import looking

        with self._links.catalog.read() as connection:
            return looking.history(connection, key)

    def close(self) -> None:
        self._links.close()
