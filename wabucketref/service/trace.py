"""A trace of protocol messages: who handed what to whom. Off unless a sink is given."""

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from wabucketref.errors import LocalIOError

log = logging.getLogger(__name__)

Trace = Callable[[str, str, object], None]
"""Called with (from, to, message) at each hand-over, from any thread. A message is made into text, by ``str``, only
where it is kept: the rows of a training loop pass here."""


def no_trace(source: str, target: str, message: object) -> None:
    """Keep nothing."""


class Event(NamedTuple):
    """One hand-over."""

    time: float
    """Seconds since the epoch."""
    thread: str
    """On which it was made."""
    source: str
    target: str
    message: str


class FileTrace:
    """Appends events to a file, one JSON array a line. Thread-safe. The file is the user's alone: names of artifacts
    and places in buckets stand in it, secrets do not."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Raises LocalIOError when the file cannot be written."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LocalIOError(f"cannot write the trace {path}: {error.strerror}", hint="name another file") from error
        self._file = open(descriptor, "a", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        self._lock = threading.Lock()
        self._over = False

    def __call__(self, source: str, target: str, message: object) -> None:
        event = Event(time.time(), threading.current_thread().name, source, target, str(message))
        with self._lock:
            if not self._over:
                try:
                    self._file.write(json.dumps(event, ensure_ascii=False) + "\n")
                except OSError as error:
                    log.warning("the trace ends here: %s", error.strerror)
                    self._end()

    def close(self) -> None:
        """What was traced is in the file; later events are dropped. Idempotent."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            with contextlib.suppress(OSError):  # what a full disk did not take; that was said
                self._file.close()


def read_trace(path: Path) -> Iterator[Event]:
    """The events of a file that :class:`FileTrace` wrote."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield Event(*json.loads(line))
