"""A server that does to each connection what a test wants."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

Play = Callable[[socket.socket, int], object]
"""What is done with the request of this number, whose head was read from the connection."""


@dataclass
class Stage:
    """A server on which each request is answered by a thread of its own connection."""

    play: Play
    port: int = 0
    connections: int = 0
    most: int = 0
    """Requests that were under way at once."""
    _now: int = 0
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.connections += 1
                threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while _head_of(connection):
                with self._lock:
                    self._now += 1
                    self.most = max(self.most, self._now)
                try:
                    self.play(connection, next(self._numbers))
                finally:
                    with self._lock:
                        self._now -= 1


def _head_of(connection: socket.socket) -> bytes:
    """The request's head, one byte at a time, so that nothing of a body is taken; empty at the end, and for what is no
    head but the rest of a body that nobody heard: searching megabytes of it would keep the processor from other tests.
    """
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(data) > 1024:
            return b""
        data += byte
    return data


def text(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
