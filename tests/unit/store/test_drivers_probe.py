"""Finding out what a store does with conditions."""

from pathlib import Path

import pytest

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.errors import NotAuthorised, OutcomeUnknown, TransientError, Unsupported, UsageError
from wabucketref.retry import RetryPolicy
from wabucketref.store.drivers.local import LocalStorage
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.drivers.probe import ProbeCache, Probed, probe_conditional, settle
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.store.wrappers.wrapper import Wrapper

ATTEMPTS = 8


class Overwriting(Wrapper):
    """Accepts conditions and ignores them, as ``rclone serve s3`` does."""

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        return self.inner.put(key, data)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.inner.delete(key)


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
    assert len(faulty.calls) <= 2 * ATTEMPTS + 1


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
    assert cache.get("elsewhere") is None


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"format": 99}', b'{"format": 1, "identity": "here", "time": "x"}']
)
def test_a_damaged_note_counts_as_none(memory: MemoryStorage, tmp_path: Path, damage: bytes) -> None:
    cache = ProbeCache(tmp_path)
    cache.put("here", memory.capabilities)
    assert cache.get("here") == (True, True)
    (note,) = tmp_path.iterdir()
    note.write_bytes(damage)
    assert cache.get("here") is None
    cache.put("here", memory.capabilities)
    cache.forget("here")
    cache.forget("here")
    assert cache.get("here") is None


def test_a_cache_that_cannot_be_written_is_no_error(memory: MemoryStorage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert settle(Wrapper(memory), tmp_path / "file" / "probes").capabilities.create_if_absent


def test_without_the_right_to_write_nothing_is_promised(memory: MemoryStorage, tmp_path: Path) -> None:
    cache = ProbeCache(tmp_path)
    reader = Probed(Faulty(memory, [Fault("put", times=99, error=NotAuthorised("403"))]), cache, "here")
    assert not reader.capabilities.create_if_absent
    assert cache.get("here") is None


def test_stores_that_need_no_probe(memory: MemoryStorage, tmp_path: Path) -> None:
    local = LocalStorage(tmp_path / "bucket")
    assert settle(local, tmp_path) is local
    assert settle(memory, tmp_path) is memory
