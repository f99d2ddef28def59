"""The file-stream thread: history, summary and console in batches to the tracker, in order.

One worker; it wakes on size, on time, or when asked to flush. The queue is bounded: the sender blocks when the tracker
is slower than the run, and the journal holds the rest, so nothing is dropped.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.run import ConsoleLine, HistoryRow, RunKey, RunUpdate
from wabucketref.service.gate import TrackerGate

log = logging.getLogger(__name__)

_MAX_QUEUED: Final = 4_096
_MAX_BATCH: Final = 1_024
_INTERVAL: Final = 0.5


@dataclass(frozen=True, slots=True)
class SummaryChange:
    """Keys the user set or removed."""

    update: Mapping[str, Any] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


Item = HistoryRow | ConsoleLine | SummaryChange
Positions = tuple[int, ...]
"""The journal positions of the records that an item was made of."""


class FileStream:
    """See the module's text. `acknowledge(positions)` is called when the tracker has an item."""

    def __init__(
        self,
        key: RunKey,
        gate: TrackerGate,
        acknowledge: Callable[[Positions], None],
        sync: Callable[[], None] = lambda: None,
    ) -> None:
        """`sync` makes the journal survive power loss: rows are not synced one by one, but before they are sent."""
        self._key = key
        self._gate = gate
        self._acknowledge = acknowledge
        self._sync = sync
        self._condition = threading.Condition()
        self._queue: deque[tuple[Positions, Item]] = deque()
        self._busy = False
        self._flushing = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"filestream-{key.run_id}", daemon=True)

    def start(self) -> None:
        """Start the worker: with the run, since a thread cannot be started once the interpreter is exiting."""
        self._thread.start()

    def put(self, positions: Positions, item: Item) -> None:
        """Queue an item; blocks while the queue is full. `positions` are its records' in the journal."""
        with self._condition:
            while len(self._queue) >= _MAX_QUEUED and not self._closed:
                self._condition.wait()
            self._queue.append((positions, item))
            if len(self._queue) in (1, _MAX_BATCH):
                self._condition.notify_all()

    def flush(self, deadline: float) -> bool:
        """Send what is queued now; whether all was handled before `deadline` (``time.monotonic``)."""
        with self._condition:
            self._flushing = True
            self._condition.notify_all()
            while self._queue or self._busy:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._condition.wait(left)
            self._flushing = False
            return True

    def close(self) -> None:
        """Stop the worker after its current batch."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            try:
                self._sync()
                self._send([item for _, item in batch])
                hit("filestream.sent")
            except WaBucketError as error:
                self._gate.shut(error)
            except Exception as error:
                log.debug("file stream", exc_info=True)
                self._gate.shut(WaBucketError(f"the tracker broke: {type(error).__name__}: {error}"))
            if self._gate.open:
                for positions, _ in batch:
                    self._acknowledge(positions)
            with self._condition:  # last: whoever flushed may look at what is acknowledged
                self._busy = False
                self._condition.notify_all()

    def _take(self) -> list[tuple[Positions, Item]] | None:
        """The next batch, once there is enough, time has passed, or a flush was asked for; None when closed."""
        with self._condition:
            while not self._queue and not self._closed:
                self._condition.wait()
            until = time.monotonic() + _INTERVAL
            while not (self._closed or self._flushing) and len(self._queue) < _MAX_BATCH:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            if self._closed:
                return None
            batch = [self._queue.popleft() for _ in range(min(_MAX_BATCH, len(self._queue)))]
            self._busy = True
            self._condition.notify_all()
            return batch

    def _send(self, items: list[Item]) -> None:
        rows = [item for item in items if isinstance(item, HistoryRow)]
        lines = [item for item in items if isinstance(item, ConsoleLine)]
        summary, removed = _summary_of(items)

        def deliver(tracker: Tracker) -> None:
            if rows:
                tracker.append_history(self._key, rows)
            if lines:
                tracker.append_console(self._key, lines)
            if summary or removed:
                tracker.upsert_run(RunUpdate(self._key, summary=summary, summary_removed=tuple(removed)))

        self._gate.call("record history", deliver)


def _summary_of(items: list[Item]) -> tuple[dict[str, Any], set[str]]:
    """The last value of each key, as rows and the user's own changes set it, in order."""
    summary: dict[str, Any] = {}
    removed: set[str] = set()
    for item in items:
        if isinstance(item, HistoryRow):
            summary.update({key: value for key, value in item.values.items() if not key.startswith("system/")})
            removed.difference_update(item.values)
        elif isinstance(item, SummaryChange):
            summary.update(item.update)
            removed.difference_update(item.update)
            for key in item.removed:
                summary.pop(key, None)
                removed.add(key)
    return summary, removed
