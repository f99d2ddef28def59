"""What a journal tells about the process that left it: where to go on, and what is settled."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wabucketref.errors import IntegrityError
from wabucketref.model.run import RunKey
from wabucketref.service.frames import MAGIC
from wabucketref.service.journal import Journal
from wabucketref.service.wabucket_pb2 import Record
from wabucketref.service.work import RunState

_OPERATIONS = frozenset({"artifact", "link", "adopt", "use_artifact"})
_OUTCOMES = frozenset({"committed", "fetched", "failed"})


@dataclass
class Recovered:
    """The state of a run as its journal has it."""

    state: RunState
    position: int
    """Where the sender goes on: nothing before it is unacknowledged or unsettled."""
    settled: frozenset[str]
    """Operations whose outcome is in the journal."""
    asked: Mapping[str, int] = field(default_factory=dict)
    """Where each operation lies in the journal: in the order of asking."""
    failures: list[int] = field(default_factory=list)
    """Exit codes of operations that failed."""
    outputs: list[str] = field(default_factory=list)
    """References of the artifacts that were committed."""
    exit: tuple[int, str] | None = None
    """Exit code and state, when the run's end is in the journal."""
    offline: bool = False
    """The user asked for it to wait for ``sync``."""
    tracker: str = ""
    """Name and place of the tracker that shall have it; empty when an earlier release wrote the journal."""

    def is_before(self, xid: str, *, later: str) -> bool:
        """Whether `xid` is an operation of this run, and was asked for before the one called `later`."""
        return xid in self.asked and self.asked[xid] < self.asked[later]


def recover(journal: Journal) -> Recovered:
    """Read the whole journal once.

    Raises:
        IntegrityError: it holds no run (its process was killed before the first record was whole).
    """
    acknowledged = start = len(MAGIC)
    opened: dict[str, int] = {}
    settled: set[str] = set()
    failures: list[int] = []
    outputs: list[str] = []
    ending: tuple[int, str] | None = None
    state: RunState | None = None
    offline, tracker = False, ""
    for end, record in journal.scan(start):
        kind = record.WhichOneof("kind") or ""
        if kind == "run" and state is None:
            key = record.run.key
            state = RunState(RunKey(key.entity, key.project, key.run_id))
            offline, tracker = record.run.offline, record.run.tracker
        if state is not None:
            _apply(state, kind, record)
        if kind in _OPERATIONS:
            opened.setdefault(getattr(record, kind).xid, start)
        elif kind in _OUTCOMES:
            settled.add(getattr(record, kind).xid)
        elif kind == "acknowledged":
            acknowledged = max(acknowledged, record.acknowledged.position)
        if kind == "failed":
            failures.append(record.failed.error.exit_code)
        elif kind == "committed":
            artifact = record.committed.artifact
            outputs.append(f"{artifact.type}/{artifact.name}:{artifact.alias}")
        elif kind == "exit":
            ending = (record.exit.exit_code, record.exit.state)
        start = end
    if state is None:
        raise IntegrityError(f"the journal {journal.path.name} holds no run", hint="nothing was recorded in it")
    unsettled = [position for xid, position in opened.items() if xid not in settled]
    position = min([acknowledged, *unsettled])
    return Recovered(state, position, frozenset(settled), opened, failures, outputs, ending, offline, tracker)


def _apply(state: RunState, kind: str, record: Record) -> None:
    """What the handler knew of the run after this record."""
    if kind in _OPERATIONS:
        state.xids.add(getattr(record, kind).xid)
    elif kind == "run":
        state.single_operation = state.single_operation or record.run.single_operation
    elif kind == "exit":
        state.exited = True
    elif kind == "history":
        state.row = record.history.index + record.history.commit
        state.step = record.history.step + record.history.commit
        state.row_open = not record.history.commit
    elif kind == "output":
        state.console_lines = record.output.index + 1


def unrecorded_write(journal: Journal, xid: str) -> str | None:
    """Whether the journal holds the write `xid`, not acknowledged: the digest that it committed, empty while
    it has not; None when there is nothing to be recorded."""
    found: str | None = None
    committed = acknowledged = start = len(MAGIC)
    for end, record in journal.scan(start):
        kind = record.WhichOneof("kind") or ""
        if kind in ("artifact", "link", "adopt") and getattr(record, kind).xid == xid:
            found = ""
        elif kind == "committed" and record.committed.xid == xid:
            found, committed = record.committed.artifact.digest, start
        elif kind == "failed" and record.failed.xid == xid:
            return None
        elif kind == "acknowledged":
            acknowledged = max(acknowledged, record.acknowledged.position)
        start = end
    return None if found and committed < acknowledged else found
