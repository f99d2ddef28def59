"""Downloads: verified, contained, resumed, and nothing touched when they fail."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.unit.store.manystore import ManyMemory
from tests.unit.store.support import (
    REF,
    SMALL,
    bucket,
    download_plan,
    fetch,
    keys,
    make_tree,
    plane,
    read_tree,
    send,
    upload_plan,
)
from wabucketref import failpoints
from wabucketref.contracts.many import Content, Read
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Sink, Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import (
    Conflict,
    IntegrityError,
    Interrupted,
    ReplacedWhileReading,
    TransientError,
    UnfinishedUpload,
    UsageError,
)
from wabucketref.store.format.layout import Layout
from wabucketref.store.receiving import ranges, staging
from wabucketref.store.receiving.ranges import AHEAD
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")
LAYOUT = Layout.of(REF)
FILES = {"a": b"aaa", "d/b": b"b" * 9000, "d/c": b"", "v": None}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    found = bucket()
    send(found, upload_plan(make_tree(tmp_path / "src", FILES)))
    return found


def left_over(tmp_path: Path) -> list[str]:
    return [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.row("D2")
def test_foreign_files_stay_and_equal_ones_are_not_fetched_again(storage: Storage, tmp_path: Path) -> None:
    out = make_tree(tmp_path / "out", {"foreign": b"f", "d/b": FILES["d/b"], "a": b"old"})
    fetched = fetch(storage, download_plan(out))
    assert read_tree(out) == FILES | {"foreign": b"f"}
    assert (fetched.figures.files_moved, fetched.figures.files_reused) == (2, 1)
    again = fetch(storage, download_plan(out))
    assert (again.figures.bytes_moved, again.figures.bytes_reused) == (0, 9003)


def test_the_header_and_the_list_of_files_are_asked_for_side_by_side(storage: Storage, tmp_path: Path) -> None:
    met = threading.Barrier(2)

    class Meeting(Wrapper):
        def around(self, call: Call, action: Callable[[], T]) -> T:
            if (call.method, call.key) in (("read", LAYOUT.header), ("read_range", LAYOUT.entries)):
                met.wait(10)
            return super().around(call, action)

    seen = Faulty(Meeting(storage), [])
    fetch(seen, download_plan(tmp_path / "out"))
    ours = [call.key for call in seen.calls if LAYOUT.path_of(call.key) is None]
    assert sorted(ours) == [LAYOUT.entries, LAYOUT.header], "each once"


@pytest.mark.parametrize("stale", [b"", b"no list of files", b"\0" * (1 << 20)])
def test_a_list_of_files_that_came_too_early_is_asked_for_again(storage: Storage, tmp_path: Path, stale: bytes) -> None:
    """As when another upload takes the place between the two."""

    class Late(Wrapper):
        asked = 0

        def read_range(self, key: str, start: int, length: int) -> bytes:
            if key == LAYOUT.entries:
                self.asked += 1
            return stale if self.asked == 1 and key == LAYOUT.entries else super().read_range(key, start, length)

    late = Late(storage)
    fetch(late, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES
    assert late.asked > 1


@pytest.mark.row("B6")
def test_damage_in_the_bucket_stops_everything(storage: Storage, tmp_path: Path) -> None:
    out = make_tree(tmp_path / "out", {"a": b"mine"})
    for key, data in (("d/b", b"B" * 9000), ("a", b"bad"), ("a", b"longer"), ("a", None)):
        good, _ = storage.read(f"model/net/one/{key}", limit=1 << 20)
        if data is None:
            storage.delete(f"model/net/one/{key}")
        else:
            storage.put(f"model/net/one/{key}", data)
        with pytest.raises(IntegrityError, match=f"'{key}' in the bucket is not what its manifest says"):
            fetch(storage, download_plan(out))
        assert read_tree(out) == {"a": b"mine"}
        assert left_over(tmp_path) == []
        storage.put(f"model/net/one/{key}", good)
    fetch(storage, download_plan(out))


def test_one_wrong_answer_is_fetched_again(storage: Storage, tmp_path: Path) -> None:
    class Flipping(Faulty):
        flips = 2

        def read(self, key: str, *, limit: int) -> tuple[bytes, object]:  # type: ignore[override]
            data, info = super().read(key, limit=limit)
            if key.endswith("/a") and self.flips:
                self.flips -= 1
                data = b"?" + data[1:]
            return data, info

        def read_range(self, key: str, start: int, length: int) -> bytes:
            data = super().read_range(key, start, length)
            if key.endswith("/b") and start == 3072 and not self.cut:
                self.cut = True
                return data[:-1]
            return data

        cut = False

    fetch(Flipping(storage, []), download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES


def test_an_overwrite_meanwhile_is_not_blamed_on_the_bytes(storage: Storage, tmp_path: Path) -> None:
    new = make_tree(tmp_path / "new", {"a": b"AAA", "d/b": b"c" * 9000})

    def overwrite(_: object) -> None:
        send(storage, upload_plan(new, "x2", overwrite=True))

    faulty = Faulty(storage, [Fault("read", "*/a", action=overwrite)])
    with pytest.raises(ReplacedWhileReading, match="replaced while it was read") as caught:
        fetch(faulty, download_plan(tmp_path / "out"))
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out").exists()


def test_a_removal_meanwhile_is_not_blamed_on_the_manifest(storage: Storage, tmp_path: Path) -> None:
    faulty = Faulty(
        storage, [Fault("read_range", "*entries*", action=lambda _: plane(storage).remove("memory://b", REF))]
    )
    with pytest.raises(ReplacedWhileReading, match="removed"):
        fetch(faulty, download_plan(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_readers_during_overwrites_see_old_new_or_a_clear_error(tmp_path: Path) -> None:
    storage, stop = bucket(), threading.Event()
    trees = [
        make_tree(tmp_path / f"t{n}", {f"f{k}": b"%d" % n * 3000 for k in range(3)} | {f"only{n}": b"x"})
        for n in (0, 1)
    ]
    send(storage, upload_plan(trees[0], "x"))
    failures: list[BaseException] = []

    def write() -> None:
        for number in range(1, 16):
            try:
                send(storage, upload_plan(trees[number % 2], f"x{number}", overwrite=True))
            except BaseException as error:
                failures.append(error)
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen, number = set(), 0
    while not stop.is_set() or number < 3:
        number += 1
        out = tmp_path / f"out{number}"
        try:
            fetch(storage, download_plan(out))
        except (ReplacedWhileReading, UnfinishedUpload) as error:
            seen.add(type(error).__name__)
            assert not out.exists()
        else:
            found = read_tree(out)
            assert found in [read_tree(tree) for tree in trees]
            seen.add(str(sorted(found)))
    writer.join()
    assert failures == []
    assert len(seen) >= 2


def stop_at(point: str, number: int) -> None:
    """Interrupt at the hit with that number."""
    hits = 0

    def stop(name: str) -> None:
        nonlocal hits
        hits += name == point
        if name == point and hits == number:
            raise Interrupted("stop")

    failpoints.install(stop)


def test_an_interrupted_download_goes_on_where_it_stopped(storage: Storage, tmp_path: Path) -> None:
    stop_at("download.file_verified", 2)
    one = replace(SMALL, concurrency=1)
    with pytest.raises(Interrupted):
        fetch(storage, download_plan(tmp_path / "out"), limits=one)
    failpoints.install(None)
    assert not (tmp_path / "out").exists()
    assert len(left_over(tmp_path)) == 1
    counting = Faulty(storage, [])
    fetched = fetch(counting, download_plan(tmp_path / "out"), limits=one)
    assert read_tree(tmp_path / "out") == FILES
    assert left_over(tmp_path) == []
    assert fetched.figures.files_reused == 2


def test_of_an_interrupted_download_only_what_is_not_there_goes_on_many_at_a_time(tmp_path: Path) -> None:
    """What is there, whole or not, is looked at file by file."""
    files: dict[str, bytes | None] = {f"d/{n:02}": b"%02d" % n * 50 for n in range(40)}
    many = ManyMemory(f"many-{tmp_path}")
    send(many, upload_plan(make_tree(tmp_path / "src", files)))
    stop_at("download.file_verified", 11)
    with pytest.raises(Interrupted):
        fetch(many, download_plan(tmp_path / "out"))
    failpoints.install(None)
    (left,) = left_over(tmp_path)
    there = os.listdir(tmp_path / left / "d")
    (tmp_path / left / "d" / there[0]).write_bytes(b"0")
    together: list[str] = []
    fetched = fetch(Asked(many, together), download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == files
    assert sorted(together) == sorted(f"{LAYOUT.directory}/d/{n:02}" for n in range(40) if f"{n:02}" not in there)
    assert len(there) == 11
    assert fetched.figures.files_reused == 10


class Asked(Wrapper):
    """Notes what is read many at a time."""

    def __init__(self, inner: Storage, together: list[str]) -> None:
        super().__init__(inner)
        self._together = together

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        def noted() -> Iterator[Read]:
            for read in reads:
                self._together.append(read.key)
                yield read

        return super().read_many(noted(), width, check)


PARTS = 64
LARGE = b"".join(b"%04d" % number * (SMALL.part_size // 4) for number in range(PARTS))[:-10]


@pytest.fixture
def large(tmp_path: Path) -> Storage:
    """A bucket with one file of many ranges."""
    storage = bucket()
    send(storage, upload_plan(make_tree(tmp_path / "large", {"b": LARGE})))
    return storage


def ranges_read(calls: Sequence[Call]) -> int:
    return sum(call.method == "read_to" for call in calls)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_an_interrupted_large_file_goes_on_but_for_what_was_under_way(
    large: Storage, tmp_path: Path, concurrency: int
) -> None:
    stop_at("download.range", 40)
    limits = replace(SMALL, concurrency=concurrency)
    with pytest.raises(Interrupted):
        fetch(large, download_plan(tmp_path / "out"), limits=limits)
    failpoints.install(None)
    counting = Faulty(large, [])
    fetch(counting, download_plan(tmp_path / "out"), limits=limits)
    assert read_tree(tmp_path / "out") == {"b": LARGE}
    assert PARTS - 40 - AHEAD <= ranges_read(counting.calls) <= PARTS - 40 + AHEAD


def test_the_disk_begins_with_what_landed_before_the_sync_waits_for_it(
    large: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []
    at_sync: list[int] = []
    sync = staging.Staging.sync

    def begin(_: int, start: int, size: int) -> None:
        begun.append((start, size))

    def synced(beside: staging.Staging) -> None:
        at_sync.append(sum(size for _, size in begun))
        sync(beside)

    monkeypatch.setattr(ranges, "begin_writing", begin)
    monkeypatch.setattr(staging.Staging, "sync", synced)
    fetch(large, download_plan(tmp_path / "out"))
    assert at_sync == [len(LARGE)]
    assert sorted(begun)[:2] == [(0, SMALL.part_size), (SMALL.part_size, SMALL.part_size)]


class Lengths(Wrapper):
    """Notes how much of the large file each request asks for."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.asked: list[int] = []

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        if key.endswith("/b"):
            self.asked.append(length)
        return super().read_to(key, start, length, sink)


def test_where_a_part_is_soon_there_a_request_asks_for_several(
    large: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more has to be fetched again than when each asks for one."""
    monkeypatch.setattr(ranges, "_FAST", 0)
    stop_at("download.range", 40)
    with pytest.raises(Interrupted):
        fetch(large, download_plan(tmp_path / "out"))
    failpoints.install(None)
    noted, size = Lengths(large), SMALL.part_size
    fetch(noted, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == {"b": LARGE}
    assert max(noted.asked) == 4 * size
    assert len(LARGE) - (40 + AHEAD) * size <= sum(noted.asked) <= len(LARGE) - (40 - AHEAD) * size


def test_what_a_long_request_brought_before_it_failed_is_kept(
    large: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "_FAST", 0)
    cut = Cut(large)
    with pytest.raises(TransientError):
        fetch(cut, download_plan(tmp_path / "out"), limits=replace(SMALL, concurrency=1))
    (left,) = left_over(tmp_path)
    assert (tmp_path / left / "b").stat().st_size == cut.there == (1 + 4 + 2) * SMALL.part_size


class Cut(Wrapper):
    """The second request for several parts fails for good after the first half of it."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.there = self._long = 0

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        self._long += length > SMALL.part_size
        if self._long < 2 or not key.endswith("/b"):
            return super().read_to(key, start, length, sink)
        if not self.there:
            super().read_to(key, start, length // 2, sink)
            self.there = start + length // 2
        raise TransientError("cut")


class FirstIsSlow(Wrapper):
    """The first range of a file comes only once as many after it are there as may be begun."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.others = threading.Semaphore(0)
        self.overtaken = True

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        if not key.endswith("/b"):
            return super().read_to(key, start, length, sink)
        if start == 0:
            self.overtaken = all(self.others.acquire(timeout=10) for _ in range(AHEAD - 1))
        count = super().read_to(key, start, length, sink)
        if start:
            self.others.release()
        return count


def test_a_range_that_is_slow_does_not_hold_up_those_after_it(large: Storage, tmp_path: Path) -> None:
    slow = FirstIsSlow(large)
    fetch(slow, download_plan(tmp_path / "out"), limits=replace(SMALL, concurrency=2))
    assert slow.overtaken
    assert read_tree(tmp_path / "out") == {"b": LARGE}


@pytest.mark.parametrize("hole", [38, 40 - AHEAD, 40 - AHEAD - 1, 0], ids=str)
def test_holes_that_a_killed_download_left_are_no_content(large: Storage, tmp_path: Path, hole: int) -> None:
    """40 parts are there, one of them not written: the last ones are fetched anyway, and others show by the digest."""
    stop_at("download.range", 40)
    with pytest.raises(Interrupted):
        fetch(large, download_plan(tmp_path / "out"), limits=replace(SMALL, concurrency=1))
    failpoints.install(None)
    (left,) = left_over(tmp_path)
    size = SMALL.part_size
    with (tmp_path / left / "b").open("r+b") as file:
        assert file.seek(0, os.SEEK_END) >= 40 * size
        file.truncate(40 * size)  # the next may have landed already
        file.seek(hole * size)
        file.write(bytes(size))
    counting = Faulty(large, [])
    fetch(counting, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == {"b": LARGE}
    went_on = PARTS - 40 + AHEAD
    assert ranges_read(counting.calls) == (went_on if hole >= 40 - AHEAD else went_on + PARTS)


@pytest.mark.row("D2", "D3")
@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        ({"d": "link"}, IntegrityError),
        ({"a": "link"}, IntegrityError),
        ({"v": "link"}, IntegrityError),
        ({"d": "file"}, Conflict),
        ({"v": "file"}, Conflict),
        ({"a": "directory"}, Conflict),
    ],
    ids=str,
)
def test_what_is_in_the_way_stays_untouched(
    storage: Storage, tmp_path: Path, plant: dict[str, str], kind: type[Exception]
) -> None:
    outside = make_tree(tmp_path / "outside", {"b": b"canary"})
    out = make_tree(tmp_path / "out", {"foreign": b"f"})
    for path, what in plant.items():
        if what == "link":
            (out / path).symlink_to(outside if path != "a" else outside / "b")
        elif what == "file":
            (out / path).write_bytes(b"mine")
        else:
            (out / path).mkdir()
    before = sorted(out.rglob("*"))
    with pytest.raises(kind):
        fetch(storage, download_plan(out))
    assert read_tree(outside) == {"b": b"canary"}
    assert sorted(out.rglob("*")) == before
    assert left_over(tmp_path) == []


@pytest.mark.row("D3", "H2")
def test_a_link_planted_during_the_download_is_not_followed(storage: Storage, tmp_path: Path) -> None:
    outside, out = make_tree(tmp_path / "outside", {"b": b"canary"}), make_tree(tmp_path / "out", {"x": b""})

    def plant(name: str) -> None:
        if name == "download.file_placed" and not (out / "d").exists():
            (out / "d").symlink_to(outside)

    failpoints.install(plant)
    try:
        with pytest.raises(IntegrityError, match="symbolic link"):
            fetch(storage, download_plan(out))
    finally:
        failpoints.install(None)
    assert read_tree(outside) == {"b": b"canary"}


@pytest.mark.row("D1")
def test_the_destination_itself(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="not a directory"):
        fetch(storage, download_plan(tmp_path / "file"))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    fetch(storage, download_plan(tmp_path / "link"))
    assert read_tree(tmp_path / "real") == FILES
    fetch(storage, download_plan(tmp_path / "not" / "yet" / "there"))
    assert read_tree(tmp_path / "not" / "yet" / "there") == FILES


@pytest.mark.row("D1")
def test_below_a_mount_point_the_staging_directory_lies_inside(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = make_tree(tmp_path / "out", {})
    monkeypatch.setattr(staging.os.path, "ismount", lambda path: path == str(out))
    seen: list[str] = []
    failpoints.install(lambda name: seen.extend(os.listdir(out)) if name == "download.staging_made" else None)
    try:
        fetch(storage, download_plan(out))
    finally:
        failpoints.install(None)
    assert seen == [".wabucket"]
    assert read_tree(out) == FILES


@pytest.mark.row("D5")
def test_two_downloads_into_one_directory_both_succeed(storage: Storage, tmp_path: Path) -> None:
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(fetch(storage, download_plan(tmp_path / "out")).files)
        except BaseException as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [3] * 6
    assert read_tree(tmp_path / "out") == FILES
    assert left_over(tmp_path) == []


@pytest.mark.row("X2")
def test_a_pinned_digest_must_be_the_one_in_the_bucket(storage: Storage, tmp_path: Path) -> None:
    known = plane(storage).find("memory://b", REF)
    assert known is not None
    fetch(storage, download_plan(tmp_path / "out", digest=known.digest))
    with pytest.raises(IntegrityError, match="behind the tracker's back") as caught:
        fetch(storage, download_plan(tmp_path / "out2", digest="blake3:" + "0" * 64))
    assert known.digest in caught.value.message


@pytest.mark.row("H5")
def test_a_manifest_of_another_artifact_is_refused(storage: Storage, tmp_path: Path) -> None:
    for key in keys(storage):
        storage.copy(key, key.replace("/one/", "/two/"))
    other = replace(REF, alias="two")
    with pytest.raises(IntegrityError, match="model/net/one"):
        fetch(storage, download_plan(tmp_path / "out", other))


@pytest.mark.row("D4")
def test_case_twins_are_refused_where_the_disk_folds_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = bucket()
    send(storage, upload_plan(make_tree(tmp_path / "src", {"a/x": b"1", "A/x": b"2"})))
    fetch(storage, download_plan(tmp_path / "out"))
    monkeypatch.setattr(staging, "_folds_case", lambda descriptor: True)
    with pytest.raises(UsageError, match="one name"):
        fetch(storage, download_plan(tmp_path / "out2"))
    assert not (tmp_path / "out2").exists()


@pytest.mark.row("H1")
def test_hostile_listings_of_old_uploads_are_refused(tmp_path: Path) -> None:
    storage = bucket()
    storage.put("model/net/one/a", b"1")
    storage.put("model/net/one/a/b", b"1")
    with pytest.raises(IntegrityError, match="both"):
        fetch(storage, download_plan(tmp_path / "out"))
    storage.delete("model/net/one/a/b")
    storage.put("model/net/one/C:\\x", b"1")
    with pytest.raises(IntegrityError, match="Windows"):
        fetch(storage, download_plan(tmp_path / "out"))


def test_memory_stays_within_the_budget(tmp_path: Path) -> None:
    storage, limits = bucket(), replace(SMALL, memory=8 << 10, concurrency=8)
    source = make_tree(
        tmp_path / "src", {f"{n}": bytes([n]) * 30_000 for n in range(6)} | {f"s{n}": b"s" * 1500 for n in range(40)}
    )
    face = plane(storage, limits=limits)
    from wabucketref.contracts.transfer import NoMemory

    face.upload(upload_plan(source), progress=SilentProgress(), cancel=Cancel(), memory=NoMemory())
    face.download(download_plan(tmp_path / "out"), progress=SilentProgress(), cancel=Cancel())
    assert read_tree(tmp_path / "out") == read_tree(source)
    assert 0 < face._budget.peak <= limits.memory
    assert face._budget._used == 0


def test_an_error_of_the_store_keeps_what_was_fetched(storage: Storage, tmp_path: Path) -> None:
    faulty = Faulty(storage, [Fault("read_to", "*/b", nth=4, error=TransientError("down"))])
    with pytest.raises(TransientError, match="down"):
        fetch(faulty, download_plan(tmp_path / "out"))
    assert len(left_over(tmp_path)) == 1
    fetch(storage, download_plan(tmp_path / "out"))
    assert left_over(tmp_path) == []
