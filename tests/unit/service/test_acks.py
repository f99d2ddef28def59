"""The low-water mark of what the tracker has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.errors import LocalIOError
from wabucketref.service import acks as module
from wabucketref.service.acks import Acknowledgements
from wabucketref.service.journal import Journal
from wabucketref.service.wabucket_pb2 import Record


@pytest.fixture
def journal() -> Iterator[Journal]:
    made = Journal.in_memory("acks")
    yield made
    made.close()


def noted(journal: Journal) -> list[int]:
    return [record.acknowledged.position for _, record in journal.scan()]


@given(st.permutations(range(6)), st.integers(0, 6))
def test_the_mark_is_before_the_oldest_that_is_outstanding(order: list[int], answered: int) -> None:
    journal = Journal.in_memory("acks")
    acks = Acknowledgements(journal, 8)
    for number in range(6):
        acks.begin((8 + number * 10,), 18 + number * 10)
    for number in order[:answered]:
        acks.done((8 + number * 10,))
    left = sorted(order[answered:])
    assert acks.mark == (8 + left[0] * 10 if left else 68)
    journal.close()


def test_the_mark_is_noted_when_it_moved_and_no_more(journal: Journal) -> None:
    acks = Acknowledgements(journal, 8)
    acks.note()
    acks.begin((8,), 20)
    acks.note()
    assert noted(journal) == []
    acks.done((8,))
    acks.note()
    acks.note()
    assert noted(journal) == [20]


def test_notes_are_made_by_themselves_but_seldom(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    acks = Acknowledgements(journal, 8)
    for position in range(8, 108, 10):
        acks.begin((position,), position + 10)
        acks.done((position,))
    assert noted(journal) == []
    now += 1.5
    acks.begin((108,), 118)
    acks.done((108,))
    acks.begin((118,), 128)
    acks.done((118,))
    assert noted(journal) == [118]


def test_a_full_disk_costs_the_note_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(tmp_path / "run.journal")
    acks = Acknowledgements(journal, 8)
    acks.begin((8,), 20)
    acks.done((8,))

    def full(record: Record, *, urgent: bool = True) -> int:
        raise LocalIOError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", full)
        acks.note()
    assert acks.mark == 20
    acks.begin((20,), 30)
    acks.done((20,))
    acks.note()
    assert noted(journal) == [30]
    journal.close()
