"""Ctrl-C and SIGTERM: once ends orderly, twice leaves at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from wabucketref.errors import Interrupted, Terminated, TerminationRequested, WaBucketError

HINT = "what is done so far is kept; the same command goes on from there, and `wabucket sync` records what is pending"


@dataclass
class Stop:
    """Which signal asked this process to end, if any."""

    signal: int | None = None

    def error(self) -> WaBucketError:
        """What the signal means, for the user."""
        if self.signal in (signal.SIGTERM, signal.SIGHUP):
            return Terminated(f"terminated by {signal.Signals(self.signal).name}", hint=HINT)
        return Interrupted("interrupted", hint=HINT)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The handler. Raises in the main thread, wherever that is."""
        if self.signal is not None:
            if number == signal.SIGINT:
                _leave(self.error().exit_code)
            return  # a supervisor may send SIGTERM to the group and to us: one is enough
        self.signal = number
        raise KeyboardInterrupt if number == signal.SIGINT else TerminationRequested


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Handle the stop signals inside the block, in the main thread only; ignored ones (``nohup``) stay ignored."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stop.handle)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(code: int) -> None:
    """End now. The journal has everything; a progress display may have hidden the cursor."""
    if os.isatty(2):
        os.write(2, b"\x1b[?25h\n")
    os._exit(code)
