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
    """A row of history, its values still JSON: the texts of the calls of ``log`` that made it, joined by commas."""

    index: int
    step: int
    time: float
    values_json: str
    calls: int


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
    parsed = iter(json.loads(f"[{','.join(row.values_json for row in rows)}]"))
    for row in rows:
        values = next(parsed)
        for _ in range(1, row.calls):
            values |= next(parsed)
        as_it_is = row.calls == 1 and row.values_json.isascii()
        yield HistoryRow(row.index, row.step, row.time, values, row.values_json if as_it_is else None)


def _summary_of(items: Sequence[Item], rows: Sequence[HistoryRow]) -> tuple[dict[str, Any], list[str]]:
    """Keys to set and keys to remove, as `rows` (those of `items`) and the user's own changes say.

    From the last to the first, since the last word on a key counts: rows mostly have the keys of the one after them.
    """
    summary: dict[str, Any] = {}
    removed: list[str] = []
    decided: set[str] = set()
    later = reversed(rows)
    for item in reversed(items):
        if isinstance(item, LoggedRow):
            values = next(later).values
            if values.keys() <= decided:
                continue
            given = {key: value for key, value in values.items() if not key.startswith("system/")}
        elif isinstance(item, SummaryChange):
            gone = [key for key in item.removed if key not in decided]
            removed += gone
            decided.update(gone)
            given = dict(item.update)
        else:
            continue
        summary |= {key: value for key, value in given.items() if key not in decided}
        decided.update(given)
    return summary, removed
