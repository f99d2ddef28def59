"""Cutting a stream of chunks into blocks of one size."""

from collections.abc import Iterable, Iterator

from wabucketref.errors import LocalIOError


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
