"""One kind of record, one class; one table from the protocol's field to the class."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from wabucketref.errors import WaBucketError
from wabucketref.service.wabucket_pb2 import Record
from wabucketref.service.work.artifact import (
    AdoptWork,
    CommittedWork,
    FailedWork,
    FetchedWork,
    LinkWork,
    UploadWork,
    UseWork,
)
from wabucketref.service.work.base import Outbox, Plan, RunState, Work
from wabucketref.service.work.history import HistoryWork, OutputWork, flush_partial_row
from wabucketref.service.work.note import AcknowledgedWork
from wabucketref.service.work.run import ConfigWork, ExitWork, RunWork, SummaryWork

KINDS: Final[Mapping[str, Callable[[Record, Any], Work]]] = MappingProxyType(
    {
        "run": RunWork,
        "config": ConfigWork,
        "summary": SummaryWork,
        "history": HistoryWork,
        "output": OutputWork,
        "artifact": UploadWork,
        "link": LinkWork,
        "adopt": AdoptWork,
        "use_artifact": UseWork,
        "exit": ExitWork,
        "committed": CommittedWork,
        "fetched": FetchedWork,
        "failed": FailedWork,
        "acknowledged": AcknowledgedWork,
    }
)

__all__ = ["KINDS", "Outbox", "Plan", "RunState", "Work", "flush_partial_row", "work_of"]


def work_of(record: Record) -> Work:
    """The work item of a record.

    Raises:
        WaBucketError: an empty record, or a kind that this release does not know.
    """
    kind = record.WhichOneof("kind")
    if kind is None:
        raise WaBucketError("a record of a kind unknown to this release", hint="upgrade wabucket")
    return KINDS[kind](record, getattr(record, kind))
