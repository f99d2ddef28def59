"""One live writer an alias: races, takeovers, sleepers."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.support import (
    REF,
    bucket,
    dead,
    download_plan,
    fetch,
    keys,
    make_tree,
    plane,
    read_tree,
    send,
    stranger,
    unconditional,
    upload_plan,
)
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import OutcomeUnknown, UnfinishedUpload, UploadInProgress, WaBucketError
from wabucketref.store.claims.body import Body, Found, Taken
from wabucketref.store.claims.held import Held
from wabucketref.store.claims.single import read_claim
from wabucketref.store.claims.take import take_claim
from wabucketref.store.format.layout import Layout
from wabucketref.store.identity import Identity
from wabucketref.store.wrappers.faulty import Fault, Faulty

LAYOUT = Layout.of(REF)
ME = Identity.current("home")


@pytest.fixture(params=["conditional", "unconditional"])
def storage(request: pytest.FixtureRequest) -> Storage:
    return bucket() if request.param == "conditional" else unconditional(bucket())


def take(storage: Storage, who: Identity, xid: str) -> Held:
    return take_claim(storage, REF, who, xid, Cancel())


def test_eight_writers_at_once_have_one_winner(storage: Storage, tmp_path: Path) -> None:
    start = threading.Barrier(8)
    outcomes: list[str] = []

    def write(number: int) -> None:
        source = make_tree(tmp_path / f"src{number}", {"f": b"%d" % number, "g": b"%d" % number * 3000})
        start.wait()
        try:
            send(storage, upload_plan(source, f"x{number}"), who=stranger(f"host{number}"))
            outcomes.append("won")
        except WaBucketError as error:
            outcomes.append(f"{error.exit_code}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["6"] * 7 + ["won"]
    fetch(storage, download_plan(tmp_path / "out"))
    found = read_tree(tmp_path / "out")
    assert found["g"] == (found["f"] or b"") * 3000
    assert not [key for key in keys(storage) if "claim" in key or "clock" in key]


def test_a_live_writer_keeps_others_out_before_they_send(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", {"f": b"f"})
    with take(storage, stranger(), "theirs") as claim:
        claim.touch()
        before = keys(storage)
        with pytest.raises(UploadInProgress, match=r"elsewhere .* since 20") as caught:
            send(storage, upload_plan(source))
        assert caught.value.exit_code == 6
        assert keys(storage) == before
        with pytest.raises(UploadInProgress):
            plane(storage).remove("memory://b", REF)
    assert not send(storage, upload_plan(source)).already_there


def test_a_writer_that_gave_up_leaves_word_and_the_next_goes_on(storage: Storage, tmp_path: Path) -> None:
    with take(storage, stranger(), "theirs") as claim:
        claim.touch()
        storage.put(LAYOUT.file("left"), b"over")
    with pytest.raises(UnfinishedUpload, match="since 20"):
        plane(storage).find("memory://b", REF)
    send(storage, upload_plan(make_tree(tmp_path / "src", {"f": b"f"})))
    assert keys(storage) == [LAYOUT.entries, LAYOUT.header, LAYOUT.file("f")]


def test_a_writer_that_wrote_nothing_leaves_nothing(storage: Storage) -> None:
    with take(storage, ME, "mine"):
        assert keys(storage) != []
    assert keys(storage) == []


def test_the_claim_of_our_own_dead_process_is_taken_over_at_once(storage: Storage) -> None:
    gone = dead(ME)
    key = LAYOUT.claim if storage.capabilities.create_if_absent else LAYOUT.claim_of("old")
    storage.put(key, Body.new(gone, "old", "n").encode())
    with take(storage, ME, "new") as claim:
        assert claim.reusable
        claim.commit_done()
    assert keys(storage) == []


def test_the_dead_process_of_another_machine_is_waited_for_by_the_stores_clock(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = LAYOUT.claim if storage.capabilities.create_if_absent else LAYOUT.claim_of("old")
    storage.put(key, Body.new(dead(stranger()), "old", "n").encode())
    with pytest.raises(UploadInProgress):
        take(storage, ME, "new")
    found = read_claim(storage, key)
    assert found is not None
    assert found.info.modified is not None
    later = found.info.modified + 61
    monkeypatch.setattr("wabucketref.store.claims.single.store_now", lambda *_: later)
    monkeypatch.setattr("wabucketref.store.claims.listed.store_now", lambda *_: later)
    with take(storage, ME, "new") as claim:
        assert not claim.reusable


def test_a_claim_that_is_no_claim_of_ours_dies_by_age() -> None:
    info = bucket().put("k", b"x")
    found = Found(Body.decode(b"not json"), info)
    assert found.body is None
    assert found.is_live(ME, "x", lambda: (info.modified or 0) + 59)
    assert not found.is_live(ME, "x", lambda: (info.modified or 0) + 61)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"pid": 1e999}', b"[" * 50_000, b'{"pid": "\\u0000"}'])
def test_damaged_claims_do_not_break_anything(data: bytes) -> None:
    assert Body.decode(data) is None


def test_a_body_survives_its_coding() -> None:
    body = Body.new(ME, "x", "n").next("waiting")
    assert Body.decode(body.encode()) == body


def test_a_sleeper_notices_that_its_claim_is_gone() -> None:
    storage, now = bucket(), [0.0]
    mine = take_claim_with_clock(storage, now)
    found = read_claim(storage, LAYOUT.claim)
    assert found is not None
    storage.put(LAYOUT.claim, Body.new(stranger(), "theirs", "other").encode(), if_match=found.info.etag)
    mine.check()
    now[0] = 50.0
    with pytest.raises(UploadInProgress, match="taken over"):
        mine.check()
    assert not mine.commit_done()
    left = read_claim(storage, LAYOUT.claim)
    assert left is not None
    assert left.body is not None
    assert left.body.xid == "theirs"


def take_claim_with_clock(storage: Storage, now: list[float]) -> Held:
    from wabucketref.store.claims.single import take_single

    taken: Taken = take_single(storage, LAYOUT, ME, "mine")
    return Held(taken, "it", clock=lambda: now[0], renew_every=3600)


def test_the_thread_renews(storage: Storage) -> None:
    renewed = threading.Event()

    class Watching(Faulty):
        def put(self, key: str, data: bytes, **conditions: object) -> object:  # type: ignore[override]
            body = Body.decode(data)
            if body is not None and body.renewals > 2:
                renewed.set()
            return super().put(key, data, **conditions)  # type: ignore[arg-type]

    from wabucketref.store.claims.listed import take_listed
    from wabucketref.store.claims.single import take_single

    watching = Watching(storage, [])
    if storage.capabilities.create_if_absent:
        taken = take_single(watching, LAYOUT, ME, "mine")
    else:
        taken = take_listed(watching, LAYOUT, ME, "mine", lambda seconds: None)
    with Held(taken, "it", renew_every=0.01):
        assert renewed.wait(10)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_lost_answers_to_claim_writes_are_read_back(nth: int) -> None:
    faulty = Faulty(bucket(), [Fault("put", "*/claim.json", nth=nth, error=OutcomeUnknown("lost"), after=True)])
    with take(faulty, ME, "mine") as claim:
        claim.touch()
        claim.renew()
        claim.renew()
        claim.check()
        assert claim.commit_done()
    faulty.assert_all_hit()
    assert keys(faulty) == []


def test_a_renewal_that_never_arrived_is_sent_again() -> None:
    faulty = Faulty(bucket(), [Fault("put", "*/claim.json", nth=2, error=OutcomeUnknown("lost"))])
    with take(faulty, ME, "mine") as claim:
        claim.renew()
        found = read_claim(faulty, LAYOUT.claim)
        assert found is not None
        assert found.body is not None
        assert found.body.renewals == 1


def test_lowest_waiting_writer_goes_on_and_a_higher_one_withdraws() -> None:
    storage = unconditional(bucket())
    storage.put(LAYOUT.claim_of("b"), Body.new(stranger(), "b", "n", "waiting").encode())
    with pytest.raises(UploadInProgress):
        take(storage, ME, "c")
    assert keys(storage) == [LAYOUT.claim_of("b")]

    from wabucketref.store.claims.listed import take_listed

    looks: list[float] = []

    def pause(seconds: float) -> None:
        looks.append(seconds)
        storage.delete(LAYOUT.claim_of("b"))

    taken = take_listed(storage, LAYOUT, ME, "a", pause)
    assert len(looks) == 1
    taken.lease.give_back(keep_trace=False)


def test_process_ids_are_told_apart_by_their_start() -> None:
    assert ME.is_alive()
    assert not replace(ME, started=ME.started + 1).is_alive()
    assert not dead(ME).is_alive()
    assert not ME.same_machine(stranger())
