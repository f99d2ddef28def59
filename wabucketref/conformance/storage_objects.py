"""Checks of objects, ranges, listings and keys."""

from functools import partial

from wabucketref.conformance.results import expect, must, race, same
from wabucketref.conformance.storage_bench import LIMIT, Bench
from wabucketref.errors import IntegrityError, NotFound, UsageError

ODD_NAMES = (
    "with space",
    " leading and trailing ",
    "plus+plus",
    "per%cent",
    "%2e%2e",
    "amper&sand=1;x",
    "hash#mark",
    "question?mark",
    "quote'\"tick`",
    "back\\slash",
    "<xml>&amp;",
    "ünïcödé/日本語/🙂.bin",
    "comma,colon:at@bang!star*(paren)[bracket]{brace}",
    "dots..inside/...more",
    "deep/" + "/".join("abcdefghij"),
    "-dash/~tilde/$dollar^caret|pipe",
)


def check_round_trip(bench: Bench) -> None:
    """What was put is what is read, over any connection, with the same facts everywhere."""
    data = bytes(range(256)) * 64
    put = bench.store.put(bench.key("a"), data)
    bench.holds("a", data)
    other = bench.another()
    head = other.head(bench.key("a"))
    must(head is not None, "head finds nothing")
    assert head is not None
    read, info = other.read(bench.key("a"), limit=len(data))
    same(read, data, "bytes read")
    same((put.key, head.key, info.key), (bench.key("a"),) * 3, "keys in the facts")
    same((put.size, head.size, info.size), (len(data),) * 3, "sizes in the facts")
    same((put.etag, info.etag), (head.etag, head.etag), "etags of put, read and head")
    must(not head.etag or '"' not in head.etag, f"the etag has quotes: {head.etag}")


def check_missing(bench: Bench) -> None:
    """An object that is not there: head says None, reading and copying raise, deleting is fine."""
    key, store = bench.key("nothing/here"), bench.store
    same(store.head(key), None, "head of a missing object")
    with expect(NotFound, doing="read of a missing object"):
        store.read(key, limit=1)
    with expect(NotFound, doing="read_range of a missing object"):
        store.read_range(key, 0, 1)
    store.delete(key)
    same(list(store.list(bench.key("nothing/"))), [], "listing of nothing")


def check_empty_object(bench: Bench) -> None:
    """An object of no bytes is an object."""
    same(bench.store.put(bench.key("empty"), b"").size, 0, "size")
    bench.holds("empty", b"")
    same(bench.store.read_range(bench.key("empty"), 0, 10), b"", "a range of it")
    same(bench.names(), {"empty"}, "listing")


def check_replace(bench: Bench) -> None:
    """A put over an object replaces it, and its etag changes with its bytes, also when the size stays."""
    etags = [bench.store.put(bench.key("a"), data).etag for data in (b"one", b"two", b"three")]
    bench.holds("a", b"three")
    must(len(set(etags)) == 3, f"etags do not tell three contents apart: {etags}")


def check_read_limit(bench: Bench) -> None:
    """A larger object than expected is refused, not read."""
    bench.store.put(bench.key("a"), b"x" * 100)
    same(len(bench.store.read(bench.key("a"), limit=100)[0]), 100, "bytes at the limit")
    with expect(IntegrityError, doing="read above the limit"):
        bench.store.read(bench.key("a"), limit=99)


def check_ranges(bench: Bench) -> None:
    """Ranges are exact, and short only at the end."""
    data = bytes(range(200))
    bench.store.put(bench.key("a"), data)
    for start, length in (
        (0, 1),
        (0, 200),
        (0, 500),
        (10, 20),
        (199, 1),
        (199, 5),
        (150, 100),
        (200, 5),
        (300, 5),
        (5, 0),
    ):
        found = bench.store.read_range(bench.key("a"), start, length)
        same(found, data[start : start + length], f"range {start}+{length}")


def check_read_to(bench: Bench) -> None:
    """A sink gets the bytes of a range in pieces, in order and once; what it raises comes through."""
    data = bytes(range(256)) * 5000
    bench.store.put(bench.key("a"), data)
    size = len(data)
    for start, length in ((0, size), (1, size - 2), (0, size + 5), (size - 10, 100), (size, 1), (7, 0)):
        got = bytearray()
        count = bench.store.read_to(bench.key("a"), start, length, got.extend)
        must(got == data[start : start + length], f"the pieces of range {start}+{length} are not its bytes")
        same(count, len(data[start : start + length]), f"bytes handed over of range {start}+{length}")
    with expect(NotFound, doing="read_to of a missing object"):
        bench.store.read_to(bench.key("nothing"), 0, 1, got.extend)

    def full(piece: memoryview) -> None:
        raise IntegrityError("no more of this")

    with expect(IntegrityError, doing="read_to with a sink that raises"):
        bench.store.read_to(bench.key("a"), 0, size, full)
    same(bench.store.read_range(bench.key("a"), 0, 3), data[:3], "bytes read after a sink raised")


def check_views(bench: Bench) -> None:
    """A view of a buffer can be stored, and the buffer be used again afterwards."""
    buffer = bytearray(b"-first-")
    bench.store.put(bench.key("a"), memoryview(buffer)[1:6])
    buffer[:] = b"-other-"
    bench.holds("a", b"first")
    if not bench.store.capabilities.multipart:
        return
    upload = bench.store.start_multipart(bench.key("b"), max(bench.store.capabilities.min_part_bytes, 16))
    upload.put_part(1, memoryview(buffer)[1:6])
    buffer[:] = b"-again-"
    upload.complete()
    bench.holds("b", b"other")


def check_odd_names(bench: Bench) -> None:
    """Keys are data: no character in them means anything, and listings give them back unchanged.

    What a store would change is declared, and refused.
    """
    refused = bench.store.capabilities.refused_characters
    names = [name for name in ODD_NAMES if not any(character in name for character in refused)]
    for character in refused:
        with expect(UsageError, doing=f"put with {character!r}, which is declared to be refused"):
            bench.store.put(bench.key(f"odd{character}name"), b"")
    for number, name in enumerate(names):
        bench.store.put(bench.key(name), b"%d" % number)
    for number, name in enumerate(names):
        bench.holds(name, b"%d" % number)
    same(bench.names(), set(names), "listing")
    for name in names:
        bench.store.delete(bench.key(name))
    same(bench.names(), set(), "listing after deleting all")


def check_bad_keys(bench: Bench) -> None:
    """What is no key is refused before anything is sent."""
    for key in ("", "/a", "a/", "a//b", "./a", "a/../b", "..", "a/.", "a\0b"):
        with expect(UsageError, doing=f"put under {key!r}"):
            bench.store.put(key, b"")
    with expect(UsageError, doing="list of a prefix without its slash"):
        list(bench.store.list(bench.prefix.rstrip("/")))


def check_listing(bench: Bench) -> None:
    """Exactly the objects below a prefix, with sizes; a prefix ends at a slash; listings are lazy streams."""
    for name in ("d/a", "d/b/c", "d/b/d", "d2/a", "dd"):
        bench.store.put(bench.key(name), name.encode())
    same(bench.names(), {"d/a", "d/b/c", "d/b/d", "d2/a", "dd"}, "listing of all")
    same(bench.names("d/"), {"d/a", "d/b/c", "d/b/d"}, "listing of d/")
    same(bench.names("d/b/"), {"d/b/c", "d/b/d"}, "listing of d/b/")
    same(bench.names("x/"), set(), "listing of x/")
    for info in bench.store.list(bench.key("d/")):
        same(info.size, len(info.key.removeprefix(bench.prefix)), f"size of {info.key}")
        head = bench.store.head(info.key)
        same(info.etag, head.etag if head else None, f"etag of {info.key} in listing and head")
    stream = iter(bench.store.list(bench.prefix))
    next(stream)


def check_fresh_listing(bench: Bench) -> None:
    """A connection that listed before sees what another one wrote and removed since."""
    first, second = bench.store, bench.another()
    for round_number in range(3):
        first.put(bench.key(f"d/{round_number}"), b"")
        same(len(list(second.list(bench.key("d/")))), round_number + 1, "objects seen by the other connection")
    second.delete(bench.key("d/0"))
    same(len(list(first.list(bench.key("d/")))), 2, "objects seen after a removal")
    same(first.head(bench.key("d/0")), None, "head after a removal elsewhere")


def check_delete(bench: Bench) -> None:
    """Removing is idempotent and touches nothing else."""
    bench.store.put(bench.key("d/a"), b"1")
    bench.store.put(bench.key("d/b"), b"2")
    bench.store.delete(bench.key("d/a"))
    bench.store.delete(bench.key("d/a"))
    bench.holds("d/a", None)
    bench.holds("d/b", b"2")
    bench.store.delete(bench.key("d/b"))
    bench.store.put(bench.key("d/a"), b"3")
    bench.holds("d/a", b"3")


def check_parallel_objects(bench: Bench) -> None:
    """Many threads on one connection: every object is whole, also when they come and go in one directory."""

    def work(number: int) -> None:
        for turn in range(4):
            name = bench.key(f"d/{number}/{turn}")
            bench.store.put(name, b"%d" % number * 1000)
            same(bench.store.read(name, limit=LIMIT)[0], b"%d" % number * 1000, name)
            bench.store.delete(name)

    for outcome in race([partial(work, number) for number in range(8)]):
        if isinstance(outcome, Exception):
            raise outcome
    same(bench.names(), set(), "objects left")


def check_no_torn_reads(bench: Bench) -> None:
    """While writers replace an object, readers see one of the contents, whole."""
    contents = [bytes([number]) * (200_000 + number) for number in range(4)]
    bench.store.put(bench.key("a"), contents[0])

    def write(number: int) -> None:
        store = bench.another()
        for _ in range(4):
            store.put(bench.key("a"), contents[number])

    def read(_: int) -> None:
        store = bench.another()
        for _ in range(10):
            must(store.read(bench.key("a"), limit=LIMIT)[0] in contents, "a reader saw a mix of two contents")

    calls = [partial(write, n) for n in range(1, 4)] + [partial(read, n) for n in range(3)]
    for outcome in race(calls):
        if isinstance(outcome, Exception):
            raise outcome


CHECKS = (
    check_round_trip,
    check_missing,
    check_empty_object,
    check_replace,
    check_read_limit,
    check_ranges,
    check_read_to,
    check_views,
    check_odd_names,
    check_bad_keys,
    check_listing,
    check_fresh_listing,
    check_delete,
    check_parallel_objects,
    check_no_torn_reads,
)
