"""What a record kind knows how to do. One file a kind; the handler, writer and sender are short loops over these."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeVar

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import WaBucketError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.plan import AdoptPlan, DownloadPlan, LinkPlan, UploadPlan
from wabucketref.model.result import Tracking
from wabucketref.model.run import RunInfo, RunKey
from wabucketref.service.filestream import Item
from wabucketref.service.wabucket_pb2 import ArtifactDone, HistoryRecord, Record

T = TypeVar("T")
Plan = UploadPlan | LinkPlan | AdoptPlan | DownloadPlan


@dataclass
class RunState:
    """What the handler keeps of a run; touched only under the handler's lock."""

    key: RunKey
    step: int = 0
    row: int = 0
    """Index of the next row; see :func:`first_index`."""
    row_open: bool = False
    console_lines: int = 0
    step_warned: bool = False
    warnings: list[str] = field(default_factory=list)
    """For the user; logged once the handler's lock is free, since logging may itself record a line."""
    xids: set[str] = field(default_factory=set)
    single_operation: bool = False
    exited: bool = False


def first_index(session_start: float) -> int:
    """Where a session's rows and lines begin to count when its run id was given by the user.

    Several processes may then write one run, one after the other, and the tracker ignores an index it has: so each
    starts beyond whatever earlier ones can have reached. `session_start`: seconds since the epoch.
    """
    return int(session_start * 1000) << 20


class Outbox(Protocol):
    """What the sender offers to a record being processed."""

    @property
    def key(self) -> RunKey: ...

    @property
    def tracking(self) -> Tracking: ...

    @property
    def is_late(self) -> bool:
        """Whether an earlier process made the records: others may have gone on meanwhile."""

    def holds(self, artifact: LoggedArtifact) -> bool:
        """Ask the bucket whether the alias holds this upload now.

        Raises:
            WaBucketError: it does not say.
        """

    @property
    def partial_row(self) -> list[tuple[int, HistoryRecord]]:
        """Fragments of the row being put together, with their positions."""

    def track(self, what: str, action: Callable[[Tracker], T]) -> T | None:
        """Ask the tracker; None when it is out of reach (the record then stays unacknowledged)."""

    def drain(self) -> None:
        """Wait until the file stream has sent all it was given: a tracker may take no row after the run's end."""

    def settle(self) -> None:
        """The tracker has the whole run, if it could be reached."""

    def stream(self, positions: Iterable[int], item: Item) -> None:
        """Give an item to the file stream, which acknowledges it."""

    def transfer(self, plan: Plan) -> None:
        """Give a plan to the data plane, unless the journal knows already what became of it."""

    def publish(self, done: ArtifactDone) -> None:
        """Put a result into the ticket table."""

    def run_started(self, info: RunInfo | None, error: WaBucketError | None = None) -> None:
        """The tracker knows the run, or refused it, or (both None) cannot be reached."""


@dataclass
class Work(ABC):
    """One record under way."""

    whole: Record
    """The record as it came; what its kind has of it is the `record` of each class."""

    durable: ClassVar[bool] = True
    """Survives power loss once accepted. False for streams of rows, which survive a kill at once and power loss
    within a second or so (docs/decisions/0002)."""
    acknowledged_later: ClassVar[bool] = False
    """The file stream acknowledges it, not the sender."""

    def accept(self, run: RunState) -> None:  # noqa: B027 - most kinds need nothing
        """In the handler, fast: number the record, refuse what cannot be.

        Raises:
            UsageError: the record is refused and not journaled.
        """

    def to_record(self) -> Record:
        """What the journal keeps."""
        return self.whole

    @abstractmethod
    def process(self, out: Outbox, position: int) -> None:
        """In the sender, may be slow; idempotent. `position` is the record's in the journal."""

    @abstractmethod
    def __str__(self) -> str:
        """One line for the log."""
