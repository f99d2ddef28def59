"""The session under the Python face: its settings, its run, and how both end."""

import atexit
import contextlib
import logging
import os
import sys
import threading
import weakref
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Self, TypeVar

from wabucketref.errors import Interrupted, TrackingPending, UsageError, WaBucketError
from wabucketref.model.run import RunState
from wabucketref.model.runargs import parse_run_args
from wabucketref.operations.workspace import Workspace
from wabucketref.runs import active
from wabucketref.runs.console import ConsoleCapture
from wabucketref.runs.process import check_process
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket, is_under_way, unheard_failure
from wabucketref.settings import Settings, load_settings
from wabucketref.wiring import open_workspace

log = logging.getLogger(__name__)

T = TypeVar("T")
RunArgs = Mapping[str, Any] | Namespace | str


class Session:
    """One run from first use to :meth:`close`. Thread-safe."""

    def __init__(
        self,
        bucket: str | None = None,
        project_name: str | None = None,
        entity: str | None = None,
        *,
        settings: Settings | Mapping[str, Any] | None = None,
    ) -> None:
        """`bucket`: a bare name or URL, default the project's name. `settings`: a ``Settings``, or further options by
        their names (``{"storage": …, "tracker": …}``).

        Raises:
            SettingsError, UsageError: a value is malformed, or no project is set.
            NotAuthorised, UpgradeRequired: the home or catalog cannot be used.
        """
        if isinstance(settings, Settings):
            if not (bucket is project_name is entity is None):
                raise UsageError("give either a Settings object or bucket, project_name and entity")
            self.settings = settings
        else:
            given = {"bucket": bucket, "project_name": project_name, "entity": entity}
            self.settings = load_settings({**(settings or {}), **{k: v for k, v in given.items() if v is not None}})
        self.settings.require_project()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._closed = False
        self._unwaited: list[Ticket[Any]] = []
        self._ws = open_workspace(self.settings, echo=_print)
        self._ws.in_session = True
        self._exit_hook = _finish_at_exit(self)

    @property
    def run(self) -> Run | None:
        """The current run, or None before the first use and after :meth:`close`."""
        return self._ws.run

    def wandb_start_run(
        self, w_run_name: str | None = None, w_job_type: str | None = None, run_args: RunArgs | None = None
    ) -> Run:
        """Start the run now, with a name, a job type and a configuration (a dict, a Namespace or text).

        Raises:
            UsageError: a run of this API is active, or `run_args` cannot be read.
        """
        self._check_open()
        with self._lock:
            self._check_open()
            if self._ws.run is not None:
                raise UsageError(f"the run {self._ws.run.id} is active", hint="close() it before starting another")
            return self._start(parse_run_args(run_args), name=w_run_name, job_type=w_job_type)

    def close(self) -> None:
        """Finish the run and give everything back; idempotent.

        Transfers begun with ``wait=False`` end first; with a background service it ends them, and then the run.

        Raises:
            WaBucketError: a transfer failed that nobody waited for: its own error.
            TimedOut: the run could not be recorded in time; the journal has everything.
            TrackingPending: the tracker could not be reached; the journal has everything.
        """
        run = self.run
        failure = self._end(0, RunState.FINISHED)
        if failure is not None:
            raise failure
        if run is not None and run.tracking == "pending" and not run.left and not self._ws.offline:
            raise TrackingPending(
                f"the run {run.id} is not recorded: the tracker {self._ws.tracker.name} is out of reach",
                hint="run `wabucket sync` when it can be reached",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.close()
            return
        code = _exit_code(error)
        try:
            if self.run is not None and isinstance(error, KeyboardInterrupt):
                self.run.client.cancel("interrupted", code)
            self._end(code, RunState.from_exit_code(code))
        except WaBucketError as late:  # the block's own error is the one to show
            log.warning("%s", late)

    def _workspace(self) -> Workspace:
        self._check_open()
        return self._ws

    def _session(self) -> Workspace:
        """The workspace with a run, started on first use."""
        self._check_open()
        with self._lock:
            self._check_open()
            if self._ws.run is None:
                self._start({})
        return self._ws

    def _start(self, config: Mapping[str, Any], **given: Any) -> Run:
        joined = self._run_to_join()
        run = self._ws.start_run(
            config=config, single_operation=False, on_finish=self._run_finished, joined=joined, **given
        )
        self._ws.run = run
        if self.settings.console == "on":
            run.add_producer(ConsoleCapture(run.client.publish).stop)
        if joined is None:
            active.activate(run)
        return run

    def _run_to_join(self) -> tuple[str, str, str] | None:
        """The run that the script began with W&B's SDK, where our tracker is that SDK in this process."""
        if self._ws.tracker.name != "wandb" or self._ws.offline or self._ws.transport().outlives:
            return None
        return active.begun_by_script()

    def _kept(self, ticket: Ticket[T]) -> Ticket[T]:
        """Remember it for the end: nobody may have waited for it by then."""
        with self._lock:
            self._unwaited.append(ticket)
        return ticket

    def _run_finished(self, run: Run) -> None:
        active.deactivate(run)
        if self._ws.run is run:
            self._ws.run = None

    def _end(self, exit_code: int, state: RunState) -> WaBucketError | None:
        """The failure of a transfer that nobody has heard of, if there is one."""
        if os.getpid() != self._pid:  # before the lock, which the parent may have held when it forked
            return None
        with self._lock:
            if self._closed:
                return None
            self._closed = True
            atexit.unregister(self._exit_hook)
            try:
                return None if self._ws.run is None else self._end_run(self._ws.run, exit_code, state)
            finally:
                self._ws.close()

    def _end_run(self, run: Run, exit_code: int, state: RunState) -> WaBucketError | None:
        """Transfers that nobody waits for outlive this process where a background service has them."""
        if run.client.outlives and any(is_under_way(ticket) for ticket in self._unwaited):
            run.finish_later(exit_code, state)
            return None
        if exit_code:  # that is told already
            run.finish(exit_code, state=state)
            return None
        limit = self.settings.finish_timeout
        failures = [found for ticket in self._unwaited if (found := unheard_failure(ticket, limit))]
        if failures:
            exit_code, state = failures[0].exit_code, RunState.from_exit_code(failures[0].exit_code)
        run.finish(exit_code, state=state)
        return failures[0] if failures else None

    def _check_open(self) -> None:
        check_process(self._pid, "this WaBucketRefAPI")
        if self._closed:
            raise UsageError("this WaBucketRefAPI is closed", hint="make another one")


def _print(line: str) -> None:
    """A line on the script's stdout, at once: a flow that reads the log must not wait for the script's end."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _exit_code(error: BaseException | None) -> int:
    """That of a process which this error ends."""
    match error:
        case SystemExit(code=None):
            return 0
        case SystemExit(code=int(code)):
            return code
        case KeyboardInterrupt():
            return Interrupted.exit_code
        case WaBucketError():
            return error.exit_code
    return 1


def _finish_at_exit(session: Session) -> Any:
    """The interpreter exits without ``close()``: the run ends as failed, and nothing is lost.

    Before the interpreter's own exit handlers where it lets us: those stop the thread pools that transfers need.
    """
    reference = weakref.ref(session)

    def finish() -> None:
        left = reference()
        if left is not None and os.getpid() == left._pid:
            if left.run is not None:
                log.warning("WaBucketRefAPI was not closed; its run ends as failed")
            left._end(1, RunState.FAILED)

    early = getattr(threading, "_register_atexit", None)
    if early is not None:
        with contextlib.suppress(RuntimeError):  # the interpreter is going down already
            early(finish)
    atexit.register(finish)
    return finish
