"""The run manager: opens a run through the service, with the facts of the job around it, and finishes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.errors import UsageError
from wabucketref.model.names import check_project
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.model.text import check_text
from wabucketref.runs.ids import new_run_id, new_run_name
from wabucketref.runs.run import MAX_NOTES, Run, check_tags
from wabucketref.service import convert
from wabucketref.service.client import RunClient, Transport

_START_SECONDS: Final = 9.0
"""For the tracker to say what it knows of the run: with what is around it, a start takes less than 10 s."""


@dataclass(frozen=True)
class RunSpec:
    """What is known of a run before it starts."""

    entity: str
    project: str
    run_id: str | None = None
    name: str | None = None
    job_type: str | None = None
    group: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
    """Facts of the CI job; also kept in config under ``job``."""
    single_operation: bool = False
    """The run is one command: when the operation ends, it ends."""
    shared_id: bool = False
    """Other processes may record into the same run, one after the other."""
    offline: bool = False
    """What is recorded waits for ``sync``."""
    tracker: str = ""
    """Which tracker shall have it (``Settings.tracker_place``)."""


def start_run(
    transport: Transport,
    spec: RunSpec,
    *,
    finish_timeout: float,
    on_finish: Callable[[Run], None] = lambda run: None,
) -> Run:
    """Start a run; when this returns, it is journaled, and the tracker was told or is known to be out of reach.

    Raises:
        UsageError: an entity, project, id, name, tag or other text is not allowed.
        Conflict: a run of this id is under way or waits for ``sync``.
    """
    key = RunKey(
        check_project(spec.entity, "entity"), check_project(spec.project), _check_id(spec.run_id or new_run_id())
    )
    for what, text in (("name", spec.name), ("job type", spec.job_type), ("group", spec.group), ("notes", spec.notes)):
        check_text(text or "", f"the run's {what}", maximum=MAX_NOTES)
    name = spec.name or new_run_name(key.run_id)
    config = dict(spec.config) | ({"job": dict(spec.job)} if spec.job else {})
    update = RunUpdate(
        key,
        name=name,
        job_type=spec.job_type,
        group=spec.group,
        notes=spec.notes,
        tags=check_tags(spec.tags),
        config=config,
        job=spec.job,
        created=datetime.now(UTC),
    )
    client = RunClient(transport, key.run_id)
    record = convert.run_to_record(update, single_operation=spec.single_operation, shared_id=spec.shared_id)
    record.offline, record.tracker = spec.offline, spec.tracker
    started = client.start(record, _START_SECONDS)
    return Run(
        key,
        client,
        name=started.name or name,
        url=started.url or None,
        job_type=spec.job_type,
        tags=check_tags(spec.tags),
        config=config,
        finish_timeout=finish_timeout,
        on_finish=on_finish,
    )


def _check_id(run_id: str) -> str:
    """A run id is a file name of the journal too."""
    allowed = run_id.replace("-", "").replace("_", "").replace(".", "")
    if not 0 < len(run_id) <= 128 or not (allowed.isascii() and allowed.isalnum()) or run_id.startswith("."):
        raise UsageError(f"{run_id!r} is not a run id", hint="1 to 128 characters of A-Z a-z 0-9 - _ .")
    return run_id
