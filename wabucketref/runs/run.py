"""The Run that users hold: the same face whatever the tracker, ``wandb.run`` included."""

import operator
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, SupportsIndex

from wabucketref.errors import InvalidValue, ServiceStopped, TimedOut, Unsupported, UsageError
from wabucketref.model.jsonvalue import normalize
from wabucketref.model.result import RunSummary, Tracking
from wabucketref.model.run import RunKey, RunState
from wabucketref.model.text import check_text
from wabucketref.runs.mapping import Config, Summary
from wabucketref.runs.process import check_process
from wabucketref.service import convert
from wabucketref.service.client import RunClient
from wabucketref.service.wabucket_pb2 import ConfigRecord, Record, RunRecord, SummaryRecord, Tags
from wabucketref.service.work.history import STEP_UNSET

MAX_TAG: Final = 64
MAX_NAME: Final = 128
MAX_NOTES: Final = 100_000
_WRITABLE: Final = frozenset({"name", "notes", "tags"})


class UnsupportedAttribute(Unsupported, AttributeError):
    """Something of W&B's run that our run does not have; also an AttributeError, so that ``hasattr`` works."""


class Run:
    """A run under way. Thread-safe. After :meth:`finish` it is read-only: recording raises ``UsageError``.

    `name`, `notes` and `tags` can be set; setting anything else raises, since nothing would be recorded.
    """

    _made = False

    def __init__(
        self,
        key: RunKey,
        client: RunClient,
        *,
        name: str,
        url: str | None,
        job_type: str | None,
        tags: tuple[str, ...],
        config: Mapping[str, Any],
        finish_timeout: float,
        on_finish: Callable[["Run"], None] = lambda run: None,
    ) -> None:
        self.key = key
        self.client = client
        self.url = url
        self.job_type = job_type
        self.config = Config("config", self._publish_config, config)
        self.summary = Summary("summary", self._publish_summary)
        self._finished = False
        self._tracking: Tracking | None = None
        self._left = False
        self._producers: list[Callable[[], None]] = []
        self._name = name
        self._tags = tags
        self._notes: str | None = None
        self._step = 0
        self._finish_timeout = finish_timeout
        self._on_finish = on_finish
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._made = True

    @property
    def finished(self) -> bool:
        """Whether it has ended, or is about to."""
        return self._finished

    @property
    def tracking(self) -> Tracking | None:
        """How its end was recorded; None before."""
        return self._tracking

    @property
    def left(self) -> bool:
        """Whether its end was left to the background service."""
        return self._left

    @property
    def id(self) -> str:
        return self.key.run_id

    @property
    def project(self) -> str:
        return self.key.project

    @property
    def entity(self) -> str:
        return self.key.entity

    @property
    def path(self) -> str:
        """``entity/project/id``."""
        return f"{self.entity}/{self.project}/{self.id}"

    @property
    def step(self) -> int:
        """The step that the next ``log`` without one gets."""
        return self._step

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        name = check_text(value, "the run's name", minimum=1, maximum=MAX_NAME)
        self._change_run(name=name)
        self._name = name

    @property
    def notes(self) -> str | None:
        """Free text; None or empty removes it."""
        return self._notes

    @notes.setter
    def notes(self, value: str | None) -> None:
        notes = check_text(value or "", "the run's notes", maximum=MAX_NOTES)
        self._change_run(notes=notes)
        self._notes = notes or None

    @property
    def tags(self) -> tuple[str, ...]:
        return self._tags

    @tags.setter
    def tags(self, value: Iterable[str]) -> None:
        tags = check_tags(value)
        self._change_run(tags=Tags(tag=tags))
        self._tags = tags

    def log(self, data: Mapping[str, Any], step: SupportsIndex | None = None, commit: bool | None = None) -> None:
        """Record metrics: when this returns, they survive a kill of the process.

        Without `step` each call is a row of its own, unless `commit` is False, which adds to the next call's row. With
        `step`, calls of one step make one row, which ends when a later step comes or `commit` is True.

        Raises:
            InvalidValue: `data` is not a mapping of JSON-like values (numpy scalars and small arrays included).
            UsageError: the run is finished, or `step` is not a whole number of 0 to 2^53.
            LocalIOError: the disk is full or broken; the row is not recorded.
        """
        number = STEP_UNSET if step is None else _check_step(step)
        values = normalize(data, "log")
        if not isinstance(values, dict):
            raise UsageError(f"log takes a mapping of metrics, not {type(data).__name__}")
        record = Record()
        row = record.history
        row.step = number
        row.time = time.time()
        row.values_json = convert.to_json(values)
        row.commit = commit if commit is not None else step is None
        self._publish(record)
        with self._lock:
            vars(self)["_step"] = max(self._step, number) + row.commit  # past `__setattr__`, which takes its time
        self.summary.absorb(values)

    def add_producer(self, stop: Callable[[], None]) -> None:
        """`stop` is called first when the run finishes (console capture, …)."""
        self._producers.append(stop)

    def finish(self, exit_code: int | None = None, quiet: bool | None = None, *, state: RunState | None = None) -> None:
        """End the run and wait until everything is recorded; idempotent. `exit_code` None means 0.

        `quiet` is taken because ``wandb.finish`` of some releases passes it; a run of ours prints nothing at its end.

        Raises:
            TimedOut: not recorded in time; the journal has everything, ``wabucket sync`` goes on.
        """
        if not self._begin_end():
            return
        try:
            code = exit_code or 0
            self._tracking = self.client.finish(code, state or RunState.from_exit_code(code), self._finish_timeout)
        except (TimedOut, ServiceStopped):
            self._tracking = "pending"
            raise
        finally:
            self._on_finish(self)

    def finish_later(self, exit_code: int = 0, state: RunState | None = None) -> None:
        """Leave the end of the run to the background service: it comes once all transfers have ended; idempotent.

        `state` None: the run ends as its operations do.
        """
        if not self._begin_end():
            return
        try:
            self.client.finish_later(exit_code, state, self._finish_timeout)
            self._tracking, self._left = "pending", True
        finally:
            self._on_finish(self)

    def _begin_end(self) -> bool:
        """Whether this call is the one that ends the run; its producers have stopped then."""
        check_process(self._pid, f"the run {self.id}")
        with self._lock:
            if self._finished:
                return False
            while self._producers:
                self._producers.pop()()
            self._finished = True
        return True

    def in_short(self) -> RunSummary:
        """The run as results show it."""
        return RunSummary(self.id, self.name, self.project, self.entity, self.url)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.finish(0 if kind is None else 130 if issubclass(kind, KeyboardInterrupt) else 1)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnsupportedAttribute(
            f"run.{name} is not supported by this tracker",
            hint="supported: log, config, summary, tags, name, notes, id, project, entity, url, step, finish",
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and not name.startswith("_") and name not in _WRITABLE:
            raise UnsupportedAttribute(
                f"run.{name} cannot be set", hint=f"can be set: {', '.join(sorted(_WRITABLE))}; use run.config for more"
            )
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<Run {self.path} {self.name!r}{' finished' if self.finished else ''}>"

    def _publish(self, record: Record) -> None:
        if self.finished:
            raise UsageError(f"the run {self.id} is finished", hint="start another run")
        self.client.publish(record)

    def _publish_config(self, changes: Mapping[str, Any], removed: tuple[str, ...]) -> None:
        self._publish(Record(config=ConfigRecord(update_json=convert.to_json(dict(changes)), removed=removed)))

    def _publish_summary(self, changes: Mapping[str, Any], removed: tuple[str, ...]) -> None:
        self._publish(Record(summary=SummaryRecord(update_json=convert.to_json(dict(changes)), removed=removed)))

    def _change_run(self, **changes: Any) -> None:
        self._publish(Record(run=RunRecord(key=convert.key_to_message(self.key), **changes)))


def check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as given, without repetition.

    Raises:
        InvalidValue: it is one text, or nothing that has items.
        UsageError: one is empty, longer than 64 characters, or has control characters.
    """
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidValue(f"tags is {type(tags).__name__}, not a list of texts", hint="write tags=['one', 'two']")
    found = tuple(tags)
    for tag in found:
        if not isinstance(tag, str) or not 0 < len(tag) <= MAX_TAG or not tag.isprintable():
            raise UsageError(f"{tag!r} is not a tag", hint=f"tags have 1 to {MAX_TAG} printable characters")
    return tuple(dict.fromkeys(found))


def _check_step(step: Any) -> int:
    """`step` as a plain integer; numpy's are fine."""
    try:
        number = -1 if isinstance(step, bool) else operator.index(step)
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(f"step {step!r} is not a whole number", hint="leave step out to count by itself")
    return number
