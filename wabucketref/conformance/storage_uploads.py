"""Checks of streams and copies."""

from collections.abc import Iterator
from contextlib import contextmanager

from wabucketref.conformance.results import Broken, expect, same
from wabucketref.conformance.storage_bench import Bench
from wabucketref.errors import LocalIOError, NotFound, TransientError, Unsupported

LARGE = 20 << 20


class _Stop(Exception):
    """Raised by a producer in the middle."""


def check_stream(bench: Bench) -> None:
    """Streams of no, few and many bytes, in chunks of any size, arrive whole."""
    for name, chunks in (
        ("empty", []),
        ("one", [b"abc"]),
        ("many", [b"x" * 1000, b"", b"y", b"z" * 70_000]),
        ("large", [bytes([number]) * (1 << 20) for number in range(LARGE >> 20)] + [b"end"]),
    ):
        data = b"".join(chunks)
        info = bench.store.put_stream(bench.key(name), iter(chunks), len(data))
        same(info.size, len(data), f"size of {name}")
        bench.holds(name, data)


def check_stream_fails(bench: Bench) -> None:
    """When the producer raises, its error comes out and nothing shows, small or large; an old object stays."""
    bench.store.put(bench.key("old"), b"old")
    for name, before in (("small", 10), ("large", LARGE), ("old", LARGE)):
        with _expect_stop():
            bench.store.put_stream(bench.key(name), _breaking(before), before + (1 << 20))
    bench.holds("small", None)
    bench.holds("large", None)
    bench.holds("old", b"old")
    same(bench.names(), {"old"}, "listing")


def check_stream_of_wrong_size(bench: Bench) -> None:
    """Chunks that do not add up to the size announced are refused, and nothing shows."""
    for size in (0, 2, 4, LARGE):
        with expect(LocalIOError, doing=f"3 bytes announced as {size}"):
            bench.store.put_stream(bench.key("a"), iter([b"abc"]), size)
    with expect(LocalIOError, doing="more bytes than announced"):
        bench.store.put_stream(bench.key("a"), iter([b"x" * (1 << 20)] * 25), LARGE)
    bench.holds("a", None)


def check_copy(bench: Bench) -> None:
    """A copy has the bytes, replaces what is there, and of a missing source raises; without the capability refused."""
    store = bench.store
    store.put(bench.key("from ä+%"), b"data")
    if not store.capabilities.server_side_copy:
        with expect(Unsupported, doing="copy without the capability"):
            store.copy(bench.key("from ä+%"), bench.key("to"))
        return bench.holds("to", None)
    store.put(bench.key("to"), b"something else")
    same(store.copy(bench.key("from ä+%"), bench.key("to")).size, 4, "size of the copy")
    bench.holds("to", b"data")
    bench.holds("from ä+%", b"data")
    store.copy(bench.key("to"), bench.key("deep/er/copy"))
    bench.holds("deep/er/copy", b"data")
    with expect(NotFound, doing="copy of a missing object"):
        store.copy(bench.key("nothing"), bench.key("to"))
    return bench.holds("to", b"data")


def check_flush_and_close(bench: Bench) -> None:
    """Both may be called at any time, more than once."""
    store = bench.fresh()
    store.flush()
    store.put(bench.key("a"), b"1")
    store.flush()
    store.flush()
    store.close()
    store.close()
    bench.holds("a", b"1")


@contextmanager
def _expect_stop() -> Iterator[None]:
    """The block must raise the producer's own error, or a transient one that has it as cause."""
    try:
        yield
    except _Stop:
        return
    except TransientError as error:
        if isinstance(error.__cause__, _Stop):
            return
        raise
    raise Broken("a stream whose producer raised was stored")


def _breaking(before: int) -> Iterator[bytes]:
    for start in range(0, before, 1 << 20):
        yield b"x" * min(1 << 20, before - start)
    raise _Stop("in the middle")


CHECKS = (
    check_stream,
    check_stream_fails,
    check_stream_of_wrong_size,
    check_copy,
    check_flush_and_close,
)
