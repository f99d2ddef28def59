"""The line of records: a socket of its own beside that of gRPC, for what a training loop waits for.

Each message is an Envelope behind its length in bytes, 32 bits little-endian; the first that a client sends has the
client's id as its uuid. Whoever sends a record reads its answer on the same thread: through gRPC, each record would be
handed from thread to thread three times in its client alone, which costs several times what all the rest does
(docs/decisions/0008).
"""

import asyncio
import contextlib
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from wabucketref.errors import WaBucketError
from wabucketref.service.remote.calls import MAX_MESSAGE
from wabucketref.service.wabucket_pb2 import Envelope

_LENGTH: Final = struct.Struct("<I")
_CHUNK: Final = 1 << 16


class LineBroken(Exception):
    """The other end is gone, or what came from it makes no sense."""


class Sent:
    """An envelope on the line, and its answer or why there will be none."""

    __slots__ = ("answer", "envelope", "error")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.answer: Envelope | None = None
        self.error: WaBucketError | None = None

    @property
    def settled(self) -> bool:
        return self.answer is not None or self.error is not None


class Line:
    """A client's end. One thread may send while another receives."""

    def __init__(self, path: Path, client: str, seconds: float) -> None:
        """Connects. Nothing lasts longer than `seconds`.

        Raises:
            LineBroken: nobody accepts.
        """
        self._buffer = b""
        with contextlib.ExitStack() as undo:
            try:
                self._socket = undo.enter_context(socket.socket(socket.AF_UNIX))
                self._socket.settimeout(seconds)
                self._socket.connect(str(path))
            except OSError as error:
                raise LineBroken(str(error)) from error
            self.send(framed(Envelope(uuid=client)))
            undo.pop_all()

    def send(self, message: bytes) -> None:
        """Send what :func:`framed` made. Broken when it cannot be sent whole: the other end hears of it, and so does
        :meth:`receive`."""
        try:
            self._socket.sendall(message)
        except OSError:
            self.hang_up()
        except BaseException:  # a signal's: half a message may be under way
            self.hang_up()
            raise

    def receive(self) -> list[Envelope]:
        """The next answers.

        Raises:
            TimeoutError: none came in time.
            LineBroken: none will come.
        """
        try:
            while not (found := list(self._whole())):
                if not (more := self._socket.recv(_CHUNK)):
                    raise LineBroken("the other end hung up")
                self._buffer += more
        except TimeoutError:
            raise
        except (OSError, DecodeError) as error:
            raise LineBroken(str(error)) from error
        return found

    def wait_broken(self) -> None:
        """Return when either end has hung up. Costs nothing while records are sent."""
        broken = select.poll()
        broken.register(self._socket, 0)
        broken.poll()

    def hang_up(self) -> None:
        """Wake whoever sends, receives or waits here; idempotent."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other end was first

    def close(self) -> None:
        """Give the socket back, once nobody uses it any more."""
        self._socket.close()

    def _whole(self) -> Iterator[Envelope]:
        """Takes the messages that have come whole out of the buffer."""
        start, size = 0, len(self._buffer)
        while size - start >= _LENGTH.size:
            end = start + _LENGTH.size + _LENGTH.unpack_from(self._buffer, start)[0]
            if end > size:
                break
            yield Envelope.FromString(self._buffer[start + _LENGTH.size : end])
            start = end
        self._buffer = self._buffer[start:]


def framed(envelope: Envelope) -> bytes:
    """The message as it is sent."""
    payload = envelope.SerializeToString()
    return _LENGTH.pack(len(payload)) + payload


async def receive(reader: asyncio.StreamReader) -> Envelope | None:
    """The next message; None when the other end has hung up.

    Raises:
        LineBroken: what came makes no sense.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_MESSAGE:
            raise LineBroken(f"a message of {length} bytes")
        return Envelope.FromString(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, OSError):
        return None
    except DecodeError as error:
        raise LineBroken(str(error)) from error
