"""Runs that ended not long ago: their results, for who still holds tickets."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from wabucketref.model.result import Tracking
from wabucketref.model.run import RunKey
from wabucketref.service.tickets import TicketTable

_KEPT: Final = 64


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    key: RunKey
    tickets: TicketTable
    tracking: Tracking
    state: str
    """As the stream's was: who ended it."""


class EndedRuns:
    """The last few. Not thread-safe."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Ended] = OrderedDict()

    def keep(self, ended: Ended) -> None:
        self._runs[ended.key.run_id] = ended
        while len(self._runs) > _KEPT:
            self._runs.popitem(last=False)

    def get(self, run_id: str) -> Ended | None:
        return self._runs.get(run_id)

    def all(self) -> list[Ended]:
        """Oldest first."""
        return list(self._runs.values())
