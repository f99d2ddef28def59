"""The wandb tracker: the contract on W&B's SDK. Runs under way live in the SDK, questions go to its public API."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from wabucketref.contracts.tracker import TrackerCapabilities
from wabucketref.contracts.tracker_files import ArtifactFiles, Copies, KeptFile
from wabucketref.errors import AliasTaken, Conflict, NotFound, TransientError, UsageError
from wabucketref.model.artifact import SERVED, ArtifactInfo, LoggedArtifact
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import ConsoleLine, HistoryRow, Lineage, RunFilter, RunInfo, RunKey, RunState, RunUpdate
from wabucketref.settings import Settings
from wabucketref.trackers.wandb import adopting, aliases, facts, keeping, kept, logging_artifacts
from wabucketref.trackers.wandb.live import LiveRun
from wabucketref.trackers.wandb.queries import DEFAULT_ENTITY, Queries
from wabucketref.trackers.wandb.rules import MAX_METADATA_KEYS, METADATA_KEY, check_names
from wabucketref.trackers.wandb.runs import Runs
from wabucketref.trackers.wandb.sdk import mapped

log = logging.getLogger(__name__)


class WandbTracker:
    """See the module's text. Thread-safe."""

    name = "wandb"
    capabilities = TrackerCapabilities(
        stores_bytes=True,
        refuses_version_aliases=True,
        references=True,
        keeps_files=True,
        settles_at_end=True,
        keeps_removed=False,
        latest_is_newest=False,
        max_metadata_keys=MAX_METADATA_KEYS,
        reserved_metadata=METADATA_KEY,
    )

    def __init__(self, settings: Settings) -> None:
        """Nothing is imported or asked yet."""
        self._settings = settings
        self._queries = Queries(settings)
        self._files: ArtifactFiles | None = None
        self._copies: Copies | None = None
        self._runs = Runs(settings, self._queries)

    def attach(self, files: ArtifactFiles) -> None:
        self._files = files

    def attach_copies(self, copies: Copies) -> None:
        self._copies = copies

    def kept_bucket(self, project: tuple[str, str]) -> str:
        return f"{SERVED}//{self._queries.place(*project)}"

    def default_entity(self) -> str | None:
        return DEFAULT_ENTITY if self._settings.mode == "offline" else self._queries.default_entity()

    def check_artifact(self, key: RunKey, type: str, name: str, alias: str) -> None:
        check_names(type, name, alias)
        try:
            taken = self._queries.type_of(key, name)
        except (TransientError, NotFound):  # an unknown project has no artifacts; a silent server shows at the start
            return
        if taken is not None and taken != type:
            raise Conflict(f"the name {name!r} is taken by type {taken!r}: W&B allows one type a name")

    # ---- runs ------------------------------------------------------------------------------------------------------

    def upsert_run(self, update: RunUpdate) -> RunInfo:
        return self._runs.upsert(update)

    def append_history(self, key: RunKey, rows: Sequence[HistoryRow]) -> None:
        live = self._runs.live(key)
        with mapped("recording history"):
            live.log(rows)

    def append_console(self, key: RunKey, lines: Sequence[ConsoleLine]) -> None:
        live = self._runs.live(key)
        with mapped("recording the console"):
            live.print(lines)

    def finish_run(self, key: RunKey, state: RunState, exit_code: int) -> None:
        self._runs.finish(key, state, exit_code)

    # ---- artifacts -------------------------------------------------------------------------------------------------

    def log_artifact(self, key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        live, place = self._runs.live(key), self._queries.place(key.entity, key.project)
        if artifact.is_kept:
            return self._keep(live, place, artifact)
        known = self._recorded(place, artifact) if live.sdk.resumed or artifact.xid in live.logged else None
        if known is not None and self._made_by(known, key):
            return self._queries.info(place, adopting.give_latest_back(self._queries, place, known))
        if artifact.standing is not None and not artifact.standing.current:
            log.warning(
                "%s was replaced or removed before it was recorded: W&B gets no version of it, its run names it",
                artifact.ref,
            )
            live.replaced.append(f"{artifact.ref}@{artifact.digest}")
            return artifact.unrecorded()
        live.logged.add(artifact.xid)
        references = self._references(artifact)
        before = adopting.predecessor(self._queries, place, artifact)
        with mapped(f"logging {artifact.ref}"):
            found = logging_artifacts.log_references(live, artifact, references, before=before)
        return self._queries.info(place, adopting.give_latest_back(self._queries, place, found))

    def _keep(self, live: LiveRun, place: str, artifact: LoggedArtifact) -> ArtifactInfo:
        assert self._copies is not None
        found = keeping.holder(self._queries, place, artifact)
        again = live.sdk.resumed or artifact.xid in live.logged
        same = found is not None and found.digest == artifact.digest
        if not (again and same and self._made_by(found, live.key)):
            try:
                keeping.check_alias(found, artifact)
            except AliasTaken:
                self._copies.drop(artifact.xid)
                raise
            live.logged.add(artifact.xid)
            found = keeping.log_files(live, artifact, self._copies.files(artifact.xid))
        self._copies.drop(artifact.xid)
        return self._queries.info(place, found)

    def _references(self, artifact: LoggedArtifact) -> Sequence[Any]:
        if self._files is None:
            raise UsageError("this tracker was not told where files are")
        return self._files.references(artifact)

    def _recorded(self, place: str, artifact: LoggedArtifact) -> Any | None:
        """The version that has this upload already: a record whose answer was lost is not made twice."""
        try:
            found = self._queries.artifact(place, artifact.name, artifact.alias)
        except NotFound:
            return None
        said = facts.facts_of(found.metadata or {}) or {}
        same = said.get("digest") == artifact.digest and said.get("bucket") == artifact.bucket
        return found if same and found.type == artifact.type else None

    def _made_by(self, found: Any, key: RunKey) -> bool:
        with mapped("asking who logged it"):
            maker = found.logged_by()
        return maker is not None and maker.id == key.run_id

    def use_artifact(self, key: RunKey, xid: str, artifact: LoggedArtifact) -> ArtifactInfo:
        live, place = self._runs.live(key), self._queries.place(key.entity, key.project)
        try:
            found, info = self._queries.find(
                artifact.ref, (key.entity, key.project), None if not artifact.digest else artifact.bucket
            )
        except NotFound:
            found, info = None, None
        if found is not None and info is not None and _is_used(info, artifact):
            with mapped(f"recording the use of {artifact.ref}"):
                live.sdk.use_artifact(found)
            return info
        references = self._references(artifact) if artifact.digest else [logging_artifacts.whole(artifact)]
        with mapped(f"recording the use of {artifact.ref}"):
            met = logging_artifacts.log_references(live, artifact, references, as_input=True)
        return self._queries.info(place, met)

    def kept_files(self, ref: ArtifactRef, project: tuple[str, str]) -> Sequence[KeptFile]:
        return kept.kept_files(self._queries, ref, project)

    def kept_urls(self, ref: ArtifactRef, project: tuple[str, str], paths: Sequence[str]) -> Mapping[str, str]:
        return kept.kept_urls(self._queries, ref, project, paths)

    def set_aliases(self, key: ArtifactRef, project: tuple[str, str], bucket: str, add: Sequence[str]) -> ArtifactInfo:
        return aliases.add(self._queries, key, project, bucket, add)

    def remove_alias(self, key: ArtifactRef, project: tuple[str, str], bucket: str) -> ArtifactInfo:
        return aliases.drop(self._queries, key, project, bucket)

    def remove_artifact(self, ref: ArtifactRef, project: tuple[str, str], bucket: str) -> None:
        try:
            found, info = self._queries.find(ref, project, bucket)
        except NotFound:
            return
        if ref.digest is not None and ref.digest != info.digest:
            return  # another upload has the name by now
        with mapped(f"removing {ref}"):
            found.delete(delete_aliases=True)

    # ---- questions -------------------------------------------------------------------------------------------------

    def resolve(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> ArtifactInfo:
        return self._queries.find(ref, project, bucket)[1]

    def list_artifacts(
        self, project: tuple[str, str], type: str | None = None, name: str | None = None
    ) -> Sequence[ArtifactInfo]:
        return self._queries.every_version(project, type, name)

    def lineage(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> Lineage:
        return self._queries.lineage(ref, project, bucket)

    def list_runs(self, project: tuple[str, str], wanted: RunFilter | None = None) -> Sequence[RunInfo]:
        return self._queries.runs(project, wanted)

    def get_run(self, key: RunKey) -> RunInfo:
        info, live = self._queries.run_info(key), self._runs.get(key)
        return info if live is None else facts.overlaid(info, live.said)

    def history(self, key: RunKey) -> Sequence[HistoryRow]:
        return self._queries.history(key)

    def check(self) -> None:
        """Raises WaBucketError when the server cannot be asked, or refuses the key."""
        api = self._queries.api
        with mapped("asking who the user is"):
            api.default_entity  # noqa: B018

    def close(self) -> None:
        """Runs that did not end are given up: their journals have them."""
        self._runs.give_up()


def _is_used(info: ArtifactInfo, artifact: LoggedArtifact) -> bool:
    """Whether what W&B has under the name is what was fetched. An upload of an earlier release, which has no digest,
    may have been adopted since."""
    return info.is_kept or not artifact.digest or info.digest == artifact.digest
