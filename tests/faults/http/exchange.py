"""One request and its answer on their way through the proxy, and the moments at which something may happen to them."""

import asyncio
import random
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import parse_qs

from tests.faults.http.wire import Body, Head


class Broken(Exception):
    """The connection to the client ends here: with a reset, or closed in an orderly way."""

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset


class Answered(Exception):
    """The proxy answers itself."""

    def __init__(self, head: Head, body: bytes) -> None:
        self.head = head
        self.body = body


@dataclass
class Exchange:
    """One request, what came of it, and what was done to it. For a tunnel the method is ``CONNECT``."""

    method: str
    path: str
    """Decoded, without the query."""
    query: str
    request: Head
    rng: random.Random
    stopped: asyncio.Event = field(repr=False)
    number: int = 0
    status: int | None = None
    """Of the answer that the client got (or nearly got)."""
    upstream: bool = False
    """Whether the request was passed on."""
    sent: int = 0
    """Bytes of body that reached the server."""
    received: int = 0
    """Bytes of body that reached the client."""
    request_body: bytes = b""
    """With ``Capture``."""
    answer_body: bytes = b""
    """With ``Capture``."""
    faults: list[str] = field(default_factory=list)

    def param(self, name: str) -> str | None:
        """A parameter of the query."""
        return next(iter(parse_qs(self.query, keep_blank_values=True).get(name, ())), None)


@dataclass
class Answer:
    """What the server said; hooks change it in place."""

    head: Head
    body: Body


class Mishap:
    """The base: each method is one moment of an exchange, and lets it pass unless overridden."""

    every: ClassVar[bool] = False
    """A rule with it holds for every request unless it says otherwise."""
    selective: ClassVar[bool] = False
    """It chooses among the requests of its rule, and counts in ``struck`` those that it struck."""
    struck: int = 0

    async def asked(self, exchange: Exchange) -> None:
        """The head of the request is here, nothing was passed on."""

    def sending(self, exchange: Exchange, body: Body) -> Body:
        """The body of the request on its way."""
        return body

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        """The head of the answer is here, the client has nothing of it."""

    def receiving(self, exchange: Exchange, body: Body) -> Body:
        """The body of the answer on its way."""
        return body

    def ended(self, exchange: Exchange) -> None:
        """All is over, however it went."""
