"""``gs://``: Google Cloud Storage by its JSON API.

An object's etag is the store's own (the W&B references of this scheme need it); its version is the generation.
Conditions of the store are on generations, so a write "if the etag is still E" first asks which generation has E and
then writes on the condition of that generation: atomic, at the price of one small request.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Buffer, Capabilities, ObjectInfo, Part, Sink, UnfinishedWrite
from wabucketref.errors import (
    AlreadyExists,
    IntegrityError,
    NotFound,
    PreconditionFailed,
    TransientError,
    Unsupported,
    UsageError,
)
from wabucketref.store.drivers.chunks import blocks, read_in_steps
from wabucketref.store.drivers.gcs_client import Answer, Call, GcsClient, component, emulator_from
from wabucketref.store.drivers.gcs_errors import GcsRequest
from wabucketref.store.drivers.gcs_parts import OVER, UNIT, GcsMultipart
from wabucketref.store.drivers.gcs_stream import BLOCK_BYTES, CANCELLED, GOES_ON, empty_object, upload_blocks
from wabucketref.store.drivers.http_session import tell_plain_http
from wabucketref.store.drivers.keys import changed, check_key, check_prefix
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
_FIELDS = "name,size,etag,generation,updated"
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
        self._address = address
        self._client = client
        self._bucket_seen = False

    @property
    def url(self) -> str:
        return str(self._address)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def identity(self) -> str:
        """URL and endpoint: what tells this bucket from one of the same name elsewhere."""
        return f"{self.url} at {self._client.emulator or 'Google'}"

    def head(self, key: str) -> ObjectInfo | None:
        try:
            answer = self._client.send(self._request(key), "GET", self._path(key), params={"fields": _FIELDS})
        except NotFound:
            self._check_bucket()
            return None
        return self._info(key, answer.resource())

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        answer = self._client.send(
            self._request(key), "GET", "/download" + self._path(key), params={"alt": "media"}, limit=limit
        )
        info = self._info_of_download(key, answer)
        if info.size > limit:
            raise IntegrityError(f"{self._what(key)}: {info.size} bytes, at most {limit} expected")
        return answer.body, info

    def read_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        call = self.ranged(key, start, length)
        answer = self._client.send_call(call)
        if answer.status == 416:
            return b""
        if self.is_range(answer.status, answer.headers, start):
            return answer.body
        raise self.other_range(key)

    def ranged(self, key: str, start: int, length: int) -> Call:
        """The request for a range."""
        return Call(
            self._request(key),
            "GET",
            "/download" + self._path(key),
            {"alt": "media"},
            {"Range": f"bytes={start}-{start + length - 1}"},
            None,
            frozenset({416}),
            length,
        )

    def is_range(self, status: int, headers: Mapping[str, str], start: int) -> bool:
        """Whether what comes is a range from `start` on."""
        if status == 206:
            return str(headers.get("Content-Range", "")).startswith(f"bytes {start}-")
        return status == 200 and start == 0

    def other_range(self, key: str) -> TransientError:
        """For an answer that is not the range asked for."""
        return TransientError(f"{self._what(key)}: the store did not send the range asked for", hint="try again")

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        return read_in_steps(partial(self.read_range, key), start, length, sink)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        request = self._upload_request(key, if_absent=if_absent, if_match=if_match is not None)
        condition = self._condition(key, if_absent, if_match)
        if data:
            params = {"uploadType": "media", "name": self._full(key), **condition}
            answer = self._client.send(request, "POST", self._upload_path(), params=params, headers=_BINARY, body=data)
        else:
            params = {"uploadType": "multipart", **condition}
            headers, body = empty_object(self._full(key))
            answer = self._client.send(request, "POST", self._upload_path(), params=params, headers=headers, body=body)
        answer.check(hashlib.md5(data, usedforsecurity=False).digest())
        return self._info(key, answer.resource())

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        if size <= BLOCK_BYTES:
            data = b"".join(blocks(chunks, BLOCK_BYTES, size, self._what(key)))
            return self.put(key, data, if_absent=if_absent)
        request = self._upload_request(key, if_absent=if_absent)
        answer = upload_blocks(self._client, request, lambda: self._session(key, if_absent, size), chunks, size)
        return self._info(key, answer.resource())

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> GcsMultipart:
        if part_bytes % UNIT:
            raise UsageError(f"{self._what(key)}: parts of {part_bytes} bytes, not of whole 256 KiB")
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
        self._client.send(self._request(key), "DELETE", self._upload_path(), params=params, also=CANCELLED)

    def _multipart(self, key: str, upload_id: str, part_bytes: int, if_absent: bool) -> GcsMultipart:
        params = {"uploadType": "resumable", "upload_id": upload_id}
        request = GcsRequest(self._what(key), True, if_absent)

        def send(content_range: str, data: bytes) -> Answer:
            headers = {"Content-Range": content_range}
            return self._client.send(
                request, "PUT", self._upload_path(), params=params, headers=headers, body=data, also=GOES_ON | OVER
            )

        def info(answer: Answer) -> ObjectInfo:
            return self._info(key, answer.resource())

        return GcsMultipart(
            self._what(key), upload_id, part_bytes, send, info, partial(self.abort_multipart, key, upload_id)
        )

    def _session(self, key: str, if_absent: bool, size: int | None = None) -> str:
        """Begin a resumable upload; the URL of its session."""
        params = {"uploadType": "resumable", "name": self._full(key), **self._condition(key, if_absent, None)}
        headers = {"X-Upload-Content-Type": _BINARY["Content-Type"]}
        if size is not None:
            headers["X-Upload-Content-Length"] = str(size)
        request = self._upload_request(key, if_absent=if_absent)
        answer = self._client.send(request, "POST", self._upload_path(), params=params, headers=headers)
        if "upload_id" not in parse_qs(urlsplit(answer.headers.get("Location", "")).query):
            raise request.failed(f"{request.what}: the answer names no session, so it is not a store's")
        return answer.headers["Location"]

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        root = self._address.key(check_prefix(prefix)) if prefix or self._address.prefix else ""
        request = GcsRequest(self._what(prefix), of_bucket=True)

        def fetch(token: str | None) -> tuple[Iterable[ObjectInfo], str | None]:
            params = {"prefix": root, "fields": f"nextPageToken,items({_FIELDS})", "maxResults": "1000"}
            if token:
                params["pageToken"] = token
            answer = self._client.send(request, "GET", f"{self._bucket_path()}/o", params=params).json()
            return self._listed(answer), answer.get("nextPageToken")

        return PagedListing(fetch)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        request = self._request(key, writing=True, if_match=if_match is not None)
        condition = self._condition(key, False, if_match)
        self._client.send(request, "DELETE", self._path(key), params=condition, also=_gone(if_match))

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        path = f"{self._path(source)}/rewriteTo/b/{component(self._address.bucket)}/o/{component(self._full(key))}"
        conditions = {"ifGenerationMatch": "0"} if if_absent else {}
        if seen is not None and seen.version is not None:
            conditions["ifSourceGenerationMatch"] = seen.version
        request, params = GcsRequest(self._what(source), True, if_absent=bool(conditions)), conditions
        while True:
            try:
                answer = self._client.send(request, "POST", path, params=params)
            except AlreadyExists as error:
                if if_absent and self.head(key) is not None:
                    raise
                raise changed(self._what(source)) from error
            if "rewriteToken" not in answer.json():
                return self._info(key, answer.resource())
            params = {**conditions, "rewriteToken": answer.json()["rewriteToken"]}

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
                f"{self._what(key)}: changed or removed by another writer", hint="look at it again"
            )
        return {"ifGenerationMatch": found.version}

    def _listed(self, answer: Mapping[str, Any]) -> Iterator[ObjectInfo]:
        for item in answer.get("items", ()):
            if not item["name"].endswith("/"):  # the mark some tools leave for a directory
                yield self._info(self._address.relative(item["name"]), item)

    def _info(self, key: str, item: Mapping[str, Any]) -> ObjectInfo:
        updated = item.get("updated")
        modified = datetime.fromisoformat(updated).timestamp() if updated else None
        return ObjectInfo(key, int(item["size"]), _bare(item.get("etag")), item.get("generation"), modified)

    def _info_of_download(self, key: str, answer: Answer) -> ObjectInfo:
        """The facts that came with the bytes; emulators send none, and are asked again."""
        generation = answer.headers.get("x-goog-generation")
        etag = _bare(answer.headers.get("ETag"))
        if generation and etag and not _MD5.fullmatch(etag):
            size = int(answer.headers.get("Content-Length") or len(answer.body))
            return ObjectInfo(key, size, etag, generation)
        info = self.head(key)
        if info is None:
            raise NotFound(f"{self._what(key)}: removed while it was read", hint="try again")
        return info

    def _check_bucket(self) -> None:
        """A 404 may mean the whole bucket: ask once."""
        if not self._bucket_seen:
            request = GcsRequest(f"bucket {self.url}", of_bucket=True)
            self._client.send(request, "GET", f"{self._bucket_path()}/o", params={"maxResults": "1"})
            self._bucket_seen = True

    def _request(self, key: str, *, writing: bool = False, if_match: bool = False) -> GcsRequest:
        return GcsRequest(self._what(key), writing, if_match=if_match)

    def _upload_request(self, key: str, *, if_absent: bool = False, if_match: bool = False) -> GcsRequest:
        return GcsRequest(self._what(key), True, if_absent, if_match, of_bucket=True)

    def _bucket_path(self) -> str:
        return f"/storage/v1/b/{component(self._address.bucket)}"

    def _upload_path(self) -> str:
        return f"/upload{self._bucket_path()}/o"

    def _path(self, key: str) -> str:
        return f"{self._bucket_path()}/o/{component(self._full(key))}"

    def _full(self, key: str) -> str:
        return self._address.key(check_key(key))

    def _what(self, key: str) -> str:
        return f"bucket {self.url}, object {key!r}"


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


def _bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


FACTORY = GcsFactory()
