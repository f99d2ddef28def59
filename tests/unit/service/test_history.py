"""Which calls of ``log`` make which rows; and that numbers are dense whatever fails."""

import itertools
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.service.fakes import KEY, Floor
from wabucketref.errors import LocalIOError, UsageError
from wabucketref.model.run import RunState
from wabucketref.service import convert
from wabucketref.service.client import RunClient
from wabucketref.service.wabucket_pb2 import HistoryRecord, Record
from wabucketref.service.work.base import RunState as HandlerState
from wabucketref.service.work.history import STEP_UNSET, HistoryWork


def log(client: RunClient, step: int = STEP_UNSET, *, commit: bool | None = None, **values: object) -> None:
    commit = (step == STEP_UNSET) if commit is None else commit
    record = HistoryRecord(step=step, time=1.0, values_json=convert.to_json(values), commit=commit)
    client.publish(Record(history=record))


def finished_rows(floor: Floor, client: RunClient) -> dict[int, tuple[int, dict[str, object]]]:
    assert client.finish(0, RunState.FINISHED, 10) == "recorded"
    assert floor.tracker is not None
    return {index: (row.step, dict(row.values)) for index, row in sorted(floor.tracker.rows.items())}


def test_each_call_without_a_step_is_a_row(floor: Floor) -> None:
    client = floor.start()
    for number in range(3):
        log(client, loss=number)
    assert finished_rows(floor, client) == {index: (index, {"loss": index}) for index in range(3)}


def test_commit_false_adds_to_the_next_row(floor: Floor) -> None:
    client = floor.start()
    log(client, commit=False, a=1, b=1)
    log(client, commit=False, b=2)
    log(client, c=3)
    log(client, d=4)
    assert finished_rows(floor, client) == {0: (0, {"a": 1, "b": 2, "c": 3}), 1: (1, {"d": 4})}


def test_calls_of_one_step_make_one_row(floor: Floor) -> None:
    client = floor.start()
    log(client, step=5, a=1)
    log(client, step=5, b=2)
    log(client, step=9, c=3)
    log(client, step=9, commit=True, d=4)
    log(client, e=5)
    assert finished_rows(floor, client) == {
        0: (5, {"a": 1, "b": 2}),
        1: (9, {"c": 3, "d": 4}),
        2: (10, {"e": 5}),
    }


def test_a_step_that_goes_back_is_recorded_at_the_current_one_with_one_warning(
    floor: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    client = floor.start()
    log(client, step=5, a=1)
    log(client, step=3, b=2)
    log(client, step=2, c=3)
    assert finished_rows(floor, client) == {0: (5, {"a": 1}), 1: (5, {"b": 2}), 2: (5, {"c": 3})}
    assert [entry.message for entry in caplog.records] == ["step 3 is behind the current step 5 and is recorded there"]


def test_a_row_left_open_is_flushed_at_the_end(floor: Floor) -> None:
    client = floor.start()
    log(client, commit=False, a=1)
    assert finished_rows(floor, client) == {0: (0, {"a": 1})}


@pytest.mark.parametrize("step", [10**18, -2, (1 << 53) + 1])
def test_steps_out_of_range_are_refused_and_cost_no_number(floor: Floor, step: int) -> None:
    client = floor.start()
    with pytest.raises(UsageError, match="out of range"):
        log(client, step=step, a=1)
    log(client, b=2)
    assert finished_rows(floor, client) == {0: (0, {"b": 2})}


calls = st.lists(st.tuples(st.one_of(st.just(STEP_UNSET), st.integers(0, 6)), st.booleans()), min_size=1, max_size=25)


@given(calls)
def test_indexes_are_dense_and_steps_never_go_back(made: list[tuple[int, bool]]) -> None:
    state = HandlerState(KEY)
    seen: list[tuple[int, int]] = []
    for step, commit in made:
        record = HistoryRecord(step=step, commit=commit)
        HistoryWork(Record(), record).accept(state)
        seen.append((record.index, record.step))
    assert seen[0][0] == 0
    for (index, step), (next_index, next_step) in itertools.pairwise(seen):
        assert next_index in (index, index + 1)
        assert next_step >= step
        assert (next_index == index) <= (next_step == step), "one row has one step"


def test_what_the_journal_could_not_take_has_no_number(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    client = floor.start()
    journal = floor.service.stream(KEY.run_id).journal
    append = journal.append

    def full(record: Record, *, urgent: bool = True) -> int:
        raise LocalIOError("no space left")

    log(client, a=0)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", full)
        for _ in range(3):
            with pytest.raises(LocalIOError):
                log(client, a=99)
    assert journal.append == append
    log(client, a=1)
    assert finished_rows(floor, client) == {0: (0, {"a": 0}), 1: (1, {"a": 1})}


def test_sixteen_threads_make_dense_rows(floor: Floor, tmp_path: Path) -> None:
    client = floor.start()

    def write(thread: int) -> None:
        for number in range(50):
            log(client, thread=thread, number=number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    rows = finished_rows(floor, client)
    assert list(rows) == list(range(800))
    assert [step for step, _ in rows.values()] == list(range(800))
    for thread in range(16):
        assert [values["number"] for _, values in rows.values() if values["thread"] == thread] == list(range(50))
