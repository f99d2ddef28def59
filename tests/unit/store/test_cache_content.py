"""Contents kept for later downloads: bounded, verified, shared, and never in the way."""

import errno
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from tests.logs import said
from tests.unit.store.support import REF, bucket, download_plan, fetch, make_tree, read_tree, send, upload_plan
from wabucketref import failpoints
from wabucketref.errors import ReplacedWhileReading
from wabucketref.store.cache.content import ContentCache
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.cache.pruning import contents, prune
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.wrappers.faulty import Faulty

FILES = {"a": b"a" * 100, "b/large": os.urandom(9000), "empty": b"", "void": None}
BYTES = 9100


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "home" / "content"


@pytest.fixture
def cache(directory: Path) -> ContentCache:
    return ContentCache(directory, 1 << 20)


@pytest.fixture
def storage(tmp_path: Path) -> MemoryStorage:
    storage = bucket()
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES)))
    return storage


def received(faulty: Faulty) -> int:
    """Requests for the user's files."""
    return sum(
        call.method.startswith("read") and call.key.startswith(f"{REF.directory}/") and "/.wabucket/" not in call.key
        for call in faulty.calls
    )


def test_a_second_download_elsewhere_fetches_nothing(
    storage: MemoryStorage, cache: ContentCache, tmp_path: Path
) -> None:
    fetch(storage, download_plan(tmp_path / "one"), contents=cache)
    watched = Faulty(storage, [])
    figures = fetch(watched, download_plan(tmp_path / "two"), contents=cache).figures
    assert (figures.bytes_moved, figures.bytes_reused, figures.files_moved, figures.files_reused) == (0, BYTES, 0, 3)
    assert received(watched) == 0
    assert read_tree(tmp_path / "two") == FILES


def test_what_is_kept_is_the_user_s_to_change(storage: MemoryStorage, cache: ContentCache, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fetch(storage, download_plan(tmp_path / name), contents=cache)
        assert (tmp_path / name / "a").stat().st_nlink == 1
        with open(tmp_path / name / "a", "r+b") as file:
            file.write(b"edited in place")
    fetch(storage, download_plan(tmp_path / "three"), contents=cache)
    assert read_tree(tmp_path / "three") == FILES


@pytest.mark.row("I7")
@pytest.mark.parametrize("damage", [b"", b"x" * 100, b"a" * 99, b"a" * 101])
def test_damage_is_thrown_away_and_fetched_anew(
    storage: MemoryStorage, cache: ContentCache, tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(storage, download_plan(tmp_path / "one"), contents=cache)
    assert cache.directory is not None
    (kept,) = [one for one in contents(cache.directory) if one.size == 100]
    Path(kept.path).write_bytes(damage)
    assert fetch(storage, download_plan(tmp_path / "two"), contents=cache).figures.bytes_moved == 100
    assert read_tree(tmp_path / "two") == FILES
    assert any("thrown away" in line for line in said(caplog))
    assert fetch(storage, download_plan(tmp_path / "three"), contents=cache).figures.bytes_moved == 0


def test_without_a_bound_nothing_is_kept(storage: MemoryStorage, directory: Path, tmp_path: Path) -> None:
    fetch(storage, download_plan(tmp_path / "one"), contents=ContentCache(directory, 0))
    assert not directory.exists()


def put(directory: Path, sizes: "dict[str, int]") -> None:
    """Contents of these sizes, the first used longest ago."""
    for age, (name, size) in enumerate(sizes.items()):
        path = directory / name[:2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        used = time.time() - 10_000 + age
        os.utime(path, (used, 1e9))


def names(directory: Path) -> set[str]:
    return {os.path.basename(one.path) for one in contents(directory)}


def test_what_was_not_used_for_longest_goes_first(directory: Path) -> None:
    put(directory, {"aa1": 100, "bb2": 100, "aa3": 100, "cc4": 100})
    plan = prune(directory, 250, target=1.0, dry_run=True)
    assert (plan.files, plan.bytes, plan.removed_files, plan.removed_bytes) == (4, 400, 2, 200)
    assert len(names(directory)) == 4
    assert prune(directory, 250, target=1.0) == plan
    assert names(directory) == {"aa3", "cc4"}
    assert prune(directory, 250).removed_files == 0
    assert prune(directory, 0).removed_files == 2


def test_use_counts_and_the_bound_holds(storage: MemoryStorage, directory: Path, tmp_path: Path) -> None:
    cache = ContentCache(directory, 10_000)
    put(directory, {"aa1": 500, "bb2": 400})
    fetch(storage, download_plan(tmp_path / "one"), contents=cache)
    assert names(directory) >= {"aa1", "bb2"} or sum(one.size for one in contents(directory)) <= 10_000
    fetch(storage, download_plan(tmp_path / "two"), contents=cache)
    other = make_tree(tmp_path / "other", {"x": b"x" * 2000})
    send(storage, upload_plan(other, "x2", REF.__class__("model", "net", "two")))
    fetch(storage, download_plan(tmp_path / "three", REF.__class__("model", "net", "two")), contents=cache)
    assert sum(one.size for one in contents(directory)) <= 10_000
    assert not names(directory) & {"aa1", "bb2"}


def test_a_wrong_count_is_put_right(storage: MemoryStorage, directory: Path, tmp_path: Path) -> None:
    put(directory, {"aa1": 5000, "bb2": 5000})
    (directory / "usage").write_text("what is this")
    fetch(storage, download_plan(tmp_path / "one"), contents=ContentCache(directory, 12_000))
    assert sum(one.size for one in contents(directory)) <= 12_000


def test_what_a_killed_download_left_goes_after_a_while(directory: Path) -> None:
    put(directory, {"aa1": 10})
    for name, age in (("part-old", 7200), ("part-new", 60)):
        (directory / "aa" / name).write_bytes(b"part")
        os.utime(directory / "aa" / name, (time.time() - age,) * 2)
    prune(directory, 1000)
    assert names(directory) == {"aa1", "part-new"}


@pytest.mark.row("K1")
@pytest.mark.parametrize("point", ["cache.content_written", "cache.pruning"])
def test_a_kill_in_the_middle_leaves_a_good_cache(
    storage: MemoryStorage, directory: Path, tmp_path: Path, point: str
) -> None:
    cache = ContentCache(directory, 9500)
    put(directory, {"aa1": 900})

    def die(name: str) -> None:
        if name == point:
            os._exit(9)

    child = os.fork()
    if child == 0:
        failpoints.install(die)
        fetch(storage, download_plan(tmp_path / "one"), contents=cache)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    for name in ("two", "three"):
        fetch(storage, download_plan(tmp_path / name), contents=cache)
        assert read_tree(tmp_path / name) == FILES


def _prune(directory: Path, ready: "multiprocessing.synchronize.Barrier") -> None:
    ready.wait(10)
    prune(directory, 10_000)


def test_two_processes_prune_at_once(directory: Path) -> None:
    put(directory, {f"{number:04x}": 100 for number in range(400)})
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(2)
    workers = [context.Process(target=_prune, args=(directory, ready)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    left = list(contents(directory))
    assert 8_000 < sum(one.size for one in left) <= 10_000
    assert min(one.used for one in left) > time.time() - 10_000 + 250


@pytest.mark.row("I1", "I4")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_cache_that_cannot_be_written_is_no_failure(
    storage: MemoryStorage,
    cache: ContentCache,
    directory: Path,
    tmp_path: Path,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = os.open

    def refuse(path: "str | os.PathLike[str]", flags: int, *arguments: int, **more: int) -> int:
        if str(path).startswith(str(directory)) and flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return inner(path, flags, *arguments, **more)

    monkeypatch.setattr(os, "open", refuse)
    fetch(storage, download_plan(tmp_path / "one"), contents=cache)
    assert read_tree(tmp_path / "one") == FILES
    assert not said(caplog)


@pytest.fixture
def digests(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path / "home" / "digests")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the destination's files that are read."""
    from wabucketref.store.receiving import localfiles

    paths: list[str] = []
    inner = localfiles.hash_descriptor

    def spy(descriptor: int, entry: "localfiles.Entry", crew: "localfiles.Crew") -> str:
        paths.append(entry.path)
        return inner(descriptor, entry, crew)

    monkeypatch.setattr(localfiles, "hash_descriptor", spy)
    return paths


def test_what_was_downloaded_here_is_not_read_again(
    storage: MemoryStorage, digests: DigestCache, tmp_path: Path, hashed: list[str]
) -> None:
    out = tmp_path / "out"
    fetch(storage, download_plan(out), digests=digests)
    figures = fetch(storage, download_plan(out), digests=digests).figures
    assert (figures.bytes_moved, figures.bytes_reused, figures.files_reused) == (0, BYTES, 3)
    assert not hashed
    fetch(storage, download_plan(out, deep=True), digests=digests)
    assert sorted(hashed) == ["a", "b/large", "empty"]


@pytest.mark.row("S5", "D2")
@pytest.mark.parametrize("turn", range(5))
def test_a_file_changed_right_after_a_download_is_noticed(
    storage: MemoryStorage, digests: DigestCache, tmp_path: Path, turn: int
) -> None:
    out = tmp_path / "out"
    fetch(storage, download_plan(out), digests=digests)
    facts = (out / "a").stat()
    (out / "a").write_bytes(b"b" * 100)
    os.utime(out / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert fetch(storage, download_plan(out), digests=digests).figures.bytes_moved == 100
    assert read_tree(out) == FILES


def test_damage_without_a_trace_is_found_by_reading(
    storage: MemoryStorage, digests: DigestCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    fetch(storage, download_plan(out), digests=digests)
    monkeypatch.setattr("wabucketref.store.receiving.localfiles.KnownDigests.get", lambda self, found: None)
    (out / "a").write_bytes(b"b" * 100)
    assert fetch(storage, download_plan(out, deep=True), digests=digests).figures.bytes_moved == 100


def test_a_download_that_fails_leaves_nothing_known(
    storage: MemoryStorage, digests: DigestCache, tmp_path: Path, hashed: list[str]
) -> None:
    def remove(name: str) -> None:
        if name == "download.entries_read":
            storage.delete(f"{REF.directory}/.wabucket/manifest.json")
            storage.delete(f"{REF.directory}/a")

    failpoints.install(remove)
    with pytest.raises(ReplacedWhileReading):
        fetch(storage, download_plan(tmp_path / "out"), digests=digests)
    assert not (tmp_path / "out").exists()
