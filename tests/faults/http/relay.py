"""Passes one request on and its answer back, through the mishaps that struck."""

import asyncio
import contextlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.faults.http.exchange import Answer, Answered, Broken, Exchange, Mishap
from tests.faults.http.wire import LINE, PIECE, Body, Head, read_body, read_head, whole, write_body

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HOP = ("Expect", "Proxy-Connection", "Proxy-Authorization", "Keep-Alive", "Connection")


class Relay:
    """One exchange. Each method says whether another request may follow on the client's connection."""

    def __init__(self, client: Streams, exchange: Exchange, struck: Sequence[Mishap], upstream: str | None) -> None:
        self._client = client
        self._exchange = exchange
        self._struck = struck
        self._upstream = upstream

    async def run(self) -> bool:
        """Raises Broken or Answered as the mishaps do."""
        for mishap in self._struck:
            await mishap.asked(self._exchange)
        return await (self._tunnel() if self._exchange.method == "CONNECT" else self._forward())

    async def own_answer(self, own: Answered) -> bool:
        """Answer in the place of the server."""
        exchange, (reader, writer) = self._exchange, self._client
        if not exchange.upstream:
            self._give_leave()
            await whole(read_body(reader, exchange.request, bodiless=False, until_close=False))
        exchange.status, exchange.received = own.head.status, len(own.body)
        if own.head.get("Content-Length") is None:
            own.head.set("Content-Length", str(len(own.body)))
        lasting = not exchange.upstream and exchange.method != "CONNECT"
        own.head.set("Connection", "keep-alive" if lasting else "close")
        writer.write(own.head.encode() + own.body)
        await writer.drain()
        return lasting

    async def _forward(self) -> bool:
        host, port, target = self._where()
        try:
            server = await asyncio.open_connection(host, port, limit=LINE)
        except OSError as error:
            raise Broken(reset=False) from error
        sending = asyncio.create_task(self._send(server[1], target))
        try:
            head = await self._answer(server[0], sending)
            return await self._receive(server[0], head, sending)
        finally:
            server[1].close()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, server: asyncio.StreamWriter, target: str) -> None:
        head = self._exchange.request
        self._give_leave()
        passed = Head(f"{head.method} {target} HTTP/1.1", [(n, v) for n, v in head.headers if n.title() not in _HOP])
        passed.set("Connection", "close")
        self._exchange.upstream = True
        body = read_body(self._client[0], head, bodiless=False, until_close=False)
        for mishap in self._struck:
            body = mishap.sending(self._exchange, body)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # an early answer may lie there to be read
            server.write(passed.encode())
            await write_body(server, head, _counted(body, self._exchange, "sent"))

    async def _answer(self, server: asyncio.StreamReader, sending: "asyncio.Task[None]") -> Head:
        """The head of the answer, which may come before all is sent."""
        reading = asyncio.create_task(_final_head(server))
        try:
            await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            return await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _receive(self, server: asyncio.StreamReader, head: Head, sending: "asyncio.Task[None]") -> bool:
        exchange, writer = self._exchange, self._client[1]
        exchange.status = head.status
        bodiless = exchange.method == "HEAD" or head.status in (204, 304)
        answer = Answer(head, read_body(server, head, bodiless=bodiless, until_close=True))
        for mishap in self._struck:
            await mishap.answered(exchange, answer)
        body = answer.body
        for mishap in self._struck:
            body = mishap.receiving(exchange, body)
        exchange.status = head.status
        lasting = sending.done() and (bodiless or head.chunked or head.length is not None)
        head.set("Connection", "keep-alive" if lasting else "close")
        writer.write(head.encode())
        await write_body(writer, Head("") if bodiless else head, _counted(body, exchange, "received"))
        return lasting

    async def _tunnel(self) -> bool:
        exchange, (reader, writer) = self._exchange, self._client
        host, _, port = exchange.path.rpartition(":")
        try:
            server = await asyncio.open_connection(host.strip("[]"), int(port), limit=LINE)
        except OSError as error:
            raise Answered(Head("HTTP/1.1 502 Bad Gateway"), b"") from error
        exchange.upstream, exchange.status = True, 200
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        up, down = _raw(reader), _raw(server[0])
        for mishap in self._struck:
            up, down = mishap.sending(exchange, up), mishap.receiving(exchange, down)
        pipes = [
            asyncio.create_task(_pipe(_counted(up, exchange, "sent"), server[1])),
            asyncio.create_task(_pipe(_counted(down, exchange, "received"), writer)),
        ]
        try:
            done, _ = await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            for pipe in done:
                pipe.result()
        finally:
            server[1].close()
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)
        return False

    def _where(self) -> tuple[str, int, str]:
        """Host, port and target of the request to send."""
        target = self._exchange.request.start.split(" ", 2)[1]
        url = urlsplit(target if "://" in target else self._upstream or "")
        if not url.hostname:
            raise Answered(Head("HTTP/1.1 400 Bad Request"), b"no upstream")
        if "://" in target:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return url.hostname, url.port or 80, target

    def _give_leave(self) -> None:
        """Let a client send its body that waits for being allowed to."""
        if self._exchange.request.get("Expect"):
            self._client[1].write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _final_head(reader: asyncio.StreamReader) -> Head:
    while True:
        head = await read_head(reader)
        if head is None:
            raise Broken(reset=False)  # the server hung up; so does the proxy
        if head.status >= 200:
            return head


async def _counted(body: Body, exchange: Exchange, name: str) -> Body:
    async for piece in body:
        yield piece
        setattr(exchange, name, getattr(exchange, name) + len(piece))


async def _raw(reader: asyncio.StreamReader) -> Body:
    while piece := await reader.read(PIECE):
        yield piece


async def _pipe(body: Body, writer: asyncio.StreamWriter) -> None:
    async for piece in body:
        writer.write(piece)
        await writer.drain()
