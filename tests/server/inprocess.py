"""The application in a thread of this process, for limits that a test wants low; asked over real sockets."""

import base64
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wabucketref.server.accounts import Accounts, make_key
from wabucketref.server.app import make_app
from wabucketref.server.links import Links
from wabucketref.server.listen import bind, serve
from wabucketref.server.site import Limits, Options, Site, loopback_hosts
from wabucketref.store.drivers.local import LocalStorage
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import ensure_schema


@dataclass
class Answer:
    """One answer over a raw socket."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """That of the first error."""
        return str(self.json()["errors"][0]["message"])


@dataclass
class Inside:
    """The application and a way to ask it."""

    site: Site
    port: int
    key: str
    reader: str
    """A key that may only read."""

    def raw(self, request: bytes, *, timeout: float = 30) -> Answer:
        """Send bytes as they are, and read one answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            connection.sendall(request)
            return self.read(connection)

    def read(self, connection: socket.socket) -> Answer:
        """One answer, to the end of the connection or of its body."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                break
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)) and (piece := connection.recv(65536)):
            body += piece
        return Answer(int(first.split()[1]), headers, body)

    def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str | None = None, **headers: str | None
    ) -> Answer:
        """One request; a header given as None is left out."""
        given: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Authorization": basic(key) if key else None,
        }
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in given.items() if value is not None),
        ]
        return self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def graphql(self, query: Any, key: str | None = None, **headers: str | None) -> Answer:
        """One GraphQL request, of any form."""
        body = json.dumps({"query": query} if isinstance(query, str) else query).encode()
        return self.ask("POST", "/graphql", body, key=key or self.key, **headers)


def basic(key: str) -> str:
    """The header that the SDK sends."""
    return "Basic " + base64.b64encode(f"api:{key}".encode()).decode()


@contextmanager
def inside(directory: Path, limits: Limits | None = None, url: str | None = None) -> Iterator[Inside]:
    """Serve the catalog at `url`, by default a new one, with `limits` until the block ends."""
    with closing(Catalog(url or f"sqlite:///{directory / 'catalog.sqlite'}")) as catalog:
        ensure_schema(catalog)
        with catalog.write() as connection:
            key, reader = make_key(connection, "writer"), make_key(connection, "reader", read_only=True)
        site = Site(
            catalog=catalog,
            storage=LocalStorage(str(directory / "served")),
            accounts=Accounts(catalog),
            links=Links(b"secret" * 6),
            options=Options(loopback_hosts(), limits=limits or Limits()),
        )
        sock = bind("127.0.0.1", 0)
        port, ready = sock.getsockname()[1], threading.Event()
        stop: list[Any] = []
        thread = threading.Thread(target=serve, args=(make_app(site), sock, ready.set, stop.append), daemon=True)
        thread.start()
        try:
            assert ready.wait(20)
            yield Inside(site, port, key, reader)
        finally:
            stop[0]()
            thread.join(20)
            assert not thread.is_alive()
