"""Directories that are kept open: each is opened once, few stay, all are closed."""

import os
import threading
from functools import partial
from pathlib import Path

import pytest

from wabucketref.store.disk import directories as module
from wabucketref.store.disk.beneath import open_directory
from wabucketref.store.disk.directories import Directories


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(100):
        (tmp_path / f"{number}").mkdir()
    return tmp_path


def descriptors(root: Path) -> int:
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith(str(root))
        except OSError:
            continue
    return found


def test_few_stay_open_and_those_in_use_always(root: Path) -> None:
    above = os.open(root, os.O_RDONLY)
    kept = Directories(partial(open_directory, above))
    with kept.at("0") as first:
        for number in range(1, 100):
            with kept.at(f"{number}") as descriptor:
                assert os.fstat(descriptor).st_ino == (root / f"{number}").stat().st_ino
        assert os.fstat(first).st_ino == (root / "0").stat().st_ino
    assert descriptors(root) <= module._MOST + 1 + 1
    kept.close()
    kept.close()
    os.close(above)
    assert descriptors(root) == 0


def test_it_is_opened_once_and_what_cannot_be_is_asked_for_again(root: Path) -> None:
    above, asked = os.open(root, os.O_RDONLY), []

    def open_one(path: str) -> int:
        asked.append(path)
        return open_directory(above, path)

    kept = Directories(open_one)
    for _ in range(3):
        with kept.at("7"):
            pass
        with pytest.raises(FileNotFoundError), kept.at("gone"):
            pass
    assert asked == ["7", "gone", "gone", "gone"]
    kept.close()
    os.close(above)


def test_many_threads(root: Path) -> None:
    above = os.open(root, os.O_RDONLY)
    kept, wrong = Directories(partial(open_directory, above)), []

    def work(me: int) -> None:
        for turn in range(300):
            number = (me * 7 + turn) % 100
            with kept.at(f"{number}") as descriptor:
                if os.fstat(descriptor).st_ino != (root / f"{number}").stat().st_ino:
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.close()
    os.close(above)
    assert not wrong
    assert descriptors(root) == 0
