"""A proxy that breaks things on request: before a real server, by a script of rules, or at random from a seed.

    proxy = Proxy(server.endpoint, [Rule(Status(503, "SlowDown"), "PUT", r"/a\\.txt$", on="@1-3")])

A rule counts the requests that it matches; ``on`` says which of them it strikes: ``@2`` the second, ``@2+`` that one
and all later, ``@1-3`` the first three. The ``Host`` header passes through as it came, so a signature that the client
made for the proxy's address holds at the server. Requests for ``http://other/`` and ``CONNECT`` work as at any proxy.
"""

import asyncio
import random
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from tests.faults.http.exchange import Answer, Answered, Broken, Exchange, Mishap
from tests.faults.http.mishaps import (
    Call,
    Capture,
    Crowd,
    Cut,
    Delay,
    DelayList,
    Drip,
    DropAnswer,
    Expire,
    Flip,
    Reset,
    Rewrite,
    Stall,
    Status,
)
from tests.faults.http.precondition import Precondition
from tests.faults.http.relay import Relay, Streams
from tests.faults.http.rules import Randomly, Rule
from tests.faults.http.wire import LINE, Head, read_head

__all__ = [
    "Answer",
    "Call",
    "Capture",
    "Crowd",
    "Cut",
    "Delay",
    "DelayList",
    "Drip",
    "DropAnswer",
    "Exchange",
    "Expire",
    "Flip",
    "Mishap",
    "Precondition",
    "Proxy",
    "Randomly",
    "Reset",
    "Rewrite",
    "Rule",
    "Stall",
    "Status",
]


class Proxy:
    """Listens on a free loopback port in a thread of its own, from :meth:`start` to :meth:`stop`.

    `upstream` is the server's URL (without one only absolute URLs and ``CONNECT`` work). With `tls` clients speak TLS
    to the proxy; the server is always asked in plain HTTP.
    """

    def __init__(
        self,
        upstream: str | None = None,
        rules: Sequence[Rule] = (),
        seed: int = 0,
        *,
        randomly: Randomly | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.log: list[Exchange] = []
        """All exchanges, in the order in which they began."""
        self.port = 0
        self._upstream = upstream
        self._rules = list(rules)
        self._seed = seed
        self.randomly = randomly
        """May be changed while it runs."""
        self._tls = tls
        self._counts: Counter[tuple[str, str]] = Counter()
        self._serving: dict[asyncio.Future[None], asyncio.StreamWriter] = {}
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Proxy":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def add(self, rule: Rule) -> None:
        """Have one rule more while the proxy runs."""
        self._rules.append(rule)

    def seen(self, method: str = ".*", path: str = "", query: str = "") -> list[Exchange]:
        """The exchanges so far that match, by patterns as in rules."""
        return [one for one in list(self.log) if Rule(Mishap(), method, path, query).matches(one)]

    def check(self) -> None:
        """Raise AssertionError when a rule did not strike as often as it says."""
        missed = [rule for rule in self._rules if rule.missed]
        assert not missed, f"faults of the script that were not hit: {missed}; requests:\n{self.text()}"

    def text(self) -> str:
        """The log for people."""
        return "\n".join(
            f"{one.method} {one.path}?{one.query} -> {one.status} sent {one.sent} received {one.received} {one.faults}"
            for one in list(self.log)
        )

    def start(self) -> "Proxy":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="proxy", daemon=True)
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the proxy does not start")
        return self

    def stop(self) -> None:
        """End all connections; idempotent."""
        if self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)

    async def _main(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=LINE, backlog=512, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0.01)  # connections that were accepted just now become known; a closed server loses them
        server.close()
        for task, writer in list(self._serving.items()):
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve((reader, writer)))
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def _serve(self, client: Streams) -> None:
        try:
            while await self._exchange(client):
                pass
        except (OSError, ValueError):
            client[1].transport.abort()
        finally:
            client[1].close()

    async def _exchange(self, client: Streams) -> bool:
        """One request and its answer; whether another may follow on the connection."""
        head = await read_head(client[0])
        if head is None:
            return False
        exchange = self._begun(head)
        struck = self._mishaps(exchange)
        exchange.faults = [type(mishap).__name__ for mishap in struck]
        relay = Relay(client, exchange, struck, self._upstream)
        try:
            return await relay.run()
        except Answered as own:
            return await relay.own_answer(own)
        except Broken as broken:
            _end(client[1], reset=broken.reset, cut=self._tls is not None)
            return False
        finally:
            for mishap in struck:
                mishap.ended(exchange)

    def _begun(self, head: Head) -> Exchange:
        method, target, _ = head.start.split(" ", 2)
        parts = urlsplit(target)
        path, query = (target, "") if method == "CONNECT" else (unquote(parts.path), parts.query)
        self._counts[method, path] += 1
        rng = random.Random(f"{self._seed} {method} {path} {self._counts[method, path]}")
        exchange = Exchange(method, path, query, head, rng, self._stopped, len(self.log))
        self.log.append(exchange)
        return exchange

    def _mishaps(self, exchange: Exchange) -> list[Mishap]:
        struck = [rule.mishap for rule in list(self._rules) if rule.strikes(exchange)]
        chosen = self.randomly.choose(exchange) if self.randomly else None
        return [*struck, chosen] if chosen else struck


def _end(writer: asyncio.StreamWriter, *, reset: bool, cut: bool) -> None:
    """End a connection; `cut`: without the farewell that TLS has for this."""
    if reset:
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if reset or cut:
        writer.transport.abort()
    else:
        writer.close()
