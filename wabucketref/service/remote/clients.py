"""Who uses the background service, and what each may use of it."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from wabucketref.service.service import Service
from wabucketref.service.stream import Stream
from wabucketref.service.trace import FileTrace, Trace, no_trace
from wabucketref.service.wabucket_pb2 import Envelope, Greeting

_REMEMBERED: Final = 1024
"""Answers kept for a client that sends again; more are never under way at once."""


class Context(Protocol):
    """What one set of settings and credentials makes: a service with its tracker and buckets."""

    @property
    def service(self) -> Service: ...

    @property
    def finish_timeout(self) -> float:
        """Seconds for a run to finish once its transfers have ended."""

    @property
    def tracker_place(self) -> str:
        """Name and place of the tracker, as a run's record has it."""

    def close(self) -> None: ...


class Contexts(Protocol):
    """The service's own contexts, made when they are needed."""

    def all(self) -> Sequence[Context]:
        """Those made so far."""


OpenContext = Callable[[str, Mapping[str, str]], Context]
"""Makes a context of settings (JSON) and variables. Raises what is wrong with them."""


@dataclass
class Client:
    """A process (or a part of one) that greeted."""

    id: str
    pid: int
    started: float
    """When the process began, in ticks since boot."""
    context: Context
    trace: Trace
    close_trace: Callable[[], None]
    greeted: float = field(default_factory=time.monotonic)
    lines: int = 0
    seen: bool = False
    """Whether its process was seen from here, which one in a container of its own is not."""
    streams: dict[str, Stream] = field(default_factory=dict)
    """Runs that it opened and has not ended, by id."""
    answers: OrderedDict[str, Envelope] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, greeting: Greeting, context: Context) -> "Client":
        """Raises LocalIOError when its trace cannot be written."""
        trace = FileTrace(greeting.trace) if greeting.trace else None
        return cls(
            id=greeting.client,
            pid=greeting.pid,
            started=greeting.started,
            context=context,
            trace=trace or no_trace,
            close_trace=trace.close if trace else lambda: None,
        )

    def remember(self, answer: Envelope) -> None:
        self.answers[answer.uuid] = answer
        while len(self.answers) > _REMEMBERED:
            self.answers.popitem(last=False)
