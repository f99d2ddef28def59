"""One connection that speaks HTTP/1.1: a request, its answer, the next request. Blocking, for threads that wait.

Sockets stay in blocking mode, since a timeout of Python's costs a system call more for each read. The kernel is told
how long it may wait (``SO_RCVTIMEO``, ``SO_SNDTIMEO``), and the pace of bodies is watched here.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from wabucketref.contracts.storage import Buffer, Sink
from wabucketref.store.drivers.pace import SLOWEST, Stalled
from wabucketref.store.native.heads import HEAD_BYTES, Head, NotHttp, check_beginning, parsed
from wabucketref.store.native.pace import Pace, stalled, unsent

PIECE: Final = 256 << 10
"""Bytes that are handed over at once."""
_RECORD: Final = 16 << 10
"""Bytes that TLS brings at once, at most; what comes so moves."""
_TOGETHER: Final = 128 << 10
"""A body up to so long goes in one piece with its head."""
_THINKING: Final = 10
"""How many times as long as a body may stand still a server may take for an answer."""
_NO_BODY: Final = frozenset({204, 304})


class CutShort(ConnectionError):
    """The connection ended before the answer did."""


class Connection:
    """A connection that is open. `stall`: seconds without progress after which a request has failed.

    After any error it must be closed.
    """

    __slots__ = ("_at", "_buffer", "_end", "_large", "_stall", "_unsent", "_view", "lasting", "sock")

    def __init__(self, sock: socket.socket, stall: float) -> None:
        self.sock = sock
        self.lasting = True
        """Whether another request may follow once the answer is read."""
        self._stall = stall
        self._buffer = bytearray(HEAD_BYTES)
        self._view = memoryview(self._buffer)
        self._large: memoryview | None = None
        self._at = self._end = 0
        self._unsent = 0
        """Bytes of the request that the kernel still had when last looked at: they move, though nothing comes."""

    def close(self) -> None:
        self.sock.close()

    def send(self, head: bytes, body: Buffer = b"") -> None:
        """Raises OSError, Stalled."""
        together = len(body) <= _TOGETHER
        try:
            self.sock.sendall(b"".join((head, body)) if together else head)
            if not together:
                self._send_all(memoryview(body))
                self._unsent = unsent(self.sock)
        except (BlockingIOError, ssl.SSLWantWriteError) as error:
            raise stalled(self._stall) from error

    def _send_all(self, body: memoryview) -> None:
        pace, at, send = Pace(self._stall), 0, self.sock.send
        while at < len(body):
            count = send(body[at : at + PIECE])
            at += count
            pace.move(count)

    def receive(self, *, bodiless: bool = False) -> Head:
        """The head of the answer; `bodiless`: no body follows whatever it says, as to HEAD.

        Raises OSError, Stalled, NotHttp.
        """
        deadline = time.monotonic() + _THINKING * self._stall
        while True:
            text = self._head(deadline)
            head = parsed(text)
            if head.status >= 200:
                return self.began(head, text, bodiless=bodiless)

    def began(self, head: Head, text: bytes, *, bodiless: bool = False) -> Head:
        """`head`, whose `text` an answer began with."""
        headers = head.headers
        if bodiless or head.status in _NO_BODY:
            head.length = 0
        last = "close" in headers.get("connection", "").lower() or text.startswith(b"HTTP/1.0")
        unbounded = head.length is None and "transfer-encoding" not in headers
        self.lasting = not last and not unbounded
        return head

    def put_back(self, data: bytes) -> None:
        """What somebody else has read and not used, before anything is read here; less than a head is."""
        self._at, self._end = 0, len(data)
        self._view[: len(data)] = data

    def _head(self, deadline: float) -> bytes:
        if self._at == self._end:
            self._at = self._end = 0
        searched = self._at
        while (found := self._buffer.find(b"\r\n\r\n", searched, self._end)) < 0:
            check_beginning(self._view[self._at : self._end])
            searched = max(self._at, self._end - 3)
            if self._end == HEAD_BYTES:
                self._shift()
                searched = 0
            self._fill()
            if time.monotonic() > deadline:
                raise Stalled(f"no answer for {_THINKING * self._stall:g} s")
        text = bytes(self._view[self._at : found])
        self._at = found + 4
        return text

    def _fill(self) -> None:
        """Read what is there, at least one byte."""
        self._end += self._read_some(self._view[self._end :])

    def _shift(self) -> None:
        rest = bytes(self._view[self._at : self._end])
        self._at, self._end = 0, len(rest)
        self._view[: self._end] = rest

    def _waited(self, error: OSError) -> None:
        """Nothing came for so long. Raises Stalled, unless what was sent still moves."""
        before, self._unsent = self._unsent, unsent(self.sock)
        if before - self._unsent < self._stall * SLOWEST:
            raise stalled(self._stall) from error

    def body(self, head: Head, limit: int) -> bytes | None:
        """The whole body; None (and the connection is of no more use) when it is longer than `limit`."""
        length = head.length
        if length is None:
            return self._gathered(head, limit)
        if length > limit:
            self.lasting = False
            return None
        here = self._view[self._at : min(self._end, self._at + length)]
        if len(here) == length:
            self._at += length
            return bytes(here)
        data = bytearray(length)
        view, at = memoryview(data), len(here)
        view[:at] = here
        self._at = self._end = 0
        self._read_whole(view[at:], Pace(self._stall))
        return bytes(data)

    def _gathered(self, head: Head, limit: int) -> bytes | None:
        pieces = bytearray()

        def take(piece: memoryview) -> None:
            if len(pieces) + len(piece) > limit:
                raise _TooLong
            pieces.extend(piece)

        try:
            self.pour(head, take)
        except _TooLong:
            self.lasting = False
            return None
        return bytes(pieces)

    def pour(self, head: Head, sink: Sink) -> None:
        """Hand the body to `sink` as it comes. Raises OSError, Stalled, NotHttp, and what `sink` raises."""
        if head.length is not None:
            self._pour(head.length, sink, Pace(self._stall))
        elif "chunked" in head.headers.get("transfer-encoding", "").lower():
            self._pour_chunks(sink)
        else:
            self._pour_rest(sink)

    def _pour(self, left: int, sink: Sink, pace: Pace) -> None:
        here = min(left, self._end - self._at)
        if here:
            sink(self._view[self._at : self._at + here])
            self._at += here
            left -= here
        if not left:
            return
        large = self._large = self._large or memoryview(bytearray(PIECE))
        while left:
            piece = large[:left]
            self._read_whole(piece, pace)
            sink(piece)
            left -= len(piece)

    def _read_whole(self, piece: memoryview, pace: Pace) -> None:
        """Over TLS a record of 16 KiB comes at a time, so each step counts."""
        filled, size = 0, len(piece)
        while filled < size:
            count = self._read_some(piece[filled:])
            filled += count
            if count < _RECORD or filled == size:
                pace.move(count)

    def _read_some(self, room: memoryview) -> int:
        sock = self.sock
        while True:
            try:
                count = sock.recv_into(room, len(room))
            except (BlockingIOError, ssl.SSLWantReadError) as error:
                self._waited(error)
                continue
            if not count:
                raise _cut_short()
            return count

    @property
    def in_clear(self) -> bool:
        """Whether what comes by the socket is what the server sent."""
        return not isinstance(self.sock, ssl.SSLSocket)

    def splice(self, head: Head, sink: Sink, inlet: int, room: int, drain: Callable[[int], object]) -> None:
        """As :meth:`pour` (of a body of known length), but only what is here already goes to `sink`.

        The rest goes into a pipe by its `inlet`, with `room` for so many bytes; `drain` is told how many are in it.
        """
        left, pace, source = head.length or 0, Pace(self._stall), self.sock.fileno()
        here = min(left, self._end - self._at)
        if here:
            sink(self._view[self._at : self._at + here])
            self._at += here
            left -= here
        while left:
            try:
                count = os.splice(source, inlet, min(left, room))
            except BlockingIOError as error:
                self._waited(error)
                continue
            if not count:
                raise _cut_short()
            drain(count)
            left -= count
            pace.move(count)

    def _pour_chunks(self, sink: Sink) -> None:
        pace = Pace(self._stall)
        while True:
            text = self._line().split(b";", 1)[0].strip()
            try:
                size = int(text, 16)
            except ValueError as error:
                raise NotHttp(f"a chunk of {text[:20]!r} bytes") from error
            if not size:
                break
            self._pour(size, sink, pace)
            if self._line():
                raise NotHttp("a chunk longer than it says")
        while self._line():
            pass

    def _line(self) -> bytes:
        if self._at == self._end:
            self._at = self._end = 0
        while (found := self._buffer.find(b"\r\n", self._at, self._end)) < 0:
            if self._end == HEAD_BYTES:
                if self._at == 0:
                    raise NotHttp("a line without end")
                self._shift()
            self._fill()
        line = bytes(self._view[self._at : found])
        self._at = found + 2
        return line

    def _pour_rest(self, sink: Sink) -> None:
        pace = Pace(self._stall)
        try:
            while True:
                if self._at == self._end:
                    self._at = self._end = 0
                    self._fill()
                count = self._end - self._at
                sink(self._view[self._at : self._end])
                self._at = self._end
                pace.move(count)
        except CutShort:
            return

    def was_closed(self) -> bool:
        """Whether the server has ended it meanwhile (or said something out of turn)."""
        try:
            socket.socket.recv(self.sock, 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)  # below TLS
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


class _TooLong(Exception):
    """More than the limit."""


def _cut_short() -> CutShort:
    return CutShort("the connection was closed before the answer was whole")
