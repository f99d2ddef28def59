"""Checks of conditional writes: declared, they hold among all writers; not declared, they are refused."""

from collections.abc import Callable
from functools import partial

from wabucketref.conformance.results import Broken, NotApplicable, expect, race, same
from wabucketref.conformance.storage_bench import LIMIT, Bench
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import AlreadyExists, OutcomeUnknown, PreconditionFailed, TransientError, Unsupported

WRITERS = 8


def check_create_if_absent(bench: Bench) -> None:
    """The second creating write is refused and changes nothing; without the capability the first is."""
    one, two, key = bench.store, bench.another(), bench.key("a")
    if not one.capabilities.create_if_absent:
        with expect(Unsupported, doing="put(if_absent) without the capability"):
            one.put(key, b"1", if_absent=True)
        with expect(Unsupported, doing="put_stream(if_absent) without the capability"):
            one.put_stream(key, iter([b"1"]), 1, if_absent=True)
        return bench.holds("a", None)
    one.put(key, b"1", if_absent=True)
    with expect(AlreadyExists, doing="put(if_absent) on an object"):
        two.put(key, b"2", if_absent=True)
    with expect(AlreadyExists, doing="put_stream(if_absent) on an object"):
        two.put_stream(key, iter([b"3"]), 1, if_absent=True)
    bench.holds("a", b"1")
    one.delete(key)
    two.put(key, b"4", if_absent=True)
    return bench.holds("a", b"4")


def check_one_creator_wins(bench: Bench) -> None:
    """Of writers that create one object at the same time exactly one succeeds, and it is its bytes that stay."""
    if not bench.store.capabilities.create_if_absent:
        raise NotApplicable("no create_if_absent")
    for turn in range(3):
        key = bench.key(f"race-{turn}")
        stores = [bench.another() for _ in range(WRITERS)]
        calls = [partial(store.put, key, b"%d" % number, if_absent=True) for number, store in enumerate(stores)]
        winners = _winners(race(list(calls)), AlreadyExists)
        same(len(winners), 1, "writers that created the object")
        bench.holds(f"race-{turn}", b"%d" % winners[0])


def check_replace_if_match(bench: Bench) -> None:
    """A write or removal on the condition of an etag happens only with the object's present one."""
    one, two, key = bench.store, bench.another(), bench.key("a")
    first = one.put(key, b"1")
    if not one.capabilities.replace_if_match:
        with expect(Unsupported, doing="put(if_match) without the capability"):
            one.put(key, b"2", if_match=first.etag or "etag")
        with expect(Unsupported, doing="delete(if_match) without the capability"):
            one.delete(key, if_match=first.etag or "etag")
        return bench.holds("a", b"1")
    second = two.put(key, b"2", if_match=_etag(first))
    with expect(PreconditionFailed, doing="put(if_match) with an old etag"):
        one.put(key, b"3", if_match=_etag(first))
    with expect(PreconditionFailed, doing="delete(if_match) with an old etag"):
        one.delete(key, if_match=_etag(first))
    bench.holds("a", b"2")
    one.delete(key, if_match=_etag(second))
    bench.holds("a", None)
    with expect(PreconditionFailed, doing="put(if_match) where the object is gone"):
        two.put(key, b"4", if_match=_etag(second))
    return bench.holds("a", None)


def check_etag_of_read_matches(bench: Bench) -> None:
    """The etag that comes with the bytes is good for a condition, as is the one of head."""
    if not bench.store.capabilities.replace_if_match:
        raise NotApplicable("no replace_if_match")
    key = bench.key("a")
    bench.store.put(key, b"1")
    etag = _etag(bench.another().read(key, limit=LIMIT)[1])
    bench.store.put(key, b"2", if_match=etag)
    found = bench.another().head(key)
    if found is None:
        raise Broken("head finds nothing")
    bench.store.delete(key, if_match=_etag(found))
    bench.holds("a", None)


def check_one_replacer_wins(bench: Bench) -> None:
    """Counting up by compare-and-swap from many writers loses no step."""
    if not bench.store.capabilities.replace_if_match:
        raise NotApplicable("no replace_if_match")
    key, steps = bench.key("counter"), 3
    bench.store.put(key, b"0")

    def count() -> None:
        store, done = bench.another(), 0
        while done < steps:
            data, info = store.read(key, limit=LIMIT)
            try:
                store.put(key, b"%d" % (int(data) + 1), if_match=_etag(info))
                done += 1
            except (PreconditionFailed, OutcomeUnknown, TransientError):
                continue

    for outcome in race([count] * 4):
        if isinstance(outcome, Exception):
            raise outcome
    bench.holds("counter", b"%d" % (4 * steps))


def _etag(info: ObjectInfo) -> str:
    if info.etag is None:
        raise Broken(f"no etag for {info.key!r}, though conditions on etags are declared")
    return info.etag


def _winners(outcomes: list[ObjectInfo | Exception], refusal: type[Exception]) -> list[int]:
    for outcome in outcomes:
        if isinstance(outcome, Exception) and not isinstance(outcome, refusal):
            raise outcome
    return [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)]


CHECKS: tuple[Callable[[Bench], None], ...] = (
    check_create_if_absent,
    check_one_creator_wins,
    check_replace_if_match,
    check_etag_of_read_matches,
    check_one_replacer_wins,
)
