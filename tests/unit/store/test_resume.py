"""Going on with large files part by part, and giving back what nobody will finish."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.support import (
    REF,
    SMALL,
    UNCONDITIONAL,
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
from wabucketref.contracts.transfer import TransferMemory
from wabucketref.errors import (
    AliasTaken,
    Interrupted,
    LocalIOError,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    SourceChanged,
    Terminated,
    TransientError,
    UploadInProgress,
    UsageError,
    WaBucketError,
)
from wabucketref.service.memory import FileMemory
from wabucketref.store.claims.body import Body
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.format.layout import Layout
from wabucketref.store.identity import Identity
from wabucketref.store.wrappers.declared import Declared
from wabucketref.store.wrappers.faulty import Fault, Faulty

ME = Identity.current("home")
LAYOUT = Layout.of(REF)
ONE = replace(SMALL, concurrency=1)
PARTS = 20
PART = SMALL.part_size
FILES = {"a": b"small", "big": b"".join(b"%04d" % number * (PART // 4) for number in range(PARTS))[:-10]}
SIZE = len(FILES["big"])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", FILES)


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoints.install(None)


@pytest.fixture(params=["memory in a file", "memory in a test"])
def new_memory(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], TransferMemory]:
    """What the next process remembers."""
    if request.param == "memory in a file":
        return lambda: FileMemory(tmp_path / "cache", "memory://b", REF.directory)
    kept = Memory()
    return lambda: kept


@pytest.fixture(params=["conditional", "unconditional"])
def store(request: pytest.FixtureRequest) -> Storage:
    return bucket() if request.param == "conditional" else unconditional(bucket())


def stop_at(number: int, error: WaBucketError | None = None, do: Callable[[], object] = lambda: None) -> None:
    """From the next upload on, its part `number` is the last one that lands."""
    hits = 0

    def hook(name: str) -> None:
        nonlocal hits
        hits += name == "upload.part"
        if name == "upload.part" and hits == number:
            do()
            if error is not None:
                raise error

    failpoints.install(hook)


def try_and_fail(
    store: Storage, source: Path, memory: TransferMemory, error: WaBucketError, at: int = 8, xid: str = "x1"
) -> Faulty:
    stop_at(at, error)
    counting = Faulty(store, [])
    with pytest.raises(type(error)):
        send(counting, upload_plan(source, xid), memory, limits=ONE)
    failpoints.install(None)
    return counting


def called(faulty: Faulty, *methods: str) -> list[str]:
    return [call.method for call in faulty.calls if call.method in methods]


def open_uploads(store: Storage) -> int:
    """How many uploads in parts the store keeps."""
    while not isinstance(store, MemoryStorage):
        store = store.inner  # type: ignore[attr-defined]
    return len(store._bucket.uploads)


def check(store: Storage, memory: TransferMemory, tmp_path: Path, files: dict[str, bytes] = FILES) -> None:
    fetch(store, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == files
    assert not [key for key in keys(store) if "claim" in key]
    assert open_uploads(store) == 0
    assert list(memory.unfinished()) == []


@pytest.mark.row("K1", "K4")
@pytest.mark.parametrize(
    "error",
    [
        Interrupted("^C"),
        Terminated("TERM"),
        TransientError("reset"),
        LocalIOError("no space"),
        NotAuthorised("expired"),
    ],
    ids=lambda error: error.kind,
)
def test_after_what_may_pass_only_the_missing_parts_are_sent(
    source: Path,
    tmp_path: Path,
    store: Storage,
    new_memory: Callable[[], TransferMemory],
    error: WaBucketError,
) -> None:
    first = try_and_fail(store, source, new_memory(), error)
    sent = len(called(first, "put_part"))
    assert sent == 8, "no part is begun after one failed"
    assert open_uploads(store) == 1
    counting, memory = Faulty(store, []), new_memory()
    done = send(counting, upload_plan(source, "x2"), memory)
    assert len(called(counting, "put_part")) == PARTS - sent, "each part is sent once"
    assert called(counting, "start_multipart", "resume_multipart", "abort_multipart") == ["resume_multipart"]
    figures = done.figures
    assert (figures.files_moved, figures.files_reused) == (1, 1), "the small file was there, the large one in part"
    assert figures.bytes_moved + figures.bytes_reused == SIZE + len(FILES["a"])
    assert figures.bytes_reused == sent * PART + len(FILES["a"])
    check(store, memory, tmp_path)


def test_stopping_again_and_again_sends_each_part_once(
    source: Path, tmp_path: Path, new_memory: Callable[[], TransferMemory]
) -> None:
    store, sent, tries = bucket(), 0, 0
    while True:
        counting = Faulty(store, [])
        stop_at(3, Interrupted("^C"))
        try:
            send(counting, upload_plan(source), new_memory(), limits=ONE)
            break
        except Interrupted:
            tries += 1
        finally:
            sent += len(called(counting, "put_part"))
    assert tries == PARTS // 3
    assert sent == PARTS
    check(store, new_memory(), tmp_path)


@pytest.mark.row("O7")
@pytest.mark.parametrize(
    "error",
    [SourceChanged("written to"), AliasTaken("other content"), UsageError("no"), UploadInProgress("taken over")],
    ids=lambda error: error.kind,
)
def test_after_what_does_not_pass_the_parts_are_given_back(
    source: Path, tmp_path: Path, store: Storage, new_memory: Callable[[], TransferMemory], error: WaBucketError
) -> None:
    try_and_fail(store, source, new_memory(), error)
    assert open_uploads(store) == 0
    memory = new_memory()
    assert list(memory.unfinished()) == []
    send(store, upload_plan(source), memory)
    check(store, memory, tmp_path)


@pytest.mark.row("S4", "O7")
def test_a_file_written_to_while_its_parts_are_sent(source: Path, tmp_path: Path) -> None:
    store, memory = bucket(), Memory()
    stop_at(5, do=lambda: (source / "big").write_bytes(b"x" * SIZE))
    with pytest.raises(SourceChanged):
        send(store, upload_plan(source), memory)
    assert open_uploads(store) == 0
    assert LAYOUT.header not in keys(store)
    failpoints.install(None)
    send(store, upload_plan(source), memory)
    check(store, memory, tmp_path, FILES | {"big": b"x" * SIZE})


@pytest.mark.row("O7")
def test_the_parts_of_a_file_that_changed_since_are_given_back_first(
    source: Path, tmp_path: Path, new_memory: Callable[[], TransferMemory]
) -> None:
    store = bucket()
    try_and_fail(store, source, new_memory(), Interrupted("^C"))
    changed = FILES | {"big": FILES["big"][::-1]}
    (source / "big").write_bytes(changed["big"])
    counting, memory = Faulty(store, []), new_memory()
    done = send(counting, upload_plan(source), memory)
    assert called(counting, "start_multipart", "resume_multipart", "abort_multipart") == [
        "abort_multipart",
        "start_multipart",
    ]
    assert done.figures.bytes_moved == SIZE
    check(store, memory, tmp_path, changed)


@pytest.mark.row("O7")
def test_the_parts_of_a_file_that_is_gone_are_given_back(source: Path, tmp_path: Path) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"))
    (source / "big").unlink()
    send(store, upload_plan(source), memory)
    check(store, memory, tmp_path, {"a": FILES["a"]})


@pytest.mark.row("K1")
@pytest.mark.parametrize("where", [0, SIZE // 2, SIZE - 1], ids=["first byte", "middle", "last byte"])
def test_a_file_that_only_looks_the_same_is_sent_anew(source: Path, tmp_path: Path, where: int) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"), at=PARTS)
    content = bytearray(FILES["big"])
    content[where] ^= 1
    (source / "big").write_bytes(content)
    facts = os.stat(source / "big")
    looks = {"mtime_ns": facts.st_mtime_ns, "ctime_ns": facts.st_ctime_ns, "inode": facts.st_ino}
    memory.open = {replace(upload, **looks): parts for upload, parts in memory.open.items()}
    done = send(store, upload_plan(source), memory)
    assert done.figures.bytes_moved == SIZE
    check(store, memory, tmp_path, FILES | {"big": bytes(content)})


@pytest.mark.row("K1")
@pytest.mark.parametrize("at", [1, PARTS], ids=["parts missing", "only the end missing"])
def test_an_upload_that_the_store_gave_up_starts_over(
    source: Path, tmp_path: Path, store: Storage, at: int, new_memory: Callable[[], TransferMemory]
) -> None:
    try_and_fail(store, source, new_memory(), Interrupted("^C"), at=at)
    (upload,) = new_memory().unfinished()
    store.abort_multipart(upload.key, upload.upload_id)
    memory = new_memory()
    assert send(store, upload_plan(source), memory).figures.bytes_moved == SIZE
    check(store, memory, tmp_path)


@pytest.mark.parametrize("method", ["put_part", "complete"])
def test_an_upload_that_goes_while_it_is_gone_on_with_starts_over(source: Path, tmp_path: Path, method: str) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"))
    faulty = Faulty(store, [Fault(method, "*/big", error=NotFound("NoSuchUpload"))])
    assert send(faulty, upload_plan(source), memory).figures.bytes_moved == SIZE
    faulty.assert_all_hit()
    check(store, memory, tmp_path)


@pytest.mark.row("O6")
def test_going_on_keeps_the_plan_of_parts(source: Path, tmp_path: Path) -> None:
    store, memory = bucket(), Memory()
    sent = len(called(try_and_fail(store, source, memory, Interrupted("^C")), "put_part"))
    for limits in (replace(SMALL, part_size=4 * PART), replace(SMALL, multipart_threshold=2 * SIZE)):
        counting = Faulty(store, [])
        stop_at(2, Interrupted("^C"))
        with pytest.raises(Interrupted):
            send(counting, upload_plan(source), memory, limits=limits)
        failpoints.install(None)
        assert {call.bytes for call in counting.calls if call.method == "put_part"} <= {PART, PART - 10}
        sent += len(called(counting, "put_part"))
    counting = Faulty(store, [])
    send(counting, upload_plan(source), memory, limits=replace(SMALL, part_size=4 * PART))
    assert sent + len(called(counting, "put_part")) == PARTS
    check(store, memory, tmp_path)


@pytest.mark.row("K1")
@pytest.mark.parametrize("theirs", [False, True], ids=["it is ours", "another file of that size"])
def test_an_object_that_was_made_but_not_noted(source: Path, tmp_path: Path, theirs: bool) -> None:
    store, memory = bucket(), Memory()
    lost = Fault("complete", "*/big", error=Interrupted("dies here"), after=True)
    with pytest.raises(Interrupted):
        send(Faulty(store, [lost]), upload_plan(source), memory, limits=ONE)  # the small file is there before
    if theirs:
        store.put(LAYOUT.file("big"), b"x" * SIZE)
    done = send(store, upload_plan(source), memory)
    assert done.figures.bytes_moved == (SIZE if theirs else 0)
    check(store, memory, tmp_path)


def test_parts_that_a_writer_who_may_wake_up_can_replace_are_given_back(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"))
    claim = store.put(LAYOUT.claim, Body.new(stranger(), "sleeper", "n").encode())
    monkeypatch.setattr("wabucketref.store.claims.single.store_now", lambda *_: (claim.modified or 0) + 61)
    counting = Faulty(store, [])
    done = send(counting, upload_plan(source, "x2"), memory)
    assert called(counting, "resume_multipart") == []
    assert done.figures.bytes_moved == SIZE + len(FILES["a"])
    check(store, memory, tmp_path)


def test_parts_of_a_killed_process_are_gone_on_with(source: Path, tmp_path: Path) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"))
    store.put(LAYOUT.claim, Body.new(dead(ME), "x1", "n").encode())
    assert send(store, upload_plan(source, "x2"), memory).figures.bytes_moved < SIZE
    check(store, memory, tmp_path)


@pytest.mark.row("O7")
@pytest.mark.parametrize("why", ["no memory", "cannot be gone on with"])
def test_what_no_later_try_could_find_is_given_back_at_once(source: Path, why: str) -> None:
    store: Storage = bucket()
    if why == "cannot be gone on with":
        store = Declared(store, replace(UNCONDITIONAL, resumable=False))
    stop_at(5, TransientError("reset"))
    with pytest.raises(TransientError):
        send(store, upload_plan(source), None if why == "no memory" else Memory())
    assert open_uploads(store) == 0


@pytest.mark.row("O7")
def test_parts_that_cannot_be_given_back_now_are_given_back_later(
    source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, memory = bucket(), Memory()
    stop_at(5, SourceChanged("changed"))
    faulty = Faulty(store, [Fault("abort_multipart", times=9, error=NotAuthorised("s3:AbortMultipartUpload"))])
    with pytest.raises(SourceChanged):
        send(faulty, upload_plan(source), memory)
    assert open_uploads(store) == 1
    assert "s3:AbortMultipartUpload" in caplog.text
    failpoints.install(None)
    (source / "big").write_bytes(FILES["big"])
    send(store, upload_plan(source), memory)
    check(store, memory, tmp_path)


@pytest.mark.row("O7")
@pytest.mark.parametrize("why", ["the source is gone", "the alias is taken"])
def test_a_try_that_fails_before_it_begins_gives_back_what_is_left(source: Path, tmp_path: Path, why: str) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"))
    if why == "the alias is taken":
        send(store, upload_plan(make_tree(tmp_path / "other", {"x": b"x"}), "rival"))
    plan = upload_plan(source) if why == "the alias is taken" else upload_plan(tmp_path / "nowhere")
    with pytest.raises(AliasTaken if why == "the alias is taken" else NotFound):
        send(store, plan, memory)
    assert open_uploads(store) == 0
    assert list(memory.unfinished()) == []
    assert (LAYOUT.claim in keys(store)) == (why == "the source is gone"), "files without a claim look like an upload"


def test_the_parts_of_a_live_writer_stay(source: Path, tmp_path: Path) -> None:
    store, memory = bucket(), Memory()
    try_and_fail(store, source, memory, Interrupted("^C"))
    info = store.head(LAYOUT.claim)
    assert info is not None
    store.put(LAYOUT.claim, Body.new(stranger(), "alive", "n").encode(), if_match=info.etag)
    for plan, error in ((upload_plan(tmp_path / "nowhere"), NotFound), (upload_plan(source), UploadInProgress)):
        with pytest.raises(error):
            send(store, plan, memory)
        assert open_uploads(store) == 1
    plane(store).give_back("memory://b", REF, memory)
    assert len(memory.unfinished()) == 1


def test_a_lost_answer_to_the_end_is_asked_for_again_not_sent_again(source: Path, tmp_path: Path) -> None:
    store, memory = bucket(), Memory()
    faulty = Faulty(store, [Fault("complete", "*/big", times=2, error=OutcomeUnknown("lost"))])
    done = send(faulty, upload_plan(source), memory)
    assert len(called(faulty, "put_part")) == PARTS
    assert done.figures.bytes_moved == SIZE + len(FILES["a"])
    check(store, memory, tmp_path)


def test_at_most_so_many_parts_of_a_file_are_under_way(source: Path) -> None:
    from wabucketref.store.sending import parts

    under_way = most = 0

    class Watching(Faulty):
        def around(self, call, action):  # type: ignore[no-untyped-def]
            nonlocal under_way, most
            if call.method != "put_part":
                return super().around(call, action)
            under_way += 1
            most = max(most, under_way)
            try:
                return super().around(call, action)
            finally:
                under_way -= 1

    send(Watching(bucket(), []), upload_plan(source), Memory(), limits=replace(SMALL, concurrency=PARTS))
    assert 1 <= most <= parts._UNDER_WAY
