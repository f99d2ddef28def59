"""The journal's own note of what the tracker has acknowledged."""

from dataclasses import dataclass

from wabucketref.service.wabucket_pb2 import AcknowledgedRecord, Record
from wabucketref.service.work.base import Outbox, Work


@dataclass(frozen=True)
class AcknowledgedWork(Work):
    """Read at recovery; nothing to do when met again."""

    durable = False
    record: AcknowledgedRecord

    def to_record(self) -> Record:
        return Record(acknowledged=self.record)

    def process(self, out: Outbox, position: int) -> None: ...

    def __str__(self) -> str:
        return f"acknowledged up to {self.record.position}"
