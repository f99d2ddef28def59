"""Terminal capture."""

import io
import os
import sys

import pytest

from wabucketref.errors import LocalIOError
from wabucketref.runs.console import ConsoleCapture
from wabucketref.service.wabucket_pb2 import Record


class Terminal:
    """Streams in place of the process's, and what was captured. Made in the test: pytest swaps streams before it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", self.out)
        monkeypatch.setattr(sys, "stderr", self.err)
        self.records: list[tuple[str, str]] = []
        self.fail = False
        self.capture = ConsoleCapture(self._publish)

    def _publish(self, record: Record) -> None:
        if self.fail:
            raise LocalIOError("no space left")
        self.records.append((record.output.stream, record.output.text))
        print("printed while publishing")


def test_lines_are_recorded_and_still_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    print("one\ntwo")
    print("oops", file=sys.stderr)
    sys.stdout.write("half ")
    sys.stdout.write("a line")
    terminal.capture.stop()
    assert terminal.records == [("stdout", "one"), ("stdout", "two"), ("stderr", "oops"), ("stdout", "half a line")]
    assert terminal.out.getvalue().replace("printed while publishing\n", "") == "one\ntwo\nhalf a line"
    assert terminal.err.getvalue() == "oops\n"
    assert (sys.stdout, sys.stderr) == (terminal.out, terminal.err)


def test_a_progress_bar_is_its_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    print("10%\r50%\r100%")
    assert terminal.records == [("stdout", "100%")]


def test_long_lines_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    print("x" * 100_000)
    assert len(terminal.records[0][1]) == 16_384


def test_a_failure_to_record_is_said_and_does_not_hurt_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    terminal.fail = True
    print("one")
    assert "not recorded: no space left" in terminal.err.getvalue()
    assert "one\n" in terminal.out.getvalue()


def test_streams_that_others_replaced_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(monkeypatch)
    theirs = io.StringIO()
    sys.stdout = theirs
    terminal.capture.stop()
    assert sys.stdout is theirs


def test_it_stands_in_for_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    Terminal(monkeypatch)
    assert not sys.stdout.isatty()
    assert sys.stdout.getvalue() == ""  # type: ignore[attr-defined]
    sys.stdout.flush()


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_prints_without_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parent's locks may be held for ever in it."""
    terminal = Terminal(monkeypatch)
    tee = sys.stdout
    with tee._lock, terminal.capture._lock:  # type: ignore[attr-defined]
        pid = os.fork()
        if pid == 0:
            print("child")
            os._exit(len(terminal.records))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
