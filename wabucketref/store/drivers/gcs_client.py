"""The connection to Google Cloud Storage: gcsfs for credentials and session, requests of our own on top.

gcsfs's own methods retry, cache and fold answers together, so only its session, its address and its way of signing a
request are used.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from wabucketref.store.drivers.gcs_errors import GcsRequest, answered, translate
from wabucketref.store.drivers.loop import PerProcess, run

CONNECT_SECONDS = 8
READ_SECONDS = 60
CONNECTIONS = 128


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body)) if self.body else {}


class GcsClient:
    """Sends requests; safe for many threads, and anew in a forked child."""

    def __init__(self, emulator: str | None, project: str | None = None) -> None:
        self.emulator = emulator
        """Its address; None for Google."""
        self._project = project
        self._fs = PerProcess(self._open)

    def send(
        self,
        request: GcsRequest,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        also: frozenset[int] = frozenset(),
        limit: int | None = None,
    ) -> Answer:
        """Send and wait. `path` begins with ``/`` or is a whole URL; statuses in `also` are no errors.

        With `limit`, a longer successful body is not read (and the answer's is empty).

        Raises:
            WaBucketError: the answer is an error, or none came.
        """
        try:
            answer = run(self._exchange(method, path, params or {}, headers or {}, body, limit))
        except Exception as error:
            raise translate(error, request) from error
        if 200 <= answer.status < 300 or answer.status in also:
            return answer
        raise answered(answer.status, answer.headers, answer.body, request)

    def close(self) -> None:
        self._fs.drop()

    async def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        limit: int | None,
    ) -> Answer:
        import asyncio

        import aiohttp

        fs = await asyncio.to_thread(self._fs.get)  # finding credentials may ask the network
        session = await fs._set_session()
        signed = dict(headers)
        await asyncio.to_thread(fs.credentials.apply, signed)
        url = path if path.startswith("http") else fs._location + path
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        data = io.BytesIO(body) if body else body  # sent in pieces, so that other requests go on meanwhile
        async with session.request(
            method, _encoded(url), params=params, headers=signed, data=data, timeout=timeout, allow_redirects=False
        ) as answer:
            too_long = limit is not None and answer.status < 300 and (answer.content_length or 0) > limit
            return Answer(answer.status, answer.headers, b"" if too_long else await answer.read())

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
