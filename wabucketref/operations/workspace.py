"""What operations work with: concrete things behind contracts, put together in ``wiring``."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from wabucketref.ci.collect import collect
from wabucketref.contracts.context import Context
from wabucketref.contracts.outputs import Outputs
from wabucketref.contracts.progress import Progress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import Interrupted, ServiceStopped, TimedOut, UsageError, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.redact import public_url
from wabucketref.model.run import RunState
from wabucketref.registry import Registry
from wabucketref.runs.manager import RunSpec, start_run
from wabucketref.runs.run import Run
from wabucketref.service.client import Transport
from wabucketref.service.service import Service
from wabucketref.service.ticket import Ticket
from wabucketref.settings import Settings
from wabucketref.store.plane import DataPlane

log = logging.getLogger(__name__)

T = TypeVar("T")

_KILLED: Final = 130


@dataclass
class Workspace:
    """Everything an operation needs. Made by ``wiring.open_workspace``; close it, or use it as a context manager."""

    settings: Settings
    tracker: Tracker
    plane: DataPlane
    service: Service
    """That of this process: for recovery, and for runs where no background service is."""
    transport: Callable[[], Transport]
    """The line to the service that runs are recorded by, opened on first use: the home's background service if one
    runs, else that of this process."""
    progress: Progress | None
    """Shows how far transfers are; None: nobody looks."""
    contexts: Sequence[Context]
    outputs: Sequence[Outputs]
    outputs_environ: Mapping[str, str]
    """Where outputs find their files."""
    environ: Mapping[str, str]
    echo: Callable[[str], None] | None
    """Prints a line of an output plugin on stdout; None when stdout must hold one JSON document."""
    open_storage: Callable[[str], Storage]
    close_line: Callable[[], None]
    close_floor: Callable[[], None]
    registries: Sequence[Registry]
    """Plugins by kind, for looking at."""
    set_aside: str | None = None
    """Where the tracker's damaged records were moved to when this was opened."""
    run: Run | None = None
    """The run of an API session; None: each operation is a run of its own."""
    in_session: bool = False
    """An API session has this: no operation is a run of its own."""
    inputs: dict[str, None] = field(default_factory=dict)
    """References of what the session's run used, in order."""

    @property
    def project(self) -> tuple[str, str]:
        """(entity, project).

        Raises:
            UsageError: no project is set.
        """
        project = self.settings.require_project()
        entity = self.settings.entity or self.tracker.default_entity() or self.settings.resolved_entity()
        return entity, project

    @property
    def bucket(self) -> str:
        """URL of the bucket without secrets, as it is journaled and recorded."""
        return public_url(self.settings.bucket_url())

    @property
    def offline(self) -> bool:
        """The user asked for records to wait for ``sync``."""
        return self.settings.mode == "offline"

    def start_run(self, *, config: Mapping[str, Any] | None = None, single_operation: bool, **given: Any) -> Run:
        """A new run with the settings' name, tags … (or those `given`) and the facts of the job around it.

        ``joined``: (entity, project, id) of a run that is under way in the tracker already.
        """
        self.inputs.clear()
        settings, joined = self.settings, given.get("joined")
        entity, project, run_id = joined or (*self.project, settings.run_id)
        job = collect(self.contexts, self.environ, Path.cwd())
        for problem in job.problems:
            log.info("%s", problem)
        spec = RunSpec(
            entity=entity,
            project=project,
            run_id=run_id,
            name=given.get("name") or settings.run_name,
            job_type=given.get("job_type") or settings.job_type,
            group=settings.run_group,
            notes=settings.notes,
            tags=(*settings.tags, *job.tags),
            config=dict(config or {}),
            job=job.values,
            single_operation=single_operation,
            shared_id=run_id is not None,
            offline=self.offline,
            tracker=settings.tracker_place(),
        )
        on_finish: Callable[[Run], None] = given.get("on_finish", lambda run: None)

        def ended(run: Run) -> None:
            on_finish(run)
            if run.tracking == "recorded" and settings.openlineage_url is not None:
                from wabucketref.operations.telling import tell  # an HTTP client, which few need

                tell(settings, self.tracker, run.key, self.bucket)

        return start_run(self.transport(), spec, finish_timeout=settings.finish_timeout, on_finish=ended)

    def session_run(self) -> Run:
        """The session's run.

        Raises:
            UsageError: it is finished, perhaps since just now by another thread.
        """
        if (run := self.run) is None:
            raise UsageError("the run of this session is finished", hint="make another WaBucketRefAPI")
        return run

    @contextlib.contextmanager
    def session(self, *, config: Mapping[str, Any] | None = None) -> Iterator[Run]:
        """The session's run; without a session a run of its own for one operation, finished as the operation ends.

        Raises:
            UsageError: as :meth:`session_run`.
        """
        if (run := self.session_run() if self.in_session else self.run) is not None:
            if config:
                run.config.update(config)
            yield run
            return
        run = self.start_run(config=config, single_operation=True)
        try:
            yield run
        except BaseException as error:
            finish_after(run, error)
            raise
        try:
            run.finish(0)
        except TimedOut as late:  # the operation is done: that it is not recorded shows in its tracking
            log.warning("%s", late)

    def wait(self, run: Run, ticket: Ticket[T]) -> T:
        """The ticket's result. An interruption stops the transfer cleanly first, then goes on its way."""
        try:
            if self.progress is not None:
                with contextlib.suppress(ServiceStopped):  # the wait asks again, and says so if it is gone for good
                    ticket.follow(self.progress)
            return ticket.wait()
        except (KeyboardInterrupt, Interrupted) as error:
            code = getattr(error, "exit_code", _KILLED)
            run.client.cancel("interrupted", code)
            with contextlib.suppress(WaBucketError):
                ticket.wait(self.settings.finish_timeout)
            raise

    def close(self) -> None:
        """Give everything back; idempotent."""
        self.close_line()
        self.close_floor()
        hit("workspace.closed")

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def finish_after(run: Run, error: BaseException) -> None:
    """End the run of a failed operation; the operation's own error is the one to show."""
    code = int(getattr(error, "exit_code", _KILLED if _is_interrupt(error) else 1))
    killed = _is_interrupt(error) or code in (130, 143)
    try:
        if killed:  # it may have come between the sending of an operation and the wait for it
            run.client.cancel("interrupted", code)
        run.finish(code, state=RunState.KILLED if killed else RunState.FAILED)
    except WaBucketError as late:
        log.warning("%s", late)


def _is_interrupt(error: BaseException) -> bool:
    return isinstance(error, KeyboardInterrupt | SystemExit | Interrupted)
