"""Terminal capture: lines of stdout and stderr become records while they still reach the terminal."""

import io
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TextIO

from wabucketref.errors import WaBucketError
from wabucketref.service.wabucket_pb2 import OutputRecord, Record

_MAX_LINE: Final = 16_384


class ConsoleCapture:
    """Replaces ``sys.stdout`` and ``sys.stderr`` until :meth:`stop`; `publish` gets one record a line."""

    def __init__(self, publish: Callable[[Record], Any]) -> None:
        self._publish = publish
        self._lock = threading.RLock()
        self._busy = threading.local()
        self._originals = (sys.stdout, sys.stderr)
        self._tees = tuple(
            _Tee(stream, name, self._line, self._publishing)
            for stream, name in zip(self._originals, ("stdout", "stderr"), strict=True)
        )
        sys.stdout, sys.stderr = self._tees

    def stop(self) -> None:
        """Give the streams back, unless somebody replaced them meanwhile; the last unfinished line is kept."""
        for tee in self._tees:
            tee.end()
        if sys.stdout is self._tees[0]:
            sys.stdout = self._originals[0]
        if sys.stderr is self._tees[1]:
            sys.stderr = self._originals[1]

    def _publishing(self) -> bool:
        """Whether this thread is publishing a line just now."""
        return getattr(self._busy, "value", False)

    def _line(self, stream: str, text: str) -> None:
        self._busy.value = True
        try:
            with self._lock:
                # A path that is not UTF-8 prints as such, but cannot be recorded.
                plain = text[:_MAX_LINE].encode(errors="backslashreplace").decode()
                record = OutputRecord(stream=stream, time=time.time(), text=plain)
                self._publish(Record(output=record))
        except WaBucketError as error:
            self._originals[1].write(f"terminal output is not recorded: {error}\n")
        finally:
            self._busy.value = False


class _Tee(io.TextIOBase):
    """Writes through to `target` and hands whole lines on; a carriage return starts the line over.

    After :meth:`end` it only writes through: handlers of logging keep the stream that they once got.
    """

    def __init__(
        self, target: TextIO, name: str, line: Callable[[str, str], None], publishing: Callable[[], bool]
    ) -> None:
        self._target = target
        self._name = name
        self._line = line
        self._publishing = publishing
        self._rest = ""
        self._ended = False
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def write(self, text: str) -> int:
        self._target.write(text)
        # A forked child records nothing, and the lock may be held for ever in it; what publishing itself prints must
        # neither come back here nor run into a line of the user's.
        if os.getpid() != self._pid or self._publishing():
            return len(text)
        with self._lock:
            if self._ended:
                return len(text)
            *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(self._name, line.rsplit("\r", 1)[-1])
        return len(text)

    def end(self) -> None:
        """Hand on what has no line end yet."""
        with self._lock:
            rest, self._rest, self._ended = self._rest, "", True
        if rest:
            self._line(self._name, rest.rsplit("\r", 1)[-1])

    def flush(self) -> None:
        self._target.flush()

    def isatty(self) -> bool:
        return self._target.isatty()

    def fileno(self) -> int:
        return self._target.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._target.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)
