"""Syncing the disk of a local bucket: shared, and never trusted again after it failed."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wabucketref.errors import NotDurable
from wabucketref.store.drivers import local_sync
from wabucketref.store.drivers.local_sync import DiskSync


@pytest.fixture
def sync(tmp_path: Path) -> Iterator[DiskSync]:
    made = DiskSync(str(tmp_path / "bucket"))
    yield made
    made.close()
    made.close()


class Kernel:
    """Stands in for ``syncfs``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.descriptors: list[int] = []
        self.act: Callable[[], None] = lambda: None
        monkeypatch.setattr(local_sync, "sync_file_system", self._sync)

    def _sync(self, descriptor: int) -> None:
        os.fstat(descriptor)
        self.descriptors.append(descriptor)
        self.act()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(monkeypatch)


def test_what_was_written_is_synced_once(sync: DiskSync, kernel: Kernel) -> None:
    sync.begin()
    sync.flush()
    assert kernel.descriptors == []
    sync.wrote()
    sync.wrote()
    sync.flush()
    sync.flush()
    assert len(kernel.descriptors) == 1
    sync.begin()
    sync.wrote()
    sync.flush()
    assert kernel.descriptors == [kernel.descriptors[0]] * 2, "one descriptor, open since before the first write"


@pytest.mark.row("I3")
def test_a_sync_that_failed_is_never_followed_by_one_that_is_trusted(sync: DiskSync, kernel: Kernel) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    sync.begin()
    sync.wrote()
    kernel.act = fail
    with pytest.raises(NotDurable, match="Input/output error") as caught:
        sync.flush()
    assert caught.value.exit_code == 5
    kernel.act = lambda: None
    for _ in range(2):
        sync.wrote()
        with pytest.raises(NotDurable):
            sync.flush()
    assert len(kernel.descriptors) == 1


@pytest.mark.row("I3")
def test_who_comes_during_a_sync_waits_for_its_end_and_is_told_too(sync: DiskSync, kernel: Kernel) -> None:
    under_way, go_on, told = threading.Event(), threading.Event(), []

    def fail() -> None:
        under_way.set()
        assert go_on.wait(10)
        raise OSError(errno.EIO, "Input/output error")

    def flush() -> None:
        try:
            sync.flush()
        except NotDurable:
            told.append(1)

    sync.begin()
    sync.wrote()
    kernel.act = fail
    threads = [threading.Thread(target=flush) for _ in range(3)]
    threads[0].start()
    assert under_way.wait(10)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(told) == 3
