"""Uploads in parts on GCS: one resumable session, whose bytes come in order.

How many of them are stored the server says at any time, to any process that knows the session's id; until the end these
are whole units of 256 KiB. A part that is smaller than the others is the last one, and goes with the request that ends
the upload, since only that may have another length. A session is over a week after it began.
"""

import threading
from collections.abc import Callable, Iterable, Mapping

from wabucketref.contracts.storage import Buffer, ObjectInfo, Part
from wabucketref.errors import NotFound, TransientError, UsageError
from wabucketref.store.drivers.gcs_client import Answer, Checksum
from wabucketref.store.drivers.gcs_stream import kept_bytes

UNIT = 256 << 10
_INCOMPLETE = 308
OVER = frozenset({404, 410, 499})

Send = Callable[[str, bytes], Answer]
"""Sends bytes to the session with a ``Content-Range``; the statuses 308 and of `OVER` are no errors."""


class GcsMultipart:
    """One upload. `send` talks to its session, `info` reads the facts of the object out of the last answer."""

    def __init__(
        self,
        what: str,
        upload_id: str,
        part_bytes: int,
        send: Send,
        info: Callable[[Answer], ObjectInfo],
        abort: Callable[[], None],
    ) -> None:
        self.upload_id = upload_id
        self._what = what
        self._part_bytes = part_bytes
        self._send = send
        self._info = info
        self.abort = abort
        self._kept: int | None = 0
        """Bytes that are stored; None when the server has to be asked."""
        self._last = b""
        self._sent: Checksum | None = Checksum()
        """Of all parts; None when some of them were sent by an earlier try."""
        self._parts: dict[int, Part] = {}
        self._lock = threading.Lock()

    @property
    def landed(self) -> Mapping[int, Part]:
        with self._lock:
            return dict(self._parts)

    def take_up(self, parts: Iterable[Part]) -> None:
        """Go on after `parts`, as far as they are stored.

        Raises:
            NotFound: the upload is over, or bytes of no known part are stored.
        """
        with self._lock:
            if self._ask("*") is not None:
                raise self.over()
            kept, end = self._kept or 0, 0
            for part in sorted(parts, key=lambda part: part.number):
                end += part.size
                if end <= kept and part.size == self._part_bytes:
                    self._parts[part.number] = part
            if kept > end:
                raise self.over()
            if self._parts:
                self._sent = None

    def put_part(self, number: int, data: Buffer) -> Part:
        data = bytes(data)
        part = Part(number, len(data))
        with self._lock:
            count = len(self._parts)
            if not 1 <= number <= count + (not self._last) or not 0 < len(data) <= self._part_bytes:
                raise UsageError(f"{self._what}: part {number} of {len(data)} bytes is not the next one")
            if len(data) < self._part_bytes:
                self._last = data
            elif self._exchange(data, (number - 1) * self._part_bytes, "*") is not None:
                raise self.over()
            if self._sent is not None and number == count + 1:
                self._sent.update(data)
            self._parts[number] = part
        return part

    def complete(self) -> ObjectInfo:
        with self._lock:
            total = sum(part.size for part in self._parts.values())
            answer = self._exchange(self._last, total - len(self._last), str(total))
            if answer is None:
                raise TransientError(f"{self._what}: the store has not all of {total} bytes", hint="try again")
            if self._sent is not None:
                answer.check(self._sent)
            return self._info(answer)

    def _exchange(self, data: bytes, start: int, total: str) -> Answer | None:
        """Send what is not stored yet of `data`; None unless the upload was or became complete: its last answer."""
        end = start + len(data)
        while True:
            if self._kept is None and (done := self._ask(total)) is not None:
                return done
            kept = self._kept or 0
            if kept < start:
                raise self.over()
            rest = data[kept - start :]
            if not rest and total == "*":
                return None
            self._kept = None  # until the answer is here
            answer = self._send(f"bytes {f'{kept}-{end - 1}' if rest else '*'}/{total}", rest)
            if (done := self._understood(answer)) is not None or not rest:
                return done
            if (self._kept or 0) <= kept:
                raise TransientError(f"{self._what}: the store kept nothing of {len(rest)} bytes", hint="try again")

    def _ask(self, total: str) -> Answer | None:
        """Learn how many bytes are stored; the answer when the upload is complete."""
        return self._understood(self._send(f"bytes */{total}", b""))

    def _understood(self, answer: Answer) -> Answer | None:
        if answer.status in OVER:
            raise self.over()
        if answer.status != _INCOMPLETE:
            return answer
        # Emulators say one byte when there is none; the protocol knows only whole units here.
        self._kept = kept_bytes(answer) // UNIT * UNIT
        return None

    def over(self) -> NotFound:
        return NotFound(f"{self._what}: the upload in parts is over", hint="run the same command again: it starts over")
