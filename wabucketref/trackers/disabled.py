"""The disabled tracker: keeps nothing. What is written is answered from the arguments; what is asked is refused."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.tracker import TrackerCapabilities
from wabucketref.errors import Unsupported
from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact
from wabucketref.model.names import check_component, check_new_alias
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import ConsoleLine, HistoryRow, Lineage, RunFilter, RunInfo, RunKey, RunState, RunUpdate
from wabucketref.settings import Settings


class DisabledTracker:
    """Stateless, so thread-safe and equal in every process."""

    name = "disabled"
    capabilities = TrackerCapabilities(queries=False, records=False)

    def default_entity(self) -> str | None:
        return None

    def check_artifact(self, key: RunKey, type: str, name: str, alias: str) -> None:
        check_component(type, "type")
        check_component(name, "name")
        check_new_alias(alias)

    def upsert_run(self, update: RunUpdate) -> RunInfo:
        return RunInfo(
            id=update.key.run_id,
            name=update.name or update.key.run_id,
            project=update.key.project,
            entity=update.key.entity,
            state=RunState.RUNNING,
            created=update.created or datetime.now(UTC),
            job_type=update.job_type,
            group=update.group,
            notes=update.notes,
            config=dict(update.config or {}),
            summary=dict(update.summary or {}),
            tags=update.tags or (),
            job=dict(update.job or {}),
        )

    def check(self) -> None:
        """Nothing is kept."""

    def append_history(self, key: RunKey, rows: Sequence[HistoryRow]) -> None:
        """Nothing is kept."""

    def append_console(self, key: RunKey, lines: Sequence[ConsoleLine]) -> None:
        """Nothing is kept."""

    def log_artifact(self, key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        return artifact.unrecorded(artifact.alias)

    def use_artifact(self, key: RunKey, xid: str, artifact: LoggedArtifact) -> ArtifactInfo:
        return artifact.unrecorded(artifact.alias)

    def finish_run(self, key: RunKey, state: RunState, exit_code: int) -> None:
        """Nothing is kept."""

    def set_aliases(self, key: ArtifactRef, project: tuple[str, str], bucket: str, add: Sequence[str]) -> ArtifactInfo:
        _refuse("add an alias")

    def remove_alias(self, key: ArtifactRef, project: tuple[str, str], bucket: str) -> ArtifactInfo:
        _refuse("remove an alias")

    def remove_artifact(self, ref: ArtifactRef, project: tuple[str, str], bucket: str) -> None:
        """Nothing is kept, so nothing is left to remove."""

    def resolve(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> ArtifactInfo:
        _refuse(f"say what {ref} names")

    def list_artifacts(
        self, project: tuple[str, str], type: str | None = None, name: str | None = None
    ) -> Sequence[ArtifactInfo]:
        _refuse("list artifacts")

    def lineage(self, ref: ArtifactRef, project: tuple[str, str], bucket: str | None = None) -> Lineage:
        _refuse(f"tell the lineage of {ref}")

    def list_runs(self, project: tuple[str, str], wanted: RunFilter | None = None) -> Sequence[RunInfo]:
        _refuse("list runs")

    def get_run(self, key: RunKey) -> RunInfo:
        _refuse(f"show run {key.run_id}")

    def history(self, key: RunKey) -> Sequence[HistoryRow]:
        _refuse(f"show the history of run {key.run_id}")

    def close(self) -> None:
        """Nothing is open."""


def _refuse(what: str) -> NoReturn:
    raise Unsupported(
        f"the disabled tracker keeps nothing and cannot {what}",
        hint="choose a tracker that does, for example --tracker embedded (or WABUCKET_TRACKER, WANDB_MODE)",
    )


class DisabledFactory:
    """Implements contracts.factories.TrackerFactory."""

    api_version = API_VERSION
    capabilities = DisabledTracker.capabilities

    def open(self, settings: Settings) -> DisabledTracker:
        return DisabledTracker()


FACTORY = DisabledFactory()
