"""Connections to one server, kept and used again. Requests go to where they were meant for, once, and no further."""

import base64
import os
import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from wabucketref.contracts.storage import Buffer, Sink
from wabucketref.store.native.failures import ProxyRefused, Unreached
from wabucketref.store.native.heads import Head, NotHttp
from wabucketref.store.native.wire import Connection

T = TypeVar("T")
CONNECT_SECONDS: Final = 4.0
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy between us and the server."""

    host: str
    port: int
    login: str | None = None
    """The value of ``Proxy-Authorization``."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A server."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def netloc(self) -> str:
        """Value of the ``Host`` header: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def in_front(self) -> str:
        """What the target of each request begins with: a proxy is told the whole URL, unless it only passes TLS on."""
        return self.url if self.proxy and self.scheme == "http" else ""

    @property
    def further(self) -> str:
        """Headers of each request besides its own, as text."""
        login = self.proxy.login if self.proxy and self.scheme == "http" else None
        return f"proxy-authorization: {login}\r\n" if login else ""


def origin_of(url: str, proxies: "Proxies") -> Origin:
    """Raises ValueError: it is no URL of a server."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"not the URL of an endpoint: {url}")
    port = parts.port or _PORTS[parts.scheme]
    return Origin(parts.scheme, parts.hostname, port, proxies.of(parts.scheme, parts.hostname, port))


class Unfit(Exception):
    """Something that these connections cannot do; the text says what."""


class Proxies:
    """The proxies that the environment names (``HTTPS_PROXY``, ``NO_PROXY`` …)."""

    def of(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for a server, None to go straight.

        Raises:
            Unfit: it is of a kind that is not spoken here.
            ValueError: its URL is malformed.
        """
        if not any(name.lower().endswith("_proxy") for name in os.environ):
            return None
        from urllib.request import getproxies, proxy_bypass

        found = getproxies()
        url = found.get(scheme) or found.get("all")
        if not url or proxy_bypass(f"{host}:{port}"):
            return None
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme != "http":
            raise Unfit(f"a proxy that is spoken to by {parts.scheme}")
        if not parts.hostname:
            raise ValueError("the URL of the proxy names no host")
        login = None
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
            login = f"Basic {base64.b64encode(pair).decode()}"
        return Proxy(parts.hostname, parts.port or 80, login)


class Pool:
    """Connections to one server. Thread-safe: as many are open as threads ask at once.

    `stall`: seconds without progress after which a request has failed.
    """

    def __init__(self, origin: Origin, trust: Callable[[], ssl.SSLContext], stall: float) -> None:
        self.origin = origin
        self.stall = stall
        self.keeps = False
        """Whether the server was seen to go on with a connection after an answer."""
        self.latency: float | None = None
        """The least seconds from a request to its answer."""
        self._trust = trust
        self._idle: list[Connection] = []
        self._context: ssl.SSLContext | None = None

    def exchange(
        self, head: bytes, body: Buffer, read: Callable[[Connection, Head], T], *, bodiless: bool = False
    ) -> T:
        """Send a request; what `read` makes of the answer. `bodiless`: as for :meth:`Connection.receive`.

        Raises OSError (Unreached: nothing was sent), Stalled, NotHttp, and what `read` raises.
        """
        connection = self.take()
        begun = time.monotonic()  # once it is sent this thread may have to wait for its turn: too short a time harms
        try:
            try:
                connection.send(head, body)
            except OSError as error:
                answer = _early(connection, error)
            else:
                answer = connection.receive(bodiless=bodiless)
                self._note_latency(time.monotonic() - begun)
            result = read(connection, answer)
        except BaseException:
            connection.close()
            raise
        self.keeps = self.keeps or connection.lasting
        self.give_back(connection)
        return result

    def _note_latency(self, seconds: float) -> None:
        if self.latency is None or seconds < self.latency:
            self.latency = seconds

    def take(self) -> Connection:
        """A connection, for one request or more. Raises as :meth:`open`."""
        return self.idle() or self.open()

    def idle(self) -> Connection | None:
        """One that somebody gave back, if there is any."""
        while True:
            try:
                connection = self._idle.pop()  # the one that was used last: it is the least likely to have ended
            except IndexError:
                return None
            if not connection.was_closed():
                return connection
            connection.close()

    def open(self) -> Connection:
        """A new connection. Raises OSError (Unreached)."""
        return Connection(self._connect(), self.stall)

    def give_back(self, connection: Connection) -> None:
        """One that was taken or opened, whose last answer was read; it blocks."""
        if connection.lasting:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close what is not in use; idempotent."""
        while self._idle:
            self._idle.pop().close()

    __del__ = close

    def _connect(self) -> socket.socket:
        origin, seconds = self.origin, min(CONNECT_SECONDS, self.stall)
        host, port = (origin.proxy.host, origin.proxy.port) if origin.proxy else (origin.host, origin.port)
        try:
            sock = socket.create_connection((_plain(host), port), seconds)
        except OSError as error:
            raise Unreached(f"cannot connect to {host}:{port}: {error}") from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme == "https":
                sock = self._secured(sock)
            sock.settimeout(None)
            for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                sock.setsockopt(socket.SOL_SOCKET, side, _timeval(self.stall))
        except BaseException:
            sock.close()
            raise
        return sock

    def _secured(self, sock: socket.socket) -> socket.socket:
        origin = self.origin
        if origin.proxy:
            _tunnel(sock, origin, origin.proxy)
        if self._context is None:
            self._context = self._trust()
        try:
            return self._context.wrap_socket(sock, server_hostname=origin.host)
        except OSError as error:
            raise Unreached(f"no TLS with {origin.host}:{origin.port}: {error}") from error


class SinkRaised(Exception):
    """This came from who takes the bytes, not from the network."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def guarded(sink: Sink) -> Sink:
    """`sink`, whose errors are told from those of the network by SinkRaised."""

    def take(piece: memoryview) -> None:
        try:
            sink(piece)
        except BaseException as error:
            raise SinkRaised(error) from error

    return take


def _plain(host: str) -> Any:
    """As bytes, for which the interpreter does not load its tables of international names."""
    return host.encode() if host.isascii() else host


def _early(connection: Connection, error: OSError) -> Head:
    """A server that hangs up while it is sent to may have said why."""
    try:
        answer = connection.receive()
    except Exception:
        raise error from None
    connection.lasting = False
    return answer


def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Have the proxy connect us with the server."""
    place = f"{origin.host}:{origin.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.login:
        lines.append(f"Proxy-Authorization: {proxy.login}")
    connection = Connection(sock, CONNECT_SECONDS)
    try:
        connection.send("\r\n".join((*lines, "", "")).encode())
        answer = connection.receive(bodiless=True)
    except (OSError, NotHttp) as error:
        raise Unreached(f"the proxy {proxy.host}:{proxy.port} gives no connection to {place}: {error}") from error
    if not 200 <= answer.status < 300:
        raise ProxyRefused(
            f"the proxy {proxy.host}:{proxy.port} answers {answer.status} {answer.reason}", answer.status
        )


def trust_of(bundle: str | None) -> ssl.SSLContext:
    """TLS that trusts the authorities in the file `bundle`, by default those that the AWS library trusts.

    Raises OSError: the file cannot be read or has none.
    """
    context = ssl.create_default_context(cafile=bundle or _authorities())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _authorities() -> str | None:
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return None  # OpenSSL reads them itself
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()


def fields(headers: Mapping[str, str]) -> str:
    """Headers as text."""
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))
