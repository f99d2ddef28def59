"""A small HTTP proxy that breaks things on request, for clients that use ``http://`` on loopback.

with live_server.faults() as faults:
    faults.add("UpsertBucket", status=500, times=2)            # by the name of a GraphQL operation …
    faults.add("/file_stream", lose_answer=True)               # … or by a part of the path
    train(base_url=faults.url)
    assert faults.struck("/file_stream") == 1
"""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

_HOP: Final = ("connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection")


@dataclass
class Fault:
    """What happens to requests that it matches."""

    match: str
    """The name of a GraphQL operation, or a part of the path."""
    status: int | None = None
    """Answer this instead of asking the server."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of that answer."""
    drop: bool = False
    """Close the connection instead of asking the server."""
    lose_answer: bool = False
    """Ask the server, and close the connection instead of answering."""
    delay: float = 0.0
    """Seconds to wait before the server is asked."""
    times: int = 1
    """How many requests it strikes."""
    after: int = 0
    """How many it lets pass before."""
    seen: int = 0
    struck: int = 0


class Faults:
    """The proxy; a context manager. Thread-safe."""

    def __init__(self, upstream: str) -> None:
        """Stand before the server at the URL `upstream`, on a free port of loopback."""
        self._upstream = urlsplit(upstream)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self.requests: list[str] = []
        """All that came: the name of the operation, else the path."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> "Faults":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The way through it."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, match: str, **what: Any) -> Fault:
        """Break requests that match; `what` as the fields of :class:`Fault`."""
        fault = Fault(match, **what)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Break nothing any more."""
        with self._lock:
            self._faults.clear()

    def struck(self, match: str) -> int:
        """How many requests were broken by faults for `match`."""
        with self._lock:
            return sum(fault.struck for fault in self._faults if fault.match == match)

    def _choose(self, path: str, operation: str | None) -> Fault | None:
        """The first fault that strikes this request."""
        chosen = None
        with self._lock:
            self.requests.append(operation or path)
            for fault in self._faults:
                if fault.match != operation and not (fault.match.startswith("/") and fault.match in path):
                    continue
                fault.seen += 1
                if chosen is None and fault.after < fault.seen <= fault.after + fault.times:
                    fault.struck += 1
                    chosen = fault
        return chosen

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _relay(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fault = outer._choose(self.path, _operation(self.path, body)) or Fault("")
                time.sleep(fault.delay)
                if fault.status is not None:
                    self._answer(fault.status, fault.headers, b'{"errors":[{"message":"a fault on request"}]}')
                    return
                answered = None if fault.drop else self._ask(body)
                if answered is None or fault.lose_answer:
                    self.close_connection = True
                    return
                status, headers, content = answered
                self._answer(status, headers, content)

            def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
                assert outer._upstream.hostname is not None
                line = http.client.HTTPConnection(outer._upstream.hostname, outer._upstream.port, timeout=120)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                    line.request(self.command, self.path, body, headers)
                    answer = line.getresponse()
                    content = answer.read()
                    kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
                    return answer.status, kept, content
                except (OSError, http.client.HTTPException):
                    return None
                finally:
                    line.close()

            def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() != "content-length" or self.command == "HEAD":
                        self.send_header(name, value)
                if self.command == "HEAD":
                    self.end_headers()
                    return
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing: the server has a log."""

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _relay

        return Handler


def _operation(path: str, body: bytes) -> str | None:
    """The name of the GraphQL operation that is asked for."""
    if not path.startswith("/graphql"):
        return None
    try:
        given = json.loads(body)
    except ValueError:
        return None
    if given.get("operationName"):
        return str(given["operationName"])
    words = str(given.get("query", "")).replace("(", " ").replace("{", " ").split()
    heads = [index for index, word in enumerate(words) if word in ("query", "mutation")]
    return words[heads[0] + 1] if heads and heads[0] + 1 < len(words) else None
