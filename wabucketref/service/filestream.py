"""The file-stream thread: history, summary and console in batches to the tracker, in order.

One worker, which sends all that is queued at once; the sender puts items there some at a time. The queue is bounded:
the sender blocks when the tracker is slower than the run, and the journal holds the rest, so nothing is dropped.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.run import ConsoleLine, HistoryRow, RunKey, RunUpdate
from wabucketref.service.gate import TrackerGate
from wabucketref.threads import start

log = logging.getLogger(__name__)

_MAX_QUEUED: Final = 4_096


@dataclass(slots=True)
class LoggedRow:
    """A row of history, its values still the JSON text of each call of ``log`` that made it."""

    index: int
    step: int
    time: float
    values_json: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SummaryChange:
    """Keys the user set or removed."""

    update: Mapping[str, Any] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


Item = LoggedRow | ConsoleLine | SummaryChange


class FileStream:
    """See the module's text. `acknowledge(positions)` is called when the tracker has what came with them."""

    def __init__(
        self,
        key: RunKey,
        gate: TrackerGate,
        acknowledge: Callable[[Sequence[int]], None],
        sync: Callable[[], None] = lambda: None,
    ) -> None:
        """`sync` makes the journal survive power loss: rows are not synced one by one, but before they are sent."""
        self._key = key
        self._gate = gate
        self._acknowledge = acknowledge
        self._sync = sync
        self._condition = threading.Condition()
        self._items: list[Item] = []
        self._positions: list[int] = []
        self._busy = False
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=f"filestream-{key.run_id}", daemon=True)

    def start(self) -> None:
        """Start the worker: with the run, since a thread cannot be started once the interpreter is exiting."""
        start(self._thread)

    def put(self, positions: Iterable[int], items: Iterable[Item]) -> None:
        """Queue items that were made of the records at `positions`; blocks while the queue is full."""
        with self._condition:
            while len(self._items) >= _MAX_QUEUED and not self._closed:
                self._condition.wait()
            self._items += items
            self._positions += positions
            self._condition.notify_all()

    def flush(self, deadline: float) -> bool:
        """Wait until all that is queued was handled; whether that was before `deadline` (``time.monotonic``) and
        before the worker was stopped."""
        with self._condition:
            while self._items or self._busy:
                left = deadline - time.monotonic()
                if left <= 0 or self._closed:
                    return False
                self._condition.wait(left)
            return True

    def close(self) -> None:
        """Stop the worker after its current batch."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            positions, items = batch
            try:
                self._sync()
                self._send(items)
                hit("filestream.sent")
            except WaBucketError as error:
                self._gate.shut(error)
            except Exception as error:
                log.debug("file stream", exc_info=True)
                self._gate.shut(WaBucketError(f"the tracker broke: {type(error).__name__}: {error}"))
            if self._gate.open:
                self._acknowledge(positions)
            with self._condition:  # last: whoever flushed may look at what is acknowledged
                self._busy = False
                self._condition.notify_all()

    def _take(self) -> tuple[list[int], list[Item]] | None:
        """All that is queued, once something is; None when closed."""
        with self._condition:
            while not self._items and not self._closed:
                self._condition.wait()
            if self._closed:
                return None
            batch = self._positions, self._items
            self._positions, self._items = [], []
            self._busy = True
            self._condition.notify_all()
            return batch

    def _send(self, items: Sequence[Item]) -> None:
        rows = list(_parsed([item for item in items if isinstance(item, LoggedRow)]))
        lines = [item for item in items if isinstance(item, ConsoleLine)]
        summary, removed = _summary_of(items, rows)

        def deliver(tracker: Tracker) -> None:
            if rows:
                tracker.append_history(self._key, rows)
            if lines:
                tracker.append_console(self._key, lines)
            if summary or removed:
                tracker.upsert_run(RunUpdate(self._key, summary=summary, summary_removed=tuple(removed)))

        self._gate.call("record history", deliver)


def _parsed(rows: Sequence[LoggedRow]) -> Iterator[HistoryRow]:
    """All texts are parsed in one go, which is several times faster than one by one."""
    calls = iter(json.loads(f"[{','.join(chain.from_iterable(row.values_json for row in rows))}]"))
    for row in rows:
        texts = row.values_json
        values = next(calls)
        for _ in texts[1:]:
            values |= next(calls)
        as_it_is = len(texts) == 1 and texts[0].isascii()
        yield HistoryRow(row.index, row.step, row.time, values, texts[0] if as_it_is else None)


def _summary_of(items: Sequence[Item], rows: Iterable[HistoryRow]) -> tuple[dict[str, Any], set[str]]:
    """The last value of each key, as `rows` (those of `items`) and the user's own changes set it, in order."""
    summary: dict[str, Any] = {}
    removed: set[str] = set()
    remaining = iter(rows)
    for item in items:
        if isinstance(item, LoggedRow):
            values = next(remaining).values
            summary.update({key: value for key, value in values.items() if not key.startswith("system/")})
            removed.difference_update(values)
        elif isinstance(item, SummaryChange):
            summary.update(item.update)
            removed.difference_update(item.update)
            for key in item.removed:
                summary.pop(key, None)
                removed.add(key)
    return summary, removed
