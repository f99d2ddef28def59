"""Uploads under faults: lost answers, crashes, rivals that wake up."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from tests.unit.store.support import (
    REF,
    Memory,
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
from wabucketref import failpoints
from wabucketref.contracts.storage import Storage
from wabucketref.errors import (
    AliasTaken,
    AlreadyExists,
    Interrupted,
    NotAuthorised,
    OutcomeUnknown,
    TransientError,
    UnfinishedUpload,
    UploadInProgress,
    UsageError,
)
from wabucketref.store.claims.body import Body
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.format.layout import Layout
from wabucketref.store.identity import Identity
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")

FILES = {"a": b"aaa", "d/b": b"b" * 9000, "e": b"", "z": b"zzz"}
LAYOUT = Layout.of(REF)
ME = Identity.current("home")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", FILES)


class Meeting(Wrapper):
    """Holds the requests that may come side by side until both are there; fails when one comes alone."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.looks, self.ends = Barrier(2), Barrier(2)
        self.claimed = False
        self.met: set[tuple[bool, str, str]] = set()

    def around(self, call: Call, action: Callable[[], T]) -> T:
        one = (self.claimed, call.method, call.key)
        if one not in self.met:  # a listing asks once a page
            self.met.add(one)
            if one[1:] in (("list", LAYOUT.prefix), ("read", LAYOUT.header)):
                self.looks.wait(10)
            elif one in ((True, "put", LAYOUT.entries), (True, "put", LAYOUT.claim)):
                self.ends.wait(10)
        found = super().around(call, action)
        self.claimed = self.claimed or call.key == LAYOUT.claim
        return found


def check(storage: Storage, tmp_path: Path) -> None:
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES
    assert not [key for key in keys(storage) if "claim" in key or "clock" in key]


def test_what_need_not_wait_for_each_other_is_asked_side_by_side(source: Path) -> None:
    seen = Faulty(bucket(), [])
    meeting = Meeting(seen)
    send(meeting, upload_plan(source))
    asked = Counter((call.method, call.key) for call in seen.calls if call.method not in ("list", "flush"))
    ours = {(method, key): count for (method, key), count in asked.items() if LAYOUT.path_of(key) is None}
    looks, puts = {("read", LAYOUT.header): 2}, {("put", key): 1 for key in (LAYOUT.entries, LAYOUT.header)}
    assert ours == looks | puts | {("put", LAYOUT.claim): 2, ("delete", LAYOUT.claim): 1}
    assert {key for _, method, key in meeting.met if method == "list"} == {LAYOUT.prefix}


class Rendezvous(Wrapper):
    """Lets the claim be put only once the manifest of an earlier upload was asked for, and the other way round."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.both = Barrier(2)
        self.met = list[str]()

    def around(self, call: Call, action: Callable[[], T]) -> T:
        earlier = Layout.of(replace(REF, alias="before")).header
        if (call.method, call.key) in (("put", LAYOUT.claim), ("read", earlier)) and call.key not in self.met:
            self.met.append(call.key)
            self.both.wait(10)
        return super().around(call, action)


def test_earlier_uploads_are_read_while_the_claim_is_taken(source: Path) -> None:
    storage = bucket()
    send(storage, upload_plan(source, "x0", replace(REF, alias="before")))
    meeting = Rendezvous(storage)
    assert send(meeting, upload_plan(source, earlier=("before",))).figures.bytes_moved == 0
    assert len(meeting.met) == 2


@pytest.mark.parametrize("after", [True, False], ids=["landed", "never arrived"])
@pytest.mark.parametrize("key", ["*/manifest.json", "*/entries.jsonl.zst", "*/a", "*/claim.json"])
def test_lost_answers_to_puts(source: Path, tmp_path: Path, key: str, after: bool) -> None:
    faulty = Faulty(bucket(), [Fault("put", key, error=OutcomeUnknown("lost"), after=after)])
    done = send(faulty, upload_plan(source))
    assert not done.already_there
    faulty.assert_all_hit()
    check(faulty, tmp_path)


@pytest.mark.parametrize("after", [True, False], ids=["landed", "never arrived"])
def test_a_lost_answer_to_the_completion_of_parts(source: Path, tmp_path: Path, after: bool) -> None:
    faulty = Faulty(bucket(), [Fault("complete", "*/b", error=OutcomeUnknown("lost"), after=after)])
    send(faulty, upload_plan(source))
    sent = [call for call in faulty.calls if call.method == "put_part"]
    assert len(sent) == 9, "the parts are there: only their end is asked for again"
    check(faulty, tmp_path)


def test_a_conflict_that_never_was_is_tried_again(source: Path, tmp_path: Path) -> None:
    faulty = Faulty(bucket(), [Fault("put", "*/manifest.json", error=AlreadyExists("409"))])
    send(faulty, upload_plan(source))
    check(faulty, tmp_path)
    faulty = Faulty(bucket(), [Fault("put", "*/manifest.json", times=4, error=OutcomeUnknown("lost"))])
    with pytest.raises(TransientError, match="neither yes nor no"):
        send(faulty, upload_plan(source))


def test_a_rival_commit_at_the_last_moment(source: Path, tmp_path: Path) -> None:
    for same in (True, False):
        storage = bucket()
        other = source if same else make_tree(tmp_path / "other", {"x": b"x"})
        elsewhere = bucket()
        send(elsewhere, upload_plan(other, "theirs"))
        header, _ = elsewhere.read(LAYOUT.header, limit=1 << 20)
        faulty = Faulty(
            storage,
            [Fault("put", "*/manifest.json", action=lambda _, s=storage, h=header: s.put(LAYOUT.header, h) and None)],
        )  # type: ignore[misc]
        if same:
            assert send(faulty, upload_plan(source)).already_there
        else:
            with pytest.raises(AliasTaken):
                send(faulty, upload_plan(source))


def test_an_error_of_the_store_commits_nothing_and_gives_parts_back(source: Path) -> None:
    faulty = Faulty(bucket(), [Fault("put_part", "*/b", nth=3, error=NotAuthorised("403"))])
    with pytest.raises(NotAuthorised):
        send(faulty, upload_plan(source))
    assert any(call.method == "abort_multipart" for call in faulty.calls)
    assert LAYOUT.header not in keys(faulty)
    with pytest.raises(UnfinishedUpload):
        plane(faulty).find("memory://b", REF)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("files_before", [1, 3])
def test_files_of_an_earlier_try_are_not_sent_again(
    source: Path, tmp_path: Path, conditional: bool, files_before: int
) -> None:
    storage, memory, stored = bucket() if conditional else unconditional(bucket()), Memory(), 0

    def stop(name: str) -> None:
        nonlocal stored
        stored += name == "upload.file_stored"
        if name == "upload.file_stored" and stored == files_before:
            raise Interrupted("stop")

    one = TransferLimits(1, 1 << 20, 1 << 10, 2 << 10)
    failpoints.install(stop)
    with pytest.raises(Interrupted):
        send(storage, upload_plan(source), memory, limits=one)
    failpoints.install(None)
    assert len(memory.files) == files_before
    counting = Faulty(storage, [])
    done = send(counting, upload_plan(source, "x2"), memory, limits=one)
    assert done.figures.files_reused == files_before
    for path in memory.files:
        assert not [
            c for c in counting.calls if c.key == LAYOUT.file(path) and c.method in ("put", "start_multipart")
        ] or (path not in list(FILES)[:files_before])
    check(storage, tmp_path)


def test_a_killed_try_is_taken_over_and_its_changed_files_are_sent_again(source: Path, tmp_path: Path) -> None:
    storage, memory = bucket(), Memory()
    send(storage, upload_plan(source, "gone"), memory)
    storage.delete(LAYOUT.header)
    storage.put(LAYOUT.claim, Body.new(dead(ME), "gone", "n").encode())
    storage.put(LAYOUT.file("a"), b"not what we stored")
    storage.put(LAYOUT.file("orphan"), b"of another try")
    (source / "z").write_bytes(b"ZZZ")
    done = send(storage, upload_plan(source, "gone"), memory)
    assert (done.figures.files_moved, done.figures.files_reused) == (2, 2)
    assert LAYOUT.file("orphan") not in keys(storage)
    (source / "z").write_bytes(b"zzz")
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES | {"z": b"ZZZ"}


@pytest.mark.row("S5")
def test_equal_times_do_not_prove_equal_content(source: Path, tmp_path: Path) -> None:
    storage, memory = bucket(), Memory()
    send(storage, upload_plan(source, "gone"), memory)
    storage.delete(LAYOUT.header)
    storage.put(LAYOUT.claim, Body.new(dead(ME), "gone", "n").encode())
    known = memory.files["a"]
    (source / "a").write_bytes(b"AAA")
    facts = os.stat(source / "a")
    from dataclasses import replace

    memory.files["a"] = replace(known, mtime_ns=facts.st_mtime_ns, ctime_ns=facts.st_ctime_ns, inode=facts.st_ino)
    send(storage, upload_plan(source, "gone"), memory)
    fetch(storage, download_plan(tmp_path / "out"))
    assert (tmp_path / "out" / "a").read_bytes() == b"AAA"


def test_files_seen_by_a_writer_that_may_wake_up_are_replaced(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, memory = bucket(), Memory()
    send(storage, upload_plan(source, "gone"), memory)
    storage.delete(LAYOUT.header)
    claim = storage.put(LAYOUT.claim, Body.new(stranger(), "sleeper", "n").encode())
    seen = storage.head(LAYOUT.file("a"))
    assert seen is not None
    monkeypatch.setattr("wabucketref.store.claims.single.store_now", lambda *_: (claim.modified or 0) + 61)
    done = send(storage, upload_plan(source, "gone"), memory)
    assert done.figures.files_reused == 0
    with pytest.raises(Exception, match="changed") as caught:
        storage.put(LAYOUT.file("a"), b"late", if_match=seen.etag)
    assert caught.type.__name__ == "PreconditionFailed"
    check(storage, tmp_path)


def test_a_writer_that_slept_past_its_claim_stops_before_the_next_file(source: Path) -> None:
    storage = bucket()

    def rob(name: str) -> None:
        if name == "upload.entries_put":
            info = storage.head(LAYOUT.claim)
            assert info is not None
            storage.put(LAYOUT.claim, Body.new(stranger(), "thief", "n").encode(), if_match=info.etag)

    failpoints.install(rob)
    with pytest.raises(UploadInProgress, match="taken over"):
        send(storage, upload_plan(source))
    assert LAYOUT.header not in keys(storage)
    assert LAYOUT.claim in keys(storage)


def test_a_commit_made_after_the_claim_was_lost_is_undone(source: Path) -> None:
    storage = bucket()

    def rob(name: str) -> None:
        if name == "upload.header_sent":
            info = storage.head(LAYOUT.claim)
            assert info is not None
            storage.put(LAYOUT.claim, Body.new(stranger(), "thief", "n").encode(), if_match=info.etag)

    failpoints.install(rob)
    with pytest.raises(UploadInProgress, match="during the commit"):
        send(storage, upload_plan(source))
    assert LAYOUT.header not in keys(storage)


@pytest.mark.parametrize("conditional", [True, False])
def test_stopping_at_any_point_leaves_all_or_nothing_and_the_same_command_finishes(
    source: Path, tmp_path: Path, conditional: bool
) -> None:
    point = 0
    while True:
        point += 1
        storage, hits = bucket() if conditional else unconditional(bucket()), 0

        def stop(name: str, point: int = point) -> None:
            nonlocal hits
            hits += 1
            if hits == point:
                raise Interrupted("stop")

        failpoints.install(stop)
        try:
            send(storage, upload_plan(source))
            break
        except Interrupted:
            failpoints.install(None)
        try:
            fetch(storage, download_plan(tmp_path / f"out{point}"))
            assert read_tree(tmp_path / f"out{point}") == FILES
        except FileNotFoundError:
            assert not (tmp_path / f"out{point}").exists()
        send(storage, upload_plan(source))
        fetch(storage, download_plan(tmp_path / f"again{point}"))
        assert read_tree(tmp_path / f"again{point}") == FILES
        assert not [key for key in keys(storage) if "claim" in key]
    assert point > 15


def test_overwrite_stopped_at_any_point_shows_old_new_or_unfinished(source: Path, tmp_path: Path) -> None:
    new = make_tree(tmp_path / "new", {"a": b"AAA", "n": b"n" * 5000})
    point = 0
    while True:
        point += 1
        storage, hits = bucket(), 0
        send(storage, upload_plan(source, "x0"))

        def stop(name: str, point: int = point) -> None:
            nonlocal hits
            hits += 1
            if hits == point:
                raise Interrupted("stop")

        failpoints.install(stop)
        try:
            send(storage, upload_plan(new, "x1", overwrite=True))
            break
        except Interrupted:
            failpoints.install(None)
        try:
            fetch(storage, download_plan(tmp_path / f"out{point}"))
            assert read_tree(tmp_path / f"out{point}") in (FILES, read_tree(new))
        except UnfinishedUpload:
            assert not (tmp_path / f"out{point}").exists()
        send(storage, upload_plan(new, "x1", overwrite=True))
        fetch(storage, download_plan(tmp_path / f"again{point}"))
        assert read_tree(tmp_path / f"again{point}") == read_tree(new)
    assert point > 8


def test_an_interrupted_removal_is_finished_by_the_next(source: Path) -> None:
    storage = bucket()
    send(storage, upload_plan(source))
    failpoints.install(lambda name: (_ for _ in ()).throw(Interrupted("x")) if name == "remove.file_gone" else None)
    with pytest.raises(Interrupted):
        plane(storage).remove("memory://b", REF)
    failpoints.install(None)
    with pytest.raises(UnfinishedUpload):
        plane(storage).find("memory://b", REF)
    plane(storage).remove("memory://b", REF)
    assert keys(storage) == []


@pytest.mark.row("M5")
def test_metadata_that_does_not_fit_is_refused_before_anything_is_sent(source: Path) -> None:
    storage = bucket()
    with pytest.raises(UsageError, match="metadata"):
        send(storage, upload_plan(source, metadata={"k": "v" * (1 << 20)}))
    assert keys(storage) == []


@pytest.mark.row("O6")
def test_part_sizes_fit_into_what_stores_take() -> None:
    limits = TransferLimits()
    assert limits.part_bytes(1 << 30, 5 << 20) == 8 << 20
    for size in (100 << 30, 1 << 40, 5 << 40):
        part = limits.part_bytes(size, 5 << 20)
        assert -(-size // part) <= 10_000
        assert part % (1 << 20) == 0
    with pytest.raises(UsageError, match="5 TiB"):
        limits.part_bytes((5 << 40) + 1, 0)
