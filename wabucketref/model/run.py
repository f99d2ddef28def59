"""Runs as the tracker knows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from wabucketref.model.artifact import ArtifactInfo


class RunState(StrEnum):
    """Where a run is in its life."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    KILLED = "killed"

    @classmethod
    def from_exit_code(cls, code: int) -> "RunState":
        """finished for 0, killed for 130 and 143 (signals), failed for the rest."""
        if code == 0:
            return cls.FINISHED
        return cls.KILLED if code in (130, 143) else cls.FAILED


@dataclass(frozen=True, slots=True)
class RunKey:
    """Identity of a run; `run_id` is made by the client and unique within the project."""

    entity: str
    project: str
    run_id: str


@dataclass(frozen=True, slots=True)
class RunUpdate:
    """A new run or a change to one: only fields that are not None count; mappings are merged key by key."""

    key: RunKey
    name: str | None = None
    job_type: str | None = None
    group: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None
    """Replaces all tags."""
    config: Mapping[str, Any] | None = None
    config_removed: tuple[str, ...] = ()
    summary: Mapping[str, Any] | None = None
    summary_removed: tuple[str, ...] = ()
    job: Mapping[str, Any] | None = None
    """Facts of the CI job around the run; replaces earlier ones."""
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are asked for; every condition that is given must hold."""

    job_id: str | None = None
    """Id of the job around the run, at any of the systems it ran in."""
    tags: tuple[str, ...] = ()
    """All of them."""
    commit: str | None = None
    """Beginning of the commit's name: lower-case hexadecimal digits."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The tags that a run must have, the job's among them."""
        return (*self.tags, *(() if self.job_id is None else (job_tag(self.job_id),)))

    def matches_commit(self, job: Mapping[str, Any]) -> bool:
        """Whether a run with these facts of its job has the commit."""
        return self.commit is None or any(one.lower().startswith(self.commit) for one in facts_named(job, COMMIT))


JOB_ID: Final = "cicd.pipeline.task.run.id"
COMMIT: Final = "vcs.ref.head.revision"
MAX_TAG: Final = 64


def job_tag(job_id: str) -> str:
    """The tag of runs of the job, as long as tags may be."""
    return f"job_id:{job_id}"[:MAX_TAG].strip()


def facts_named(job: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """What a job's facts say under `name`: each system that the job ran in may have said it."""
    return tuple(str(value) for key, value in job.items() if key == name or key.endswith(f".{name}"))


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One ``log`` call. `index` counts from 0 within the run and makes repeating harmless."""

    index: int
    step: int
    time: float
    """Seconds since the epoch."""
    values: Mapping[str, Any]
    values_json: str | None = field(default=None, compare=False)
    """`values` as compact ASCII JSON (NaN and infinities as Python writes them), where that is at hand already."""


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One line of captured terminal output."""

    index: int
    stream: str
    """``stdout`` or ``stderr``."""
    time: float
    text: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run as read back from a tracker."""

    id: str
    name: str
    project: str
    entity: str
    state: RunState
    created: datetime
    job_type: str | None = None
    group: str | None = None
    notes: str | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    url: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    job: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    """References of the artifacts it used."""
    outputs: tuple[str, ...] = ()

    @property
    def key(self) -> RunKey:
        return RunKey(self.entity, self.project, self.id)

    def to_dict(self) -> dict[str, Any]:
        """The RUN object of ``--json``."""
        return {
            "id": self.id,
            "name": self.name,
            "job_type": self.job_type,
            "project": self.project,
            "entity": self.entity,
            "url": self.url,
            "state": str(self.state),
            "exit_code": self.exit_code,
            "created": self.created.isoformat(),
            "finished": self.finished.isoformat() if self.finished else None,
            "group": self.group,
            "notes": self.notes,
            "config": dict(self.config),
            "summary": dict(self.summary),
            "tags": list(self.tags),
            "job": dict(self.job),
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
        }


@dataclass(frozen=True, slots=True)
class Lineage:
    """What made an artifact, who used it, and the artifacts one step up and down."""

    artifact: ArtifactInfo
    produced_by: RunInfo | None
    used_by: Sequence[RunInfo]
    upstream: Sequence[ArtifactInfo]
    """Inputs of the run that produced it."""
    downstream: Sequence[ArtifactInfo]
    """Outputs of the runs that used it."""

    def to_dict(self) -> dict[str, Any]:
        """The document of ``lineage --format json``."""
        return {
            "artifact": self.artifact.to_dict(),
            "produced_by": self.produced_by.to_dict() if self.produced_by else None,
            "used_by": [run.to_dict() for run in self.used_by],
            "upstream": [artifact.to_dict() for artifact in self.upstream],
            "downstream": [artifact.to_dict() for artifact in self.downstream],
        }
