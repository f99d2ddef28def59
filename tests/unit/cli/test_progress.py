"""Progress: nothing for what is quick, a line now and then, a bar on a terminal."""

import io
import os
import pty
import sys
import threading

import pytest

from wabucketref.cli.figures import Figures
from wabucketref.cli.progress import BarProgress, LineProgress, progress_for
from wabucketref.cli.streams import Console
from wabucketref.contracts.progress import SilentProgress


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_figures() -> None:
    half = Figures("upload", 3, 10, 1 << 20, 2 << 20, 2.0)
    assert str(half) == "upload: 3 of 10 files, 1.0 MiB of 2.0 MiB, 512.0 KiB/s, ETA 0:00:02"
    assert str(Figures("scan", 3, None, 5)) == "scan: 3 files, 5 B, 0 B/s"


def test_a_quick_transfer_says_nothing(clock: Clock) -> None:
    said: list[str] = []
    progress = LineProgress(said.append, clock)
    progress.start("upload", 2, 10)
    clock.now += 4.9
    progress.advance(files=2, bytes=10)
    progress.finish()
    assert said == []


def test_a_line_every_few_seconds_and_a_last_one(clock: Clock) -> None:
    said: list[str] = []
    progress = LineProgress(said.append, clock)
    progress.start("upload", 100, None)
    for _ in range(100):
        clock.now += 0.11
        progress.advance(files=1, bytes=10)
    progress.finish()
    progress.finish()
    assert [line.split(",")[0] for line in said] == [
        "upload: 46 of 100 files",
        "upload: 92 of 100 files",
        "upload: 100 of 100 files",
    ]


def test_totals_may_be_told_later_and_a_second_transfer_begins_anew(clock: Clock) -> None:
    said: list[str] = []
    progress = LineProgress(said.append, clock)
    progress.start("upload", None, None)
    progress.advance(files=1)
    progress.start("upload", 2, 4)
    clock.now += 6
    progress.advance(files=1, bytes=4)
    progress.start("download", 1, 1)
    clock.now += 6
    progress.advance(files=1, bytes=1)
    assert said[0].startswith("upload: 2 of 2 files, 4 B of 4 B")
    assert said[1].startswith("download: 1 of 1 files, 1 B of 1 B")


def test_threads_lose_no_count(clock: Clock) -> None:
    said: list[str] = []
    progress = LineProgress(said.append, clock)
    progress.start("upload", None, None)
    threads = [threading.Thread(target=lambda: [progress.advance(bytes=1) for _ in range(1000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += 60
    progress.advance()
    assert said[0].startswith("upload: 0 files, 7.8 KiB")


def test_what_fits_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Console(None, io.StringIO())
    assert isinstance(progress_for(plain, silent=False), LineProgress)
    assert isinstance(progress_for(plain, silent=True), SilentProgress)
    assert isinstance(progress_for(Console(None, None), silent=False), SilentProgress)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress_for(Console(None, Terminal()), silent=False), BarProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress_for(Console(None, Terminal()), silent=False), LineProgress)


@pytest.mark.parametrize("columns", ["1", "120"])
def test_the_bar_draws_hostile_labels_on_any_width(monkeypatch: pytest.MonkeyPatch, clock: Clock, columns: str) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", columns)
    master, terminal = pty.openpty()
    chunks: list[bytes] = []
    reader = threading.Thread(target=lambda: chunks.extend(iter(lambda: read(master), b"")))
    reader.start()
    with os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        draw(Console(None, stderr), clock)
    reader.join()
    os.close(master)
    drawn = b"".join(chunks).decode()
    assert "\r\x1b[2Kwarning: slow" in drawn
    assert "\x1b]0;" not in drawn
    if columns == "120":
        assert "[red]up\\x1b]0;" in drawn


def read(terminal: int) -> bytes:
    """Empty at the end, which Linux reports as an error of the pseudo-terminal."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


def draw(console: Console, clock: Clock) -> None:
    progress = BarProgress(console, clock)
    progress.start("[red]up\x1b]0;", 2, 100)
    progress.advance(bytes=10)
    clock.now += 1
    progress.advance(bytes=10)
    console.say("warning: slow")
    progress.finish()
