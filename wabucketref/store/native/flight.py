"""One request under way on a connection that blocks nobody: what is to be sent, and what has come of the answer."""

import ssl
import time
from typing import Final

from wabucketref.store.drivers.pace import SLOWEST
from wabucketref.store.native.heads import Head, check_beginning, parsed
from wabucketref.store.native.pace import unsent
from wabucketref.store.native.wire import Connection, CutShort

_BLOCKED = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_STEP: Final = 16 << 10
"""Bytes that are asked for at once while it is not known how many will come."""
_REFUSAL: Final = 64 << 10
"""Bytes of the body of a refusal that are taken at most, which says why: however few were asked for."""
_END: Final = b"\r\n\r\n"


class Flight:
    """A request and its answer, of which a body of at most `limit` bytes is taken."""

    __slots__ = (
        "_came",
        "_got",
        "_limit",
        "_out",
        "_unsent",
        "begun",
        "body",
        "connection",
        "head",
        "moved",
        "size",
        "tag",
    )  # fmt: skip

    def __init__(self, connection: Connection, tag: object, message: bytes, limit: int) -> None:
        self.connection = connection
        self.tag = tag
        self.head: Head | None = None
        self.body: bytes | None = None
        """The whole body once the answer is there; None when it is longer."""
        self.begun = self.moved = time.monotonic()
        """When it was last looked at whether enough did."""
        self._out: bytes | memoryview = message
        self._unsent = self.size = len(message)
        self._got = b""
        self._came = 0
        """Bytes of the answer since then."""
        self._limit = limit

    @property
    def sending(self) -> bool:
        """Whether some of the request is still to be sent."""
        return bool(self._out)

    def send(self) -> None:
        """Send what the kernel takes. Raises OSError."""
        try:
            count = self.connection.sock.send(self._out)
        except _BLOCKED:
            return
        self._out = b"" if count == len(self._out) else memoryview(self._out)[count:]

    def is_stalled(self, seconds: float) -> bool:
        """Whether it has not moved for so long; what the kernel still has to send may move unseen."""
        now = time.monotonic()
        if now - self.moved < seconds:
            return False
        left = len(self._out) + unsent(self.connection.sock)
        moved = self._unsent - left + self._came
        self.moved, self._unsent, self._came = now, left, 0
        return moved < seconds * SLOWEST

    def receive(self) -> bool:
        """Take what has come; True once the answer is there. Raises OSError, Stalled, NotHttp."""
        sock = self.connection.sock
        while True:
            try:
                piece = sock.recv(self._missing())
            except _BLOCKED:
                return False
            if not piece:
                raise CutShort("the connection was closed before the answer was whole")
            self._came += len(piece)
            self._got = self._got + piece if self._got else piece
            if self._is_whole():
                return True

    def _missing(self) -> int:
        head = self.head
        return _STEP if head is None or head.length is None else head.length - len(self._got)

    def _is_whole(self) -> bool:
        while self.head is None:
            text, end, rest = self._got.partition(_END)
            if not end:
                check_beginning(self._got)
                return False
            head = parsed(text)
            self._got = rest
            if head.status >= 200:
                self.head = self.connection.began(head, text)
                if head.status >= 300:
                    self._limit = max(self._limit, _REFUSAL)
        head, got = self.head, self._got
        if head.length is None or head.length > self._limit:
            return self._rest(head)
        if len(got) < head.length:
            return False
        if len(got) > head.length or self._out:
            self.connection.lasting = False  # it says more than it was asked for, or did not hear it all
        self.body = got[: head.length]
        return True

    def _rest(self, head: Head) -> bool:
        """A body without a length, or too long a one: taken at once, as by those who wait for it."""
        connection = self.connection
        connection.sock.setblocking(True)
        connection.put_back(self._got)
        self.body = connection.body(head, self._limit)
        connection.sock.setblocking(False)
        return True
