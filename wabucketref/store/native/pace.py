"""Whether what is sent and what comes moves, for threads that wait for it."""

import fcntl
import socket
import sys
import termios
import time

from wabucketref.store.drivers.pace import SLOWEST, Stalled


class Pace:
    """Watches that a body moves: at least 1 KiB/s within `seconds`."""

    __slots__ = ("_begun", "_enough", "_moved", "_seconds")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._enough = seconds * SLOWEST
        self._moved = 0
        self._begun = time.monotonic()

    def move(self, count: int) -> None:
        """So many bytes of it have moved. Raises Stalled."""
        self._moved += count
        if self._moved >= self._enough:
            self._moved, self._begun = 0, time.monotonic()
        elif time.monotonic() - self._begun > self._seconds:
            raise stalled(self._seconds)


def stalled(seconds: float) -> Stalled:
    """The error for what did not move for so long."""
    return Stalled(f"no progress for {seconds:g} s (less than 1 KiB/s)")


def unsent(sock: socket.socket) -> int:
    """Bytes that were sent and that the other side has not confirmed; 0 where the system does not tell."""
    try:
        return int.from_bytes(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4), sys.byteorder)
    except OSError:
        return 0
