"""``gc``, ``rebuild`` and ``verify`` over a hundred thousand objects: how often the store is asked, what they hold."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.load.lying import fill
from tests.servers import Server, start_rclone
from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.operations.gc import gc
from wabucketref.operations.rebuild import rebuild
from wabucketref.settings import load_settings
from wabucketref.store.wrappers.wrapper import Wrapper
from wabucketref.wiring import open_workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), pytest.mark.row("L11")]
SCALE = float(os.environ.get("COLLECT_SCALE", "1"))
MOST_MIB = 400


class Counting(Wrapper):
    """Counts listings by prefix, and looks at single objects by key."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.lists: Counter[str] = Counter()
        self.heads: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self._lock = threading.Lock()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with self._lock:
            self.lists[prefix] += 1
        return self.inner.list(prefix)

    def head(self, key: str) -> ObjectInfo | None:
        with self._lock:
            self.heads[key] += 1
        return self.inner.head(key)

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        with self._lock:
            self.reads[key] += 1
        return self.inner.read(key, limit=limit)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "data/bucket"


@pytest.fixture
def laid(bucket: Path) -> Mapping[str, int]:
    return fill(bucket, SCALE)


def test_how_often_the_store_is_asked(tmp_path: Path, bucket: Path, laid: Mapping[str, int]) -> None:
    seen: list[Counting] = []

    def below(storage: Storage) -> Storage:
        seen.append(Counting(storage))
        return seen[-1]

    given = {"project_name": "demo", "entity": "ada", "bucket": str(bucket), "home": str(tmp_path / "home")}
    with open_workspace(load_settings({**given, "tracker": "embedded"}), below=below) as ws:
        plan = gc(ws)
        (store,) = seen
        assert {one.kind: 0 for one in plan.items}.keys() == {"unfinished", "orphan"}
        assert sum(one.objects for one in plan.items if one.kind == "orphan") == laid["orphans"]
        assert sum(one.kind == "unfinished" for one in plan.items) == laid["unfinished"]
        assert store.lists == {"": 1, "dataset/large/one/": 1}
        assert (len(store.heads), max(store.reads.values())) == (0, 1)
        store.lists.clear()
        store.reads.clear()
        result = rebuild(ws)
        assert (result.added, result.skipped) == (laid["uploads"], [])
        assert store.lists.pop("") == 1
        assert max(store.heads.values()) == 1
        assert max(store.reads.values()) == 1


def test_memory_on_a_local_disk(
    tmp_path: Path, bucket: Path, laid: Mapping[str, int], tally_of: Callable[[object], None]
) -> None:
    tally_of({"local": measured(tmp_path, f"file://{bucket}", laid, {})})


@pytest.mark.needs("rclone")
def test_memory_on_a_server(
    tmp_path: Path, bucket: Path, laid: Mapping[str, int], tally_of: Callable[[object], None]
) -> None:
    server: Server = start_rclone_on(tmp_path)
    try:
        tally_of({"rclone": measured(tmp_path, "s3://bucket", laid, server.environ)})
    finally:
        server.stop()


def start_rclone_on(directory: Path) -> Server:
    """A server over what is laid out below ``data``."""
    (directory / "data").rename(directory / "laid")
    server = start_rclone(directory, ("--dir-cache-time", "1h"))
    (directory / "laid/bucket").rename(directory / "data/bucket")
    return server


def measured(directory: Path, bucket: str, laid: Mapping[str, int], environ: Mapping[str, str]) -> dict[str, Any]:
    """Each command in a process of its own: MiB at the most, and seconds of processor time."""
    figures: dict[str, Any] = {}

    def run(*argv: str) -> Any:
        ended, usage = _ended(directory, bucket, argv, environ)
        assert usage.ru_maxrss >> 10 < MOST_MIB, (argv, usage.ru_maxrss >> 10)
        figures[" ".join(argv)] = (usage.ru_maxrss >> 10, round(usage.ru_utime + usage.ru_stime, 1))
        return ended

    assert run("rebuild")["added"] == laid["uploads"]
    assert len(run("verify", "--all")["items"]) == laid["uploads"]
    assert len(run("gc", "--keep-last", "90")["items"]) >= laid["unfinished"]
    done = run("gc", "--apply")
    assert done["totals"]["objects"] == 2 * laid["unfinished"] + laid["orphans"]
    assert run("gc")["items"] == []
    return figures


def _ended(directory: Path, bucket: str, argv: tuple[str, ...], environ: Mapping[str, str]) -> tuple[Any, Any]:
    given = {"WABUCKET_HOME": str(directory / "home"), "WABUCKET_BUCKET": bucket, "WANDB_PROJECT": "demo"}
    given |= {"WANDB_ENTITY": "ada", "WABUCKET_TRACKER": "embedded"}
    with open(directory / "out", "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "wabucketref", "-q", "--json", *argv],
            env={**os.environ, **environ, **given},
            stdout=out,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    document = json.loads((directory / "out").read_bytes())
    assert process.returncode == 0, document.get("error")
    return document, usage
