"""``gs://``: Google Cloud Storage by its JSON API.

An object's etag is the store's own (the W&B references of this scheme need it); its version is the generation.
Conditions of the store are on generations, so a write "if the etag is still E" first asks which generation has E and
then writes on the condition of that generation: atomic, at the price of one small request.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from urllib.parse import parse_qs, urlsplit

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Buffer, Capabilities, ObjectInfo, Part, Sink, UnfinishedWrite
from wabucketref.errors import (
    IntegrityError,
    NotFound,
    PreconditionFailed,
    TransientError,
    Unsupported,
    UsageError,
)
from wabucketref.store.drivers.chunks import blocks, read_in_steps
from wabucketref.store.drivers.gcs_client import MOST, Answer, Call, Checksum, GcsClient, emulator_from
from wabucketref.store.drivers.gcs_copy import GcsCopies
from wabucketref.store.drivers.gcs_errors import GcsRequest
from wabucketref.store.drivers.gcs_parts import OVER, UNIT, GcsMultipart
from wabucketref.store.drivers.gcs_place import FIELDS, GcsPlace, bare
from wabucketref.store.drivers.gcs_stream import BLOCK_BYTES, CANCELLED, GOES_ON, empty_object, upload_blocks
from wabucketref.store.drivers.http_session import tell_plain_http
from wabucketref.store.drivers.keys import check_prefix
from wabucketref.store.drivers.pace import stall_seconds
from wabucketref.store.drivers.pages import PagedListing
from wabucketref.store.drivers.urls import BucketUrl, parse_bucket_url

CAPABILITIES = Capabilities(
    create_if_absent=True,
    replace_if_match=True,
    server_side_copy=True,
    multipart=True,
    parts_in_order=True,
    resumable=True,
    min_part_bytes=UNIT,
)
_MD5 = re.compile(r"[0-9a-f]{32}")
"""The etag of the other (XML) API; an object of this one never shows it as its own."""
_BINARY = {"Content-Type": "application/octet-stream"}


class GcsStorage:
    """One bucket, or a prefix of it.

    Its capabilities are those of the protocol. Emulators exist that ignore conditions, so wiring puts ``probe.settle``
    around it.
    """

    plane = "fsspec"

    def __init__(self, address: BucketUrl, client: GcsClient) -> None:
        self._place = GcsPlace(address)
        self._client = client
        self._bucket_seen = False
        self._copies = GcsCopies(self._place, client, self.head)

    @property
    def url(self) -> str:
        return str(self._place.address)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def identity(self) -> str:
        """URL and endpoint: what tells this bucket from one of the same name elsewhere."""
        return f"{self.url} at {self._client.emulator or 'Google'}"

    def head(self, key: str) -> ObjectInfo | None:
        try:
            answer = self._client.send(
                self._place.request(key), "GET", self._place.path(key), params={"fields": FIELDS}
            )
        except NotFound:
            self._check_bucket()
            return None
        return self._place.info(key, answer.resource())

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        return self.content_of(key, limit, self._client.send_call(self.asked_read(key, limit)))

    def asked_read(self, key: str, limit: int) -> Call:
        """The request of :meth:`read`."""
        path = "/download" + self._place.path(key)
        return Call(self._place.request(key), "GET", path, {"alt": "media"}, {}, None, frozenset(), limit)

    def content_of(self, key: str, limit: int, answer: Answer) -> tuple[bytes, ObjectInfo]:
        """What :meth:`read` returns of an answer, or raises."""
        info = self._info_of_download(key, answer)
        if info.size > limit:
            raise IntegrityError(f"{self._place.what(key)}: {info.size} bytes, at most {limit} expected")
        return answer.body, info

    def read_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        answer = self._client.send_call(self.ranged(key, start, length))
        if answer.status == 416:
            return b""
        if not self.is_range(answer.status, answer.headers, start):
            raise self.other_range(key)
        return answer.body

    def ranged(self, key: str, start: int, length: int) -> Call:
        """The request for a range."""
        path, wanted = "/download" + self._place.path(key), {"Range": f"bytes={start}-{start + length - 1}"}
        return Call(self._place.request(key), "GET", path, {"alt": "media"}, wanted, None, frozenset({416}), length)

    def is_range(self, status: int, headers: Mapping[str, str], start: int) -> bool:
        """Whether what comes is a range from `start` on."""
        if status == 206:
            return str(headers.get("Content-Range", "")).startswith(f"bytes {start}-")
        return status == 200 and start == 0

    def other_range(self, key: str) -> TransientError:
        """For an answer that is not the range asked for."""
        return TransientError(f"{self._place.what(key)}: the store did not send the range asked for", hint="try again")

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        return read_in_steps(partial(self.read_range, key), start, length, sink)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        call = self.asked_put(key, data, if_absent=if_absent, if_match=if_match)
        return self.stored(key, data, self._client.send_call(call))

    def asked_put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Call:
        """The request of :meth:`put`."""
        request = self._place.upload_request(key, if_absent=if_absent, if_match=if_match is not None)
        params, headers, body = self._condition(key, if_absent, if_match), _BINARY, data
        if data:
            params |= {"uploadType": "media", "name": self._place.full(key)}
        else:
            params |= {"uploadType": "multipart"}
            headers, body = empty_object(self._place.full(key))
        return Call(request, "POST", self._place.uploads, params, headers, body, frozenset(), MOST)

    def stored(self, key: str, data: Buffer, answer: Answer) -> ObjectInfo:
        """What :meth:`put` returns of an answer, or raises."""
        answer.check(Checksum(data))
        return self._place.info(key, answer.resource())

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        if size <= BLOCK_BYTES:
            data = b"".join(blocks(chunks, BLOCK_BYTES, size, self._place.what(key)))
            return self.put(key, data, if_absent=if_absent)
        request = self._place.upload_request(key, if_absent=if_absent)
        answer = upload_blocks(self._client, request, lambda: self._session(key, if_absent, size), chunks, size)
        return self._place.info(key, answer.resource())

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> GcsMultipart:
        if part_bytes % UNIT:
            raise UsageError(f"{self._place.what(key)}: parts of {part_bytes} bytes, not of whole 256 KiB")
        (upload_id,) = parse_qs(urlsplit(self._session(key, if_absent)).query)["upload_id"]
        return self._multipart(key, upload_id, part_bytes, if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> GcsMultipart:
        upload = self._multipart(key, upload_id, part_bytes, if_absent)
        upload.take_up(parts)
        return upload

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        raise self._unlisted()

    def discard(self, write: UnfinishedWrite) -> None:
        raise self._unlisted()

    def _unlisted(self) -> Unsupported:
        """Sessions cannot be listed; the store ends them after a week."""
        return Unsupported(
            f"bucket {self.url}: uploads that are not over cannot be listed", hint="they end by themselves"
        )

    def abort_multipart(self, key: str, upload_id: str) -> None:
        params = {"uploadType": "resumable", "upload_id": upload_id}
        self._client.send(self._place.request(key), "DELETE", self._place.uploads, params=params, also=CANCELLED)

    def _multipart(self, key: str, upload_id: str, part_bytes: int, if_absent: bool) -> GcsMultipart:
        params = {"uploadType": "resumable", "upload_id": upload_id}
        request = GcsRequest(self._place.what(key), True, if_absent)

        def send(content_range: str, data: bytes) -> Answer:
            headers = {"Content-Range": content_range}
            return self._client.send(
                request, "PUT", self._place.uploads, params=params, headers=headers, body=data, also=GOES_ON | OVER
            )

        def info(answer: Answer) -> ObjectInfo:
            return self._place.info(key, answer.resource())

        return GcsMultipart(
            self._place.what(key), upload_id, part_bytes, send, info, partial(self.abort_multipart, key, upload_id)
        )

    def _session(self, key: str, if_absent: bool, size: int | None = None) -> str:
        """Begin a resumable upload; the URL of its session."""
        params = {"uploadType": "resumable", "name": self._place.full(key), **self._condition(key, if_absent, None)}
        headers = {"X-Upload-Content-Type": _BINARY["Content-Type"]}
        if size is not None:
            headers["X-Upload-Content-Length"] = str(size)
        request = self._place.upload_request(key, if_absent=if_absent)
        answer = self._client.send(request, "POST", self._place.uploads, params=params, headers=headers)
        if "upload_id" not in parse_qs(urlsplit(answer.headers.get("Location", "")).query):
            raise request.failed(f"{request.what}: the answer names no session, so it is not a store's")
        return answer.headers["Location"]

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        root = self._place.address.key(check_prefix(prefix)) if prefix or self._place.address.prefix else ""
        request = GcsRequest(self._place.what(prefix), of_bucket=True)

        def fetch(token: str | None) -> tuple[Iterable[ObjectInfo], str | None]:
            params = {"prefix": root, "fields": f"nextPageToken,items({FIELDS})", "maxResults": "1000"}
            if token:
                params["pageToken"] = token
            answer = self._client.send(request, "GET", f"{self._place.bucket}/o", params=params).json()
            return self._place.listed(answer), answer.get("nextPageToken")

        return PagedListing(fetch)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        request = self._place.request(key, writing=True, if_match=if_match is not None)
        condition = self._condition(key, False, if_match)
        self._client.send(request, "DELETE", self._place.path(key), params=condition, also=_gone(if_match))

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        return self._copies.copy(source, key, if_absent=if_absent, seen=seen)

    def flush(self) -> None:
        """Every write is durable once answered."""

    def close(self) -> None:
        self._client.close()

    def _condition(self, key: str, if_absent: bool, if_match: str | None) -> dict[str, str]:
        if if_absent:
            return {"ifGenerationMatch": "0"}
        if if_match is None:
            return {}
        found = self.head(key)
        if found is None or found.etag != if_match or found.version is None:
            raise PreconditionFailed(
                f"{self._place.what(key)}: changed or removed by another writer", hint="look at it again"
            )
        return {"ifGenerationMatch": found.version}

    def _info_of_download(self, key: str, answer: Answer) -> ObjectInfo:
        """The facts that came with the bytes; emulators send none, and are asked again."""
        generation = answer.headers.get("x-goog-generation")
        etag = bare(answer.headers.get("ETag"))
        if generation and etag and not _MD5.fullmatch(etag):
            size = int(answer.headers.get("Content-Length") or len(answer.body))
            return ObjectInfo(key, size, etag, generation)
        info = self.head(key)
        if info is None:
            raise NotFound(f"{self._place.what(key)}: removed while it was read", hint="try again")
        return info

    def _check_bucket(self) -> None:
        """A 404 may mean the whole bucket: ask once."""
        if not self._bucket_seen:
            request = GcsRequest(f"bucket {self.url}", of_bucket=True)
            self._client.send(request, "GET", f"{self._place.bucket}/o", params={"maxResults": "1"})
            self._bucket_seen = True


class GcsFactory:
    """Opens ``gs://BUCKET[/PREFIX]`` with Google's default credentials, or anonymously ``STORAGE_EMULATOR_HOST``."""

    api_version = API_VERSION
    capabilities = CAPABILITIES

    def open(self, url: str, environ: Mapping[str, str]) -> GcsStorage:
        address = parse_bucket_url(url, "gs", "gcs")
        project = environ.get("GOOGLE_CLOUD_PROJECT") or None
        client = GcsClient(emulator_from(environ), project, stall_seconds(environ))
        tell_plain_http(url, client.emulator)
        return GcsStorage(BucketUrl("gs", address.bucket, address.prefix), client)


def _gone(if_match: str | None) -> frozenset[int]:
    return frozenset({404}) if if_match is None else frozenset()


FACTORY = GcsFactory()
