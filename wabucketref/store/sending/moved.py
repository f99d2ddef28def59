"""What an upload sent and reused so far."""

import time
from dataclasses import dataclass, field

from wabucketref.model.plan import TransferFigures


@dataclass(slots=True)
class Moved:
    """What was sent, counted while results come in."""

    bytes: int = 0
    files: int = 0
    bytes_reused: int = 0
    files_reused: int = 0
    started: float = field(default_factory=time.monotonic)

    def figures(self) -> TransferFigures:
        seconds = time.monotonic() - self.started
        return TransferFigures(self.bytes, self.bytes_reused, self.files, self.files_reused, seconds)
