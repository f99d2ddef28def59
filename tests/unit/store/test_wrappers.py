"""The wrappers around a storage."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wabucketref.conformance.results import race
from wabucketref.contracts.storage import Capabilities, ObjectInfo, Sink
from wabucketref.errors import (
    AlreadyExists,
    OutcomeUnknown,
    PreconditionFailed,
    TransientError,
    Unsupported,
    WrittenWrong,
)
from wabucketref.retry import RetryPolicy
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.drivers.pages import PagedListing
from wabucketref.store.wrappers.declared import Declared, with_capabilities
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.limited import Limited
from wabucketref.store.wrappers.logged import Logged
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.store.wrappers.wrapper import Call, Wrapper
from wabucketref.testing.storage import StorageConformance

QUICK = RetryPolicy(attempts=4, sleep=lambda _: None)


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> MemoryStorage:
    return MemoryStorage(f"wrappers-{id(request)}")


class TestStackConformance(StorageConformance):
    """The whole stack keeps the contract, over a store that fails now and then."""

    @pytest.fixture
    def open_store(self, memory: MemoryStorage):  # type: ignore[no-untyped-def]
        methods = (
            "put",
            "head",
            "read",
            "read_range",
            "read_to",
            "list",
            "delete",
            "copy",
            "start_multipart",
            "resume_multipart",
            "abort_multipart",
            "put_part",
            "complete",
        )
        faults = [Fault(method, nth=2, error=TransientError("reset")) for method in methods]
        return lambda: Logged(Retrying(Limited(Faulty(memory, faults), 4), QUICK))


def test_idempotent_calls_are_tried_again(memory: MemoryStorage) -> None:
    faulty = Faulty(
        memory,
        [
            Fault("put", error=TransientError("reset")),
            Fault("put", nth=2, error=OutcomeUnknown("lost"), after=True),
            Fault("head", times=3, error=TransientError("busy")),
            Fault("read", error=TransientError("busy")),
            Fault("copy", error=OutcomeUnknown("lost")),
            Fault("delete", error=OutcomeUnknown("lost"), after=True),
        ],
    )
    store = Retrying(faulty, QUICK)
    store.put("a", b"1")
    assert store.head("a") is not None
    assert store.read("a", limit=9)[0] == b"1"
    store.copy("a", "b")
    store.delete("a")
    assert [info.key for info in store.list("")] == ["b"]
    faulty.assert_all_hit()


@pytest.mark.parametrize("condition", [{"if_absent": True}, {"if_match": "1"}])
def test_a_conditional_put_of_unknown_outcome_is_not_sent_again(memory: MemoryStorage, condition: dict) -> None:  # type: ignore[type-arg]
    if "if_match" in condition:
        condition = {"if_match": memory.put("a", b"0").etag}
    faulty = Faulty(memory, [Fault("put", error=OutcomeUnknown("lost"), after=True)])
    with pytest.raises(OutcomeUnknown):
        Retrying(faulty, QUICK).put("a", b"1", **condition)
    assert [call.method for call in faulty.calls] == ["put"]


def test_a_conditional_put_that_was_not_carried_out_is_sent_again(memory: MemoryStorage) -> None:
    faulty = Faulty(memory, [Fault("put", times=2, error=TransientError("slow down"))])
    Retrying(faulty, QUICK).put("a", b"1", if_absent=True)
    assert memory.read("a", limit=9)[0] == b"1"
    faulty.assert_all_hit()


def test_a_stream_is_sent_once(memory: MemoryStorage) -> None:
    faulty = Faulty(memory, [Fault("put_stream", error=TransientError("reset"))])
    with pytest.raises(TransientError):
        Retrying(faulty, QUICK).put_stream("a", iter([b"1"]), 1)
    assert len(faulty.calls) == 1


def test_parts_are_sent_again_but_the_end_of_an_upload_is_not(memory: MemoryStorage) -> None:
    faulty = Faulty(
        memory,
        [
            Fault("put_part", times=2, error=OutcomeUnknown("lost"), after=True),
            Fault("complete", error=OutcomeUnknown("lost"), after=True),
        ],
    )
    upload = Retrying(faulty, QUICK).start_multipart("a", 1)
    upload.put_part(1, b"x")
    with pytest.raises(OutcomeUnknown):
        upload.complete()
    assert [call.method for call in faulty.calls].count("complete") == 1
    assert memory.read("a", limit=9)[0] == b"x"


def test_a_range_goes_on_after_the_last_piece(memory: MemoryStorage) -> None:
    """The sink gets each byte once, however often the connection breaks in between."""

    class Breaking(Wrapper):
        asked: list[tuple[int, int]] = []

        def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
            self.asked.append((start, length))
            super().read_to(key, start, min(length, 3), sink)
            if length > 3:
                raise TransientError("reset")
            return length

    memory.put("a", b"0123456789")
    got = bytearray()
    assert Retrying(Breaking(memory), QUICK).read_to("a", 1, 8, got.extend) == 8
    assert got == b"12345678"
    assert Breaking.asked == [(1, 8), (4, 5), (7, 2)]


def test_a_range_that_goes_into_a_file_goes_on_there(memory: MemoryStorage, tmp_path: Path) -> None:
    class Breaking(Wrapper):
        def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
            count = super().read_to(key, start, min(length, 3), sink)
            if length > 3:
                raise TransientError("reset")
            return count

    memory.put("a", b"0123456789")
    moved: list[int] = []
    with (tmp_path / "a").open("wb") as file:
        into = IntoFile(file.fileno(), 2, moved.append, "write")
        assert Retrying(Breaking(memory), QUICK).read_to("a", 1, 8, into) == 8
    assert ((tmp_path / "a").read_bytes(), moved) == (b"\0\x0012345678", [3, 3, 2])


def test_a_listing_goes_on_at_the_page_that_failed() -> None:
    asked: list[str | None] = []

    def fetch(token: str | None) -> tuple[list[ObjectInfo], str | None]:
        asked.append(token)
        if asked.count(token) == 1:
            raise TransientError("reset")
        return [ObjectInfo(f"k{token}", 0)], "2" if token is None else None

    class Paged(MemoryStorage):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            return PagedListing(fetch)

    found = [info.key for info in Retrying(Limited(Paged("paged"), 2), QUICK).list("")]
    assert found == ["kNone", "k2"]
    assert asked == [None, None, "2", "2"]


def test_a_listing_that_cannot_go_on_is_never_cut_short() -> None:
    class Breaking(MemoryStorage):
        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            yield ObjectInfo("a", 0)
            raise TransientError("reset")

    listing = Retrying(Breaking("breaking"), QUICK).list("")
    assert next(listing).key == "a"
    for _ in range(2):
        with pytest.raises(TransientError, match="reset"):
            next(listing)


def test_a_listing_that_fails_at_once_begins_anew() -> None:
    class Flaky(MemoryStorage):
        begun = 0

        def list(self, prefix: str) -> Iterator[ObjectInfo]:
            self.begun += 1
            if self.begun < 3:
                raise TransientError("reset")
            yield ObjectInfo("a", 0)

    assert [info.key for info in Retrying(Flaky("flaky"), QUICK).list("")] == ["a"]


def test_calls_under_way_are_bounded(memory: MemoryStorage) -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    class Counting(Wrapper):
        def around(self, call, action):  # type: ignore[no-untyped-def]
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            threading.Event().wait(0.002)
            result = action()
            with lock:
                under_way -= 1
            return result

    store = Limited(Counting(memory), 3)
    race([lambda: [store.head("a") for _ in range(5)]] * 12)
    assert most == 3


def test_the_log_has_one_structured_line_a_call(memory: MemoryStorage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "wabucketref.storage")
    store = Logged(Faulty(memory, [Fault("head", error=TransientError("busy"))]))
    store.put("a b", b"123")
    with pytest.raises(TransientError):
        store.head("a b")
    put, head = caplog.records
    assert (put.method, put.key, put.bytes, put.outcome) == ("put", "a b", 3, "ok")  # type: ignore[attr-defined]
    assert head.outcome == "transient: busy"  # type: ignore[attr-defined]


def test_a_script_of_faults(memory: MemoryStorage) -> None:
    met: list[Call] = []
    faulty = Faulty(
        memory,
        [
            Fault("put", "x/*", nth=2, error=TransientError("second put below x/")),
            Fault("get", error=TransientError("never")),
            Fault("*", "y", action=met.append),
        ],
    )
    faulty.put("a", b"")
    faulty.put("x/1", b"")
    with pytest.raises(TransientError, match="second put"):
        faulty.put("x/2", b"")
    faulty.put("x/3", b"")
    faulty.head("y")
    assert [call.method for call in met] == ["head"]
    with pytest.raises(AssertionError, match=r"not hit.*never"):
        faulty.assert_all_hit()


def test_declared_capabilities_are_enforced(memory: MemoryStorage) -> None:
    weak = Declared(memory, Capabilities(multipart=True, min_part_bytes=1))
    weak.put("a", b"1")
    assert weak.start_multipart("m", 1).put_part(1, b"x").size == 1
    for refused in (
        lambda: weak.put("b", b"", if_absent=True),
        lambda: weak.put("a", b"", if_match="1"),
        lambda: weak.delete("a", if_match="1"),
        lambda: weak.put_stream("b", iter([]), 0, if_absent=True),
        lambda: weak.start_multipart("b", 1, if_absent=True),
        lambda: weak.resume_multipart("m", "1", 1, []),
        lambda: Declared(memory, Capabilities()).start_multipart("b", 1),
        lambda: Declared(memory, Capabilities()).abort_multipart("m", "1"),
    ):
        with pytest.raises(Unsupported):
            refused()
    assert with_capabilities(memory, memory.capabilities) is memory


@pytest.mark.row("O9")
def test_the_bound_is_halved_once_a_burst_and_grows_back(memory: MemoryStorage) -> None:
    slow, other = TransientError("503 SlowDown"), TransientError("500")
    slow.throttled = True
    store = Limited(Faulty(memory, [Fault("head", times=2, error=slow), Fault("head", nth=3, error=other)]), 16)
    for bound in (8, 4, 4):
        with pytest.raises(TransientError):
            store.head("a")
        assert store.bound == bound
    calls = 0
    while store.bound < 16:
        store.head("a")
        calls += 1
    assert 80 < calls < 200, "it grows by one with each round"
    for _ in range(20):
        store.head("a")
    assert store.bound == 16
    burst = threading.Barrier(4)

    class Throttling(Wrapper):
        def head(self, key: str) -> ObjectInfo | None:
            burst.wait(5)
            raise slow

    store = Limited(Throttling(memory), 16)

    def ask() -> None:
        with pytest.raises(TransientError):
            store.head("a")

    assert race([ask] * 4) == [None] * 4
    assert store.bound == 8


@pytest.mark.row("W4")
def test_what_a_write_left_damaged_is_replaced_and_nothing_else(memory: MemoryStorage) -> None:
    class Flipping(Wrapper):
        flips = 2

        def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
            if not self.flips:
                return self.inner.put(key, data, if_absent=if_absent, if_match=if_match)
            self.flips -= 1
            wrong = WrittenWrong("other bytes")
            wrong.etag = self.inner.put(key, b"wrong", if_absent=if_absent, if_match=if_match).etag
            raise wrong

    Retrying(Flipping(memory), QUICK).put("a", b"right", if_absent=True)
    assert memory.read("a", limit=9)[0] == b"right"
    with pytest.raises(AlreadyExists):
        Retrying(Flipping(memory), QUICK).put("a", b"of another", if_absent=True)
    assert memory.read("a", limit=9)[0] == b"right"

    class Rivalled(Flipping):
        def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
            try:
                return super().put(key, data, if_absent=if_absent, if_match=if_match)
            finally:
                self.inner.put(key, b"of a rival")

    with pytest.raises(PreconditionFailed):
        Retrying(Rivalled(memory), QUICK).put("b", b"right", if_absent=True)
    assert memory.read("b", limit=99)[0] == b"of a rival"
