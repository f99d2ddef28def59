"""S3 one request at a time: objects, listings, and copies of whole objects."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from wabucketref.contracts.storage import Buffer, ObjectInfo, Sink
from wabucketref.errors import IntegrityError, NotFound, TransientError, WaBucketError
from wabucketref.store.drivers.chunks import read_in_steps
from wabucketref.store.drivers.keys import check_key, check_prefix
from wabucketref.store.drivers.pages import PagedListing
from wabucketref.store.drivers.s3_checks import Checksums, etag_of, field, refuses_wrong, seconds_of
from wabucketref.store.drivers.s3_request import OUT_OF_RANGE, S3Calls, S3Request
from wabucketref.store.drivers.urls import BucketUrl

_SUMS: Final = "sums"
"""The trial whether the store checks CRC32C."""


class S3Objects:
    """Objects of one bucket, or of a prefix of it."""

    page_size = 1000
    """Objects a page of a listing."""

    def __init__(self, address: BucketUrl, client: S3Calls) -> None:
        self._address = address
        self._client = client
        self._bucket_seen = False
        self._checksums = Checksums()

    @property
    def url(self) -> str:
        return str(self._address)

    @property
    def identity(self) -> str:
        """URL and endpoint: what tells this bucket from one of the same name elsewhere."""
        return f"{self.url} at {self._client.endpoint or 'AWS'}"

    @property
    def trials(self) -> Mapping[str, Callable[[ObjectInfo], bool]]:
        """Implements probe.Curious. Over plain http to another machine CRC32C would not do: there it is MD5 that binds
        the bytes, by the signature."""
        return {_SUMS: self._refuses_wrong_sums} if self._client.binds_bodies else {}

    def learn(self, found: Mapping[str, bool]) -> None:
        """Implements probe.Curious."""
        self._checksums.checks_crc32c = found.get(_SUMS, False)

    def _refuses_wrong_sums(self, there: ObjectInfo) -> bool:
        names, request = self.names(there.key), self.request(there.key, writing=True)
        return refuses_wrong(lambda body: self._client.call(request, "put_object", {**names, **body}))

    def names(self, key: str) -> dict[str, str]:
        """The request's ``Bucket`` and ``Key``."""
        return {"Bucket": self._address.bucket, "Key": self._address.key(check_key(key))}

    def request(self, key: str, *, writing: bool = False, if_absent: bool = False, if_match: bool = False) -> S3Request:
        """What is asked, for messages."""
        return S3Request(f"bucket {self.url}, object {key!r}", writing, if_absent, if_match)

    def head(self, key: str) -> ObjectInfo | None:
        names, request = self.names(key), self.request(key)
        try:
            answer = self._client.call(request, "head_object", names)
        except NotFound:
            self._check_bucket()
            return None
        except WaBucketError as error:
            if not error.retryable:
                # The answer to a HEAD cannot say why: an expired token is a plain 400.
                self.read_range(key, 0, 1)
            raise
        field(request, answer, "ETag")
        return info_of(key, int(answer["ContentLength"]), answer)

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        def wanted(answer: Mapping[str, Any]) -> int | None:
            return None if int(answer.get("ContentLength") or 0) > limit else limit

        data, answer = self._client.get(self.request(key), self.names(key), wanted)
        return self.content_of(key, data, answer, limit)

    def content_of(
        self, key: str, data: bytes | None, answer: Mapping[str, Any], limit: int
    ) -> tuple[bytes, ObjectInfo]:
        """What :meth:`read` returns of an answer, or raises."""
        if data is None:
            size = answer.get("ContentLength", "more")
            raise IntegrityError(f"bucket {self.url}, object {key!r}: {size} bytes, at most {limit} expected")
        return data, info_of(key, len(data), answer)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        asked = {**self.names(key), "Range": f"bytes={start}-{start + length - 1}"}
        data, answer = self._client.get(
            self.request(key), asked, lambda answer: length if begins_at(answer, start) else None
        )
        if OUT_OF_RANGE in answer:
            return b""
        if data is None:
            raise self.other_range(key, asked["Range"], answer)
        return data

    def other_range(self, key: str, asked: str, answer: Mapping[str, Any]) -> TransientError:
        """For an answer that is not the range asked for; as it may be the whole object, it is not read."""
        sent = answer.get("ContentRange") or "the whole object"
        return TransientError(
            f"bucket {self.url}, object {key!r}: asked for {asked}, the store sent {sent!r}", hint="try again"
        )

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        return read_in_steps(partial(self.read_range, key), start, length, sink)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        request, arguments = self.asked_put(key, data, if_absent=if_absent, if_match=if_match)
        return self.stored(key, request, arguments, self._client.call(request, "put_object", arguments))

    def asked_put(
        self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None
    ) -> tuple[S3Request, dict[str, Any]]:
        """The request and the arguments of :meth:`put`."""
        arguments = {**self.names(key), "Body": data, **self._checksums.of(data), **condition(if_absent, if_match)}
        return self.request(key, writing=True, if_absent=if_absent, if_match=if_match is not None), arguments

    def stored(
        self, key: str, request: S3Request, arguments: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> ObjectInfo:
        """What :meth:`put` returns of an answer, or raises."""
        size = len(arguments["Body"])
        self._checksums.check(request, arguments, answer, lambda: self.read(key, limit=size)[0])
        return info_of(key, size, answer)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        root = self._address.key(check_prefix(prefix)) if prefix or self._address.prefix else ""

        def fetch(token: str | None) -> tuple[Iterable[ObjectInfo], str | None]:
            arguments: dict[str, Any] = {"Bucket": self._address.bucket, "Prefix": root, "MaxKeys": self.page_size}
            if token:
                arguments["ContinuationToken"] = token
            request = self.request(prefix)
            answer = self._client.call(request, "list_objects_v2", arguments)
            field(request, answer, "Name", "KeyCount", "IsTruncated")
            return self._listed(answer), answer.get("NextContinuationToken") if answer.get("IsTruncated") else None

        return PagedListing(fetch)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        arguments = {**self.names(key), **condition(False, if_match)}
        request = self.request(key, writing=True, if_match=if_match is not None)
        self._client.call(request, "delete_object", arguments)

    def copy_whole(
        self, source: str, key: str, size: int, *, if_absent: bool = False, etag: str | None = None
    ) -> ObjectInfo:
        """Copy an object of at most 5 GiB within the store, which is to have this `etag`."""
        request, arguments = self.asked_copy(source, key, if_absent=if_absent, etag=etag)
        return self.copied(key, size, request, self._client.call(request, "copy_object", arguments))

    def asked_copy(
        self, source: str, key: str, *, if_absent: bool = False, etag: str | None = None
    ) -> tuple[S3Request, dict[str, Any]]:
        """The request and the arguments of :meth:`copy_whole`."""
        arguments = {**self.names(key), **self._source(source, etag), **condition(if_absent, None)}
        what = key if if_absent else source
        return self.request(what, writing=True, if_absent=if_absent, if_match=bool(etag)), arguments

    def copied(self, key: str, size: int, request: S3Request, answer: Mapping[str, Any]) -> ObjectInfo:
        """What :meth:`copy_whole` returns of an answer, or raises."""
        return info_of(key, size, {**answer, **field(request, answer, "CopyObjectResult")})

    def _source(self, key: str, etag: str | None) -> dict[str, Any]:
        condition = {"CopySourceIfMatch": f'"{etag}"'} if etag else {}
        return {"CopySource": self.names(key), **condition}

    def _listed(self, answer: Mapping[str, Any]) -> Iterator[ObjectInfo]:
        for item in answer.get("Contents", ()):
            if item["Key"].endswith("/"):
                continue  # the mark some tools leave for a directory
            key = self._address.relative(item["Key"])
            yield ObjectInfo(key, int(item["Size"]), etag_of(item), modified=seconds_of(item.get("LastModified")))

    def _check_bucket(self) -> None:
        """A HEAD's 404 does not say whether the object or the whole bucket is missing: ask once."""
        if self._bucket_seen:
            return
        request = S3Request(f"bucket {self.url}")
        try:
            self._client.call(request, "list_objects_v2", {"Bucket": self._address.bucket, "MaxKeys": 1})
        except NotFound as error:
            raise NotFound(
                f"bucket {self.url} does not exist", hint="buckets are not created: make it, or check its name"
            ) from error
        self._bucket_seen = True


def condition(if_absent: bool, if_match: str | None) -> dict[str, str]:
    if if_absent:
        return {"IfNoneMatch": "*"}
    return {"IfMatch": f'"{if_match}"'} if if_match is not None else {}


def info_of(key: str, size: int, answer: Mapping[str, Any]) -> ObjectInfo:
    version = answer.get("VersionId")
    return ObjectInfo(
        key, size, etag_of(answer), None if version == "null" else version, seconds_of(answer.get("LastModified"))
    )


def begins_at(answer: Mapping[str, Any], start: int) -> bool:
    """Whether what comes is a range from `start` on."""
    return str(answer.get("ContentRange") or "bytes 0-").startswith(f"bytes {start}-")
