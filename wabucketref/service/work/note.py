"""The journal's own note of what the tracker has acknowledged."""

from dataclasses import dataclass

from wabucketref.service.wabucket_pb2 import AcknowledgedRecord
from wabucketref.service.work.base import Outbox, Work


@dataclass
class AcknowledgedWork(Work):
    """Read at recovery; nothing to do when met again."""

    durable = False
    record: AcknowledgedRecord

    def process(self, out: Outbox, position: int) -> None: ...

    def __str__(self) -> str:
        return f"acknowledged up to {self.record.position}"
