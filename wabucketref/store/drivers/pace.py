"""Gives up requests that make no progress, which no timeout between two packets finds: a byte a second is not progress.

An HTTP client is told only how long the other side may be silent. Here the bytes of a body are counted as they go and
come, and each part of it has to move in time.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
STALL_SECONDS: Final = 60.0
SLOWEST: Final = 1024
"""Bytes a second that count as progress."""
_THINKING: Final = 10
"""How many times as long a request may last while it moves no body: a server joins parts, or copies."""
_PIECE: Final = 64 << 10


class Stalled(Exception):
    """A request moved too few bytes in too long a time."""


class Pace:
    """The bytes that one request moved, and by when it must have moved more."""

    def __init__(self, limit: "asyncio.Timeout", seconds: float) -> None:
        self._limit: asyncio.Timeout | None = limit
        self._seconds = seconds
        self._enough = seconds * SLOWEST
        self._moved = 0.0

    def start(self) -> None:
        """A body is under way from now on."""
        self._moved = 0.0
        self._allow(self._seconds)

    def move(self, count: int) -> None:
        """So many bytes of it have moved."""
        self._moved += count
        if self._moved >= self._enough:
            self.start()

    def rest(self) -> None:
        """No body is under way; the client's own timeout watches the silence."""
        self._allow(_THINKING * self._seconds)

    def end(self) -> None:
        """The request is over. A connection that it opened keeps this object as long as it lasts, and must not keep
        the request, its answer and what was sent."""
        self._limit = None

    def _allow(self, seconds: float) -> None:
        import asyncio  # slow to import, and the native plane does without

        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + seconds)


_pace: ContextVar[Pace] = ContextVar("pace")


async def keep_pace(work: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Carry out one request, inside which :class:`Pieces` and :func:`read_body` count.

    Raises:
        Stalled: less than 1 KiB/s moved for `seconds`.
    """
    import asyncio

    limit = asyncio.timeout(None)
    try:
        async with limit:
            pace = Pace(limit, seconds)
            pace.rest()
            token = _pace.set(pace)
            try:
                return await work()
            finally:
                _pace.reset(token)
                pace.end()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Stalled(f"no progress for {seconds:g} s (less than 1 KiB/s)") from error


class Pieces:
    """A request's body in pieces, so that it is seen how far it got, and other requests go on meanwhile."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        pace, view = _pace.get(), memoryview(self._data)
        pace.start()
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            yield piece
            pace.move(len(piece))
        pace.rest()


async def read_body(read: Callable[[int], Awaitable[bytes]], limit: int) -> bytes | None:
    """A body by `read(most)`, which gives what is there and nothing at the end; None when it is longer than `limit`."""
    pace, pieces, size = _pace.get(), [], 0
    pace.start()
    while piece := await read(4 * _PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return None
        pace.move(len(piece))
    pace.rest()
    return b"".join(pieces)


def stall_seconds(environ: Any) -> float:
    """``WABUCKET_STALL_TIMEOUT``, which wiring sets; the default for drivers that are used without it."""
    return float(environ.get("WABUCKET_STALL_TIMEOUT") or STALL_SECONDS)
