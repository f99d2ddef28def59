"""Multipart uploads on S3: their requests, and one of them under way."""

import logging
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from wabucketref.contracts.storage import Buffer, ObjectInfo, Part, UnfinishedWrite
from wabucketref.errors import (
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    SettingsError,
    Unsupported,
    UsageError,
    WaBucketError,
)
from wabucketref.store.drivers.keys import check_prefix
from wabucketref.store.drivers.pages import PagedListing
from wabucketref.store.drivers.parts import in_a_row
from wabucketref.store.drivers.s3_checks import CRC32C, field, seconds_of
from wabucketref.store.drivers.s3_objects import S3Objects, condition, info_of
from wabucketref.store.format import crc32c
from wabucketref.store.format.etags import multipart_etag

_ALGORITHM = "ChecksumAlgorithm"
_log = logging.getLogger(__name__)


class Open(NamedTuple):
    """An upload that is not over."""

    upload_id: str
    summed: bool = False
    """It was begun with CRC32C, which is then wanted of each part, and of each once more at the end."""
    sums: Mapping[int, str] = {}
    """Of the parts that are stored."""
    resumed: bool = False


class S3Uploads(S3Objects):
    """And multipart uploads."""

    def list_uploads(self, prefix: str) -> Iterator[UnfinishedWrite]:
        """Multipart uploads that are not over. Their size would take a request each, and is left out."""
        root = self._address.key(check_prefix(prefix)) if prefix or self._address.prefix else ""

        def fetch(token: tuple[str, str] | None) -> tuple[Iterable[UnfinishedWrite], tuple[str, str] | None]:
            arguments: dict[str, Any] = {"Bucket": self._address.bucket, "Prefix": root, "MaxUploads": self.page_size}
            if token is not None:
                arguments |= {"KeyMarker": token[0], "UploadIdMarker": token[1]}
            request = self.request(prefix)
            try:
                answer = self._client.call(request, "list_multipart_uploads", arguments)
            except NotFound:  # so servers say, too, that there is none
                self._check_bucket()
                return (), None
            field(request, answer, "Bucket", "IsTruncated", "Uploads")
            following = (str(answer.get("NextKeyMarker") or ""), str(answer.get("NextUploadIdMarker") or ""))
            return self._unfinished(answer, root), following if answer.get("IsTruncated") else None

        return PagedListing(fetch)

    def _unfinished(self, answer: Mapping[str, Any], root: str) -> Iterator[UnfinishedWrite]:
        for item in answer.get("Uploads", ()):
            if item["Key"].startswith(root):
                begun = seconds_of(item.get("Initiated"))
                yield UnfinishedWrite(self._address.relative(item["Key"]), str(item["UploadId"]), begun)

    def begin_upload(self, key: str) -> Open:
        """Begin a multipart upload whose parts are sent: with CRC32C, where the store checks it."""
        checksums = self._checksums
        if not (checksums.sends_crc32c and checksums.sums_uploads):
            return Open(self.start_upload(key))
        names, request = self.names(key), self.request(key, writing=True)
        try:
            answer = self._client.call(request, "create_multipart_upload", {**names, _ALGORITHM: "CRC32C"})
        except SettingsError:
            raise
        except (Unsupported, UsageError) as refused:
            _log.info("%s: no upload in parts with CRC32C: %s", request.what, refused)
        else:
            upload_id = str(field(request, answer, "UploadId"))
            if answer.get(_ALGORITHM) == "CRC32C":
                return Open(upload_id, summed=True)
            self.drop_upload(key, upload_id)  # nobody knows what it would want of its parts
        self.sum_no_uploads()
        return Open(self.start_upload(key))

    def sum_no_uploads(self) -> None:
        """Begin uploads without CRC32C from now on."""
        self._checksums.sums_uploads = False

    def start_upload(self, key: str) -> str:
        """Begin a multipart upload, without any checksum of its own; its id."""
        names, request = self.names(key), self.request(key, writing=True)
        answer = self._client.call(request, "create_multipart_upload", names)
        return str(field(request, answer, "UploadId"))

    def look_at_upload(self, key: str, upload_id: str) -> Open:
        """Ask whether an upload is still open, so that one that is not is known before anything is sent.

        What cannot be asked (no permission to list parts, no such request) counts as open, and as begun without
        CRC32C: its parts will tell.

        Raises:
            NotFound: it is over, or it wants checksums that cannot be computed here.
        """
        asked = {**self.names(key), "UploadId": upload_id}
        sums: dict[int, str] = {}
        marker: dict[str, Any] = {}
        while True:
            try:
                answer = self._client.call(self.request(key), "list_parts", {**asked, **marker})
            except (NotAuthorised, UsageError):
                return Open(upload_id, resumed=True)
            if answer.get(_ALGORITHM) != "CRC32C":
                return Open(upload_id, resumed=True)
            if not crc32c.available():
                raise NotFound(f"{self.request(key).what}: its upload goes on with CRC32C only", hint="start it over")
            parts = answer.get("Parts", ())
            sums |= {int(part["PartNumber"]): part[CRC32C] for part in parts if part.get(CRC32C)}
            if not answer.get("IsTruncated") or not parts:
                return Open(upload_id, True, sums, resumed=True)
            marker = {"PartNumberMarker": int(parts[-1]["PartNumber"])}

    def send_part(
        self, key: str, upload_id: str, number: int, data: Buffer, *, summed: bool = False
    ) -> tuple[str, str | None]:
        """Store one part of a multipart upload; its etag, and its CRC32C if the upload is `summed`."""
        arguments: dict[str, Any] = {**self.names(key), "UploadId": upload_id, "PartNumber": number, "Body": data}
        arguments |= self._checksums.of(data, part=summed)
        request = self.request(key, writing=True)
        answer = self._client.call(request, "upload_part", arguments)
        return self._checksums.check(request, arguments, answer, None), arguments.get(CRC32C)

    def finish_upload(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[tuple[int, str]],
        size: int,
        *,
        if_absent: bool,
        sums: Mapping[int, str] | None = None,
    ) -> ObjectInfo:
        """Make the object of (number, etag) parts; `sums`: their CRC32C, if the upload was begun with it."""
        listed = [{"PartNumber": number, "ETag": f'"{etag}"'} for number, etag in parts]
        if sums is not None:
            listed = [{**part, CRC32C: sums[number]} for part, (number, _) in zip(listed, parts, strict=True)]
        arguments = {
            **self.names(key),
            "UploadId": upload_id,
            "MultipartUpload": {"Parts": listed},
            **condition(if_absent, None),
        }
        request = self.request(key, writing=True, if_absent=if_absent)
        answer = self._client.call(request, "complete_multipart_upload", arguments)
        field(request, answer, "ETag")
        return info_of(key, size, answer)

    def drop_upload(self, key: str, upload_id: str) -> None:
        """Give the parts of an upload back; harmless when it is gone."""
        arguments = {**self.names(key), "UploadId": upload_id}
        try:
            self._client.call(self.request(key), "abort_multipart_upload", arguments)
        except NotFound:
            return

    def copy_part(
        self, source: str, key: str, upload_id: str, number: int, start: int, length: int, etag: str | None = None
    ) -> str:
        """Make a part of a multipart upload out of a range of another object; its etag."""
        arguments = {**self.names(key), **self._source(source, etag), "UploadId": upload_id, "PartNumber": number}
        arguments["CopySourceRange"] = f"bytes={start}-{start + length - 1}"
        request = self.request(source, writing=True, if_match=bool(etag))
        answer = self._client.call(request, "upload_part_copy", arguments)
        return str(field(request, field(request, answer, "CopyPartResult"), "ETag").strip('"'))


class S3Multipart:
    """One upload. Parts may come from several threads and in any order."""

    def __init__(
        self, storage: S3Uploads, key: str, upload: Open, parts: Iterable[Part] = (), *, if_absent: bool
    ) -> None:
        self.upload_id = upload.upload_id
        self._storage = storage
        self._key = key
        self._upload = upload
        self._if_absent = if_absent
        self._lock = threading.Lock()
        self._sums = dict(upload.sums)
        # A part whose checksum the store does not tell is sent anew: the end could not name it.
        self._parts = {part.number: part for part in parts if not upload.summed or part.number in self._sums}
        self._over = False

    @property
    def landed(self) -> Mapping[int, Part]:
        with self._lock:
            return dict(self._parts)

    def put_part(self, number: int, data: Buffer) -> Part:
        if self._over:
            raise NotFound(f"part {number} of {self._key!r} came after the upload was over", hint="start it over")
        with self._goes_on():
            etag, value = self._storage.send_part(self._key, self.upload_id, number, data, summed=self._upload.summed)
        part = Part(number, len(data), etag)
        with self._lock:
            self._parts[number] = part
            if value is not None:
                self._sums[number] = value
        return part

    def complete(self) -> ObjectInfo:
        parts = in_a_row(self.landed, self._key)
        if not parts:
            # S3 knows no multipart upload without parts.
            info = self._storage.put(self._key, b"", if_absent=self._if_absent)
            self.abort()
            return info
        size = sum(part.size for part in parts)
        try:
            with self._goes_on():
                info = self._finish(parts, size)
        except (OutcomeUnknown, NotFound) as error:
            info = self._read_back(error, parts, size)
        self._over = True
        return self._as_seen(info)

    def abort(self) -> None:
        if not self._over:
            self._storage.drop_upload(self._key, self.upload_id)
            self._over = True

    def _finish(self, parts: Sequence[Part], size: int) -> ObjectInfo:
        named = [(part.number, part.etag or "") for part in parts]
        sums = self._sums if self._upload.summed else None
        return self._storage.finish_upload(self._key, self.upload_id, named, size, if_absent=self._if_absent, sums=sums)

    @contextmanager
    def _goes_on(self) -> Generator[None]:
        """An upload that another process began, maybe of another release, may want what this one does not know; and a
        store that checks CRC32C of objects may go wrong with that of parts."""
        try:
            yield
        except SettingsError:
            raise
        except UsageError as error:
            if self._upload.summed:
                self._storage.sum_no_uploads()
            elif not self._upload.resumed:
                raise
            raise NotFound(f"the upload of {self._key!r} does not go on: {error}", hint="start it over") from error

    def _as_seen(self, info: ObjectInfo) -> ObjectInfo:
        """With the etag that later requests show: some servers answer the end of an upload with another one."""
        try:
            found = self._storage.head(self._key)
        except WaBucketError:
            return info
        return replace(info, etag=found.etag) if found is not None and found.size == info.size else info

    def _read_back(self, error: WaBucketError, parts: Sequence[Part], size: int) -> ObjectInfo:
        """The answer was lost, or the upload is gone because it was carried out: is the object the one we meant?"""
        expected = multipart_etag([part.etag or "" for part in parts])
        found = self._storage.head(self._key) if expected else None
        if found is not None and found.size == size and found.etag == expected:
            return found
        raise error
