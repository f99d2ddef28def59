"""Finding out what a store does with conditions."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import Conflict, NotAuthorised, OutcomeUnknown, TransientError, Unsupported, UsageError
from wabucketref.retry import RetryPolicy
from wabucketref.store.drivers import probe
from wabucketref.store.drivers.local import LocalStorage
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.drivers.probe import ProbeCache, Probed, look_ahead, probe_conditional, settle
from wabucketref.store.drivers.trials import FIRST
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.store.wrappers.wrapper import Call, Wrapper, unproven

T = TypeVar("T")
ATTEMPTS = 8
TRIALS = 3
FOUND = {"creates": True, "replaces": True, "removes": True}


class Overwriting(Wrapper):
    """Accepts conditions and ignores them, as ``rclone serve s3`` does."""

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        return self.inner.put(key, data)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.inner.delete(key)


class Removing(Wrapper):
    """Honours conditions on writes and ignores them on removals."""

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.inner.delete(key)


class Pretending(Wrapper):
    """Refuses what it is to refuse, and has carried it out."""

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        try:
            return self.inner.put(key, data, if_absent=if_absent, if_match=if_match)
        except Conflict:
            self.inner.put(key, data)
            raise


class IgnoringMatch(Wrapper):
    """Honours create-only but not etags."""

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        return self.inner.put(key, data, if_absent=if_absent)


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> MemoryStorage:
    return MemoryStorage(f"probe-{id(request)}")


def found(storage: Wrapper | MemoryStorage) -> tuple[bool, bool]:
    capabilities = probe_conditional(storage)
    assert capabilities.multipart
    return capabilities.create_if_absent, capabilities.replace_if_match


@pytest.mark.row("O3")
def test_what_is_found(memory: MemoryStorage) -> None:
    assert found(memory) == (True, True)
    assert found(Overwriting(memory)) == (False, False)
    assert found(IgnoringMatch(memory)) == (True, False)
    assert found(Removing(memory)) == (True, False)
    assert found(Pretending(memory)) == (False, False)
    assert list(memory.list("")) == []


@pytest.mark.parametrize("refusal", [Unsupported("501"), UsageError("400")])
def test_a_store_that_refuses_the_condition(memory: MemoryStorage, refusal: Exception) -> None:
    assert found(Faulty(memory, [Fault("put", times=9, error=refusal)])) == (False, False)


def test_a_store_that_cannot_be_asked(memory: MemoryStorage) -> None:
    with pytest.raises(TransientError):
        probe_conditional(Faulty(memory, [Fault("put", nth=2, error=TransientError("reset"))]))
    assert list(memory.list("")) == []


def patiently(storage: Faulty) -> Probed:
    """As the product puts it together, but nobody waits."""
    policy = RetryPolicy(attempts=ATTEMPTS, sleep=lambda seconds: None)
    return Probed(Retrying(storage, policy), None, "here", policy)


@pytest.mark.row("W1")
@pytest.mark.parametrize("nth", [1, 2], ids=["from the start", "in the middle"])
def test_a_host_that_answers_everything_with_an_error_is_not_asked_for_ever(memory: MemoryStorage, nth: int) -> None:
    faulty = Faulty(memory, [Fault("*", nth=nth, times=1000, error=OutcomeUnknown("500"))])
    with pytest.raises(OutcomeUnknown):
        patiently(faulty).capabilities  # noqa: B018
    assert len(faulty.calls) <= (TRIALS + 1) * ATTEMPTS + 1


@pytest.mark.row("W1")
def test_trials_whose_answers_are_lost_are_removed(memory: MemoryStorage) -> None:
    faulty = Faulty(memory, [Fault("put", times=3, error=OutcomeUnknown("reset"), after=True)])
    assert patiently(faulty).capabilities.create_if_absent
    assert list(memory.list("")) == []


def test_found_once_and_kept(memory: MemoryStorage, tmp_path: Path) -> None:
    now = [1000.0]
    cache = ProbeCache(tmp_path / "probes", max_age=100, now=lambda: now[0])
    counting = Faulty(Overwriting(memory), [])
    first = Probed(counting, cache, "here")
    assert counting.calls == []
    assert not first.capabilities.create_if_absent
    with pytest.raises(Unsupported):
        first.put("a", b"", if_absent=True)
    asked = len(counting.calls)
    assert asked > 0
    assert not Probed(counting, cache, "here").capabilities.create_if_absent
    assert len(counting.calls) == asked
    now[0] += 101
    assert not Probed(counting, cache, "here").capabilities.create_if_absent
    assert len(counting.calls) > asked
    assert cache.get("elsewhere", FOUND) is None


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"format": 99}', b'{"format": 2, "identity": "here", "time": "x"}']
)
def test_a_damaged_note_counts_as_none(memory: MemoryStorage, tmp_path: Path, damage: bytes) -> None:
    cache = ProbeCache(tmp_path)
    cache.put("here", FOUND)
    assert cache.get("here", FOUND) == FOUND
    assert cache.get("here", [*FOUND, "more"]) is None, "an earlier release did not ask for it"
    (note,) = tmp_path.iterdir()
    note.write_bytes(damage)
    assert cache.get("here", FOUND) is None
    cache.put("here", FOUND)
    cache.forget("here")
    cache.forget("here")
    assert cache.get("here", FOUND) is None


def test_a_cache_that_cannot_be_written_is_no_error(memory: MemoryStorage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert settle(Wrapper(memory), tmp_path / "file" / "probes").capabilities.create_if_absent


def test_without_the_right_to_write_nothing_is_promised(memory: MemoryStorage, tmp_path: Path) -> None:
    cache = ProbeCache(tmp_path)
    reader = Probed(Faulty(memory, [Fault("put", times=99, error=NotAuthorised("403"))]), cache, "here")
    assert not reader.capabilities.create_if_absent
    assert cache.get("here", FOUND) is None


def test_stores_that_need_no_probe(memory: MemoryStorage, tmp_path: Path) -> None:
    local = LocalStorage(tmp_path / "bucket")
    assert settle(local, tmp_path) is local
    assert settle(memory, tmp_path) is memory


class Meeting(Wrapper):
    """Lets nobody put an object a first or a second time before `parties` want that."""

    def __init__(self, inner: Storage, parties: int) -> None:
        super().__init__(inner)
        self._together = threading.Barrier(parties, timeout=20)
        self._puts = Counter[str]()

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if call.method == "put":
            self._puts[call.key] += 1
            if self._puts[call.key] <= 2:
                self._together.wait()
        return action()


def test_no_trial_waits_for_another(memory: MemoryStorage) -> None:
    assert probe_conditional(Meeting(memory, TRIALS)).replace_if_match


def test_what_is_begun_ahead_is_waited_for_when_it_is_needed(memory: MemoryStorage) -> None:
    faulty = Faulty(memory, [])
    probed = Probed(faulty, None, "here")
    look_ahead(Wrapper(probed))
    look_ahead(Wrapper(probed))
    assert unproven(Wrapper(probed)).max_key_bytes == memory.capabilities.max_key_bytes
    assert probed.capabilities.replace_if_match
    probed.close()
    puts = [call for call in faulty.calls if call.method == "put"]
    assert len(puts) == 2 + 3 + 2, "once"
    assert list(memory.list("")) == [], "nothing is left once it is closed"


def test_a_store_that_stops_answering_does_not_hold_up_the_end(
    memory: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PATIENCE", 0.05)
    ended = threading.Event()

    def hang(call: Call) -> None:
        ended.wait(20)

    probed = Probed(Faulty(memory, [Fault("delete", nth=2, action=hang)]), None, "here")
    probed.begin()
    assert probed.capabilities.create_if_absent
    began = time.monotonic()
    probed.close()
    assert time.monotonic() - began < 10
    ended.set()


def test_what_failed_ahead_is_told_to_who_asks_and_tried_anew(memory: MemoryStorage) -> None:
    faulty = Faulty(memory, [Fault("put", times=TRIALS, error=TransientError("reset"))])
    probed = Probed(faulty, None, "here", RetryPolicy(attempts=1))
    probed.begin()
    with pytest.raises(TransientError, match="reset"):
        probed.capabilities  # noqa: B018
    assert probed.capabilities.create_if_absent
    faulty.assert_all_hit()


class Driver(MemoryStorage):
    """One that has a trial of its own."""

    proven = False

    def __init__(self, name: str, *, heeds: bool) -> None:
        super().__init__(name)
        self.learnt: list[Mapping[str, bool]] = []
        self.asked = 0
        self._heeds = heeds

    @property
    def trials(self) -> Mapping[str, Callable[[ObjectInfo], bool]]:
        return {"more": self._more}

    def learn(self, found: Mapping[str, bool]) -> None:
        self.learnt.append(found)

    def _more(self, there: ObjectInfo) -> bool:
        assert self.read(there.key, limit=64)[0] == FIRST
        self.asked += 1
        if self.asked == 1:
            raise TransientError("reset")
        return self._heeds


@pytest.mark.parametrize("heeds", [False, True])
def test_a_driver_that_wants_to_know_more(tmp_path: Path, heeds: bool) -> None:
    driver = Driver(f"curious-{heeds}", heeds=heeds)
    policy = RetryPolicy(attempts=ATTEMPTS, sleep=lambda seconds: None)
    assert settle(driver, tmp_path, policy=policy).capabilities.replace_if_match
    assert driver.learnt == [{**FOUND, "more": heeds}]
    assert driver.asked == 2, "the second try of what may pass"
    assert settle(driver, tmp_path, policy=policy).capabilities.replace_if_match
    assert driver.learnt[1:] == [{**FOUND, "more": heeds}], "an earlier process knew"
    assert driver.asked == 2
