"""Files by http(s): references of artifacts, and the links that a tracker gives out for its own files.

No credentials are sent. Redirects are followed as far as they stay on the web: never to an address that only machines
of one network or cloud can reach, unless the link itself led there.
"""

import http.client
import ipaddress
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import IO, Any, Final
from urllib.parse import urlsplit

from wabucketref.contracts.storage import Sink
from wabucketref.errors import NotAuthorised, NotFound, TransientError, Unsupported
from wabucketref.model.redact import public_url
from wabucketref.store.kept.source import Facts

_SECONDS: Final = 60.0
"""Without a byte, until it counts as failed."""
_CHUNK: Final = 1 << 20
_GONE: Final = (404, 410)
_REFUSED: Final = (401, 403)
_NO_HEAD: Final = (400, 405, 501)
"""Answers of servers that know GET only."""


class WebSource:
    """Implements source.Source."""

    def __init__(self, url: str) -> None:
        self._url = url

    def facts(self) -> Facts:
        try:
            with self._opened("HEAD") as answer:
                return _facts(answer.headers)
        except Unsupported:
            with self._opened("GET") as answer:
                return _facts(answer.headers)

    def read_to(self, limit: int, sink: Sink) -> None:
        with self._opened("GET") as answer:
            while limit > 0:
                piece = answer.read(min(_CHUNK, limit))
                if not piece:
                    return
                limit -= len(piece)
                sink(memoryview(piece))

    @contextmanager
    def _opened(self, method: str) -> Iterator[Any]:
        """The answer; what goes wrong while the block reads it is translated, too."""
        shown = public_url(self._url)
        request = urllib.request.Request(self._url, method=method, headers={"Accept-Encoding": "identity"})  # noqa: S310
        try:
            with _OPENER.open(request, timeout=_SECONDS) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _GONE:
                raise NotFound(f"{shown} is gone: the server answers {error.code}") from error
            if error.code in _REFUSED:
                raise NotAuthorised(f"{shown} is refused: the server answers {error.code}") from error
            if error.code in _NO_HEAD and method == "HEAD":
                raise Unsupported(f"{shown}: the server answers {error.code}") from error
            retryable = error.code >= 500 or error.code in (408, 429)
            raise TransientError(f"{shown}: the server answers {error.code}", retryable=retryable) from error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", None) or error
            raise TransientError(f"{shown} cannot be read: {reason}", hint="try again") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """See the module's text."""

    max_redirections = 5

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        downgraded = before.scheme == "https" and after.scheme != "https"
        if after.hostname != before.hostname and (downgraded or _is_inside(after.hostname or "")):
            raise NotAuthorised(f"{public_url(req.full_url)} leads to {after.hostname}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_inside(host: str) -> bool:
    """Whether any address of `host` is one that the public web does not reach."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_global for *_, address in found)


def _facts(headers: Message) -> Facts:
    length, etag = headers.get("Content-Length", ""), headers.get("ETag")
    if etag is not None and etag.startswith('"') and etag.endswith('"'):
        etag = etag[1:-1]
    return Facts(int(length) if length.isdecimal() else None, etag)


_OPENER: Final = urllib.request.build_opener(_Redirects)
