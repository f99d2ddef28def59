"""Cutting a stream of chunks into blocks of one size."""

from collections.abc import Callable, Iterable, Iterator

from wabucketref.contracts.storage import Sink
from wabucketref.errors import LocalIOError

_STEP = 4 << 20


def read_in_steps(read: Callable[[int, int], bytes], start: int, length: int, sink: Sink) -> int:
    """``Storage.read_to`` for those that only know ``read_range``, here ``read(start, length)``."""
    end = start + length
    for at in range(start, end, _STEP):
        step = min(_STEP, end - at)
        data = read(at, step)
        if data:
            sink(memoryview(data))
        if len(data) < step:
            return at + len(data) - start
    return max(length, 0)


def blocks(chunks: Iterable[bytes], block: int, size: int, what: str) -> Iterator[bytes]:
    """Blocks of `block` bytes (the last may be shorter); at least one, which is empty for an empty stream.

    Raises:
        LocalIOError: the chunks do not add up to `size`. It comes before the last block, so nothing is finished.
    """
    buffer = bytearray()
    total = 0
    for chunk in chunks:
        total += len(chunk)
        buffer += chunk
        while len(buffer) > block:
            yield bytes(memoryview(buffer)[:block])
            del buffer[:block]
        if total > size:
            break
    if total != size:
        raise LocalIOError(f"{what}: {total} bytes came, {size} were announced", hint="run the same command again")
    yield bytes(buffer)
