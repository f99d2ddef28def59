"""The diagram in the docs is the trace of a real upload."""

from pathlib import Path

import pytest

from tests.tools import sequence


def test_the_page_shows_the_trace_of_an_upload() -> None:
    shown = (sequence.DOCS / sequence.PAGE).read_text(encoding="utf-8")
    assert shown == sequence.page(), "run `make docs`"


def test_records_are_journaled_before_anything_acts_on_them(tmp_path: Path) -> None:
    events = sequence.record_upload(tmp_path)
    story = [(event.source, event.target, event.message) for event in events]
    for source, target, message in story:
        if source == "journal":
            assert story.index(("WriterT", "journal", message)) < story.index((source, target, message))
    assert {name for name, _ in sequence.PARTICIPANTS} == {
        name for event in events for name in (event.source, event.target)
    }


def test_an_unknown_story_is_refused(tmp_path: Path) -> None:
    events = sequence.record_upload(tmp_path)
    with pytest.raises(ValueError, match="left over"):
        sequence.in_order([*events, sequence.Event(0.0, "sender-1", "journal", "SenderT", "something new")])
