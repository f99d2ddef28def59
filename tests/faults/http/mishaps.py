"""What can happen to an exchange: the faults that a rule of the proxy may name."""

import asyncio
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.faults.http.exchange import Answer, Answered, Broken, Exchange, Mishap
from tests.faults.http.wire import Body, Head, of, whole


@dataclass
class Reset(Mishap):
    """The connection is reset before the server hears of the request."""

    async def asked(self, exchange: Exchange) -> None:
        raise Broken(reset=True)


@dataclass
class Cut(Mishap):
    """The connection ends after so many bytes of the answer's body, or with `up` of the request's."""

    after: int = 0
    up: bool = False
    reset: bool = False

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._cut(body) if self.up else body

    def receiving(self, exchange: Exchange, body: Body) -> Body:
        return body if self.up else self._cut(body)

    async def _cut(self, body: Body) -> Body:
        left = self.after
        async for piece in body:
            if len(piece) >= left:
                yield piece[:left]
                raise Broken(reset=self.reset)
            left -= len(piece)
            yield piece
        raise Broken(reset=self.reset)


@dataclass
class Stall(Mishap):
    """Nothing more comes, and the connection stays open: at once, or after so many bytes of the answer's body."""

    after: int | None = None
    up: bool = False

    async def asked(self, exchange: Exchange) -> None:
        if self.after is None:
            await exchange.stopped.wait()
            raise Broken(reset=True)

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._stall(exchange, body) if self.up and self.after is not None else body

    def receiving(self, exchange: Exchange, body: Body) -> Body:
        return body if self.up or self.after is None else self._stall(exchange, body)

    async def _stall(self, exchange: Exchange, body: Body) -> Body:
        left = self.after or 0
        async for piece in body:
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                break
        await exchange.stopped.wait()
        raise Broken(reset=True)


@dataclass
class Drip(Mishap):
    """The answer's body (with `up` the request's) comes at so many bytes a second."""

    rate: float = 1.0
    up: bool = False

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._drip(body) if self.up else body

    def receiving(self, exchange: Exchange, body: Body) -> Body:
        return body if self.up else self._drip(body)

    async def _drip(self, body: Body) -> Body:
        step = max(1, int(self.rate * 0.05))
        async for piece in body:
            for start in range(0, len(piece), step):
                yield piece[start : start + step]
                await asyncio.sleep(step / self.rate)


@dataclass
class Flip(Mishap):
    """One bit of the answer's body (with `up` of the request's) is another: at a byte, or anywhere."""

    at: int | None = None
    up: bool = False

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._flip(exchange, body, exchange.request) if self.up else body

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        if not self.up:
            answer.body = self._flip(exchange, answer.body, answer.head)

    async def _flip(self, exchange: Exchange, body: Body, head: Head) -> Body:
        at = exchange.rng.randrange(head.length or 1) if self.at is None else self.at
        async for piece in body:
            if 0 <= at < len(piece):
                piece = piece[:at] + bytes([piece[at] ^ 1 << exchange.rng.randrange(8)]) + piece[at + 1 :]
            at -= len(piece)
            yield piece


@dataclass
class Status(Mishap):
    """An answer that the server did not give, with an id of the request; with `code` it is an S3 error document."""

    status: int
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def asked(self, exchange: Exchange) -> None:
        body, kind = self.body, "text/html"
        if self.code:
            text = f"<Code>{self.code}</Code><Message>by the proxy</Message>"
            body, kind = f'<?xml version="1.0" encoding="UTF-8"?><Error>{text}</Error>'.encode(), "application/xml"
        names = [(name, f"PROXY{exchange.number}") for name in ("x-amz-request-id", "X-GUploader-UploadID")]
        head = Head(f"HTTP/1.1 {self.status} By the proxy", [("Content-Type", kind), *names])
        for name, value in self.headers.items():
            head.set(name, value)
        raise Answered(head, b"" if exchange.method == "HEAD" else body)


@dataclass
class DropAnswer(Mishap):
    """The server carries the request out; the client does not hear of it."""

    reset: bool = False

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        await whole(answer.body)
        raise Broken(reset=self.reset)


@dataclass
class Delay(Mishap):
    """The request waits before it is passed on."""

    seconds: float

    async def asked(self, exchange: Exchange) -> None:
        await asyncio.sleep(self.seconds)


@dataclass
class Expire(Mishap):
    """Requests with this session token (any, when empty) are told that it has expired."""

    selective = True
    token: str = ""

    async def asked(self, exchange: Exchange) -> None:
        if not self.token or exchange.request.get("X-Amz-Security-Token") == self.token:
            self.struck += 1
            await Status(400, "ExpiredToken").asked(exchange)


@dataclass
class Rewrite(Mishap):
    """Another status, other headers (None: without) or another body in the server's answer.

    The length follows the body unless `headers` says one.
    """

    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Callable[[bytes], bytes] | None = None
    status: int | None = None

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        if self.body is not None:
            data = self.body(await whole(answer.body))
            answer.body = of(data)
            answer.head.set("Transfer-Encoding", None)
            answer.head.set("Content-Length", str(len(data)))
        if self.status is not None:
            answer.head.start = f"HTTP/1.1 {self.status} By the proxy"
        for name, value in self.headers.items():
            answer.head.set(name, value)


@dataclass
class Call(Mishap):
    """Something else happens at this moment (a rival steps in); runs in a thread of its own."""

    action: Callable[[Exchange], None]
    after: bool = False

    async def asked(self, exchange: Exchange) -> None:
        if not self.after:
            await asyncio.to_thread(self.action, exchange)

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        if self.after:
            answer.body = of(await whole(answer.body))
            await asyncio.to_thread(self.action, exchange)


@dataclass
class Crowd(Mishap):
    """More than so many requests at once are told to slow down."""

    every = True
    selective = True
    most: int
    inside: set[int] = field(default_factory=set)

    async def asked(self, exchange: Exchange) -> None:
        if len(self.inside) >= self.most:
            self.struck += 1
            await Status(503, "SlowDown").asked(exchange)
        self.inside.add(exchange.number)

    def ended(self, exchange: Exchange) -> None:
        self.inside.discard(exchange.number)


@dataclass
class DelayList(Mishap):
    """Listings of S3 do not show yet what was written through this proxy."""

    every = True
    selective = True
    written: set[str] = field(default_factory=set)

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        if exchange.method in ("PUT", "POST") and answer.head.status < 300:
            self.written.add(exchange.path.lstrip("/").partition("/")[2])
        elif exchange.method == "GET" and exchange.param("list-type"):
            await Rewrite(body=self._without).answered(exchange, answer)

    def _without(self, listing: bytes) -> bytes:
        def kept(match: re.Match[bytes]) -> bytes:
            key = re.search(rb"<Key>(.*?)</Key>", match[0])
            if key is None or unquote(html.unescape(key[1].decode())) not in self.written:
                return match[0]
            self.struck += 1
            return b""

        return re.sub(rb"<Contents>.*?</Contents>", kept, listing, flags=re.DOTALL)


@dataclass
class Capture(Mishap):
    """Keeps the bodies of requests and answers in the log."""

    every = True

    async def _keep_request(self, exchange: Exchange, body: Body) -> Body:
        async for piece in body:
            exchange.request_body += piece
            yield piece

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._keep_request(exchange, body)

    async def _keep_answer(self, exchange: Exchange, body: Body) -> Body:
        async for piece in body:
            exchange.answer_body += piece
            yield piece

    def receiving(self, exchange: Exchange, body: Body) -> Body:
        return self._keep_answer(exchange, body)
