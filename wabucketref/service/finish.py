"""The end of a run: one list of named stages, walked off the sender's thread.

Each stage sends a Defer down the same way as every record, waits until the sender has met it (so everything before it
is processed), then settles what the stage is about. Producers stop before consumers: the client's own (console capture)
before it asks for the end, then the door. One deadline covers all; an abort still walks every stage, only with no time
to wait.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from wabucketref.errors import TimedOut
from wabucketref.failpoints import hit
from wabucketref.model.run import RunKey, RunState
from wabucketref.service.handler import Handler
from wabucketref.service.sender import Sender
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace
from wabucketref.service.wabucket_pb2 import Defer, ExitRecord, Record
from wabucketref.service.work import flush_partial_row

log = logging.getLogger(__name__)

_WARN_AFTER: Final = 10.0


@dataclass(frozen=True)
class Ending:
    """How the run ends, and by when (``time.monotonic``) the stages must be through."""

    exit_code: int
    state: RunState
    deadline: float


class Finishing(Protocol):
    """What finish needs of a run's stream."""

    key: RunKey
    handler: Handler
    sender: Sender
    tickets: TicketTable
    trace: Trace

    def transfers_idle(self, deadline: float) -> bool: ...


@dataclass(frozen=True)
class Stage:
    """`prepare` runs before the Defer is sent, `at_sender` on the sender's thread when it arrives, `settle` after."""

    defer: Defer.Stage
    prepare: Callable[[Finishing, Ending], None] | None = None
    at_sender: Callable[[Finishing], None] | None = None
    settle: Callable[[Finishing, Ending], bool] | None = None


def _close_door(stream: Finishing, ending: Ending) -> None:
    stream.handler.close()


def _flush_row(stream: Finishing) -> None:
    flush_partial_row(stream.sender)


def _await_transfers(stream: Finishing, ending: Ending) -> bool:
    return stream.transfers_idle(ending.deadline)


def _flush_stream(stream: Finishing, ending: Ending) -> bool:
    return stream.sender.filestream.flush(ending.deadline)


def _write_exit(stream: Finishing, ending: Ending) -> None:
    """Not while an operation is open: what becomes of it decides how the run ends, and ``sync`` will see it."""
    if not stream.handler.state.exited and not stream.tickets.open_xids():
        stream.handler.note(Record(exit=ExitRecord(exit_code=ending.exit_code, state=ending.state)), "finish")


STAGES: Final[Sequence[Stage]] = (
    Stage(Defer.BEGIN, prepare=_close_door),
    Stage(Defer.FLUSH_STATS),
    Stage(Defer.FLUSH_PARTIAL_HISTORY, at_sender=_flush_row),
    Stage(Defer.FLUSH_SUMMARY, settle=_flush_stream),
    Stage(Defer.FLUSH_TRANSFERS, settle=_await_transfers),
    Stage(Defer.FLUSH_ARTIFACTS),
    Stage(Defer.FLUSH_STREAM, settle=_flush_stream),
    Stage(Defer.FLUSH_FINAL, prepare=_write_exit),
    Stage(Defer.END),
)


def walk(stream: Finishing, ending: Ending) -> None:
    """Walk all stages.

    Raises:
        TimedOut: one was not settled by the deadline; the later ones were walked all the same.
    """
    late: list[str] = []
    for stage in STAGES:
        hit("finish.stage")
        if not _walk_one(stream, stage, ending):
            late.append(Defer.Stage.Name(stage.defer))
    if late:
        raise TimedOut(
            f"the run {stream.key.run_id} could not be finished in time ({', '.join(late)})",
            hint="everything is in the journal; run `wabucket sync`",
        )


def _walk_one(stream: Finishing, stage: Stage, ending: Ending) -> bool:
    name = Defer.Stage.Name(stage.defer)
    if stage.prepare is not None:
        stage.prepare(stream, ending)
    stream.trace("finish", "HandlerT", f"Defer {name}")
    met = threading.Event()

    def at_sender() -> None:
        stream.trace("SenderT", "tickets", f"Deferred {name}")
        if stage.at_sender is not None:
            stage.at_sender(stream)
        met.set()

    stream.sender.errand(at_sender)
    in_time = _wait(met, ending.deadline, f"{name} of run {stream.key.run_id}")
    if stage.settle is not None:
        in_time = stage.settle(stream, ending) and in_time
    return in_time


def _wait(event: threading.Event, deadline: float, what: str) -> bool:
    """Wait until the deadline; long waits say what they wait for."""
    while not event.wait(min(_WARN_AFTER, max(0.0, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
            return False
        log.warning("still waiting for %s", what)
    return True
