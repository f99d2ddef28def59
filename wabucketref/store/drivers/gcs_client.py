"""The connection to Google Cloud Storage: gcsfs for credentials and session, requests of our own on top.

gcsfs's own methods retry, cache and fold answers together, so only its session, its address and its way of signing a
request are used.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from wabucketref.contracts.storage import Buffer
from wabucketref.errors import NotAuthorised, WrittenWrong
from wabucketref.store.drivers.gcs_errors import GcsRequest, answered, translate
from wabucketref.store.drivers.http_session import send_once
from wabucketref.store.drivers.loop import PerProcess, run
from wabucketref.store.drivers.pace import STALL_SECONDS, Pieces, keep_pace, read_body
from wabucketref.store.format import crc32c

CONNECT_SECONDS = 4.0
MOST = 1 << 40
_SMALL = 4 << 10


class Checksum:
    """Of what is sent, in order: CRC32C, which Google's store tells of each object; where that cannot be computed fast,
    or is not worth loading a library for, MD5, which it tells of all that was not put together of others."""

    def __init__(self, data: Buffer | None = None) -> None:
        """Of `data`; None: of what is to come, which may be much."""
        small = data is not None and len(data) <= _SMALL
        self._crc32c = 0
        self._md5: Any = hashlib.md5(usedforsecurity=False) if small or not crc32c.available() else None
        if data is not None:
            self.update(data)

    def update(self, data: Buffer) -> None:
        if self._md5 is not None:
            self._md5.update(data)
        else:
            self._crc32c = crc32c.crc32c(data, self._crc32c)

    @property
    def field(self) -> str:
        """The name under which an answer has it."""
        return "crc32c" if self._md5 is None else "md5Hash"

    def value(self) -> str:
        """As an answer has it."""
        return base64.b64encode(self._md5.digest()).decode() if self._md5 is not None else crc32c.encoded(self._crc32c)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    request: GcsRequest
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Raises TransientError (OutcomeUnknown of a write): it is not what the store answers."""
        try:
            return dict(json.loads(self.body)) if self.body else {}
        except ValueError as error:
            raise self.request.failed(f"{self.request.what}: the answer is not JSON, so it is not a store's") from error

    def resource(self) -> dict[str, Any]:
        """The facts of an object, here or one floor down. Raises as :meth:`json`."""
        found = self.json()
        found = found.get("resource", found)
        if "size" not in found:
            raise self.request.failed(f"{self.request.what}: the answer says nothing of an object")
        return dict(found)

    def check(self, sent: "Checksum") -> None:
        """Compare what was sent with what the store has by now.

        Raises:
            WrittenWrong: it has other bytes.
        """
        found, value = self.resource(), sent.value()
        if found.get(sent.field, value) != value:
            wrong = WrittenWrong(f"{self.request.what}: the store has other bytes than were sent", hint="try again")
            wrong.etag = str(found.get("etag", "")).strip('"') or None
            raise wrong


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of :meth:`GcsClient.send`."""

    request: GcsRequest
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: Buffer | None
    also: frozenset[int]
    limit: int


class GcsClient:
    """Sends requests; safe for many threads, and anew in a forked child.

    `stall`: seconds without progress after which a request has failed.
    """

    def __init__(self, emulator: str | None, project: str | None = None, stall: float = STALL_SECONDS) -> None:
        self.emulator = emulator
        """Its address; None for Google."""
        self._project = project
        self._stall = stall
        self._fs = PerProcess(self._open)

    def send(
        self,
        request: GcsRequest,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Buffer | None = None,
        also: frozenset[int] = frozenset(),
        limit: int = MOST,
    ) -> Answer:
        """Send and wait. `path` begins with ``/`` or is a whole URL; statuses in `also` are no errors.

        A successful body above `limit` is not read (and the answer's is empty). It may be sent twice: when the store
        says that the credentials have expired, new ones are asked for.

        Raises:
            WaBucketError: the answer is an error, or none came.
        """
        call = Call(request, method, path, params or {}, headers or {}, body, also, limit)
        return self.send_call(call)

    def send_call(self, call: Call) -> Answer:
        """As :meth:`send`."""
        return self._renewing(call, self._send)

    def _renewing(self, call: Call, send: Callable[[Any, Call], Answer]) -> Answer:
        fs = self._ready(call.request)
        try:
            return send(fs, call)
        except NotAuthorised as error:
            if not error.expired or self.emulator is not None:
                raise
        self._fs.renew(fs)
        return send(self._ready(call.request), call)

    def close(self) -> None:
        self._fs.drop()

    def _ready(self, request: GcsRequest) -> Any:
        try:
            return self._fs.get()  # finding credentials may ask the network
        except Exception as error:
            raise translate(error, request) from error

    def _send(self, fs: Any, call: Call) -> Answer:
        endpoint = self.emulator or str(getattr(fs, "_location", "https://storage.googleapis.com"))
        try:
            answer = run(keep_pace(lambda: self._exchange(fs, call), self._stall))
        except Exception as error:
            raise translate(error, call.request, endpoint) from error
        if 200 <= answer.status < 300 or answer.status in call.also:
            return answer
        raise answered(answer.status, answer.headers, answer.body, call.request, endpoint)

    async def _exchange(self, fs: Any, call: Call) -> Answer:
        import asyncio

        import aiohttp

        session = send_once(await fs._set_session())
        signed = dict(call.headers)
        await asyncio.to_thread(fs.credentials.apply, signed)
        url = call.path if call.path.startswith("http") else fs._location + call.path
        connect = min(CONNECT_SECONDS, self._stall)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=self._stall)
        if call.body:
            signed["Content-Length"] = str(len(call.body))
        async with session.request(
            call.method,
            _encoded(url),
            params=call.params,
            headers=signed,
            data=Pieces(bytes(call.body)) if call.body else call.body,
            timeout=timeout,
            allow_redirects=False,
        ) as answer:
            limit = call.limit if answer.status < 300 else MOST
            too_long = (answer.content_length or 0) > limit
            found = None if too_long else await read_body(answer.content.read, limit)
            return Answer(call.request, answer.status, answer.headers, found or b"")

    def _open(self) -> Any:
        from gcsfs.core import GCSFileSystem

        options: dict[str, Any] = {"token": "anon", "endpoint_url": self.emulator} if self.emulator else {}
        if self._project:
            options["project"] = self._project
        options |= {"skip_instance_cache": True, "use_listings_cache": False, "session_kwargs": {"trust_env": True}}
        return GCSFileSystem(**options)


def emulator_from(environ: Mapping[str, str]) -> str | None:
    """The address of an emulator, when one is set."""
    host = environ.get("STORAGE_EMULATOR_HOST", "").rstrip("/")
    if host in ("", "default"):
        return None
    return host if host.startswith(("http://", "https://")) else f"http://{host}"


def component(text: str) -> str:
    """`text` as one component of a path."""
    return quote(text, safe="")


def _encoded(url: str) -> Any:
    """The URL as it is: names are encoded already, and must not be twice."""
    from yarl import URL

    return URL(url, encoded=True)
