"""Progress on stderr: a bar on a terminal, a plain line every few seconds elsewhere, nothing for what is quick."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from wabucketref.cli.figures import Figures
from wabucketref.cli.streams import Console
from wabucketref.contracts.progress import Progress, SilentProgress

LINE_SECONDS: Final = 5.0
BAR_AFTER_SECONDS: Final = 0.5
"""Loading rich takes a tenth of a second, which a quick transfer shall not pay."""

Clock = Callable[[], float]


class Bar(Protocol):
    """A drawn bar."""

    def update(self, figures: Figures) -> None: ...

    def close(self) -> None: ...


class _Counting:
    """Counts from any thread and calls :meth:`_show` at most once per interval."""

    def __init__(self, first: float, interval: float, clock: Clock) -> None:
        self._first = first
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._figures = Figures()
        self._started: float | None = None
        self._next = 0.0
        self._visible = False

    def start(self, label: str, files: int | None, bytes: int | None) -> None:
        with self._lock:
            if self._started is None or label != self._figures.label:
                self._started = self._clock()
                self._next = self._started + self._first
                self._figures = Figures(label)
            self._figures = replace(self._figures, files_total=files, bytes_total=bytes)

    def advance(self, *, files: int = 0, bytes: int = 0) -> None:
        with self._lock:
            before, now = self._figures, self._clock()
            seconds = now - self._started if self._started is not None else 0.0
            self._figures = replace(before, files=before.files + files, bytes=before.bytes + bytes, seconds=seconds)
            if now >= self._next and self._started is not None:
                self._next = now + self._interval
                self._visible = True
                self._show(self._figures)

    def finish(self) -> None:
        with self._lock:
            if self._visible:
                self._close(self._figures)
            self._started, self._visible = None, False

    def _show(self, figures: Figures) -> None:
        raise NotImplementedError

    def _close(self, figures: Figures) -> None:
        raise NotImplementedError


class LineProgress(_Counting):
    """One plain line every few seconds, and a last one when there was a first."""

    def __init__(self, say: Callable[[str], None], clock: Clock = time.monotonic) -> None:
        super().__init__(LINE_SECONDS, LINE_SECONDS, clock)
        self._say = say

    def _show(self, figures: Figures) -> None:
        self._say(str(figures))

    def _close(self, figures: Figures) -> None:
        self._say(str(figures))


class BarProgress(_Counting):
    """A bar on a terminal, gone when the transfer ends."""

    def __init__(self, console: Console, clock: Clock = time.monotonic) -> None:
        super().__init__(BAR_AFTER_SECONDS, 0.1, clock)
        self._console = console
        self._bar: Bar | None = None

    def _show(self, figures: Figures) -> None:
        if self._bar is None:
            from wabucketref.cli.bar import RichBar

            self._bar = RichBar()
            self._console.shares_line = True
        self._bar.update(figures)

    def _close(self, figures: Figures) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._console.shares_line = None, False


def progress_for(console: Console, *, silent: bool) -> Progress:
    """What fits this process's stderr."""
    if silent or console.err is None:
        return SilentProgress()
    if console.err.isatty() and os.environ.get("TERM") not in ("dumb", "unknown"):
        return BarProgress(console)
    return LineProgress(console.say)
