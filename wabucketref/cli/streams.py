"""Standard output and error of the process: bytes that arrive or an honest failure, whatever they are connected to."""

import os
import sys
from collections.abc import Iterable
from itertools import islice
from typing import Final, TextIO

from wabucketref.cli.render.text import printable
from wabucketref.errors import LocalIOError

_LINES: Final = 4096
"""Written at once."""
_WIPE: Final = "\r\x1b[2K"


class Console:
    """Result data to stdout, everything else to stderr.

    Writing never interrupts an operation under way: a reader that went away (``| head -1``) is quietly forgotten, and
    any other failure of stdout is kept for :meth:`check`. Not for use from several threads, save :meth:`say`.
    """

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out = out
        self._err = err
        self._failure: OSError | None = None
        self.shares_line = False
        """A progress bar is drawn on the current line of stderr; what is said wipes it, and it draws itself again."""

    @classmethod
    def of_process(cls) -> "Console":
        """The console of this process; a closed descriptor 0, 1 or 2 is taken by the null device first.

        Otherwise the next file opened, a database for instance, would get that number and receive stray prints.
        """
        _occupy_standard_descriptors()
        return cls(sys.stdout, sys.stderr)

    @property
    def err(self) -> TextIO | None:
        return self._err

    @property
    def writable(self) -> bool:
        """Whether stdout still takes results."""
        return self._out is not None

    def data(self, text: str) -> None:
        """One line (or several) of result data, as it is."""
        if self._out is None:
            return
        try:
            _write(self._out, text + "\n")
        except OSError as error:
            _abandon(self._out)
            self._out = None
            if not isinstance(error, BrokenPipeError):
                self._failure = error

    def lines(self, lines: Iterable[str]) -> None:
        """Result data of many lines, which are written as they come."""
        rest = iter(lines)
        while some := list(islice(rest, _LINES)):
            self.data("\n".join(some))

    def say(self, text: str) -> None:
        """One line to stderr, escaped."""
        self._say_raw(printable(text))

    def trace(self, text: str) -> None:
        """A traceback to stderr: line breaks stay."""
        for line in text.splitlines():
            self.say(line)

    def check(self) -> None:
        """Raise what went wrong with stdout so far.

        Raises:
            LocalIOError: the result could not be written (no space, I/O error).
        """
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise LocalIOError(
                f"cannot write the result to standard output: {failure.strerror or failure}",
                hint="the operation itself is done; make room and ask for its result again",
            ) from failure

    def _say_raw(self, text: str) -> None:
        if self._err is None:
            return
        try:
            _write(self._err, f"{_WIPE if self.shares_line else ''}{text}\n")
        except OSError:
            # There is no third stream to say on that the second is gone; the exit code still tells.
            _abandon(self._err)
            self._err = None


def _write(stream: TextIO, text: str) -> None:
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        stream.write(text)
        stream.flush()
        return
    stream.flush()
    buffer.write(_encode(text, stream.encoding or "utf-8"))
    buffer.flush()


def _encode(text: str, encoding: str) -> bytes:
    """Names of files come out byte for byte; what the encoding cannot say is escaped, never replaced by ``?``."""
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.encode(encoding, "backslashreplace")


def _abandon(stream: TextIO) -> None:
    """Point a failed stream's descriptor at the null device, or the interpreter would flush it again at exit."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return  # a stream in memory has no descriptor to flush
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)


def _occupy_standard_descriptors() -> None:
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
