"""Checks of many requests at a time (``contracts/many.py``): each ends as it would by itself, and is told once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, cast

from wabucketref.conformance.results import Broken, NotApplicable, expect, must, same
from wabucketref.conformance.storage_bench import LIMIT, Bench
from wabucketref.contracts.many import Copy, Many, Put, Read
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import AlreadyExists, IntegrityError, NotFound, Unsupported, UsageError, WaBucketError

_WIDTH = 4
_MANY = 30


def _many(bench: Bench) -> Many:
    if not bench.store.capabilities.many:
        raise NotApplicable("no many")
    return cast(Many, bench.store)


def _idle() -> None:
    """Nobody asks to stop."""


def _told(outcomes: Iterator[tuple[Any, Any]], asked: int) -> dict[str, Any]:
    """Outcomes by key, of which each must be told once."""
    came = list(outcomes)
    keys = [one.key for one, _ in came]
    same(sorted(keys), sorted(set(keys)), "keys of outcomes, each told once")
    same(len(came), asked, "outcomes told")
    return {one.key: outcome for one, outcome in came}


def _fails(outcome: object, kind: type[WaBucketError], doing: str) -> None:
    with expect(kind, doing=doing):
        if isinstance(outcome, WaBucketError):
            raise outcome


def _etags(infos: dict[str, ObjectInfo]) -> dict[str, tuple[str, int, str | None]]:
    return {name: (info.key, info.size, info.etag) for name, info in infos.items()}


def check_many_not_declared(bench: Bench) -> None:
    """Without the capability they are refused, or there are no such methods."""
    store: Any = bench.store
    if store.capabilities.many:
        raise NotApplicable("declared")
    if hasattr(store, "put_many"):
        with expect(Unsupported, doing="put_many without the capability"):
            list(store.put_many(iter([Put(bench.key("a"), b"1")]), 1, _idle))
    bench.holds("a", None)


def check_many_puts(bench: Bench) -> None:
    """Objects of many sizes, the empty one among them, are stored; what is told of each is what head tells."""
    many, data = _many(bench), {f"d/{n}": b"%d" % n * (n * n * 7) for n in range(_MANY)}
    told = _told(many.put_many((Put(bench.key(name), data[name]) for name in data), _WIDTH, _idle), _MANY)
    seen = {name: bench.another().head(bench.key(name)) for name in data}
    same(_etags({n: told[bench.key(n)] for n in data}), _etags(cast(Any, seen)), "what is told of objects")
    for name in (f"d/{n}" for n in (0, 1, _MANY - 1)):
        bench.holds(name, data[name])


def check_many_reads(bench: Bench) -> None:
    """Bytes and facts are those that read gives; what is missing or too long fails alone, as with read."""
    many, names = _many(bench), [f"{n}" for n in range(_MANY)]
    for name in names:
        bench.store.put(bench.key(name), name.encode() * 999)
    asked = [Read(bench.key(name), LIMIT) for name in names]
    asked[3:3] = [Read(bench.key("none"), LIMIT), Read(bench.key("7") + "/none", 1)]
    asked = [Read(read.key, 5) if read.key == bench.key("9") else read for read in asked]
    told = _told(many.read_many(iter(asked), _WIDTH, _idle), len(asked))
    _fails(told.pop(bench.key("none")), NotFound, "reading what is not there with many others")
    _fails(told.pop(bench.key("7") + "/none"), NotFound, "reading what is not there with many others")
    _fails(told.pop(bench.key("9")), IntegrityError, "reading more than the limit with many others")
    with expect(IntegrityError, doing="reading more than the limit"):
        bench.store.read(bench.key("9"), limit=5)
    for key, outcome in told.items():
        must(not isinstance(outcome, WaBucketError), f"{key} cannot be read with many others: {outcome}")
        data, info = bench.another().read(key, limit=LIMIT)
        same(outcome[0], data, f"bytes of {key}")
        same((outcome[1].key, outcome[1].size, outcome[1].etag), (key, info.size, info.etag), f"facts of {key}")


def check_many_keys(bench: Bench) -> None:
    """A key that put refuses fails alone."""
    many = _many(bench)
    puts = [Put(bench.key("a"), b"1"), Put(bench.key("b//c"), b"2"), Put(bench.key("d"), b"3")]
    told = _told(many.put_many(iter(puts), _WIDTH, _idle), 3)
    _fails(told[bench.key("b//c")], UsageError, "a key with an empty component among many")
    bench.holds("a", b"1")
    bench.holds("d", b"3")


def check_many_creates(bench: Bench) -> None:
    """What is only to be created is not replaced, and fails alone; without the capability it is refused."""
    many = _many(bench)
    if not bench.store.capabilities.create_if_absent:
        with expect(Unsupported, doing="put_many(if_absent) without the capability"):
            for _, outcome in many.put_many(iter([Put(bench.key("a"), b"1", if_absent=True)]), 1, _idle):
                if isinstance(outcome, WaBucketError):
                    raise outcome
        return bench.holds("a", None)
    bench.another().put(bench.key("5"), b"first")
    puts = (Put(bench.key(f"{n}"), b"second", if_absent=True) for n in range(10))
    told = _told(many.put_many(puts, _WIDTH, _idle), 10)
    _fails(told[bench.key("5")], AlreadyExists, "creating an object that is there, with many others")
    bench.holds("5", b"first")
    return bench.holds("6", b"second")


def check_many_copies(bench: Bench) -> None:
    """Copies have the bytes of their sources; None means that nothing was begun."""
    many = _many(bench)
    if not bench.store.capabilities.server_side_copy:
        raise NotApplicable("no server_side_copy")
    create = bench.store.capabilities.create_if_absent
    sources = {f"{n}": bench.store.put(bench.key(f"{n}"), b"%d" % n * 100) for n in range(5)}
    copies = (Copy(bench.key(f"copy-{name}"), info, create) for name, info in sources.items())
    for copy, outcome in many.copy_many(copies, _WIDTH, _idle):
        name = copy.key.removeprefix(bench.prefix)
        must(not isinstance(outcome, WaBucketError), f"{name} cannot be copied with many others: {outcome}")
        bench.holds(name, None if outcome is None else name.removeprefix("copy-").encode() * 100)


def check_many_no_more_than_asked(bench: Bench) -> None:
    """No more are asked for than may be under way, and one that is waiting for that."""
    many, asked, told = _many(bench), 0, 0

    def puts() -> Iterator[Put]:
        nonlocal asked
        for number in range(_MANY):
            asked += 1
            must(asked - told <= _WIDTH + 1, f"{asked - told} were asked for and not told, where {_WIDTH} may be")
            yield Put(bench.key(f"{number}"), b"x")

    for _ in many.put_many(puts(), _WIDTH, _idle):
        told += 1
    same(told, _MANY, "outcomes told")


def check_many_left_early(bench: Bench) -> None:
    """Whoever leaves early finds that nothing is under way any more, and the store goes on."""
    many, asked = _many(bench), list[str]()

    def puts() -> Iterator[Put]:
        for number in range(_MANY):
            asked.append(f"{number}")
            yield Put(bench.key(f"{number}"), b"x")

    with closing(cast(Any, many.put_many(puts(), _WIDTH, _idle))) as outcomes:
        next(outcomes)
    begun, there = len(asked), bench.names()
    must(begun <= _WIDTH + 2, f"{begun} were asked for though nobody wanted more than one")
    must(there <= set(asked), "objects that were not asked for")
    same(bench.names(), there, "objects later than that")
    bench.store.put(bench.key("later"), b"y")
    bench.holds("later", b"y")


def check_many_asker_fails(bench: Bench) -> None:
    """What the iterator of what to do raises comes through, once what is under way has ended."""
    many = _many(bench)

    def puts() -> Iterator[Put]:
        yield Put(bench.key("a"), b"1")
        yield Put(bench.key("b"), b"2")
        raise _Asker

    try:
        for _ in many.put_many(puts(), _WIDTH, _idle):
            pass
    except _Asker:
        there = bench.names()
        must(there <= {"a", "b"}, "objects that were not asked for")
        same(bench.names(), there, "objects later than that")
        return
    raise Broken("what the iterator raised was swallowed")


class _Asker(Exception):
    """Of the one who asks."""


CHECKS: tuple[Callable[[Bench], None], ...] = (
    check_many_not_declared,
    check_many_puts,
    check_many_reads,
    check_many_keys,
    check_many_creates,
    check_many_copies,
    check_many_no_more_than_asked,
    check_many_left_early,
    check_many_asker_fails,
)
