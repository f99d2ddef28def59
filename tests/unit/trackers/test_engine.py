"""The catalog as a file: who may read it, locks, forks, damage."""

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.unit.trackers.helpers import PROJECT, ref, run, upload
from wabucketref.errors import NotFound, SettingsError, TransientError, WaBucketError
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.trackers.embedded import sqlite
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from contextlib import closing
from tests.unit.trackers.helpers import ref, run, upload
from wabucketref.trackers.embedded.tracker import EmbeddedTracker
url, me = sys.argv[1:]
for n in range(5):
    with closing(EmbeddedTracker(url)) as tracker:
        key = run(tracker, f"r{me}-{n}")
        print(tracker.log_artifact(key, upload(f"a{me}-{n}")).version)
"""


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def pragma(catalog: Catalog, name: str) -> object:
    with catalog.read() as connection:
        return connection.execute(text(f"PRAGMA {name}")).scalar()


@pytest.mark.row("X3")
def test_only_the_owner_reads_it(url: str) -> None:
    old = os.umask(0)
    try:
        with closing(EmbeddedTracker(url)) as tracker:
            run(tracker)
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path_of(url).parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"), 0o600)
    assert stat.S_IMODE(path_of(url).parent.stat().st_mode) == 0o700


def test_settings_of_a_connection(url: str) -> None:
    with closing(Catalog(url)) as catalog:
        found = [pragma(catalog, name) for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")]
    assert found == ["wal", 2, 1, 30_000]


@pytest.mark.row("F4")
def test_no_write_ahead_log_on_a_network_disk(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    EmbeddedTracker(url).close()
    monkeypatch.setattr(sqlite, "is_network", lambda path: True)
    with closing(Catalog(url)) as catalog:
        assert pragma(catalog, "journal_mode") == "delete"
    with closing(EmbeddedTracker(url)) as tracker:
        assert tracker.log_artifact(run(tracker), upload("a")).version == "v0"
        assert not path_of(url).with_name("catalog.sqlite-wal").exists()


def test_a_long_lock_is_waited_for_then_named(url: str) -> None:
    with closing(EmbeddedTracker(url, busy_seconds=0.3)) as tracker, closing(sqlite3.connect(path_of(url))) as rival:
        rival.isolation_level = None
        rival.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(TransientError, match="locked by another process") as caught:
            run(tracker)
        assert time.monotonic() - began >= 0.3
        assert caught.value.retryable
        assert tracker.list_runs(PROJECT) == []
        rival.execute("COMMIT")
        run(tracker)


def test_threads_share_one_tracker(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda n: tracker.log_artifact(key, upload(f"a{n}")).version, range(32)))
    assert sorted(found, key=lambda one: int(one[1:])) == [f"v{n}" for n in range(32)]  # type: ignore[index]
    assert tracker.resolve(ref("latest"), PROJECT).version == "v31"


def test_processes_share_one_catalog(url: str) -> None:
    """They race for the making of the file, of the schema, and for the versions; each opens it anew each time."""
    command = [sys.executable, "-c", WRITER, url]
    running = [subprocess.Popen([*command, str(me)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for me in range(6)]
    printed = [one.communicate()[0].split() for one in running]
    assert [one.returncode for one in running] == [0] * len(running)
    assert {version for one in printed for version in one} == {f"v{n}" for n in range(5 * len(running))}


def test_a_forked_child_has_connections_of_its_own(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))

    def child() -> None:
        tracker.log_artifact(key, upload("b"))
        tracker.close()

    forked = multiprocessing.get_context("fork").Process(target=child)
    forked.start()
    tracker.log_artifact(key, upload("c"))
    forked.join()
    assert forked.exitcode == 0
    assert {one.alias for one in tracker.list_artifacts(PROJECT)} == {"a", "b", "c"}


def test_nothing_is_made_unless_asked(url: str) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        EmbeddedTracker(url, create=False)
    assert not path_of(url).parent.exists()


@pytest.mark.parametrize("where", ["before the schema", "after the schema"])
def test_a_damaged_file_is_named_with_the_way_out(where: str, url: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        for n in range(20):
            tracker.log_artifact(run(tracker), upload(f"a{n}"))
    data = bytearray(path_of(url).read_bytes())
    start = 0 if where == "before the schema" else 4096
    data[start:] = b"\xa5" * (len(data) - start)
    path_of(url).write_bytes(data)
    with (
        pytest.raises(WaBucketError, match="damaged or not a catalog") as caught,
        closing(EmbeddedTracker(url)) as found,
    ):
        found.list_artifacts(PROJECT)
    assert caught.value.exit_code == 1
    assert "aside" in str(caught.value.hint)
    assert str(path_of(url)) in caught.value.message


def test_a_file_removed_while_open_takes_no_writes(url: str, tracker: EmbeddedTracker) -> None:
    run(tracker)
    for one in path_of(url).parent.iterdir():
        one.unlink()
    with pytest.raises(TransientError, match="removed or replaced"):
        run(tracker)
    with closing(EmbeddedTracker(url)) as again:
        assert again.made_anew
        run(again)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(SettingsError, match="in its way"):
        EmbeddedTracker(f"sqlite:///{tmp_path}/home/catalog.sqlite")


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://root:secret@h/d", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        EmbeddedTracker(url)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_reads_see_one_state(url: str, tracker: EmbeddedTracker) -> None:
    run(tracker, "one")
    with closing(Catalog(url)) as catalog, catalog.read() as connection:
        count = text("SELECT count(*) FROM run")
        assert connection.execute(count).scalar() == 1
        tracker.upsert_run(RunUpdate(RunKey(*PROJECT, "two")))
        assert connection.execute(count).scalar() == 1
