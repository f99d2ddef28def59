"""The background service does not grow with what it has done: clients, runs and operations leave a bounded rest."""

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.transports import Background, start
from tests.unit.service.fakes import MemoryPlane, MemoryTracker, eventually, upload_plan
from wabucketref.errors import AliasTaken
from wabucketref.model.run import RunState
from wabucketref.service.wabucket_pb2 import ArtifactDone, HistoryRecord, Record

ROUNDS = 40
_OURS = ("wabucketref.service", "asyncio", "_asyncio", "threading", "_thread", "grpc", "concurrent", "weakref")
_SPARE = 24
"""Threads of pools, and what belongs to each, may still be made, up to the bounds of the pools."""


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Background]:
    made = Background(tmp_path, MemoryTracker(), MemoryPlane())
    yield made
    made.close()


def as_is(done: ArtifactDone) -> ArtifactDone:
    return done


def row() -> Record:
    return Record(history=HistoryRecord(step=-1, time=1.0, values_json='{"n":1}', commit=True))


def finished(side: Background, name: str) -> None:
    run = start(side.connect(), name)
    run.publish(row())
    assert run.send(upload_plan(f"x-{name}", name), as_is).wait(10).version
    run.finish(0, RunState.FINISHED, 10)


def failed(side: Background, name: str) -> None:
    run = start(side.connect(), name)
    with pytest.raises(AliasTaken):
        run.send(upload_plan(f"x-{name}", "taken", name), as_is).wait(10)
    run.finish(1, RunState.FAILED, 10)


def left(side: Background, name: str) -> None:
    """It ends by itself, and nobody asks for the result."""
    run = start(side.connect(), name)
    run.send(upload_plan(f"x-{name}", name), as_is)
    run.finish_later(0, None, 10)


def killed(side: Background, name: str) -> None:
    """In the middle of its run."""
    start(side.connect(), name).publish(row())


def go(side: Background) -> None:
    """The last client does, whatever it has left."""
    side._open.pop().close()
    for client in side.host.clients():
        side.host.leave(client)


def work(side: Background, batch: str) -> None:
    """Many clients, each gone when the next one comes."""
    for number in range(ROUNDS):
        for kind in (finished, failed, left, killed):
            kind(side, f"{kind.__name__}-{batch}-{number}")
            go(side)
    assert eventually(lambda: not side.floor.service.busy)


def alive() -> Counter[str]:
    """Objects of the service and of what it stands on, by their types."""
    gc.collect()
    kinds = (type(found) for found in gc.get_objects())
    return Counter(f"{kind.__module__}.{kind.__qualname__}" for kind in kinds if str(kind.__module__).startswith(_OURS))


@pytest.mark.row("L12")
def test_what_was_done_leaves_a_bounded_rest(side: Background) -> None:
    taken = start(side.connect(), "first")
    taken.send(upload_plan("x-first", "taken", "first"), as_is).wait(10)
    taken.finish(0, RunState.FINISHED, 10)
    go(side)
    work(side, "warm")
    after, grown = alive(), {"anything": (0, 0)}
    for batch in ("first", "second", "third"):
        # What earlier tests of this process left may still move; what grows with the work grows each time.
        before = after
        work(side, batch)
        after = alive()
        grown = {kind: (before[kind], count) for kind, count in after.items() if count > before[kind] + _SPARE}
        if not grown:
            break
    assert grown == {}
    assert after["wabucketref.service.remote.clients.Client"] == 0
    # A worker drops what it did a moment after its client has been answered.
    assert eventually(lambda: alive()["wabucketref.service.stream.Stream"] <= 4), "only of what each worker did last"
    assert after["wabucketref.service.tickets.TicketTable"] == 64, "those of the last runs"
