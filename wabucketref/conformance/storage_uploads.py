"""Checks of streams and copies."""

from collections.abc import Iterator
from contextlib import contextmanager

from wabucketref.conformance.results import Broken, NotApplicable, expect, same
from wabucketref.conformance.storage_bench import Bench
from wabucketref.errors import (
    AlreadyExists,
    LocalIOError,
    NotFound,
    PreconditionFailed,
    TransientError,
    Unsupported,
)

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


def check_copy_if_absent(bench: Bench) -> None:
    """A creating copy is refused where there is an object, which stays; without the capability it is refused at all."""
    store, able = bench.store, bench.store.capabilities
    if not able.server_side_copy:
        raise NotApplicable("no server_side_copy")
    seen = store.put(bench.key("from"), b"data")
    if not able.create_if_absent:
        with expect(Unsupported, doing="copy(if_absent) without the capability"):
            store.copy(bench.key("from"), bench.key("to"), if_absent=True)
        return bench.holds("to", None)
    for name in ("one", "two", "three"):
        same(store.copy(bench.key("from"), bench.key(name), if_absent=True, seen=seen).size, 4, "size of the copy")
        bench.holds(name, b"data")
    store.put(bench.key("one"), b"other")
    for _ in range(2):
        with expect(AlreadyExists, doing="copy(if_absent) onto an object"):
            store.copy(bench.key("from"), bench.key("one"), if_absent=True, seen=seen)
    bench.holds("one", b"other")
    nothing = store.put(bench.key("empty"), b"")
    store.copy(bench.key("empty"), bench.key("nothing"), if_absent=True, seen=nothing)
    with expect(AlreadyExists, doing="copy(if_absent) of an empty object onto another"):
        store.copy(bench.key("empty"), bench.key("one"), if_absent=True, seen=nothing)
    return bench.holds("nothing", b"")


def check_copy_of_what_was_seen(bench: Bench) -> None:
    """With the facts of the source as it was seen the copy is made; of a source that is gone since then it is not."""
    if not bench.store.capabilities.server_side_copy:
        raise NotApplicable("no server_side_copy")
    seen = bench.store.put(bench.key("from"), b"data")
    bench.another().copy(bench.key("from"), bench.key("to"), seen=seen)
    bench.holds("to", b"data")
    bench.store.delete(bench.key("from"))
    with expect(NotFound, PreconditionFailed, doing="copy of a source that is gone"):
        bench.another().copy(bench.key("from"), bench.key("to"), seen=seen)
    bench.holds("to", b"data")


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
    check_copy_if_absent,
    check_copy_of_what_was_seen,
    check_flush_and_close,
)
