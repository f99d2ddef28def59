"""Which requests suffer what: by a script, or by chance."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.http.exchange import Exchange, Mishap


@dataclass
class Rule:
    """What happens to which requests."""

    mishap: Mishap
    method: str = ".*"
    path: str = ""
    """A pattern that is found in the decoded path."""
    query: str = ""
    """A pattern that is found in the query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Patterns that are found in headers."""
    on: str = ""
    """``@N``, ``@N+`` or ``@N-M``; default the first match, for mishaps that concern every request ``@1+``."""
    seen: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        match = re.fullmatch(r"@(\d+)(?:(\+)|-(\d+))?", self.on or ("@1+" if self.mishap.every else "@1"))
        if match is None:
            raise ValueError(f"malformed: {self.on!r}")
        self._first = int(match[1])
        self._last = None if match[2] else int(match[3] or match[1])

    def strikes(self, exchange: Exchange) -> bool:
        """Whether this request is one of those; counts it."""
        if not self.matches(exchange):
            return False
        self.seen += 1
        due = self._first <= self.seen and (self._last is None or self.seen <= self._last)
        self.hits += due
        return due

    @property
    def missed(self) -> bool:
        """Whether it did not strike as often as written."""
        least = 1 if self._last is None else self._last - self._first + 1
        return self.hits < least or (self.mishap.selective and not self.mishap.struck)

    def matches(self, exchange: Exchange) -> bool:
        return (
            re.fullmatch(self.method, exchange.method) is not None
            and re.search(self.path, exchange.path) is not None
            and re.search(self.query, exchange.query) is not None
            and all(re.search(text, exchange.request.get(name) or "") for name, text in self.headers.items())
        )


@dataclass(frozen=True)
class Randomly:
    """Each request suffers one of these with this probability."""

    probability: float
    mishaps: Sequence[Mishap]
    path: str = ""

    def choose(self, exchange: Exchange) -> Mishap | None:
        if not re.search(self.path, exchange.path) or exchange.rng.random() >= self.probability:
            return None
        return exchange.rng.choice(self.mishaps)
