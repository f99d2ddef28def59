"""Where objects are in the service, how they are asked for, and what the service says of them."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote, unquote, urlsplit

from wabucketref.errors import UsageError
from wabucketref.plugin import BucketUrl, Buffer, Capabilities, ObjectInfo, Sink, check_characters, check_key
from wabucketref.plugin.http import Answer, Call, http_date
from wabucketref_azure.access import Access
from wabucketref_azure.failures import AzureRequest

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

VERSION: Final = "2021-12-02"
"""Of the service's protocol; what speaks an older one keeps names that are no XML from being listed."""
ABSENT: Final = {"if-none-match": "*"}
_VERSION: Final = {"x-ms-version": VERSION}


class AzureClient(Protocol):
    """A connection to a blob service. Safe for many threads, and anew in a forked child. Nothing is tried again, save
    that a request is sent a second time with a new token when the service says that the one it came with has expired.
    """

    def send(self, call: Call) -> Answer:
        """Send and wait.

        Raises:
            WaBucketError: the answer is an error, or none came.
        """

    def pour(self, call: Call, start: int, sink: Sink) -> int:
        """Hand the range for which `call` asks, from `start` on, to `sink`, as far as the object goes; the number of
        its bytes. Raises as :meth:`send`, and what `sink` raises."""

    def close(self) -> None:
        """Give connections back; idempotent."""


class AzurePlace:
    """A container, or a prefix of one, and the requests that are made of it."""

    def __init__(self, address: BucketUrl, access: Access, able: Capabilities) -> None:
        self.address = address
        self._able = able
        self._access = access
        root = urlsplit(access.endpoint)
        self._server = f"{root.scheme}://{root.netloc}"
        self._container = f"{root.path.rstrip('/')}/{quote(address.bucket)}"

    def what(self, key: str = "") -> str:
        return f"bucket {self.address}" + (f", object {key!r}" if key else "")

    def path(self, key: str) -> str:
        """The path of an object.

        Raises:
            UsageError: the service would store it under another name.
        """
        check_characters(key, self._able)
        if any(part.endswith(".") for part in key.split("/")):
            raise UsageError(f"{self.what(key)}: a part of the path ends with a dot", hint="rename the file")
        return f"{self._container}/{quote(self.address.key(check_key(key)), safe='/~')}"

    def source(self, key: str) -> str:
        """URL of an object that is to be copied."""
        return self._access.signed(f"{self._server}{self.path(key)}")

    def asked(
        self,
        method: str,
        key: str,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        creating: bool = False,
        also: frozenset[int] = frozenset(),
        limit: int = 1 << 20,
    ) -> Call:
        """A request without a body. `creating`: on the condition that nothing is there."""
        headers = headers or {}
        request = AzureRequest(
            self.what(key), method not in ("GET", "HEAD"), creating, copying="x-ms-source-if-match" in headers
        )
        sent = {**_VERSION, **headers, **(ABSENT if creating else {})}
        return Call(request, method, self.path(key), query, sent, b"", also, limit)

    def stored(
        self,
        key: str,
        data: Buffer,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        creating: bool = False,
    ) -> Call:
        """A request that brings `data`, which the service compares with its MD5."""
        request = AzureRequest(self.what(key), True, creating)
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        sent = {**_VERSION, "content-md5": digest, **(headers or {}), **(ABSENT if creating else {})}
        return Call(request, "PUT", self.path(key), query, sent, data)

    def page(self, prefix: str, marker: str | None, *, uncommitted: bool) -> Call:
        """The request for one page of a listing."""
        names = {"restype": "container", "comp": "list", "prefix": prefix, "marker": marker or ""}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in names.items() if value)
        query += "&include=uncommittedblobs" * uncommitted
        return Call(AzureRequest(self.what()), "GET", self._container, query, _VERSION)

    def listed(self, page: Answer) -> tuple[Iterable[ObjectInfo], str | None]:
        """The objects on a page, and the marker of the next."""
        root = document(page)
        found = [self._listed(blob) for blob in root.iterfind("Blobs/Blob")]
        return found, root.findtext("NextMarker") or None

    def _listed(self, blob: "Element") -> ObjectInfo:
        name = blob.find("Name")
        text = (name.text if name is not None else None) or ""
        if name is not None and name.get("Encoded") == "true":
            text = unquote(text)
        return ObjectInfo(
            self.address.relative(text),
            int(blob.findtext("Properties/Content-Length") or 0),
            bare(blob.findtext("Properties/Etag")),
            blob.findtext("VersionId") or None,
            http_date(blob.findtext("Properties/Last-Modified") or ""),
        )


def document(answer: Answer) -> "Element":
    """The document that an answer is.

    Raises:
        TransientError: it is none.
    """
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        if b"<!DOCTYPE" in answer.body:
            raise ValueError("a type of its own")
        return fromstring(answer.body)  # without a DOCTYPE it has no entities of its own
    except (ParseError, ValueError) as error:
        asked = answer.asked
        raise asked.failed(f"{asked.what}: what was answered is not the service's: {error}") from error


def info_of(key: str, answer: Answer, size: int | None = None) -> ObjectInfo:
    """The facts in the headers of an answer; `size`: that of what was written."""
    headers = answer.headers
    return ObjectInfo(
        key,
        int(headers.get("content-length") or 0) if size is None else size,
        bare(headers.get("etag")),
        headers.get("x-ms-version-id"),
        http_date(headers.get("last-modified", "")),
    )


def bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None


def matching(etag: str | None) -> dict[str, str]:
    """The condition that the object is the one of `etag`."""
    return {} if etag is None else {"if-match": f'"{etag}"'}
