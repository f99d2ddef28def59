"""Conditions for servers that ignore them: the proxy remembers what was written through it, and refuses in their place.

S3 by ``If-None-Match: *`` and ``If-Match``, GCS by ``ifGenerationMatch``; sources of copies by GCS'
``ifSourceGenerationMatch``. All writers must come through the proxy.
"""

import asyncio
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from tests.faults.http.exchange import Answer, Answered, Exchange, Mishap
from tests.faults.http.mishaps import Status
from tests.faults.http.wire import Body, Head, of, whole

_GCS_OBJECT = re.compile(r"/storage/v1/b/[^/]+/o/(.+)")


@dataclass
class Precondition(Mishap):
    """Honours conditional writes and removals of whole objects, and with `sources` the generation that a source shall
    have."""

    sources: bool = True
    every = True
    selective = True
    tags: dict[str, str] = field(default_factory=dict)
    """The etag or generation of every object that is there."""
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Object and condition of each resumable upload of GCS."""
    locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    held: dict[int, str] = field(default_factory=dict)

    async def asked(self, exchange: Exchange) -> None:
        target = _target(exchange) or self.sessions.get(exchange.param("upload_id") or "", ("",))[0]
        if target:
            await self._check(exchange, target)

    def sending(self, exchange: Exchange, body: Body) -> Body:
        return self._named_inside(exchange, body) if exchange.param("uploadType") == "multipart" else body

    async def answered(self, exchange: Exchange, answer: Answer) -> None:
        target = self.held.get(exchange.number)
        if target is None or answer.head.status >= 300:
            return
        data = await whole(answer.body)
        answer.body = of(data)
        session = parse_qs(urlsplit(answer.head.get("Location") or "").query).get("upload_id")
        if session:
            self.sessions[session[0]] = (target, exchange.param("ifGenerationMatch") or "")
        elif exchange.method == "DELETE":
            self.tags.pop(target, None)
        else:
            self.tags[target] = _tag(answer.head, data)

    def ended(self, exchange: Exchange) -> None:
        target = self.held.pop(exchange.number, None)
        if target is not None:
            self.locks[target].release()

    async def _named_inside(self, exchange: Exchange, body: Body) -> Body:
        data = await whole(body)
        named = re.search(rb'"name":\s*("(?:[^"\\]|\\.)*")', data)
        await self._check(exchange, str(json.loads(named[1])) if named else "")
        yield data

    async def _check(self, exchange: Exchange, target: str) -> None:
        await self.locks[target].acquire()
        self.held[exchange.number] = target
        now = self.tags.get(target)
        absent, same = self._conditions(exchange)
        if (absent and now is not None) or (same is not None and now != same) or self._is_another(exchange):
            self.struck += 1
            if exchange.path.startswith(("/storage/", "/upload/")):
                body = b'{"error": {"message": "conditionNotMet"}}'
                raise Answered(Head("HTTP/1.1 412 Precondition Failed", [("Content-Type", "application/json")]), body)
            await Status(412, "PreconditionFailed").asked(exchange)

    def _is_another(self, exchange: Exchange) -> bool:
        """Whether the source of a copy is not the one that is meant."""
        meant = exchange.param("ifSourceGenerationMatch") if self.sources else None
        source = exchange.path.partition("/rewriteTo/")[0].partition("/o/")[2]
        return meant is not None and self.tags.get(source) != meant

    def _conditions(self, exchange: Exchange) -> tuple[bool, str | None]:
        """Whether the object must be absent, and the tag that it must have."""
        session = self.sessions.get(exchange.param("upload_id") or "")
        generation = session[1] if session else exchange.param("ifGenerationMatch")
        match = (exchange.request.get("If-Match") or "").strip('"') or None
        absent = generation == "0" or exchange.request.get("If-None-Match") == "*"
        return absent, generation if generation not in (None, "", "0") else match


def _target(exchange: Exchange) -> str | None:
    """The object that a request writes or removes, None when it does neither."""
    if exchange.path.startswith("/upload/storage/"):
        return exchange.param("name")
    gcs = _GCS_OBJECT.fullmatch(exchange.path)
    if gcs:
        target = gcs[1].rpartition("/rewriteTo/b/")[2].partition("/o/")[2] if "/rewriteTo/" in gcs[1] else gcs[1]
        return target if exchange.method in ("POST", "DELETE") else None
    part = exchange.param("partNumber") is not None
    if exchange.method in ("PUT", "DELETE") and not part and "/" in exchange.path.strip("/"):
        return None if exchange.method == "DELETE" and exchange.param("uploadId") else exchange.path
    return exchange.path if exchange.method == "POST" and exchange.param("uploadId") else None


def _tag(head: Head, body: bytes) -> str:
    """The etag or generation in the answer to a write."""
    if (head.get("Content-Type") or "").startswith("application/json"):
        document = json.loads(body or b"{}")
        return str(document.get("resource", document).get("generation", ""))
    inside = re.search(rb"<ETag>(?:&quot;|&#34;|\")?(.*?)(?:&quot;|&#34;|\")?</ETag>", body)
    return inside[1].decode() if inside else (head.get("ETag") or "").strip('"')
